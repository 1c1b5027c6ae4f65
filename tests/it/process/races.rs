//! Many at once, over sockets: of one code and of one refresh token there is one set of tokens.

use super::Gate;
use super::person::{Person, at_once, posted};
use super::wire::Wire;
use crate::harness::{Answer, CRM_SECRET};
use crate::oauth::{exchange, wish};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

const CRM: (&str, &str) = ("crm", CRM_SECRET);
const MANY: usize = 50;

async fn code(gate: &Gate) -> String {
    Person::new(gate).allow("ann", &wish()).await["code"].clone()
}

async fn tokens(gate: &Gate) -> Value {
    let form = posted("/oauth/token", CRM, &exchange(&code(gate).await));
    gate.ask(&form).await.json()
}

/// The sets of tokens in the answers that gave some, and how many answers those were.
fn given(answers: &[Answer]) -> (BTreeSet<(String, String)>, usize) {
    let good = answers.iter().filter(|answer| answer.status == 200);
    let sets: Vec<_> = good
        .map(|answer| {
            let set = answer.json();
            (
                set["access_token"].to_string(),
                set["refresh_token"].to_string(),
            )
        })
        .collect();
    let count = sets.len();
    (sets.into_iter().collect(), count)
}

fn all_others_are(answers: &[Answer], status: u16, error: &str) {
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.json()["error"], error);
    }
}

#[tokio::test]
async fn d04_of_fifty_exchanges_over_sockets_one_succeeds() {
    let gate = Gate::start("").await;
    let code = code(&gate).await;
    let request = posted("/oauth/token", CRM, &exchange(&code));
    let answers = at_once(&gate, vec![request; MANY]).await;
    assert_eq!(answers.len(), MANY);
    assert_eq!(given(&answers).1, 1);
    all_others_are(&answers, 400, "invalid_grant");
}

#[tokio::test]
async fn f03_of_fifty_refreshes_over_sockets_without_a_grace_one_succeeds() {
    let gate = Gate::start("[oauth]\nrefresh_grace = '0s'").await;
    let tokens = tokens(&gate).await;
    let request = renewal(&tokens);
    let answers = at_once(&gate, vec![request; MANY]).await;
    assert_eq!(given(&answers).1, 1);
    all_others_are(&answers, 400, "invalid_grant");
}

#[tokio::test]
async fn f04_fifty_refreshes_over_sockets_give_one_set_of_tokens() {
    let gate = Gate::start("").await;
    let tokens = tokens(&gate).await;
    let answers = at_once(&gate, vec![renewal(&tokens); MANY]).await;
    let (sets, count) = given(&answers);
    assert_eq!((sets.len(), count), (1, MANY));
    // The family is whole: what was given goes on.
    let again = gate.ask(&renewal(&answers[0].json())).await;
    assert_eq!(again.status(), 200, "{}", again.text());
}

fn renewal(tokens: &Value) -> String {
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    posted("/oauth/token", CRM, &form)
}

#[tokio::test]
async fn b09_two_hundred_logins_at_once_hold_no_call_up() {
    let limits = "[oauth]\nlogin_attempts = 100000\naddress_attempts = 100000";
    let gate = Gate::start(limits).await;
    let ann = gate.token("ann", &["calls.#"]).await;
    let mut person = Person::new(&gate);
    let page = person
        .get(&format!("/auth/login?{}", crate::oauth::encoded(wish())))
        .await;
    let form = crate::oauth::Form::of(&page);
    let cookie: Vec<_> = person
        .cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let login = |index: usize| {
        let name = format!("nobody-{index}");
        let typed = [("username", name.as_str()), ("password", "wrong")];
        let hidden = form.hidden.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let body = crate::oauth::encoded(hidden.chain(typed));
        format!(
            "POST {} HTTP/1.1\r\nHost: calls.example\r\nOrigin: null\r\nAccept: text/html\r\nCookie: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            form.action,
            cookie.join("; "),
            body.len()
        )
    };
    let logins = at_once(&gate, (0..200).map(login).collect());
    let calls = async {
        let mut statuses = Vec::new();
        for _ in 0..50 {
            let call = super::get("/rest/call", &ann);
            statuses.push(gate.ask(&call).await.status());
        }
        statuses
    };
    // What must not happen is that calls wait for the logins: then those would end first.
    let (logins, calls) = tokio::join!(logins, calls);
    assert_eq!(calls, vec![204; 50]);
    for login in &logins {
        // Too many at once are refused, and told when to come again.
        assert!(
            login.status == 403 || !login.header("retry-after").is_empty(),
            "{} {}",
            login.status,
            login.text()
        );
    }
    assert!(logins.iter().any(|login| login.status == 403));
}

/// Asks for tokens until the program is gone, and says which were given.
async fn ask_until_it_ends(gate: &Gate, given: &AtomicUsize) -> Vec<String> {
    let form = [("grant_type", "client_credentials")];
    let request = posted("/oauth/token", CRM, &form);
    let mut tokens = Vec::new();
    loop {
        let Ok(mut wire) = Wire::try_connect(gate.edge).await else {
            return tokens;
        };
        wire.send(&request).await;
        let answer = wire.answer().await;
        let told: Value = answer.json();
        let Some(token) = told["access_token"].as_str() else {
            return tokens;
        };
        given.fetch_add(1, Ordering::Relaxed);
        tokens.push(token.to_owned());
    }
}

#[tokio::test]
async fn o06_kill_9_takes_back_no_token_and_no_code_that_was_used() {
    let mut gate = Gate::start("").await;
    let code = code(&gate).await;
    let exchange = posted("/oauth/token", CRM, &exchange(&code));
    let tokens = gate.ask(&exchange).await.json();
    let given = AtomicUsize::new(0);
    let asking = futures_util::future::join_all((0..8).map(|_| ask_until_it_ends(&gate, &given)));
    let killing = async {
        super::eventually(|| given.load(Ordering::Relaxed) >= 100, String::new).await;
        gate.signal("KILL");
    };
    let (issued, ()) = tokio::join!(asking, killing);
    gate.kill();
    gate.restart().await;
    let issued: Vec<_> = issued.into_iter().flatten().collect();
    assert!(issued.len() >= 100);
    let access = tokens["access_token"].as_str().unwrap().to_owned();
    for token in issued.iter().chain([&access]) {
        let answer = gate.ask(&super::get("/rest/call", token)).await;
        assert_eq!(answer.status(), 204, "{}", answer.text());
    }
    assert_eq!(gate.ask(&exchange).await.json()["error"], "invalid_grant");
    let ended = gate.ask(&super::get("/rest/call", &access)).await;
    assert_eq!(ended.status(), 401, "the code was used before");
}
