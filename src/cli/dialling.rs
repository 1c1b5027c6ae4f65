//! `callgate dialling`: which numbers may be rung, by whom and when.

use super::Result;
use super::arguments::one_of;
use super::office::Office;
use super::output::Output;
use crate::admin::DiallingQuestion;
use crate::dialling::{Holder, Prefix, RuleSet, Window};
use crate::number::{Country, LineType};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List all rules there are, the configuration's first
    List,
    /// Show somebody's own rules
    Show(Whose),
    /// Set somebody's rules, in the place of any other
    Set(Set),
    /// Take somebody's own rules, so that those above them count again
    Remove(Whose),
    /// Say what would become of a number, and by which rule; nothing is rung
    Test(Test),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Whose {
    /// Of all in a tenant who have none of their own
    #[arg(long)]
    tenant: Option<String>,
    /// Of this user, as `TENANT/USERNAME` or by id
    #[arg(long)]
    user: Option<String>,
    /// Of this client, where it acts for itself
    #[arg(long)]
    client: Option<String>,
    /// Of all tokens with this policy, which it narrows
    #[arg(long)]
    policy: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    #[command(flatten)]
    whose: Whose,
    /// Let short numbers alone be rung
    #[arg(long)]
    internal_only: bool,
    /// Let numbers be rung that begin so: `+39050`, or `2` of short numbers; may be repeated, as all that follow
    #[arg(long, value_name = "PREFIX")]
    allow: Vec<Prefix>,
    /// Let no numbers be rung that begin so, unless a longer prefix is allowed
    #[arg(long, value_name = "PREFIX")]
    refuse: Vec<Prefix>,
    /// Let this country be rung, such as `IT`, and none that is not named
    #[arg(long, value_name = "COUNTRY")]
    country: Vec<Country>,
    /// Let this country not be rung
    #[arg(long, value_name = "COUNTRY")]
    refuse_country: Vec<Country>,
    /// Let no lines of this type be rung; `none` refuses no type. By default `premium_rate` and `satellite`
    #[arg(long, value_name = "TYPE", value_parser = refused)]
    refuse_type: Vec<Refused>,
    /// Let calls be placed in these hours only, such as `mon-fri 08:00-18:00`
    #[arg(long, value_name = "WINDOW")]
    hours: Vec<Window>,
}

/// A type of line, or none at all.
#[derive(Debug, Clone, Copy)]
struct Refused(Option<LineType>);

#[derive(Debug, Args)]
pub(super) struct Test {
    /// The number, as somebody would dial it
    number: String,
    #[command(flatten)]
    who: Who,
    /// A policy of the token; may be repeated
    #[arg(long)]
    policy: Vec<String>,
    /// When, such as 2026-11-22T02:39:33Z; else now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Who {
    /// As this user, as `TENANT/USERNAME` or by id
    #[arg(long)]
    user: Option<String>,
    /// As this client, where it acts for itself
    #[arg(long)]
    client: Option<String>,
    /// As somebody of this tenant who has no rules of their own
    #[arg(long)]
    tenant: Option<String>,
}

pub(super) async fn run(office: &Office, command: Command, output: Output) -> Result {
    match command {
        Command::List => {
            let columns = ["holder", "rules", "updated_at"];
            output.list(&office.all_dialling().await?, &columns)
        }
        Command::Show(whose) => {
            let holder = holder(office, whose).await?;
            output.one(&office.dialling(&holder).await?)
        }
        Command::Set(set) => {
            let (whose, rules) = rules(set);
            let holder = holder(office, whose).await?;
            let set = office.set_dialling(&office.permit, &holder, rules);
            output.one(&set.await?)
        }
        Command::Remove(whose) => {
            let holder = holder(office, whose).await?;
            office.remove_dialling(&office.permit, &holder).await?;
            let sentence = format!("`{holder}` has no dialling rules of its own any more.");
            output.done(&sentence, &json!({ "removed": holder.to_string() }))
        }
        Command::Test(test) => {
            let question = DiallingQuestion {
                number: test.number,
                user: test.who.user,
                client: test.who.client,
                tenant: test.who.tenant,
                policies: test.policy,
                at: test.at,
            };
            output.one(&office.try_dialling(question).await?)
        }
    }
}

async fn holder(office: &Office, whose: Whose) -> Result<Holder> {
    Ok(match whose {
        Whose {
            tenant: Some(id), ..
        } => Holder::Tenant(id),
        Whose {
            client: Some(id), ..
        } => Holder::Client(id),
        Whose {
            policy: Some(name), ..
        } => Holder::Policy(name),
        Whose { user, .. } => Holder::User(office.user_id(&user.unwrap_or_default()).await?),
    })
}

fn rules(set: Set) -> (Whose, RuleSet) {
    let types = set.refuse_type.iter().filter_map(|refused| refused.0);
    let refuse_types = if set.refuse_type.is_empty() {
        RuleSet::default().refuse_types
    } else {
        types.collect()
    };
    let rules = RuleSet {
        internal_only: set.internal_only,
        allow: set.allow,
        refuse: set.refuse,
        countries: set.country,
        refuse_countries: set.refuse_country,
        refuse_types,
        hours: set.hours,
    };
    (set.whose, rules)
}

fn refused(word: &str) -> Result<Refused, serde::de::value::Error> {
    if word == "none" {
        return Ok(Refused(None));
    }
    one_of(word).map(|line| Refused(Some(line)))
}
