//! `locus-runner`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    args.next_if(|first| first == locus_runner::embedded::EMBEDDED_COMMAND);
    locus_runner::main(args)
}
