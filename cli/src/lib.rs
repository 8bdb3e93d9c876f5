//! The command line of Locus. It always speaks the HTTP API: where no server is named it serves one to itself, in front of
//! this machine or of a cluster.
//!
//! Read [`run`] first, then [`follow`], then [`client`] and [`events`]; [`place`] is where the server comes from.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

pub mod cases;
pub mod client;
pub mod events;
pub mod exit;
pub mod flags;
pub mod follow;
pub mod guess;
pub mod list;
pub mod place;
pub mod request;
pub mod run;
pub mod show;
pub mod stop;
pub mod trouble;
pub mod watch;

use flags::{Command, Flags};
use place::{Needs, Place};
use stop::Stop;
use trouble::{PLATFORM, Trouble};

/// The command; `is_plugin` says that it was called as `kubectl locus`.
#[must_use]
pub fn main(is_plugin: bool) -> ExitCode {
    // This comes before anything else: a runner is this binary again, and starts with no thread but its own.
    if std::env::args_os().nth(1).is_some_and(|first| first == locus_runner::EMBEDDED_COMMAND) {
        return locus_runner::main(std::env::args().skip(2));
    }
    let name = if is_plugin { "kubectl-locus" } else { "locus" };
    let mut command = Flags::command().name(name).bin_name(if is_plugin { "kubectl locus" } else { name });
    let flags = match command
        .try_get_matches_from_mut(std::env::args_os())
        .and_then(|matches| Flags::from_arg_matches(&matches))
    {
        Ok(flags) => flags,
        Err(error) => error.format(&mut command).exit(),
    };
    if let Command::Completions { shell } = flags.command {
        clap_complete::generate(shell, &mut command, name, &mut std::io::stdout());
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            show::complain(&format!("no threads can be started: {error}"));
            return ExitCode::from(PLATFORM);
        }
    };
    let code = runtime.block_on(obey(flags, is_plugin)).unwrap_or_else(|trouble| {
        show::complain(&trouble.to_string());
        trouble.code()
    });
    // A read of the terminal, which nothing can end, is not waited for.
    runtime.shutdown_background();
    ExitCode::from(code)
}

async fn obey(flags: Flags, is_plugin: bool) -> Result<u8, Trouble> {
    let mut stop = Stop::on_signals()?;
    let needs = match flags.command {
        Command::Run(_) | Command::Languages { .. } | Command::Completions { .. } => Needs::APlaceToRun,
        Command::Ls(_) | Command::Get { .. } | Command::Logs { .. } | Command::Cancel { .. } => Needs::RunsOfOthers,
    };
    let place = Place::find(&flags.place, is_plugin, needs)?;
    let client = tokio::select! {
        client = place.open(&flags.place) => client?,
        () = stop.asked() => return Ok(exit::CANCELLED),
    };
    let shown = match flags.command {
        Command::Run(flags) if flags.watch => return watch::watch(&client, &flags, &mut stop).await,
        Command::Run(flags) => return run::run(&client, &flags, &mut stop).await,
        Command::Logs { id } => return list::logs(&client, &id, &mut stop).await,
        Command::Ls(flags) => list::runs(&client, &flags).await?,
        Command::Get { id, output } => list::run(&client, &id, output).await?,
        Command::Cancel { id } => list::cancel(&client, &id).await?,
        Command::Languages { output } => list::languages(&client, output).await?,
        Command::Completions { .. } => String::new(),
    };
    match show::print(&shown) {
        Err(error) if !stop::is_broken_pipe(&error) => Err(Trouble::io("stdout can't be written")(error)),
        _ => Ok(0),
    }
}
