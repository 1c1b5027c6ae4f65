//! Rows M01 to M14 and M17 for JWTs of other issuers at the edge, and with them AT-30, AT-32 and AT-36.

use crate::dpop::Key;
use crate::harness::{NOW, ORIGIN, TestGateway, get, user};
use crate::idp::Idp;
use crate::issuer::{access, access_with, another_tenant, ask, issuer, start, status, with};
use aws_lc_rs::hmac;
use callgate::config::Config;
use callgate::secret::{Secret, decode, encode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const CALL: &str = "policies = ['call']";

/// Header, claims and signature of a token.
fn parts(token: &Secret) -> [String; 3] {
    let parts: Vec<_> = token.expose().split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

fn token(parts: &[&str]) -> Secret {
    Secret::new(parts.join("."))
}

/// The claims of a token under another header, with a signature by `sign`.
fn under(header: &str, token: &Secret, sign: impl Fn(&[u8]) -> Vec<u8>) -> Secret {
    let [_, claims, _] = parts(token);
    let signed = format!("{}.{claims}", encode(header.as_bytes()));
    let signature = encode(&sign(signed.as_bytes()));
    Secret::new(format!("{signed}.{signature}"))
}

#[tokio::test]
async fn m01_at_32_no_signature_is_no_signature_however_it_is_called() {
    let (gateway, idp) = start().await;
    let good = access(&idp, &json!({}));
    assert_eq!(status(&gateway, &good).await, 204);
    let [_, _, signature] = parts(&good);
    for alg in ["none", "None", "nOnE", "NONE", "", "HS256", "ES256K"] {
        let header = format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"key-1"}}"#);
        for kept in [Vec::new(), decode(&signature).unwrap()] {
            let forged = under(&header, &good, |_| kept.clone());
            assert_eq!(status(&gateway, &forged).await, 401, "{alg}");
        }
    }
}

#[tokio::test]
async fn m02_at_32_what_everybody_may_read_is_no_secret() {
    let (gateway, idp) = start().await;
    idp.quirks(|quirks| quirks.rs256 = true);
    let good = access(&idp, &json!({}));
    assert_eq!(status(&gateway, &good).await, 204);
    let modulus = idp.rsa_modulus();
    let secrets = [
        modulus.clone(),
        encode(&modulus).into_bytes(),
        Vec::from("AQAB"),
    ];
    for alg in ["HS256", "HS384", "HS512"] {
        let header = format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"rsa"}}"#);
        for secret in &secrets {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            let forged = under(&header, &good, |text| {
                hmac::sign(&key, text).as_ref().to_vec()
            });
            assert_eq!(status(&gateway, &forged).await, 401, "{alg}");
        }
    }
    // The key of one algorithm under the name of another.
    let [_, _, signature] = parts(&good);
    for header in [
        r#"{"alg":"ES256","typ":"at+jwt","kid":"rsa"}"#,
        r#"{"alg":"RS256","typ":"at+jwt","kid":"key-1"}"#,
        r#"{"alg":"PS256","typ":"at+jwt","kid":"rsa"}"#,
    ] {
        let forged = under(header, &good, |_| decode(&signature).unwrap());
        assert_eq!(status(&gateway, &forged).await, 401, "{header}");
    }
}

#[tokio::test]
async fn m02_an_algorithm_that_the_issuer_may_not_use_is_refused_though_its_key_could() {
    let (gateway, idp) = with("tenant = 'acme'\nalgorithms = ['RS256']", CALL).await;
    assert_eq!(status(&gateway, &access(&idp, &json!({}))).await, 401);
    idp.quirks(|quirks| quirks.rs256 = true);
    gateway.advance(Duration::from_secs(11)).await;
    assert_eq!(status(&gateway, &access(&idp, &json!({}))).await, 204);
}

#[tokio::test]
async fn m03_at_32_a_key_that_the_token_brings_or_points_at_is_nobodys() {
    let (gateway, idp) = start().await;
    let (attacker, key) = (Idp::start().await, Key::new());
    let claims = json!({
        "iss": idp.issuer(), "sub": "x", "aud": "callgate", "scope": "call", "exp": NOW / 1000 + 300,
    });
    let keys = format!("{}/keys", attacker.issuer());
    for kid in ["key-1", "theirs"] {
        for (name, value) in [
            ("jku", json!(keys)),
            ("x5u", json!(keys)),
            ("jwk", key.jwk()),
            ("x5c", json!(["MIIB"])),
        ] {
            let mut header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid });
            header[name] = value;
            let forged = Secret::new(key.jws(&header, &claims));
            assert_eq!(status(&gateway, &forged).await, 401, "{name}");
            // It is not even read: what the issuer signed is good with it.
            header["kid"] = json!("key-1");
            let signed = access_with(&idp, &header, &json!({}));
            assert_eq!(status(&gateway, &signed).await, 204, "{name}");
        }
    }
    assert_eq!(attacker.times("/keys"), 0);
}

#[tokio::test]
async fn at_32_the_name_of_a_key_is_a_name_and_nothing_else() {
    let (gateway, idp) = start().await;
    for kid in [
        json!("../../../../dev/null"),
        json!("/etc/passwd"),
        json!("' OR 1=1 --"),
        json!("key-1'; DROP TABLE tokens; --"),
        json!("key-1\u{0}"),
        json!("KEY-1"),
        json!(""),
        json!(["key-1"]),
        json!(1),
    ] {
        let forged = access_with(&idp, &json!({ "kid": kid }), &json!({}));
        assert_eq!(status(&gateway, &forged).await, 401, "{kid}");
    }
    // Without a name, the only key that fits is meant.
    let unnamed = access_with(&idp, &json!({ "kid": null }), &json!({}));
    assert_eq!(status(&gateway, &unnamed).await, 204);
    idp.rotate_keys();
    gateway.advance(Duration::from_secs(11)).await;
    assert_eq!(status(&gateway, &access(&idp, &json!({}))).await, 204);
    let unnamed = access_with(&idp, &json!({ "kid": null }), &json!({ "jti": "2" }));
    assert_eq!(status(&gateway, &unnamed).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m04_ten_thousand_invented_keys_make_one_fetch_in_ten_seconds() {
    let (gateway, idp) = start().await;
    let good = access(&idp, &json!({}));
    assert_eq!(status(&gateway, &good).await, 204);
    gateway.advance(Duration::from_secs(11)).await;
    let before = idp.times("/keys");
    let [_, claims, signature] = parts(&good);
    let gateway = Arc::new(gateway);
    let ask = |from: usize| {
        let (gateway, claims, signature) =
            (Arc::clone(&gateway), claims.clone(), signature.clone());
        tokio::spawn(async move {
            for number in from..from + 500 {
                let header =
                    format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"invented-{number}"}}"#);
                let forged = token(&[&encode(header.as_bytes()), &claims, &signature]);
                assert_eq!(status(&gateway, &forged).await, 401);
            }
        })
    };
    let asking: Vec<_> = (0..20).map(|part| ask(part * 500)).collect();
    for task in asking {
        task.await.unwrap();
    }
    assert_eq!(idp.times("/keys"), before + 1);
    assert_eq!(status(&gateway, &good).await, 204);
    let another = access(&idp, &json!({ "jti": "another" }));
    assert_eq!(status(&gateway, &another).await, 204);
    assert_eq!(idp.times("/keys"), before + 1);
}

#[tokio::test]
async fn m05_a_new_key_is_taken_after_one_fetch_and_the_old_one_ends_with_it() {
    let (gateway, idp) = start().await;
    let old = access(&idp, &json!({ "exp": NOW / 1000 + 3600 }));
    assert_eq!(status(&gateway, &old).await, 204);
    gateway.advance(Duration::from_secs(70)).await;
    let fetched = idp.times("/keys");
    idp.rotate_keys();
    let new = access(&idp, &json!({}));
    assert_eq!(status(&gateway, &new).await, 204);
    assert_eq!(status(&gateway, &old).await, 204);
    assert_eq!(idp.times("/keys"), fetched + 1);
    // A key that the issuer withdraws verifies nothing any more, once that is known.
    idp.forget_old_keys();
    gateway.advance(Duration::from_secs(70)).await;
    let unknown = access_with(&idp, &json!({ "kid": "unknown" }), &json!({}));
    assert_eq!(status(&gateway, &unknown).await, 401);
    assert_eq!(status(&gateway, &old).await, 401);
}

#[tokio::test]
async fn m06_at_36_while_keys_cannot_be_fetched_the_last_good_ones_live_on_so_long_and_no_longer() {
    let (gateway, idp) = with("tenant = 'acme'\nmax_key_age = '2h'", CALL).await;
    let long = |name: &str| access(&idp, &json!({ "jti": name, "exp": NOW / 1000 + 90_000 }));
    assert_eq!(status(&gateway, &long("1")).await, 204);
    for (hours, answers) in [(1, 204), (2, 503)] {
        gateway.advance(Duration::from_hours(1)).await;
        for (number, failure) in failures().into_iter().enumerate() {
            idp.quirks(|quirks| quirks.keys_answer = Some(failure));
            gateway.advance(Duration::from_secs(11)).await;
            let answer = ask(&gateway, &long(&format!("{hours} {number}"))).await;
            assert_eq!(answer.status, answers, "{hours} {number}");
            let told = answer.header("www-authenticate");
            assert!(told.is_empty(), "nobody is told that it is wrong: {told}");
        }
    }
    idp.quirks(|quirks| quirks.keys_answer = None);
    gateway.advance(Duration::from_secs(11)).await;
    assert_eq!(status(&gateway, &long("again")).await, 204);
}

/// Answers that are no keys.
fn failures() -> [(u16, String); 5] {
    [
        (500, String::new()),
        (302, String::new()),
        (200, "<html>".to_owned()),
        (200, r#"{"keys":"none"}"#.to_owned()),
        (200, " ".repeat(10 * 1024 * 1024)),
    ]
}

#[tokio::test]
async fn m06_at_36_without_keys_that_issuer_alone_is_closed() {
    for path in ["keys", "metadata"] {
        let (away, here) = (Idp::start().await, Idp::start().await);
        if path == "keys" {
            away.quirks(|quirks| quirks.keys_answer = Some((500, String::new())));
        } else {
            away.quirks(|quirks| {
                quirks.metadata_issuer = Some("https://another.example".to_owned());
            });
        }
        let config = issuer(&away, "away", "tenant = 'acme'", CALL)
            + &issuer(&here, "here", "tenant = 'acme'", CALL);
        let gateway = TestGateway::with(&config).await;
        for idp in [&away, &here] {
            idp.follow(&gateway.clock);
        }
        let answer = ask(&gateway, &access(&away, &json!({}))).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("retry-after")),
            (503, "1")
        );
        assert_eq!(status(&gateway, &access(&here, &json!({}))).await, 204);
        assert_eq!(status(&gateway, &gateway.ann().await).await, 204);
    }
}

#[tokio::test]
async fn at_36_a_reload_while_the_issuer_is_away_goes_on_with_the_keys_that_were_known() {
    for place in ["", "jwks_uri = 'ISSUER/keys'"] {
        let idp = Idp::start().await;
        let keys = format!(
            "tenant = 'acme'\n{}",
            place.replace("ISSUER", &idp.issuer())
        );
        let gateway = TestGateway::with(&issuer(&idp, "idp", &keys, CALL)).await;
        idp.follow(&gateway.clock);
        assert_eq!(status(&gateway, &access(&idp, &json!({}))).await, 204);
        idp.quirks(|quirks| {
            quirks.keys_answer = Some((500, String::new()));
            quirks.metadata_issuer = Some("https://away.example".to_owned());
        });
        gateway.advance(Duration::from_secs(11)).await;
        let new = gateway.services.version(gateway.version.config.clone());
        let new = new.await.unwrap();
        let another = access(&idp, &json!({ "jti": "another" }));
        let head = get("/rest/call", &another).into_parts().0;
        assert!(
            new.edge.gateway.decide(&head).await.verdict.is_ok(),
            "{place}"
        );
        assert_eq!(idp.times("/keys"), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_36_a_reload_while_keys_are_fetched_ends_no_request() {
    let (gateway, idp) = start().await;
    let config = gateway.version.config.clone();
    idp.quirks(|quirks| quirks.keys_delay = Duration::from_millis(300));
    let good = access(&idp, &json!({}));
    let head = get("/rest/call", &good).into_parts().0;
    let (old, new) = (
        &gateway.version.edge.gateway,
        gateway.services.version(config).await.unwrap(),
    );
    let asking = async {
        let decisions = futures_util::future::join_all((0..50).map(|_| old.decide(&head))).await;
        assert!(decisions.iter().all(|decision| decision.verdict.is_ok()));
    };
    let reloading = async {
        for _ in 0..5 {
            let again = gateway
                .services
                .version(gateway.version.config.clone())
                .await;
            assert!(
                again
                    .unwrap()
                    .edge
                    .gateway
                    .decide(&head)
                    .await
                    .verdict
                    .is_ok()
            );
        }
    };
    tokio::join!(asking, reloading);
    assert!(new.edge.gateway.decide(&head).await.verdict.is_ok());
}

#[tokio::test]
async fn m07_issuer_and_audience_are_compared_to_the_letter() {
    let (gateway, idp) = start().await;
    let iss = idp.issuer();
    for other in [
        json!(format!("{iss}/")),
        json!(iss.to_uppercase()),
        json!(iss.replace("127.0.0.1", "localhost")),
        json!("https://idp.example"),
        json!([iss]),
        json!(""),
        Value::Null,
    ] {
        let token = access(&idp, &json!({ "iss": other }));
        assert_eq!(status(&gateway, &token).await, 401, "{other}");
    }
    for (audience, answer) in [
        (json!("callgate"), 204),
        (json!(["x", "other"]), 204),
        (json!("Callgate"), 401),
        (json!("callgate/"), 401),
        (json!("callgate other"), 401),
        (json!(["x"]), 401),
        (json!([["callgate"]]), 401),
        (json!([]), 401),
        (json!({ "callgate": true }), 401),
        (json!(""), 401),
        (Value::Null, 401),
    ] {
        let token = access(&idp, &json!({ "aud": audience }));
        assert_eq!(status(&gateway, &token).await, answer, "{audience}");
    }
}

#[tokio::test]
async fn m08_a_token_is_of_now_or_refused() {
    let (gateway, idp) = start().await;
    let now = NOW / 1000;
    for (claim, time, answer) in [
        ("exp", json!(now - 9), 204),
        ("exp", json!(now - 10), 401),
        ("exp", json!(0), 401),
        ("exp", json!(-1), 401),
        ("exp", json!(format!("{}", now + 300)), 401),
        ("exp", json!(true), 401),
        ("exp", Value::Null, 401),
        ("exp", json!(1e300), 401),
        ("exp", json!(1_795_315_473.5), 204),
        ("nbf", json!(now + 10), 204),
        ("nbf", json!(now + 11), 401),
        ("nbf", json!("0"), 401),
        ("nbf", json!(0), 204),
        ("iat", json!(now + 10), 204),
        ("iat", json!(now + 11), 401),
        ("iat", json!(-1), 401),
        ("iat", Value::Null, 204),
    ] {
        let token = access(&idp, &json!({ claim: time }));
        assert_eq!(status(&gateway, &token).await, answer, "{claim} {time}");
    }
    // A number that no machine holds.
    let good = access(&idp, &json!({}));
    let [header, claims, _] = parts(&good);
    let claims = String::from_utf8(decode(&claims).unwrap()).unwrap();
    let endless = claims.replace(&format!("{}", now + 300), "1e400");
    assert_ne!(endless, claims);
    let forged = token(&[&header, &encode(endless.as_bytes()), "AAAA"]);
    assert_eq!(status(&gateway, &forged).await, 401);
}

#[tokio::test]
async fn m08_a_token_that_is_known_expires_all_the_same() {
    let (gateway, idp) = start().await;
    let token = access(&idp, &json!({ "exp": NOW / 1000 + 20 }));
    assert_eq!(status(&gateway, &token).await, 204);
    // With the clocks' ten seconds.
    gateway.advance(Duration::from_secs(29)).await;
    assert_eq!(status(&gateway, &token).await, 204);
    gateway.advance(Duration::from_secs(1)).await;
    assert_eq!(status(&gateway, &token).await, 401);
}

#[tokio::test]
async fn m09_what_is_not_called_an_access_token_is_none() {
    let (gateway, idp) = start().await;
    for (typ, answer) in [
        (json!("at+jwt"), 204),
        (json!("application/at+jwt"), 204),
        (json!("AT+JWT"), 204),
        (json!("JWT"), 401),
        (json!("dpop+jwt"), 401),
        (json!("logout+jwt"), 401),
        (json!("token-introspection+jwt"), 401),
        (json!(""), 401),
        (json!(1), 401),
        (Value::Null, 401),
    ] {
        let token = access_with(&idp, &json!({ "typ": typ }), &json!({}));
        assert_eq!(status(&gateway, &token).await, answer, "{typ}");
    }
}

#[tokio::test]
async fn m09_an_issuer_that_calls_all_its_tokens_jwt_needs_a_mark() {
    let keys = "tenant = 'acme'\ntyp = ['JWT']\nrequire = { 'x.use' = 'access', scp = true }";
    let (gateway, idp) = with(keys, "policies = ['call']").await;
    let jwt = json!({ "typ": "JWT" });
    let marked = json!({ "x": { "use": "access" }, "scp": "call" });
    assert_eq!(
        status(&gateway, &access_with(&idp, &jwt, &marked)).await,
        204
    );
    let untyped = json!({ "typ": null });
    assert_eq!(
        status(&gateway, &access_with(&idp, &untyped, &marked)).await,
        204
    );
    for (name, value) in [
        ("x", json!({ "use": "id" })),
        ("x", json!("access")),
        ("x", Value::Null),
        ("scp", Value::Null),
        // What only an ID token or a logout token has.
        ("at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ")),
        ("events", json!({})),
    ] {
        let mut claims = marked.clone();
        claims[name] = value;
        let token = access_with(&idp, &jwt, &claims);
        assert_eq!(status(&gateway, &token).await, 401, "{name}");
    }
}

#[tokio::test]
async fn m10_at_32_what_must_be_understood_and_is_not_is_refused() {
    let (gateway, idp) = start().await;
    for header in [
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": "x" }),
    ] {
        let token = access_with(&idp, &header, &json!({}));
        assert_eq!(status(&gateway, &token).await, 401, "{header}");
    }
    let good = access(&idp, &json!({}));
    let [header, claims, signature] = parts(&good);
    let json = json!({
        "payload": claims,
        "signatures": [
            { "protected": header, "signature": signature },
            { "protected": header, "signature": "AAAA" },
        ],
    });
    for form in [
        format!("{header}.{claims}.{signature}.{signature}.{signature}"),
        format!("{header}.{claims}.{signature}."),
        format!("{header}.{claims}"),
        json.to_string().replace(' ', ""),
    ] {
        assert_eq!(status(&gateway, &Secret::new(form)).await, 401);
    }
}

#[tokio::test]
async fn m11_signatures_that_prove_nothing() {
    let (gateway, idp) = start().await;
    let good = access(&idp, &json!({}));
    let [header, claims, signature] = parts(&good);
    let right = decode(&signature).unwrap();
    let (r, s) = right.split_at(32);
    let der = [[0x30, 0x44, 0x02, 0x20].as_slice(), r, &[0x02, 0x20], s].concat();
    let mut flipped = right.clone();
    flipped[63] ^= 1;
    for wrong in [
        vec![0; 64],
        der,
        Vec::new(),
        r.to_vec(),
        flipped,
        [&right[..], &[0]].concat(),
    ] {
        let forged = token(&[&header, &claims, &encode(&wrong)]);
        assert_eq!(status(&gateway, &forged).await, 401);
    }
    // Another text of the same signature: what ends the one ends the other.
    let high = [r, &order_minus(s)].concat();
    let twin = token(&[&header, &claims, &encode(&high)]);
    let answers = [status(&gateway, &good).await, status(&gateway, &twin).await];
    assert_eq!(answers[0], 204);
    let mut acme = gateway
        .services
        .store
        .tenant("acme")
        .await
        .unwrap()
        .unwrap();
    acme.disabled_at = Some(NOW);
    gateway
        .services
        .store
        .update_tenant(acme, NOW)
        .await
        .unwrap();
    gateway.services.follower.catch_up().await.unwrap();
    assert_eq!(status(&gateway, &good).await, 401);
    assert_eq!(status(&gateway, &twin).await, 401);
}

/// The order of P-256 (FIPS 186-5) less `s`.
fn order_minus(s: &[u8]) -> Vec<u8> {
    let order = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
    let order = (0..32).map(|at| u8::from_str_radix(&order[2 * at..2 * at + 2], 16).unwrap());
    let (mut result, mut borrow) = (vec![0; 32], 0);
    for (at, (whole, part)) in order
        .zip(s)
        .enumerate()
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        let digit = i16::from(whole) - i16::from(*part) - borrow;
        borrow = i16::from(digit < 0);
        result[at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    result
}

#[tokio::test]
async fn m12_keys_for_something_else_verify_nothing() {
    let (gateway, idp) = start().await;
    let published = idp.published();
    let change = |name: &str, value: Value| {
        let mut keys = published.clone();
        keys["keys"][0][name] = value;
        keys.to_string()
    };
    for (number, keys) in [
        change("use", json!("enc")),
        change("key_ops", json!(["encrypt"])),
        change("alg", json!("ES384")),
        change("crv", json!("P-384")),
        change("kty", json!("oct")),
    ]
    .into_iter()
    .enumerate()
    {
        idp.quirks(|quirks| quirks.keys_answer = Some((200, keys.clone())));
        gateway.advance(Duration::from_secs(11)).await;
        let answer = status(
            &gateway,
            &access(&idp, &json!({ "jti": number.to_string() })),
        )
        .await;
        assert_eq!(answer, 401, "{keys}");
    }
    idp.quirks(|quirks| quirks.keys_answer = None);
    gateway.advance(Duration::from_secs(11)).await;
    assert_eq!(status(&gateway, &access(&idp, &json!({}))).await, 204);
}

#[tokio::test]
async fn m13_what_is_endless_nested_doubled_or_no_text_is_refused() {
    let (gateway, idp) = start().await;
    let key = Key::new();
    let header = r#"{"alg":"ES256","typ":"at+jwt","kid":"key-1"}"#;
    let iss = idp.issuer();
    let nested = format!(
        r#"{{"iss":"{iss}","x":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let unended = format!(r#"{{"iss":"{iss}","x":{}"#, "[".repeat(5_000));
    for claims in [
        nested,
        unended,
        format!(r#"{{"iss":"{iss}","iss":"{ORIGIN}"}}"#),
        "[]".to_owned(),
    ] {
        let forged = Secret::new(key.jws_of(header, &claims));
        assert_eq!(status(&gateway, &forged).await, 401);
    }
    let [good_header, _, signature] = parts(&access(&idp, &json!({})));
    let not_utf8 = encode(b"{\"iss\":\"\xff\xfe\"}");
    for forged in [
        token(&[&good_header, &not_utf8, &signature]),
        token(&[&"A".repeat(64 * 1024), "e30", "AAAA"]),
        token(&["", "", ""]),
        token(&["e30", "e30", "e30"]),
        token(&[&good_header, "=", &signature]),
    ] {
        assert_eq!(status(&gateway, &forged).await, 401);
    }
    // Signed by the issuer, which should know better.
    let twice = idp.signed_text(
        r#"{"alg":"ES256","typ":"at+jwt","kid":"key-1"}"#,
        &format!(
            r#"{{"iss":"{iss}","sub":"ann","sub":"bob","aud":"callgate","scope":"call","exp":{}}}"#,
            NOW / 1000 + 300
        ),
    );
    assert_eq!(status(&gateway, &Secret::new(twice)).await, 401);
}

#[tokio::test]
async fn m17_at_30_what_is_known_of_a_token_decides_nothing_about_another_route() {
    let (gateway, idp) = start().await;
    let policy = callgate::storage::policies::Policy {
        name: "see".to_owned(),
        description: "See calls.".to_owned(),
        accesses: callgate::storage::policies::Accesses(vec!["calls.read".to_owned()]),
        created_at: NOW,
    };
    gateway.services.store.put_policy(policy).await.unwrap();
    let config = Config::parse(&config_of(
        &gateway,
        &idp,
        "tenant = 'acme'",
        "policies = ['see']",
    ))
    .unwrap();
    let version = gateway.services.version(config).await.unwrap();
    let token = access(&idp, &json!({ "scope": "see call" }));
    let head = |method: &str| {
        let mut head = get("/rest/call", &token).into_parts().0;
        head.method = method.parse().unwrap();
        head
    };
    let gateway = &version.edge.gateway;
    for _ in 0..2 {
        assert!(gateway.decide(&head("GET")).await.verdict.is_ok());
        assert!(gateway.decide(&head("POST")).await.verdict.is_err());
    }
}

/// A configuration like the gateway's, but for its issuer.
fn config_of(gateway: &TestGateway, idp: &Idp, keys: &str, principal: &str) -> String {
    format!(
        "operations.token = 'another-operator'\ntokens.key = '0123456789abcdef0123456789abcdef'\n\
         server.public_origin = '{ORIGIN}'\nstore.url = '{}'\n{}",
        gateway.version.config.store.url,
        issuer(idp, "idp", keys, principal)
    )
}

#[tokio::test]
async fn at_30_what_was_found_out_under_other_settings_is_not_found_any_more() {
    let (gateway, idp) = start().await;
    another_tenant(&gateway, "other").await;
    let token = access(&idp, &json!({ "preferred_username": "ann" }));
    assert_eq!(status(&gateway, &token).await, 204);
    let head = get("/rest/call", &token).into_parts().0;
    // Stricter in what is taken: the cache of the process is the same.
    for keys in [
        "tenant = 'acme'\nclients = ['another']",
        "tenant = 'acme'\nalgorithms = ['RS256']",
        "tenant = 'acme'\nrequire = { typ = 'Bearer' }",
        "tenant = 'nowhere'",
    ] {
        let config = Config::parse(&config_of(&gateway, &idp, keys, CALL)).unwrap();
        let version = gateway.services.version(config).await.unwrap();
        assert!(
            version.edge.gateway.decide(&head).await.verdict.is_err(),
            "{keys}"
        );
    }
    // Another tenant, another user, another policy: another principal.
    let of = async |keys: &str, principal: &str| {
        let config = Config::parse(&config_of(&gateway, &idp, keys, principal)).unwrap();
        let version = gateway.services.version(config).await.unwrap();
        version.edge.gateway.decide(&head).await.principal
    };
    let other = of("tenant = 'other'", CALL).await.unwrap();
    assert_eq!(other.tenant, "other");
    let named = format!("{CALL}\nuser = {{ claim = 'preferred_username' }}");
    let ann = of("tenant = 'acme'", &named).await.unwrap();
    assert_eq!(ann.subject, user("ann"));
    let nothing = of("tenant = 'acme'", "policies = ['pbx']").await.unwrap();
    assert_eq!(nothing.scope, "");
    assert_eq!(status(&gateway, &token).await, 204);
}

#[tokio::test]
async fn at_30_a_token_of_one_issuer_is_worth_nothing_as_anothers() {
    let (one, two) = (Idp::start().await, Idp::start().await);
    let config = issuer(&one, "one", "tenant = 'acme'", CALL)
        + &issuer(&two, "two", "tenant = 'acme'", CALL);
    let gateway = TestGateway::with(&config).await;
    for idp in [&one, &two] {
        idp.follow(&gateway.clock);
    }
    assert_eq!(status(&gateway, &access(&one, &json!({}))).await, 204);
    // Both call their key `key-1`.
    let posing = access(&two, &json!({ "iss": one.issuer() }));
    assert_eq!(status(&gateway, &posing).await, 401);
}
