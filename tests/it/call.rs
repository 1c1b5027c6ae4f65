//! `/rest/call`: place, see and end calls.

use crate::harness::{TestGateway, form, get};
use http::Method;

#[tokio::test]
async fn a_call_is_placed_seen_and_ended() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;

    let placed = gateway
        .edge(form(
            Method::POST,
            "/rest/call",
            &ann,
            "number=%2B390501234567",
        ))
        .await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    let location = placed.header("location").to_owned();
    let call = location
        .strip_prefix("https://calls.example/rest/call?token_call=")
        .unwrap();
    assert_eq!(placed.body, "");

    let seen = gateway
        .edge(get(&format!("/rest/call?token_call={call}"), &ann))
        .await;
    assert_eq!(seen.status, 200);
    assert_eq!(seen.json()["info"]["number"], "+390501234567");
    assert_eq!(seen.json()["info"]["end"], "Call Ongoing");
    assert_eq!(seen.json()["info"]["start"], "22/11/2026 02:39:33");
    assert_eq!(seen.json()["user"]["username"], "ann");

    let ended = gateway
        .edge(form(
            Method::PUT,
            "/rest/call",
            &ann,
            &format!("token_call={call}"),
        ))
        .await;
    assert_eq!(
        (ended.status.as_u16(), ended.header("location")),
        (200, location.as_str())
    );

    let list = gateway.edge(get("/rest/call", &ann)).await;
    assert_eq!((list.status.as_u16(), list.body.len()), (204, 0));
}
