//! Programs run on this machine, each in a process of its own.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use locus_core::{Assignment, Limits, Outcome, RunRequest, Transcript};
use locus_runner::embedded::Launcher;
use locus_runner::sandbox::SandboxReport;
use locus_runner::toolchain::{Survey, Toolchain};

use crate::backend::{Backend, BackendError, Execution, LanguageInfo, without_half_character};
use crate::gate::Gate;

/// This machine.
#[derive(Debug)]
pub struct Embedded {
    survey: Survey,
    launcher: Launcher,
    gate: Gate,
}

impl Embedded {
    /// This machine with the languages that are found on it.
    #[must_use]
    pub fn new(survey: Survey, launcher: Launcher, gate: Gate) -> Self {
        Self { survey, launcher, gate }
    }

    /// What stands around a program here.
    #[must_use]
    pub fn report(&self) -> &SandboxReport {
        self.launcher.report()
    }

    async fn run(&self, request: RunRequest) -> Result<Execution, BackendError> {
        let assignment = self.assignment(request).await?;
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

    async fn assignment(&self, request: RunRequest) -> Result<Assignment, BackendError> {
        let Some(Toolchain { language, program, .. }) = self.survey.find(&request.language).await else {
            return Err(self.unknown(&request.language).await);
        };
        let uid = uuid::Uuid::new_v4().to_string();
        language
            .assignment(uid, program, request, Limits::DEFAULT, Limits::MAXIMUM)
            .map_err(|error| BackendError::InvalidRequest(error.to_string()))
    }

    async fn unknown(&self, selector: &str) -> BackendError {
        let found = self.survey.all().await;
        let selectors: Vec<_> = found.iter().map(|toolchain| toolchain.language.selector()).collect();
        let choice = if selectors.is_empty() {
            "no language is installed here".to_owned()
        } else {
            format!("choose one of: {}", selectors.join(", "))
        };
        let missing = match locus_languages::find(locus_languages::all(), selector) {
            Ok(known) if !found.iter().any(|toolchain| toolchain.language.id == known.id) => {
                "is not installed on this machine"
            }
            _ => "is not known",
        };
        BackendError::UnknownLanguage(format!("language {selector:?} {missing}; {choice}"))
    }
}

impl Backend for Embedded {
    fn languages(&self) -> Vec<LanguageInfo> {
        self.survey.found().iter().map(|toolchain| LanguageInfo::from(&*toolchain.language)).collect()
    }

    fn surveyed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.survey.all().map(drop))
    }

    fn execute(&self, request: RunRequest) -> BoxFuture<'_, Result<Execution, BackendError>> {
        Box::pin(self.run(request))
    }

    fn ready(&self) -> Result<(), BackendError> {
        // While languages are still looked for, a run is taken and waits for its own.
        if !self.survey.is_over() || !self.survey.found().is_empty() {
            return Ok(());
        }
        let known = locus_languages::all().iter().filter(|language| language.default);
        let known: Vec<_> = known.map(|language| language.name.as_str()).collect();
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
    let Transcript { mut stdout, mut stderr, stdout_dropped, stderr_dropped, result, .. } = transcript;
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
    use locus_runner::toolchain::{Survey, Toolchain};

    use super::{Embedded, execution};
    use crate::backend::{Backend as _, BackendError};
    use crate::gate::Gate;

    fn machine(ids: &[&str]) -> Embedded {
        let toolchain = |id: &&str| {
            let language = locus_languages::find(locus_languages::all(), id).expect("it is known");
            Toolchain::new(language, "/opt/language/bin/program".into(), "99.1", &[])
        };
        let sandbox = SandboxReport { isolation: None, layers: Vec::new(), weakness: None };
        let survey = Survey::of(ids.iter().map(toolchain).collect());
        Embedded::new(survey, Launcher::with(sandbox, Network::None), Gate::new(1, 1))
    }

    fn request(language: &str) -> RunRequest {
        RunRequest { language: language.into(), code: Some("x".into()), ..RunRequest::default() }
    }

    #[tokio::test]
    async fn a_language_goes_by_the_version_that_is_installed() {
        let machine = machine(&["python"]);
        for selector in ["python", "py", "python@99", "python@99.1"] {
            let assignment = machine.assignment(request(selector)).await.expect("it is installed");
            assert_eq!(assignment.program.path, ["/opt/language/bin"]);
        }
        let told = &machine.languages()[0];
        assert_eq!((told.version.as_str(), told.selector.as_str()), ("99.1", "python"));
        assert!(machine.assignment(request("python@3.13")).await.is_err());
    }

    #[tokio::test]
    async fn a_language_that_is_not_there_is_refused_with_those_that_are() {
        let refusal = async |machine: &Embedded, id: &str| {
            machine.assignment(request(id)).await.expect_err("it is not there").to_string()
        };
        let python = machine(&["python"]);
        assert_eq!(refusal(&python, "klingon").await, "language \"klingon\" is not known; choose one of: python");
        assert_eq!(
            refusal(&python, "javascript").await,
            "language \"javascript\" is not installed on this machine; choose one of: python"
        );
        let empty = machine(&[]);
        assert!(refusal(&empty, "python").await.ends_with("no language is installed here"));
        assert!(
            matches!(empty.ready(), Err(BackendError::Unavailable(text)) if text.contains("JavaScript, ") && text.contains("Python"))
        );
    }

    #[tokio::test]
    async fn limits_come_from_the_request_then_the_language_and_stay_below_the_maximum() {
        let limits = LimitsRequest { timeout_seconds: Some(9000), memory_bytes: Some(1 << 20), ..Default::default() };
        let request = RunRequest { limits, ..request("python") };
        let limits = machine(&["python"]).assignment(request).await.expect("it is valid").limits;
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
