//! `locus-api-server`.

use std::io::{IsTerminal as _, Write as _};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _};
use futures::FutureExt as _;
use locus_api_server::app::{App, router};
use locus_api_server::backend::cluster::{Cluster, Settings, read_key};
use locus_api_server::backend::embedded::Embedded;
use locus_api_server::banner::{banner, languages};
use locus_api_server::callback::Callbacks;
use locus_api_server::clients::Clients;
use locus_api_server::flags::{BackendKind, Command, Flags};
use locus_api_server::gate::Gate;
use locus_api_server::keys::{Keys, generate};
use locus_api_server::rate::Rate;
use locus_api_server::serve::{Connections, serve as answer};
use locus_runner::embedded::Launcher;
use locus_runner::toolchain::Survey;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // This comes before anything else: a runner is this binary again, and starts with no thread but its own.
    if std::env::args_os().nth(1).is_some_and(|first| first == locus_runner::EMBEDDED_COMMAND) {
        return locus_runner::main(std::env::args().skip(2));
    }
    let given = Flags::command().get_matches();
    let flags = Flags::from_arg_matches(&given).unwrap_or_else(|error| error.exit());
    start_logs();
    for flag in flags.idle(&given) {
        tracing::warn!("{flag} has no use with this backend, and is passed over");
    }
    let done = match &flags.command {
        Some(Command::Keygen { name }) => generate(name).map(|told| say(&told)),
        None => start(&flags),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn start(flags: &Flags) -> anyhow::Result<()> {
    // The signals are listened for first, so that one that comes early is not lost.
    let mut stop = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    let clients = clients(flags)?;
    let listener = listen(&flags.listen).await?;
    let address = listener.local_addr()?;
    let callbacks = Arc::new(Callbacks::new(flags.callback_allow.clone(), Arc::default()));
    let gate = Gate::new(flags.concurrent(), flags.max_queued);
    let app = match flags.backend {
        BackendKind::Embedded => {
            let survey = Survey::start();
            let network = flags.network;
            let launcher = tokio::task::spawn_blocking(move || Launcher::probe(network))
                .await?
                .context("the sandbox can't be examined")?
                .warm(flags.warm);
            if let Some(weakness) = &launcher.report().weakness {
                if !flags.allow_weak_sandbox {
                    anyhow::bail!("{weakness}; or accept that with --allow-weak-sandbox");
                }
                tracing::warn!("programs of strangers are NOT safe here: {weakness}");
            }
            say(&banner(Some(launcher.report()), address));
            if flags.api_keys.is_none() && !address.ip().is_loopback() {
                tracing::warn!(
                    "whoever reaches {address} may run programs on this machine: give keys with --api-keys FILE \
                     (`locus-api-server keygen --name NAME` makes one), or serve this machine alone with --listen 127.0.0.1:8000"
                );
            }
            let machine = Arc::new(Embedded::new(survey.clone(), launcher, gate).calling(callbacks.clone()));
            tokio::spawn(async move { say(&languages(&survey.all().await)) });
            App::new(machine)
        }
        BackendKind::Cluster => {
            let reader_keys = flags.reader_keys().map(read_key).collect::<anyhow::Result<_>>()?;
            let settings = Settings {
                namespace: flags.namespace.clone(),
                run_namespace: flags.run_namespace.clone(),
                unfinished: flags.concurrent().saturating_add(flags.max_queued),
                reader_keys,
                callback: Some(callbacks.clone().hook()),
                ..Settings::default()
            };
            let cluster = Cluster::connect(settings)
                .await
                .context("no cluster: set KUBECONFIG, run inside one, or use --backend embedded")?;
            say(&banner(None, address));
            App::new(Arc::new(cluster))
        }
    };
    let app = app.for_pages(flags.pages()).with_clients(clients).with_callbacks(callbacks);
    tracing::info!(listen = %address, backend = app.backend.name(), "serving");
    serve(listener, app, flags, &mut stop).await
}

/// Who may ask, by the flags.
fn clients(flags: &Flags) -> anyhow::Result<Clients> {
    let keys = match &flags.api_keys {
        None => None,
        Some(file) => {
            let (keys, contents) = Keys::open(file)?;
            let keys = Arc::new(keys);
            tokio::spawn(keys.clone().follow(contents));
            Some(keys)
        }
    };
    Ok(Clients::new(keys, Rate::new(NonZeroU32::new(flags.rate_limit), flags.trust_forwarded.clone())))
}

async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("{address} is already in use: choose another address with --listen, such as 127.0.0.1:8001")
        }
        _ => anyhow::anyhow!("{address} can't be listened on ({error}): choose another address with --listen"),
    })
}

/// Serves until a signal comes, and then until the last run has ended and the last request is answered, the time is up, or
/// a second signal comes.
async fn serve(
    listener: TcpListener,
    app: App,
    flags: &Flags,
    [interrupt, terminate]: &mut [tokio::signal::unix::Signal; 2],
) -> anyhow::Result<()> {
    let (close, closing) = tokio::sync::oneshot::channel::<()>();
    let connections = Connections { most: flags.max_connections.get(), proxies: flags.trust_forwarded.clone() };
    let router = router(app.clone(), flags.origins());
    let mut served = tokio::spawn(answer(listener, router, connections, closing.map(drop)));
    tokio::select! {
        result = &mut served => return Ok(result?),
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!(runs.going = app.backend.going(), "stopping: no new runs are taken, those that go on may end");
    app.drain();
    let drained = async {
        // Until then the runs can still be asked for, over new connections too.
        app.backend.drained().await;
        let _ = close.send(());
        let result = served.await;
        // One may have been taken just before the first signal.
        app.backend.drained().await;
        if let Some(callbacks) = &app.callbacks {
            callbacks.idle().await;
        }
        result
    };
    let cut = tokio::select! {
        result = drained => return Ok(result?),
        () = tokio::time::sleep(Duration::from_secs(flags.drain_seconds)) => "the time is up",
        _ = interrupt.recv() => "told to stop at once",
        _ = terminate.recv() => "told to stop at once",
    };
    tracing::error!(
        runs.cut = app.backend.going(),
        "stopping although runs, answers or callbacks are not at their end: {cut}"
    );
    Ok(())
}

fn say(text: &str) {
    // Nobody need read it: a closed stdout is no reason to stop.
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn start_logs() {
    let asked = std::env::var("LOCUS_LOG").ok().filter(|asked| !asked.is_empty());
    let filter = EnvFilter::try_new(asked.as_deref().unwrap_or("info"));
    let refused = filter.as_ref().err().map(ToString::to_string);
    // The library of /mcp would log what clients send.
    let quiet = "rmcp=off".parse().expect("it is a directive");
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("info")).add_directive(quiet);
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        logs.init();
    } else {
        logs.json().flatten_event(true).init();
    }
    if let Some(why) = refused {
        tracing::warn!("LOCUS_LOG is not understood ({why}): give a level such as info, or locus_api_server=debug");
    }
}
