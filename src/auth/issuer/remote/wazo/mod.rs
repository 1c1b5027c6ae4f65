//! An existing wazo-auth, or Accent's, that is asked about its tokens (API 0.1): one answer decides every access from then on.

pub(super) mod watch;

use super::server::{Limits, Outage};
use super::{Told, Worth, ends_at, lifetime, stale_if_error};
use crate::access::Accesses;
use crate::auth::issuer::claims::Claims;
use crate::auth::issuer::principal::{Settings as PrincipalSettings, Tenant, Verified};
use crate::clock::EpochMs;
use crate::http::client::may_be_asked;
use crate::secret::Secret;
use crate::token::Granted;
use bytes::Bytes;
use http::header::ACCEPT;
use http::{Request, Response, StatusCode};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::time::Duration;

/// An `[[issuer]]` of the kind `wazo`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// In the names of those whom it vouches for, and in the log.
    pub name: String,
    /// Whose principals they are.
    pub tenant: Tenant,
    /// Where its API is, without the version: `https://pbx.example/api/auth`, or `http://127.0.0.1:9497`.
    pub base: String,
    #[serde(default)]
    pub brand: Brand,
    /// What of its ACL counts here. Others' routes are not for it to give away, whatever it grants.
    #[serde(default = "stack")]
    pub accesses: Vec<String>,
    /// Whoever tells which sessions end, if anybody does.
    pub watch: Option<watch::Settings>,
    /// How long what it said of a token counts.
    #[serde(default = "lifetime", with = "humantime_serde")]
    pub lifetime: Duration,
    /// Past that, while it cannot be asked.
    #[serde(default = "stale_if_error", with = "humantime_serde")]
    pub stale_if_error: Duration,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub principal: PrincipalSettings,
}

/// What the daemons of a stack require.
fn stack() -> Vec<String> {
    let daemons = [
        "agentd",
        "amid",
        "auth",
        "call-logd",
        "call_logd",
        "calld",
        "chatd",
        "confd",
        "dird",
        "phoned",
        "provd",
        "webhookd",
    ];
    let accesses = daemons.iter().map(|daemon| format!("{daemon}.#"));
    accesses.chain(["websocketd".to_owned()]).collect()
}

/// Whose fork it is: they differ in what the words of an access mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Brand {
    /// `edit` covers `update`.
    #[default]
    Wazo,
    Accent,
}

#[derive(Deserialize)]
struct Answer {
    data: Token,
}

/// What is read of a token; the rest of it is for the daemons.
#[derive(Deserialize)]
struct Token {
    #[serde(rename = "token")]
    text: String,
    auth_id: String,
    session_uuid: String,
    utc_issued_at: String,
    utc_expires_at: String,
    acl: Vec<String>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    tenant_uuid: String,
    /// None for what is no person.
    pbx_user_uuid: Option<String>,
    purpose: Option<String>,
}

/// How wazo-auth says that it does not know a token. Any other 404 comes from something in between.
#[derive(Deserialize)]
struct Reason {
    #[expect(dead_code, reason = "that it is there is what matters")]
    reason: Vec<String>,
    status_code: u16,
}

impl Spec {
    /// Keys and what is wrong with them.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let plain = !self.base.contains(['?', '#']) && !self.base.ends_with('/');
        let base = self.base.parse();
        let mut faults = Vec::new();
        if !plain || !base.is_ok_and(|uri| may_be_asked(&uri)) {
            let message = "it is an https address without a slash at its end, query or fragment";
            faults.push(("base", message.to_owned()));
        }
        faults.extend(self.watch.iter().flat_map(watch::Settings::faults));
        faults.extend(self.limits.faults());
        faults
    }

    /// Without `scope`: what the token may do is decided here, from its ACL. The token is in the address, as the API
    /// has it; it is a UUID, so that it can name nothing else there.
    pub(super) fn question(&self, token: &Secret) -> Result<Request<Bytes>, Outage> {
        let address = format!("{}/0.1/token/{}", self.base, token.expose());
        let request = Request::get(address).header(ACCEPT, "application/json");
        let request = request.body(Bytes::new());
        request.map_err(|_| Outage::Answer("its base is no address"))
    }

    pub(super) fn read(
        &self,
        token: &Secret,
        answer: &Response<Bytes>,
        now: EpochMs,
    ) -> Result<Worth, Outage> {
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND if says_unknown(answer.body()) => return Ok(Worth::Unknown),
            status => return Err(Outage::Status(status)),
        }
        let Answer { data } = serde_json::from_slice(answer.body())
            .map_err(|_| Outage::Answer("it is no token of wazo-auth"))?;
        // An answer to another question would make somebody somebody else.
        if !data.text.eq_ignore_ascii_case(token.expose()) {
            return Err(Outage::Answer("it is about another token"));
        }
        let no_time = Outage::Answer("one of its times is none");
        let Some(end) = utc(&data.utc_expires_at) else {
            return Err(no_time);
        };
        let Some(expires_at) = ends_at(end, now) else {
            return Ok(Worth::Refused("it has expired"));
        };
        let issued_at = utc(&data.utc_issued_at).ok_or(no_time)?;
        Ok(Worth::Good(Box::new(Told {
            claims: self.claims(&data),
            verified: Verified {
                iss: self.base.clone(),
                client: None,
                id: data.session_uuid.clone(),
                session: Some(data.session_uuid.clone()),
                issued_at: Some(issued_at),
                expires_at,
                jkt: None,
                granted: Some(self.granted(&data)),
            },
        })))
    }

    fn granted(&self, token: &Token) -> Granted {
        let means_here = |access: &&String| self.brand == Brand::Wazo || !grants_edit(access);
        Granted {
            accesses: Accesses::parse(token.acl.iter().filter(means_here)),
            within: Accesses::parse(&self.accesses),
            me: token.auth_id.clone(),
            session: token.session_uuid.clone(),
        }
    }

    /// The names by which an `[[issuer]]` may ask for what a token says. Its scope are the accesses that `policies` names
    /// and the ACL grants.
    fn claims(&self, token: &Token) -> Claims {
        let all = Granted {
            within: Accesses::parse(["#"]),
            ..self.granted(token)
        };
        let mut words = self.principal.policies.words();
        words.retain(|access| all.allow(access));
        let Metadata {
            tenant_uuid,
            pbx_user_uuid,
            purpose,
        } = &token.metadata;
        Claims::of([
            // Who it is for ever; `me` in the ACL.
            ("sub", token.auth_id.as_str().into()),
            ("auth_id", token.auth_id.as_str().into()),
            ("session_uuid", token.session_uuid.as_str().into()),
            ("tenant_uuid", tenant_uuid.as_str().into()),
            ("pbx_user_uuid", pbx_user_uuid.as_deref().into()),
            ("purpose", purpose.as_deref().into()),
            ("scope", words.into()),
        ])
    }
}

/// Our accesses know the word `edit`, which Accent's do not: what would grant more than it does there grants nothing.
fn grants_edit(access: &str) -> bool {
    !access.starts_with('!') && access.split('.').any(|word| word == "edit")
}

fn says_unknown(body: &Bytes) -> bool {
    let reason: Option<Reason> = serde_json::from_slice(body).ok();
    reason.is_some_and(|reason| reason.status_code == 404)
}

/// UTC without a zone: with six digits of a second (Wazo), or only as many as there are (Accent).
fn utc(text: &str) -> Option<EpochMs> {
    let text = text.strip_suffix("+00:00").unwrap_or(text);
    let text = text.strip_suffix('Z').unwrap_or(text);
    // The parser would take another zone, and forget it.
    let (_, clock) = text.split_once('T')?;
    if clock.contains(['+', '-']) {
        return None;
    }
    let time: DateTime = text.parse().ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?;
    Some(time.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// 2026-11-22T03:40:00Z
    const NOW: EpochMs = 1_795_318_800_000;
    const TOKEN: &str = "c7cea8b2-aa24-4d47-b259-12db148fa304";

    fn spec() -> Spec {
        toml::from_str("name = 'wazo'\ntenant = 'acme'\nbase = 'https://pbx.example/api/auth'")
            .unwrap()
    }

    fn body() -> Value {
        json!({ "data": {
            "token": TOKEN,
            "auth_id": "62ffe723-0000-4000-8000-000000000001",
            "xivo_user_uuid": null,
            "issued_at": "2026-11-22T04:35:39",
            "expires_at": "2026-11-22T05:35:39",
            "utc_issued_at": "2026-11-22T03:35:39.000000",
            "utc_expires_at": "2026-11-22T04:35:39.000000",
            "acl": ["calld.users.me.#", "!calld.users.me.secret"],
            "metadata": { "tenant_uuid": "t-1", "pbx_user_uuid": null, "purpose": "internal" },
            "session_uuid": "87dad95b-0000-4000-8000-000000000002",
        }})
    }

    fn read(status: u16, body: &str) -> Result<Worth, Outage> {
        let answer = Response::builder().status(status);
        let answer = answer.body(Bytes::from(body.to_owned())).unwrap();
        spec().read(&Secret::new(TOKEN), &answer, NOW)
    }

    #[test]
    fn both_brands_times_are_utc() {
        let second = utc("2026-11-22T04:35:39").unwrap();
        assert_eq!(second, 1_795_322_139_000);
        for text in [
            "2026-11-22T04:35:39.000000",
            "2026-11-22T04:35:39Z",
            "2026-11-22T04:35:39+00:00",
        ] {
            assert_eq!(utc(text), Some(second), "{text}");
        }
        assert_eq!(utc("2026-11-22T04:35:39.340998"), Some(second + 340));
        for text in ["", "soon", "2026-11-22T04:35:39+01:00", "1795322139"] {
            assert_eq!(utc(text), None, "{text}");
        }
    }

    #[test]
    fn an_answer_is_about_the_token_that_was_asked_about() {
        let Ok(Worth::Good(good)) = read(200, &body().to_string()) else {
            panic!("refused");
        };
        assert_eq!(good.verified.expires_at, 1_795_322_139_000);
        assert_eq!(good.claims.text("tenant_uuid"), Some("t-1"));
        assert_eq!(good.claims.text("pbx_user_uuid"), None);
        let mut other = body();
        other["data"]["token"] = TOKEN.replace("c7", "c8").into();
        assert!(read(200, &other.to_string()).is_err());
        let mut same = body();
        same["data"]["token"] = TOKEN.to_uppercase().into();
        assert!(read(200, &same.to_string()).is_ok());
    }

    fn granted(more: &str, acl: &[&str]) -> Granted {
        let text = format!("name = 'wazo'\ntenant = 'acme'\nbase = 'https://pbx.example'\n{more}");
        let spec: Spec = toml::from_str(&text).unwrap();
        let mut body = body();
        body["data"]["acl"] = json!(acl);
        let answer: Answer = serde_json::from_value(body).unwrap();
        spec.granted(&answer.data)
    }

    #[test]
    fn an_acl_counts_as_there_and_not_beyond_the_stack() {
        let all = granted("", &["#"]);
        assert!(all.allow("calld.calls.read") && all.allow("websocketd"));
        for access in [
            "calls.create",
            "pbx.use",
            "admin.tenants.read",
            "calldx.read",
        ] {
            assert!(!all.allow(access), "{access}");
        }
        let more = granted("accesses = ['calls.#']", &["#", "!calls.delete"]);
        assert!(more.allow("calls.create"));
        assert!(!more.allow("calls.delete") && !more.allow("calld.calls.read"));
        let own = granted(
            "",
            &["calld.users.me.read", "auth.sessions.my_session.delete"],
        );
        assert!(own.allow("calld.users.me.read"));
        assert!(own.allow("calld.users.62ffe723-0000-4000-8000-000000000001.read"));
        assert!(own.allow("auth.sessions.87dad95b-0000-4000-8000-000000000002.delete"));
        assert!(!own.allow("calld.users.62ffe723-0000-4000-8000-000000000009.read"));
    }

    #[test]
    fn what_it_grants_there_may_stand_for_policies_here() {
        let text = "name = 'wazo'\ntenant = 'acme'\nbase = 'https://pbx.example'\n\
                    principal.policies = { 'calld.users.me.calls.create' = 'call', 'pbx.use' = 'pbx' }";
        let spec: Spec = toml::from_str(text).unwrap();
        let scope = |acl: &[&str]| {
            let mut body = body();
            body["data"]["acl"] = json!(acl);
            let answer: Answer = serde_json::from_value(body).unwrap();
            spec.claims(&answer.data).get("scope").cloned().unwrap()
        };
        assert_eq!(
            scope(&["calld.users.me.#"]),
            json!(["calld.users.me.calls.create"])
        );
        assert_eq!(scope(&["#", "!calld.#"]), json!(["pbx.use"]));
        assert_eq!(scope(&["calld.calls.read"]), json!([]));
    }

    #[test]
    fn the_word_edit_is_wazos_alone() {
        let acl = ["confd.users.edit", "confd.lines.read", "!confd.lines.edit"];
        assert!(granted("", &acl).allow("confd.users.update"));
        let accent = granted("brand = 'accent'", &acl);
        assert!(!accent.allow("confd.users.update"));
        assert!(accent.allow("confd.lines.read"));
    }

    #[test]
    fn at_24_half_an_answer_is_none() {
        for member in [
            "token",
            "auth_id",
            "session_uuid",
            "utc_issued_at",
            "utc_expires_at",
            "acl",
            "metadata",
        ] {
            let mut body = body();
            body["data"].as_object_mut().unwrap().remove(member);
            assert!(read(200, &body.to_string()).is_err(), "{member}");
        }
    }

    #[test]
    fn only_wazo_auth_itself_says_that_it_does_not_know_a_token() {
        let unknown = r#"{"reason":["No such token"],"timestamp":[1.5],"status_code":404}"#;
        assert!(matches!(read(404, unknown), Ok(Worth::Unknown)));
        for (status, body) in [
            (404, "<html>404 Not Found</html>"),
            (404, "{}"),
            (403, unknown),
            (500, unknown),
            (302, ""),
            (204, ""),
        ] {
            assert!(read(status, body).is_err(), "{status} {body}");
        }
    }

    #[test]
    fn the_token_goes_to_its_own_server_alone() {
        let request = spec().question(&Secret::new(TOKEN)).unwrap();
        let expected = format!("https://pbx.example/api/auth/0.1/token/{TOKEN}");
        assert_eq!(request.uri().to_string(), expected);
    }
}
