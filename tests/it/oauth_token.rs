//! The token endpoint: codes, client credentials, and who may ask.

use crate::harness::{CRM_SECRET, TestGateway};
use crate::oauth::{
    Browser, CALLBACK, HTML, VERIFIER, basic, calls_with, client, code, code_for, exchange,
    old_client, old_wish, parameters, post, public_client, token, wish_with,
};
use bytes::Bytes;
use callgate::token::TokenHash;
use futures_util::future::join_all;
use http::Method;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn d01_e06_a_code_becomes_tokens() {
    let gateway = TestGateway::start().await;
    let code = code(&gateway).await;
    let answer = token(&gateway, &exchange(&code)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        (answer.header("cache-control"), answer.header("pragma")),
        ("no-store", "no-cache")
    );
    let tokens = answer.json();
    assert_eq!(
        (
            &tokens["token_type"],
            &tokens["expires_in"],
            &tokens["scope"]
        ),
        (&json!("Bearer"), &json!(3600), &json!("call"))
    );
    assert!(
        tokens["refresh_token"]
            .as_str()
            .unwrap()
            .starts_with("cg_rt_")
    );
    assert_eq!(calls_with(&gateway, &tokens["access_token"]).await, 204);
}

#[tokio::test]
async fn d02_a_code_used_twice_ends_what_it_gave() {
    let gateway = TestGateway::start().await;
    let code = code(&gateway).await;
    let tokens = token(&gateway, &exchange(&code)).await.json();
    assert_eq!(calls_with(&gateway, &tokens["access_token"]).await, 204);
    let again = token(&gateway, &exchange(&code)).await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["error"]),
        (400, &json!("invalid_grant"))
    );
    assert_eq!(calls_with(&gateway, &tokens["access_token"]).await, 401);
    let refreshed =
        crate::oauth::refresh(&gateway, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn d03_a_thief_of_the_code_cannot_end_anything() {
    let gateway = TestGateway::start().await;
    let code = code(&gateway).await;
    let tokens = token(&gateway, &exchange(&code)).await.json();
    let mut wrong = exchange(&code);
    let verifier = "x".repeat(43);
    wrong[3].1 = &verifier;
    assert_eq!(token(&gateway, &wrong).await.status, 400);
    let stranger = post(
        &gateway,
        "/oauth/token",
        Some(("crm", "wrong")),
        &exchange(&code),
    )
    .await;
    assert_eq!(stranger.status, 401);
    assert_eq!(calls_with(&gateway, &tokens["access_token"]).await, 204);
}

#[tokio::test]
async fn d04_of_fifty_exchanges_at_once_one_succeeds() {
    let gateway = TestGateway::start().await;
    let code = code(&gateway).await;
    let form = exchange(&code);
    let answers = join_all((0..50).map(|_| token(&gateway, &form))).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 200).count(),
        1
    );
    assert!(
        answers
            .iter()
            .filter(|answer| answer.status != 200)
            .all(|answer| answer.json()["error"] == "invalid_grant")
    );
    // Whoever came second used the code again, which ends what it gave.
    let good = answers.iter().find(|answer| answer.status == 200).unwrap();
    let access = &good.json()["access_token"];
    assert_eq!(calls_with(&gateway, access).await, 401);
    let live = gateway.admin_get("/admin/tokens?client=crm").await;
    assert_eq!(live.expect(200).json(), json!({ "items": [] }));
}

#[tokio::test]
async fn d05_a_code_lives_a_minute() {
    let gateway = TestGateway::start().await;
    let code = code(&gateway).await;
    gateway.advance(Duration::from_mins(1)).await;
    assert_eq!(
        token(&gateway, &exchange(&code)).await.json()["error"],
        "invalid_grant"
    );
}

#[tokio::test]
async fn d06_another_client_cannot_use_a_code_nor_use_it_up() {
    let gateway = TestGateway::start().await;
    client(&gateway, "two", |_| ()).await;
    let code = code(&gateway).await;
    let stolen = post(
        &gateway,
        "/oauth/token",
        Some(("two", CRM_SECRET)),
        &exchange(&code),
    )
    .await;
    assert_eq!(
        (stolen.status.as_u16(), &stolen.json()["error"]),
        (400, &json!("invalid_grant"))
    );
    assert_eq!(token(&gateway, &exchange(&code)).await.status, 200);
}

#[tokio::test]
async fn d07_the_redirect_uri_must_be_sent_again_and_be_the_same() {
    let gateway = TestGateway::start().await;
    let code = code(&gateway).await;
    for uri in ["https://crm.example/other", ""] {
        let mut form = exchange(&code);
        form[2].1 = uri;
        assert_eq!(
            token(&gateway, &form).await.json()["error"],
            "invalid_grant",
            "{uri}"
        );
    }
    assert_eq!(token(&gateway, &exchange(&code)).await.status, 200);
    let unnamed = code_for(
        &gateway,
        &wish_with(&[("redirect_uri", ""), ("scope", "pbx")]),
    )
    .await;
    let mut form = exchange(&unnamed);
    form[2].1 = "";
    assert_eq!(token(&gateway, &form).await.status, 200);
}

#[tokio::test]
async fn d08_a_wrong_secret_is_refused_with_a_challenge() {
    let gateway = TestGateway::start().await;
    let form = [("grant_type", "client_credentials")];
    for id in ["crm", "nobody"] {
        let answer = post(&gateway, "/oauth/token", Some((id, "wrong")), &form).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]),
            (401, &json!("invalid_client"))
        );
        assert!(answer.header("www-authenticate").starts_with("Basic "));
    }
    let by_form = [form[0], ("client_id", "crm"), ("client_secret", "wrong")];
    assert_eq!(
        post(&gateway, "/oauth/token", None, &by_form).await.json()["error"],
        "invalid_client"
    );
}

#[tokio::test]
async fn g05_the_old_secret_is_good_until_the_overlap_is_over() {
    let gateway = TestGateway::start().await;
    let path = "/admin/clients/crm/secret?overlap=24h";
    let made = gateway.admin_post(path, json!(null)).await;
    let made = made.expect(200).json();
    let new = made["client_secret"].as_str().unwrap();
    assert!(made["former_secret_until"].is_string());
    let with = async |secret: &str| {
        let form = [("grant_type", "client_credentials")];
        let answer = post(&gateway, "/oauth/token", Some(("crm", secret)), &form).await;
        answer.status.as_u16()
    };
    assert_eq!((with(new).await, with(CRM_SECRET).await), (200, 200));
    assert_eq!((with("").await, with("wrong").await), (401, 401));
    gateway.advance(Duration::from_hours(24)).await;
    assert_eq!((with(new).await, with(CRM_SECRET).await), (200, 401));
    let shown = gateway.admin_get("/admin/clients/crm").await.expect(200);
    assert!(!shown.text().contains("secret"), "{}", shown.text());
}

#[tokio::test]
async fn g05_without_an_overlap_the_old_secret_ends_at_once_and_so_does_the_one_before() {
    let gateway = TestGateway::start().await;
    let secret = async |query: &str| {
        let path = format!("/admin/clients/crm/secret{query}");
        let made = gateway.admin_post(&path, json!(null)).await.expect(200);
        made.json()["client_secret"].as_str().unwrap().to_owned()
    };
    let second = secret("?overlap=1h").await;
    let third = secret("").await;
    for (secret, status) in [(CRM_SECRET, 401), (&second, 401), (&third, 200)] {
        let form = [("grant_type", "client_credentials")];
        let answer = post(&gateway, "/oauth/token", Some(("crm", secret)), &form).await;
        assert_eq!(answer.status, status);
    }
    let long = "/admin/clients/crm/secret?overlap=31days";
    let refused = gateway.admin_post(long, json!(null)).await;
    refused.refused(400, "30 days");
}

#[tokio::test]
async fn d09_an_unknown_client_looks_like_a_wrong_secret() {
    let gateway = TestGateway::start().await;
    let form = [("grant_type", "client_credentials")];
    let wrong = post(&gateway, "/oauth/token", Some(("crm", "wrong")), &form).await;
    let unknown = post(&gateway, "/oauth/token", Some(("nobody", "wrong")), &form).await;
    assert_eq!(
        (wrong.status, &wrong.headers, &wrong.body),
        (unknown.status, &unknown.headers, &unknown.body)
    );
}

#[tokio::test]
async fn d10_two_ways_of_authentication_are_refused() {
    let gateway = TestGateway::start().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "crm"),
        ("client_secret", CRM_SECRET),
    ];
    assert_eq!(
        post(&gateway, "/oauth/token", None, &form).await.status,
        200
    );
    let both = token(&gateway, &form).await;
    assert_eq!(
        (both.status.as_u16(), &both.json()["error"]),
        (400, &json!("invalid_request"))
    );
}

#[tokio::test]
async fn d11_a_secret_in_the_address_counts_for_nothing() {
    let gateway = TestGateway::start().await;
    let path = format!("/oauth/token?client_id=crm&client_secret={CRM_SECRET}");
    let answer = post(
        &gateway,
        &path,
        None,
        &[("grant_type", "client_credentials")],
    )
    .await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn d12_id_and_secret_are_form_encoded_in_basic() {
    let gateway = TestGateway::start().await;
    client(&gateway, "my client:1", |client| {
        client.secret_hash = Some(TokenHash::of("päss :+").to_string());
    })
    .await;
    let form = [("grant_type", "client_credentials")];
    let answer = post(
        &gateway,
        "/oauth/token",
        Some(("my+client%3A1", "p%C3%A4ss+%3A%2B")),
        &form,
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn d13_p08_the_endpoint_takes_post_alone() {
    let gateway = TestGateway::start().await;
    let mut script = Browser::script(&gateway);
    let got = script
        .get(&format!(
            "/oauth/token?client_id=crm&client_secret={CRM_SECRET}&grant_type=client_credentials"
        ))
        .await;
    assert_eq!((got.status.as_u16(), got.header("allow")), (405, "POST"));
    for method in [Method::PUT, Method::DELETE] {
        let answer = script
            .send(method, "/oauth/token", "grant_type=client_credentials")
            .await;
        assert_eq!(answer.status, 405);
        assert!(answer.header("allow").contains("POST"));
    }
}

#[tokio::test]
async fn d14_only_forms_of_a_reasonable_size_are_read() {
    let gateway = TestGateway::start().await;
    let json = http::Request::post("/oauth/token")
        .header("content-type", "application/json")
        .header("authorization", basic("crm", CRM_SECRET))
        .body(Bytes::from_static(
            b"{\"grant_type\":\"client_credentials\"}",
        ));
    let answer = gateway.edge(json.unwrap()).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]),
        (415, &json!("unsupported_media_type"))
    );
    let large = "x".repeat(64 * 1024);
    assert_eq!(token(&gateway, &[("grant_type", &large)]).await.status, 413);
    let many = vec![("a", "1"); 1000];
    assert_eq!(token(&gateway, &many).await.status, 400);
}

#[tokio::test]
async fn d15_unknown_grant_types_are_refused() {
    let gateway = TestGateway::start().await;
    assert_eq!(
        token(&gateway, &[]).await.json()["error"],
        "invalid_request"
    );
    for grant_type in ["foo", "password"] {
        let answer = token(&gateway, &[("grant_type", grant_type)]).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]),
            (400, &json!("unsupported_grant_type"))
        );
    }
}

#[tokio::test]
async fn d16_a_client_uses_only_its_grant_types() {
    let gateway = TestGateway::start().await;
    client(&gateway, "two", |client| {
        client.grant_types = "authorization_code".to_owned().into();
    })
    .await;
    let answer = post(
        &gateway,
        "/oauth/token",
        Some(("two", CRM_SECRET)),
        &[("grant_type", "client_credentials")],
    )
    .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]),
        (400, &json!("unauthorized_client"))
    );
    let code = code_for(&gateway, &wish_with(&[("client_id", "two")])).await;
    let tokens = post(
        &gateway,
        "/oauth/token",
        Some(("two", CRM_SECRET)),
        &exchange(&code),
    )
    .await
    .json();
    assert!(tokens.get("access_token").is_some() && tokens.get("refresh_token").is_none());
}

#[tokio::test]
async fn d17_a_parameter_is_sent_once_and_an_empty_one_is_none() {
    let gateway = TestGateway::start().await;
    let twice = token(
        &gateway,
        &[
            ("grant_type", "client_credentials"),
            ("grant_type", "client_credentials"),
        ],
    )
    .await;
    assert_eq!(twice.json()["error"], "invalid_request");
    let empty = token(
        &gateway,
        &[("grant_type", "client_credentials"), ("scope", "")],
    )
    .await;
    assert_eq!(empty.json()["scope"], "call pbx");
}

#[tokio::test]
async fn d18_every_error_is_json_of_plain_ascii() {
    let gateway = TestGateway::start().await;
    let large = "x".repeat(70_000);
    for form in [
        vec![],
        vec![("grant_type", "é\"\\")],
        vec![("grant_type", "refresh_token")],
        vec![("a", large.as_str())],
    ] {
        let answer = token(&gateway, &form).await;
        assert_eq!(
            (
                answer.header("content-type"),
                answer.header("cache-control")
            ),
            ("application/json", "no-store")
        );
        let error = answer.json();
        let allowed = |text: &str| {
            text.bytes()
                .all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e))
        };
        assert!(
            allowed(error["error"].as_str().unwrap())
                && allowed(error["error_description"].as_str().unwrap())
        );
    }
}

#[tokio::test]
async fn d19_who_guesses_codes_is_stopped() {
    let gateway = TestGateway::with("oauth.address_attempts = 5").await;
    let other = callgate::token::Mint::new(&callgate::secret::Secret::new("k".repeat(32))).unwrap();
    for _ in 0..5 {
        let guess = other.mint(callgate::token::Class::Code).token;
        let answer = token(&gateway, &exchange(guess.expose())).await;
        assert_eq!(answer.json()["error"], "invalid_grant");
    }
    let limited = token(&gateway, &[("grant_type", "client_credentials")]).await;
    assert_eq!(
        (limited.status.as_u16(), limited.header("retry-after")),
        (429, "600")
    );
    assert_eq!(limited.json()["error"], "too_many_attempts");
}

#[tokio::test]
async fn e03_the_verifier_must_be_that_of_the_challenge() {
    let gateway = TestGateway::start().await;
    let code = code(&gateway).await;
    let other = VERIFIER.replace('d', "e");
    for wrong in ["", other.as_str(), &VERIFIER[..42], &"a".repeat(129)] {
        let mut form = exchange(&code);
        form[3].1 = wrong;
        assert_eq!(
            token(&gateway, &form).await.json()["error"],
            "invalid_grant",
            "{wrong}"
        );
    }
    assert_eq!(token(&gateway, &exchange(&code)).await.status, 200);
}

#[tokio::test]
async fn e04_a_verifier_without_a_challenge_is_refused() {
    let gateway = TestGateway::start().await;
    client(&gateway, "old", |client| {
        client.switches = "no_pkce".to_owned().into();
    })
    .await;
    let wish = wish_with(&[
        ("client_id", "old"),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ]);
    let code = code_for(&gateway, &wish).await;
    let old = Some(("old", CRM_SECRET));
    assert_eq!(
        post(&gateway, "/oauth/token", old, &exchange(&code))
            .await
            .status,
        400
    );
    let without = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
    ];
    assert_eq!(
        post(&gateway, "/oauth/token", old, &without).await.status,
        200
    );
}

#[tokio::test]
async fn e09_the_challenge_shows_in_no_answer() {
    let gateway = TestGateway::start().await;
    let location = Browser::new(&gateway)
        .allow("ann", &crate::oauth::wish())
        .await;
    assert!(!location.contains(crate::oauth::CHALLENGE));
}

#[tokio::test]
async fn g01_a_client_acts_for_itself() {
    let gateway = TestGateway::start().await;
    let answer = token(
        &gateway,
        &[("grant_type", "client_credentials"), ("scope", "call")],
    )
    .await
    .json();
    assert_eq!(answer["scope"], "call");
    assert!(answer.get("refresh_token").is_none(), "F11");
    assert_eq!(calls_with(&gateway, &answer["access_token"]).await, 204);
    let wider = token(
        &gateway,
        &[
            ("grant_type", "client_credentials"),
            ("scope", "call admin"),
        ],
    )
    .await;
    assert_eq!(wider.json()["error"], "invalid_scope");
}

#[tokio::test]
async fn g02_a_public_client_cannot_act_for_itself() {
    let gateway = TestGateway::start().await;
    public_client(&gateway, "spa").await;
    let form = [("grant_type", "client_credentials"), ("client_id", "spa")];
    assert_eq!(
        post(&gateway, "/oauth/token", None, &form).await.json()["error"],
        "unauthorized_client"
    );
}

#[tokio::test]
async fn g03_a_client_named_like_a_user_is_not_that_user() {
    let gateway = TestGateway::start().await;
    client(&gateway, "id-of-ann", |_| ()).await;
    let ann = gateway.ann().await;
    let call = crate::harness::form(Method::POST, "/rest/call", &ann, "number=%2B390501234567");
    assert_eq!(gateway.edge(call).await.status, 201);
    let form = [("grant_type", "client_credentials")];
    let answer = post(
        &gateway,
        "/oauth/token",
        Some(("id-of-ann", CRM_SECRET)),
        &form,
    )
    .await
    .json();
    assert_eq!(
        calls_with(&gateway, &answer["access_token"]).await,
        204,
        "it sees none of ann's calls"
    );
}

#[tokio::test]
async fn p07_a_client_of_2012_gets_its_token_by_redirect() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "no_pkce token_get").await;
    let code = code_for(&gateway, &old_wish()).await;
    let query = |secret: &str| {
        format!(
            "/oauth/token?client_id=123456&client_secret={secret}&code={code}\
             &redirect_uri=http://localhost:8888/test&grant_type=authorization_code"
        )
    };
    let mut script = Browser::script(&gateway);
    assert_eq!(
        script.get(&query("bad")).await.json()["error"],
        "invalid_client"
    );
    let answer = script.get(&query("s3cret")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("cache-control")),
        (303, "no-store")
    );
    let location = answer.header("location");
    assert!(
        location.starts_with("http://localhost:8888/test#access_token=cg_at_"),
        "{location}"
    );
    assert!(
        location.ends_with("&token_type=Bearer&expires_in=3600"),
        "{location}"
    );
    let token = json!(parameters(location)["access_token"]);
    assert_eq!(calls_with(&gateway, &token).await, 204);
    assert_eq!(
        script.get(&query("s3cret")).await.json()["error"],
        "invalid_grant"
    );
    assert_eq!(calls_with(&gateway, &token).await, 401);
}

#[tokio::test]
async fn p09_the_same_client_may_post() {
    let gateway = TestGateway::start().await;
    old_client(&gateway, "no_pkce token_get").await;
    let code = code_for(&gateway, &old_wish()).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", "http://localhost:8888/test"),
        ("client_id", "123456"),
        ("client_secret", "s3cret"),
    ];
    assert_eq!(
        post(&gateway, "/oauth/token", None, &form).await.status,
        200
    );
}

#[tokio::test]
async fn an_error_is_json_even_to_a_browser() {
    let gateway = TestGateway::start().await;
    let request = http::Request::post("/oauth/token")
        .header("accept", HTML)
        .body(Bytes::new());
    let answer = gateway.edge(request.unwrap()).await;
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn a11_what_generic_clients_always_ask_for_is_ignored_and_the_answer_names_what_was_granted()
{
    let gateway = TestGateway::start().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "openid call offline_access"),
    ];
    let answer = token(&gateway, &form).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["scope"]),
        (200, &"call".into())
    );
    let alone = [("grant_type", "client_credentials"), ("scope", "openid")];
    assert_eq!(
        token(&gateway, &alone).await.json()["error"],
        "invalid_scope"
    );
}
