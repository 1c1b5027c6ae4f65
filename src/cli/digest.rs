//! `callgate tenant digest` and `callgate user digest`: who may log in by Kalliope's digest.

use super::Result;
use super::arguments::secret;
use super::office::Office;
use super::output::Output;
use crate::admin::{DigestDomainText, GivenDigest, Password};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum OfTenant {
    /// Show the tenant's domain and its salt
    Show { tenant: String },
    /// Let the tenant's users log in by the digest
    Set(Enabling),
    /// Let none of them log in by the digest any more
    Remove { tenant: String },
}

#[derive(Debug, Args)]
pub(super) struct Enabling {
    tenant: String,
    /// The domain as the clients write it, such as `default`
    #[arg(long)]
    domain: String,
    /// The salt of the telephone system, if clients must go on with it; else one is made
    #[arg(long)]
    salt: Option<String>,
    /// A policy whose accesses such a login has, in place of the configuration's; may be repeated
    #[arg(long = "policy", value_name = "POLICY")]
    policies: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum OfUser {
    /// Show whether the user has a digest; it is never shown itself
    Show {
        /// The user, as `TENANT/USERNAME` or by id
        user: String,
    },
    /// Set the user's digest from a password, which is read, or as Kalliope keeps it
    Set(Given),
    /// Take the user's digest
    Remove {
        /// The user, as `TENANT/USERNAME` or by id
        user: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Given {
    /// The user, as `TENANT/USERNAME` or by id
    user: String,
    /// What is read is no password, but the 64 hexadecimal digits of `digestPassword`
    #[arg(long)]
    hex: bool,
    /// Where the secret is, `file:PATH` or `env:NAME`; else it is read from standard input
    #[arg(long, value_name = "SETTING")]
    secret: Option<String>,
}

pub(super) async fn of_tenant(office: &Office, command: OfTenant, output: Output) -> Result {
    match command {
        OfTenant::Show { tenant } => output.one(&office.digest_domain(&tenant).await?),
        OfTenant::Set(set) => {
            let text = DigestDomainText {
                domain: set.domain,
                salt: set.salt,
                policies: (!set.policies.is_empty()).then(|| set.policies.iter().collect()),
            };
            let domain = office.set_digest_domain(&office.permit, &set.tenant, text);
            output.one(&domain.await?)
        }
        OfTenant::Remove { tenant } => {
            office.remove_digest_domain(&office.permit, &tenant).await?;
            output.done("The domain is removed.", &json!({ "removed": tenant }))
        }
    }
}

pub(super) async fn of_user(office: &Office, command: OfUser, output: Output) -> Result {
    match command {
        OfUser::Show { user } => {
            let id = office.user_id(&user).await?;
            output.one(&office.user_digest(&id).await?)
        }
        OfUser::Set(set) => {
            let id = office.user_id(&set.user).await?;
            let secret = secret(set.secret.as_deref())?;
            let given = given(set.hex, Password::new(secret.expose()));
            office.set_user_digest(&office.permit, &id, given).await?;
            output.done("The digest is set.", &json!({ "set": set.user }))
        }
        OfUser::Remove { user } => {
            let id = office.user_id(&user).await?;
            office.remove_user_digest(&office.permit, &id).await?;
            output.done("The digest is removed.", &json!({ "removed": user }))
        }
    }
}

fn given(is_hex: bool, secret: Password) -> GivenDigest {
    let (password, digest_password) = if is_hex {
        (None, Some(secret))
    } else {
        (Some(secret), None)
    };
    GivenDigest {
        password,
        digest_password,
    }
}
