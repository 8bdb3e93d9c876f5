//! Runs one program and tells what it does. Start with `execute`: it is a run from top to bottom.

#[cfg(target_os = "linux")]
mod child;
mod command;
pub mod embedded;
#[cfg(target_os = "linux")]
pub mod execute;
#[cfg(target_os = "linux")]
mod processes;
pub mod sandbox;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod supervise;
pub mod toolchain;
#[cfg(target_os = "linux")]
mod work;

pub use command::main;
