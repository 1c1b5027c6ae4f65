//! `GET|POST /auth/login`: asks for user name and password, and begins a session.

use super::csrf::Form;
use super::destination::Destination;
use super::pages;
use super::parameters::Parameters;
use super::request::Stopped;
use super::texts::Texts;
use super::wanted::Wanted;
use super::{Oauth, authorize, documents, factor, provenance};
use crate::auth::password;
use crate::error::{Error, Result};
use crate::http::Response;
use crate::storage::audit::Event;
use crate::storage::users::User;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use std::sync::Arc;

/// What was typed, to be shown again when it was not right.
#[derive(Debug, Clone, Copy, Default)]
struct Typed<'t> {
    /// The tenant's id, where the destination has none.
    organisation: &'t str,
    username: &'t str,
}

/// How somebody has proved who they are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Proof<'p> {
    /// With a form, or as the scripts of 2012 send it.
    Password { is_scripted: bool },
    /// By a login at another provider.
    Elsewhere {
        provider: &'p str,
        /// Whether that is trusted to have asked for a second factor.
        has_second_factor: bool,
    },
}

impl Proof<'_> {
    const fn has_second_factor(self) -> bool {
        match self {
            Self::Password { .. } => false,
            Self::Elsewhere {
                has_second_factor, ..
            } => has_second_factor,
        }
    }
}

pub(super) async fn get(State(oauth): State<Arc<Oauth>>, head: Parts) -> Response {
    let shown = async {
        let destination = Destination::read(&oauth, &head, &authorize::query(&head)?).await?;
        Ok(show(&oauth, &head, &destination).await?)
    };
    shown
        .await
        .unwrap_or_else(|stopped: Stopped| stopped.respond(&oauth))
}

pub(super) async fn post(State(oauth): State<Arc<Oauth>>, head: Parts, body: Bytes) -> Response {
    let answered = async {
        let provenance = provenance::of(&oauth, &head.headers)?;
        let sent = authorize::query(&head)?.and(Parameters::form(&head.headers, &body)?);
        let destination = Destination::read(&oauth, &head, &sent).await?;
        let is_scripted = oauth.is_scripted(provenance, destination.client(), &sent);
        if !is_scripted {
            let (cookie, _) = oauth.form_cookie(&head.headers);
            let form = Form::Login { cookie: &cookie };
            oauth.check_form(form, &destination.query(), &sent)?;
        }
        Ok(log_in(&oauth, &head, &destination, (&sent, is_scripted)).await?)
    };
    answered
        .await
        .unwrap_or_else(|stopped: Stopped| stopped.respond(&oauth))
}

async fn show(oauth: &Oauth, head: &Parts, destination: &Destination) -> Result<Response> {
    if destination.login(oauth, &head.headers).await?.is_some() {
        return destination.lead_on(oauth);
    }
    match (destination, destination.wanted(oauth, &head.headers)) {
        (Destination::Authorization(request), wanted @ (Wanted::Json | Wanted::Xml)) => {
            Ok(documents::login(request, wanted))
        }
        _ => Ok(page(oauth, head, destination, (Typed::default(), None))),
    }
}

async fn log_in(
    oauth: &Oauth,
    head: &Parts,
    destination: &Destination,
    (sent, is_scripted): (&Parameters, bool),
) -> Result<Response> {
    let username = sent.get("username")?.ok_or_else(|| missing("username"))?;
    let password = sent.get("password")?.ok_or_else(|| missing("password"))?;
    if password.len() > password::LONGEST {
        return Err(Error::BadRequest("the password is too long".to_owned()));
    }
    let typed = Typed {
        organisation: sent.get("organisation")?.unwrap_or_default(),
        username,
    };
    let Some(user) = authenticate(oauth, head, destination, (typed, password)).await? else {
        return wrong(oauth, head, destination, typed);
    };
    let proof = Proof::Password { is_scripted };
    match let_in(oauth, head, destination, &user, proof).await {
        Err(Error::Missing(_)) => wrong(oauth, head, destination, typed),
        response => response,
    }
}

/// Begins a session of a user who has proved to be it, or asks for the second factor first, and leads on.
///
/// # Errors
/// [`Error::Missing`] when the user was disabled or got another password meanwhile.
pub(super) async fn let_in(
    oauth: &Oauth,
    head: &Parts,
    destination: &Destination,
    user: &User,
    proof: Proof<'_>,
) -> Result<Response> {
    if !proof.has_second_factor() && oauth.awaits_factor(user).await? {
        return ask_for_more(oauth, head, destination, user, proof).await;
    }
    let factor_at = proof.has_second_factor().then(|| oauth.clock.now());
    let session = oauth.begin_session(user, head, factor_at).await?;
    let client = destination.client().map(|client| client.id.as_str());
    let entry = oauth.entry(Event::Login, head).user(user).client(client);
    let entry = match proof {
        Proof::Password { .. } => entry,
        Proof::Elsewhere { provider, .. } => entry.with("provider", provider),
    };
    oauth.store.audit(entry).await;
    let mut response = destination.lead_on(oauth)?;
    oauth.set_session_cookie(&mut response, &session);
    oauth.remember_browser(&mut response, (&user.tenant_id, &user.username));
    Ok(response)
}

/// Nothing that is no browser can give a second factor.
async fn ask_for_more(
    oauth: &Oauth,
    head: &Parts,
    destination: &Destination,
    user: &User,
    proof: Proof<'_>,
) -> Result<Response> {
    let is_scripted = matches!(proof, Proof::Password { is_scripted: true });
    if is_scripted || destination.wanted(oauth, &head.headers) != Wanted::Html {
        return Err(Error::Forbidden(
            "this account has a second factor, which no script can give: log in with a browser"
                .to_owned(),
        ));
    }
    factor::begin(oauth, head, destination, user).await
}

/// An unknown user, one who is disabled and a wrong password take the same time and look the same.
async fn authenticate(
    oauth: &Oauth,
    head: &Parts,
    destination: &Destination,
    (typed, password): (Typed<'_>, &str),
) -> Result<Option<User>> {
    let asked = destination.tenant().map(|tenant| tenant.id.as_str());
    let tenant = asked.unwrap_or(typed.organisation);
    let attempt = oauth.attempt(head, (tenant, typed.username))?;
    let user = oauth.store.user_named(tenant, typed.username).await?;
    // No look at the tenant decides whether the password is verified: that would tell which tenants there are.
    let open = oauth.store.tenant(tenant).await?;
    let open = open.is_some_and(|tenant| tenant.disabled_at.is_none());
    let user = user.filter(|user| open && user.disabled_at.is_none());
    let hash = user.as_ref().and_then(|user| user.password_hash.as_deref());
    if oauth.verify(attempt, password, hash).await? {
        return Ok(user);
    }
    // What was typed as a name may be a password: only a name that we know is written down.
    let entry = oauth.entry(Event::LoginFailed, head);
    let entry = match (user, destination.tenant()) {
        (Some(user), _) => entry.user(&user),
        (None, Some(tenant)) => entry.tenant(&tenant.id),
        (None, None) => entry,
    };
    let client = destination.client().map(|client| client.id.as_str());
    oauth.store.audit(entry.client(client)).await;
    Ok(None)
}

fn wrong(
    oauth: &Oauth,
    head: &Parts,
    destination: &Destination,
    typed: Typed<'_>,
) -> Result<Response> {
    if destination.wanted(oauth, &head.headers) == Wanted::Html {
        return Ok(page(oauth, head, destination, (typed, Some("login-wrong"))));
    }
    Err(Error::Forbidden(
        "the user name or the password is not right".to_owned(),
    ))
}

/// The login once more, for who must begin anew; the text of `error` says why.
pub(super) fn refused(
    oauth: &Oauth,
    head: &Parts,
    destination: &Destination,
    (user, error): (&User, &str),
) -> Response {
    let typed = Typed {
        organisation: &user.tenant_id,
        username: &user.username,
    };
    page(oauth, head, destination, (typed, Some(error)))
}

fn page(
    oauth: &Oauth,
    head: &Parts,
    destination: &Destination,
    (typed, error): (Typed<'_>, Option<&str>),
) -> Response {
    let (cookie, is_new) = oauth.form_cookie(&head.headers);
    let query = destination.query();
    let token = oauth.form_token(Form::Login { cookie: &cookie }, &query);
    let texts = Texts::of(head);
    let page = pages::Login {
        texts,
        brand: destination
            .tenant()
            .and_then(|tenant| oauth.brand(&tenant.id)),
        action: &format!("/auth/login?{query}"),
        csrf_token: &token,
        hidden: Vec::new(),
        client_name: destination.client().map(|client| client.name.as_str()),
        tenant: destination.tenant().map(|tenant| tenant.name.as_str()),
        organisation: typed.organisation,
        username: typed.username,
        error: error.map(|id| texts.get(id)),
        others: oauth.others(destination),
    };
    let status = if error.is_some() {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::OK
    };
    let tenant = destination.tenant().map(|tenant| tenant.id.as_str());
    let providers = oauth.provider_sources(tenant.unwrap_or_default());
    let source = format!("{} {providers}", destination.source());
    let mut response = oauth.page(status, source.trim_end(), &page);
    if is_new {
        oauth.set_form_cookie(&mut response, &cookie);
    }
    response
}

fn missing(name: &str) -> Error {
    Error::BadRequest(format!("the parameter {name} is missing"))
}
