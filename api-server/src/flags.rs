//! The command line.

use std::num::NonZeroU32;
use std::path::PathBuf;

use axum::http::HeaderValue;
use clap::{Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
use locus_core::Network;
use tower_http::cors::AllowOrigin;

use crate::pages::Pages;

/// Runs programs for browsers, scripts and CI: POST /execute, and a page at /.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Flags {
    /// Something else than serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The address to serve on; port 0 takes a free one.
    #[arg(long, env = "LOCUS_LISTEN", default_value = "127.0.0.1:8000")]
    pub listen: String,
    /// Where programs run: on this machine, or on a cluster.
    #[arg(long, env = "LOCUS_BACKEND", value_enum, default_value_t = BackendKind::Embedded)]
    pub backend: BackendKind,
    /// The namespace of this server's runs on a cluster [default: the kubeconfig's or the service account's].
    #[arg(long, env = "LOCUS_NAMESPACE")]
    pub namespace: Option<String>,
    /// Runs at one time [default: embedded: the number of cores, cluster: 64].
    #[arg(long, env = "LOCUS_MAX_CONCURRENT", value_parser = at_least_one)]
    pub max_concurrent: Option<usize>,
    /// Runs that may wait for their turn; further ones are answered 429. On a cluster the operator says which ones wait, and
    /// this and the number above bound together those of this server that have not ended.
    #[arg(long, env = "LOCUS_MAX_QUEUED", default_value_t = 256)]
    pub max_queued: usize,
    /// Seconds that runs and answers may still take after the server was told to stop.
    #[arg(long, env = "LOCUS_DRAIN_SECONDS", default_value_t = 30)]
    pub drain_seconds: u64,
    /// Sandboxes that are held ready for each language from its first run on, with its interpreter where that has a way,
    /// where there is no cluster.
    #[arg(long, env = "LOCUS_WARM", default_value_t = 1)]
    pub warm: usize,
    /// What programs may reach where there is no cluster: none, loopback (themselves) or egress (whatever this machine
    /// can, its own services included).
    #[arg(long, env = "LOCUS_NETWORK", default_value = "none")]
    pub network: Network,
    /// Serve although this machine can't keep programs apart from itself well enough for strangers' code.
    #[arg(long, env = "LOCUS_ALLOW_WEAK_SANDBOX")]
    pub allow_weak_sandbox: bool,
    /// Web pages that may call this server, such as <https://example.org>; may be given several times
    /// [default: embedded: its own page, cluster: any, without credentials].
    #[arg(long = "cors-origin", env = "LOCUS_CORS_ORIGINS", value_delimiter = ',', value_parser = origin)]
    pub cors_origins: Vec<HeaderValue>,
    /// A file of API keys, as `keygen` describes it: runs are for those who have one. It is read again when it changes
    /// [default: anybody who can reach this server may run programs].
    #[arg(long, env = "LOCUS_API_KEYS", value_name = "FILE")]
    pub api_keys: Option<PathBuf>,
    /// Requests a minute of one client, which is an API key or else an address; 0 is any number. A key may have a rate of
    /// its own.
    #[arg(long, env = "LOCUS_RATE_LIMIT", value_name = "REQUESTS", default_value_t = 0)]
    pub rate_limit: u32,
    /// Networks of proxies whose header X-Forwarded-For says where a request comes from; may be given several times.
    #[arg(long, env = "LOCUS_TRUST_FORWARDED", value_name = "CIDR", value_delimiter = ',')]
    pub trust_forwarded: Vec<IpNet>,
    /// Networks that callbacks of runs may be sent to beside public addresses; may be given several times.
    #[arg(long, env = "LOCUS_CALLBACK_ALLOW", value_name = "CIDR", value_delimiter = ',')]
    pub callback_allow: Vec<IpNet>,
    /// Connections at one time; further ones wait for another one to end.
    #[arg(long, env = "LOCUS_MAX_CONNECTIONS", default_value_t = NonZeroU32::new(512).expect("it is not 0"))]
    pub max_connections: NonZeroU32,
    /// The namespace of the pods that runs on a cluster take place in.
    #[arg(long, env = "LOCUS_RUN_NAMESPACE", default_value = "locus-runs")]
    pub run_namespace: String,
    /// The private key (PKCS#8 PEM) that this server shows runners on a cluster to follow runs live and to pass input on; its
    /// public half is one of the operator's reader keys [default: none, and output comes at the end of a run].
    #[arg(long, env = "LOCUS_READER_KEY_FILE")]
    pub reader_key_file: Option<PathBuf>,
}

/// Something else than serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an API key, and its entry for the file of --api-keys.
    Keygen {
        /// What the client is called that gets it.
        #[arg(long)]
        name: String,
    },
}

/// Where programs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BackendKind {
    /// On this machine.
    Embedded,
    /// On a cluster.
    Cluster,
}

impl Flags {
    /// The web pages that may call the server.
    #[must_use]
    pub fn pages(&self) -> Pages {
        let on_this_machine = self.backend == BackendKind::Embedded;
        let is_for_anyone = if self.cors_origins.is_empty() {
            !on_this_machine
        } else {
            self.cors_origins.iter().any(|origin| origin == "*")
        };
        if is_for_anyone { Pages::Anyone } else { Pages::These { origins: self.cors_origins.clone(), on_this_machine } }
    }

    /// The web pages that may see its answers.
    pub fn origins(&self) -> AllowOrigin {
        match self.pages() {
            Pages::Anyone => AllowOrigin::any(),
            Pages::These { origins, .. } => AllowOrigin::list(origins),
        }
    }

    /// Runs at one time.
    #[must_use]
    pub fn concurrent(&self) -> usize {
        self.max_concurrent.unwrap_or_else(|| match self.backend {
            BackendKind::Embedded => std::thread::available_parallelism().map_or(1, usize::from),
            BackendKind::Cluster => 64,
        })
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 run must go on at one time".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("not a number".to_owned()),
    }
}

/// An origin is compared to the byte with what browsers send: a scheme and a host, with no path behind.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let text = text.trim();
    let well_formed = text
        .split_once("://")
        .is_some_and(|(scheme, host)| !scheme.is_empty() && !host.is_empty() && !host.contains('/'));
    if text != "*" && !well_formed {
        return Err("an origin is * or a scheme and a host with no path, such as https://example.org".to_owned());
    }
    HeaderValue::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{BackendKind, Flags};

    #[test]
    fn the_defaults_serve_this_machine_only() {
        let flags = Flags::parse_from(["locus-api-server"]);
        assert_eq!((flags.listen.as_str(), flags.backend), ("127.0.0.1:8000", BackendKind::Embedded));
        assert!(flags.concurrent() >= 1);
    }

    #[test]
    fn origins_are_checked_where_they_are_given() {
        let parse = |list: &str| Flags::try_parse_from(["locus-api-server", "--cors-origin", list]);
        assert_eq!(parse("https://a.example,http://localhost:3000").expect("two origins").cors_origins.len(), 2);
        assert!(parse("*").is_ok());
        for wrong in ["example.org", "https://a.example/", "https://", "://a"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_runs_at_one_time_is_refused() {
        assert!(Flags::try_parse_from(["locus-api-server", "--max-concurrent", "0"]).is_err());
    }
}
