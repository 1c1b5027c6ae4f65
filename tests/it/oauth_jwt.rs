//! JWT access tokens (RFC 9068): what they say, who signs them, and what is refused however well it looks.

use crate::harness::{NOW, ORIGIN, TestGateway, get};
use crate::oauth::{
    Browser, CRM, calls_with, code_for, exchange, old_client, parameters, post, refresh, token,
    tokens, wish, wish_with,
};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use bytes::Bytes;
use callgate::app::Services;
use callgate::clock::Clock;
use callgate::operations::Reloads;
use callgate::secret::{Secret, decode, encode};
use callgate::storage::tokens::Token;
use callgate::token::{Key, TokenHash};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

const ES256: &str = "oauth.signing_algorithm = 'ES256'";
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A gateway where `crm` gets JWTs, which are for the resource server `server` as well.
async fn with(config: &str) -> TestGateway {
    let gateway = TestGateway::with(config).await;
    let change = json!({ "token_format": "jwt", "audience": ["server"] });
    gateway
        .admin_patch("/admin/clients/crm", change)
        .await
        .expect(200);
    gateway
}

async fn start() -> TestGateway {
    with(ES256).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// An access token of ann's, who is asked the first time alone.
async fn access(gateway: &TestGateway) -> String {
    let mut browser = Browser::new(gateway);
    let logged_in = browser.log_in("ann", &wish()).await;
    let mut answer = browser.get(logged_in.header("location")).await;
    if answer.status == 200 {
        answer = browser.submit(&answer, &[("grant", "true")]).await;
    }
    let code = parameters(answer.header("location")).remove("code");
    let set = token(gateway, &exchange(&code.unwrap())).await.expect(200);
    text(&set.json()["access_token"]).to_owned()
}

async fn works(gateway: &TestGateway, token: &str) -> bool {
    match calls_with(gateway, &json!(token)).await {
        204 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

fn part(encoded: &str) -> Value {
    serde_json::from_slice(&decode(encoded).unwrap()).unwrap()
}

/// Header, claims, and the signature.
fn parts(token: &str) -> (Value, Value, Vec<u8>) {
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("no JWT: {token}");
    };
    (part(header), part(claims), decode(signature).unwrap())
}

fn kid(token: &str) -> String {
    text(&parts(token).0["kid"]).to_owned()
}

async fn published(gateway: &TestGateway) -> Vec<Value> {
    let request = http::Request::get("/.well-known/jwks.json").body(Bytes::new());
    let answer = gateway.edge(request.unwrap()).await.expect(200);
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    answer.json()["keys"].as_array().unwrap().clone()
}

async fn published_kids(gateway: &TestGateway) -> Vec<String> {
    let keys = published(gateway).await;
    keys.iter()
        .map(|key| text(&key["kid"]).to_owned())
        .collect()
}

/// Verifies a token as a resource server does, with what is published alone.
fn verifies(key: &Value, token: &str) -> bool {
    let (message, _) = token.rsplit_once('.').unwrap();
    let signature = parts(token).2;
    let member = |name: &str| decode(text(&key[name])).unwrap();
    let message = message.as_bytes();
    match text(&key["alg"]) {
        "RS256" => {
            let (n, e) = (member("n"), member("e"));
            RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, &signature)
                .is_ok()
        }
        "ES256" => {
            let point = [vec![4], member("x"), member("y")].concat();
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
            key.verify(message, &signature).is_ok()
        }
        _ => {
            let key = UnparsedPublicKey::new(&ED25519, member("x"));
            key.verify(message, &signature).is_ok()
        }
    }
}

/// How often the store was asked for the facts of a token.
fn looks(gateway: &TestGateway) -> u64 {
    count(gateway, "token_facts")
}

fn count(gateway: &TestGateway, operation: &str) -> u64 {
    let text = String::from_utf8(gateway.services.metrics.render()).unwrap();
    let line = format!("callgate_store_duration_seconds_count{{operation=\"{operation}\"}}");
    let found = text.lines().find_map(|l| l.strip_prefix(&line));
    found.map_or(0, |value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn a_jwt_says_what_rfc_9068_asks_for_and_opens_what_its_scope_does() {
    let gateway = start().await;
    let token = access(&gateway).await;
    let (header, mut claims, _) = parts(&token);
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["alg"], "ES256");
    assert!(!text(&claims["jti"]).is_empty());
    claims["jti"] = Value::Null;
    let now = NOW / 1000;
    assert_eq!(
        claims,
        json!({
            "iss": ORIGIN, "sub": "user:id-of-ann", "aud": [ORIGIN, "server"], "exp": now + 3600, "iat": now,
            "jti": null, "client_id": "crm", "scope": "call",
        })
    );
    assert!(works(&gateway, &token).await);
    let form = [("grant_type", "client_credentials"), ("scope", "pbx")];
    let own = self::token(&gateway, &form).await.json();
    let (_, claims, _) = parts(text(&own["access_token"]));
    assert_eq!(
        (&claims["sub"], &claims["scope"]),
        (&json!("client:crm"), &json!("pbx"))
    );
    assert_eq!(calls_with(&gateway, &own["access_token"]).await, 403);
}

#[tokio::test]
async fn every_algorithm_gives_tokens_that_the_published_key_verifies() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let gateway = with(&format!("oauth.signing_algorithm = '{algorithm}'")).await;
        let token = access(&gateway).await;
        let keys = published(&gateway).await;
        let [key] = keys.as_slice() else {
            panic!("{keys:?}");
        };
        assert_eq!(
            (text(&key["alg"]), text(&key["use"]), text(&key["kid"])),
            (algorithm, "sig", kid(&token).as_str())
        );
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert_eq!(key.get(private), None);
        }
        assert!(verifies(key, &token), "{algorithm}");
        assert!(works(&gateway, &token).await, "{algorithm}");
    }
}

#[tokio::test]
async fn the_algorithm_is_the_one_that_every_resource_server_knows() {
    let gateway = with("").await;
    let form = [("grant_type", "client_credentials")];
    let own = token(&gateway, &form).await.json();
    let (header, _, _) = parts(text(&own["access_token"]));
    assert_eq!(header["alg"], "RS256");
}

#[tokio::test]
async fn a_jwt_ends_as_any_token_does_and_introspection_knows_it() {
    let gateway = start().await;
    let ask = async |token: &str| {
        let form = [("token", token)];
        let answer = post(&gateway, "/oauth/introspect", CRM, &form).await;
        answer.json()
    };
    let revoked = access(&gateway).await;
    assert!(works(&gateway, &revoked).await);
    let told = ask(&revoked).await;
    let (_, claims, _) = parts(&revoked);
    for name in [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "jti",
        "client_id",
        "scope",
    ] {
        assert_eq!(told[name], claims[name], "{name}");
    }
    let form = [("token", revoked.as_str())];
    post(&gateway, "/oauth/revoke", CRM, &form)
        .await
        .expect(200);
    assert!(!works(&gateway, &revoked).await);
    assert_eq!(ask(&revoked).await, json!({ "active": false }));

    let expired = access(&gateway).await;
    gateway.advance(HOUR).await;
    assert!(!works(&gateway, &expired).await);

    let orphaned = access(&gateway).await;
    assert!(works(&gateway, &orphaned).await);
    let disabled = json!({ "enabled": false });
    gateway
        .admin_patch("/admin/users/id-of-ann", disabled)
        .await
        .expect(200);
    assert!(!works(&gateway, &orphaned).await);
}

#[tokio::test]
async fn the_legacy_carriers_take_a_jwt_too() {
    let gateway = start().await;
    old_client(&gateway, "query_token no_pkce").await;
    let change = json!({ "token_format": "jwt" });
    gateway
        .admin_patch("/admin/clients/123456", change)
        .await
        .expect(200);
    let form = [("grant_type", "client_credentials"), ("scope", "call")];
    let old = Some(("123456", "s3cret"));
    let own = post(&gateway, "/oauth/token", old, &form).await.json();
    let path = format!("/rest/call?access_token={}", text(&own["access_token"]));
    let request = http::Request::get(path).body(Bytes::new()).unwrap();
    assert_eq!(gateway.edge(request).await.status, 204);
    let of_crm = access(&gateway).await;
    let path = format!("/rest/call?access_token={of_crm}");
    let request = http::Request::get(path).body(Bytes::new()).unwrap();
    assert_eq!(gateway.edge(request).await.status, 401);
}

#[tokio::test]
async fn a_jwt_is_looked_up_once_and_then_found_in_the_cache() {
    let gateway = start().await;
    let token = access(&gateway).await;
    for _ in 0..3 {
        assert!(works(&gateway, &token).await);
    }
    assert_eq!(looks(&gateway), 1);
}

/// A token with this header and these claims, signed by the gateway's own key.
fn signed(key: &Key, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| encode(value.to_string().as_bytes());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = key.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", encode(&signature))
}

async fn signer(gateway: &TestGateway) -> Arc<Key> {
    gateway.services.keys.signer().await.unwrap()
}

#[tokio::test]
async fn m01_m02_m03_m09_m10_no_trick_with_the_header_reaches_the_store() {
    let gateway = start().await;
    let good = access(&gateway).await;
    let key = signer(&gateway).await;
    let (header, claims, _) = parts(&good);
    let (unsigned, signature) = good.rsplit_once('.').unwrap();
    let (_, encoded_claims) = unsigned.split_once('.').unwrap();
    let changed = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        header
    };
    let with_header = |header: &Value| {
        let header = encode(header.to_string().as_bytes());
        format!("{header}.{encoded_claims}.{signature}")
    };
    let mut bad = Vec::new();
    for none in ["none", "None", "nOnE", "HS256", "RS256", "EdDSA", ""] {
        let header = changed("alg", json!(none));
        bad.push(with_header(&header));
        // Signed rightly, but said to be something else.
        bad.push(signed(&key, &header, &claims));
        let unsigned = format!(
            "{}.{encoded_claims}.",
            encode(header.to_string().as_bytes())
        );
        bad.push(unsigned);
    }
    // M02: the public key as if it were a shared secret.
    let public = published(&gateway).await[0].to_string();
    let header_of_hmac = encode(changed("alg", json!("HS256")).to_string().as_bytes());
    let message = format!("{header_of_hmac}.{encoded_claims}");
    let shared = hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes());
    let tag = hmac::sign(&shared, message.as_bytes());
    bad.push(format!("{message}.{}", encode(tag.as_ref())));
    // M03: another's key, wherever the header says that it is.
    let theirs = start().await;
    let their_key = signer(&theirs).await;
    let their_public = published(&theirs).await[0].clone();
    for (name, value) in [
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/chain.pem")),
        ("jwk", their_public),
        ("x5c", json!(["AAAA"])),
        ("kid", json!(their_key.kid())),
        ("kid", json!("../../etc/passwd")),
        ("kid", json!("' OR 1=1 --")),
    ] {
        bad.push(signed(&their_key, &changed(name, value), &claims));
    }
    // M09, M10: signed rightly, but no access token, or with what we do not understand.
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", json!("dpop+jwt")),
        ("typ", Value::Null),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
    ] {
        bad.push(signed(&key, &changed(name, value), &claims));
    }
    bad.push(good.replacen('.', "", 1));
    bad.push(format!("{good}.{signature}.{signature}"));
    bad.push(format!("{good}="));
    let before = looks(&gateway);
    for token in bad {
        assert!(!works(&gateway, &token).await, "{token}");
    }
    assert_eq!(looks(&gateway), before, "the store was asked for nothing");
    assert!(works(&gateway, &good).await);
}

#[tokio::test]
async fn m11_a_changed_signature_or_claim_reaches_no_store() {
    let gateway = start().await;
    let good = access(&gateway).await;
    let (header, mut claims, signature) = parts(&good);
    let (message, _) = good.rsplit_once('.').unwrap();
    let mut bad = vec![
        format!("{message}.{}", encode(&[0; 64])),
        format!("{message}.{}", encode(&signature[..63])),
        format!("{message}."),
    ];
    for at in [0, 31, 32, 63] {
        let mut signature = signature.clone();
        signature[at] ^= 1;
        bad.push(format!("{message}.{}", encode(&signature)));
    }
    claims["scope"] = json!("call pbx");
    let part = |value: &Value| encode(value.to_string().as_bytes());
    bad.push(format!(
        "{}.{}.{}",
        part(&header),
        part(&claims),
        encode(&signature)
    ));
    for token in bad {
        assert!(!works(&gateway, &token).await, "{token}");
    }
    assert_eq!(looks(&gateway), 0);
}

#[tokio::test]
async fn m11_a_signature_that_is_right_as_well_is_another_token() {
    let gateway = start().await;
    let good = access(&gateway).await;
    let (header, claims, _) = parts(&good);
    assert!(works(&gateway, &good).await);
    // ECDSA has many signatures of one text. Each is right, but only one was issued and can be revoked.
    let twin = signed(&*signer(&gateway).await, &header, &claims);
    assert_ne!(twin, good);
    assert!(!works(&gateway, &twin).await);
    assert!(works(&gateway, &good).await);
}

#[tokio::test]
async fn a_token_of_our_key_that_names_another_issuer_is_none_of_ours() {
    let gateway = start().await;
    let good = access(&gateway).await;
    let (header, mut claims, _) = parts(&good);
    let (key, store) = (signer(&gateway).await, &gateway.services.store);
    let row = store.token(&TokenHash::of(&good).to_string()).await;
    let row = row.unwrap().unwrap();
    for (iss, answer) in [(ORIGIN, true), ("https://another.example", false)] {
        claims["iss"] = json!(iss);
        claims["jti"] = json!(format!("of {iss}"));
        let token = signed(&key, &header, &claims);
        let row = Token {
            hash: TokenHash::of(&token).to_string(),
            id: text(&claims["jti"]).to_owned(),
            ..row.clone()
        };
        store.create_tokens(vec![row]).await.unwrap();
        assert_eq!(works(&gateway, &token).await, answer, "{iss}");
    }
}

#[tokio::test]
async fn m04_unknown_keys_cost_a_look_a_second_at_the_most() {
    let gateway = start().await;
    let good = access(&gateway).await;
    let (mut header, claims, _) = parts(&good);
    let key = signer(&gateway).await;
    let before = count(&gateway, "signing_keys");
    for number in 0..1000 {
        header["kid"] = json!(format!("unknown-{number}"));
        assert!(!works(&gateway, &signed(&key, &header, &claims)).await);
    }
    assert!(count(&gateway, "signing_keys") - before <= 1);
    assert!(works(&gateway, &good).await);
}

#[tokio::test]
async fn m13_what_is_too_long_or_too_deep_is_refused() {
    let gateway = start().await;
    let good = access(&gateway).await;
    let long = format!("{good}{}", "A".repeat(9_000));
    let deep = encode(format!("{{\"a\":{}", "[".repeat(5_000)).as_bytes());
    for token in [
        long,
        format!("{deep}.{deep}.AA"),
        "..".to_owned(),
        "a..b".to_owned(),
    ] {
        assert!(!works(&gateway, &token).await);
    }
    assert_eq!(looks(&gateway), 0);
}

#[tokio::test]
async fn f04_fifty_refreshes_at_once_give_one_jwt_that_the_store_does_not_hold() {
    let gateway = start().await;
    let first = tokens(&gateway).await;
    let old = text(&first["refresh_token"]);
    let answers = join_all((0..50).map(|_| refresh(&gateway, old))).await;
    let set = answers[0].json();
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json(), set);
    }
    let token = text(&set["access_token"]);
    assert!(works(&gateway, token).await);
    let hash = TokenHash::of(token).to_string();
    let row: Token = gateway.services.store.token(&hash).await.unwrap().unwrap();
    let row = format!("{row:?}");
    let (_, signature) = token.rsplit_once('.').unwrap();
    assert!(!row.contains(signature), "{row}");
    let next = refresh(&gateway, text(&set["refresh_token"])).await;
    assert_ne!(next.json()["access_token"], set["access_token"]);
}

#[tokio::test]
async fn f04_a_client_whose_format_changes_within_the_grace_gets_what_was_given() {
    let gateway = start().await;
    let first = tokens(&gateway).await;
    let old = text(&first["refresh_token"]);
    let given = refresh(&gateway, old).await.json();
    let change = json!({ "token_format": "opaque" });
    gateway
        .admin_patch("/admin/clients/crm", change)
        .await
        .expect(200);
    assert_eq!(refresh(&gateway, old).await.json(), given);
    let next = refresh(&gateway, text(&given["refresh_token"]))
        .await
        .json();
    assert!(text(&next["access_token"]).starts_with("cg_at_"));
}

async fn keys(gateway: &TestGateway) -> Vec<(String, String)> {
    let list = gateway.admin_get("/admin/keys").await.expect(200).json();
    let of = |key: &Value, name: &str| text(&key[name]).to_owned();
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|key| (of(key, "kid"), of(key, "state")))
        .collect()
}

async fn rotate(gateway: &TestGateway, query: &str) {
    let path = format!("/admin/keys/rotate{query}");
    gateway.admin_post(&path, Value::Null).await.expect(200);
}

async fn states(gateway: &TestGateway) -> Vec<String> {
    keys(gateway)
        .await
        .into_iter()
        .map(|(_, state)| state)
        .collect()
}

#[tokio::test]
async fn o07_the_next_key_is_published_before_it_signs_and_the_former_until_its_tokens_have_expired()
 {
    let gateway = start().await;
    let old = access(&gateway).await;
    rotate(&gateway, "").await;
    assert_eq!(states(&gateway).await, ["signing", "next"]);
    assert_eq!(published(&gateway).await.len(), 2);
    let refused = gateway.admin_post("/admin/keys/rotate", Value::Null).await;
    refused.refused(409, "waits");
    let still = access(&gateway).await;
    assert_eq!(
        kid(&still),
        kid(&old),
        "the next key is not known to all yet"
    );

    gateway.advance(DAY).await;
    let last = signed_by_former(&gateway, &old).await;
    let new = access(&gateway).await;
    assert_ne!(kid(&new), kid(&old));
    assert_eq!(states(&gateway).await, ["former", "signing"]);
    let published = published(&gateway).await;
    for token in [&old, &new] {
        assert!(published.iter().any(|key| verifies(key, token)));
    }

    gateway.services.keys.keep().await.unwrap();
    assert_eq!(states(&gateway).await, ["former", "signing"]);
    gateway.advance(Duration::from_mins(50)).await;
    gateway.services.keys.keep().await.unwrap();
    assert!(works(&gateway, &last).await);
    assert_eq!(
        published_kids(&gateway).await.len(),
        2,
        "a token of its is alive"
    );
    let row = gateway
        .services
        .store
        .signing_keys()
        .await
        .unwrap()
        .remove(0);
    assert_eq!(row.private_key, None, "it signs no more");

    gateway.advance(Duration::from_mins(20)).await;
    gateway.services.keys.keep().await.unwrap();
    assert_eq!(published_kids(&gateway).await, [kid(&new)]);
    assert_eq!(states(&gateway).await, ["retired", "signing"]);
    gateway.advance(31 * DAY).await;
    gateway.services.keys.keep().await.unwrap();
    assert_eq!(states(&gateway).await.len(), 1);
}

/// A token that another gateway, whose clock is behind, signed with the key of `old` a moment before.
async fn signed_by_former(gateway: &TestGateway, old: &str) -> String {
    let key = gateway.services.keys.find(&kid(old)).unwrap();
    let (_, mut claims, _) = parts(old);
    claims["jti"] = json!("late");
    let token = key.token(&claims).unwrap();
    let hash = TokenHash::of(old).to_string();
    let row = gateway.services.store.token(&hash).await.unwrap().unwrap();
    let now = gateway.clock.now();
    let late = Token {
        hash: TokenHash::of(&token).to_string(),
        id: "late".to_owned(),
        created_at: now,
        expires_at: now + 3_600_000,
        ..row
    };
    gateway
        .services
        .store
        .create_tokens(vec![late])
        .await
        .unwrap();
    token
}

#[tokio::test]
async fn o07_a_key_that_leaked_ends_at_once_with_its_tokens_and_no_others() {
    let gateway = start().await;
    let leaked = access(&gateway).await;
    let change = json!({ "token_format": "opaque" });
    gateway
        .admin_patch("/admin/clients/crm", change)
        .await
        .expect(200);
    let opaque = access(&gateway).await;
    for token in [&leaked, &opaque] {
        assert!(works(&gateway, token).await);
    }
    rotate(&gateway, "?at_once=true").await;
    assert_eq!(states(&gateway).await, ["former", "signing"]);
    let path = format!("/admin/keys/{}", kid(&leaked));
    let retired = gateway.admin_delete(&path).await.expect(200);
    assert_eq!(retired.json(), json!({ "revoked": 1 }));
    assert!(!works(&gateway, &leaked).await, "from the cache, too");
    assert!(works(&gateway, &opaque).await);
    assert!(!published_kids(&gateway).await.contains(&kid(&leaked)));
    gateway
        .admin_delete(&path)
        .await
        .refused(404, "signing key");
}

#[tokio::test]
async fn o07_at_once_brings_a_waiting_key_forward_and_the_only_key_is_replaced_on_need() {
    let gateway = start().await;
    let first = kid(&access(&gateway).await);
    rotate(&gateway, "").await;
    rotate(&gateway, "?at_once=true").await;
    assert_eq!(states(&gateway).await, ["former", "signing"]);
    let second = kid(&access(&gateway).await);
    assert_ne!(first, second);
    for kid in [first, second.clone()] {
        let path = format!("/admin/keys/{kid}");
        gateway.admin_delete(&path).await.expect(200);
    }
    let third = access(&gateway).await;
    assert_ne!(kid(&third), second);
    assert!(works(&gateway, &third).await);
}

#[tokio::test]
async fn o07_keys_are_renewed_by_age_and_when_the_algorithm_changes() {
    let config = format!(
        "{ES256}\noauth.signing_key_lifetime = '10days'\noauth.signing_key_ahead = '2days'"
    );
    let gateway = with(&config).await;
    let keep = async || gateway.services.keys.keep().await.unwrap();
    keep().await;
    assert_eq!(keys(&gateway).await, [], "made on first need");
    let first = kid(&access(&gateway).await);
    gateway.advance(7 * DAY + 23 * HOUR).await;
    keep().await;
    assert_eq!(states(&gateway).await, ["signing"]);
    gateway.advance(HOUR).await;
    keep().await;
    keep().await;
    assert_eq!(states(&gateway).await, ["signing", "next"]);
    gateway.advance(2 * DAY).await;
    assert_ne!(kid(&access(&gateway).await), first);

    let mut config = gateway.version.config.clone();
    config.oauth.signing_algorithm = callgate::token::Algorithm::EdDsa;
    let other = second(&gateway, &config, 0).await;
    other.keys.keep().await.unwrap();
    gateway.advance(Duration::from_secs(1)).await;
    assert_eq!(states(&gateway).await, ["former", "signing", "next"]);
    gateway.advance(2 * DAY).await;
    let (header, _, _) = parts(&access(&gateway).await);
    assert_eq!(header["alg"], "EdDSA");
}

/// A further gateway on the same store, whose clock is ahead by some milliseconds.
async fn second(gateway: &TestGateway, config: &callgate::config::Config, ahead: i64) -> Services {
    let store = gateway.services.store.clone();
    let clock = Clock::manual(gateway.clock.now() + ahead);
    let reloads = Reloads::channel().0;
    Services::with(store, config, clock, reloads, Handle::current())
        .await
        .unwrap()
}

#[tokio::test]
async fn all_gateways_on_one_store_share_the_keys() {
    let gateway = start().await;
    let config = gateway.version.config.clone();
    let other = second(&gateway, &config, 0).await;
    let (one, two) = tokio::join!(gateway.services.keys.signer(), other.keys.signer());
    assert_eq!(
        one.unwrap().kid(),
        two.unwrap().kid(),
        "both needed it at once"
    );
    let token = Secret::new(access(&gateway).await);
    let third = second(&gateway, &config, 0).await;
    let version = third.version(config).await.unwrap();
    let answer = version.edge.gateway.handle(get("/rest/call", &token)).await;
    assert_eq!(answer.status(), 204);
}

#[tokio::test]
async fn o08_gateways_whose_clocks_differ_by_half_a_minute_agree_on_keys_and_tokens() {
    for ahead in [-30_000, 30_000] {
        let gateway = start().await;
        let config = gateway.version.config.clone();
        let other = second(&gateway, &config, ahead).await;
        let token = Secret::new(access(&gateway).await);
        let key = other.keys.signer().await.unwrap();
        assert_eq!(key.kid(), kid(token.expose()));
        let version = other.version(config).await.unwrap();
        let ask = async || {
            let request = get("/rest/call", &token);
            version.edge.gateway.handle(request).await.status()
        };
        assert_eq!(ask().await, 204, "good at once, {ahead}");
        let clock = other.clock.clone();
        clock.advance(Duration::from_secs(3600 - 31));
        assert_eq!(ask().await, 204, "{ahead}");
        clock.advance(Duration::from_secs(62));
        other.follower.catch_up().await.unwrap();
        assert_eq!(ask().await, 401, "{ahead}");
    }
}

#[tokio::test]
async fn a_private_key_is_in_the_store_sealed_alone() {
    let gateway = start().await;
    access(&gateway).await;
    let row = gateway
        .services
        .store
        .signing_keys()
        .await
        .unwrap()
        .remove(0);
    let sealed = row.private_key.unwrap();
    let purpose = format!("signing key {}", row.kid);
    let opened = gateway.services.sealer.open(&purpose, &sealed).unwrap();
    assert!(
        !decode(&sealed)
            .unwrap()
            .windows(16)
            .any(|part| part == &opened[..16])
    );
    assert!(
        gateway
            .services
            .sealer
            .open("signing key x", &sealed)
            .is_none()
    );
}

#[tokio::test]
async fn k01_the_metadata_says_where_the_keys_are() {
    let gateway = TestGateway::start().await;
    let path = "/.well-known/oauth-authorization-server";
    let request = http::Request::get(path).body(Bytes::new()).unwrap();
    let document = gateway.edge(request).await.json();
    assert_eq!(
        document["jwks_uri"],
        format!("{ORIGIN}/.well-known/jwks.json")
    );
    assert_eq!(published(&gateway).await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_token_by_fragment_may_be_a_jwt() {
    let gateway = start().await;
    let change = json!({ "switches": ["implicit"] });
    gateway
        .admin_patch("/admin/clients/crm", change)
        .await
        .expect(200);
    let wish = wish_with(&[
        ("response_type", "token"),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ]);
    let location = Browser::new(&gateway).allow("ann", &wish).await;
    let token = parameters(&location).remove("access_token").unwrap();
    assert_eq!(parts(&token).1["sub"], "user:id-of-ann");
    assert!(works(&gateway, &token).await);
}

#[tokio::test]
async fn f07_a_narrower_jwt_says_its_scope() {
    let gateway = start().await;
    let code = code_for(&gateway, &wish_with(&[("scope", "call pbx")])).await;
    let first = token(&gateway, &exchange(&code)).await.json();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&first["refresh_token"])),
        ("scope", "pbx"),
    ];
    let narrow = token(&gateway, &form).await.json();
    assert_eq!(parts(text(&narrow["access_token"])).1["scope"], "pbx");
}
