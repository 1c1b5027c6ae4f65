//! Token introspection (RFC 7662), asked as a protected resource: the question, and what makes an answer good.

use super::form::Form;
use super::server::{Limits, Outage};
use super::{SKEW, Told, Worth, ends_at, lifetime, stale_if_error};
use crate::auth::issuer::claims::Claims;
use crate::auth::issuer::principal::{Settings as PrincipalSettings, Tenant, Verified};
use crate::clock::EpochMs;
use crate::http::client::may_be_asked;
use crate::http::client_form::{ClientAuthentication, ClientOf};
use crate::secret::Secret;
use crate::token::TokenHash;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// An `[[issuer]]` of the kind `introspection`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// In the names of those whom it vouches for, and in the log.
    pub name: String,
    /// Whose principals they are.
    pub tenant: Tenant,
    /// Its introspection endpoint.
    pub endpoint: String,
    /// As whom we ask: RFC 7662 §2.1 demands that we prove ourselves.
    pub client_id: String,
    pub client_secret: Secret,
    #[serde(default)]
    pub client_authentication: ClientAuthentication,
    /// The tokens that it is asked about begin with this. Without it: all that are nobody else's.
    pub prefix: Option<String>,
    /// What `iss` must be.
    pub iss: Option<String>,
    /// Take answers that do not say whose token it is: the endpoint answers for one issuer alone.
    #[serde(default)]
    pub any_iss: bool,
    /// One of these must be in `aud`.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Take tokens that are for somebody else.
    #[serde(default)]
    pub any_audience: bool,
    /// What `token_use` must be. Without it, `token_use` or `token_type` must tell an access token.
    pub token_use: Option<String>,
    /// Take answers that tell neither.
    #[serde(default)]
    pub any_token_use: bool,
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

/// How issuers name an access token in `token_use`.
const USES: [&str; 2] = ["access", "access_token"];

/// What `token_type` says of one: how it is presented (RFC 6749 §7.1). A refresh token has no such type.
const TYPES: [&str; 2] = ["bearer", "dpop"];

impl Spec {
    /// Keys and what is wrong with them.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let endpoint = self.endpoint.parse();
        let checks = [
            (
                "endpoint",
                endpoint.is_ok_and(|uri| may_be_asked(&uri)),
                "it is an https address",
            ),
            ("client_id", !self.client_id.is_empty(), "it is empty"),
            (
                "iss",
                self.iss.is_some() != self.any_iss,
                "say whose tokens these are, or `any_iss = true`",
            ),
            (
                "audiences",
                self.audiences.is_empty() == self.any_audience,
                "say for whom tokens must be, or `any_audience = true`",
            ),
            (
                "token_use",
                self.token_use.is_none() || !self.any_token_use,
                "give either `token_use` or `any_token_use`",
            ),
        ];
        let faults = checks.into_iter().filter(|(_, right, _)| !right);
        let mut faults: Vec<_> = faults
            .map(|(key, _, message)| (key, message.to_owned()))
            .collect();
        let prefix = self.form().fault();
        faults.extend(prefix.map(|message| ("prefix", message.to_owned())));
        faults.extend(self.limits.faults());
        faults.extend(self.principal.faults());
        faults
    }

    pub fn form(&self) -> Form {
        match &self.prefix {
            Some(prefix) => Form::Prefix(prefix.clone()),
            None => Form::Opaque,
        }
    }

    /// RFC 7662 §2.1. The token is in the body: an address would be logged.
    pub(super) fn question(&self, token: &Secret) -> Result<Request<Bytes>, Outage> {
        let client = ClientOf {
            id: &self.client_id,
            secret: Some(&self.client_secret),
            authentication: self.client_authentication,
        };
        let form = [
            ("token", token.expose()),
            ("token_type_hint", "access_token"),
        ];
        let request = client.post(&self.endpoint, &form);
        request.map_err(|_| Outage::Answer("its endpoint is no address"))
    }

    /// RFC 7662 §2.2. All but a clear answer is an outage: whoever sent the token may be in the right.
    pub(super) fn read(
        &self,
        answer: &Response<Bytes>,
        hash: TokenHash,
        now: EpochMs,
    ) -> Result<Worth, Outage> {
        if answer.status() != StatusCode::OK {
            return Err(Outage::Status(answer.status()));
        }
        let unreadable = Outage::Answer("it is no introspection response");
        let Ok(claims) = serde_json::from_slice::<Claims>(answer.body()) else {
            return Err(unreadable);
        };
        match claims.get("active").and_then(Value::as_bool) {
            Some(true) => {}
            Some(false) => return Ok(Worth::Unknown),
            None => return Err(unreadable),
        }
        Ok(match self.verify(&claims, hash, now) {
            Ok(verified) => Worth::Good(Box::new(Told { claims, verified })),
            Err(reason) => Worth::Refused(reason),
        })
    }

    fn verify(
        &self,
        claims: &Claims,
        hash: TokenHash,
        now: EpochMs,
    ) -> Result<Verified, &'static str> {
        // Who asks one server about the tokens of several issuers takes one for another, but for this (AT-33).
        if self.iss.is_some() && claims.text("iss") != self.iss.as_deref() {
            return Err("its issuer is another");
        }
        if !self.any_audience && !self.is_for_us(claims.get("aud")) {
            return Err("it is for somebody else");
        }
        let token_type = claims.text("token_type");
        if !self.is_access_token(claims.text("token_use"), token_type) {
            return Err("it is no access token");
        }
        let text = |name: &str| claims.text(name).map(str::to_owned);
        Ok(Verified {
            iss: text("iss").unwrap_or_default(),
            client: text("client_id"),
            id: text("jti").unwrap_or_else(|| hash.to_string()),
            session: text("sid"),
            issued_at: time(claims, "iat")?,
            expires_at: when_it_ends(claims, now)?,
            jkt: key(claims, token_type)?,
            granted: None,
        })
    }

    /// RFC 7662 §2.2, RFC 7519 §4.1.3: a text or a list of texts.
    fn is_for_us(&self, aud: Option<&Value>) -> bool {
        let ours = |value: &Value| {
            let named = value.as_str();
            named.is_some_and(|named| self.audiences.iter().any(|audience| audience == named))
        };
        match aud {
            Some(Value::Array(several)) => several.iter().any(ours),
            Some(one) => ours(one),
            None => false,
        }
    }

    fn is_access_token(&self, token_use: Option<&str>, token_type: Option<&str>) -> bool {
        if let Some(expected) = &self.token_use {
            return token_use == Some(expected);
        }
        let is_use = token_use.map(|named| USES.contains(&named));
        let is_type =
            token_type.map(|named| TYPES.iter().any(|known| known.eq_ignore_ascii_case(named)));
        match (is_use, is_type) {
            (Some(false), _) | (_, Some(false)) => false,
            (None, None) => self.any_token_use,
            _ => true,
        }
    }
}

/// RFC 7662 §2.2: without `exp`, only the issuer knows when it ends, and is asked over and over.
fn when_it_ends(claims: &Claims, now: EpochMs) -> Result<EpochMs, &'static str> {
    if time(claims, "nbf")?.is_some_and(|nbf| nbf > now.saturating_add(SKEW)) {
        return Err("it is not good yet");
    }
    let end = time(claims, "exp")?.unwrap_or(EpochMs::MAX);
    ends_at(end, now).ok_or("it has expired")
}

/// The key that it is bound to, if it is (RFC 9449 §6.2). One bound in a way that nobody here can check is not good.
fn key(claims: &Claims, token_type: Option<&str>) -> Result<Option<String>, &'static str> {
    let is_bound = token_type.is_some_and(|named| named.eq_ignore_ascii_case("dpop"));
    match claims.get("cnf") {
        None if is_bound => Err("it is bound to a key that is not told"),
        None => Ok(None),
        Some(bound) => match (bound.get("jkt").and_then(Value::as_str), bound.as_object()) {
            (Some(jkt), Some(bonds)) if !jkt.is_empty() && bonds.len() == 1 => {
                Ok(Some(jkt.to_owned()))
            }
            _ => Err("it is bound to what cannot be proved here"),
        },
    }
}

/// A `NumericDate` (RFC 7519 §2) in milliseconds; its fraction does not count.
fn time(claims: &Claims, name: &str) -> Result<Option<EpochMs>, &'static str> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it saturates: the end of time is far enough"
    )]
    let whole = |number: f64| number.is_finite().then_some(number as i64);
    let Some(claim) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = claim.as_i64().or_else(|| claim.as_f64().and_then(whole));
    let seconds = seconds.ok_or("one of its times is none")?;
    Ok(Some(seconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(more: &str) -> Spec {
        let text = format!(
            "name = 'as'\ntenant = 'acme'\nendpoint = 'https://as.example/introspect'\nclient_id = 'gate'\nclient_secret = 's'\n{more}\nprincipal = {{ policies = ['pbx'] }}"
        );
        toml::from_str(&text).unwrap()
    }

    const NOW: EpochMs = 1_795_315_173_000;
    const STRICT: &str = "iss = 'https://as.example'\naudiences = ['calls']";

    fn good() -> Value {
        json!({
            "active": true, "iss": "https://as.example", "aud": "calls", "token_type": "Bearer", "sub": "ann",
            "exp": 2_000_000_000,
        })
    }

    fn answer(settings: &Spec, status: u16, body: &str) -> Result<Worth, Outage> {
        let response = Response::builder().status(status);
        let response = response.body(Bytes::from(body.to_owned())).unwrap();
        settings.read(&response, TokenHash::of("token"), NOW)
    }

    fn verified(changes: &Value) -> Verified {
        let answer = answer(&settings(STRICT), 200, &with(changes).to_string());
        match answer.unwrap() {
            Worth::Good(told) => told.verified,
            _ => panic!("refused: {changes}"),
        }
    }

    fn with(changes: &Value) -> Value {
        let mut body = good();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
                value => body[name] = value.clone(),
            }
        }
        body
    }

    fn is_good(settings: &Spec, changes: &Value) -> bool {
        match answer(settings, 200, &with(changes).to_string()).unwrap() {
            Worth::Good(_) => true,
            Worth::Refused(_) => false,
            Worth::Unknown => panic!("unknown: {changes}"),
        }
    }

    #[test]
    fn at_33_a_token_of_another_issuer_or_for_somebody_else_is_refused() {
        let strict = settings(STRICT);
        assert!(is_good(&strict, &json!({})));
        assert!(is_good(&strict, &json!({ "aud": ["x", "calls"] })));
        for changes in [
            json!({ "iss": null }),
            json!({ "iss": "https://as.example/" }),
            json!({ "iss": "https://evil.example" }),
            json!({ "iss": ["https://as.example"] }),
            json!({ "aud": null }),
            json!({ "aud": "other" }),
            json!({ "aud": [] }),
            json!({ "aud": ["call"] }),
            json!({ "aud": { "calls": true } }),
            json!({ "exp": null, "aud": "CALLS" }),
        ] {
            assert!(!is_good(&strict, &changes), "{changes}");
        }
        let trusting = settings("any_iss = true\nany_audience = true");
        assert!(is_good(&trusting, &json!({ "iss": null, "aud": null })));
    }

    #[test]
    fn at_33_what_does_not_say_that_it_is_an_access_token_is_none() {
        let usual = settings(STRICT);
        for changes in [
            json!({ "token_use": "access" }),
            json!({ "token_use": "access_token", "token_type": null }),
            json!({ "token_type": "dpop", "cnf": { "jkt": "thumb" } }),
        ] {
            assert!(is_good(&usual, &changes), "{changes}");
        }
        for changes in [
            json!({ "token_type": null }),
            json!({ "token_type": "refresh_token" }),
            json!({ "token_use": "id" }),
            json!({ "token_use": "refresh_token", "token_type": "Bearer" }),
        ] {
            assert!(!is_good(&usual, &changes), "{changes}");
        }
        let exact = settings(&format!("{STRICT}\ntoken_use = 'access'"));
        assert!(is_good(&exact, &json!({ "token_use": "access" })));
        assert!(!is_good(&exact, &json!({})));
        assert!(!is_good(&exact, &json!({ "token_use": "access_token" })));
        let any = settings(&format!("{STRICT}\nany_token_use = true"));
        assert!(is_good(&any, &json!({ "token_type": null })));
        assert!(!is_good(&any, &json!({ "token_use": "id" })));
    }

    #[test]
    fn its_times_count_by_our_clock_give_or_take_a_minute() {
        let usual = settings(STRICT);
        let now = NOW / 1000;
        assert_eq!(verified(&json!({})).expires_at, 2_000_000_000_000);
        assert_eq!(verified(&json!({ "exp": null })).expires_at, EpochMs::MAX);
        assert_eq!(verified(&json!({ "exp": now + 2 })).expires_at, NOW + 2000);
        // The issuer's clock may be late; it is asked again at once.
        assert_eq!(verified(&json!({ "exp": now - 59 })).expires_at, NOW + 1000);
        assert_eq!(
            verified(&json!({ "exp": 2e9 })).expires_at,
            2_000_000_000_000
        );
        assert_eq!(verified(&json!({ "iat": now })).issued_at, Some(NOW));
        assert!(is_good(&usual, &json!({ "nbf": now + 60 })));
        for changes in [
            json!({ "exp": now - 60 }),
            json!({ "exp": "soon" }),
            json!({ "exp": -1 }),
            json!({ "nbf": now + 61 }),
            json!({ "nbf": [] }),
            json!({ "iat": "x" }),
        ] {
            assert!(!is_good(&usual, &changes), "{changes}");
        }
    }

    #[test]
    fn a_token_that_is_bound_is_good_only_with_a_proof_that_can_be_checked() {
        let bound = verified(&json!({ "token_type": "DPoP", "cnf": { "jkt": "thumb" } }));
        assert_eq!(bound.jkt.as_deref(), Some("thumb"));
        let bound = verified(&json!({ "cnf": { "jkt": "thumb" } }));
        assert_eq!(bound.jkt.as_deref(), Some("thumb"));
        for changes in [
            json!({ "token_type": "DPoP" }),
            json!({ "cnf": { "x5t#S256": "x" } }),
            json!({ "cnf": { "jkt": "" } }),
            json!({ "cnf": "thumb" }),
        ] {
            assert!(!is_good(&settings(STRICT), &changes), "{changes}");
        }
    }

    #[test]
    fn only_a_clear_answer_says_that_a_token_is_worth_nothing() {
        let usual = settings(STRICT);
        let unknown = answer(&usual, 200, r#"{"active":false}"#);
        assert!(matches!(unknown, Ok(Worth::Unknown)));
        for (status, body) in [
            (200, ""),
            (200, "[]"),
            (200, r#"{"active":"true"}"#),
            (200, r#"{"active":1}"#),
            (200, r#"{"active":false,"active":true}"#),
            (200, r#"{"sub":"ann"}"#),
            (200, r#"{"active":true"#),
            (201, r#"{"active":false}"#),
            (302, ""),
            (401, r#"{"error":"invalid_client"}"#),
            (404, r#"{"active":false}"#),
            (500, r#"{"active":false}"#),
        ] {
            assert!(answer(&usual, status, body).is_err(), "{status} {body}");
        }
    }

    #[test]
    fn what_is_not_said_is_not_taken_for_granted() {
        let keys = |more: &str| -> Vec<_> {
            let faults = settings(more).faults().into_iter();
            faults.map(|(key, _)| key).collect()
        };
        assert!(keys(STRICT).is_empty());
        assert_eq!(keys(""), ["iss", "audiences"]);
        assert_eq!(
            keys("iss = 'x'\nany_iss = true\nany_audience = true"),
            ["iss"]
        );
        assert_eq!(keys(&format!("{STRICT}\nprefix = 'cg_rt_'")), ["prefix"]);
    }

    #[test]
    fn the_token_is_in_the_body_alone() {
        let request = settings(STRICT).question(&Secret::new("a+b")).unwrap();
        assert_eq!(request.uri(), "https://as.example/introspect");
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        assert_eq!(body, "token=a%2Bb&token_type_hint=access_token");
        assert_eq!(request.headers()["authorization"], "Basic Z2F0ZTpz");
    }
}
