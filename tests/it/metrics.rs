//! `/metrics`, `/readyz`: what operators see.

use crate::harness::{TestGateway, form, get};
use bytes::Bytes;
use http::Method;

async fn metrics(gateway: &TestGateway) -> String {
    let scrape = http::Request::get("/metrics").body(Bytes::new()).unwrap();
    gateway.operations(scrape).await.text()
}

#[tokio::test]
async fn calls_are_counted_as_they_live_are_refused_and_end() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let mut placed = Vec::new();
    for status in [201, 201, 409] {
        let answer = gateway
            .edge(form(Method::POST, "/rest/call", &ann, "number=201"))
            .await;
        assert_eq!(answer.status, status);
        placed.push(answer.header("location").to_owned());
    }
    let (_, call) = placed[0].split_once('=').unwrap();
    let stop = form(
        Method::PUT,
        "/rest/call",
        &ann,
        &format!("token_call={call}"),
    );
    assert_eq!(gateway.edge(stop).await.status, 200);

    let text = metrics(&gateway).await;
    for line in [
        "callgate_calls_live 1",
        "callgate_calls_admitted_total 2",
        "callgate_calls_refused_total{reason=\"limit\"} 1",
        "callgate_calls_released_total{reason=\"stopped\"} 1",
        "callgate_token_cache_lookups_total{result=\"miss\"} 1",
        "callgate_token_cache_lookups_total{result=\"hit\"} 3",
        "callgate_backend_duration_seconds_count{backend=\"store\",operation=\"originate\"} 2",
    ] {
        assert!(
            text.lines().any(|have| have == line),
            "no `{line}` in\n{text}"
        );
    }
}

#[tokio::test]
async fn a_token_looked_up_in_vain_is_counted_and_its_route_told() {
    let gateway = TestGateway::start().await;
    let unknown = gateway.services.mint.mint(callgate::token::Class::Access);
    for _ in 0..2 {
        let answer = gateway.edge(get("/rest/call", &unknown.token)).await;
        assert_eq!(answer.status, 401);
    }
    let text = metrics(&gateway).await;
    let negative = "callgate_token_cache_lookups_total{result=\"negative\"} 1";
    assert!(text.contains(negative), "{text}");
    assert!(!text.contains(unknown.token.expose()));
}
