//! Taking over users and clients of the service of 2012.

mod dump;

use super::{Administration, Change, GrantType, Kind, NewClient, NewUser, Password, Switch, rules};
use crate::acl::Permit;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::token::TokenHash;
use dump::{Dump, OldClient, OldUser};
use serde::Serialize;

/// What those who come over get here.
#[derive(Debug, Clone)]
pub struct Welcome {
    pub tenant: String,
    /// What the clients may ask for; the old service knew the scope `call` alone.
    pub policies: Vec<String>,
    /// Legacy behaviours that they may still use.
    pub switches: Vec<Switch>,
}

/// What was taken over, and what was not and why.
#[derive(Debug, Default, Serialize)]
pub struct Import {
    pub users: usize,
    pub clients: usize,
    pub left_out: Vec<LeftOut>,
}

#[derive(Debug, Serialize)]
pub struct LeftOut {
    /// `user NAME` or `client ID`
    pub what: String,
    pub why: String,
}

impl Administration {
    /// Takes over what a dump of the old database names (`pg_dump --data-only`). Passwords and secrets stay as people
    /// know them, but are stored as hashes alone; codes and tokens, of 60 bits, do not come over. What is here already
    /// stays as it is, so that it can be done again.
    ///
    /// # Errors
    /// [`Error::BadRequest`] when the text is no such dump; then nothing was done.
    pub async fn import_clicktocall(
        &self,
        by: &Permit,
        text: &str,
        welcome: &Welcome,
    ) -> Result<Import> {
        let Dump { users, clients } =
            dump::parse(text).map_err(|e| Error::BadRequest(e.to_string()))?;
        self.tenant(&welcome.tenant).await?;
        let mut import = Import::default();
        for user in users {
            let what = format!("user {}", user.username);
            let done = self.take_user_over(by, user, welcome).await;
            import.users += import.count(what, done)?;
        }
        for client in clients {
            let what = format!("client {}", client.id);
            let done = self.take_client_over(by, client, welcome).await;
            import.clients += import.count(what, done)?;
        }
        Ok(import)
    }

    async fn take_user_over(&self, by: &Permit, old: OldUser, welcome: &Welcome) -> Result<()> {
        let new = NewUser {
            tenant: welcome.tenant.clone(),
            username: old.username,
            display_name: None,
            password: match old.password {
                Some(password) => Change::Set(Password::new(password.expose())),
                None => Change::Clear,
            },
            call_limit: None,
            backend: None,
        };
        self.create_user(by, new).await.map(drop)
    }

    async fn take_client_over(&self, by: &Permit, old: OldClient, welcome: &Welcome) -> Result<()> {
        rules::short_name("a client's id", &old.id)?;
        let new = NewClient {
            tenant: welcome.tenant.clone(),
            name: old.id.clone(),
            id: Some(old.id),
            kind: Kind::Confidential,
            redirect_uris: vec![old.redirect_uri],
            grant_types: Some(vec![GrantType::AuthorizationCode]),
            policies: welcome.policies.clone(),
            switches: welcome.switches.clone(),
            ..NewClient::default()
        };
        let why = || Error::BadRequest("it has no secret".to_owned());
        let secret: Secret = old.secret.ok_or_else(why)?;
        let hash = TokenHash::of(secret.expose()).to_string();
        self.make_client(by, new, Some(hash)).await.map(drop)
    }
}

impl Import {
    /// 1 for what came over. What cannot, by our rules or because it is here already, is left out; a store that fails ends
    /// the import.
    fn count(&mut self, what: String, done: Result<()>) -> Result<usize> {
        match done {
            Ok(()) => Ok(1),
            Err(error @ (Error::BadRequest(_) | Error::Exists(_))) => {
                let why = error.to_string();
                self.left_out.push(LeftOut { what, why });
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }
}
