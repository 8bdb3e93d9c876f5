//! Figures of Locus on a cluster, each beside its plain alternative, in turns.
//!
//! Read [`latency`] first. What the subcommands share: [`watch`] times an object from its creation on, [`quiet`] waits
//! for a cluster where nothing goes on, [`table`] prints.

use clap::{Parser, Subcommand};

mod bare;
mod burst;
mod finished;
mod latency;
mod quiet;
mod table;
mod watch;
mod writes;

/// Measures Locus on the cluster of the kubeconfig context in `LOCUS_E2E_CONTEXT`, which should have nothing else to do.
#[derive(Parser)]
struct Flags {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Latency(latency::Flags),
    Writes(writes::Flags),
    Burst(burst::Flags),
    Finished(finished::Flags),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Flags::parse().what {
        What::Latency(flags) => latency::run(&flags).await,
        What::Writes(flags) => writes::run(&flags).await,
        What::Burst(flags) => burst::run(&flags).await,
        What::Finished(flags) => finished::run(&flags).await,
    }
}
