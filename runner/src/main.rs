//! The runner as a program of its own: the entrypoint of every language's image.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    // An embedded run re-executes the program it stands in, whichever that is.
    args.next_if(|first| first == locus_runner::EMBEDDED_COMMAND);
    locus_runner::main(args)
}
