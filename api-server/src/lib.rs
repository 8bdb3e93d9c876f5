//! The front door of Locus: runs and their events for programs, `POST /execute` for scripts and CI, and the page. What runs the programs
//! is a [`backend::Backend`]: this machine, or a cluster.
//!
//! Read [`app`] first, then [`runs`] and [`execute`], then [`backend`].

pub mod address;
pub mod answer;
pub mod app;
pub mod backend;
pub mod banner;
pub mod body;
pub mod callback;
pub mod clients;
pub mod compat;
pub mod events;
pub mod execute;
pub mod fields;
pub mod flags;
pub mod gate;
pub mod keys;
pub mod metrics;
pub mod openapi;
pub mod ops;
pub mod page;
pub mod pages;
pub mod query;
pub mod rate;
pub mod runs;
pub mod sending;
pub mod serve;
pub mod shares;
pub mod stdin;
pub mod stream;
pub mod taking;
