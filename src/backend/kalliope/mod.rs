//! A Kalliope PBX: click-to-call by REST, and what its event notifications tell (docs/backends.md).
//!
//! Public text knows no REST call that ends or lists calls. What is inferred of the rest is a setting.

mod click;
mod hook;
mod numbers;
mod settings;

use super::registry::{Configurable, Means};
use super::{
    BackendError, CallBackend, Capabilities, Ending, NotTaken, Notification, Notified, Originate,
    Placed,
};
use crate::clock::Clock;
use crate::http::client::ClientError;
use async_trait::async_trait;
use bytes::Bytes;
use click::Dialler;
use hook::Hook;
use http::Response;
use numbers::Numbers;
use settings::{Config, Fault};

/// One tenant of a Kalliope: that of the credential's domain.
pub(super) struct Kalliope {
    dialler: Dialler,
    numbers: Numbers,
    hook: Option<Hook>,
    /// It is told of ends, and can tell whose they are.
    hears_ends: bool,
    ends_locally: bool,
    clock: Clock,
}

impl Configurable for Kalliope {
    const KIND: &'static str = "kalliope";
    type Config = Config;

    fn faults(config: &Config) -> Vec<Fault> {
        config.faults()
    }

    fn credentials(config: &Config) -> Vec<String> {
        vec![config.credential.clone()]
    }

    fn new(_: &str, config: Config, means: &Means) -> Result<Self, ClientError> {
        Ok(Self {
            hears_ends: config.hook.is_some() && config.click.call_id.is_some(),
            dialler: Dialler::new(&config, means)?,
            numbers: config.numbers,
            hook: config.hook.map(Hook::new),
            ends_locally: config.end_locally,
            clock: means.clock.clone(),
        })
    }
}

#[async_trait]
impl CallBackend for Kalliope {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            hang_up: false,
            list_live: false,
            lists_ringing: false,
            events: self.hears_ends,
            // Whether answers are notified is up to the PBX's administrator, and one that gets lost would cost a call its slot.
            tells_answer: false,
            needs_line: true,
        }
    }

    fn ends_locally(&self) -> bool {
        self.ends_locally
    }

    async fn originate(&self, call: &Originate) -> Result<Placed, BackendError> {
        self.dialler.place(call, &self.numbers).await
    }

    async fn hang_up(&self, _: Ending<'_>) -> Result<(), BackendError> {
        Err(BackendError::refused("it cannot end calls"))
    }

    async fn notified(&self, notification: &Notification<'_>) -> Result<Notified, NotTaken> {
        let hook = self.hook.as_ref().ok_or(NotTaken::NoHook)?;
        let event = hook.hear(notification, &self.numbers, self.clock.now())?;
        Ok(Notified {
            events: event.into_iter().collect(),
            answer: Response::new(Bytes::new()),
        })
    }
}
