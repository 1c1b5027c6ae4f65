//! How `/rest/call` is spoken: forms, queries and JSON in; JSON and XML out; errors in the same format.

use crate::harness::{Answer, TestGateway, form, get};
use bytes::Bytes;
use callgate::http::Request;
use callgate::secret::Secret;
use http::{HeaderValue, Method};

fn typed(method: Method, token: &Secret, content_type: &str, body: &str) -> Request {
    let mut request = form(method, "/rest/call", token, body);
    let content_type = HeaderValue::from_str(content_type).unwrap();
    request.headers_mut().insert("content-type", content_type);
    request
}

fn in_xml(mut request: Request) -> Request {
    let accept = HeaderValue::from_static("text/xml");
    request.headers_mut().insert("accept", accept);
    request
}

async fn refused(gateway: &TestGateway, request: Request, status: u16, says: &str) -> Answer {
    let answer = gateway.edge(request).await;
    let text = answer.text();
    assert_eq!(answer.status, status, "{text}");
    assert!(text.contains(says), "{text}");
    answer
}

#[tokio::test]
async fn a_number_may_come_by_form_query_or_json() {
    let gateway = TestGateway::with("[calls]\nlimit = 9\n").await;
    let ann = gateway.ann().await;
    let post = Method::POST;
    let requests = [
        form(post.clone(), "/rest/call", &ann, "number=201"),
        form(post.clone(), "/rest/call?number=201", &ann, ""),
        typed(
            post.clone(),
            &ann,
            "application/json",
            r#"{"number":"201"}"#,
        ),
        typed(
            post.clone(),
            &ann,
            "application/json; charset=utf-8",
            r#"{"number":201}"#,
        ),
        typed(
            post,
            &ann,
            "Application/X-WWW-Form-URLEncoded",
            "number=201&other=1",
        ),
    ];
    for request in requests {
        let answer = gateway.edge(request).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    let calls = gateway.edge(get("/rest/call", &ann)).await.json();
    assert_eq!(calls.as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn an_unescaped_plus_in_a_form_is_still_an_international_number() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let request = form(Method::POST, "/rest/call", &ann, "number=+390501234567");
    assert_eq!(gateway.edge(request).await.status, 201);
    let calls = gateway.edge(get("/rest/call", &ann)).await.json();
    assert_eq!(calls[0]["info"]["number"], "+390501234567");
}

#[tokio::test]
async fn a_call_is_ended_by_form_query_or_json() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    for how in ["form", "query", "json"] {
        let request = form(Method::POST, "/rest/call", &ann, "number=201");
        let answer = gateway.edge(request).await;
        let (_, call) = answer.header("location").split_once('=').unwrap();
        let request = match how {
            "form" => form(
                Method::PUT,
                "/rest/call",
                &ann,
                &format!("token_call={call}"),
            ),
            "query" => form(
                Method::PUT,
                &format!("/rest/call?token_call={call}"),
                &ann,
                "",
            ),
            _ => typed(
                Method::PUT,
                &ann,
                "application/json",
                &format!(r#"{{"token_call":"{call}"}}"#),
            ),
        };
        assert_eq!(gateway.edge(request).await.status, 200, "{how}");
    }
    assert_eq!(gateway.edge(get("/rest/call", &ann)).await.status, 204);
}

#[tokio::test]
async fn a_bad_request_says_what_is_wrong_and_what_to_do() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let (post, put, path) = (Method::POST, Method::PUT, "/rest/call");
    let json = "application/json";
    for (request, says) in [
        (
            form(post.clone(), path, &ann, ""),
            "the parameter number is missing: send number=",
        ),
        (
            form(post.clone(), path, &ann, "number=%20"),
            "the parameter number is missing",
        ),
        (
            form(post.clone(), path, &ann, "number=1&number=2"),
            "number was sent more than once",
        ),
        (
            form(post.clone(), "/rest/call?number=1", &ann, "number=2"),
            "number was sent more than once",
        ),
        (typed(post.clone(), &ann, json, "[]"), "no JSON object"),
        (
            typed(post.clone(), &ann, json, r#"{"number":null}"#),
            "no JSON object",
        ),
        (
            typed(post, &ann, json, r#"{"number":"1","number":"2"}"#),
            "number was sent more than once",
        ),
        (
            form(put, path, &ann, ""),
            "the parameter token_call is missing: send token_call=",
        ),
    ] {
        let answer = refused(&gateway, request, 400, says).await;
        assert_eq!(answer.json()["code"], "invalid_request");
    }
    assert_eq!(gateway.edge(get("/rest/call", &ann)).await.status, 204);
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    for media_type in [
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=b",
        "",
    ] {
        let request = typed(Method::POST, &ann, media_type, "number=201");
        let answer = refused(&gateway, request, 415, "application/x-www-form-urlencoded").await;
        assert_eq!(answer.json()["code"], "unsupported_media_type");
    }
    let mut request = form(Method::POST, "/rest/call", &ann, "number=201");
    request.headers_mut().remove("content-type");
    refused(&gateway, request, 415, "Content-Type").await;
}

#[tokio::test]
async fn calls_are_shown_in_xml_to_those_who_ask_for_it() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let none = gateway.edge(in_xml(get("/rest/call", &ann))).await;
    assert_eq!((none.status.as_u16(), none.body.len()), (204, 0));

    let request = form(Method::POST, "/rest/call", &ann, "number=201");
    let location = gateway.edge(request).await.header("location").to_owned();
    let (_, call) = location.split_once('=').unwrap();

    let one = gateway
        .edge(in_xml(get(&format!("/rest/call?token_call={call}"), &ann)))
        .await;
    assert_eq!(one.header("content-type"), "application/xml");
    let info = format!(
        "<info><duration>0:00:00</duration><start>22/11/2026 02:39:33</start><token>{call}</token>\
         <end>Call Ongoing</end><number>201</number>"
    );
    assert!(
        one.text().starts_with(&format!("<call>{info}")),
        "{}",
        one.text()
    );
    assert!(
        one.text()
            .ends_with("<user><username>ann</username></user></call>")
    );

    let list = gateway.edge(in_xml(get("/rest/call", &ann))).await;
    assert_eq!(list.status, 200);
    assert!(
        list.text().starts_with(&format!("<calls><call>{info}")),
        "{}",
        list.text()
    );
    assert!(list.text().ends_with("</call></calls>"));
}

#[tokio::test]
async fn a_name_with_markup_is_text_in_xml() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let rename = gateway.services.store.write(|c| {
        Box::pin(async move {
            let sql = "UPDATE users SET username = '<a>&\"b' WHERE id = 'id-of-ann'";
            sqlx::query(sql).execute(c).await?;
            Ok(())
        })
    });
    rename.await.unwrap();
    let request = form(Method::POST, "/rest/call", &ann, "number=201");
    let location = gateway.edge(request).await.header("location").to_owned();
    let (_, query) = location.split_once('?').unwrap();
    let shown = gateway
        .edge(in_xml(get(&format!("/rest/call?{query}"), &ann)))
        .await;
    let name = "<username>&lt;a&gt;&amp;&quot;b</username>";
    assert!(shown.text().contains(name), "{}", shown.text());
}

#[tokio::test]
async fn an_error_in_xml_says_as_much_as_one_in_json() {
    let gateway = TestGateway::with("[calls]\nlimit = 1\n").await;
    let ann = gateway.ann().await;
    let post = || form(Method::POST, "/rest/call", &ann, "number=201");
    let location = gateway.edge(post()).await.header("location").to_owned();
    let (_, call) = location.split_once('=').unwrap();
    let answer = refused(
        &gateway,
        in_xml(post()),
        409,
        "<code>call_limit_reached</code>",
    )
    .await;
    assert_eq!(answer.header("content-type"), "application/problem+xml");
    assert_eq!(answer.header("cache-control"), "no-store");
    let text = answer.text();
    for part in [
        "<status>409</status>",
        "<limit>1</limit>",
        "<live>1</live>",
        "<decision_id>",
        &format!("<token_call>{call}</token_call>"),
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[tokio::test]
async fn errors_from_before_the_handler_are_in_xml_too() {
    let gateway = TestGateway::start().await;
    let request = http::Request::get("/rest/call").body(Bytes::new()).unwrap();
    let answer = refused(&gateway, in_xml(request), 401, "<code>missing_token</code>").await;
    assert_eq!(
        answer.header("www-authenticate"),
        "Bearer realm=\"callgate\""
    );
    let request = http::Request::delete("/rest/call")
        .body(Bytes::new())
        .unwrap();
    let answer = refused(
        &gateway,
        in_xml(request),
        405,
        "<code>method_not_allowed</code>",
    )
    .await;
    assert_eq!(answer.header("allow"), "GET, POST, PUT");
}
