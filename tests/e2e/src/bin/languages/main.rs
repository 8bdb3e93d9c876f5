//! Runs the examples of languages in their images, keeps a record of that, and writes docs/languages.md from the data and
//! the records.
//!
//! [`check`] comes first. [`container`] is a pod without a cluster; [`record`] is what is left of a check; [`document`] is
//! the page.

use clap::{Parser, Subcommand};

mod check;
mod container;
mod document;
mod record;

/// Checks and documents the languages of Locus
#[derive(Parser)]
struct Flags {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Check(check::Flags),
    /// Writes docs/languages.md
    Document,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Flags::parse().what {
        What::Check(flags) => check::run(&flags).await,
        What::Document => document::write(),
    }
}
