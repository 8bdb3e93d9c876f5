//! The runner in a pod: PID 1, one run, its result kept until somebody has it.

use std::env;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use locus_core::Standby;
use locus_core::token::{KeyError, TokenVerifier};
use tokio::io::unix::AsyncFd;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

use crate::execute::Place;
use crate::routes::Runner;
use crate::sandbox;
use crate::signals::{self, Signals};

/// How long open answers may take once the runner is about to leave.
const FLUSH: Duration = Duration::from_secs(1);
/// How long a client may take for the head of a request, or be idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Connections at one time: an operator or two, and a few readers.
const CONNECTIONS: usize = 64;
const PORT: u16 = 7070;
/// Where the operator's keys stand.
const KEYS: &str = "LOCUS_PUBLIC_KEYS";

/// Why the runner can't serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A variable is missing.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    /// A variable has no meaning.
    #[error("environment variable {name} is {value:?}, which is not {what}")]
    Unreadable {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        what: &'static str,
    },
    /// A key can't be used.
    #[error("environment variable {name} can't be used: {source}")]
    Keys {
        /// The variable.
        name: &'static str,
        /// Why.
        source: KeyError,
    },
    /// There is no folder to work in.
    #[error("work folder {0:?} is not a folder")]
    WorkDir(PathBuf),
    /// No address to listen on.
    #[error("no address can be listened on: {0}")]
    Listen(io::Error),
    /// The operating system refuses something that the runner needs.
    #[error("the runner can't be set up: {0}")]
    System(#[from] io::Error),
}

struct Settings {
    pod_uid: String,
    verifier: TokenVerifier,
    listen: Option<SocketAddr>,
    linger: Duration,
    work_dir: PathBuf,
    standby: Option<Standby>,
}

impl Settings {
    /// Read from the environment, of which a program sees nothing: its own is an allow-list.
    fn from_env() -> Result<Self, ServeError> {
        let required = |name| env::var(name).map_err(|_| ServeError::Missing(name));
        let listen = parsed("LOCUS_LISTEN", "an address with a port")?;
        let linger = parsed("LOCUS_LINGER_SECONDS", "a number of seconds")?.unwrap_or(3600);
        let work_dir = env::var_os("LOCUS_WORK_DIR").map_or_else(|| PathBuf::from("/work"), PathBuf::from);
        if !work_dir.is_dir() {
            return Err(ServeError::WorkDir(work_dir));
        }
        Ok(Self {
            pod_uid: required("LOCUS_POD_UID")?,
            verifier: verifier(&required(KEYS)?)?,
            listen,
            linger: Duration::from_secs(linger),
            work_dir,
            standby: standby()?,
        })
    }
}

/// The keys of the operator, and those of front doors, which may follow runs and write their input.
fn verifier(keys: &str) -> Result<TokenVerifier, ServeError> {
    const READERS: &str = "LOCUS_READER_KEYS";
    let unusable = |name| move |source| ServeError::Keys { name, source };
    let verifier = TokenVerifier::parse(keys).map_err(unusable(KEYS))?;
    match env::var(READERS) {
        Ok(readers) if !readers.is_empty() => verifier.with_readers(&readers).map_err(unusable(READERS)),
        _ => Ok(verifier),
    }
}

/// What is to be held ready; nothing where the variable is missing.
fn standby() -> Result<Option<Standby>, ServeError> {
    const NAME: &str = "LOCUS_STANDBY";
    let Ok(value) = env::var(NAME) else { return Ok(None) };
    let what = "a program, its limits and a network in JSON";
    serde_json::from_str(&value).map(Some).map_err(|_| ServeError::Unreadable { name: NAME, value, what })
}

fn parsed<T: std::str::FromStr>(name: &'static str, what: &'static str) -> Result<Option<T>, ServeError> {
    let Ok(value) = env::var(name) else { return Ok(None) };
    value.parse().map(Some).map_err(|_| ServeError::Unreadable { name, value, what })
}

/// Serves until the result was acknowledged, nobody asked for it in time, or the pod is to end.
pub fn serve() -> Result<(), ServeError> {
    // Before any thread or child exists.
    signals::prepare()?;
    tracing_subscriber::fmt().json().flatten_event(true).with_writer(io::stderr).init();
    let settings = Settings::from_env()?;
    let place = Place::Pod(settings.work_dir);
    let runner = Runner::new(settings.pod_uid, settings.verifier, place, settings.standby)?;
    // One thread is enough: the run has its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = listen(settings.listen).await.map_err(ServeError::Listen)?;
        let address = listener.local_addr()?;
        let (leave, leaving) = oneshot::channel::<()>();
        let answering = tokio::spawn(answer(listener, runner.clone().router(), leaving));
        let report = serde_json::to_string(&sandbox::report_of_pod()).unwrap_or_default();
        tracing::info!(listen.address = %address, sandbox = report, "runner is ready");
        until_done(&runner, settings.linger).await?;
        drop(leave);
        // A reader that does not read is left behind.
        let _ = tokio::time::timeout(FLUSH, answering).await;
        Ok(())
    })
}

/// Answers until it is time to leave, and then those who have asked already.
async fn answer(listener: TcpListener, router: Router, mut leaving: oneshot::Receiver<()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let open = GracefulShutdown::new();
    let accept = async || {
        // Never closed, so there will be a place.
        let place = places.clone().acquire_owned().await.ok();
        (place, listener.accept().await)
    };
    loop {
        let (place, accepted) = tokio::select! {
            accepted = accept() => accepted,
            _ = &mut leaving => break,
        };
        let Ok((stream, _)) = accepted else {
            // No descriptor was left, say: it passes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // An answer of a few bytes must not wait for the next one.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        let connection = open.watch(connection);
        tokio::spawn(async move {
            let _ = connection.await;
            drop(place);
        });
    }
    open.shutdown().await;
}

/// The given address, or all of this machine's: a port-forward dials the loopback one.
async fn listen(address: Option<SocketAddr>) -> io::Result<TcpListener> {
    if let Some(address) = address {
        return TcpListener::bind(address).await;
    }
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await,
    }
}

async fn until_done(runner: &Arc<Runner>, linger: Duration) -> io::Result<()> {
    let lingered = async {
        runner.accepted().await.journal.finished().await;
        tokio::time::sleep(linger).await;
    };
    tokio::select! {
        () = runner.acknowledged() => tracing::info!("result acknowledged, leaving"),
        () = lingered => tracing::info!("nobody acknowledged the result, leaving"),
        stopped = told_to_stop() => {
            stopped?;
            tracing::info!("told to stop, leaving");
            runner.cancel();
            if let Some(run) = runner.run() {
                run.journal.finished().await;
            }
        }
    }
    Ok(())
}

async fn told_to_stop() -> io::Result<()> {
    // SAFETY: the descriptor belongs to the value that is handed over, which never changes it.
    #[allow(unsafe_code)]
    let signals = unsafe { AsyncFd::register(Signals::of_stop()?)? };
    loop {
        let mut ready = signals.readable().await?;
        while let Some(signal) = signals.get_ref().take() {
            // As PID 1 the runner obeys whoever runs the pod, and not the program inside it.
            if std::process::id() != 1 || signal.is_from_outside() {
                return Ok(());
            }
        }
        ready.clear_ready();
    }
}
