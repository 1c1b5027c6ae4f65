//! The pages for devices: the code that one shows, and what it may do.

use crate::oauth::brand::Brand;
use crate::oauth::pages::Scope;
use crate::oauth::texts::Texts;
use askama::Template;

/// Asks for the code that a device shows. The form posts `csrf_token` and `user_code`.
#[derive(Debug, Template)]
#[template(path = "device.html")]
pub(super) struct Entry<'a> {
    pub texts: Texts,
    pub csrf_token: &'a str,
    /// What was typed before, or stood in the address; else empty.
    pub user_code: &'a str,
    /// A sentence that says why the last code led nowhere.
    pub error: Option<String>,
}

/// Asks the user whether a device may act for them. The form posts `csrf_token`, the `hidden` fields and `grant`, which is
/// `true` or `false`.
///
/// It says what a person needs to tell their own device from somebody else's (RFC 8628 §5.4).
#[derive(Debug, Template)]
#[template(path = "device_grant.html")]
pub(super) struct Approval<'a> {
    pub texts: Texts,
    pub brand: Option<Brand<'a>>,
    pub action: &'a str,
    /// The path that ends the session and asks for another login.
    pub sign_out: &'a str,
    pub csrf_token: &'a str,
    pub hidden: Vec<(&'a str, &'a str)>,
    /// To be compared with the device.
    pub user_code: &'a str,
    pub client_name: &'a str,
    /// What the device calls itself.
    pub label: Option<&'a str>,
    /// Where it asked from.
    pub address: Option<&'a str>,
    /// How long ago it asked, in words: `3 minutes`.
    pub asked: &'a str,
    pub tenant: &'a str,
    pub username: &'a str,
    pub scopes: Vec<Scope<'a>>,
    /// How long the grant lasts at most, in words: `30 days`.
    pub lasts: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKUP: &str = r#"<img src=x onerror="alert(1)">"#;

    fn approval() -> Approval<'static> {
        Approval {
            texts: Texts::default(),
            brand: None,
            action: "/device/grant",
            sign_out: "/auth/logout",
            csrf_token: "Zm9vYmFy",
            hidden: vec![("consent", "n-1")],
            user_code: "WDJB-MJHT",
            client_name: "Acme TV",
            label: Some("Living room"),
            address: Some("192.0.2.7"),
            asked: "3 minutes",
            tenant: "Northwind",
            username: "alice",
            scopes: vec![Scope {
                name: "call",
                description: "Place calls from your extension.",
            }],
            lasts: "30 days",
        }
    }

    #[test]
    fn c10_markup_in_any_text_is_escaped() {
        let approval = Approval {
            csrf_token: MARKUP,
            hidden: vec![(MARKUP, MARKUP)],
            user_code: MARKUP,
            client_name: MARKUP,
            label: Some(MARKUP),
            address: Some(MARKUP),
            asked: MARKUP,
            tenant: MARKUP,
            username: MARKUP,
            scopes: vec![Scope {
                name: MARKUP,
                description: MARKUP,
            }],
            lasts: MARKUP,
            ..approval()
        };
        let entry = Entry {
            texts: Texts::default(),
            csrf_token: MARKUP,
            user_code: MARKUP,
            error: Some(MARKUP.to_owned()),
        };
        for page in [approval.render().unwrap(), entry.render().unwrap()] {
            assert!(page.contains("&#60;img"), "{page}");
            assert!(!page.contains("<img"), "{page}");
        }
    }

    #[test]
    fn h07_the_page_says_all_that_tells_ones_own_device_from_anothers() {
        let page = approval().render().unwrap();
        for part in [
            "WDJB-MJHT",
            "Acme TV",
            "Living room",
            "192.0.2.7",
            "3 minutes ago",
            "Place calls from your extension.",
            "alice",
            "Northwind",
            "30 days",
        ] {
            assert!(page.contains(part), "{part}");
        }
    }

    #[test]
    fn h07_allow_and_deny_have_the_same_weight() {
        let page = approval().render().unwrap();
        let answer = |value: &str| {
            page.split_inclusive('>')
                .find(|piece| piece.contains(&format!(r#" name="grant" value="{value}""#)))
                .map(|tag| tag.trim_start().replace(value, ""))
                .unwrap()
        };
        assert_eq!(answer("true"), answer("false"));
    }
}
