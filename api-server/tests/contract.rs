//! The real server on this machine, held to what every server must do.

mod common;

use common::Server;
use libtest_mimic::Arguments;
use locus_contract::Base;

fn main() {
    let arguments = Arguments::from_args();
    // The suite's runs each take their time, and few of them the processor's; its kept runs are many.
    let server = Server::start(&["--max-concurrent", "8", "--cors-origin", "*"]);
    let base = Base { url: format!("http://{}", server.address), key: None };
    let conclusion = libtest_mimic::run(&arguments, locus_contract::trials(&base));
    // It ends the process, which would leave the server behind.
    drop(server);
    conclusion.exit();
}
