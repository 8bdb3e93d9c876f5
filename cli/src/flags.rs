//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use locus_core::{EnvVar, Phase, Seconds};

use crate::exit;

/// Runs programs in a sandbox: on this machine, on a cluster, or on a server of Locus.
///
/// With neither a server nor a cluster named, a program runs on this machine and needs nothing but its language.
#[derive(Debug, Parser)]
#[command(version, name = "locus", bin_name = "locus", disable_help_subcommand = true)]
pub struct Flags {
    /// Where programs run.
    #[command(flatten)]
    pub place: PlaceFlags,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where programs run.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Where programs run")]
pub struct PlaceFlags {
    /// A server of Locus, such as <https://locus.example.org> [env: `LOCUS_SERVER`].
    #[arg(long, global = true, value_name = "URL", conflicts_with_all = ["kubeconfig", "context", "namespace"])]
    pub server: Option<String>,
    /// A file that holds the server's API key; without it, the key is that of `LOCUS_API_KEY`.
    #[arg(long, global = true, value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,
    /// The cluster of a kubeconfig.
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The cluster of a context of the kubeconfig.
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// A namespace on the cluster.
    #[arg(long, short, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// The key that runners on the cluster know front doors by, for output as it is written and for input; without it,
    /// output comes at the end.
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "server")]
    pub reader_key_file: Option<PathBuf>,
    /// Run on this machine although it can't keep programs apart from itself well enough for strangers' code.
    #[arg(long, global = true)]
    pub allow_weak_sandbox: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a program and show what it writes while it writes it.
    Run(Box<RunFlags>),
    /// List runs, the newest first.
    Ls(ListFlags),
    /// Show a run.
    Get {
        /// The run's id.
        id: String,
        /// How to show it.
        #[arg(long, short, value_enum, default_value_t)]
        output: Format,
    },
    /// Show what a run writes, from its beginning and on to its end; exits as `run` does.
    Logs {
        /// The run's id.
        id: String,
    },
    /// Ask a run to stop.
    Cancel {
        /// The run's id.
        id: String,
    },
    /// List the languages.
    Languages {
        /// How to show them.
        #[arg(long, short, value_enum, default_value_t)]
        output: Format,
    },
    /// Print what makes a shell complete this command.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// What to run, and how.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = exit::HELP)]
pub struct RunFlags {
    /// The program's files, its main file first; `-` reads the program from standard input. Their places are kept below
    /// the folder of the main file.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The language [default: by the name of the main file, or its #! line].
    #[arg(long, short)]
    pub language: Option<String>,
    /// What the program reads on standard input: a file, or `-` for all of this command's.
    #[arg(long, value_name = "FILE")]
    pub stdin_file: Option<PathBuf>,
    /// Give the program this command's standard input as it comes.
    #[arg(long, short, conflicts_with_all = ["stdin_file", "tests"])]
    pub interactive: bool,
    /// An argument of the program; may be given several times.
    #[arg(long = "arg", value_name = "ARG", allow_hyphen_values = true)]
    pub arg: Vec<String>,
    /// An environment variable of the program; without `=`, it has the value that it has here.
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = variable)]
    pub env: Vec<EnvVar>,
    /// A further argument of the compiler; may be given several times.
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub compile_arg: Vec<String>,
    /// The time that the program may take, such as 5s, 1.5s or 2m.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub timeout: Option<Seconds>,
    /// The time that the compiler may take.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub compile_timeout: Option<Seconds>,
    /// The memory that it may take, such as 256Mi.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,
    /// A file that the program leaves and that is to be fetched: a name, or a glob with `*` and `**`; may be given several
    /// times.
    #[arg(long, value_name = "GLOB", conflicts_with = "tests", requires = "output_dir")]
    pub output: Vec<String>,
    /// The folder that fetched files are put in, over older ones of the same names.
    #[arg(long, value_name = "FOLDER", requires = "output")]
    pub output_dir: Option<PathBuf>,
    /// Run the program for each of the test cases in a YAML or JSON file, and judge what it prints.
    #[arg(long, value_name = "FILE", conflicts_with = "stdin_file")]
    pub tests: Option<PathBuf>,
    /// Run it again whenever one of its files changes, until Ctrl-C.
    #[arg(long, conflicts_with_all = ["interactive", "json"])]
    pub watch: bool,
    /// Print the whole run as JSON once it has ended, and nothing else.
    #[arg(long)]
    pub json: bool,
    /// A label of the run, to find it by; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub label: Vec<(String, String)>,
    /// Arguments of the program.
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<String>,
}

/// Which runs to list.
#[derive(Debug, Clone, Default, Args)]
pub struct ListFlags {
    /// Only runs with this label; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub label: Vec<(String, String)>,
    /// Only runs in this phase.
    #[arg(long, value_name = "PHASE")]
    pub phase: Option<Phase>,
    /// All of them, not only the newest page.
    #[arg(long)]
    pub all: bool,
    /// How to show them.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Format,
}

/// How something is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// As the server gives it.
    Json,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn variable(text: &str) -> Result<EnvVar, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, value.to_owned()),
        None => (text, std::env::var(text).map_err(|_| format!("{text} has no value here: give {text}=VALUE"))?),
    };
    Ok(EnvVar { name: name.to_owned(), value })
}

fn seconds(text: &str) -> Result<Seconds, String> {
    let number = text.strip_suffix('s').unwrap_or(text).parse().ok().and_then(Seconds::from_f64);
    let time = number.or_else(|| humantime::parse_duration(text).ok().map(Seconds::from));
    time.filter(|time| *time > Seconds::ZERO).ok_or_else(|| "give a time such as 5s, 1.5s, 300ms or 2m".to_owned())
}

fn size(text: &str) -> Result<u64, String> {
    ByteSize::from_str(text).map(|size| size.as_u64()).map_err(|_| "give a size such as 256Mi or 1Gi".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use locus_core::Seconds;

    use super::{Command, Flags, seconds, size};

    #[test]
    fn the_command_line_is_sound() {
        Flags::command().debug_assert();
    }

    #[test]
    fn times_and_sizes_are_read_as_people_write_them() {
        for (text, millis) in [
            ("5s", 5000),
            ("5", 5000),
            ("2m", 120_000),
            ("1m 30s", 90_000),
            ("500ms", 500),
            ("1.5s", 1500),
            ("0.3", 300),
            ("1us", 1),
        ] {
            assert_eq!(seconds(text), Ok(Seconds::from_millis(millis)), "{text}");
        }
        for text in ["", "0s", "0.0", "-1s", "inf", "much"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        for (text, bytes) in [("256Mi", 256 << 20), ("256MiB", 256 << 20), ("1Gi", 1 << 30), ("1M", 1_000_000)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        assert!(size("much").is_err());
    }

    #[test]
    fn what_stands_behind_two_hyphens_is_the_programs() {
        let flags = Flags::parse_from(["locus", "run", "a.py", "--arg", "-x", "--", "--timeout", "no"]);
        let Command::Run(run) = flags.command else { panic!("it is run") };
        assert_eq!((run.arg, run.args), (vec!["-x".to_owned()], vec!["--timeout".to_owned(), "no".to_owned()]));
    }
}
