//! `private_key_jwt` (RFC 7523 §3): clients that sign who they are.

use crate::dpop::Key;
use crate::harness::{Answer, CRM_SECRET, NOW, ORIGIN, TestGateway};
use crate::oauth::{CRM, basic, client, encoded, post, wish};
use bytes::Bytes;
use callgate::secret::encode;
use serde_json::{Value, json};
use std::time::Duration;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const TOKEN: &str = "/oauth/token";

/// The client `signing`, which has keys and no secret.
async fn signing(gateway: &TestGateway, keys: &[Value]) {
    let jwks = json!({ "keys": keys }).to_string();
    client(gateway, "signing", |client| {
        client.secret_hash = None;
        client.jwks = Some(jwks);
    })
    .await;
}

/// A gateway with the client `signing` of a new key.
async fn started(more: &str) -> (TestGateway, Key) {
    let gateway = TestGateway::with(more).await;
    let key = Key::new();
    signing(&gateway, &[key.jwk()]).await;
    (gateway, key)
}

/// What is good at `NOW`, to be changed.
fn claims() -> Value {
    json!({
        "iss": "signing",
        "sub": "signing",
        "aud": ORIGIN,
        "jti": uuid::Uuid::new_v4().to_string(),
        "exp": NOW / 1000 + 60,
    })
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn header(key: &Key) -> Value {
    json!({ "alg": key.alg() })
}

async fn ask_with(gateway: &TestGateway, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ];
    pairs.extend(more);
    post(gateway, TOKEN, None, &pairs).await
}

async fn ask(gateway: &TestGateway, key: &Key, claims: &Value) -> Answer {
    ask_with(gateway, &key.jws(&header(key), claims), &[]).await
}

fn told(answer: &Answer) -> (u16, String) {
    let code = answer.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status.as_u16(), code)
}

fn refused() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

#[tokio::test]
async fn g04_a_client_authenticates_by_its_signature() {
    for key in [
        Key::new(),
        Key::ed25519(),
        Key::rsa("RS256"),
        Key::rsa("PS256"),
    ] {
        let gateway = TestGateway::start().await;
        signing(&gateway, &[key.jwk()]).await;
        let answer = ask(&gateway, &key, &claims()).await;
        assert_eq!(answer.status, 200, "{} {}", key.alg(), answer.text());
        // The name may be said besides, if it is the same.
        let assertion = key.jws(&header(&key), &claims());
        let named = ask_with(&gateway, &assertion, &[("client_id", "signing")]).await;
        assert_eq!(named.status, 200, "{}", named.text());
        let assertion = key.jws(&header(&key), &claims());
        let misnamed = ask_with(&gateway, &assertion, &[("client_id", "crm")]).await;
        assert_eq!(told(&misnamed), (400, "invalid_request".to_owned()));
    }
}

#[tokio::test]
async fn g04_what_is_not_for_the_issuer_alone_is_refused() {
    let (gateway, key) = started("").await;
    let endpoint = format!("{ORIGIN}{TOKEN}");
    for aud in [
        json!(endpoint),
        json!([ORIGIN, endpoint]),
        json!([ORIGIN, "https://other.example"]),
        json!("https://other.example"),
        json!(format!("{ORIGIN}/")),
        json!([]),
        json!(""),
        json!({ "0": ORIGIN }),
        Value::Null,
    ] {
        let answer = ask(&gateway, &key, &with("aud", aud.clone())).await;
        assert_eq!(told(&answer), refused(), "{aud}");
    }
    let alone = ask(&gateway, &key, &with("aud", json!([ORIGIN]))).await;
    assert_eq!(alone.status, 200, "{}", alone.text());
}

#[tokio::test]
async fn g04_an_endpoint_may_be_named_where_that_is_configured() {
    let (gateway, key) = started("oauth.assertion_for_endpoint = true\n").await;
    let endpoint = format!("{ORIGIN}{TOKEN}");
    for aud in [json!(ORIGIN), json!(endpoint), json!([ORIGIN, endpoint])] {
        let answer = ask(&gateway, &key, &with("aud", aud.clone())).await;
        assert_eq!(answer.status, 200, "{aud} {}", answer.text());
    }
    for aud in [
        json!([endpoint, "https://other.example/oauth/token"]),
        json!(format!("{ORIGIN}/oauth/revoke")),
        json!("https://other.example/oauth/token"),
        json!(format!("{ORIGIN}.evil.example{TOKEN}")),
    ] {
        let answer = ask(&gateway, &key, &with("aud", aud.clone())).await;
        assert_eq!(told(&answer), refused(), "{aud}");
    }
}

#[tokio::test]
async fn g04_an_assertion_is_good_once_at_whatever_gateway() {
    let (gateway, key) = started("").await;
    let claims = claims();
    let assertion = key.jws(&header(&key), &claims);
    assert_eq!(ask_with(&gateway, &assertion, &[]).await.status, 200);
    let again = ask_with(&gateway, &assertion, &[]).await;
    assert_eq!(told(&again), refused());
    // The same name, signed anew.
    let anew = ask(&gateway, &key, &with("jti", claims["jti"].clone())).await;
    assert_eq!(told(&anew), refused());
    // It is in the store that it was used, as a hash.
    let spent = callgate::secret::sha256(
        format!("signing\n{}", claims["jti"].as_str().unwrap()).as_bytes(),
    );
    let store = &gateway.services.store;
    assert!(!store.spend_assertion(&encode(&spent), NOW).await.unwrap());
}

#[tokio::test]
async fn g04_an_assertion_that_was_refused_spends_no_name() {
    let (gateway, key) = started("").await;
    let good = claims();
    let mut wrong = good.clone();
    wrong["aud"] = json!("https://other.example");
    assert_eq!(told(&ask(&gateway, &key, &wrong).await), refused());
    assert_eq!(ask(&gateway, &key, &good).await.status, 200);
}

#[tokio::test]
async fn g04_a_near_miss_of_the_claims_is_refused() {
    let (gateway, key) = started("").await;
    let now = NOW / 1000;
    for (what, claims) in [
        ("issuer", with("iss", "crm")),
        ("subject", with("sub", "crm")),
        ("no issuer", without("iss")),
        ("no subject", without("sub")),
        ("no audience", without("aud")),
        ("no name", without("jti")),
        ("empty name", with("jti", "")),
        ("endless name", with("jti", "x".repeat(257))),
        ("no end", without("exp")),
        ("over", with("exp", now)),
        ("too long", with("exp", now + 306)),
        ("endless", with("exp", 1e300)),
        ("end of text", with("exp", "soon")),
        ("not yet", with("nbf", now + 6)),
        ("made in the future", with("iat", now + 6)),
    ] {
        assert_eq!(
            told(&ask(&gateway, &key, &claims).await),
            refused(),
            "{what}"
        );
    }
    for (what, claims) in [
        ("five minutes", with("exp", now + 300)),
        ("now", with("iat", now)),
        ("with a fraction", with("exp", 1_795_315_200.5)),
    ] {
        assert_eq!(ask(&gateway, &key, &claims).await.status, 200, "{what}");
    }
}

#[tokio::test]
async fn g04_a_near_miss_of_the_signature_is_refused() {
    let (gateway, key) = started("").await;
    let other = Key::new();
    let good = key.jws(&header(&key), &claims());
    let (content, _) = good.rsplit_once('.').unwrap();
    let of_none = format!(
        "{}.{}.",
        encode(br#"{"alg":"none"}"#),
        encode(claims().to_string().as_bytes())
    );
    let with_header = |header: Value| key.jws(&header, &claims());
    for (what, assertion) in [
        ("another's key", other.jws(&header(&other), &claims())),
        ("none", of_none),
        ("none, signed", with_header(json!({"alg": "none"}))),
        ("shared key", with_header(json!({"alg": "HS256"}))),
        ("another kind", with_header(json!({"alg": "RS256"}))),
        ("not offered", with_header(json!({"alg": "ES384"}))),
        ("no signature", format!("{content}.")),
        ("unsigned", content.to_owned()),
        (
            "unknown kid",
            with_header(json!({"alg": "ES256", "kid": "two"})),
        ),
        (
            "crit",
            with_header(json!({"alg": "ES256", "crit": ["exp"]})),
        ),
        (
            "a proof",
            with_header(json!({"alg": "ES256", "typ": "dpop+jwt"})),
        ),
        (
            "an access token",
            with_header(json!({"alg": "ES256", "typ": "at+jwt"})),
        ),
        (
            "a key that it brings along",
            other.jws(&json!({"alg": "ES256", "jwk": other.jwk()}), &claims()),
        ),
        (
            "too long",
            key.jws(&header(&key), &with("x", "x".repeat(8192))),
        ),
        ("no document", "nonsense".to_owned()),
    ] {
        let answer = ask_with(&gateway, &assertion, &[]).await;
        assert_eq!(told(&answer), refused(), "{what}");
    }
    for typ in ["JWT", "client-authentication+jwt"] {
        let assertion = with_header(json!({"alg": "ES256", "typ": typ}));
        assert_eq!(
            ask_with(&gateway, &assertion, &[]).await.status,
            200,
            "{typ}"
        );
    }
}

#[tokio::test]
async fn g04_a_key_is_good_for_its_own_algorithm() {
    let gateway = TestGateway::start().await;
    let key = Key::rsa("RS256");
    let mut jwk = key.jwk();
    jwk["alg"] = json!("PS256");
    signing(&gateway, &[jwk]).await;
    assert_eq!(told(&ask(&gateway, &key, &claims()).await), refused());
}

#[tokio::test]
async fn of_several_keys_the_one_that_is_named_counts() {
    let gateway = TestGateway::start().await;
    let (one, two) = (Key::new(), Key::new());
    let (mut first, mut second) = (one.jwk(), two.jwk());
    first["kid"] = json!("one");
    second["kid"] = json!("two");
    signing(&gateway, &[first, second]).await;
    for (kid, status) in [("two", 200), ("one", 401)] {
        let assertion = two.jws(&json!({"alg": "ES256", "kid": kid}), &claims());
        assert_eq!(
            ask_with(&gateway, &assertion, &[]).await.status,
            status,
            "{kid}"
        );
    }
}

#[tokio::test]
async fn g04_one_way_of_authenticating_a_request() {
    let (gateway, key) = started("").await;
    let assertion = || key.jws(&header(&key), &claims());
    let with_secret = ask_with(&gateway, &assertion(), &[("client_secret", CRM_SECRET)]).await;
    assert_eq!(told(&with_secret), (400, "invalid_request".to_owned()));
    let assertion = assertion();
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion.as_str()),
    ];
    let by_both = post(&gateway, TOKEN, CRM, &pairs).await;
    assert_eq!(told(&by_both), (400, "invalid_request".to_owned()));
    // Half of it is nothing.
    for pairs in [[pairs[0], pairs[1]], [pairs[0], pairs[2]]] {
        let half = post(&gateway, TOKEN, None, &pairs).await;
        assert_eq!(told(&half), (400, "invalid_request".to_owned()));
    }
    let saml = [
        pairs[0],
        pairs[2],
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
        ),
    ];
    let saml = post(&gateway, TOKEN, None, &saml).await;
    assert_eq!(told(&saml), (400, "invalid_request".to_owned()));
    assert_eq!(ask_with(&gateway, &assertion, &[]).await.status, 200);
}

#[tokio::test]
async fn a_client_that_signs_is_not_public() {
    let (gateway, _) = started("").await;
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_id", "signing"),
    ];
    assert_eq!(told(&post(&gateway, TOKEN, None, &pairs).await), refused());
    for secret in ["", "guess"] {
        let by_secret = post(&gateway, TOKEN, Some(("signing", secret)), &pairs).await;
        assert_eq!(told(&by_secret), refused(), "{secret}");
    }
    let code = [
        ("grant_type", "authorization_code"),
        ("client_id", "signing"),
        ("code", "x"),
    ];
    assert_eq!(told(&post(&gateway, TOKEN, None, &code).await), refused());
}

#[tokio::test]
async fn a_client_without_keys_signs_in_vain() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    let mut claims = claims();
    for id in ["crm", "nobody"] {
        claims["iss"] = json!(id);
        claims["sub"] = json!(id);
        assert_eq!(told(&ask(&gateway, &key, &claims).await), refused());
    }
}

#[tokio::test]
async fn a_signature_is_good_at_every_endpoint_for_clients() {
    let (gateway, key) = started("").await;
    let token = ask(&gateway, &key, &claims()).await.json();
    let token = token["access_token"].as_str().unwrap();
    let send = async |path: &str, pairs: &[(&str, &str)]| {
        let assertion = key.jws(&header(&key), &claims());
        let mut pairs = pairs.to_vec();
        pairs.push(("client_assertion_type", TYPE));
        pairs.push(("client_assertion", &assertion));
        post(&gateway, path, None, &pairs).await
    };
    let mut wish = wish();
    wish.remove("client_id");
    let pairs: Vec<_> = wish.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let pushed = send("/oauth/par", &pairs).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    let worth = send("/oauth/introspect", &[("token", token)]).await;
    assert_eq!(worth.json()["active"], true);
    assert_eq!(send("/oauth/revoke", &[("token", token)]).await.status, 200);
    let worth = send("/oauth/introspect", &[("token", token)]).await;
    assert_eq!(worth.json(), json!({"active": false}));
}

#[tokio::test]
async fn bad_signatures_are_counted_as_guesses() {
    let gateway = TestGateway::with("oauth.address_attempts = 2\n").await;
    let key = Key::new();
    signing(&gateway, &[key.jwk()]).await;
    let other = Key::new();
    for _ in 0..2 {
        assert_eq!(told(&ask(&gateway, &other, &claims()).await), refused());
    }
    let limited = ask(&gateway, &key, &claims()).await;
    assert_eq!(limited.status, 429);
    gateway.advance(Duration::from_mins(10)).await;
    let later = with("exp", NOW / 1000 + 660);
    assert_eq!(ask(&gateway, &key, &later).await.status, 200);
}

#[tokio::test]
async fn a_client_with_a_secret_and_keys_may_use_either() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    let jwks = json!({ "keys": [key.jwk()] }).to_string();
    client(&gateway, "signing", |client| client.jwks = Some(jwks)).await;
    assert_eq!(ask(&gateway, &key, &claims()).await.status, 200);
    let body = encoded([("grant_type", "client_credentials")]);
    let by_secret = http::Request::post(TOKEN)
        .header("authorization", basic("signing", CRM_SECRET))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(body))
        .unwrap();
    assert_eq!(gateway.edge(by_secret).await.status, 200);
}

#[tokio::test]
async fn the_metadata_tell_how_clients_may_sign() {
    let gateway = TestGateway::start().await;
    let path = "/.well-known/oauth-authorization-server";
    let request = http::Request::get(path).body(Bytes::new()).unwrap();
    let metadata = gateway.edge(request).await.json();
    for endpoint in ["token", "revocation", "introspection"] {
        let methods = &metadata[format!("{endpoint}_endpoint_auth_methods_supported")];
        let methods = methods.as_array().unwrap();
        assert!(methods.contains(&json!("private_key_jwt")), "{endpoint}");
        assert_eq!(
            metadata[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")],
            json!(["ES256", "EdDSA", "Ed25519", "RS256", "PS256"])
        );
    }
}
