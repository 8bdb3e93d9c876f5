//! Between the Kubernetes types and the run contract.

use std::collections::BTreeMap;

use locus_core::{
    Checker, Encoding, FileLeft, Limits, LimitsRequest, RunRequest, Seconds, SourceFile, TestCase, Usage,
};
use locus_languages::{Compat, Hold};

use crate::coderun::{FILE_BYTES_MAX, MEMORY_BYTES_MAX, OUTPUT_BYTES_MAX, PROCESSES_MAX, SECONDS_MAX};
use crate::{
    CodeRunSpec, CompatSpec, EffectiveLimits, EnvVar, File, FileEncoding, FileLeftStatus, LanguageSpec, PrestartSpec,
    RequestedLimits, Test, TestChecker, UsageStatus, memory_bytes, memory_text,
};

impl From<&CodeRunSpec> for RunRequest {
    fn from(spec: &CodeRunSpec) -> Self {
        Self {
            language: spec.language.clone(),
            code: spec.code.clone(),
            files: spec.files.iter().flatten().map(SourceFile::from).collect(),
            stdin: spec.stdin.clone().unwrap_or_default(),
            args: spec.args.clone().unwrap_or_default(),
            env: spec.env.iter().flatten().map(locus_core::EnvVar::from).collect(),
            compile_args: spec.compile_args.clone().unwrap_or_default(),
            limits: asked(spec.limits.as_ref()),
            compile_limits: asked(spec.compile_limits.as_ref()),
            stderr_to_stdout: spec.stderr_to_stdout.unwrap_or_default(),
            interactive: spec.interactive.unwrap_or_default(),
            output_files: spec.output_files.clone().unwrap_or_default(),
            tests: spec.tests.iter().flatten().map(TestCase::from).collect(),
            // Metadata of the object, and no matter of the run.
            labels: BTreeMap::new(),
            callback: None,
        }
    }
}

impl From<RunRequest> for CodeRunSpec {
    fn from(request: RunRequest) -> Self {
        Self {
            language: request.language,
            code: request.code,
            files: some(request.files.into_iter().map(File::from).collect()),
            stdin: Some(request.stdin).filter(|stdin| !stdin.is_empty()),
            args: some(request.args),
            env: some(request.env.into_iter().map(EnvVar::from).collect()),
            compile_args: some(request.compile_args),
            limits: some_limits(request.limits),
            compile_limits: some_limits(request.compile_limits),
            stderr_to_stdout: Some(true).filter(|_| request.stderr_to_stdout),
            interactive: Some(true).filter(|_| request.interactive),
            output_files: some(request.output_files),
            tests: some(request.tests.into_iter().map(Test::from).collect()),
            cancel_requested: None,
            ttl_seconds_after_finished: None,
        }
    }
}

impl LanguageSpec {
    /// What an object of this name says. How the language is looked for on a machine, and who makes its image, is no
    /// matter of a cluster.
    #[must_use]
    pub fn language(&self, object: &str) -> locus_languages::Language {
        let env = |env: &[EnvVar]| env.iter().map(locus_core::EnvVar::from).collect();
        locus_languages::Language {
            id: self.id.clone().unwrap_or_else(|| object.to_owned()),
            name: self.name.clone(),
            version: self.version.clone(),
            default: self.default.unwrap_or(true),
            aliases: self.aliases.clone().unwrap_or_default(),
            file_name: self.file_name.clone(),
            compile: self.compile.clone(),
            run: self.run.clone(),
            env: env(self.env.as_deref().unwrap_or_default()),
            readable: self.readable.clone().unwrap_or_default(),
            probe: Vec::new(),
            limits: asked(self.limits.as_ref()),
            compile_limits: asked(self.compile_limits.as_ref()),
            prestart: self.prestart.as_ref().map(|prestart| Hold {
                env: env(&prestart.env),
                fixed_env: prestart.fixed_env.clone().unwrap_or_default(),
            }),
            image: None,
            editor: self.editor.clone(),
            libraries: self.libraries.clone().unwrap_or_default(),
            example: self.example.clone().unwrap_or_default(),
            compat: self.compat.as_ref().map(Compat::from).unwrap_or_default(),
        }
    }

    /// What the object of a language says, whose programs run in this image.
    #[must_use]
    pub fn of(language: &locus_languages::Language, image: String) -> Self {
        let env = |env: &[locus_core::EnvVar]| env.iter().cloned().map(EnvVar::from).collect::<Vec<_>>();
        Self {
            id: Some(language.id.clone()).filter(|id| *id != language.object_name()),
            name: language.name.clone(),
            version: language.version.clone(),
            default: Some(false).filter(|_| !language.default),
            aliases: some(language.aliases.clone()),
            file_name: language.file_name.clone(),
            image,
            compile: language.compile.clone(),
            run: language.run.clone(),
            env: some(env(&language.env)),
            readable: some(language.readable.clone()),
            limits: some_limits(language.limits),
            compile_limits: some_limits(language.compile_limits),
            prestart: language
                .prestart
                .as_ref()
                .map(|hold| PrestartSpec { env: env(&hold.env), fixed_env: some(hold.fixed_env.clone()) }),
            editor: language.editor.clone(),
            libraries: some(language.libraries.clone()),
            example: Some(language.example.clone()).filter(|example| !example.is_empty()),
            compat: Some(&language.compat).filter(|compat| **compat != Compat::default()).map(CompatSpec::from),
        }
    }
}

impl From<&CompatSpec> for Compat {
    fn from(compat: &CompatSpec) -> Self {
        let CompatSpec { judge0, piston } = compat.clone();
        Self { judge0: judge0.unwrap_or_default(), piston: piston.unwrap_or_default() }
    }
}

impl From<&Compat> for CompatSpec {
    fn from(compat: &Compat) -> Self {
        let Compat { judge0, piston } = compat.clone();
        Self { judge0: some(judge0), piston: some(piston) }
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

fn some_limits(limits: LimitsRequest) -> Option<RequestedLimits> {
    Some(limits).filter(|limits| !limits.is_empty()).map(From::from)
}

fn asked(limits: Option<&RequestedLimits>) -> LimitsRequest {
    limits.map(LimitsRequest::from).unwrap_or_default()
}

impl From<&File> for SourceFile {
    fn from(file: &File) -> Self {
        let encoding = match file.encoding.unwrap_or_default() {
            FileEncoding::Utf8 => Encoding::Utf8,
            FileEncoding::Base64 => Encoding::Base64,
        };
        Self { name: file.name.clone(), content: file.content.clone(), encoding }
    }
}

impl From<SourceFile> for File {
    fn from(file: SourceFile) -> Self {
        let encoding = match file.encoding {
            Encoding::Utf8 => None,
            Encoding::Base64 => Some(FileEncoding::Base64),
        };
        Self { name: file.name, content: file.content, encoding }
    }
}

impl From<&Test> for TestCase {
    fn from(test: &Test) -> Self {
        Self {
            name: test.name.clone(),
            stdin: test.stdin.clone().unwrap_or_default(),
            args: test.args.clone(),
            expected_stdout: test.expected_stdout.clone(),
            checker: match test.checker.unwrap_or_default() {
                TestChecker::Exact => Checker::Exact,
                TestChecker::Trimmed => Checker::Trimmed,
                TestChecker::Tokens => Checker::Tokens,
                TestChecker::Float => Checker::Float,
            },
            tolerance: test.tolerance,
        }
    }
}

impl From<TestCase> for Test {
    fn from(test: TestCase) -> Self {
        Self {
            name: test.name,
            stdin: Some(test.stdin).filter(|stdin| !stdin.is_empty()),
            args: test.args,
            expected_stdout: test.expected_stdout,
            checker: match test.checker {
                Checker::Exact => Some(TestChecker::Exact),
                Checker::Trimmed => None,
                Checker::Tokens => Some(TestChecker::Tokens),
                Checker::Float => Some(TestChecker::Float),
            },
            tolerance: test.tolerance,
        }
    }
}

impl From<FileLeft> for FileLeftStatus {
    fn from(file: FileLeft) -> Self {
        Self { name: file.name, why: file.why }
    }
}

impl From<&EnvVar> for locus_core::EnvVar {
    fn from(variable: &EnvVar) -> Self {
        Self { name: variable.name.clone(), value: variable.value.clone() }
    }
}

impl From<locus_core::EnvVar> for EnvVar {
    fn from(variable: locus_core::EnvVar) -> Self {
        Self { name: variable.name, value: variable.value }
    }
}

impl From<&RequestedLimits> for LimitsRequest {
    fn from(limits: &RequestedLimits) -> Self {
        Self {
            timeout_seconds: limits.timeout_seconds,
            cpu_seconds: limits.cpu_seconds,
            memory_bytes: limits.memory.as_deref().map(|text| memory_bytes(text).unwrap_or(u64::MAX)),
            output_bytes: limits.output_bytes.map(u64::from),
            processes: limits.processes,
            file_bytes: limits.file_bytes.map(u64::from),
        }
    }
}

impl From<LimitsRequest> for RequestedLimits {
    /// What is more than a CodeRun may ask for is as much as it may: all of it is lowered to the operator's maximum anyway.
    fn from(limits: LimitsRequest) -> Self {
        let narrow = |bytes: u64, most| u32::try_from(bytes).unwrap_or(u32::MAX).min(most);
        Self {
            timeout_seconds: limits.timeout_seconds.map(|seconds| seconds.min(Seconds::whole(SECONDS_MAX))),
            cpu_seconds: limits.cpu_seconds.map(|seconds| seconds.min(Seconds::whole(SECONDS_MAX))),
            memory: limits.memory_bytes.map(|bytes| memory_text(bytes.min(MEMORY_BYTES_MAX))),
            output_bytes: limits.output_bytes.map(|bytes| narrow(bytes, OUTPUT_BYTES_MAX)),
            processes: limits.processes.map(|processes| processes.min(PROCESSES_MAX)),
            file_bytes: limits.file_bytes.map(|bytes| narrow(bytes, FILE_BYTES_MAX)),
        }
    }
}

impl From<Limits> for EffectiveLimits {
    fn from(limits: Limits) -> Self {
        Self {
            timeout_seconds: limits.timeout_seconds,
            cpu_seconds: limits.cpu_seconds,
            memory: limits.memory_bytes.to_string(),
            output_bytes: limits.output_bytes,
            processes: limits.processes,
            file_bytes: limits.file_bytes,
            compile_timeout_seconds: None,
        }
    }
}

impl From<Usage> for UsageStatus {
    fn from(usage: Usage) -> Self {
        Self {
            wall_seconds: usage.wall_seconds,
            cpu_seconds: usage.cpu_seconds,
            memory_peak_bytes: usage.memory_peak_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use locus_core::{Checker, EnvVar, LimitsRequest, RunRequest, Seconds, SourceFile, TestCase};

    use crate::{CodeRunSpec, LanguageSpec};

    #[test]
    fn limits_beyond_what_a_code_run_may_ask_for_are_the_most_that_it_may() {
        let most = LimitsRequest {
            timeout_seconds: Some(Seconds::MAX),
            cpu_seconds: Some(Seconds::MAX),
            memory_bytes: Some(u64::MAX),
            output_bytes: Some(u64::MAX),
            processes: Some(u32::MAX),
            file_bytes: Some(u64::MAX),
        };
        let asked = super::RequestedLimits::from(most);
        assert_eq!((asked.timeout_seconds, asked.output_bytes), (Some(Seconds::whole(86400)), Some(16 << 20)));
        assert_eq!(asked.memory.as_deref(), Some("1048576Gi"));
        let near = LimitsRequest { memory_bytes: Some((1 << 50) - 1), ..LimitsRequest::default() };
        assert!(super::RequestedLimits::from(near).memory.is_some_and(|text| text.len() <= 16));
    }

    #[test]
    fn every_embedded_language_survives_the_way_through_an_object() {
        for language in locus_languages::all() {
            let spec = LanguageSpec::of(language, "registry.example/it:1".into());
            let yaml = serde_yaml::to_string(&spec).expect("it serializes");
            let read: LanguageSpec = serde_yaml::from_str(&yaml).expect("it reads");
            let kept = locus_languages::Language { probe: Vec::new(), image: None, ..language.clone() };
            assert_eq!((read.language(&language.object_name()), &read), (kept, &spec));
        }
    }

    #[test]
    fn tests_and_what_goes_without_them_survive_the_way_through_a_spec() {
        let full = TestCase {
            name: Some("large".into()),
            stdin: "1".into(),
            args: Some(Vec::new()),
            expected_stdout: Some(String::new()),
            checker: Checker::Float,
            tolerance: Some(0.25),
        };
        let checkers = [Checker::Exact, Checker::Trimmed, Checker::Tokens];
        let others = checkers.map(|checker| TestCase { checker, ..TestCase::default() });
        let judged = RunRequest { tests: [vec![full], others.to_vec()].concat(), ..RunRequest::default() };
        let talking = RunRequest {
            interactive: true,
            stderr_to_stdout: true,
            output_files: vec!["*.png".into()],
            ..RunRequest::default()
        };
        for request in [judged, talking] {
            let spec = serde_json::to_value(CodeRunSpec::from(request.clone())).expect("it serializes");
            let spec: CodeRunSpec = serde_json::from_value(spec).expect("it reads");
            assert_eq!(RunRequest::from(&spec), request);
        }
    }

    #[test]
    fn a_request_survives_the_way_through_a_spec() {
        let request = RunRequest {
            language: "python".into(),
            code: None,
            files: vec![SourceFile {
                name: "a".into(),
                content: "AA==".into(),
                encoding: locus_core::Encoding::Base64,
            }],
            stdin: "in".into(),
            args: vec!["x".into()],
            env: vec![EnvVar { name: "A".into(), value: "b".into() }],
            compile_args: vec!["-O2".into()],
            limits: LimitsRequest {
                memory_bytes: Some(1 << 27),
                timeout_seconds: Some(Seconds::from_millis(300)),
                ..LimitsRequest::default()
            },
            compile_limits: LimitsRequest { processes: Some(9), ..LimitsRequest::default() },
            ..RunRequest::default()
        };
        let spec = CodeRunSpec::from(request.clone());
        assert_eq!(RunRequest::from(&spec), request);
    }
}
