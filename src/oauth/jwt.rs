//! JWT access tokens (RFC 9068), for clients whose resource servers read them by themselves.

use super::Oauth;
use super::introspect::seconds;
use super::issue::{Issued, audience, subject};
use crate::error::{Error, Result};
use crate::sealer::{SealError, Sealer};
use crate::secret::{Secret, encode};
use crate::storage::clients::Client;
use crate::storage::tokens::Token;
use crate::token::{KeyError, TokenHash};
use serde_json::{Value, json};

/// What a sealed token is.
const PURPOSE: &str = "access token";

impl Oauth {
    /// The token of this row, signed.
    pub(super) async fn signed(&self, client: &Client, row: Token) -> Result<Issued> {
        let key = self.keys.signer().await?;
        let token = key
            .token(&self.claims(client, &row))
            .map_err(KeyError::from)?;
        let row = Token {
            hash: TokenHash::of(&token).to_string(),
            kid: Some(key.kid().to_owned()),
            ..row
        };
        let token = Secret::new(token);
        Ok(Issued { token, row })
    }

    /// RFC 9068 §2.2
    fn claims(&self, client: &Client, row: &Token) -> Value {
        let mut claims = json!({
            "iss": self.origin,
            "sub": subject(row).to_string(),
            "aud": audience(&self.origin, &client.audience),
            "exp": seconds(row.expires_at),
            "iat": seconds(row.created_at),
            "jti": row.id,
            "client_id": row.client_id,
            "scope": row.scope.to_string(),
        });
        if let (Some(jkt), Some(claims)) = (&row.jkt, claims.as_object_mut()) {
            // RFC 9449 §6.1
            claims.insert("cnf".to_owned(), json!({ "jkt": jkt }));
        }
        claims
    }

    /// Leaves the token in its row, for whoever presents the same refresh token again: a signature may be another each
    /// time, so a JWT cannot be derived once more as an opaque token is.
    pub(super) fn leave_for(&self, presented: &str, issued: Issued) -> Result<Issued> {
        let token = issued.token.expose().as_bytes();
        let left = self.sealer_of(presented)?.seal(PURPOSE, token)?;
        let row = Token {
            sealed: Some(left),
            ..issued.row
        };
        Ok(Issued { row, ..issued })
    }

    /// The token that was left.
    pub(super) fn left_for(&self, presented: &str, sealed: &str) -> Result<Secret> {
        let token = self.sealer_of(presented)?.open(PURPOSE, sealed);
        let token = token.and_then(|token| String::from_utf8(token.to_vec()).ok());
        token.map(Secret::new).ok_or(Error::Internal)
    }

    /// Opens only for who has both the refresh token and our key: the store, which has neither, keeps nothing in clear.
    fn sealer_of(&self, presented: &str) -> Result<Sealer, SealError> {
        let key = self.mint.digest("left for", &[presented]);
        Sealer::new(&Secret::new(encode(&key)))
    }
}
