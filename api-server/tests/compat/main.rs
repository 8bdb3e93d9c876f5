//! The APIs of others on the real server on this machine: their tables, and what needs a server of its own.

#[path = "../common/mod.rs"]
mod common;
mod judge0;
mod piston;

use common::Server;
use libtest_mimic::{Arguments, Trial};
use locus_contract::{Base, recorded};

/// A test of a name, in a runtime of its own.
fn trial(name: &'static str, test: impl Future<Output = ()> + Send + 'static) -> Trial {
    Trial::test(name, || {
        tokio::runtime::Runtime::new()?.block_on(test);
        Ok(())
    })
}

fn main() {
    let arguments = Arguments::from_args();
    let server = Server::start(&["--max-concurrent", "4"]);
    let base = Base { url: format!("http://{}", server.address), key: None };
    let mut trials = recorded::trials(&base, locus_contract::PISTON, "piston");
    trials.extend(piston::trials(server.address));
    trials.extend(recorded::trials(&base, locus_contract::LIBRECHAT, "librechat"));
    trials.extend(recorded::trials(&base, locus_contract::JUDGE0, "judge0"));
    trials.extend(judge0::trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    // It ends the process, which would leave the server behind.
    drop(server);
    conclusion.exit();
}
