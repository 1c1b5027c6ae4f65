//! Legacy behaviours of single clients: told in the answers that they made possible, and at every start.

use crate::clock::EpochMs;
use crate::http::Legacy;
use crate::storage::clients::Client;
use crate::storage::{Result, Store};
use jiff::Timestamp;

/// Notes for the answer that `client` uses the switch.
pub(super) fn note(client: &Client, switch: &'static str) {
    let legacy = Legacy {
        switch,
        sunset_at: client.sunset_at,
    };
    legacy.note();
}

/// Reminds of the clients that may still do what nobody should, so that they are not forgotten.
pub async fn warn_of_switches(store: &Store, now: EpochMs) -> Result<()> {
    for client in store.clients_with_switches().await? {
        let switches = client.switches.to_string();
        let sunset = client
            .sunset_at
            .and_then(|at| Timestamp::from_millisecond(at).ok());
        let (client_id, sunset) = (&client.id, sunset.map(|at| at.to_string()));
        if client.has_sunset(now) {
            tracing::info!(
                client_id,
                switches,
                sunset,
                "the legacy switches of this client have ended: take them away"
            );
        } else {
            tracing::warn!(
                client_id,
                switches,
                sunset,
                "this client has legacy switches"
            );
        }
    }
    Ok(())
}
