//! Legacy behaviours through the proxy, and the reminder of them at every start.

use super::upstream::Upstream;
use super::{Gate, get};

#[tokio::test]
async fn p12_p13_p17_a_token_of_2012_is_taken_off_on_the_way_up_and_its_answer_tells_the_end() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let token = gate.token_through("legacy", "ann", &["pbx.#"]).await;
    let anonymous = |path: &str| get(path, "").replace("Authorization: Bearer \r\n", "");
    let query = anonymous(&format!("/pbx/a?access_token={token}&b=1"));
    let header = anonymous("/pbx/b").replace(
        "\r\n\r\n",
        &format!("\r\nAuthentication: Bearer {token}\r\n\r\n"),
    );
    for request in [&query, &header] {
        let answer = gate.ask(request).await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "heard"));
        assert_eq!(answer.header("deprecation"), "@1735689600");
        assert_eq!(answer.header("sunset"), "");
    }
    let kept_back = gate.ask(&query).await;
    assert_eq!(kept_back.headers("cache-control"), ["private, no-store"]);
    assert_eq!(kept_back.header("referrer-policy"), "no-referrer");
    let plain = gate.ask(&get("/pbx/c", &token)).await;
    assert_eq!((plain.status(), plain.header("deprecation")), (200, ""));
    for heard in upstream.heard() {
        assert!(!heard.head.contains(&token), "{}", heard.head);
    }
    assert_eq!(upstream.heard()[0].target(), "GET /api/a?b=1");
}

#[tokio::test]
async fn l07_a_token_in_the_query_never_goes_up() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let token = gate.token("ann", &["pbx.#"]).await;
    let path = format!("/pbx/a?access_token={token}");
    let request = get(&path, "").replace("Authorization: Bearer \r\n", "");
    assert_eq!(gate.ask(&request).await.status(), 401);
    assert_eq!(upstream.heard().len(), 0);
    // On a public route nobody reads it, and it stays here all the same.
    let request = request.replace("/pbx/", "/open/");
    assert_eq!(gate.ask(&request).await.status(), 200);
    assert!(!upstream.heard()[0].head.contains(&token));
}

#[tokio::test]
async fn p17_every_start_and_reload_tells_which_clients_have_switches_until_when() {
    let gate = Gate::start("").await;
    let told = || {
        let said = gate.stderr();
        let lines = said
            .lines()
            .filter(|line| line.contains("has legacy switches"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let at_start = told();
    assert_eq!(at_start.len(), 1, "{at_start:?}");
    for text in ["WARN", "legacy", "query_token authentication_header"] {
        assert!(at_start[0].contains(text), "{}", at_start[0]);
    }
    let change = |client: &mut callgate::storage::clients::Client| {
        client.sunset_at = Some(1_814_313_600_000);
    };
    let changed = gate.store.change_client("legacy", change, 1).await;
    assert_eq!(changed.unwrap().id, "legacy");
    gate.operate("POST", "/admin/reload").await;
    super::eventually(|| told().len() == 2, || gate.stderr()).await;
    assert!(told()[1].contains("2027-06-30T00:00:00Z"), "{:?}", told());
}
