//! What every server of Locus must do for its clients, whatever runs the programs behind it: one suite of tests that is
//! given the server's address, and knows nothing else of it. Programs are in Python, which every server under test has.
//!
//! [`api`] is the client; the other modules are the tests, each a sentence.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use api::Api;
use libtest_mimic::{Failed, Trial};

mod api;
mod create;
mod events;
mod files;
mod input;
mod output;
pub mod recorded;
mod refusals;
mod runs;
mod tests;
mod wide;

/// The longest that one test takes. A slow machine is not a failure, a lost run is.
const BOUND: Duration = Duration::from_secs(240);

/// A server under test.
#[derive(Debug, Clone)]
pub struct Base {
    /// Its address, such as `http://127.0.0.1:8000`.
    pub url: String,
    /// An API key, where it asks for one.
    pub key: Option<String>,
}

type Test = fn(Api) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// All tests of a server.
#[must_use]
pub fn trials(base: &Base) -> Vec<Trial> {
    let modules = [
        create::TESTS,
        runs::TESTS,
        events::TESTS,
        input::TESTS,
        output::TESTS,
        files::TESTS,
        tests::TESTS,
        refusals::TESTS,
        wide::TESTS,
    ];
    modules.concat().into_iter().map(|(name, test)| trial(name, test, base.clone())).collect()
}

/// The table of what Judge0 answers.
pub const JUDGE0: &str = include_str!("../compat/judge0.yaml");

/// The table of what Piston answers.
pub const PISTON: &str = include_str!("../compat/piston.yaml");
/// What LibreChat's code interpreter answers.
pub const LIBRECHAT: &str = include_str!("../compat/librechat.yaml");

fn trial(name: &'static str, test: Test, base: Base) -> Trial {
    Trial::test(name, move || on_server(&base, test))
}

/// Runs a test within its time.
fn on_server(base: &Base, test: impl AsyncFnOnce(Api)) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let told = runtime.block_on(async { tokio::time::timeout(BOUND, test(Api::new(base))).await });
    told.map_err(|_| Failed::from(format!("it has not ended within {} s", BOUND.as_secs())))
}

/// A table of tests by their own names.
macro_rules! table {
    ($($test:ident),+ $(,)?) => {
        pub const TESTS: &[(&str, crate::Test)] = &[$((stringify!($test), |api| Box::pin($test(api)))),+];
    };
}
pub(crate) use table;
