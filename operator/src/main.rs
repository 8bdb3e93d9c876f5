//! `locus-operator`.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use clap::Parser;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::events::Reporter;
use kube::{Api, Client};
use locus_operator::config::Config;
use locus_operator::keys::{self, Keys};
use locus_operator::leader::Candidate;
use locus_operator::pod::RUNNER_PORT;
use locus_operator::reconcile::Operator;
use locus_operator::runner_client::{Dialler, Route};
use locus_operator::{controller, server};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Runs CodeRuns: each in a pod of its own, once.
#[derive(Parser)]
#[command(version)]
struct Flags {
    /// The settings; without a file they are the chart's defaults.
    #[arg(long, env = "LOCUS_CONFIG")]
    config: Option<PathBuf>,
    /// The Ed25519 key (PKCS#8 PEM) that signs run tokens; made when it is missing.
    #[arg(long, env = "LOCUS_SIGNING_KEY")]
    signing_key: Option<PathBuf>,
    /// The key before that one, good for pods that were made with it.
    #[arg(long, env = "LOCUS_PREVIOUS_KEY")]
    previous_key: Option<PathBuf>,
    /// The front door's key (PKCS#8 PEM): each pod is given the public part, and lets it read runs and give them input.
    #[arg(long, env = "LOCUS_READER_KEY")]
    reader_key: Option<PathBuf>,
    /// The key before that one, while a front door may still sign with it.
    #[arg(long, env = "LOCUS_PREVIOUS_READER_KEY")]
    previous_reader_key: Option<PathBuf>,
    /// Where /metrics, /healthz and /readyz are served.
    #[arg(long, env = "LOCUS_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    start_logs();
    let mut config = flags.config.as_deref().map(Config::read).transpose()?.unwrap_or_default();
    config.reader_keys.extend(keys::readers(flags.reader_key.as_deref(), flags.previous_reader_key.as_deref())?);
    let in_cluster = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    let client = Client::try_default().await.context("no cluster: set KUBECONFIG, or run inside one")?;
    let keys = Keys::read(&flags.signing_key.unwrap_or_else(default_key), flags.previous_key.as_deref())?;
    let keys = Arc::new(keys);

    let route = if in_cluster {
        Route::Direct { port: RUNNER_PORT }
    } else {
        tracing::info!("not inside a cluster: runners are reached by port-forward, which is slower");
        Route::PortForward(Box::new(Api::namespaced(client.clone(), &config.run_namespace)))
    };
    let reporter = Reporter { controller: "locus-operator".into(), instance: std::env::var("HOSTNAME").ok() };
    let (operator, inputs) = Operator::new(client, config, Dialler { route, keys }, reporter, Arc::new(Timestamp::now));
    let operator = Arc::new(operator);

    // One that waits for its turn is as ready as it gets: a rollout must not wait for it.
    let ready = Arc::new(AtomicBool::new(true));
    let listener = tokio::net::TcpListener::bind(flags.listen)
        .await
        .with_context(|| format!("{} can't be listened on: choose another address with --listen", flags.listen))?;
    let served = axum::serve(listener, server::router(operator.metrics.clone(), ready.clone()));
    tokio::spawn(async move { served.await });

    let holder = std::env::var("HOSTNAME").unwrap_or_else(|_| uuid::Uuid::new_v4().to_string());
    let candidate = Arc::new(Candidate::new(operator.client.clone(), &operator.config.run_namespace, holder));
    tokio::select! {
        () = candidate.elected() => {}
        () = told_to_stop() => return Ok(()),
    }
    ready.store(false, Ordering::Relaxed);
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let leading = candidate.clone();
    let watch = tokio::spawn(async move {
        let replaced = tokio::select! {
            () = leading.replaced() => true,
            () = told_to_stop() => false,
        };
        let _ = stop.send(());
        replaced
    });
    controller::run(operator, inputs, ready, async move { drop(stopped.await) }).await;
    if watch.await? {
        anyhow::bail!("another operator leads now");
    }
    candidate.step_down().await;
    Ok(())
}

async fn told_to_stop() {
    let signals =
        signal(SignalKind::terminate()).and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
    match signals {
        Ok((mut terminate, mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        // Then it ends by the signal itself.
        Err(_) => std::future::pending().await,
    }
}

fn start_logs() {
    let filter = EnvFilter::try_from_env("LOCUS_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() { logs.init() } else { logs.json().flatten_event(true).init() }
}

/// Where a developer's signing key is kept, so that an operator that is started again still has it.
fn default_key() -> PathBuf {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    state.or(home).unwrap_or_else(std::env::temp_dir).join("locus/signing-key.pem")
}
