//! What is presented to upstreams: found for its user alone, as it is now, or refused with a reason.

use crate::external;
use crate::harness::{Answer, NOW, TestGateway, user};
use crate::idp::Idp;
use crate::oauth::Browser;
use crate::process::fakes::Fake;
use bytes::Bytes;
use callgate::error::Error;
use callgate::http::client::{Client, Settings};
use callgate::kalliope::{DigestPassword, Header, Salt};
use callgate::secret::Secret;
use callgate::storage::user_credentials::UserCredential;
use callgate::token::{External, Subject};
use callgate::upstream_auth::{CredentialError, Credentials, Signer};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const OWN: &str = "[[credential]]\nname = 'pbx'\nkind = 'basic'\nof = 'user'\n\
                   [[credential]]\nname = 'crm'\nkind = 'bearer'\nof = 'user'\nheader = 'X-Auth-Token'\n";

const ANN: &str = "/admin/users/id-of-ann/credentials/pbx";
const BOB: &str = "/admin/users/id-of-bob/credentials/pbx";

fn basic(password: &str) -> Value {
    json!({ "username": "there", "password": password })
}

/// `there:PASSWORD` as it is sent.
fn sent(password: &str) -> String {
    use base64::Engine;
    let pair = format!("there:{password}");
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    )
}

/// What is presented for a user, or why nothing is.
async fn presented(
    gateway: &TestGateway,
    name: &str,
    subject: &Subject,
) -> Result<String, &'static str> {
    presented_by(&gateway.version.credentials, name, subject).await
}

async fn presented_by(
    credentials: &Credentials,
    name: &str,
    subject: &Subject,
) -> Result<String, &'static str> {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bearer of-the-client".parse().unwrap());
    match credentials.sign(name, subject, &mut headers).await {
        Ok(_) => {
            let value = headers
                .get("x-auth-token")
                .or_else(|| headers.get("authorization"));
            Ok(value.unwrap().to_str().unwrap().to_owned())
        }
        Err(error) => Err(Error::from(error).problem().code),
    }
}

fn counted(gateway: &TestGateway, credential: &str, result: &str) -> u64 {
    let text = String::from_utf8(gateway.services.metrics.render()).unwrap();
    let name = format!(
        "callgate_upstream_credentials_total{{credential=\"{credential}\",result=\"{result}\"}} "
    );
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |count| count.parse().unwrap())
}

async fn set(gateway: &TestGateway, path: &str, body: Value) -> Answer {
    gateway.admin_put(path, body).await
}

#[tokio::test]
async fn at_19_a_users_secret_is_presented_for_that_user_and_for_nobody_else() {
    let gateway = TestGateway::with(OWN).await;
    set(&gateway, ANN, basic("of-ann")).await.expect(204);
    set(&gateway, BOB, basic("of-bob")).await.expect(204);
    let eve = Subject::User("id-of-eve".to_owned());
    for _ in 0..3 {
        assert_eq!(
            presented(&gateway, "pbx", &user("ann")).await,
            Ok(sent("of-ann"))
        );
        assert_eq!(
            presented(&gateway, "pbx", &user("bob")).await,
            Ok(sent("of-bob"))
        );
        assert_eq!(
            presented(&gateway, "pbx", &eve).await,
            Err("credential_missing")
        );
        assert_eq!(
            presented(&gateway, "crm", &user("ann")).await,
            Err("credential_missing")
        );
    }
    // A client that is called like a user is not that user, nor is somebody of another issuer.
    for other in [
        Subject::Client("id-of-ann".to_owned()),
        Subject::External(External::new("pbx", "id-of-ann")),
        Subject::Operator,
    ] {
        assert_eq!(
            presented(&gateway, "pbx", &other).await,
            Err("credential_needs_user")
        );
    }
    let nobody = gateway.version.credentials.prepare("pbx", None).await;
    assert!(matches!(nobody, Err(CredentialError::NoUser)));
    assert_eq!(counted(&gateway, "pbx", "presented"), 6);
    assert_eq!(counted(&gateway, "pbx", "missing"), 3);
    assert_eq!(counted(&gateway, "pbx", "no_user"), 4);
}

#[tokio::test]
async fn a_token_of_a_user_is_presented_bare_in_the_header_of_the_configuration() {
    let gateway = TestGateway::with(OWN).await;
    let path = "/admin/users/id-of-ann/credentials/crm";
    set(&gateway, path, json!({ "token": "6f1a" }))
        .await
        .expect(204);
    assert_eq!(
        presented(&gateway, "crm", &user("ann")).await.as_deref(),
        Ok("6f1a")
    );
}

#[tokio::test]
async fn at_37_a_secret_that_is_changed_or_removed_is_presented_no_more() {
    let gateway = TestGateway::with(OWN).await;
    let other = gateway.beside().await;
    let ann = user("ann");
    set(&gateway, ANN, basic("first")).await.expect(204);
    assert_eq!(presented(&gateway, "pbx", &ann).await, Ok(sent("first")));
    assert_eq!(presented(&other, "pbx", &ann).await, Ok(sent("first")));
    set(&gateway, ANN, basic("second")).await.expect(204);
    assert_eq!(presented(&gateway, "pbx", &ann).await, Ok(sent("second")));
    other.services.follower.catch_up().await.unwrap();
    assert_eq!(presented(&other, "pbx", &ann).await, Ok(sent("second")));

    gateway.admin_delete(ANN).await.expect(204);
    assert_eq!(
        presented(&gateway, "pbx", &ann).await,
        Err("credential_missing")
    );
    other.services.follower.catch_up().await.unwrap();
    assert_eq!(
        presented(&other, "pbx", &ann).await,
        Err("credential_missing")
    );
    gateway.admin_delete(ANN).await.expect(404);
}

#[tokio::test]
async fn what_is_remembered_counts_only_while_the_revocations_are_followed() {
    let gateway = TestGateway::with(OWN).await;
    let other = gateway.beside().await;
    set(&gateway, ANN, basic("first")).await.expect(204);
    assert_eq!(
        presented(&other, "pbx", &user("ann")).await,
        Ok(sent("first"))
    );
    set(&gateway, ANN, basic("second")).await.expect(204);
    // Nothing follows the feed in this test; past `cache.max_stale` the store is asked.
    gateway.clock.advance(Duration::from_secs(31));
    assert_eq!(
        presented(&other, "pbx", &user("ann")).await,
        Ok(sent("second"))
    );
}

#[tokio::test]
async fn at_19_a_row_that_is_moved_to_another_user_or_name_does_not_open() {
    let gateway = TestGateway::with(OWN).await;
    set(&gateway, ANN, basic("of-ann")).await.expect(204);
    let store = &gateway.services.store;
    let row = store
        .user_credential("id-of-ann", "pbx")
        .await
        .unwrap()
        .unwrap();
    assert!(!row.sealed.contains("of-ann"));
    for moved in [
        UserCredential {
            user_id: "id-of-bob".to_owned(),
            ..row.clone()
        },
        UserCredential {
            name: "crm".to_owned(),
            ..row.clone()
        },
    ] {
        let entry = callgate::storage::audit::Entry::new(
            callgate::storage::audit::Event::Administration,
            0,
        );
        store
            .set_user_credential(moved.clone(), entry)
            .await
            .unwrap();
        let subject = Subject::User(moved.user_id);
        assert_eq!(
            presented(&gateway, &moved.name, &subject).await,
            Err("credential_missing")
        );
    }
}

#[tokio::test]
async fn what_cannot_be_presented_is_not_set() {
    let gateway = TestGateway::with(OWN).await;
    for (path, body, status, why) in [
        (ANN, json!({ "token": "t" }), 400, "username"),
        (
            ANN,
            json!({ "username": "a:b", "password": "p" }),
            400,
            "username",
        ),
        (
            ANN,
            json!({ "username": "a", "password": "" }),
            400,
            "password",
        ),
        (
            ANN,
            json!({ "username": "a", "pasword": "p" }),
            400,
            "unknown field",
        ),
        (
            "/admin/users/id-of-ann/credentials/crm",
            json!({ "token": "a b" }),
            400,
            "token",
        ),
        (
            "/admin/users/id-of-ann/credentials/none",
            basic("p"),
            404,
            "credential",
        ),
        (
            "/admin/users/nobody/credentials/pbx",
            basic("p"),
            404,
            "user",
        ),
    ] {
        set(&gateway, path, body).await.refused(status, why);
    }
    assert!(
        gateway
            .services
            .store
            .user_credentials("id-of-ann")
            .await
            .unwrap()
            .is_empty()
    );
    // A value is taken as it stands: it names no file of the gateway's.
    set(&gateway, ANN, basic("file:/etc/hostname"))
        .await
        .expect(204);
    assert_eq!(
        presented(&gateway, "pbx", &user("ann")).await,
        Ok(sent("file:/etc/hostname"))
    );
}

#[tokio::test]
async fn a_secret_is_shown_to_nobody_and_its_setting_stands_in_the_audit_log() {
    let gateway = TestGateway::with(OWN).await;
    set(&gateway, ANN, basic("planted-secret"))
        .await
        .expect(204);
    let listed = gateway
        .admin_get("/admin/users/id-of-ann/credentials")
        .await;
    let listed = listed.expect(200);
    assert_eq!(listed.json()["items"][0]["name"], "pbx");
    assert_eq!(listed.json()["items"][0]["kind"], "basic");
    gateway.admin_delete(ANN).await.expect(204);
    let audit = gateway
        .admin_get("/admin/audit?user=id-of-ann")
        .await
        .expect(200);
    let acts: Vec<_> = audit.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            (
                item["detail"]["act"].clone(),
                item["detail"]["credential"].clone(),
            )
        })
        .collect();
    assert_eq!(
        acts,
        [
            (json!("user.credential.remove"), json!("pbx")),
            (json!("user.credential.set"), json!("pbx")),
        ]
    );
    for text in [listed.text(), audit.text()] {
        assert!(!text.contains("planted-secret"), "{text}");
    }
    let signer = gateway.version.credentials.prepare("pbx", None).await;
    assert!(!format!("{signer:?} {:?}", gateway.version.credentials).contains("planted"));
}

/// A gateway whose route takes a provider's token, and the provider, which has given one for ann.
async fn with_provider() -> (TestGateway, Idp) {
    let credential = "\n[[credential]]\nname = 'sip'\nkind = 'provider'\nprovider = 'idp'\n";
    let (gateway, idp) = external::with(credential).await;
    idp.quirks(|quirks| quirks.rotates = true);
    external::link(&gateway, &idp, "sub-1", "ann").await;
    let back = external::log_in(&mut Browser::new(&gateway), &idp, "sub-1").await;
    assert_eq!(back.status, 303, "{}", back.text());
    (gateway, idp)
}

#[tokio::test]
async fn a_providers_token_is_presented_for_its_user_and_renewed_as_it_ends() {
    let (gateway, idp) = with_provider().await;
    let first = presented(&gateway, "sip", &user("ann")).await.unwrap();
    assert!(
        idp.issued().contains(&first.replace("Bearer ", "")),
        "{first}"
    );
    gateway.advance(Duration::from_mins(5)).await;
    let second = presented(&gateway, "sip", &user("ann")).await.unwrap();
    assert_ne!(first, second);
    assert!(idp.issued().contains(&second.replace("Bearer ", "")));
    for (other, code) in [
        (user("bob"), "credential_missing"),
        (Subject::Client("crm".to_owned()), "credential_needs_user"),
    ] {
        assert_eq!(presented(&gateway, "sip", &other).await, Err(code));
    }
    assert_eq!(counted(&gateway, "sip", "not_linked"), 1);
}

#[tokio::test]
async fn a_provider_that_cannot_be_asked_is_503_and_one_that_takes_it_no_more_asks_for_a_login() {
    let (gateway, idp) = with_provider().await;
    gateway.advance(Duration::from_mins(6)).await;
    idp.quirks(|quirks| quirks.token_answer = Some((503, String::new())));
    let ann = user("ann");
    assert_eq!(
        presented(&gateway, "sip", &ann).await,
        Err("credential_unavailable")
    );
    idp.quirks(|quirks| quirks.token_answer = None);
    idp.forget();
    gateway.advance(Duration::from_secs(11)).await;
    assert_eq!(
        presented(&gateway, "sip", &ann).await,
        Err("credential_login_again")
    );
    assert_eq!(counted(&gateway, "sip", "unavailable"), 1);
    assert_eq!(counted(&gateway, "sip", "login_again"), 1);
}

async fn refuse(gateway: &TestGateway, status: StatusCode) -> Result<(), CredentialError> {
    let signer = gateway
        .version
        .credentials
        .prepare("sip", Some(&user("ann")))
        .await;
    signer.unwrap().hear(status, &HeaderMap::new()).await
}

#[tokio::test]
async fn a_providers_token_that_is_refused_is_renewed_for_the_next_request_but_not_over_and_over() {
    let (gateway, idp) = with_provider().await;
    let ann = user("ann");
    let first = presented(&gateway, "sip", &ann).await.unwrap();
    // As young as it is, another would be refused too.
    refuse(&gateway, StatusCode::UNAUTHORIZED)
        .await
        .unwrap_err();
    assert_eq!(presented(&gateway, "sip", &ann).await, Ok(first.clone()));
    gateway.advance(Duration::from_mins(1)).await;
    refuse(&gateway, StatusCode::FORBIDDEN).await.unwrap();
    assert_eq!(presented(&gateway, "sip", &ann).await, Ok(first.clone()));
    refuse(&gateway, StatusCode::UNAUTHORIZED)
        .await
        .unwrap_err();
    let second = presented(&gateway, "sip", &ann).await.unwrap();
    assert_ne!(first, second);
    for _ in 0..5 {
        refuse(&gateway, StatusCode::UNAUTHORIZED)
            .await
            .unwrap_err();
        assert_eq!(presented(&gateway, "sip", &ann).await, Ok(second.clone()));
    }
    assert_eq!(idp.times("/token"), 2);
    assert_eq!(counted(&gateway, "sip", "refused"), 7);
    assert_eq!(counted(&gateway, "sip", "forbidden"), 1);
}

#[tokio::test]
async fn a_token_that_was_refused_while_it_was_renewed_loses_nothing() {
    let (gateway, idp) = with_provider().await;
    gateway.advance(Duration::from_mins(4)).await;
    let tokens = Arc::clone(&gateway.version.provider_tokens);
    let signer = gateway
        .version
        .credentials
        .prepare("sip", Some(&user("ann")))
        .await
        .unwrap();
    gateway.advance(Duration::from_secs(50)).await;
    idp.quirks(|quirks| quirks.delay = Duration::from_millis(300));
    let renewal = tokio::spawn(async move { tokens.access("id-of-ann", "idp").await });
    while idp.times("/token") < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signer
        .hear(StatusCode::UNAUTHORIZED, &HeaderMap::new())
        .await
        .unwrap_err();
    let renewed = renewal.await.unwrap().unwrap();
    // The set that came of the refresh token, which is good for once, is the one that is kept.
    let kept = presented(&gateway, "sip", &user("ann")).await.unwrap();
    assert_eq!(kept, format!("Bearer {}", renewed.expose()));
    idp.quirks(|quirks| quirks.delay = Duration::ZERO);
    gateway.advance(Duration::from_mins(5)).await;
    assert!(presented(&gateway, "sip", &user("ann")).await.is_ok());
}

/// A service user's digest, with the salt in the configuration.
const DIGEST: &str = "[[credential]]\nname = 'kalliope'\nkind = 'digest'\nusername = 'click2call'\ndomain = 'default'\n\
                      password = 'planted-password'\nsalt = 'b5a8fdcf2f8d5acdad33c4a072a97d7a'\n";

async fn prepared(gateway: &TestGateway, name: &str) -> Signer {
    let credentials = &gateway.version.credentials;
    credentials.prepare(name, None).await.unwrap()
}

fn digest(signer: &Signer) -> (i64, String) {
    let (name, value) = signer.header().unwrap();
    assert_eq!(name, "x-authenticate");
    let text = std::str::from_utf8(value.as_bytes()).unwrap();
    let header = Header::parse(text).unwrap();
    assert_eq!(
        (header.username(), header.domain()),
        ("click2call", "default")
    );
    let salt = Salt::parse("b5a8fdcf2f8d5acdad33c4a072a97d7a").unwrap();
    let password = DigestPassword::of(&Secret::new("planted-password"), &salt);
    assert!(header.is_signed_by(&password));
    (header.created(), header.nonce().to_owned())
}

#[tokio::test]
async fn at_40_each_attempt_has_a_digest_of_its_own_made_now() {
    let gateway = TestGateway::with(DIGEST).await;
    let signer = prepared(&gateway, "kalliope").await;
    let mut nonces = BTreeSet::new();
    for attempt in 0..3 {
        let (created, nonce) = digest(&signer);
        assert_eq!(created, NOW + attempt * 60_000);
        assert!(nonces.insert(nonce));
        gateway.clock.advance(Duration::from_mins(1));
    }
    assert!(!signer.may_repeat());
}

#[tokio::test]
async fn a_digest_is_made_by_the_clock_of_whom_it_is_for() {
    let gateway = TestGateway::with(DIGEST).await;
    let signer = prepared(&gateway, "kalliope").await;
    digest(&signer);
    let there = jiff::Timestamp::from_millisecond(NOW + 400_000).unwrap();
    let date = there.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let answer = HeaderMap::from_iter([(http::header::DATE, date.parse().unwrap())]);
    // It is learnt from a refusal, too: the next request is good.
    signer
        .hear(StatusCode::UNAUTHORIZED, &answer)
        .await
        .unwrap_err();
    let next = prepared(&gateway, "kalliope").await;
    assert_eq!(digest(&next).0, NOW + 400_000);
    let metrics = String::from_utf8(gateway.services.metrics.render()).unwrap();
    let offset = "callgate_upstream_clock_offset_seconds{credential=\"kalliope\"} 400";
    assert!(metrics.contains(offset), "{metrics}");
}

/// What a Kalliope answers to a request that is sent as call backends send theirs.
async fn ask(gateway: &TestGateway, fake: &Fake) -> Result<StatusCode, CredentialError> {
    let client = Client::new(&Settings::default()).unwrap();
    let uri = format!("http://{}/rest/account", fake.address);
    let mut request = http::Request::get(uri).body(Bytes::new()).unwrap();
    let credentials = &gateway.version.credentials;
    let ann = user("ann");
    let signing = credentials.sign("kalliope", &ann, request.headers_mut());
    let signer = signing.await?;
    let answer = client.send(request).await.unwrap();
    signer.hear(answer.status(), answer.headers()).await?;
    Ok(answer.status())
}

#[tokio::test]
async fn a_salt_is_asked_of_the_pbx_once_for_many_and_again_when_it_is_another() {
    let fake = Fake::start(
        "kalliope",
        &["--user", "default/click2call:planted-password"],
    );
    fake.admin("PUT", "clock", &json!({ "frozen": NOW / 1000 }))
        .await;
    let salt_from = format!("salt_from = 'http://{}'", fake.address);
    let config = DIGEST.replace("salt = 'b5a8fdcf2f8d5acdad33c4a072a97d7a'", &salt_from);
    let gateway = TestGateway::with(&config).await;
    let asking = (0..20).map(|_| ask(&gateway, &fake));
    for answer in futures_util::future::join_all(asking).await {
        assert_eq!(answer.unwrap(), 200);
    }
    let salts = |fake: &Fake| {
        let requests = fake.log("request");
        requests
            .iter()
            .filter(|line| line.to_string().contains("/rest/salt/"))
            .count()
    };
    assert_eq!(salts(&fake), 1);

    fake.admin(
        "PUT",
        "tenants/default",
        &json!({ "salt": "0123456789abcdef0123456789abcdef" }),
    )
    .await;
    let user = json!({ "password": "planted-password", "api": true });
    fake.admin("PUT", "users/default/click2call", &user).await;
    fake.admin("PUT", "clock", &json!({ "frozen": NOW / 1000 + 11 }))
        .await;
    gateway.clock.advance(Duration::from_secs(11));
    assert!(matches!(
        ask(&gateway, &fake).await,
        Err(CredentialError::Refused(_))
    ));
    let asked = || salts(&fake) == 2;
    while !asked() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // It is taken as soon as it has come.
    let mut answers = 0;
    while ask(&gateway, &fake).await.is_err() {
        answers += 1;
        assert!(answers < 100, "it is never taken");
    }
    assert_eq!(salts(&fake), 2);
}

#[tokio::test]
async fn without_a_salt_nothing_is_sent() {
    let config = DIGEST.replace(
        "salt = 'b5a8fdcf2f8d5acdad33c4a072a97d7a'",
        "salt_from = 'http://127.0.0.1:1'",
    );
    let gateway = TestGateway::with(&config).await;
    assert_eq!(
        presented(&gateway, "kalliope", &user("ann")).await,
        Err("credential_unavailable")
    );
}

const OWN_DIGEST: &str = "[[credential]]\nname = 'own'\nkind = 'digest'\nof = 'user'\n";
const SALT: &str = "b5a8fdcf2f8d5acdad33c4a072a97d7a";

/// Gives users digests of their own, by which they may log in as well.
async fn digests(gateway: &TestGateway) {
    let domain = json!({ "domain": "default", "salt": SALT });
    set(gateway, "/admin/tenants/acme/digest", domain)
        .await
        .expect(200);
    for name in ["ann", "bob"] {
        let path = format!("/admin/users/id-of-{name}/digest");
        let password = json!({ "password": format!("planted-password-of-{name}") });
        assert!(set(gateway, &path, password).await.status.is_success());
    }
}

fn is_by(value: &str, domain: &str, username: &str) -> bool {
    let header = Header::parse(value).unwrap();
    let text = format!("planted-password-of-{username}");
    let password = DigestPassword::of(&Secret::new(text), &Salt::parse(SALT).unwrap());
    (header.domain(), header.username()) == (domain, username) && header.is_signed_by(&password)
}

/// The digest that goes out for a user, or why none does.
async fn own(gateway: &TestGateway, name: &str) -> Result<String, &'static str> {
    let prepared = gateway
        .version
        .credentials
        .prepare("own", Some(&user(name)))
        .await;
    let signer = prepared.map_err(|error| Error::from(error).problem().code)?;
    let (_, value) = signer.header().unwrap();
    Ok(String::from_utf8(value.as_bytes().to_vec()).unwrap())
}

#[tokio::test]
async fn at_19_a_users_own_digest_is_that_of_the_log_in_and_of_nobody_else() {
    let gateway = TestGateway::with(OWN_DIGEST).await;
    assert_eq!(own(&gateway, "ann").await, Err("credential_missing"));
    digests(&gateway).await;
    for name in ["ann", "bob", "ann"] {
        assert!(is_by(&own(&gateway, name).await.unwrap(), "default", name));
    }
    assert_eq!(own(&gateway, "eve").await, Err("credential_missing"));
    let row = gateway
        .services
        .store
        .digest_owner("id-of-ann")
        .await
        .unwrap()
        .unwrap();
    let entry =
        callgate::storage::audit::Entry::new(callgate::storage::audit::Event::Administration, 0);
    let moved = gateway
        .services
        .store
        .set_digest_password("id-of-bob", row.sealed, entry, NOW);
    moved.await.unwrap();
    gateway.services.follower.catch_up().await.unwrap();
    assert_eq!(own(&gateway, "bob").await, Err("credential_missing"));
}

#[tokio::test]
async fn at_37_a_digest_ends_with_what_it_was_made_of() {
    let gateway = TestGateway::with(OWN_DIGEST).await;
    digests(&gateway).await;
    assert!(own(&gateway, "ann").await.is_ok());
    gateway
        .admin_delete("/admin/users/id-of-ann/digest")
        .await
        .expect(204);
    assert_eq!(own(&gateway, "ann").await, Err("credential_missing"));
    // A password that changes may be the same as there: the digest of the old one ends with it.
    assert!(own(&gateway, "bob").await.is_ok());
    let password = json!({ "password": "another good one" });
    gateway
        .admin_patch("/admin/users/id-of-bob", password)
        .await
        .expect(200);
    assert_eq!(own(&gateway, "bob").await, Err("credential_missing"));
}

#[tokio::test]
async fn at_37_a_tenant_whose_domain_changes_signs_by_the_new_one_at_once() {
    let gateway = TestGateway::with(OWN_DIGEST).await;
    digests(&gateway).await;
    assert!(is_by(
        &own(&gateway, "ann").await.unwrap(),
        "default",
        "ann"
    ));
    let other = json!({ "domain": "other", "salt": SALT });
    set(&gateway, "/admin/tenants/acme/digest", other)
        .await
        .expect(200);
    assert!(is_by(&own(&gateway, "ann").await.unwrap(), "other", "ann"));
    gateway
        .admin_delete("/admin/tenants/acme/digest")
        .await
        .expect(204);
    assert_eq!(own(&gateway, "ann").await, Err("credential_missing"));
}

#[tokio::test]
async fn a_domain_of_the_credential_counts_in_place_of_the_tenants() {
    let gateway = TestGateway::with(&format!("{OWN_DIGEST}domain = 'there'\n")).await;
    digests(&gateway).await;
    assert!(is_by(&own(&gateway, "ann").await.unwrap(), "there", "ann"));
    gateway
        .admin_delete("/admin/tenants/acme/digest")
        .await
        .expect(204);
    assert!(is_by(&own(&gateway, "ann").await.unwrap(), "there", "ann"));
    let path = "/admin/users/id-of-ann/credentials/own";
    set(&gateway, path, json!({ "password": "p" }))
        .await
        .refused(400, "user digest set");
}
