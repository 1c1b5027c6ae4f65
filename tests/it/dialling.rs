//! Dialling rules: who may ring which number, and when; by the configuration, the tenant, the user and policies.

use crate::harness::{Answer, NOW, ORIGIN, TestGateway, form, user};
use callgate::http::Request;
use callgate::secret::Secret;
use callgate::token::Subject;
use http::{HeaderValue, Method};
use serde_json::{Value, json};
use std::time::Duration;

const PISA: &str = "+390501234567";
const ROME: &str = "+390612345678";
const BERLIN: &str = "+493012345678";
const MOBILE: &str = "+393471234567";
const PREMIUM: &str = "+39892424";
const SHARED: &str = "+39848123456";
const IRIDIUM: &str = "+881612345678";

/// POSTs a form with this number. A call that was placed is ended, so that its slot is free.
async fn ring(gateway: &TestGateway, token: &Secret, number: &str) -> Answer {
    let answer = gateway.edge(asked(token, number)).await;
    if let Some((_, call)) = answer.header("location").split_once("token_call=") {
        let body = format!("token_call={call}");
        let stop = form(Method::PUT, "/rest/call", token, &body);
        assert_eq!(gateway.edge(stop).await.status, 200);
    }
    answer
}

fn asked(token: &Secret, number: &str) -> Request {
    let body: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("number", number)
        .finish();
    form(Method::POST, "/rest/call", token, &body)
}

#[track_caller]
fn placed(answer: &Answer) {
    assert_eq!(answer.status, 201, "{}", answer.text());
}

/// A refusal names its rule, and what to do.
#[track_caller]
fn refused_by(answer: &Answer, rule: &str) {
    assert_eq!(answer.status, 403, "{}", answer.text());
    let problem = answer.json();
    assert_eq!(
        (&problem["code"], &problem["rule"]),
        (&json!("dialling_refused"), &json!(rule)),
        "{problem}"
    );
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("ask your administrator"), "{detail}");
    assert!(detail.contains(rule), "{detail}");
}

/// Sets the rules of `noun`, such as `tenants/acme`.
async fn set(gateway: &TestGateway, noun: &str, rules: Value) {
    let path = format!("/admin/{noun}/dialling");
    gateway.admin_put(&path, rules).await.expect(200);
}

/// With these rules of the tenant, each number is placed, or refused by the rule.
async fn with_rules(rules: Value, expected: &[(&str, Option<&str>)]) {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    set(&gateway, "tenants/acme", rules).await;
    for (number, rule) in expected {
        let answer = ring(&gateway, &ann, number).await;
        match rule {
            None => placed(&answer),
            Some(rule) => refused_by(&answer, &format!("tenant:acme/{rule}")),
        }
    }
}

#[tokio::test]
async fn without_any_rule_what_costs_extra_is_refused_and_all_else_is_placed() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    for number in [PISA, BERLIN, MOBILE, SHARED, "+252612345678", "201"] {
        placed(&ring(&gateway, &ann, number).await);
    }
    let answer = ring(&gateway, &ann, PREMIUM).await;
    refused_by(&answer, "configuration/refuse_types:premium_rate");
    let answer = ring(&gateway, &ann, "+979123456789").await;
    refused_by(&answer, "configuration/refuse_types:premium_rate");
    let answer = ring(&gateway, &ann, IRIDIUM).await;
    refused_by(&answer, "configuration/refuse_types:satellite");
}

#[tokio::test]
async fn a_refused_prefix_is_refused_and_all_else_is_placed() {
    let rules = json!({ "refuse": ["+3906", "7"] });
    let expected = [
        (ROME, Some("refuse:+3906")),
        (PISA, None),
        (BERLIN, None),
        ("701", Some("refuse:7")),
        ("201", None),
    ];
    with_rules(rules, &expected).await;
}

#[tokio::test]
async fn with_an_allow_list_what_is_not_on_it_is_refused() {
    let rules = json!({ "allow": ["+39050"] });
    // Short numbers have a list of their own.
    let expected = [
        (PISA, None),
        (ROME, Some("allow")),
        (BERLIN, Some("allow")),
        ("201", None),
    ];
    with_rules(rules, &expected).await;
    let rules = json!({ "allow": ["2"] });
    let expected = [("201", None), ("301", Some("allow")), (PISA, None)];
    with_rules(rules, &expected).await;
}

#[tokio::test]
async fn of_the_prefixes_that_fit_the_longest_counts() {
    let rules = json!({ "allow": ["+39", "+390501"], "refuse": ["+39050", "+3905012"] });
    let expected = [
        (ROME, None),
        ("+390509234567", Some("refuse:+39050")),
        ("+390501934567", None),
        (PISA, Some("refuse:+3905012")),
        (BERLIN, Some("allow")),
    ];
    with_rules(rules, &expected).await;
}

#[tokio::test]
async fn countries_that_are_named_are_placed_and_no_others() {
    let rules = json!({ "countries": ["IT", "CH"] });
    let expected = [
        (PISA, None),
        (BERLIN, Some("allow")),
        ("+41446681800", None),
        ("201", None),
    ];
    with_rules(rules, &expected).await;
    let rules = json!({ "refuse_countries": ["DE", "JM"] });
    let expected = [
        (PISA, None),
        (BERLIN, Some("refuse_countries:DE")),
        // Jamaica and the United States share +1.
        ("+18765551234", Some("refuse_countries:JM")),
        ("+16502530000", None),
    ];
    with_rules(rules, &expected).await;
}

#[tokio::test]
async fn a_prefix_goes_before_a_country() {
    let rules = json!({ "countries": ["IT"], "allow": ["+4930"], "refuse": ["+3906"] });
    let expected = [
        (BERLIN, None),
        ("+498912345678", Some("allow")),
        (ROME, Some("refuse:+3906")),
        (PISA, None),
    ];
    with_rules(rules, &expected).await;
    let rules = json!({ "refuse_countries": ["DE"], "allow": ["+4930", "+39"] });
    let expected = [
        (BERLIN, None),
        ("+498912345678", Some("refuse_countries:DE")),
    ];
    with_rules(rules, &expected).await;
}

#[tokio::test]
async fn a_refused_type_of_line_is_refused_whatever_else_allows_the_number() {
    let rules = json!({ "allow": ["+39"], "countries": ["IT"], "refuse_types": ["premium_rate", "shared_cost", "mobile"] });
    let expected = [
        (PREMIUM, Some("refuse_types:premium_rate")),
        (SHARED, Some("refuse_types:shared_cost")),
        (MOBILE, Some("refuse_types:mobile")),
        (PISA, None),
    ];
    with_rules(rules, &expected).await;
    // Who wants it says so.
    let rules = json!({ "refuse_types": [] });
    let expected = [(PREMIUM, None), (SHARED, None), (IRIDIUM, None)];
    with_rules(rules, &expected).await;
}

#[tokio::test]
async fn the_configuration_says_what_else_costs_extra_and_what_does_not() {
    let gateway = TestGateway::with(
        "[dialling]\npremium = ['+39050', '+398924']\nnot_premium = ['+39892424', '+390501']\n",
    )
    .await;
    let ann = gateway.ann().await;
    let rule = "configuration/refuse_types:premium_rate";
    refused_by(&ring(&gateway, &ann, "+390509234567").await, rule);
    placed(&ring(&gateway, &ann, PISA).await);
    placed(&ring(&gateway, &ann, PREMIUM).await);
    refused_by(&ring(&gateway, &ann, "+39892425").await, rule);
}

#[tokio::test]
async fn internal_only_leaves_short_numbers() {
    let rules = json!({ "internal_only": true });
    let expected = [
        ("201", None),
        (PISA, Some("internal_only")),
        (PREMIUM, Some("internal_only")),
    ];
    with_rules(rules, &expected).await;
    let rules = json!({ "internal_only": true, "allow": ["2"], "refuse": ["29"] });
    let expected = [
        ("201", None),
        ("291", Some("refuse:29")),
        ("301", Some("allow")),
        (PISA, Some("internal_only")),
    ];
    with_rules(rules, &expected).await;
}

#[tokio::test]
async fn emergency_numbers_pass_whatever_the_rules_say() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let rules = json!({ "internal_only": true, "allow": ["2"], "refuse": ["112"], "hours": ["mon 03:00-03:01"] });
    set(&gateway, "users/id-of-ann", rules).await;
    refused_by(&ring(&gateway, &ann, "201").await, "user:id-of-ann/hours");
    placed(&ring(&gateway, &ann, "112").await);
    // Not even rules that cannot be read stand in the way.
    spoil(&gateway, "user:id-of-ann").await;
    placed(&ring(&gateway, &ann, "112").await);
}

#[tokio::test]
async fn rules_that_cannot_be_read_let_nothing_through() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    set(&gateway, "tenants/acme", json!({})).await;
    spoil(&gateway, "tenant:acme").await;
    for number in [PISA, "201"] {
        let answer = ring(&gateway, &ann, number).await;
        refused_by(&answer, "tenant:acme/unreadable");
    }
}

/// Writes rules that a later version might know.
async fn spoil(gateway: &TestGateway, holder: &str) {
    use callgate::storage::audit::{Entry, Event};
    use callgate::storage::dialling_rules::DiallingRules;
    let rules = DiallingRules {
        holder: holder.to_owned(),
        rules: r#"{"of_later_times":true}"#.to_owned(),
        updated_at: NOW,
    };
    let entry = Entry::new(Event::Administration, NOW);
    let set = gateway.services.store.set_dialling_rules(rules, entry);
    set.await.unwrap();
}

#[tokio::test]
async fn hours_are_those_of_the_tenants_clocks() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let zone = json!({ "time_zone": "America/New_York" });
    gateway
        .admin_patch("/admin/tenants/acme", zone)
        .await
        .expect(200);
    // It is Sunday 02:39:33 in Greenwich, and Saturday 21:39:33 in New York.
    set(
        &gateway,
        "tenants/acme",
        json!({ "hours": ["sat 21:00-21:40"] }),
    )
    .await;
    placed(&ring(&gateway, &ann, PISA).await);
    gateway.advance(Duration::from_secs(26)).await;
    placed(&ring(&gateway, &ann, PISA).await);
    gateway.advance(Duration::from_secs(1)).await;
    let late = ring(&gateway, &ann, PISA).await;
    refused_by(&late, "tenant:acme/hours");
    let detail = late.json()["detail"].to_string();
    assert!(
        detail.contains("sat 21:00-21:40 (America/New_York): call then"),
        "{detail}"
    );
    // Without a zone of its own, that of the configuration counts.
    let zone = json!({ "time_zone": null });
    gateway
        .admin_patch("/admin/tenants/acme", zone)
        .await
        .expect(200);
    set(
        &gateway,
        "tenants/acme",
        json!({ "hours": ["sun 02:00-03:00"] }),
    )
    .await;
    placed(&ring(&gateway, &ann, PISA).await);
}

#[tokio::test]
async fn hours_are_right_on_the_days_on_which_clocks_are_changed() {
    let gateway = TestGateway::start().await;
    let zone = json!({ "time_zone": "Europe/Rome" });
    gateway
        .admin_patch("/admin/tenants/acme", zone)
        .await
        .expect(200);
    set(
        &gateway,
        "tenants/acme",
        json!({ "hours": ["daily 08:00-18:00"] }),
    )
    .await;
    for (at, allowed) in [
        // The day before the clocks go forward, that day, and the day on which they go back.
        ("2027-03-27T06:59:59Z", false),
        ("2027-03-27T07:00:00Z", true),
        ("2027-03-27T16:59:59Z", true),
        ("2027-03-27T17:00:00Z", false),
        ("2027-03-28T05:59:59Z", false),
        ("2027-03-28T06:00:00Z", true),
        ("2027-03-28T15:59:59Z", true),
        ("2027-03-28T16:00:00Z", false),
        ("2027-10-31T06:59:59Z", false),
        ("2027-10-31T07:00:00Z", true),
    ] {
        let question = json!({ "user": "acme/ann", "number": PISA, "at": at });
        let answer = gateway.admin_post("/admin/dialling/test", question).await;
        assert_eq!(answer.expect(200).json()["allowed"], allowed, "{at}");
    }
}

#[tokio::test]
async fn a_users_rules_stand_in_place_of_the_tenants_and_those_in_place_of_the_configurations() {
    let gateway = TestGateway::with("[dialling.rules]\ncountries = ['IT']\n").await;
    let ann = gateway.ann().await;
    let bob = gateway.token(user("bob"), &["calls.#"]).await;
    refused_by(&ring(&gateway, &ann, BERLIN).await, "configuration/allow");
    // What the file does not say is as always.
    refused_by(
        &ring(&gateway, &ann, PREMIUM).await,
        "configuration/refuse_types:premium_rate",
    );
    set(&gateway, "tenants/acme", json!({ "countries": ["DE"] })).await;
    placed(&ring(&gateway, &ann, BERLIN).await);
    refused_by(&ring(&gateway, &ann, PISA).await, "tenant:acme/allow");
    set(&gateway, "users/id-of-ann", json!({ "refuse": ["+4930"] })).await;
    placed(&ring(&gateway, &ann, PISA).await);
    refused_by(
        &ring(&gateway, &ann, BERLIN).await,
        "user:id-of-ann/refuse:+4930",
    );
    placed(&ring(&gateway, &bob, BERLIN).await);

    let of_ann = "/admin/users/id-of-ann/dialling";
    gateway.admin_delete(of_ann).await.expect(204);
    gateway
        .admin_delete(of_ann)
        .await
        .refused(404, "set of dialling rules");
    refused_by(&ring(&gateway, &ann, PISA).await, "tenant:acme/allow");
    gateway
        .admin_delete("/admin/tenants/acme/dialling")
        .await
        .expect(204);
    placed(&ring(&gateway, &ann, PISA).await);
}

#[tokio::test]
async fn a_client_that_acts_for_itself_has_rules_of_its_own() {
    let gateway = TestGateway::start().await;
    let crm = gateway
        .token(Subject::Client("crm".to_owned()), &["calls.#"])
        .await;
    let ann = gateway.ann().await;
    set(&gateway, "clients/crm", json!({ "internal_only": true })).await;
    refused_by(
        &ring(&gateway, &crm, PISA).await,
        "client:crm/internal_only",
    );
    // They are not those of its users.
    placed(&ring(&gateway, &ann, PISA).await);
}

#[tokio::test]
async fn a_policy_of_the_token_narrows_and_never_widens() {
    let gateway = TestGateway::start().await;
    // Tokens of the tests have the scope `call`.
    let ann = gateway.ann().await;
    set(
        &gateway,
        "policies/call",
        json!({ "countries": ["IT", "DE"] }),
    )
    .await;
    set(&gateway, "policies/pbx", json!({ "internal_only": true })).await;
    set(
        &gateway,
        "tenants/acme",
        json!({ "countries": ["IT", "FR"] }),
    )
    .await;
    placed(&ring(&gateway, &ann, PISA).await);
    refused_by(&ring(&gateway, &ann, BERLIN).await, "tenant:acme/allow");
    refused_by(
        &ring(&gateway, &ann, "+33142685300").await,
        "policy:call/allow",
    );
    // Without its rules tokens that are out could do more than they could.
    let deleted = gateway.admin_delete("/admin/policies/pbx").await;
    deleted.refused(409, "may ask for the policy");
    let mut crm = gateway.services.store.client("crm").await.unwrap().unwrap();
    crm.policies = "call".to_owned().into();
    gateway
        .services
        .store
        .update_client(crm, NOW)
        .await
        .unwrap();
    let deleted = gateway.admin_delete("/admin/policies/pbx").await;
    deleted.refused(409, "remove them first");
    gateway
        .admin_delete("/admin/policies/pbx/dialling")
        .await
        .expect(204);
    gateway
        .admin_delete("/admin/policies/pbx")
        .await
        .expect(204);
}

#[tokio::test]
async fn s14_a_retry_of_a_call_that_was_placed_is_that_call_though_the_rules_have_changed() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let keyed = |number| {
        let mut request = asked(&ann, number);
        let key = HeaderValue::from_static("order-17");
        request.headers_mut().insert("idempotency-key", key);
        request
    };
    let first = gateway.edge(keyed(BERLIN)).await.expect(201);
    set(&gateway, "tenants/acme", json!({ "countries": ["IT"] })).await;
    let again = gateway.edge(keyed(BERLIN)).await.expect(201);
    assert_eq!(first.header("location"), again.header("location"));
    let other = gateway.edge(keyed(PISA)).await;
    assert_eq!(other.expect(422).json()["code"], "idempotency_key_reused");
    // A new call is not let through by any key.
    let mut new = asked(&ann, BERLIN);
    let key = HeaderValue::from_static("order-18");
    new.headers_mut().insert("idempotency-key", key);
    refused_by(&gateway.edge(new).await, "tenant:acme/allow");
}

#[tokio::test]
async fn a_refusal_takes_no_slot_rings_nobody_and_is_counted() {
    let gateway = TestGateway::with("calls.limit = 1\n").await;
    let ann = gateway.ann().await;
    for _ in 0..3 {
        let answer = ring(&gateway, &ann, PREMIUM).await;
        refused_by(&answer, "configuration/refuse_types:premium_rate");
    }
    let live = gateway.services.store.all_live_calls(NOW).await.unwrap();
    assert_eq!(live, []);
    placed(&ring(&gateway, &ann, PISA).await);
    let metrics = String::from_utf8(gateway.services.metrics.render()).unwrap();
    let counted = "callgate_calls_refused_total{reason=\"dialling\"} 3";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn the_dialect_of_2012_names_the_rule_too() {
    let gateway = TestGateway::start().await;
    let ann = gateway.ann().await;
    let mut request = asked(&ann, PREMIUM);
    let xml = HeaderValue::from_static("text/xml");
    request.headers_mut().insert("accept", xml);
    let answer = gateway.edge(request).await.expect(403);
    assert_eq!(answer.header("content-type"), "application/problem+xml");
    let text = answer.text();
    assert!(text.contains("<code>dialling_refused</code>"), "{text}");
    let rule = "<rule>configuration/refuse_types:premium_rate</rule>";
    assert!(text.contains(rule), "{text}");
}

#[tokio::test]
async fn rules_that_contradict_themselves_are_refused_with_a_reason() {
    let gateway = TestGateway::start().await;
    for (rules, why) in [
        (json!({ "allow": ["39050"] }), ""),
        (
            json!({ "allow": ["0039050"] }),
            "`0039050` is not the beginning of numbers",
        ),
        (
            json!({ "allow": ["+39", "+3906"], "refuse": ["+3906"] }),
            "refuse: `+3906` is allowed as well",
        ),
        (
            json!({ "countries": ["Italy"] }),
            "`Italy` is not a country",
        ),
        (
            json!({ "countries": ["IT"], "refuse_countries": ["IT"] }),
            "refuse_countries: `IT`",
        ),
        (
            json!({ "refuse_types": ["premium"] }),
            "unknown variant `premium`, expected one of `premium_rate`",
        ),
        (
            json!({ "hours": ["mon-fri 8-18"] }),
            "`mon-fri 8-18` is no days and times",
        ),
        (
            json!({ "hours": ["mon 08:00-08:00"] }),
            "a whole day is 00:00-24:00",
        ),
        (
            json!({ "internal_only": true, "countries": ["IT"] }),
            "countries: it is about numbers outside",
        ),
        (json!({ "country": ["IT"] }), "unknown field `country`"),
    ] {
        let answer = gateway
            .admin_put("/admin/tenants/acme/dialling", rules)
            .await;
        if why.is_empty() {
            answer.expect(200);
        } else {
            answer.refused(400, why);
        }
    }
    for path in [
        "tenants/nobody",
        "users/nobody",
        "clients/nobody",
        "policies/nobody",
    ] {
        let path = format!("/admin/{path}/dialling");
        gateway
            .admin_put(&path, json!({}))
            .await
            .refused(404, "there is no such");
        gateway
            .admin_get(&path)
            .await
            .refused(404, "there is no such");
    }
    let zone = json!({ "time_zone": "Rome" });
    let answer = gateway.admin_patch("/admin/tenants/acme", zone).await;
    answer.refused(400, "write it as `Europe/Rome`");
}

#[tokio::test]
async fn all_rules_are_listed_and_each_change_is_written_down() {
    let gateway = TestGateway::with("[dialling.rules]\nrefuse = ['+3906']\n").await;
    set(&gateway, "tenants/acme", json!({ "countries": ["IT"] })).await;
    set(
        &gateway,
        "users/id-of-ann",
        json!({ "hours": ["fri-mon 22:00-06:00"] }),
    )
    .await;
    let of_ann = gateway.admin_get("/admin/users/id-of-ann/dialling").await;
    let of_ann = of_ann.expect(200).json();
    assert_eq!(
        of_ann,
        json!({
            "holder": "user:id-of-ann",
            "rules": {
                "internal_only": false, "allow": [], "refuse": [], "countries": [], "refuse_countries": [],
                "refuse_types": ["premium_rate", "satellite"], "hours": ["mon,fri,sat,sun 22:00-06:00"],
            },
            "updated_at": "2026-11-22T02:39:33Z",
        })
    );
    let all = gateway
        .admin_get("/admin/dialling")
        .await
        .expect(200)
        .json();
    let holders: Vec<_> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["holder"])
        .collect();
    assert_eq!(holders, ["configuration", "tenant:acme", "user:id-of-ann"]);
    assert_eq!(all["items"][0]["rules"]["refuse"], json!(["+3906"]));
    gateway
        .admin_delete("/admin/tenants/acme/dialling")
        .await
        .expect(204);
    let log = gateway
        .admin_get("/admin/audit?event=administration")
        .await
        .json();
    let acts: Vec<_> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["detail"]["act"].as_str().unwrap(),
                it["tenant"].as_str().unwrap(),
                it["detail"]["rules"]["countries"].clone(),
            )
        })
        .collect();
    assert_eq!(
        acts,
        [
            ("tenant.dialling.remove", "acme", Value::Null),
            ("user.dialling.set", "acme", json!([])),
            ("tenant.dialling.set", "acme", json!(["IT"])),
        ]
    );
}

#[tokio::test]
async fn a_number_is_tried_out_without_ringing_it() {
    let gateway = TestGateway::start().await;
    set(&gateway, "tenants/acme", json!({ "countries": ["IT"] })).await;
    set(&gateway, "policies/call", json!({ "allow": ["+39050"] })).await;
    let ask = async |question: Value| {
        let answer = gateway.admin_post("/admin/dialling/test", question).await;
        answer.expect(200).json()
    };
    let answer =
        ask(json!({ "user": "acme/ann", "number": "06 1234 5678", "policies": ["call"] })).await;
    let detail = answer["detail"].as_str().unwrap().to_owned();
    assert_eq!(
        answer,
        json!({
            "number": ROME, "country": "IT", "type": "fixed_line", "emergency": false,
            "at": "2026-11-22T02:39:33+00:00[UTC]",
            "allowed": false, "rule": "policy:call/allow", "detail": detail,
            "verdicts": [
                { "holder": "tenant:acme", "allowed": true, "by": "countries:IT" },
                { "holder": "policy:call", "allowed": false, "by": "allow" },
            ],
        })
    );
    let answer = ask(json!({ "tenant": "acme", "number": PISA, "policies": ["call"] })).await;
    assert_eq!(
        (&answer["allowed"], &answer["rule"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(answer["verdicts"][1]["by"], "allow:+39050");
    let answer = ask(json!({ "client": "crm", "number": "112" })).await;
    assert_eq!(
        (&answer["allowed"], &answer["emergency"]),
        (&json!(true), &json!(true))
    );
    let answer = ask(json!({ "tenant": "acme", "number": "201" })).await;
    assert_eq!(
        (&answer["country"], &answer["type"]),
        (&Value::Null, &Value::Null)
    );

    let path = "/admin/dialling/test";
    for (question, status, why) in [
        (json!({ "number": PISA }), 400, "name one"),
        (
            json!({ "number": PISA, "user": "acme/ann", "tenant": "acme" }),
            400,
            "name one",
        ),
        (json!({ "number": PISA, "user": "acme/eve" }), 404, "user"),
        (json!({ "number": PISA, "tenant": "none" }), 404, "tenant"),
        (
            json!({ "number": "12345678901234567", "tenant": "acme" }),
            400,
            "no such number",
        ),
        (
            json!({ "number": PISA, "tenant": "acme", "at": "noon" }),
            400,
            "`at` is no time",
        ),
    ] {
        gateway
            .admin_post(path, question)
            .await
            .refused(status, why);
    }
    let live = gateway.services.store.all_live_calls(NOW).await.unwrap();
    assert_eq!(live, []);
}

#[tokio::test]
async fn faults_of_the_configuration_are_told_with_their_place() {
    let config = |text: &str| {
        let least =
            "operations.token = 'an-operator'\ntokens.key = '0123456789abcdef0123456789abcdef'\n";
        callgate::config::Config::parse(&format!(
            "{least}server.public_origin = '{ORIGIN}'\n{text}"
        ))
    };
    for (text, path) in [
        (
            "[dialling]\npremium = ['+39']\nnot_premium = ['+39']",
            "dialling.not_premium",
        ),
        ("[dialling]\npremium = ['12']", "dialling.premium"),
        (
            "[dialling.rules]\nallow = ['+39']\nrefuse = ['+39']",
            "dialling.rules.refuse",
        ),
    ] {
        let faults = config(text).unwrap().faults();
        let paths: Vec<_> = faults.into_iter().map(|fault| fault.path).collect();
        assert_eq!(paths, [path], "{text}");
    }
    for (text, path, told) in [
        (
            "[dialling.rules]\nhours = ['always']",
            "dialling.rules.hours[0]",
            "no days and times",
        ),
        (
            "[dialling.rules]\nrefuse_types = ['premum_rate']",
            "dialling.rules.refuse_types[0]",
            "did you mean `premium_rate`?",
        ),
    ] {
        let fault = config(text).unwrap_err();
        assert_eq!(fault.path, path);
        assert!(fault.message.contains(told), "{fault}");
    }
}
