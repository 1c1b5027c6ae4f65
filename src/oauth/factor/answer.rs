//! What becomes of an answer to the question for the second factor: a login, another try, or none.

use super::ask::{self, Wrong};
use super::pages::RecoveryCodes;
use super::passkey::Passkeys;
use super::pending::Pending;
use super::setup::Ready;
use super::{recovery, setup, totp};
use crate::error::{Error, Result};
use crate::http::Response;
use crate::oauth::destination::Destination;
use crate::oauth::parameters::Parameters;
use crate::oauth::texts::Texts;
use crate::oauth::throttling::address;
use crate::oauth::{Oauth, login};
use crate::storage::audit::Event;
use crate::storage::factors::Proof;
use crate::storage::pending_logins::Completion;
use crate::storage::sessions::Session;
use http::StatusCode;
use http::header::LOCATION;
use http::request::Parts;

/// A login that is pending, and where it leads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'s>(pub(super) &'s Pending, pub(super) &'s Destination);

/// What was sent.
#[derive(Debug, Clone, Copy)]
enum Given<'g> {
    Code(&'g str),
    RecoveryCode(&'g str),
    Passkey(&'g str),
}

/// An answer that was right, not yet spent.
enum Right {
    Proved(Proof),
    SetUp(Ready),
}

/// One text for all: nobody learns whether a code was right once.
const WRONG: &str = "factor-wrong";
const TOO_OFTEN: &str = "factor-too-often";

pub(super) async fn take(
    oauth: &Oauth,
    head: &Parts,
    step: Step<'_>,
    sent: &Parameters,
) -> Result<Response> {
    let Step(pending, destination) = step;
    let given = Given::read(sent)?;
    let (address, now) = (address(head), oauth.clock.now());
    let whose = (pending.user.id.as_str(), address.as_str());
    let is_short = matches!(given, Given::Code(_));
    let counted = oauth.attempts.factors.count(whose, is_short, now);
    counted.map_err(|limited| oauth.attempts.limited("factor", limited))?;
    let Some(left) = oauth.store.count_attempt(&pending.row.hash, now).await? else {
        return destination.ask_for_login(oauth);
    };
    let setup = sent.get("setup")?;
    if let Some(right) = verify(oauth, pending, given, setup).await? {
        match log_in(oauth, head, step, right).await {
            // It was spent, or the login was answered, by another request of this very moment.
            Err(Error::Missing(_) | Error::Exists(_)) => {}
            done => {
                oauth.attempts.factors.succeeded(whose);
                return done;
            }
        }
    }
    let entry = oauth.entry(Event::FactorFailed, head).user(&pending.user);
    oauth.store.audit(entry.with("factor", given.name())).await;
    if left == 0 {
        return Ok(login::refused(
            oauth,
            head,
            destination,
            (&pending.user, TOO_OFTEN),
        ));
    }
    let wrong = Wrong { text: WRONG, setup };
    ask::show(oauth, head, step, Some(wrong)).await
}

impl<'g> Given<'g> {
    fn read(sent: &'g Parameters) -> Result<Self> {
        if let Some(answer) = sent.get("passkey")? {
            return Ok(Self::Passkey(answer));
        }
        if let Some(code) = sent.get("recovery_code")? {
            return Ok(Self::RecoveryCode(code));
        }
        let code = sent.get("code")?;
        code.map(Self::Code)
            .ok_or_else(|| Error::BadRequest("the parameter code is missing".to_owned()))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Code(_) => "totp",
            Self::RecoveryCode(_) => "recovery_code",
            Self::Passkey(_) => "passkey",
        }
    }
}

/// Who has a factor proves it; only who has none may set one up here.
async fn verify(
    oauth: &Oauth,
    pending: &Pending,
    given: Given<'_>,
    setup: Option<&str>,
) -> Result<Option<Right>> {
    let (owner, user) = (pending.owner(), &pending.user);
    if !pending.factors.any() {
        let ready = match given {
            Given::Code(code) => {
                setup::app(oauth, (&owner, user), (setup.unwrap_or_default(), code))?
            }
            Given::Passkey(answer) => {
                setup::passkey(oauth, (&owner, user), (FIRST_PASSKEY, answer)).await?
            }
            Given::RecoveryCode(_) => None,
        };
        return Ok(ready.map(Right::SetUp));
    }
    let proof = match (given, Passkeys::of(oauth)) {
        (Given::Code(code), _) => totp::verify(oauth, user, code).await?,
        (Given::RecoveryCode(code), _) => recovery::proof(oauth, &user.id, code),
        (Given::Passkey(answer), Some(passkeys)) => {
            passkeys.verify(oauth, (&owner, user), answer).await?
        }
        (Given::Passkey(_), None) => None,
    };
    Ok(proof.map(Right::Proved))
}

/// What a passkey is called whose user was not asked for a name.
const FIRST_PASSKEY: &str = "Passkey";

/// # Errors
/// [`Error::Missing`] or [`Error::Exists`] when the answer was spent before.
async fn log_in(
    oauth: &Oauth,
    head: &Parts,
    Step(pending, destination): Step<'_>,
    right: Right,
) -> Result<Response> {
    let user = &pending.user;
    let (completion, shown) = match right {
        Right::Proved(proof) => (Completion::Proved(proof), None),
        Right::SetUp(Ready { factor, codes }) => {
            let hashes = codes.hashes(oauth, &user.id);
            (Completion::SetUp(factor, hashes), Some(codes.shown()))
        }
    };
    let (cookie, session) = oauth.new_session(user, head);
    let session = Session {
        factor_at: Some(session.created_at),
        ..session
    };
    let client = destination.client().map(|client| client.id.as_str());
    let entry = oauth.entry(Event::Login, head).user(user).client(client);
    let factor = completion.factor();
    oauth
        .store
        .complete_login(&pending.row.hash, completion, session, entry)
        .await?;
    // The one that the browser had: its value may have been planted.
    oauth.end_session(&head.headers).await?;
    let mut response = destination.lead_on(oauth)?;
    if let Some(codes) = shown {
        let entry = oauth.entry(Event::FactorAdded, head).user(user);
        oauth.store.audit(entry.with("factor", factor)).await;
        response = codes_page(oauth, head, &codes, &response);
    }
    oauth.set_session_cookie(&mut response, cookie.expose());
    oauth.remember_browser(&mut response, (&user.tenant_id, &user.username));
    Ok(response)
}

/// The codes, and a link to where the login would have led at once.
fn codes_page(oauth: &Oauth, head: &Parts, codes: &[String], onward: &Response) -> Response {
    let next = onward.headers().get(LOCATION);
    let next = next
        .and_then(|next| next.to_str().ok())
        .unwrap_or("/account");
    let texts = Texts::of(head);
    oauth.page(StatusCode::OK, "", &RecoveryCodes { texts, codes, next })
}
