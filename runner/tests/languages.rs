//! The examples of every language that this machine has, each in the sandbox of a run with no cluster. Examples named
//! `library-...` are of libraries that only the images are sure to hold, and are tried there.
//!
//! `cargo test -p locus-runner --test languages -- <part of a name>` runs some of them.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    if args.next_if(|first| first == locus_runner::EMBEDDED_COMMAND).is_some() {
        return locus_runner::main(args);
    }
    #[cfg(target_os = "linux")]
    return checks::run();
    #[cfg(not(target_os = "linux"))]
    {
        println!("NOT RUN: runs need Linux");
        ExitCode::SUCCESS
    }
}

#[cfg(target_os = "linux")]
mod checks {
    use std::path::Path;
    use std::process::ExitCode;
    use std::sync::Arc;

    use libtest_mimic::{Arguments, Failed, Trial};
    use locus_core::{Limits, Network, Outcome, Transcript};
    use locus_languages::Language;
    use locus_languages::examples::{Example, Examples, Found};
    use locus_runner::embedded::Launcher;
    use locus_runner::toolchain::{self, Toolchain};

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../languages");
    /// Languages that the machine of CI has. Of those, each that Locus knows must have run there.
    const EXPECTED: [&str; 9] = ["bash", "c", "cpp", "go", "java", "javascript", "perl", "python", "rust"];

    pub fn run() -> ExitCode {
        let arguments = Arguments::from_args();
        let found = toolchain::detect();
        let installed = |known: &Language| {
            let is_it = |here: &Language| (&here.id, here.default) == (&known.id, known.default);
            found.iter().find(|toolchain| is_it(&toolchain.language) && toolchain.language.matches(&known.selector()))
        };
        let absent: Vec<_> = locus_languages::all()
            .iter()
            .filter(|known| installed(known).is_none())
            .map(Language::object_name)
            .collect();
        for Toolchain { language, path, .. } in &found {
            println!("{} {}: {}", language.name, language.version, path.display());
        }
        println!("NOT RUN, since they are not installed: {}", absent.join(", "));
        let expected: Vec<_> = absent.iter().filter(|name| EXPECTED.contains(&name.as_str())).collect();
        assert!(std::env::var_os("CI").is_none() || expected.is_empty(), "CI must have {expected:?}");

        let machine = Arc::new(Machine {
            launcher: Launcher::probe(Network::None).expect("the runner answers"),
            runtime: tokio::runtime::Runtime::new().expect("a runtime"),
        });
        let mut trials = Vec::new();
        for known in locus_languages::all() {
            let Some(toolchain) = installed(known).cloned() else { continue };
            let name = known.object_name();
            let examples = Examples::read(Path::new(FOLDER), known).unwrap_or_else(|error| panic!("{error}"));
            let toolchain = Arc::new(toolchain);
            for example in examples.cases {
                let (machine, toolchain) = (machine.clone(), toolchain.clone());
                let library = example.name.starts_with("library-");
                let title = format!("{name}: {}", example.name);
                let trial = Trial::test(title, move || Ok(example.check(&machine.run(&toolchain, &example)?)?));
                trials.push(trial.with_ignored_flag(library));
            }
            let machine = machine.clone();
            let shown = Example { code: Some(toolchain.language.example.clone()), ..Example::default() };
            trials.push(Trial::test(format!("{name}: what the page shows"), move || {
                let Found { outcome, error, stderr, .. } = machine.run(&toolchain, &shown)?;
                let told = || format!("{outcome}: {error}\n{}", String::from_utf8_lossy(&stderr));
                if outcome == Outcome::Completed { Ok(()) } else { Err(told().into()) }
            }));
        }
        libtest_mimic::run(&arguments, trials).exit_code()
    }

    struct Machine {
        launcher: Launcher,
        runtime: tokio::runtime::Runtime,
    }

    impl Machine {
        fn run(&self, toolchain: &Toolchain, example: &Example) -> Result<Found, Failed> {
            let Toolchain { language, program, .. } = toolchain;
            let request = example.request(language.selector());
            let (uid, default, most) = ("example".to_owned(), Limits::DEFAULT, Limits::MAXIMUM);
            let assignment = language.assignment(uid, program.clone(), request, default, most)?;
            let transcript = self.runtime.block_on(async {
                let mut run = self.launcher.launch(assignment).await?;
                let mut transcript = Transcript::default();
                while let Some(event) = run.next_event().await {
                    transcript.push(event?, usize::MAX);
                }
                Ok::<_, std::io::Error>(transcript)
            })?;
            Ok(Found::of(transcript).ok_or("the run ended without a result")?)
        }
    }
}
