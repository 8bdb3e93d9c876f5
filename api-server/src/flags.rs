//! The command line.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use axum::http::HeaderValue;
use clap::parser::ValueSource;
use clap::{ArgMatches, Parser, Subcommand, ValueEnum};
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
    #[arg(long, env = "LOCUS_MAX_CONCURRENT", value_parser = at_least_one::<NonZeroUsize>)]
    pub max_concurrent: Option<NonZeroUsize>,
    /// Runs that may wait for their turn; further ones are answered 429. On a cluster the operator says which ones wait, and
    /// this and the number above bound together those of this server that have not ended.
    #[arg(long, env = "LOCUS_MAX_QUEUED", default_value_t = 256, value_parser = whole::<usize>)]
    pub max_queued: usize,
    /// Seconds that runs and answers may still take after the server was told to stop.
    #[arg(long, env = "LOCUS_DRAIN_SECONDS", default_value_t = 30, value_parser = seconds)]
    pub drain_seconds: u64,
    /// Sandboxes that are held ready for each language from its first run on, with its interpreter where that has a way,
    /// where there is no cluster; at most 64.
    #[arg(long, env = "LOCUS_WARM", default_value_t = 1, value_parser = warm)]
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
    #[arg(long, env = "LOCUS_RATE_LIMIT", value_name = "REQUESTS", default_value_t = 0, value_parser = whole::<u32>)]
    pub rate_limit: u32,
    /// Networks of proxies whose header X-Forwarded-For says where a request comes from; may be given several times. Their
    /// connections are many clients', and only all connections together bound them.
    #[arg(long, env = "LOCUS_TRUST_FORWARDED", value_name = "CIDR", value_delimiter = ',', value_parser = network)]
    pub trust_forwarded: Vec<IpNet>,
    /// Networks that callbacks of runs may be sent to beside public addresses; may be given several times.
    #[arg(long, env = "LOCUS_CALLBACK_ALLOW", value_name = "CIDR", value_delimiter = ',', value_parser = network)]
    pub callback_allow: Vec<IpNet>,
    /// Connections at one time; an address has three quarters of them at most, and less with each other one that has many.
    /// On further ones /healthz, /readyz and /metrics are answered, and all else is answered 503.
    #[arg(long, env = "LOCUS_MAX_CONNECTIONS", default_value_t = NonZeroU32::new(512).expect("it is not 0"),
        value_parser = at_least_one::<NonZeroU32>)]
    pub max_connections: NonZeroU32,
    /// The namespace of the pods that runs on a cluster take place in.
    #[arg(long, env = "LOCUS_RUN_NAMESPACE", default_value = "locus-runs")]
    pub run_namespace: String,
    /// The private key (PKCS#8 PEM) that this server shows runners on a cluster to follow runs live and to pass input on; its
    /// public half is one of the operator's reader keys [default: none, and output comes at the end of a run].
    #[arg(long, env = "LOCUS_READER_KEY_FILE")]
    pub reader_key_file: Option<PathBuf>,
    /// The key before that one, for pods that were made before it was replaced. There may be no such file.
    #[arg(long, env = "LOCUS_PREVIOUS_READER_KEY_FILE", requires = "reader_key_file")]
    pub previous_reader_key_file: Option<PathBuf>,
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

    /// The files of the keys that runners on a cluster know, the current one first. Where there is no previous one, its file
    /// need not be there.
    pub fn reader_keys(&self) -> impl Iterator<Item = &Path> {
        self.reader_key_file
            .iter()
            .chain(self.previous_reader_key_file.iter().filter(|file| file.exists()))
            .map(AsRef::as_ref)
    }

    /// Runs at one time.
    #[must_use]
    pub fn concurrent(&self) -> usize {
        self.max_concurrent.map_or_else(
            || match self.backend {
                BackendKind::Embedded => std::thread::available_parallelism().map_or(1, usize::from),
                BackendKind::Cluster => 64,
            },
            usize::from,
        )
    }

    /// What was asked for, by flags or by the environment, and has no use with this backend.
    #[must_use]
    pub fn idle(&self, given: &ArgMatches) -> Vec<String> {
        const OF_ONE: [(&str, BackendKind); 7] = [
            ("warm", BackendKind::Embedded),
            ("network", BackendKind::Embedded),
            ("allow_weak_sandbox", BackendKind::Embedded),
            ("namespace", BackendKind::Cluster),
            ("run_namespace", BackendKind::Cluster),
            ("reader_key_file", BackendKind::Cluster),
            ("previous_reader_key_file", BackendKind::Cluster),
        ];
        let is_given = |name: &str| !matches!(given.value_source(name), None | Some(ValueSource::DefaultValue));
        let idle = OF_ONE.iter().filter(|(name, backend)| *backend != self.backend && is_given(name));
        idle.map(|(name, _)| format!("--{}", name.replace('_', "-"))).collect()
    }
}

/// The most sandboxes that are held ready for a language: each is a process or two.
const WARM_MAX: usize = 64;

fn at_least_one<T: FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse().map_err(|_| "give a whole number, at least 1")
}

fn whole<T: FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse().map_err(|_| "give a whole number, 0 or more")
}

fn seconds(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "give a whole number of seconds, such as 30")
}

fn warm(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count <= WARM_MAX);
    count.ok_or_else(|| format!("give a whole number from 0 to {WARM_MAX}: each is a process that waits"))
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    let text = text.trim();
    text.parse().map_err(|_| "give a network such as 10.0.0.0/8, or 10.0.0.7/32 for one address")
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
    use clap::{CommandFactory as _, FromArgMatches as _, Parser as _};

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
    fn what_can_not_be_is_refused_with_what_to_do() {
        for (flag, wrong, hint) in [
            ("--max-concurrent", "0", "a whole number, at least 1"),
            ("--max-concurrent", "many", "a whole number, at least 1"),
            ("--max-connections", "0", "a whole number, at least 1"),
            ("--max-queued", "-1", "a whole number, 0 or more"),
            ("--rate-limit", "often", "a whole number, 0 or more"),
            ("--drain-seconds", "abc", "a whole number of seconds, such as 30"),
            ("--drain-seconds", "30s", "a whole number of seconds, such as 30"),
            ("--warm", "100000", "a whole number from 0 to 64"),
            ("--trust-forwarded", "foo", "a network such as 10.0.0.0/8"),
            ("--trust-forwarded", "10.0.0.7", "10.0.0.7/32 for one address"),
            ("--callback-allow", "foo", "a network such as 10.0.0.0/8"),
            ("--network", "some", "none, loopback or egress"),
            ("--backend", "kubernetes", "embedded, cluster"),
        ] {
            let told =
                Flags::try_parse_from(["locus-api-server", &format!("{flag}={wrong}")]).expect_err(flag).to_string();
            assert!(told.contains(flag) && told.contains(wrong) && told.contains(hint), "{told}");
        }
        let fine = ["--trust-forwarded", "10.0.0.0/8, fd00::/8", "--max-concurrent", "1", "--warm", "64"];
        assert!(Flags::try_parse_from(["locus-api-server"].iter().chain(&fine)).is_ok());
    }

    #[test]
    fn what_has_no_use_with_a_backend_is_told_by_name() {
        for (line, idle) in [
            ("", &[][..]),
            ("--warm 2 --network loopback --allow-weak-sandbox", &[]),
            (
                "--namespace a --run-namespace b --reader-key-file c",
                &["--namespace", "--run-namespace", "--reader-key-file"],
            ),
            ("--backend cluster --namespace a --run-namespace b --reader-key-file c", &[]),
            (
                "--backend cluster --warm 1 --network none --allow-weak-sandbox",
                &["--warm", "--network", "--allow-weak-sandbox"],
            ),
        ] {
            let line = std::iter::once("locus-api-server").chain(line.split_ascii_whitespace());
            let given = Flags::command().get_matches_from(line);
            let flags = Flags::from_arg_matches(&given).expect("it is well formed");
            assert_eq!(flags.idle(&given), idle);
        }
    }
}
