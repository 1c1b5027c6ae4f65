//! The access log tells of every request, and holds no secret and no number.

use super::person::Person;
use super::upstream::Upstream;
use super::{Gate, form, get};
use crate::harness::{PASSWORD, person};
use crate::oauth::{encoded, wish};
use callgate::storage::users::User;

#[tokio::test]
async fn every_request_is_one_line_that_tells_how_it_was_answered() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&format!("[calls]\nlimit = 1\n{}", upstream.routes())).await;
    let ann = gate.token("ann", &["calls.#", "pbx.#"]).await;
    let call = form("POST", "/rest/call", &ann, "number=%2B390501234567");
    let before = gate.logged(1).await.len();

    let mut answers = Vec::new();
    for request in [
        call.clone(),
        call,
        get("/pbx/a", &ann),
        get("/pbx/a", "cg_at_wrong"),
        get("/extensions/5", &ann).replace("Authorization", "X"),
        get("/nowhere", &ann),
        get("/open//a", &ann),
        get("/open/hangs-up", &ann),
    ] {
        answers.push(gate.ask(&request).await);
        // In their order.
        gate.logged(before + answers.len()).await;
    }

    let log = gate.logged(before + answers.len()).await;
    assert_eq!(log.len(), before + answers.len(), "more than one line each");
    let told: Vec<_> = log[before..]
        .iter()
        .map(|line| {
            let text = |key: &str| line[key].as_str().unwrap_or("-");
            format!(
                "{} {} {} {} {} {} {}",
                text("route"),
                line["status"],
                text("auth"),
                text("cache"),
                text("principal"),
                text("client"),
                text("fault")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "/rest/call 201 ok miss user:id-of-ann crm none",
            "/rest/call 409 ok hit user:id-of-ann crm client",
            "pbx 200 ok hit user:id-of-ann crm none",
            "pbx 401 invalid none - - client",
            "extension 401 missing none - - client",
            "- 404 none none - - client",
            "- 400 none none - - client",
            "open 502 none none - - upstream",
        ]
    );
    for (line, answer) in log[before..].iter().zip(&answers) {
        let in_body = &answer.json()["decision_id"];
        assert!(
            in_body.is_null() || *in_body == line["decision_id"],
            "{line} {answer:?}"
        );
        assert_eq!(
            line["decision_id"].as_str().map(str::len),
            Some(32),
            "{line}"
        );
        assert!(line["took_us"].as_u64() > Some(0), "{line}");
        assert_eq!(line["peer"], "127.0.0.1");
    }
    let refused = answers.iter().filter(|answer| answer.status() >= 400);
    for answer in refused {
        assert!(answer.json()["decision_id"].is_string(), "{answer:?}");
    }
    let location = answers[0].header("location");
    assert!(location.ends_with(log[before]["call_id"].as_str().unwrap()));
    assert!(log[before + 2]["upstream_us"].as_u64() > Some(0));
}

#[tokio::test]
async fn at_17_no_token_number_or_path_is_written_anywhere_and_a_line_stays_a_line() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let ann = gate.token_through("legacy", "ann", &["#"]).await;
    let before = gate.logged(1).await.len();

    let requests = [
        form("POST", "/rest/call", &ann, "number=%2B4930123456789"),
        form("POST", "/rest/call", &ann, "number=planted-number"),
        get(&format!("/pbx/planted-path?access_token={ann}"), "x")
            .replace("Authorization: Bearer x\r\n", ""),
        get("/pbx/planted-path/hangs-up?q=planted-query", &ann),
        get("/planted-path", &ann),
        get("/open/planted-path//", &format!("{ann}-planted-token")),
        get("/pbx/a", &format!("{ann}-planted-token")),
        get("/pbx/a", "cg_at_planted-token"),
        get("/pbx/a", &ann).replace(
            "\r\n\r\n",
            "\r\nUser-Agent: a\"b\\\u{1b}[31m\r\ntraceparent: 00-\u{1b}\"x-y-01\r\n\r\n",
        ),
        get("/pbx/a\u{1b}\"b", &ann),
    ];
    let mut answered = 0;
    for request in &requests {
        let answer = gate.ask(request).await;
        // What is no HTTP at all is refused before it is a request.
        answered += usize::from(answer.status() < 400 || !answer.body.is_empty());
    }
    let lines = gate.logged(before + answered).await;
    assert_eq!(lines.len(), before + answered);
    assert!(answered >= requests.len() - 2, "{answered}");

    let metrics = gate.operate("GET", "/metrics").await.text();
    let (log, stderr) = (gate.access_log(), gate.stderr());
    let secret = ann.strip_prefix("cg_at_").unwrap();
    for (place, text) in [("log", &log), ("stderr", &stderr), ("metrics", &metrics)] {
        for planted in [secret, "planted-", "4930123456789", "\u{1b}"] {
            assert!(!text.contains(planted), "{planted} in {place}: {text}");
        }
    }
    for file in ["callgate.db", "callgate.db-wal"] {
        let bytes = std::fs::read(gate.path(file)).unwrap_or_default();
        let found = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "the token is in {file}");
    }
}

/// No administrator may give such a name, but a name comes from an import as well, or from a directory.
#[tokio::test]
async fn at_17_a_name_with_breaks_escapes_and_quotes_is_in_one_line_and_one_header() {
    let upstream = Upstream::start().await;
    let gate = Gate::start(&upstream.routes()).await;
    let name = "a\"b\\c\r\n{\"time\":\"planted\"}\n\u{1b}[31m\0\tX-Callgate-User: root";
    let user = User {
        id: format!("id-of-{name}"),
        username: name.to_owned(),
        ..person("ann")
    };
    gate.store.create_user(user).await.unwrap();
    let token = gate.token(name, &["#"]).await;
    let before = gate.logged(1).await.len();
    let mut asked = 0;
    for request in [
        get("/pbx/a", &token),
        get("/rest/call", &token),
        form("POST", "/rest/call", &token, "number=%2B390501234567"),
    ] {
        let status = gate.ask(&request).await.status();
        assert!((200..300).contains(&status), "{status}");
        asked += 1;
    }
    for password in ["wrong", PASSWORD] {
        let mut person = Person::new(&gate);
        let page = person
            .get(&format!("/auth/login?{}", encoded(wish())))
            .await;
        let typed = [("username", name), ("password", password)];
        let answer = person.submit(&page, &typed).await;
        assert!(!answer.status.is_server_error());
        asked += 2;
    }
    let lines = gate.logged(before + asked).await;
    assert_eq!(lines.len(), before + asked);
    let told = lines[before..]
        .iter()
        .filter(|line| line["principal"] == format!("user:id-of-{name}"));
    assert_eq!(told.count(), 3);
    let (log, stderr) = (gate.access_log(), gate.stderr());
    for (place, text) in [("log", &log), ("stderr", &stderr)] {
        for raw in ['\u{1b}', '\r', '\0'] {
            assert!(!text.contains(raw), "{raw:?} in {place}: {text}");
        }
        let planted = text
            .lines()
            .any(|line| line.starts_with("{\"time\":\"planted"));
        assert!(!planted, "{place}: {text}");
    }
    let heard = upstream.heard().remove(0);
    assert_eq!(heard.headers("x-callgate-user").len(), 1, "{}", heard.head);
    assert!(
        heard
            .header("x-callgate-user")
            .starts_with("a\"b\\c%0D%0A{")
    );
}
