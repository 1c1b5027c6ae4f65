//! How often the second factor may be answered wrongly. Only who knows the password gets so far.

use crate::clock::EpochMs;
use crate::oauth::Settings;
use crate::throttle::{Key, Limited, Throttle};

/// The wrong answers of late.
#[derive(Debug)]
pub(in crate::oauth) struct FactorAttempts {
    /// By account and address.
    here: Throttle,
    /// Codes of six digits by account: from many addresses at once they could be guessed. Passkeys and recovery codes
    /// cannot, so they stay open to the user whatever others try.
    everywhere: Throttle,
}

impl FactorAttempts {
    pub(in crate::oauth) fn new(settings: &Settings) -> Self {
        let (attempts, window) = (settings.login_attempts, settings.attempt_window);
        Self {
            here: Throttle::new(attempts, window),
            everywhere: Throttle::new(attempts.saturating_mul(2), window),
        }
    }

    /// Counts an answer as if it were wrong, before it is looked at.
    pub(super) fn count(
        &self,
        (user, address): (&str, &str),
        is_short: bool,
        now: EpochMs,
    ) -> Result<(), Limited> {
        self.here.take(Key::of(&[user, address]), now)?;
        if is_short {
            self.everywhere.take(Key::of(&[user]), now)?;
        }
        Ok(())
    }

    pub(super) fn succeeded(&self, (user, address): (&str, &str)) {
        self.here.forget(Key::of(&[user, address]));
        self.everywhere.forget(Key::of(&[user]));
    }
}
