//! JWTs of other issuers at the edge: who their holders are here, and what they may do.

use crate::dpop::{Key, Proof};
use crate::harness::{Answer, NOW, TestGateway, form, get, user};
use crate::idp::Idp;
use bytes::Bytes;
use callgate::auth::{CacheState, Principal};
use callgate::secret::Secret;
use callgate::storage::identities::Identity;
use callgate::storage::policies::{Accesses, Policy};
use callgate::storage::tenants::Tenant;
use callgate::token::{External, Subject};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// An `[[issuer]]` for `idp`, with `keys` of its own and `principal` keys.
pub(crate) fn issuer(idp: &Idp, name: &str, keys: &str, principal: &str) -> String {
    format!(
        "\n[[issuer]]\nname = '{name}'\nkind = 'jwt'\nissuer = '{}'\naudience = ['callgate', 'other']\n{keys}\n\
         [issuer.principal]\n{principal}\n",
        idp.issuer()
    )
}

/// A gateway that takes the tokens of an issuer for `acme`, and gives what they say of the policy `call`.
pub(crate) async fn start() -> (TestGateway, Idp) {
    with("tenant = 'acme'", "policies = ['call']").await
}

pub(crate) async fn with(keys: &str, principal: &str) -> (TestGateway, Idp) {
    let idp = Idp::start().await;
    let gateway = TestGateway::with(&issuer(&idp, "idp", keys, principal)).await;
    idp.follow(&gateway.clock);
    (gateway, idp)
}

/// An access token (RFC 9068) with these claims besides, or instead of, those that it should have.
pub(crate) fn access(idp: &Idp, claims: &Value) -> Secret {
    access_with(idp, &json!({}), claims)
}

pub(crate) fn access_with(idp: &Idp, header: &Value, claims: &Value) -> Secret {
    let merged = |usual: Value, more: &Value| {
        let mut all = usual.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    };
    let header = merged(json!({ "typ": "at+jwt" }), header);
    let usual = json!({ "aud": "callgate", "scope": "call", "client_id": "crm", "jti": "j-1" });
    Secret::new(idp.signed(&header, &merged(usual, claims)))
}

/// What `GET /rest/call` answers: 204 to whoever may see their calls.
pub(crate) async fn ask(gateway: &TestGateway, token: &Secret) -> Answer {
    gateway.edge(get("/rest/call", token)).await
}

pub(crate) async fn status(gateway: &TestGateway, token: &Secret) -> u16 {
    ask(gateway, token).await.status.as_u16()
}

/// Whom a gateway takes the holder of a token for.
async fn principal(gateway: &TestGateway, token: &Secret) -> (CacheState, Option<Principal>) {
    let head = get("/rest/call", token).into_parts().0;
    let decision = gateway.version.edge.gateway.decide(&head).await;
    (decision.cache, decision.principal)
}

async fn subject(gateway: &TestGateway, token: &Secret) -> Option<Subject> {
    let (_, principal) = principal(gateway, token).await;
    principal.map(|principal| principal.subject.clone())
}

fn external(name: &str) -> Subject {
    Subject::External(External::new("idp", name))
}

#[tokio::test]
async fn the_holder_of_a_token_of_another_issuer_is_nobody_of_ours() {
    let (gateway, idp) = start().await;
    let token = access(&idp, &json!({ "sub": "id-of-ann" }));
    let (cache, found) = principal(&gateway, &token).await;
    let found = found.unwrap();
    assert_eq!(cache, CacheState::Miss);
    assert_eq!(found.subject, external("id-of-ann"));
    assert_ne!(found.subject.id(), user("ann").id());
    assert_eq!(found.tenant, "acme");
    assert_eq!(found.client, "external:idp:crm");
    assert_eq!(found.scope, "call");
    assert_eq!(found.token_id, "j-1");
    let (cache, _) = principal(&gateway, &token).await;
    assert_eq!(cache, CacheState::Hit);
}

#[tokio::test]
async fn m14_one_subject_of_two_issuers_is_two_with_calls_and_limits_of_their_own() {
    let (one, two) = (Idp::start().await, Idp::start().await);
    let config = [("one", &one), ("two", &two)]
        .map(|(name, idp)| issuer(idp, name, "tenant = 'acme'", "policies = ['call']"));
    let gateway = TestGateway::with(&config.concat()).await;
    let tokens = [&one, &two].map(|idp| {
        idp.follow(&gateway.clock);
        access(idp, &json!({ "sub": "same" }))
    });
    let place = |token: &Secret| form(Method::POST, "/rest/call", token, "number=%2B390501234567");
    for token in &tokens {
        for _ in 0..2 {
            assert_eq!(gateway.edge(place(token)).await.status, 201);
        }
        // The tenant's limit, as it has none of its own.
        let over = gateway.edge(place(token)).await;
        assert_eq!(
            (over.status.as_u16(), &over.json()["live"]),
            (409, &json!(2))
        );
    }
    let path = "/admin/calls?external=one:same";
    let calls = gateway.admin_get(path).await.json();
    let owners: Vec<_> = calls["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| &call["owner"])
        .collect();
    assert_eq!(owners, ["external:one:same", "external:one:same"]);
    let call = calls["items"][0]["id"].as_str().unwrap();
    let end = format!("token_call={call}");
    let foreign = gateway
        .edge(form(Method::PUT, "/rest/call", &tokens[1], &end))
        .await;
    assert_eq!(foreign.json()["code"], "unknown_call");
    let own = gateway
        .edge(form(Method::PUT, "/rest/call", &tokens[0], &end))
        .await;
    assert!(own.status.is_success(), "{}", own.text());
}

#[tokio::test]
async fn a_claim_may_name_a_user_of_the_tenant_who_ends_with_the_user() {
    let principal = "policies = ['call']\nuser = { claim = 'preferred_username' }";
    let (gateway, idp) = with("tenant = 'acme'", principal).await;
    let token = access(&idp, &json!({ "preferred_username": "ann" }));
    assert_eq!(subject(&gateway, &token).await, Some(user("ann")));
    for nobody in [
        json!("Ann"),
        json!("nobody"),
        json!("acme/ann"),
        json!(1),
        Value::Null,
    ] {
        let token = access(&idp, &json!({ "preferred_username": nobody }));
        assert_eq!(status(&gateway, &token).await, 401, "{nobody}");
    }
    let store = &gateway.services.store;
    let mut ann = store.user("id-of-ann").await.unwrap().unwrap();
    ann.disabled_at = Some(NOW);
    store.update_user(ann, NOW).await.unwrap();
    gateway.services.follower.catch_up().await.unwrap();
    assert_eq!(status(&gateway, &token).await, 401);
}

#[tokio::test]
async fn a_user_of_another_tenant_is_not_found_by_a_claim() {
    let principal = "policies = ['call']\nuser = { claim = 'preferred_username' }";
    let (gateway, idp) = with("tenant = 'other'", principal).await;
    another_tenant(&gateway, "other").await;
    let token = access(&idp, &json!({ "preferred_username": "ann" }));
    assert_eq!(status(&gateway, &token).await, 401);
}

#[tokio::test]
async fn a_user_who_linked_the_account_is_recognised_until_it_is_unlinked() {
    let idp = Idp::start().await;
    let principal = "policies = ['call']\nuser = { linked = 'login' }";
    let issuer = issuer(&idp, "idp", "tenant = 'acme'", principal);
    let gateway = TestGateway::with(&format!("{}{issuer}", idp.provider("login", ""))).await;
    idp.follow(&gateway.clock);
    let token = access(&idp, &json!({ "sub": "w0" }));
    assert_eq!(status(&gateway, &token).await, 401);
    let identity = Identity {
        provider: "login".to_owned(),
        issuer: idp.issuer(),
        subject: "w1".to_owned(),
        user_id: "id-of-ann".to_owned(),
        linked_at: NOW,
        last_used_at: None,
    };
    gateway
        .services
        .store
        .link_identity(identity, None)
        .await
        .unwrap();
    let token = access(&idp, &json!({ "sub": "w1" }));
    assert_eq!(subject(&gateway, &token).await, Some(user("ann")));
    let unlink = gateway
        .admin_delete("/admin/users/id-of-ann/identities/login")
        .await;
    assert_eq!(unlink.status, 204);
    assert_eq!(status(&gateway, &token).await, 401);
}

#[tokio::test]
async fn a_claim_may_say_whose_tenant_it_is_and_no_other_value_does() {
    let tenant = "tenant = { claim = 'org.id', map = { o1 = 'acme', o2 = 'other', o3 = 'gone' } }";
    let (gateway, idp) = with(tenant, "policies = ['call']").await;
    another_tenant(&gateway, "other").await;
    for (org, tenant) in [("o1", "acme"), ("o2", "other")] {
        let token = access(&idp, &json!({ "org": { "id": org } }));
        let (_, found) = principal(&gateway, &token).await;
        assert_eq!(found.unwrap().tenant, tenant);
    }
    // A tenant that is not there, values that nobody listed, no value.
    for org in [json!("o3"), json!("acme"), json!(["o1"]), Value::Null] {
        let token = access(&idp, &json!({ "org": { "id": org } }));
        assert_eq!(status(&gateway, &token).await, 401, "{org}");
    }
}

#[tokio::test]
async fn a_tenant_that_is_disabled_takes_its_principals_along() {
    let (gateway, idp) = start().await;
    let token = access(&idp, &json!({}));
    assert_eq!(status(&gateway, &token).await, 204);
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
    assert_eq!(status(&gateway, &token).await, 401);
}

#[tokio::test]
async fn of_a_scope_only_what_the_issuer_may_give_counts() {
    let (gateway, idp) = start().await;
    powerful_policy(&gateway).await;
    for (scope, answer) in [
        (json!("openid call other"), 204),
        (json!(["call"]), 204),
        (json!("all"), 403),
        (json!("calls.#"), 403),
        (json!("callx"), 403),
        (json!({ "call": true }), 403),
        (Value::Null, 403),
    ] {
        let token = access(&idp, &json!({ "scope": scope }));
        assert_eq!(status(&gateway, &token).await, answer, "{scope}");
    }
    let (_, found) = principal(
        &gateway,
        &access(&idp, &json!({ "scope": "openid call all" })),
    )
    .await;
    assert_eq!(found.unwrap().scope, "call");
}

#[tokio::test]
async fn a_scope_may_be_anywhere_and_have_other_names() {
    for (scope, claims) in [
        ("'scp'", json!({ "scp": "Calls.Use User.Read" })),
        ("'scp'", json!({ "scp": ["Calls.Use"] })),
        (
            "'realm_access.roles'",
            json!({ "realm_access": { "roles": ["Calls.Use", "x"] } }),
        ),
        (
            "['resource_access', 'a.b', 'roles']",
            json!({ "resource_access": { "a.b": { "roles": ["Calls.Use"] } } }),
        ),
    ] {
        let principal =
            format!("policies = {{ 'Calls.Use' = 'call pbx', x = 'pbx' }}\nscope = {scope}");
        let (gateway, idp) = with("tenant = 'acme'", &principal).await;
        let mut claims = claims.clone();
        // What is called like a policy of ours is none.
        claims["scope"] = json!("all");
        let (_, found) = self::principal(&gateway, &access(&idp, &claims)).await;
        assert_eq!(found.unwrap().scope, "call pbx", "{scope}");
    }
}

#[tokio::test]
async fn what_a_policy_allows_changes_what_a_token_may_within_its_lifetime() {
    let (gateway, idp) = start().await;
    let token = access(&idp, &json!({ "exp": NOW / 1000 + 600 }));
    assert_eq!(status(&gateway, &token).await, 204);
    gateway.services.store.delete_policy("call").await.unwrap();
    gateway.advance(Duration::from_secs(67)).await;
    assert_eq!(status(&gateway, &token).await, 403);
}

#[tokio::test]
async fn a_subject_that_could_not_be_told_is_refused() {
    let (gateway, idp) = start().await;
    for subject in [
        json!(""),
        json!("a\nb"),
        json!("s".repeat(256)),
        json!(7),
        Value::Null,
    ] {
        let token = access(&idp, &json!({ "sub": subject }));
        assert_eq!(status(&gateway, &token).await, 401, "{subject}");
    }
    let another = "policies = ['call']\nsubject = 'oid'";
    let (gateway, idp) = with("tenant = 'acme'", another).await;
    let token = access(&idp, &json!({ "oid": "o-1" }));
    assert_eq!(subject(&gateway, &token).await, Some(external("o-1")));
    assert_eq!(status(&gateway, &access(&idp, &json!({}))).await, 401);
}

#[tokio::test]
async fn only_listed_applications_are_taken() {
    let keys = "tenant = 'acme'\nclients = ['crm', 'pbx']";
    let (gateway, idp) = with(keys, "policies = ['call']").await;
    for (client_id, azp, answer) in [
        (json!("crm"), Value::Null, 204),
        (Value::Null, json!("pbx"), 204),
        (json!("crm"), json!("crm"), 204),
        (json!("evil"), Value::Null, 401),
        (json!("crm"), json!("evil"), 401),
        (json!("evil"), json!("crm"), 401),
        (json!(["crm"]), Value::Null, 401),
        (Value::Null, Value::Null, 401),
    ] {
        let token = access(&idp, &json!({ "client_id": client_id, "azp": azp }));
        assert_eq!(status(&gateway, &token).await, answer, "{client_id} {azp}");
    }
}

#[tokio::test]
async fn a_client_of_another_issuer_never_passes_for_one_of_ours() {
    let (gateway, idp) = start().await;
    let token = access(&idp, &json!({ "client_id": "crm" }));
    assert_eq!(status(&gateway, &token).await, 204);
    let mut crm = gateway.services.store.client("crm").await.unwrap().unwrap();
    crm.disabled_at = Some(NOW);
    gateway
        .services
        .store
        .update_client(crm, NOW)
        .await
        .unwrap();
    gateway.services.follower.catch_up().await.unwrap();
    assert_eq!(status(&gateway, &token).await, 204);
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_needs_a_proof() {
    let (gateway, idp) = start().await;
    let key = Key::new();
    let token = access(&idp, &json!({ "cnf": { "jkt": key.thumbprint() } }));
    assert_eq!(status(&gateway, &token).await, 401);
    let proven = |proof: Proof| {
        http::Request::get("/rest/call")
            .header("authorization", format!("DPoP {}", token.expose()))
            .header("dpop", proof.with_token(token.expose()).signed(&key))
            .body(Bytes::new())
            .unwrap()
    };
    let right = gateway
        .edge(proven(Proof::of(&key, "GET", "/rest/call")))
        .await;
    assert_eq!(right.status, 204, "{}", right.text());
    let elsewhere = gateway
        .edge(proven(Proof::of(&key, "GET", "/rest/other")))
        .await;
    assert_eq!(elsewhere.status, 401);
}

#[tokio::test]
async fn a_token_that_is_bound_otherwise_is_refused() {
    let (gateway, idp) = start().await;
    let jkt = Key::new().thumbprint();
    for bond in [
        json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({ "jkt": jkt, "x5t#S256": "x" }),
        json!({ "jwk": {} }),
        json!({ "jkt": 1 }),
        json!({}),
        json!("jkt"),
    ] {
        let token = access(&idp, &json!({ "cnf": bond }));
        assert_eq!(status(&gateway, &token).await, 401, "{bond}");
    }
}

/// Header and claims as sipgate's Keycloak has them (reference: one key, one `iss`, one `aud` for all three).
#[tokio::test]
async fn of_a_set_like_sipgates_only_the_access_token_is_one() {
    let keys = "tenant = 'acme'\nalgorithms = ['RS256']\ntyp = ['JWT']\nrequire = { typ = 'Bearer' }\n\
                clients = ['2477148-0-7475b8d2']";
    let principal = "scope = 'realm_access.roles'\npolicies = { 'sessions:calls:write' = 'call' }";
    let idp = Idp::start().await;
    idp.quirks(|quirks| quirks.rs256 = true);
    let config = issuer(&idp, "sipgate", keys, principal)
        .replace("'callgate', 'other'", "'2477148-0-7475b8d2'");
    let gateway = TestGateway::with(&config).await;
    idp.follow(&gateway.clock);
    let of_type = |typ: &str| {
        let claims = json!({
            "jti": "83377dcd", "nbf": 0, "aud": "2477148-0-7475b8d2", "azp": "2477148-0-7475b8d2", "typ": typ,
            "sub": "f:2e724444-e44a-49cc-8ad8-ef0412c44024:957162", "session_state": "s",
            "realm_access": { "roles": ["sessions:calls:write"] }, "resource_access": {},
        });
        Secret::new(idp.signed(&json!({ "typ": "JWT" }), &claims))
    };
    assert_eq!(status(&gateway, &of_type("Bearer")).await, 204);
    for typ in ["ID", "Refresh", "Offline", "bearer", ""] {
        assert_eq!(status(&gateway, &of_type(typ)).await, 401, "{typ}");
    }
}

#[tokio::test]
async fn tokens_of_ours_and_of_another_issuer_go_side_by_side() {
    let (gateway, idp) = start().await;
    let ours = gateway.ann().await;
    assert_eq!(status(&gateway, &ours).await, 204);
    assert_eq!(status(&gateway, &access(&idp, &json!({}))).await, 204);
    // Our own `iss` under another's key is a token of ours that nobody signed.
    let posing = access(&idp, &json!({ "iss": crate::harness::ORIGIN }));
    assert_eq!(status(&gateway, &posing).await, 401);
    assert_eq!(idp.times("/keys"), 1);
}

pub(crate) async fn another_tenant(gateway: &TestGateway, id: &str) {
    let tenant = Tenant {
        id: id.to_owned(),
        name: id.to_owned(),
        region: "IT".to_owned(),
        call_limit: None,
        backend: None,
        time_zone: None,
        created_at: NOW,
        disabled_at: None,
    };
    gateway.services.store.create_tenant(tenant).await.unwrap();
}

/// A policy `all` that no issuer of these tests may give.
async fn powerful_policy(gateway: &TestGateway) {
    let policy = Policy {
        name: "all".to_owned(),
        description: "Everything.".to_owned(),
        accesses: Accesses(vec!["#".to_owned()]),
        created_at: NOW,
    };
    gateway.services.store.put_policy(policy).await.unwrap();
}
