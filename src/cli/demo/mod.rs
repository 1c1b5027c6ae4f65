//! `callgate demo`: a gateway with everything in one folder, and what to try on it.

mod data;
mod secrets;

use super::{Failure, logging, output};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::server::{self, Start};
use crate::storage::Store;
use clap::Args;
use secrets::Secrets;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The folder of its data; made if need be, and gone on with.
    #[arg(long, default_value = "var")]
    directory: PathBuf,
    /// Where the API and the OAuth server listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where health, metrics and administration listen.
    #[arg(long, default_value = "127.0.0.1:9090")]
    operations: SocketAddr,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        std::fs::create_dir_all(&self.directory)?;
        let secrets = Secrets::load_or_make(&self.directory)?;
        let path = self.directory.join("callgate.toml");
        std::fs::write(&path, self.config()?)?;
        let config = Config::load(&path)?;
        logging::start(&config.log)?;
        prepare(&config, &secrets, &self.origin())?;
        let start = Start {
            path,
            config,
            upgrade: false,
        };
        let guide = self.guide(&secrets);
        server::serve(&start, move || output::say(guide))?;
        Ok(())
    }

    fn origin(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// The configuration, all of whose paths are in the folder.
    fn config(&self) -> Result<String, Failure> {
        let folder = std::path::absolute(&self.directory)?;
        let at = |name: &str| toml::Value::from(folder.join(name).display().to_string());
        Ok(format!(
            "# Made by `callgate demo`, anew at each start.\n\
             [server]\nlisten = \"{}\"\npublic_origin = \"{}\"\ngrace = \"2s\"\nupgrade_socket = {}\n\n\
             [operations]\nlisten = \"{}\"\ntoken = {}\n\n\
             [tokens]\nkey = {}\n\n\
             [store]\nurl = {}\n\n\
             [oauth]\necho_client = true\n\n\
             [log]\nfilter = \"warn,audit=info\"\nformat = \"text\"\naccess_file = {}\n",
            self.listen,
            self.origin(),
            at("upgrade.sock"),
            self.operations,
            Secrets::file_of("operator", &folder),
            Secrets::file_of("key", &folder),
            toml::Value::from(format!("sqlite:{}", folder.join("callgate.db").display())),
            at("access.log"),
        ))
    }

    fn guide(&self, secrets: &Secrets) -> String {
        let (origin, operations) = (self.origin(), self.operations);
        let Secrets {
            crm,
            legacy,
            ann,
            bob,
            operator,
        } = secrets;
        format!(
            "callgate answers at {origin} (operations: http://{operations}/healthz, /metrics, /admin)\n\n\
             Log in as `ann` (password {ann}) or `bob` (password {bob}):\n  {}\n\n\
             The code that it ends with becomes tokens within a minute:\n  \
             curl -u 'crm:{crm}' -d grant_type=authorization_code -d code=CODE --data-urlencode redirect_uri={origin}/test \
             -d code_verifier={} {origin}/oauth/token\n\n\
             Two applications: `crm` (secret {crm}) and, as of 2012, `legacy` (secret {legacy}).\n\
             The administration API takes the token {operator}\n\n\
             # --- paste these ---\n\
             TOKEN=$(curl -s -u 'crm:{crm}' -d 'grant_type=client_credentials&scope=call' {origin}/oauth/token | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n\
             CALL=$(curl -s -i -H \"Authorization: Bearer $TOKEN\" --data-urlencode 'number=+390501234567' {origin}/rest/call | tr -d '\\r' | sed -n 's/^location:.*token_call=//Ip')\n\
             curl -s -H \"Authorization: Bearer $TOKEN\" {origin}/rest/call\n\
             curl -s -i -X PUT -H \"Authorization: Bearer $TOKEN\" -d \"token_call=$CALL\" {origin}/rest/call\n\
             OLD=$(curl -s -u 'legacy:{legacy}' -d 'grant_type=client_credentials&scope=call' {origin}/oauth/token | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n\
             curl -s -i -H \"Authentication: Bearer $OLD\" '{origin}/rest/call?'\n\
             # --- end ---\n\n\
             Ctrl-C stops it; `{}` keeps its data.\n",
            data::login_page(&origin),
            data::VERIFIER,
            self.directory.display(),
        )
    }
}

/// Brings the store up to date and, the first time, puts the demo's people and applications into it.
fn prepare(config: &Config, secrets: &Secrets, origin: &str) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = Store::migrate(&config.store, &Metrics::new()).await?;
        data::seed(&store, secrets, origin).await
    })
}
