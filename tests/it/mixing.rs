//! Nobody is taken for another: not by what is kept of a credential, not by a token that is almost theirs, not by a name.

use crate::harness::{ORIGIN, PASSWORD, TestGateway, get, person, user};
use crate::idp::Idp;
use crate::issuer::{access, another_tenant, issuer};
use crate::oauth::{Browser, encoded, wish};
use callgate::auth::CacheState;
use callgate::config::Config;
use callgate::gateway::Gateway;
use callgate::secret::Secret;
use callgate::storage::users::User;
use callgate::token::{Subject, TokenHash, Verifier};
use serde_json::json;
use std::collections::BTreeSet;

/// Whom a gateway takes the holder of a token for, and what its cache did: subject, tenant, scope.
async fn told(gateway: &Gateway, token: &Secret) -> (CacheState, Option<[String; 3]>) {
    let head = get("/rest/call", token).into_parts().0;
    let decision = gateway.decide(&head).await;
    let principal = decision.principal.map(|principal| {
        [
            principal.subject.to_string(),
            principal.tenant.clone(),
            principal.scope.clone(),
        ]
    });
    (decision.cache, principal)
}

/// One cache for all of a process: under it are versions of the configuration that differ in one setting each, two
/// issuers, and tokens of ours.
#[tokio::test]
async fn at_05_each_verifier_tenant_and_credential_has_facts_of_its_own() {
    let (one, two) = (Idp::start().await, Idp::start().await);
    let gateway = TestGateway::start().await;
    another_tenant(&gateway, "other").await;
    let issuers = [
        ("tenant = 'acme'", "policies = ['call']"),
        ("tenant = 'other'", "policies = ['call']"),
        ("tenant = 'acme'", "policies = ['pbx']"),
    ];
    let base = format!(
        "operations.token = 'another-operator'\ntokens.key = '0123456789abcdef0123456789abcdef'\n\
         server.public_origin = '{}'\nstore.url = '{}'\n",
        ORIGIN, gateway.version.config.store.url
    );
    let mut versions = Vec::new();
    for (keys, principal) in issuers {
        let config = [
            base.as_str(),
            &issuer(&one, "one", keys, principal),
            &issuer(&two, "two", keys, principal),
        ]
        .concat();
        let config = Config::parse(&config).unwrap();
        versions.push(gateway.services.version(config).await.unwrap());
    }
    let mut tokens = vec![
        gateway.ann().await,
        gateway.token(user("bob"), &["calls.#"]).await,
    ];
    for idp in [&one, &two] {
        idp.follow(&gateway.clock);
        tokens.push(access(idp, &json!({ "sub": "ann" })));
        tokens.push(access(idp, &json!({ "sub": "bob" })));
    }
    let (mut first, mut kept) = (Vec::new(), Vec::new());
    for round in 0..2 {
        for token in &tokens {
            for version in &versions {
                let (cache, principal) = told(&version.edge.gateway, token).await;
                if round == 0 {
                    first.push(principal.unwrap());
                } else {
                    assert_eq!(cache, CacheState::Hit);
                    kept.push(principal.unwrap());
                }
            }
        }
    }
    assert_eq!(first, kept);
    // Ours are the same under each version; those of others are as each version says.
    let different: BTreeSet<_> = kept.iter().collect();
    assert_eq!(different.len(), 2 + 4 * versions.len(), "{kept:?}");
    let first_of_one = 2 * versions.len();
    let told = kept[first_of_one..first_of_one + versions.len()].to_vec();
    let ann = |tenant: &str, scope: &str| ["external:one:ann", tenant, scope].map(str::to_owned);
    assert_eq!(
        told,
        [ann("acme", "call"), ann("other", "call"), ann("acme", "")]
    );
}

#[test]
fn at_05_the_name_of_a_credential_in_the_cache_has_its_verifier_in_it() {
    let (one, two) = (Verifier::new([1; 32]), Verifier::new([2; 32]));
    let names = [
        one.hash("a"),
        two.hash("a"),
        one.hash("b"),
        one.hash(""),
        // Nor is it the name of a token of ours, whatever that is.
        TokenHash::of("a"),
        TokenHash::of(&format!("{}a", "\u{1}".repeat(32))),
    ];
    let different: BTreeSet<_> = names.iter().collect();
    assert_eq!(different.len(), names.len());
    assert_eq!(one.hash("a"), Verifier::new([1; 32]).hash("a"));
}

async fn status(gateway: &TestGateway, token: &str) -> u16 {
    let answer = gateway.edge(get("/rest/call", &Secret::new(token))).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn at_31_a_token_of_ours_that_differs_in_one_character_is_none() {
    let gateway = TestGateway::start().await;
    let (ann, bob) = (
        gateway.ann().await,
        gateway.token(user("bob"), &["calls.#"]).await,
    );
    let (ann, bob) = (ann.expose(), bob.expose());
    for good in [ann, bob] {
        assert_eq!(status(&gateway, good).await, 204);
    }
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut almost = Vec::new();
    for (at, letter) in ann.char_indices() {
        let (before, after) = (&ann[..at], &ann[at + 1..]);
        // The last one has bits that count for nothing: each of its spellings is tried.
        let others = alphabet.chars().filter(|other| *other != letter);
        let tried = if after.is_empty() { 63 } else { 2 };
        almost.extend(others.take(tried).map(|c| format!("{before}{c}{after}")));
        almost.push(format!("{before}{after}"));
        almost.push(format!("{before}{letter}{letter}{after}"));
        // The beginning of one and the end of the other.
        if at > "cg_at_".len() && !after.is_empty() {
            almost.push(format!("{before}{}", &bob[at..]));
            almost.push(format!("{}{letter}{after}", &bob[..at]));
        }
    }
    almost.retain(|token| token != ann && token != bob);
    assert!(almost.len() > 200, "{}", almost.len());
    for token in &almost {
        assert_eq!(status(&gateway, token).await, 401, "{token}");
    }
    for good in [ann, bob] {
        assert_eq!(status(&gateway, good).await, 204);
    }
}

/// What could be taken for `ann` of `acme` by whoever cuts, folds or maps names.
fn alike() -> Vec<String> {
    let mut alike: Vec<_> = [
        "Ann",
        "ANN",
        " ann",
        "ann ",
        "ann\0",
        "ann\0x",
        "ann\u{200b}",
        "ann\u{ad}",
        "\u{feff}ann",
        // Cyrillic, fullwidth, mathematical, with a combining mark that is none.
        "\u{430}nn",
        "\u{ff41}\u{ff4e}\u{ff4e}",
        "\u{1d41a}nn",
        "a\u{34f}nn",
        "ann@acme",
        "ann@acme@other",
        "ann@@acme",
        "@ann",
        "ann@",
        "acme/ann",
        "acme\\ann",
        "acme@ann",
        "ann%00",
        "ann'--",
        "ann%",
        "an_",
        "id-of-ann",
        "user:id-of-ann",
    ]
    .map(str::to_owned)
    .into();
    alike.push(format!("ann{}", " ".repeat(300)));
    alike.push(format!("ann{}", "x".repeat(1000)));
    alike.push(format!("ann{}", "x".repeat(100_000)));
    alike
}

/// The status of the answer to a login, and whether a session began.
async fn log_in(gateway: &TestGateway, name: &str, password: &str) -> (u16, bool) {
    let mut browser = Browser::new(gateway);
    let page = browser
        .get(&format!("/auth/login?{}", encoded(wish())))
        .await;
    let typed = [("username", name), ("password", password)];
    let answer = browser.submit(&page, &typed).await;
    let session = browser.cookies.contains_key("__Host-callgate");
    (answer.status.as_u16(), session)
}

/// An issuer whose claims name users of a tenant.
fn naming(idp: &Idp, tenant: &str) -> String {
    let principal = "policies = ['call']\nuser = { claim = 'preferred_username' }";
    issuer(idp, "idp", &format!("tenant = '{tenant}'"), principal)
}

#[tokio::test]
async fn at_35_a_name_that_is_like_another_reaches_nobody() {
    let idp = Idp::start().await;
    let limits = "oauth.login_attempts = 1000\noauth.address_attempts = 1000\n";
    let config = format!("{limits}{}", naming(&idp, "acme"));
    let gateway = TestGateway::with(&config).await;
    idp.follow(&gateway.clock);
    for name in alike() {
        let (code, session) = log_in(&gateway, &name, PASSWORD).await;
        assert!([400, 403, 413].contains(&code), "{code} for {name:?}");
        assert!(!session, "{name:?}");
        let token = access(&idp, &json!({ "preferred_username": name }));
        assert_eq!(status(&gateway, token.expose()).await, 401, "{name:?}");
    }
    assert_eq!(log_in(&gateway, "ann", PASSWORD).await, (303, true));
    let token = access(&idp, &json!({ "preferred_username": "ann" }));
    assert_eq!(status(&gateway, token.expose()).await, 204);
}

/// Somebody's name with an `@` is a name like any other, and each tenant has its own `ann`.
#[tokio::test]
async fn at_35_the_tenant_is_always_part_of_who_somebody_is() {
    let idp = Idp::start().await;
    let gateway = TestGateway::with(&naming(&idp, "other")).await;
    idp.follow(&gateway.clock);
    another_tenant(&gateway, "other").await;
    let store = &gateway.services.store;
    let other_hash = callgate::auth::password::hash("another password")
        .await
        .unwrap();
    for (id, tenant, username) in [
        ("ann-of-other", "other", "ann"),
        ("ann-with-at", "acme", "ann@other"),
        ("ann-with-more", "acme", "ann@other@acme"),
    ] {
        let user = User {
            id: id.to_owned(),
            tenant_id: tenant.to_owned(),
            username: username.to_owned(),
            password_hash: Some(other_hash.clone()),
            ..person("ann")
        };
        store.create_user(user).await.unwrap();
    }
    // `crm` is of acme: its login knows no other tenant's users, whatever their names and passwords.
    for (name, password, status) in [
        ("ann", PASSWORD, 303),
        ("ann", "another password", 403),
        ("ann@other", "another password", 303),
        ("ann@other", PASSWORD, 403),
        ("ann@other@acme", "another password", 303),
        ("ann@acme", PASSWORD, 403),
    ] {
        let (code, _) = log_in(&gateway, name, password).await;
        assert_eq!(code, status, "{name} {password}");
    }
    // The issuer is of `other`: of its claims no user of acme comes.
    let subject = async |name: &str| {
        let token = access(&idp, &json!({ "preferred_username": name }));
        let head = get("/rest/call", &token).into_parts().0;
        let decision = gateway.version.edge.gateway.decide(&head).await;
        decision.principal.map(|found| found.subject.clone())
    };
    let of_other = Some(Subject::User("ann-of-other".to_owned()));
    assert_eq!(subject("ann").await, of_other);
    for name in ["ann@other", "ann@other@acme", "bob", "ann@acme"] {
        assert_eq!(subject(name).await, None, "{name}");
    }
    // What administration names by a tenant is that tenant's.
    for (name, status) in [
        ("acme/ann", 200),
        ("other/ann", 200),
        ("other/bob", 404),
        ("acme/ann@other", 200),
        ("other/ann@other", 404),
    ] {
        let answer = gateway
            .admin_get(&format!("/admin/tokens?user={name}"))
            .await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
    }
}
