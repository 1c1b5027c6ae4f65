//! Where administration is done from the console: on the store itself, whether or not a gateway runs.

use super::{Result, logging};
use crate::acl::{self, Permit};
use crate::admin::Administration;
use crate::app::{AppError, Services};
use crate::auth::{Carrier, Credential, OperatorToken};
use crate::clock::Clock;
use crate::config::{Config, Log};
use crate::operations::Reloads;
use crate::secret::Secret;
use std::borrow::Cow;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Administration, and the permit of whoever can read the configuration: the operations token stands in it.
pub(super) struct Office {
    administration: Administration,
    pub(super) permit: Permit,
}

impl Office {
    pub(super) async fn open(config: &Path) -> Result<Self> {
        let config = Config::load(config)?;
        logging::start(&Log {
            // Acts of the console stand in the audit log, too.
            filter: "warn,audit=info".to_owned(),
            ..config.log.clone()
        })?;
        let permit = permit(&config.operations.token)?;
        let services = services(&config).await?;
        let calls = Arc::new(services.calls(&config)?);
        Ok(Self {
            administration: services.administration(&calls, &config),
            permit,
        })
    }
}

impl Deref for Office {
    type Target = Administration;

    fn deref(&self) -> &Administration {
        &self.administration
    }
}

/// What the configuration names, opened for a moment.
pub(super) async fn services(config: &Config) -> Result<Services, AppError> {
    // Nothing is served here, so there is nothing to reload.
    let (reloads, _) = Reloads::channel();
    Services::start(config, Clock::system(), reloads, Handle::current()).await
}

fn permit(token: &Secret) -> Result<Permit> {
    let credential = Credential {
        token: Cow::Borrowed(token.expose()),
        carrier: Carrier::Authorization,
    };
    let (_, principal) = OperatorToken::new(token.clone()).judge(&credential);
    let permit = principal
        .ok()
        .and_then(|principal| acl::authorize(principal, "admin.console".into()).ok());
    permit.ok_or_else(|| "the operations token gives no access".into())
}
