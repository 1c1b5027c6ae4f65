//! The second factor: who has one is asked for it after the right password, and is logged in only then.
//!
//! What lies between is a pending login: a row of its own, known to one browser, that no other page takes for a login.

mod answer;
mod ask;
mod attempts;
mod pages;
mod passkey;
mod pending;
mod qr;
mod recovery;
mod setup;
mod totp;

pub(super) use ask::{get, post};
pub(super) use attempts::FactorAttempts;
pub(super) use pages::{RecoveryCodes, SCRIPT};
pub(super) use passkey::Passkeys;
pub(super) use pending::begin;
pub(super) use recovery::Codes;
pub(super) use setup::{App, Ready, app, passkey};

use super::Oauth;
use crate::error::Result;
use crate::storage::users::User;

impl Oauth {
    /// Whether the right password alone does not log the user in.
    pub(super) async fn awaits_factor(&self, user: &User) -> Result<bool> {
        if self.settings.requires_factor(&user.tenant_id) {
            return Ok(true);
        }
        Ok(self.store.factors(&user.id).await?.any())
    }
}
