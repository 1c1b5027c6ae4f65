//! Proofs of possession (RFC 9449), at the token endpoint and wherever a token is presented.

use crate::dpop::{Key, Proof};
use crate::harness::{Answer, CRM_SECRET, TestGateway, get};
use crate::oauth::{
    Browser, basic, client, code_for, encoded, exchange, parameters, post, public_client, tokens,
    wish_with,
};
use bytes::Bytes;
use callgate::secret::Secret;
use callgate::storage::Flag;
use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

const CRM: Option<&str> = Some(CRM_SECRET);
const TOKEN: &str = "/oauth/token";
const CALLS: &str = "/rest/call";

/// Posts a form with these `DPoP` headers, as the client `id`, by Basic when it has a secret.
async fn post_proved(
    gateway: &TestGateway,
    path: &str,
    (id, secret): (&str, Option<&str>),
    pairs: &[(&str, &str)],
    proofs: &[String],
) -> Answer {
    let mut request =
        http::Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    let mut pairs = pairs.to_vec();
    match secret {
        Some(secret) => request = request.header("authorization", basic(id, secret)),
        None => pairs.push(("client_id", id)),
    }
    for proof in proofs {
        request = request.header("dpop", proof);
    }
    let body = Bytes::from(encoded(pairs));
    gateway.edge(request.body(body).unwrap()).await
}

/// A token of `crm` for itself.
async fn own_token(gateway: &TestGateway, proofs: &[String]) -> Answer {
    let pairs = [("grant_type", "client_credentials"), ("scope", "call")];
    post_proved(gateway, TOKEN, ("crm", CRM), &pairs, proofs).await
}

fn at_token(key: &Key) -> Proof {
    Proof::of(key, "POST", TOKEN)
}

fn told(answer: &Answer) -> (u16, String) {
    let code = answer.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status.as_u16(), code)
}

/// A token of `crm` that is bound to the key.
async fn bound(gateway: &TestGateway, key: &Key) -> String {
    let answer = own_token(gateway, &[at_token(key).signed(key)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["token_type"], "DPoP");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

/// Presents a token under `scheme`.
async fn present(
    gateway: &TestGateway,
    (method, path): (Method, &str),
    (scheme, token): (&str, &str),
    proofs: &[String],
) -> Answer {
    let mut request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("{scheme} {token}"));
    for proof in proofs {
        request = request.header("dpop", proof);
    }
    gateway.edge(request.body(Bytes::new()).unwrap()).await
}

async fn calls(gateway: &TestGateway, token: &str, proofs: &[String]) -> Answer {
    present(gateway, (Method::GET, CALLS), ("DPoP", token), proofs).await
}

fn at_calls(key: &Key, token: &str) -> Proof {
    Proof::of(key, "GET", CALLS).with_token(token)
}

/// The error of a challenge, and its status.
fn challenged(answer: &Answer) -> (u16, String) {
    let challenge = answer.header("www-authenticate");
    let scheme = challenge.starts_with("DPoP ") && challenge.contains("algs=\"ES256 ");
    assert!(scheme, "{challenge}");
    let error = challenge.split("error=\"").nth(1).unwrap();
    let error = error.split('"').next().unwrap();
    assert_eq!(answer.json()["code"], error);
    assert!(!answer.header("dpop-nonce").is_empty());
    (answer.status.as_u16(), error.to_owned())
}

// --- the token endpoint ---

#[tokio::test]
async fn a_proved_key_binds_the_token() {
    let gateway = TestGateway::start().await;
    for key in [
        Key::new(),
        Key::ed25519(),
        Key::rsa("RS256"),
        Key::rsa("PS256"),
    ] {
        let answer = own_token(&gateway, &[at_token(&key).signed(&key)]).await;
        assert_eq!(answer.status, 200, "{} {}", key.alg(), answer.text());
        assert_eq!(answer.json()["token_type"], "DPoP");
        assert!(!answer.header("dpop-nonce").is_empty());
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        let proof = at_calls(&key, &token).signed(&key);
        assert_eq!(calls(&gateway, &token, &[proof]).await.status, 204);
        let asked = [("token", token.as_str())];
        let worth = post(&gateway, "/oauth/introspect", crate::oauth::CRM, &asked).await;
        assert_eq!(worth.json()["cnf"]["jkt"], key.thumbprint());
        assert_eq!(worth.json()["token_type"], "DPoP");
    }
}

#[tokio::test]
async fn without_a_proof_a_token_is_a_bearer_token() {
    let gateway = TestGateway::start().await;
    let answer = own_token(&gateway, &[]).await;
    assert_eq!(answer.json()["token_type"], "Bearer");
    assert_eq!(answer.header("dpop-nonce"), "");
}

/// What is sent in place of a good proof, and in what it differs.
type NearMisses = Vec<(&'static str, Vec<String>)>;

/// Each is one step away from a good proof; `now` counts from `NOW`.
fn near_misses(key: &Key, now: i64, good: impl Fn() -> Proof) -> NearMisses {
    let mut all = wrong_claims(key, now, &good);
    all.extend(wrong_keys(key, &good));
    all.extend(wrong_forms(key, &good));
    all
}

fn wrong_claims(key: &Key, now: i64, good: &impl Fn() -> Proof) -> NearMisses {
    let text = |name: &str| good().claims[name].as_str().unwrap().to_owned();
    let (htm, htu) = (text("htm"), text("htu"));
    [
        ("method", good().claim("htm", "PUT")),
        (
            "method in small letters",
            good().claim("htm", htm.to_ascii_lowercase()),
        ),
        ("path", good().claim("htu", format!("{htu}s"))),
        ("slash", good().claim("htu", format!("{htu}/"))),
        (
            "host",
            good().claim("htu", htu.replace("calls.example", "evil.example")),
        ),
        (
            "port",
            good().claim("htu", htu.replace("calls.example", "calls.example:8443")),
        ),
        ("scheme", good().claim("htu", htu.replace("https", "http"))),
        ("no htu", good().without("htu")),
        ("no htm", good().without("htm")),
        ("no iat", good().without("iat")),
        ("no jti", good().without("jti")),
        ("empty jti", good().claim("jti", "")),
        ("endless jti", good().claim("jti", "x".repeat(257))),
        ("old", good().at(now - 60)),
        ("future", good().at(now + 6)),
        ("iat of text", good().claim("iat", "now")),
    ]
    .map(|(what, proof)| (what, vec![proof.signed(key)]))
    .into()
}

fn wrong_keys(key: &Key, good: &impl Fn() -> Proof) -> NearMisses {
    let mut with_private = good();
    with_private.header["jwk"]["d"] = json!("AAAA");
    [
        ("alg none", good().header("alg", "none")),
        ("alg of a shared key", good().header("alg", "HS256")),
        ("alg of another kind", good().header("alg", "EdDSA")),
        ("alg that is not offered", good().header("alg", "ES384")),
        ("no jwk", good().without("jwk")),
        ("private key", with_private),
        (
            "shared key",
            good().header("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ),
        ("key of another", good().header("jwk", Key::new().jwk())),
    ]
    .map(|(what, proof)| (what, vec![proof.signed(key)]))
    .into()
}

fn wrong_forms(key: &Key, good: &impl Fn() -> Proof) -> NearMisses {
    let (header, claims) = (good().header.to_string(), good().claims.to_string());
    let signed = good().signed(key);
    let (content, _) = signed.rsplit_once('.').unwrap();
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let nested = header.replace("\"jwk\":{", &format!("\"jwk\":{{\"x5c\":{deep},"));
    let doubled = claims.replace("\"htm\":", "\"htm\":\"GET\",\"htm\":");
    vec![
        ("typ", vec![good().header("typ", "JWT").signed(key)]),
        ("no typ", vec![good().without("typ").signed(key)]),
        (
            "crit",
            vec![good().header("crit", json!(["exp"])).signed(key)],
        ),
        ("no signature", vec![format!("{content}.")]),
        ("unsigned", vec![content.to_owned()]),
        ("two headers", vec![good().signed(key), good().signed(key)]),
        (
            "two proofs in one",
            vec![format!("{}, {}", good().signed(key), good().signed(key))],
        ),
        ("empty", vec![String::new()]),
        (
            "too long",
            vec![good().claim("x", "x".repeat(4096)).signed(key)],
        ),
        ("nested key", vec![key.jws_of(&nested, &claims)]),
        (
            "nested claims",
            vec![key.jws_of(&header, &format!("{{\"jti\":{deep}}}"))],
        ),
        ("a claim twice", vec![key.jws_of(&header, &doubled)]),
        ("claims that are no object", vec![key.jws_of(&header, "[]")]),
    ]
}

#[tokio::test]
async fn l13_a_near_miss_of_a_proof_gets_no_token() {
    let gateway = TestGateway::start().await;
    // So that no proof is older than what this process remembers.
    gateway.clock.advance(Duration::from_mins(10));
    let key = Key::new();
    let good = || at_token(&key).at(600);
    for (what, proofs) in near_misses(&key, 600, good) {
        let answer = own_token(&gateway, &proofs).await;
        assert_eq!(
            told(&answer),
            (400, "invalid_dpop_proof".to_owned()),
            "{what}"
        );
        assert!(!answer.header("dpop-nonce").is_empty(), "{what}");
    }
    let answer = own_token(&gateway, &[good().signed(&key)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn l13_a_proof_is_good_once() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    let proof = at_token(&key);
    assert_eq!(own_token(&gateway, &[proof.signed(&key)]).await.status, 200);
    let again = own_token(&gateway, &[proof.signed(&key)]).await;
    assert_eq!(told(&again), (400, "invalid_dpop_proof".to_owned()));
    // The same name, said anew, is the same proof; of another key it is another.
    gateway.clock.advance(Duration::from_secs(30));
    let anew = own_token(&gateway, &[proof.at(30).signed(&key)]).await;
    assert_eq!(told(&anew), (400, "invalid_dpop_proof".to_owned()));
    let other = Key::new();
    let name = at_token(&key).claims["jti"].clone();
    for key in [&key, &other] {
        let proof = at_token(key).at(30).claim("jti", name.clone());
        assert_eq!(own_token(&gateway, &[proof.signed(key)]).await.status, 200);
    }
}

#[tokio::test]
async fn a_proof_that_was_refused_spends_no_name() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    let proof = at_token(&key);
    let name = proof.claims["jti"].clone();
    let wrong = at_token(&key)
        .claim("jti", name.clone())
        .claim("htm", "GET");
    assert_eq!(own_token(&gateway, &[wrong.signed(&key)]).await.status, 400);
    assert_eq!(own_token(&gateway, &[proof.signed(&key)]).await.status, 200);
}

#[tokio::test]
async fn what_is_written_differently_but_means_the_same_is_good() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    for htu in [
        "https://calls.example/oauth/token?a=b#c",
        "HTTPS://CALLS.example:443/oauth/token",
        "https://calls.example/%6Fauth/token",
    ] {
        let proof = at_token(&key).claim("htu", htu);
        assert_eq!(
            own_token(&gateway, &[proof.signed(&key)]).await.status,
            200,
            "{htu}"
        );
    }
    let with_fraction = at_token(&key).claim("iat", 1_795_315_173.25);
    assert_eq!(
        own_token(&gateway, &[with_fraction.signed(&key)])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_client_that_must_prove_gets_nothing_without() {
    let gateway = TestGateway::start().await;
    client(&gateway, "must", |client| {
        client.dpop_bound = Flag(true);
        client.switches = "implicit token_get".to_owned().into();
    })
    .await;
    let must = ("must", CRM);
    let pairs = [("grant_type", "client_credentials")];
    let answer = post_proved(&gateway, TOKEN, must, &pairs, &[]).await;
    assert_eq!(told(&answer), (400, "invalid_dpop_proof".to_owned()));
    assert!(!answer.header("dpop-nonce").is_empty());
    let key = Key::new();
    let proof = at_token(&key).signed(&key);
    assert_eq!(
        post_proved(&gateway, TOKEN, must, &pairs, &[proof])
            .await
            .status,
        200
    );

    // Nor by the ways of 2012, where nothing can be proved.
    let implicit = wish_with(&[("client_id", "must"), ("response_type", "token")]);
    let answer = Browser::new(&gateway)
        .get(&format!("/oauth/authorize?{}", encoded(&implicit)))
        .await;
    assert!(
        answer
            .header("location")
            .contains("error=unauthorized_client")
    );
    let code = code_for(&gateway, &wish_with(&[("client_id", "must")])).await;
    let mut query = exchange(&code).to_vec();
    query.extend([("client_id", "must"), ("client_secret", CRM_SECRET)]);
    let request = http::Request::get(format!("{TOKEN}?{}", encoded(query)));
    let answer = gateway.edge(request.body(Bytes::new()).unwrap()).await;
    assert_eq!(told(&answer), (400, "invalid_dpop_proof".to_owned()));
}

// --- codes and refresh tokens ---

#[tokio::test]
async fn a_code_may_be_bound_to_a_key() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    let thumbprint = key.thumbprint();
    let code = code_for(&gateway, &wish_with(&[("dpop_jkt", &thumbprint)])).await;
    let pairs = exchange(&code);
    let crm = ("crm", CRM);
    let without = post_proved(&gateway, TOKEN, crm, &pairs, &[]).await;
    assert_eq!(told(&without), (400, "invalid_dpop_proof".to_owned()));
    let thief = Key::new();
    let stolen = post_proved(
        &gateway,
        TOKEN,
        crm,
        &pairs,
        &[at_token(&thief).signed(&thief)],
    )
    .await;
    assert_eq!(told(&stolen), (400, "invalid_grant".to_owned()));
    let right = post_proved(&gateway, TOKEN, crm, &pairs, &[at_token(&key).signed(&key)]).await;
    assert_eq!(right.status, 200, "{}", right.text());
}

#[tokio::test]
async fn a_dpop_jkt_is_a_thumbprint() {
    let gateway = TestGateway::start().await;
    for wrong in ["x", &"=".repeat(43), &"A".repeat(44)] {
        let wish = wish_with(&[("dpop_jkt", wrong)]);
        let answer = Browser::new(&gateway)
            .get(&format!("/oauth/authorize?{}", encoded(&wish)))
            .await;
        assert_eq!(
            parameters(answer.header("location"))["error"],
            "invalid_request"
        );
    }
}

#[tokio::test]
async fn a_proof_at_the_push_binds_the_code() {
    let gateway = TestGateway::start().await;
    let (key, other) = (Key::new(), Key::new());
    let at_par = |key: &Key| Proof::of(key, "POST", "/oauth/par").signed(key);
    let push = async |wish: &std::collections::BTreeMap<&'static str, String>, proof: String| {
        let pairs: Vec<_> = wish.iter().map(|(n, v)| (*n, v.as_str())).collect();
        post_proved(&gateway, "/oauth/par", ("crm", CRM), &pairs, &[proof]).await
    };
    let named = wish_with(&[("dpop_jkt", &other.thumbprint())]);
    let disagreeing = push(&named, at_par(&key)).await;
    assert_eq!(told(&disagreeing), (400, "invalid_dpop_proof".to_owned()));
    let misplaced = push(&wish_with(&[]), at_token(&key).signed(&key)).await;
    assert_eq!(told(&misplaced), (400, "invalid_dpop_proof".to_owned()));

    let pushed = push(&wish_with(&[]), at_par(&key)).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    assert!(!pushed.header("dpop-nonce").is_empty());
    let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let reference = [("client_id", "crm".to_owned()), ("request_uri", uri)].into();
    let code = code_for(&gateway, &reference).await;
    let pairs = exchange(&code);
    let stolen = post_proved(
        &gateway,
        TOKEN,
        ("crm", CRM),
        &pairs,
        &[at_token(&other).signed(&other)],
    )
    .await;
    assert_eq!(told(&stolen), (400, "invalid_grant".to_owned()));
    let right = post_proved(
        &gateway,
        TOKEN,
        ("crm", CRM),
        &pairs,
        &[at_token(&key).signed(&key)],
    )
    .await;
    assert_eq!(right.status, 200, "{}", right.text());
}

/// What the client `id` got for ann's code with a proof of the key.
async fn bound_tokens(
    gateway: &TestGateway,
    (id, secret): (&str, Option<&str>),
    key: &Key,
) -> Value {
    let code = code_for(gateway, &wish_with(&[("client_id", id)])).await;
    let proof = at_token(key).signed(key);
    let answer = post_proved(gateway, TOKEN, (id, secret), &exchange(&code), &[proof]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn l13_a_public_clients_refresh_token_needs_its_key() {
    let gateway = TestGateway::start().await;
    public_client(&gateway, "app").await;
    let key = Key::new();
    let app = ("app", None);
    let tokens = bound_tokens(&gateway, app, &key).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let without = post_proved(&gateway, TOKEN, app, &pairs, &[]).await;
    assert_eq!(told(&without), (400, "invalid_dpop_proof".to_owned()));
    let thief = Key::new();
    let stolen = post_proved(
        &gateway,
        TOKEN,
        app,
        &pairs,
        &[at_token(&thief).signed(&thief)],
    )
    .await;
    assert_eq!(told(&stolen), (400, "invalid_grant".to_owned()));
    // The thief ended nothing.
    let right = post_proved(&gateway, TOKEN, app, &pairs, &[at_token(&key).signed(&key)]).await;
    assert_eq!(right.status, 200, "{}", right.text());
    assert_eq!(right.json()["token_type"], "DPoP");
    let next = right.json()["refresh_token"].as_str().unwrap().to_owned();
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", next.as_str()),
    ];
    let stolen = post_proved(
        &gateway,
        TOKEN,
        app,
        &pairs,
        &[at_token(&thief).signed(&thief)],
    )
    .await;
    assert_eq!(told(&stolen), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_confidential_client_may_change_its_key() {
    let gateway = TestGateway::start().await;
    let tokens = bound_tokens(&gateway, ("crm", CRM), &Key::new()).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let next = Key::new();
    let answer = post_proved(
        &gateway,
        TOKEN,
        ("crm", CRM),
        &pairs,
        &[at_token(&next).signed(&next)],
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let proof = at_calls(&next, &token).signed(&next);
    assert_eq!(calls(&gateway, &token, &[proof]).await.status, 204);
}

// --- where tokens are presented ---

#[tokio::test]
async fn l13_a_jwt_says_the_key_that_it_is_bound_to_and_opens_nothing_without_it() {
    let gateway = TestGateway::with("oauth.signing_algorithm = 'ES256'").await;
    let change = json!({ "token_format": "jwt" });
    let changed = gateway.admin_patch("/admin/clients/crm", change).await;
    changed.expect(200);
    let key = Key::new();
    let token = bound(&gateway, &key).await;
    let claims = callgate::secret::decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["cnf"], json!({ "jkt": key.thumbprint() }));
    let as_bearer = get(CALLS, &Secret::new(token.clone()));
    assert_eq!(gateway.edge(as_bearer).await.status, 401);
    for _ in 0..2 {
        let proof = at_calls(&key, &token).signed(&key);
        assert_eq!(calls(&gateway, &token, &[proof]).await.status, 204);
    }
}

#[tokio::test]
async fn f04_a_repeat_with_another_key_gives_nothing_and_ends_nothing() {
    let gateway = TestGateway::start().await;
    let first = tokens(&gateway).await;
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", first["refresh_token"].as_str().unwrap()),
    ];
    let (one, two) = (Key::new(), Key::new());
    let with = async |key: &Key| {
        let proof = at_token(key).signed(key);
        post_proved(&gateway, TOKEN, ("crm", CRM), &pairs, &[proof]).await
    };
    let given = with(&one).await.json();
    assert_eq!(told(&with(&two).await), (400, "invalid_grant".to_owned()));
    let unproved = post_proved(&gateway, TOKEN, ("crm", CRM), &pairs, &[]).await;
    assert_eq!(told(&unproved), (400, "invalid_grant".to_owned()));
    let again = with(&one).await.json();
    assert_eq!(again["access_token"], given["access_token"]);
    let token = given["access_token"].as_str().unwrap();
    let proof = at_calls(&one, token).signed(&one);
    assert_eq!(calls(&gateway, token, &[proof]).await.status, 204);
}

#[tokio::test]
async fn l13_a_bound_token_is_refused_without_its_scheme() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    let token = bound(&gateway, &key).await;
    let proof = || at_calls(&key, &token).signed(&key);
    for proofs in [vec![], vec![proof()]] {
        let answer = present(&gateway, (Method::GET, CALLS), ("Bearer", &token), &proofs).await;
        assert_eq!(challenged(&answer), (401, "invalid_token".to_owned()));
    }
    let by_header = http::Request::get(CALLS)
        .header("x-auth-token", &token)
        .header("dpop", proof());
    let answer = gateway.edge(by_header.body(Bytes::new()).unwrap()).await;
    assert_eq!(challenged(&answer), (401, "invalid_token".to_owned()));
    let in_query = http::Request::get(format!("{CALLS}?access_token={token}"));
    let answer = gateway.edge(in_query.body(Bytes::new()).unwrap()).await;
    assert_eq!(answer.status, 401);
    assert_eq!(calls(&gateway, &token, &[proof()]).await.status, 204);
}

#[tokio::test]
async fn a_bearer_token_is_refused_under_the_other_scheme() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    let ann = gateway.ann().await;
    let proof = at_calls(&key, ann.expose()).signed(&key);
    let answer = calls(&gateway, ann.expose(), &[proof]).await;
    assert_eq!(challenged(&answer), (401, "invalid_token".to_owned()));
    assert_eq!(gateway.edge(get(CALLS, &ann)).await.status, 204);
}

#[tokio::test]
async fn l13_a_near_miss_of_a_proof_opens_nothing() {
    let gateway = TestGateway::start().await;
    gateway.clock.advance(Duration::from_mins(10));
    let key = Key::new();
    let answer = own_token(&gateway, &[at_token(&key).at(600).signed(&key)]).await;
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let good = || at_calls(&key, &token).at(600);
    let other = Key::new();
    let mut wrong = near_misses(&key, 600, good);
    wrong.extend([
        ("no proof", vec![]),
        ("token", vec![good().with_token("cg_at_other").signed(&key)]),
        ("no token", vec![good().without("ath").signed(&key)]),
        (
            "another's proof",
            vec![at_calls(&other, &token).at(600).signed(&other)],
        ),
        (
            "proof for the token endpoint",
            vec![at_token(&key).at(600).with_token(&token).signed(&key)],
        ),
    ]);
    for (what, proofs) in wrong {
        let answer = calls(&gateway, &token, &proofs).await;
        assert_eq!(answer.status, 401, "{what}");
        assert_eq!(
            challenged(&answer),
            (401, "invalid_dpop_proof".to_owned()),
            "{what}"
        );
    }
    assert_eq!(
        calls(&gateway, &token, &[good().signed(&key)]).await.status,
        204
    );
}

#[tokio::test]
async fn l13_a_proof_opens_once_though_the_token_is_remembered() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    let token = bound(&gateway, &key).await;
    let proof = at_calls(&key, &token).signed(&key);
    assert_eq!(
        calls(&gateway, &token, std::slice::from_ref(&proof))
            .await
            .status,
        204
    );
    let again = calls(&gateway, &token, &[proof]).await;
    assert_eq!(challenged(&again), (401, "invalid_dpop_proof".to_owned()));
    let fresh = at_calls(&key, &token).signed(&key);
    assert_eq!(calls(&gateway, &token, &[fresh]).await.status, 204);
}

#[tokio::test]
async fn an_unknown_or_expired_token_is_challenged_under_its_scheme() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    let answer = calls(
        &gateway,
        "nonsense",
        &[at_calls(&key, "nonsense").signed(&key)],
    )
    .await;
    assert_eq!(challenged(&answer), (401, "invalid_token".to_owned()));
    let token = bound(&gateway, &key).await;
    gateway.advance(Duration::from_hours(1)).await;
    let proof = at_calls(&key, &token).at(3600).signed(&key);
    let answer = calls(&gateway, &token, &[proof]).await;
    assert_eq!(challenged(&answer), (401, "invalid_token".to_owned()));
    // Whoever sends nothing, or a bearer token, hears what they always heard.
    let answer = gateway.edge(get(CALLS, &Secret::new("nonsense"))).await;
    assert!(answer.header("www-authenticate").starts_with("Bearer "));
}

#[tokio::test]
async fn the_method_and_path_of_every_request_count() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    let token = bound(&gateway, &key).await;
    let call = format!("{CALLS}?token_call=none");
    let get = || at_calls(&key, &token).signed(&key);
    let answer = present(&gateway, (Method::PUT, &call), ("dpop", &token), &[get()]).await;
    assert_eq!(challenged(&answer), (401, "invalid_dpop_proof".to_owned()));
    // The query does not count (RFC 9449 §4.3).
    let answer = present(&gateway, (Method::GET, &call), ("dpop", &token), &[get()]).await;
    assert_eq!(answer.status, 409, "{}", answer.text());
}

#[tokio::test]
async fn the_operations_listener_knows_no_proofs() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    for token in [crate::harness::OPERATOR, &bound(&gateway, &key).await] {
        let proof = Proof::of(&key, "GET", "/admin/tenants").with_token(token);
        let request = http::Request::get("/admin/tenants")
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", proof.signed(&key));
        let answer = gateway
            .operations(request.body(Bytes::new()).unwrap())
            .await;
        assert_eq!(answer.status, 401);
    }
}

// --- nonces ---

#[tokio::test]
async fn a_nonce_is_asked_for_where_the_server_says_so() {
    let gateway = TestGateway::with("oauth.dpop_nonce = true\n").await;
    let key = Key::new();
    let answer = own_token(&gateway, &[at_token(&key).signed(&key)]).await;
    assert_eq!(told(&answer), (400, "use_dpop_nonce".to_owned()));
    let nonce = answer.header("dpop-nonce").to_owned();
    let proof = at_token(&key).claim("nonce", nonce.clone());
    let answer = own_token(&gateway, &[proof.signed(&key)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();

    let answer = calls(&gateway, &token, &[at_calls(&key, &token).signed(&key)]).await;
    assert_eq!(challenged(&answer), (401, "use_dpop_nonce".to_owned()));
    let proof = at_calls(&key, &token).claim("nonce", answer.header("dpop-nonce"));
    assert_eq!(
        calls(&gateway, &token, &[proof.signed(&key)]).await.status,
        204
    );

    let invented = at_calls(&key, &token).claim("nonce", "invented");
    let answer = calls(&gateway, &token, &[invented.signed(&key)]).await;
    assert_eq!(challenged(&answer), (401, "use_dpop_nonce".to_owned()));
    gateway.advance(Duration::from_mins(5)).await;
    let stale = at_calls(&key, &token).at(300).claim("nonce", nonce);
    let answer = calls(&gateway, &token, &[stale.signed(&key)]).await;
    assert_eq!(challenged(&answer), (401, "use_dpop_nonce".to_owned()));
}

#[tokio::test]
async fn at_41_a_proof_from_before_the_process_that_alone_remembers_needs_a_nonce_of_its_time() {
    let gateway = TestGateway::with("oauth.dpop_replay = 'process'\n").await;
    let key = Key::new();
    let early = || at_token(&key).at(-1);
    let answer = own_token(&gateway, &[early().signed(&key)]).await;
    assert_eq!(told(&answer), (400, "use_dpop_nonce".to_owned()));
    let nonce = answer.header("dpop-nonce").to_owned();
    let answer = own_token(&gateway, &[early().claim("nonce", nonce).signed(&key)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn at_41_a_proof_is_good_once_at_all_gateways_on_a_store_and_after_a_restart() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    let token = bound(&gateway, &key).await;
    let proof = at_calls(&key, &token).signed(&key);
    let at_token = at_token(&key).signed(&key);
    let first = calls(&gateway, &token, std::slice::from_ref(&proof)).await;
    assert_eq!(first.status, 204);
    let first = own_token(&gateway, std::slice::from_ref(&at_token)).await;
    assert_eq!(first.status, 200);
    // Another gateway knows what the first one knew; so does the next process, though it began after the proof was made.
    for later in [0, 1] {
        gateway.clock.advance(Duration::from_secs(later));
        let other = gateway.beside().await;
        let again = calls(&other, &token, std::slice::from_ref(&proof)).await;
        assert_eq!(challenged(&again), (401, "invalid_dpop_proof".to_owned()));
        let again = own_token(&other, std::slice::from_ref(&at_token)).await;
        assert_eq!(told(&again), (400, "invalid_dpop_proof".to_owned()));
        // What nobody used is good without a nonce, though it is older than the process.
        let fresh = at_calls(&key, &token).at(0).signed(&key);
        assert_eq!(calls(&other, &token, &[fresh]).await.status, 204);
    }
}

#[tokio::test]
async fn a_proof_that_cannot_be_remembered_opens_nothing() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    let token = bound(&gateway, &key).await;
    let store = &gateway.services.store;
    let broken = store.write(|c| {
        Box::pin(async move {
            sqlx::query("DROP TABLE used_names").execute(c).await?;
            Ok(())
        })
    });
    broken.await.unwrap();
    let proof = at_calls(&key, &token).signed(&key);
    let answer = calls(&gateway, &token, std::slice::from_ref(&proof)).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.header("retry-after"), "1");
    let answer = own_token(&gateway, &[at_token(&key).signed(&key)]).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    // It may have been written down: nobody knows.
    assert_eq!(calls(&gateway, &token, &[proof]).await.status, 401);
}

#[tokio::test]
async fn how_old_a_proof_may_be_is_configured() {
    let gateway = TestGateway::with("oauth.dpop_window = '10s'\n").await;
    gateway.clock.advance(Duration::from_mins(1));
    let key = Key::new();
    let late = own_token(&gateway, &[at_token(&key).at(50).signed(&key)]).await;
    assert_eq!(told(&late), (400, "invalid_dpop_proof".to_owned()));
    let right = own_token(&gateway, &[at_token(&key).at(51).signed(&key)]).await;
    assert_eq!(right.status, 200);
}

#[tokio::test]
async fn the_metadata_tell_how_proofs_may_be_signed() {
    let gateway = TestGateway::start().await;
    let path = "/.well-known/oauth-authorization-server";
    let request = http::Request::get(path).body(Bytes::new()).unwrap();
    assert_eq!(
        gateway.edge(request).await.json()["dpop_signing_alg_values_supported"],
        json!(["ES256", "EdDSA", "Ed25519", "RS256", "PS256"])
    );
}

#[tokio::test]
async fn bearer_tokens_of_users_are_as_they_were() {
    let gateway = TestGateway::start().await;
    let tokens = tokens(&gateway).await;
    assert_eq!(tokens["token_type"], "Bearer");
    let token = Secret::new(tokens["access_token"].as_str().unwrap());
    // A header that nobody asked for changes nothing.
    let mut request = get(CALLS, &token);
    request
        .headers_mut()
        .insert("dpop", "nonsense".parse().unwrap());
    assert_eq!(gateway.edge(request).await.status, 204);
}

#[test]
fn no_header_panics() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (gateway, token) = runtime.block_on(async {
        let gateway = TestGateway::start().await;
        let token = bound(&gateway, &Key::new()).await;
        (gateway, token)
    });
    proptest!(ProptestConfig::with_cases(200), |(
        proof in proptest::collection::vec(any::<u8>().prop_filter("a header", |b| *b >= 32 && *b != 127), 0..300),
        dots in "([A-Za-z0-9_-]{0,40}\\.){0,5}[A-Za-z0-9_-]{0,40}",
    )| {
        for value in [proof, dots.into_bytes()] {
            let header = http::HeaderValue::from_bytes(&value).unwrap();
            let mut request = http::Request::get(CALLS)
                .header("authorization", format!("DPoP {token}"))
                .body(Bytes::new())
                .unwrap();
            request.headers_mut().insert("dpop", header.clone());
            prop_assert_eq!(runtime.block_on(gateway.edge(request)).status, 401);
            let mut request = http::Request::post(TOKEN)
                .header("authorization", basic("crm", CRM_SECRET))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Bytes::from_static(b"grant_type=client_credentials"))
                .unwrap();
            request.headers_mut().insert("dpop", header);
            prop_assert_eq!(runtime.block_on(gateway.edge(request)).status, 400);
        }
    });
}

#[tokio::test]
async fn l13_a_signed_token_is_bound_as_any_other() {
    let gateway = TestGateway::start().await;
    client(&gateway, "signed", |client| {
        client.token_format = callgate::storage::clients::TokenFormat::Jwt;
    })
    .await;
    let key = Key::new();
    let pairs = [("grant_type", "client_credentials"), ("scope", "call")];
    let proof = at_token(&key).signed(&key);
    let answer = post_proved(&gateway, TOKEN, ("signed", CRM), &pairs, &[proof]).await;
    assert_eq!(answer.json()["token_type"], "DPoP", "{}", answer.text());
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let claims = token.split('.').nth(1).unwrap();
    let claims = callgate::secret::decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["cnf"]["jkt"], key.thumbprint());
    let as_bearer = present(&gateway, (Method::GET, CALLS), ("Bearer", &token), &[]).await;
    assert_eq!(challenged(&as_bearer), (401, "invalid_token".to_owned()));
    let thief = Key::new();
    let stolen = calls(&gateway, &token, &[at_calls(&thief, &token).signed(&thief)]).await;
    assert_eq!(challenged(&stolen), (401, "invalid_dpop_proof".to_owned()));
    for _ in 0..2 {
        let proof = at_calls(&key, &token).signed(&key);
        assert_eq!(calls(&gateway, &token, &[proof]).await.status, 204);
    }
}

#[tokio::test]
async fn l13_a_proxied_route_is_for_the_path_that_the_client_used() {
    let gateway = TestGateway::with(
        "[[upstream]]\nname = 'pbx'\npeers = ['127.0.0.1:1']\n\
         [[route]]\nname = 'pbx'\nprefix = '/pbx'\naccess = 'pbx.use'\nupstream = 'pbx'\n\
         strip_prefix = '/pbx'\nadd_prefix = '/api'\n",
    )
    .await;
    let key = Key::new();
    let pairs = [("grant_type", "client_credentials"), ("scope", "pbx")];
    let proof = at_token(&key).signed(&key);
    let answer = post_proved(&gateway, TOKEN, ("crm", CRM), &pairs, &[proof]).await;
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    for (path, opens) in [
        ("/pbx/lines", true),
        ("/api/lines", false),
        ("/lines", false),
    ] {
        let proof = Proof::of(&key, "GET", path).with_token(&token).signed(&key);
        let request = http::Request::get("/pbx/lines?a=b")
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", proof);
        let (head, ()) = request.body(()).unwrap().into_parts();
        let decision = gateway.version.edge.gateway.decide(&head).await;
        assert_eq!(decision.verdict.is_ok(), opens, "{path}");
    }
}

#[tokio::test]
async fn what_a_bound_token_may_not_do_is_told_under_its_scheme() {
    let gateway = TestGateway::start().await;
    let key = Key::new();
    let pairs = [("grant_type", "client_credentials"), ("scope", "pbx")];
    let proof = at_token(&key).signed(&key);
    let answer = post_proved(&gateway, TOKEN, ("crm", CRM), &pairs, &[proof]).await;
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let answer = calls(&gateway, &token, &[at_calls(&key, &token).signed(&key)]).await;
    let challenge = answer.header("www-authenticate");
    assert_eq!(answer.status, 403);
    assert!(challenge.starts_with("DPoP ") && challenge.contains("error=\"insufficient_scope\""));
}
