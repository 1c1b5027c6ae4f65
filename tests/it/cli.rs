//! The command line, as the program itself.

use callgate::auth::password;
use callgate::metrics::Metrics;
use callgate::storage::{Settings, Store};
use callgate::token::TokenHash;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// An installation: a folder with a configuration.
struct Installation(TempDir);

const CONFIG: &str = "operations.token = 'an-operations-token'\ntokens.key = '0123456789abcdef0123456789abcdef'\n\
                      store.url = 'sqlite:callgate.db'\n";

impl Installation {
    /// With a database, a tenant and a policy.
    fn ready() -> Self {
        let here = Self::with(CONFIG);
        here.done(&["migrate"]);
        here.done(&["tenant", "create", "acme", "--region", "IT"]);
        here.done(&[
            "policy",
            "set",
            "call",
            "--description",
            "Call.",
            "--access",
            "calls.#",
        ]);
        here
    }

    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("callgate.toml"), config).unwrap();
        Self(folder)
    }

    fn configure(&self, config: &str) {
        std::fs::write(self.0.path().join("callgate.toml"), config).unwrap();
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_callgate"))
            .current_dir(self.0.path())
            .args(["--config", "callgate.toml"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    }

    /// What a command that succeeds writes.
    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.done(&[&["--json"], arguments].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// Why a command failed that was given `input`.
    #[track_caller]
    fn failed_with(&self, input: &str, arguments: &[&str]) -> String {
        let output = self.run(arguments, input);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Why a command failed.
    #[track_caller]
    fn failed(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn what_is_not_understood_is_a_usage_error() {
    let here = Installation::with(CONFIG);
    here.failed(2, &["tenat", "list"]);
    here.failed(2, &["tenant", "create"]);
    here.failed(2, &["token", "revoke"]);
    here.failed(2, &["client", "create", "acme", "App", "--switch", "magic"]);
    assert!(here.done(&["--version"]).starts_with("callgate "));
    assert!(here.done(&["help"]).contains("completions"));
}

#[test]
fn a_database_that_was_never_migrated_is_told_so() {
    let here = Installation::with(CONFIG);
    let why = here.failed(1, &["tenant", "list"]);
    assert_eq!(why.lines().count(), 1, "{why}");
    here.done(&["migrate"]);
    here.done(&["migrate"]);
    assert_eq!(here.json(&["tenant", "list"]), json!({ "items": [] }));
}

#[test]
fn a_list_is_aligned_for_people_and_json_for_programs() {
    let here = Installation::ready();
    here.done(&[
        "tenant",
        "set",
        "acme",
        "--name",
        "Acme Inc.",
        "--call-limit",
        "3",
    ]);
    assert_eq!(
        here.done(&["tenant", "list"]),
        "ID    NAME       REGION  CALL_LIMIT  BACKEND  ENABLED\n\
         acme  Acme Inc.  IT      3           -        yes\n"
    );
    let listed = here.json(&["tenant", "list"]);
    assert_eq!(listed["items"][0]["name"], "Acme Inc.");
    here.done(&["tenant", "set", "acme", "--call-limit", "none"]);
    assert_eq!(
        here.json(&["tenant", "show", "acme"])["call_limit"],
        Value::Null
    );
}

#[test]
fn a_refused_act_fails_with_one_clear_sentence() {
    let here = Installation::ready();
    let why = here.failed(1, &["tenant", "create", "acme", "--region", "IT"]);
    assert_eq!(why, "callgate: tenant exists already\n");
    let why = here.failed(1, &["user", "show", "acme/nobody"]);
    assert_eq!(why, "callgate: there is no such user\n");
}

#[test]
fn a_user_is_created_with_a_password_shown_once() {
    let here = Installation::ready();
    let made = here.json(&["user", "create", "acme", "ann"]);
    let password = made["password"].as_str().unwrap();
    assert!(password.len() >= 32, "{password}");
    let shown = here.done(&["user", "show", "acme/ann"]);
    assert!(!shown.contains(password), "{shown}");
    let text = here.done(&["user", "create", "acme", "bob"]);
    assert!(text.contains("shown this once"), "{text}");
}

#[test]
fn a_password_is_read_from_standard_input() {
    let here = Installation::ready();
    let create = [
        "user",
        "create",
        "acme",
        "ann",
        "--password-stdin",
        "--json",
    ];
    let output = here.run(&create, "correct horse\n");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&made["can_log_in"], &made["password"]),
        (&json!(true), &Value::Null)
    );
    let nothing = here.run(&["user", "create", "acme", "bob", "--password-stdin"], "\n");
    assert_eq!(nothing.status.code(), Some(1), "{nothing:?}");
}

#[test]
fn a_user_is_named_by_tenant_and_username_in_every_command() {
    let here = Installation::ready();
    let id = here.json(&["user", "create", "acme", "ann"])["id"].clone();
    let user = |arguments: &[&str]| here.json(&[&["user"], arguments].concat());
    user(&[
        "line",
        "acme/ann",
        "store",
        "100",
        "--device",
        "e0",
        "--caller-id",
        "+390501234567",
    ]);
    user(&[
        "set",
        "acme/ann",
        "--call-limit",
        "1",
        "--display-name",
        "Ann Archer",
    ]);
    let shown = user(&["disable", "acme/ann"]);
    assert_eq!(
        (
            &shown["id"],
            &shown["lines"],
            &shown["call_limit"],
            &shown["enabled"]
        ),
        (
            &id,
            &json!({ "store": { "line": "100", "device": "e0", "caller_id": "+390501234567" } }),
            &json!(1),
            &json!(false)
        )
    );
    assert_eq!(user(&["enable", "acme/ann"])["enabled"], true);
    assert_eq!(
        user(&["line", "acme/ann", "store", "none"])["lines"],
        json!({})
    );
    let password = user(&["password", "acme/ann"])["password"].clone();
    assert!(password.as_str().is_some_and(|text| text.len() >= 32));
    assert_eq!(
        here.json(&["token", "revoke", "--user", "acme/ann"]),
        json!({ "revoked": 0 })
    );
    assert_eq!(
        here.json(&["call", "list", "--user", "acme/ann"]),
        json!({ "items": [] })
    );
}

#[test]
fn a_client_is_created_and_its_secret_rotated() {
    let here = Installation::ready();
    let made = here.json(&[
        "client",
        "create",
        "acme",
        "Acme CRM",
        "--id",
        "crm",
        "--policy",
        "call",
        "--redirect-uri",
        "https://crm.example/cb",
        "--grant-type",
        "authorization_code",
        "--switch",
        "query_token",
        "--switch",
        "no_pkce",
    ]);
    assert_eq!(made["switches"], json!(["query_token", "no_pkce"]));
    assert_eq!(made["grant_types"], json!(["authorization_code"]));
    let rotated = here.json(&["client", "secret", "crm"]);
    let overlapping = here.json(&["client", "secret", "crm", "--overlap", "24h"]);
    assert!(overlapping["former_secret_until"].is_string(), "G05");
    here.failed(2, &["client", "secret", "crm", "--overlap", "soon"]);
    assert_ne!(made["client_secret"], rotated["client_secret"]);
    assert!(
        rotated["client_secret"]
            .as_str()
            .unwrap()
            .starts_with("cg_cs_")
    );
    let set = here.json(&["client", "set", "crm", "--no-switches"]);
    assert_eq!(
        (&set["switches"], &set["policies"]),
        (&json!([]), &json!(["call"]))
    );
    let why = here.failed(
        1,
        &[
            "client",
            "set",
            "crm",
            "--redirect-uri",
            "http://crm.example/",
        ],
    );
    assert!(why.contains("loopback"), "{why}");
}

#[test]
fn a_policy_in_use_stays() {
    let here = Installation::ready();
    here.done(&[
        "client",
        "create",
        "acme",
        "CRM",
        "--id",
        "crm",
        "--policy",
        "call",
        "--grant-type",
        "client_credentials",
    ]);
    let why = here.failed(1, &["policy", "delete", "call"]);
    assert!(why.contains("`crm`"), "{why}");
    here.done(&[
        "policy",
        "set",
        "spare",
        "--description",
        "Spare.",
        "--access",
        "x",
    ]);
    here.done(&["policy", "delete", "spare"]);
    let names: Vec<_> = here.json(&["policy", "list"])["items"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(names.len(), 1);
}

#[test]
fn check_finds_nothing_wrong_with_what_is_in_order() {
    let here = Installation::ready();
    assert_eq!(here.json(&["check"]), json!({ "faults": [] }));
}

#[test]
fn check_names_a_misspelt_setting_and_what_was_meant() {
    let here = Installation::with(&format!("{CONFIG}[calls]\nlimt = 3\n"));
    let output = here.run(&["--json", "check"], "");
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let fault = &told["faults"][0];
    assert_eq!(fault["path"], "calls.limt", "{told}");
    let message = fault["message"].as_str().unwrap();
    assert!(message.contains("did you mean `limit`?"), "{told}");
}

#[test]
fn check_names_every_fault_of_the_configuration() {
    let here = Installation::with(&format!(
        "{CONFIG}calls.backend = 'x'\nserver.public_origin = 'nowhere'\n"
    ));
    let output = here.run(&["check"], "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let paths: Vec<_> = text
        .lines()
        .filter_map(|line| line.split(':').next())
        .collect();
    assert_eq!(paths, ["server.public_origin", "calls.backend"], "{text}");
}

#[test]
fn check_says_when_the_database_is_missing_or_behind() {
    let here = Installation::with(CONFIG);
    let output = here.run(&["check"], "");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("store.url: "), "{text}");
}

#[test]
fn check_finds_rows_that_name_what_is_gone() {
    let here = Installation::ready();
    here.done(&["tenant", "set", "acme", "--backend", "store"]);
    here.done(&["user", "create", "acme", "ann", "--backend", "store"]);
    here.done(&["user", "line", "acme/ann", "store", "100"]);
    here.configure(&format!(
        "{CONFIG}calls.backend = 'office'\n[[backend]]\nname = 'office'\nkind = 'session'\n"
    ));
    let output = here.run(&["check"], "");
    assert_eq!(output.status.code(), Some(1));
    let gone = "there is no [[backend]] `store`; there are: office";
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!(
            "tenant.acme.backend: {gone}\nuser.acme/ann.backend: {gone}\nuser.acme/ann.line: {gone}\n"
        )
    );
}

#[test]
fn check_finds_policies_of_digests_that_are_not_there() {
    let here = Installation::ready();
    here.configure(&format!("{CONFIG}digest.scope = 'call pbx'\n"));
    let output = here.run(&["check"], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "digest.scope: there is no policy `pbx`\n"
    );
}

#[test]
fn check_finds_tenants_and_policies_of_other_issuers_that_are_not_there() {
    let here = Installation::ready();
    let issuer = "[[issuer]]\nname = 'idp'\nkind = 'jwt'\nissuer = 'https://idp.example'\naudience = ['gate']\n\
                  tenant = { claim = 'org', map = { a = 'acme', b = 'globex' } }\n\
                  [issuer.principal]\npolicies = { calls = 'call pbx' }\n";
    here.configure(&format!("{CONFIG}{issuer}"));
    let output = here.run(&["check"], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "issuer.idp.tenant: there is no tenant `globex`\n\
         issuer.idp.principal.policies: there is no policy `pbx`\n"
    );
}

const OWN: &str = "[[credential]]\nname = 'pbx'\nkind = 'basic'\nof = 'user'\n\
                   [[credential]]\nname = 'crm'\nkind = 'bearer'\nof = 'user'\n";

#[test]
fn a_users_secret_is_read_from_input_file_or_variable_and_shown_nowhere() {
    let here = Installation::ready();
    here.configure(&format!("{CONFIG}{OWN}"));
    here.done(&["user", "create", "acme", "ann", "--no-password"]);
    let set = ["user", "credential", "set", "acme/ann"];
    let basic = [&set[..], &["pbx", "--username", "token-1"]].concat();
    let output = here.run(&basic, "planted-on-input\n");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    std::fs::write(here.0.path().join("secret"), "planted-in-a-file\n").unwrap();
    let bearer = [&set[..], &["crm", "--secret", "file:secret"]].concat();
    here.done(&bearer);

    let list = ["user", "credential", "list", "acme/ann"];
    let listed = here.json(&list);
    let names: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["name"])
        .collect();
    assert_eq!(names, ["crm", "pbx"]);
    assert!(!listed.to_string().contains("planted"), "{listed}");
    assert!(!here.done(&["--json", "audit"]).contains("planted"));

    let plain = [&set[..], &["crm", "--secret", "planted-as-argument"]].concat();
    let refused = here.failed(1, &plain);
    assert!(
        refused.contains("file:PATH") && !refused.contains("planted"),
        "{refused}"
    );
    let nothing = here.run(&bearer[..5], "\n");
    assert_eq!(nothing.status.code(), Some(1));
    let other = [&set[..], &["pbx", "--secret", "file:secret"]].concat();
    assert!(here.failed(1, &other).contains("`username` and `password`"));

    here.done(&["user", "credential", "remove", "acme/ann", "pbx"]);
    assert_eq!(here.json(&list)["items"].as_array().unwrap().len(), 1);
}

#[test]
fn check_finds_secrets_of_users_that_nothing_presents_any_more() {
    let here = Installation::ready();
    here.configure(&format!("{CONFIG}{OWN}"));
    here.done(&["user", "create", "acme", "ann", "--no-password"]);
    let set = ["user", "credential", "set", "acme/ann", "crm"];
    assert_eq!(here.run(&set, "t0ken\n").status.code(), Some(0));
    here.done(&["check"]);
    here.configure(CONFIG);
    let output = here.run(&["check"], "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("user.acme/ann.credential: there is no [[credential]] `crm`"),
        "{text}"
    );
}

#[test]
fn completions_are_written_for_each_shell() {
    let here = Installation::with(CONFIG);
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            here.done(&["completions", shell]).contains("tenant"),
            "{shell}"
        );
    }
    here.failed(2, &["completions", "cmd"]);
}

#[test]
fn acts_of_the_console_stand_in_the_audit_log() {
    let here = Installation::ready();
    let page = here.json(&["audit", "--tenant", "acme", "--event", "administration"]);
    assert_eq!(page["items"][0]["detail"]["act"], "tenant.create");
    assert_eq!(page["next"], Value::Null);
    let text = here.done(&["audit", "--limit", "1"]);
    assert!(text.contains("act=policy.put"), "{text}");
    assert!(text.contains("--cursor"), "{text}");
    here.failed(2, &["audit", "--event", "lunch"]);
}

#[test]
fn a_grant_that_is_not_there_cannot_be_revoked() {
    let here = Installation::ready();
    assert_eq!(here.json(&["grant", "list"]), json!({ "items": [] }));
    let why = here.failed(1, &["grant", "revoke", "none"]);
    assert!(why.contains("no such grant"), "{why}");
    here.done(&["user", "create", "acme", "ann", "--no-password"]);
    let ended = here.json(&["user", "log-out", "acme/ann"]);
    assert_eq!(ended, json!({ "ended": 0 }));
}

#[test]
fn p18_users_and_clients_of_2012_come_over_and_nothing_stands_in_the_clear() {
    let here = Installation::ready();
    let dump = "COPY \"user\" (username, password) FROM stdin;\n\
                testuser            \ttestpassword        \nann                 \t\\N\n\\.\n\
                COPY \"grant\" (id, token, code) FROM stdin;\n1\tf053ad0f4e9b23f\t0a1b2c3d4e5f607\n\\.\n\
                COPY client (client_id, secret, redirect_uri) FROM stdin;\n\
                123456              \tn0t-s0-s3cret       \thttp://localhost:8888/test\n\
                evil                \tanother-s3cret      \thttp://evil.example/cb\n\\.\n";
    let file = here.0.path().join("old.sql");
    std::fs::write(&file, dump).unwrap();
    let import = [
        "import",
        "clicktocall",
        "acme",
        "old.sql",
        "--switch",
        "no_pkce",
    ];
    let told = here.json(&import);
    assert_eq!((&told["users"], &told["clients"]), (&json!(2), &json!(1)));
    assert_eq!(told["left_out"][0]["what"], "client evil");
    assert!(
        told["left_out"][0]["why"]
            .as_str()
            .unwrap()
            .contains("https")
    );

    let client = here.json(&["client", "show", "123456"]);
    assert_eq!(client["policies"], json!(["call"]));
    assert_eq!(client["switches"], json!(["no_pkce"]));
    let user = here.json(&["user", "show", "acme/testuser"]);
    assert_eq!(user["can_log_in"], true);
    assert_eq!(
        here.json(&["user", "show", "acme/ann"])["can_log_in"],
        false
    );

    // What people and applications know is good here.
    let settings = Settings {
        url: format!("sqlite:{}", here.0.path().join("callgate.db").display()),
        ..Settings::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (hash, secret_hash) = runtime.block_on(async {
        let store = Store::open(&settings, &Metrics::new()).await.unwrap();
        let user = store.user_named("acme", "testuser").await.unwrap().unwrap();
        let client = store.client("123456").await.unwrap().unwrap();
        (user.password_hash, client.secret_hash)
    });
    let verified = password::verify("testpassword", hash.as_deref());
    assert!(runtime.block_on(verified).unwrap());
    let secret = TokenHash::of("n0t-s0-s3cret").to_string();
    assert_eq!(secret_hash, Some(secret));

    // Again, nothing is done twice.
    let again = here.json(&import);
    assert_eq!((&again["users"], &again["clients"]), (&json!(0), &json!(0)));
    for name in ["callgate.db", "callgate.db-wal"] {
        let bytes = std::fs::read(here.0.path().join(name)).unwrap_or_default();
        for clear in [
            "testpassword",
            "n0t-s0-s3cret",
            "another-s3cret",
            "f053ad0f4e9b23f",
            "0a1b2c3d4e5f607",
        ] {
            let found = bytes
                .windows(clear.len())
                .any(|window| window == clear.as_bytes());
            assert!(!found, "{clear} in {name}");
        }
    }
    here.failed(1, &["import", "clicktocall", "none", "old.sql"]);
    here.failed(1, &["import", "clicktocall", "acme", "callgate.toml"]);
}

#[test]
fn second_factors_are_taken_from_who_has_lost_them() {
    let here = Installation::ready();
    here.done(&["user", "create", "acme", "ann"]);
    let left = here.json(&["user", "factor-reset", "acme/ann"]);
    assert_eq!(
        left,
        json!({ "totp": 0, "passkeys": 0, "recovery_codes": 0 })
    );
    here.failed(1, &["user", "factor-reset", "acme/eve"]);
}

#[test]
fn o07_signing_keys_are_listed_rotated_and_retired() {
    let here = Installation::with(&format!("{CONFIG}oauth.signing_algorithm = 'ES256'\n"));
    here.done(&["migrate"]);
    assert_eq!(here.json(&["key", "list"]), json!({ "items": [] }));
    let first = here.json(&["key", "rotate"])["items"][0].clone();
    assert_eq!(first["algorithm"], "ES256");
    let why = here.failed(1, &["key", "rotate"]);
    assert!(why.contains("waits"), "{why}");
    let items = here.json(&["key", "rotate", "--at-once"])["items"].clone();
    assert_eq!(items[0]["state"], "signing");
    let kid = first["kid"].as_str().unwrap();
    let retired = here.json(&["key", "retire", kid]);
    assert_eq!(retired, json!({ "revoked": 0 }));
    let why = here.failed(1, &["key", "retire", kid]);
    assert!(why.contains("no such signing key"), "{why}");
}

#[test]
fn what_another_issuer_has_issued_is_ended() {
    let here = Installation::ready();
    let issuer = "[[issuer]]\nname = 'wazo'\nkind = 'wazo'\ntenant = 'acme'\nbase = 'https://pbx.example/api/auth'\n";
    here.configure(&format!("{CONFIG}{issuer}"));
    for which in [["--session", "s-1"], ["--subject", "ann"]] {
        let ended = here.json(&[&["issuer", "revoke", "wazo"], &which[..]].concat());
        assert_eq!(ended, json!({ "revoked": "wazo" }));
    }
    let token = "c7cea8b2-aa24-4d47-b259-12db148fa304";
    let output = here.run(
        &["issuer", "revoke", "wazo", "--token-stdin"],
        &format!("{token}\n"),
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    here.failed(2, &["issuer", "revoke", "wazo"]);
    here.failed(
        2,
        &[
            "issuer",
            "revoke",
            "wazo",
            "--session",
            "a",
            "--subject",
            "b",
        ],
    );
    assert!(
        here.failed(1, &["issuer", "revoke", "nobody", "--session", "a"])
            .contains("issuer")
    );
    let log = here.json(&["audit"]);
    let details: Vec<_> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["detail"])
        .collect();
    assert!(
        details
            .iter()
            .filter(|detail| detail["act"] == "issuer.revoke")
            .count()
            == 3,
        "{details:?}"
    );
    assert!(!log.to_string().contains(token));
}

#[test]
fn kalliopes_digest_is_given_and_taken_and_never_shown() {
    let here = Installation::ready();
    here.done(&["user", "create", "acme", "ann", "--no-password"]);
    let why = here.failed_with("a password", &["user", "digest", "set", "acme/ann"]);
    assert!(why.contains("has no domain"), "{why}");

    let set = [
        "tenant", "digest", "set", "acme", "--domain", "default", "--policy", "call",
    ];
    let made = here.json(&set);
    assert_eq!(
        (&made["domain"], &made["policies"]),
        (&json!("default"), &json!(["call"]))
    );
    let salt = made["salt"].as_str().unwrap().to_owned();
    assert_eq!(
        here.json(&["tenant", "digest", "show", "acme"])["salt"],
        salt
    );

    let show = ["user", "digest", "show", "acme/ann"];
    assert_eq!(here.json(&show), json!({ "set_at": null }));
    let output = here.run(&["user", "digest", "set", "acme/ann"], "a password\n");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(here.json(&show)["set_at"].is_string());
    let hex = "ab".repeat(32);
    let output = here.run(&["user", "digest", "set", "acme/ann", "--hex"], &hex);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains(&hex));
    assert!(!String::from_utf8_lossy(&output.stderr).contains(&hex));
    let why = here.failed_with("no hex", &["user", "digest", "set", "acme/ann", "--hex"]);
    assert!(why.contains("64 hexadecimal digits"), "{why}");

    let log = here.done(&["--json", "audit"]);
    for act in ["tenant.digest.set", "user.digest.set"] {
        assert!(log.contains(act), "{log}");
    }
    assert!(!log.contains(&hex) && !log.contains("a password"), "{log}");
    here.done(&["user", "digest", "remove", "acme/ann"]);
    here.failed(1, &["user", "digest", "remove", "acme/ann"]);
    here.done(&["tenant", "digest", "remove", "acme"]);
    here.failed(1, &["tenant", "digest", "show", "acme"]);
}
