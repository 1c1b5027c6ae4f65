//! The `OpenAPI` documents name what there is: every endpoint for programs, and nothing else.

use crate::harness::{TestGateway, get};
use callgate::openapi::{EDGE, OPERATIONS};
use callgate::proxy::Site;
use callgate::route::Target;
use callgate::secret::Secret;
use http::Method;
use std::collections::BTreeSet;

/// Endpoints of the public listener that are for people and their browsers, and two other names of what is described.
const PAGES: [&str; 4] = ["/auth/", "/account", "/assets/", "/device"];
const OTHERS: [&str; 5] = [
    "/oauth/authorize",
    "/oauth/auth",
    "/favicon.ico",
    "/openapi.yaml",
    "/.well-known/openid-configuration",
];

#[tokio::test]
async fn every_endpoint_for_programs_is_described_and_no_other() {
    let gateway = TestGateway::start().await;
    let is_page =
        |path: &str| PAGES.iter().any(|page| path.starts_with(page)) || OTHERS.contains(&path);
    let edge = served(&gateway.version.edge)
        .into_iter()
        .filter(|(path, _)| !is_page(path));
    compare(&described(EDGE), &edge.collect());
    let operations = served(&gateway.version.operations);
    compare(&described(OPERATIONS), &operations);
}

fn compare(described: &Operations, served: &Operations) {
    let missing: Vec<_> = served.difference(described).collect();
    let invented: Vec<_> = described.difference(served).collect();
    assert!(missing.is_empty(), "not described: {missing:?}");
    assert!(
        invented.is_empty(),
        "described, but not there: {invented:?}"
    );
}

#[tokio::test]
async fn a_program_may_fetch_the_description() {
    let gateway = TestGateway::start().await;
    let request = || get("/openapi.yaml", &Secret::new("none"));
    let answer = gateway.edge(request()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "application/yaml")
    );
    assert_eq!(answer.text(), EDGE);
    assert_eq!(gateway.operations(request()).await.text(), OPERATIONS);
}

type Operations = BTreeSet<(String, Method)>;

fn served(site: &Site) -> Operations {
    let local = site
        .gateway
        .routes
        .all()
        .filter(|(_, route)| route.target == Target::Local);
    local
        .flat_map(|(path, route)| {
            let methods = route.methods.iter().filter(|method| !is_implied(method));
            methods
                .map(|method| (path.to_owned(), method.clone()))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// `HEAD` comes with `GET`, and `OPTIONS` is asked by browsers alone.
fn is_implied(method: &Method) -> bool {
    [Method::HEAD, Method::OPTIONS].contains(method)
}

/// Paths stand two blanks deep in the documents, methods four.
fn described(document: &str) -> Operations {
    let mut path = "";
    let mut found = BTreeSet::new();
    for line in document
        .lines()
        .take_while(|line| !line.starts_with("components:"))
    {
        let Some(key) = line.split(':').next().filter(|_| line.contains(':')) else {
            continue;
        };
        if let Some(name) = key.strip_prefix("  ").filter(|name| name.starts_with('/')) {
            path = name;
        } else if let Some(method) = key
            .strip_prefix("    ")
            .filter(|name| !name.starts_with(' '))
        {
            let method = method.to_uppercase().parse().unwrap();
            found.insert((path.to_owned(), method));
        }
    }
    found
}
