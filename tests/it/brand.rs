//! The pages show the name and the logo that the configuration gives a tenant.

use crate::harness::TestGateway;
use crate::oauth::{Browser, encoded, wish};
use callgate::config::Config;
use std::fs;
use tempfile::TempDir;

const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";

/// A logo in a file, and the TOML that names it.
fn branded(content: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logo.svg");
    fs::write(&path, content).unwrap();
    let toml = format!(
        "[oauth.brand.acme]\nname = 'Acme <Telephony>'\nlogo = '{}'\n",
        path.display()
    );
    (folder, toml)
}

#[tokio::test]
async fn the_login_shows_whose_it_is() {
    let (_folder, toml) = branded(SVG);
    let gateway = TestGateway::with(&toml).await;
    let mut browser = Browser::new(&gateway);
    let login = format!("/auth/login?{}", encoded(&wish()));
    let page = browser.get(&login).await.text();
    assert!(page.contains("Acme &#60;Telephony&#62;"), "{page}");
    let (_, after) = page.split_once("<img class=\"logo\" src=\"").unwrap();
    let (address, _) = after.split_once('"').unwrap();
    let logo = browser.get(address).await;
    assert_eq!((logo.status.as_u16(), logo.text().as_str()), (200, SVG));
    assert_eq!(logo.header("content-type"), "image/svg+xml");
    assert_eq!(logo.header("x-content-type-options"), "nosniff");
    let policy = logo.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.ends_with("sandbox"),
        "{policy}"
    );
}

#[tokio::test]
async fn without_a_brand_the_pages_are_callgates_own() {
    let gateway = TestGateway::start().await;
    let mut browser = Browser::new(&gateway);
    let page = browser
        .get(&format!("/auth/login?{}", encoded(&wish())))
        .await;
    assert!(
        page.text()
            .contains("<span class=\"wordmark\">callgate</span>")
    );
    assert_eq!(browser.get("/assets/brand/acme").await.status, 404);
}

#[test]
fn a_logo_that_is_none_is_a_fault_with_its_path() {
    let (_folder, toml) = branded("<html>");
    let fault =
        Config::parse(&format!("operations.token = 'o'\ntokens.key = 'k'\n{toml}")).unwrap_err();
    assert_eq!(fault.path, "oauth.brand.acme.logo");
    assert!(fault.message.contains("is no SVG, PNG or JPEG"), "{fault}");
}
