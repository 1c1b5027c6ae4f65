//! The built-in session store: it records calls and places none, for tests and for systems that poll.

use super::registry::{Configurable, Means};
use super::{BackendError, CallBackend, Capabilities, Ending, Originate, Placed};
use crate::http::client::ClientError;
use async_trait::async_trait;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {}

/// The call's row is the call: there is nothing else to do.
pub(super) struct SessionStore;

impl Configurable for SessionStore {
    const KIND: &'static str = "session";
    type Config = Config;

    fn new(_: &str, _: Config, _: &Means) -> Result<Self, ClientError> {
        Ok(Self)
    }
}

#[async_trait]
impl CallBackend for SessionStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            hang_up: true,
            list_live: false,
            lists_ringing: false,
            events: false,
            tells_answer: false,
            needs_line: false,
        }
    }

    async fn originate(&self, call: &Originate) -> Result<Placed, BackendError> {
        Ok(Placed {
            backend_call_id: Some(call.call.clone()),
        })
    }

    async fn hang_up(&self, _: Ending<'_>) -> Result<(), BackendError> {
        Ok(())
    }
}
