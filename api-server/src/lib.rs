//! The front door of Locus: `POST /execute` for browsers, scripts and CI, and the page. What runs the programs
//! is a [`backend::Backend`]: this machine, or a cluster.
//!
//! Read [`app`] first, then [`execute`], then [`backend`].

pub mod answer;
pub mod app;
pub mod backend;
pub mod banner;
pub mod execute;
pub mod flags;
pub mod gate;
pub mod metrics;
pub mod ops;
pub mod page;
