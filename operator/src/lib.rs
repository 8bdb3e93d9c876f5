//! The operator of Locus: it turns each CodeRun into a run inside a locked-down pod and writes the result into
//! its status. Start with [`reconcile`]; [`plan`] decides, everything else serves the two.

pub mod config;
pub mod configured;
pub mod controller;
pub mod desk;
pub mod evidence;
mod fit;
pub mod keys;
pub mod languages;
pub mod leader;
pub mod links;
pub mod metrics;
pub mod plan;
pub mod pod;
pub mod pod_view;
pub mod pool_plan;
pub mod pools;
pub mod reconcile;
pub mod record;
pub mod runner_client;
pub mod server;
pub mod share;
mod shown;
pub mod standby;
pub mod status;
mod sweep;
pub mod timeline;
pub mod users;
