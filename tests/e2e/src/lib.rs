//! Support for tests that drive Locus in a real cluster, where `helm install locus charts/locus` has been done.
//!
//! Read [`scenario`] first: a test makes a [`Scenario`], creates `CodeRuns` in its namespace and looks at how they
//! end. The cluster is that of the kubeconfig context in `LOCUS_E2E_CONTEXT`, else `kind-locus-e2e`.
#![allow(clippy::missing_panics_doc, reason = "what does not go as a test expects fails the test")]

pub mod cluster;
pub mod metrics;
pub mod network_policy;
pub mod pods;
pub mod scenario;
pub mod tools;
pub mod web;

pub use scenario::Scenario;
