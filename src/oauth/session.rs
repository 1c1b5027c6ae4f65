//! Who is logged in: the session cookie and the session behind it.

use super::{Oauth, account, audit};
use crate::clock::{EpochMs, millis};
use crate::error::Result;
use crate::http::Response;
use crate::secret::{self, Secret};
use crate::storage::sessions::Session;
use crate::storage::users::User;
use crate::token::Class;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use std::time::Duration;

/// A live session and its user.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) session: Session,
    pub(super) user: User,
}

/// Uses of a session are written down once a minute at the most.
const TOUCH_AFTER: EpochMs = 60_000;

impl Oauth {
    /// Who is logged in at `tenant`. A login at another tenant is none.
    pub(super) async fn login(&self, headers: &HeaderMap, tenant: &str) -> Result<Option<Login>> {
        let Some(login) = self.any_login(headers).await? else {
            return Ok(None);
        };
        Ok(Some(login).filter(|login| login.user.tenant_id == tenant))
    }

    /// Who is logged in, wherever they belong.
    pub(super) async fn any_login(&self, headers: &HeaderMap) -> Result<Option<Login>> {
        let Some(hash) = self.session_hash(headers) else {
            return Ok(None);
        };
        let now = self.clock.now();
        let idle_since = now.saturating_sub(millis(self.settings.session_idle));
        let Some(session) = self.store.live_session(&hash, now, idle_since).await? else {
            return Ok(None);
        };
        if session.last_seen_at <= now - TOUCH_AFTER {
            self.store.touch_session(&hash, now).await?;
        }
        let user = self.store.user(&session.user_id).await?;
        Ok(user.map(|user| Login { session, user }))
    }

    /// Begins a session of the user, and ends the one that the browser had: its value may have been planted. `factor_at` is
    /// when a second factor was given for it.
    ///
    /// # Errors
    /// [`Error::Missing`] when the user was disabled or got another password since `user` was read.
    pub(super) async fn begin_session(
        &self,
        user: &User,
        head: &Parts,
        factor_at: Option<EpochMs>,
    ) -> Result<String> {
        self.end_session(&head.headers).await?;
        let (cookie, session) = self.new_session(user, head);
        let session = Session {
            factor_at,
            ..session
        };
        let verified = user.password_hash.clone();
        self.store.create_session(session, verified).await?;
        Ok(cookie.expose().to_owned())
    }

    /// The cookie's value and the session of a login that `head` asks for.
    pub(super) fn new_session(&self, user: &User, head: &Parts) -> (Secret, Session) {
        let now = self.clock.now();
        let minted = self.mint.mint(Class::Session);
        let session = Session {
            hash: minted.hash.to_string(),
            user_id: user.id.clone(),
            created_at: now,
            last_seen_at: now,
            expires_at: now.saturating_add(millis(self.settings.session_lifetime)),
            address: audit::address(head),
            browser: account::browser(&head.headers),
            ..Session::default()
        };
        (minted.token, session)
    }

    /// Ends the browser's session, if it has one.
    pub(super) async fn end_session(&self, headers: &HeaderMap) -> Result<()> {
        if let Some(hash) = self.session_hash(headers) {
            self.store.end_session(&hash, self.clock.now()).await?;
        }
        Ok(())
    }

    pub(super) fn set_session_cookie(&self, response: &mut Response, value: &str) {
        self.set_cookie(response, self.session_cookie(), value);
    }

    pub(super) fn drop_session_cookie(&self, response: &mut Response) {
        let mut cookie = self.cookie(self.session_cookie(), "");
        cookie.make_removal();
        append(response, &cookie);
    }

    /// The value that ties a login form to a browser that has no session yet; the second is `true` when it is new.
    pub(super) fn form_cookie(&self, headers: &HeaderMap) -> (String, bool) {
        match read_cookie(headers, self.form_cookie_name()) {
            Some(value) => (value, false),
            None => (secret::encode(&secret::random::<24>()), true),
        }
    }

    pub(super) fn set_form_cookie(&self, response: &mut Response, value: &str) {
        self.set_cookie(response, self.form_cookie_name(), value);
    }

    /// The value that ties logins at other providers to this browser; the second is `true` when it is new.
    pub(super) fn provider_cookie(&self, headers: &HeaderMap) -> (String, bool) {
        match read_cookie(headers, self.provider_cookie_name()) {
            Some(value) => (value, false),
            None => (secret::encode(&secret::random::<24>()), true),
        }
    }

    pub(super) fn set_provider_cookie(&self, response: &mut Response, value: &str) {
        self.set_cookie(response, self.provider_cookie_name(), value);
    }

    fn session_hash(&self, headers: &HeaderMap) -> Option<String> {
        let value = read_cookie(headers, self.session_cookie())?;
        let hash = self.mint.recognise(Class::Session, &value)?;
        Some(hash.to_string())
    }

    /// RFC 6265bis §4.1.3.2: `__Host-` keeps other hosts from setting it, and is only for TLS.
    fn session_cookie(&self) -> &'static str {
        if self.is_secure() {
            "__Host-callgate"
        } else {
            "callgate_session"
        }
    }

    fn form_cookie_name(&self) -> &'static str {
        if self.is_secure() {
            "__Host-callgate_pre"
        } else {
            "callgate_pre"
        }
    }

    fn provider_cookie_name(&self) -> &'static str {
        if self.is_secure() {
            "__Host-callgate_with"
        } else {
            "callgate_with"
        }
    }

    fn set_cookie(&self, response: &mut Response, name: &'static str, value: &str) {
        append(response, &self.cookie(name, value));
    }

    /// A cookie that outlives the browser's session.
    pub(super) fn set_lasting_cookie(
        &self,
        response: &mut Response,
        (name, value): (&'static str, &str),
        lifetime: Duration,
    ) {
        let cookie = Cookie::build(self.cookie(name, value));
        let cookie = cookie.max_age(lifetime.try_into().unwrap_or_default());
        append(response, &cookie.build());
    }

    fn cookie<'v>(&self, name: &'static str, value: &'v str) -> Cookie<'v> {
        Cookie::build((name, value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.is_secure())
            .build()
    }
}

fn append(response: &mut Response, cookie: &Cookie<'_>) {
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

fn read_cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    jar.get(name).map(|cookie| cookie.value().to_owned())
}
