//! Programs run on this machine, each in a process of its own.

use futures::future::BoxFuture;
use locus_core::{Assignment, Limits, Outcome, RunRequest, Transcript};
use locus_languages::Language;
use locus_runner::embedded::Launcher;
use locus_runner::sandbox::SandboxReport;
use locus_runner::toolchain::Toolchain;

use crate::backend::{Backend, BackendError, Execution, LanguageInfo, without_half_character};
use crate::gate::Gate;

/// This machine.
#[derive(Debug)]
pub struct Embedded {
    installed: Vec<Installed>,
    launcher: Launcher,
    gate: Gate,
}

/// A language of this machine; its version is the one that is installed.
#[derive(Debug)]
struct Installed {
    language: Language,
    toolchain: Toolchain,
}

impl Embedded {
    /// This machine with the languages that were found on it.
    #[must_use]
    pub fn new(toolchains: Vec<Toolchain>, launcher: Launcher, gate: Gate) -> Self {
        let install = |toolchain: Toolchain| Installed {
            language: Language { version: toolchain.version.clone(), ..toolchain.language.clone() },
            toolchain,
        };
        Self { installed: toolchains.into_iter().map(install).collect(), launcher, gate }
    }

    /// What was found on this machine.
    pub fn toolchains(&self) -> impl Iterator<Item = &Toolchain> {
        self.installed.iter().map(|installed| &installed.toolchain)
    }

    /// What stands around a program here.
    #[must_use]
    pub fn report(&self) -> &SandboxReport {
        self.launcher.report()
    }

    async fn run(&self, request: RunRequest) -> Result<Execution, BackendError> {
        let assignment = self.assignment(request)?;
        let _admission = self.gate.enter().await?;
        let capacity = usize::try_from(assignment.limits.output_bytes).unwrap_or(usize::MAX);
        let broken = |error| BackendError::RunnerFailed(format!("the runner can't be followed: {error}"));
        let mut run = self
            .launcher
            .launch(assignment)
            .await
            .map_err(|error| BackendError::RunnerFailed(format!("the runner can't be started: {error}")))?;
        let mut transcript = Transcript::default();
        // A client that goes away drops this future, and the run with it, which stops it.
        while let Some(event) = run.next_event().await {
            transcript.push(event.map_err(broken)?, capacity);
        }
        execution(transcript)
    }

    fn assignment(&self, request: RunRequest) -> Result<Assignment, BackendError> {
        let Installed { language, toolchain } = self.find(&request.language)?;
        let uid = uuid::Uuid::new_v4().to_string();
        language
            .assignment(uid, toolchain.program(), request, Limits::DEFAULT, Limits::MAXIMUM)
            .map_err(|error| BackendError::InvalidRequest(error.to_string()))
    }

    fn find(&self, selector: &str) -> Result<&Installed, BackendError> {
        if let Some(installed) = self.installed.iter().find(|installed| installed.language.matches(selector)) {
            return Ok(installed);
        }
        let ids: Vec<_> = self.installed.iter().map(|installed| installed.language.id.as_str()).collect();
        let choice = if ids.is_empty() {
            "no language is installed here".to_owned()
        } else {
            format!("choose one of: {}", ids.join(", "))
        };
        let missing = match locus_languages::find(locus_languages::all(), selector) {
            Ok(language) if !ids.contains(&language.id.as_str()) => "is not installed on this machine",
            _ => "is not known",
        };
        Err(BackendError::UnknownLanguage(format!("language {selector:?} {missing}; {choice}")))
    }
}

impl Backend for Embedded {
    fn languages(&self) -> Vec<LanguageInfo> {
        self.installed.iter().map(|installed| LanguageInfo::from(&installed.language)).collect()
    }

    fn execute(&self, request: RunRequest) -> BoxFuture<'_, Result<Execution, BackendError>> {
        Box::pin(self.run(request))
    }

    fn ready(&self) -> Result<(), BackendError> {
        if !self.installed.is_empty() {
            return Ok(());
        }
        let known: Vec<_> = locus_languages::all().iter().map(|language| language.name.as_str()).collect();
        Err(BackendError::Unavailable(format!("no language is installed here; install one of: {}", known.join(", "))))
    }

    fn name(&self) -> &'static str {
        "embedded"
    }

    fn sandbox(&self) -> Option<&SandboxReport> {
        Some(self.report())
    }
}

fn execution(transcript: Transcript) -> Result<Execution, BackendError> {
    let Transcript { mut stdout, mut stderr, stdout_dropped, stderr_dropped, result } = transcript;
    let result = result.ok_or_else(|| BackendError::RunnerFailed("the runner ended without a result".to_owned()))?;
    if stdout_dropped || result.stdout_truncated {
        stdout = without_half_character(stdout);
    }
    if stderr_dropped || result.stderr_truncated {
        stderr = without_half_character(stderr);
    }
    if let (Outcome::CompileFailed, Some(compile)) = (result.outcome, result.compile) {
        (stdout, stderr) = (compile.stdout.into_bytes(), compile.stderr.into_bytes());
    }
    Ok(Execution { outcome: result.outcome, stdout, stderr, error: result.error })
}

#[cfg(test)]
mod tests {
    use locus_core::{LimitsRequest, Network, Outcome, RunRequest, RunResult, Transcript};
    use locus_runner::embedded::Launcher;
    use locus_runner::sandbox::SandboxReport;
    use locus_runner::toolchain::Toolchain;

    use super::{Embedded, execution};
    use crate::backend::{Backend as _, BackendError};
    use crate::gate::Gate;

    fn machine(ids: &[&str]) -> Embedded {
        let toolchain = |id: &&str| Toolchain {
            language: locus_languages::find(locus_languages::all(), id).expect("it is known"),
            program: "/opt/interpreter".into(),
            version: "99.1".into(),
            folders: Vec::new(),
        };
        let sandbox = SandboxReport { isolation: None, layers: Vec::new(), weakness: None };
        Embedded::new(ids.iter().map(toolchain).collect(), Launcher::with(sandbox, &[], Network::None), Gate::new(1, 1))
    }

    fn request(language: &str) -> RunRequest {
        RunRequest { language: language.into(), code: Some("x".into()), ..RunRequest::default() }
    }

    #[test]
    fn a_language_goes_by_the_version_that_is_installed() {
        let machine = machine(&["python"]);
        for selector in ["python", "py", "python@99", "python@99.1"] {
            let assignment = machine.assignment(request(selector)).expect("it is installed");
            assert_eq!(assignment.program.run[0], "/opt/interpreter");
        }
        assert_eq!(machine.languages()[0].version, "99.1");
        assert!(machine.assignment(request("python@3.13")).is_err());
    }

    #[test]
    fn a_language_that_is_not_there_is_refused_with_those_that_are() {
        let refusal =
            |machine: &Embedded, id| machine.assignment(request(id)).expect_err("it is not there").to_string();
        let python = machine(&["python"]);
        assert_eq!(refusal(&python, "cobol"), "language \"cobol\" is not known; choose one of: python");
        assert_eq!(
            refusal(&python, "javascript"),
            "language \"javascript\" is not installed on this machine; choose one of: python"
        );
        let empty = machine(&[]);
        assert!(refusal(&empty, "python").ends_with("no language is installed here"));
        assert!(matches!(empty.ready(), Err(BackendError::Unavailable(text)) if text.contains("JavaScript, Python")));
    }

    #[test]
    fn limits_come_from_the_request_then_the_language_and_stay_below_the_maximum() {
        let limits = LimitsRequest { timeout_seconds: Some(9000), memory_bytes: Some(1 << 20), ..Default::default() };
        let request = RunRequest { limits, ..request("python") };
        let limits = machine(&["python"]).assignment(request).expect("it is valid").limits;
        assert_eq!((limits.timeout_seconds, limits.memory_bytes, limits.processes), (300, 1 << 20, 64));
    }

    #[test]
    fn output_that_was_cut_ends_in_a_whole_character() {
        let result = RunResult { stdout_truncated: true, ..RunResult::failed(Outcome::OutputLimitExceeded, "cut") };
        let transcript = Transcript {
            stdout: b"a\xe2\x82".to_vec(),
            stderr: b"b\xe2".to_vec(),
            result: Some(result),
            ..Default::default()
        };
        let execution = execution(transcript).expect("it has ended");
        assert_eq!((&execution.stdout[..], &execution.stderr[..]), (&b"a"[..], &b"b\xe2"[..]));
    }

    #[test]
    fn events_without_an_end_are_the_runners_failure() {
        assert!(matches!(execution(Transcript::default()), Err(BackendError::RunnerFailed(_))));
    }
}
