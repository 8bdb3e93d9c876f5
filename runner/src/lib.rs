//! The runner: it alone starts processes. It runs one program under limits and supervision and tells
//! what happens as [`locus_core::Event`]s.
//!
//! In reading order: `execute` is one run from its files to its result; `step` supervises one process
//! and all that it starts; `spawn`, `family` and `signals` are what it stands on. `prestart` starts an interpreter before
//! its run is known. `cases` runs a program several times, each time as if it were the first, which `folder` and `ipc` see
//! to; `collect` reads the files that it has left; `input` is what it is sent while it runs. [`sandbox`] is what a program is kept in. `run` keeps the events
//! of a run in a [`journal`] for its readers; `serve` offers it over HTTP in a pod, [`embedded`] in a process of its own.

mod answer;
mod cgroup;
mod cli;
pub mod embedded;
mod input;
pub mod journal;
pub mod sandbox;
pub mod toolchain;

#[cfg(target_os = "linux")]
mod cases;
#[cfg(target_os = "linux")]
mod collect;
#[cfg(target_os = "linux")]
mod execute;
#[cfg(target_os = "linux")]
mod family;
#[cfg(target_os = "linux")]
mod folder;
#[cfg(target_os = "linux")]
mod ipc;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod output;
#[cfg(target_os = "linux")]
mod prestart;
#[cfg(target_os = "linux")]
mod routes;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(target_os = "linux")]
mod spawn;
#[cfg(target_os = "linux")]
mod step;
#[cfg(target_os = "linux")]
mod tell;
#[cfg(target_os = "linux")]
mod verdict;
#[cfg(target_os = "linux")]
mod workdir;

pub use cli::main;
pub use embedded::EMBEDDED_COMMAND;
