//! How a request came: its client and its transport, as far as the peer is trusted to tell them.

use super::Proxy;
use super::context::Context;
use crate::http::{Arrival, Transport};
use pingora::proxy::Session;

impl Proxy {
    pub(super) fn arrival(&self, session: &Session, ctx: &Context) -> Arrival {
        if ctx.peer.is_none() {
            return Arrival {
                client: None,
                transport: Transport::Plain,
            };
        }
        let (hop, headers) = (self.hop(ctx), &session.req_header().headers);
        Arrival {
            client: hop.client(headers),
            transport: hop.transport(headers),
        }
    }
}
