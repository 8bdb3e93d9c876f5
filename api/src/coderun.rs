//! `CodeRun`: a language and code, to be run once.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::{CustomResource, CustomResourceExt as _, KubeSchema};
use locus_core::Seconds;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::status::{CodeRunStatus, Phase};

/// What to run, and within which limits.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[kube(
    group = "locus.dev",
    version = "v1alpha1",
    kind = "CodeRun",
    plural = "coderuns",
    namespaced,
    status = "CodeRunStatus",
    category = "locus",
    derive = "PartialEq",
    doc = "A program that is run once, in a locked-down pod. The result stands in its status.",
    printcolumn(name = "Language", type_ = "string", json_path = ".spec.language"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Succeeded")].reason"#
    ),
    printcolumn(name = "Exit", type_ = "integer", json_path = ".status.exitCode"),
    printcolumn(name = "Pod", type_ = "string", json_path = ".status.podName", priority = 1),
    printcolumn(name = "Wall", type_ = "number", json_path = ".status.usage.wallSeconds", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new(
        "!has(oldSelf.status) || !has(oldSelf.status.outcome) || (has(self.status) && has(self.status.outcome) && \
         self.status.outcome == oldSelf.status.outcome)"
    )
    .message("a finished CodeRun keeps its outcome: create a new CodeRun to run the program again")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.code) != has(self.files)")
        .message("give exactly one of code and files: code for a program of one file, files for several"),
    validation = Rule::new(
        "self.language == oldSelf.language \
         && has(self.code) == has(oldSelf.code) && (!has(self.code) || self.code == oldSelf.code) \
         && has(self.files) == has(oldSelf.files) && (!has(self.files) || self.files == oldSelf.files) \
         && has(self.stdin) == has(oldSelf.stdin) && (!has(self.stdin) || self.stdin == oldSelf.stdin) \
         && has(self.args) == has(oldSelf.args) && (!has(self.args) || self.args == oldSelf.args) \
         && has(self.env) == has(oldSelf.env) && (!has(self.env) || self.env == oldSelf.env) \
         && has(self.compileArgs) == has(oldSelf.compileArgs) \
         && (!has(self.compileArgs) || self.compileArgs == oldSelf.compileArgs) \
         && has(self.limits) == has(oldSelf.limits) && (!has(self.limits) || self.limits == oldSelf.limits) \
         && has(self.compileLimits) == has(oldSelf.compileLimits) \
         && (!has(self.compileLimits) || self.compileLimits == oldSelf.compileLimits) \
         && has(self.stderrToStdout) == has(oldSelf.stderrToStdout) \
         && (!has(self.stderrToStdout) || self.stderrToStdout == oldSelf.stderrToStdout) \
         && has(self.interactive) == has(oldSelf.interactive) \
         && (!has(self.interactive) || self.interactive == oldSelf.interactive) \
         && has(self.outputFiles) == has(oldSelf.outputFiles) \
         && (!has(self.outputFiles) || self.outputFiles == oldSelf.outputFiles) \
         && has(self.tests) == has(oldSelf.tests) && (!has(self.tests) || self.tests == oldSelf.tests) \
         && has(self.ttlSecondsAfterFinished) == has(oldSelf.ttlSecondsAfterFinished) \
         && (!has(self.ttlSecondsAfterFinished) || self.ttlSecondsAfterFinished == oldSelf.ttlSecondsAfterFinished)"
    )
    .message("spec is immutable, cancelRequested aside: create a new CodeRun instead"),
    validation = Rule::new(
        "!has(oldSelf.cancelRequested) || !oldSelf.cancelRequested || (has(self.cancelRequested) && \
         self.cancelRequested)"
    )
    .message("cancelRequested goes from false to true only: create a new CodeRun to run the program again"),
    validation = Rule::new(
        "(has(self.code) ? size(self.code) : 0) + (has(self.stdin) ? size(self.stdin) : 0) \
         + (has(self.files) ? self.files.map(f, size(f.content)).sum() : 0) \
         + (has(self.tests) ? self.tests.map(t, (has(t.stdin) ? size(t.stdin) : 0) \
         + (has(t.expectedStdout) ? size(t.expectedStdout) : 0)).sum() : 0) <= 524288"
    )
    .message("code, stdin, files and tests hold at most 524288 characters together: make the program or its input smaller"),
    validation = Rule::new("!has(self.tests) || !has(self.stdin) || self.stdin == ''")
        .message("a run with tests has no stdin of its own: give it in each test"),
    validation = Rule::new("!has(self.tests) || !has(self.interactive) || !self.interactive")
        .message("a run with tests has no interactive of its own: give each test its stdin"),
    validation = Rule::new("!has(self.tests) || !has(self.outputFiles) || size(self.outputFiles) == 0")
        .message("a run with tests has no outputFiles of its own: leave them out, or the tests")
)]
pub struct CodeRunSpec {
    /// The language: an id (`python`), an alias (`py`) or an id with a version (`python@3.13`).
    #[schemars(length(min = 1, max = 96))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9][a-z0-9+#._-]*(@[A-Za-z0-9][A-Za-z0-9+._-]*)?$')")
        .message("language is an id such as python, an alias such as py, or id@version such as python@3.13"))]
    pub language: String,

    /// The program, when it is a single file of at most 256 KiB. Give exactly one of code and files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub code: Option<String>,

    /// The program's files; the first one is the main one. Give exactly one of code and files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub files: Option<Vec<File>>,

    /// What the program reads on standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub stdin: Option<String>,

    /// Arguments of the program. They are passed as they are: no shell reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), inner(length(max = 4096)))]
    pub args: Option<Vec<String>>,

    /// Environment variables of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub env: Option<Vec<EnvVar>>,

    /// Further arguments of the compiler, in languages that compile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(max = 4096)))]
    pub compile_args: Option<Vec<String>>,

    /// Limits of the run. What is absent takes the default, what is too high is lowered to the
    /// maximum; status.limits shows the limits in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<RequestedLimits>,

    /// Limits of the compile step, in languages that have one; in others they have no effect. What is absent, and what is
    /// more than the language gives its compiler, is as the language has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile_limits: Option<RequestedLimits>,

    /// Whether the program's standard error is its standard output: one stream, in the order in which it was written, and
    /// status.stderr is empty. What the compiler writes stays apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr_to_stdout: Option<bool>,

    /// Whether more standard input may be sent while the program runs, after what stdin holds. It is sent through the
    /// front door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interactive: Option<bool>,

    /// Names of files that the program leaves and that are to be returned; * stands for any part of a name, ** for any
    /// folders. What is not returned is told in status.filesLeft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 255)))]
    #[x_kube(validation = Rule::new("self.all(name, name.split('/').all(part, part != '' && part != '.' && part != '..'))")
        .message("an output file is a relative name or glob such as out/*.png, without empty, . or .. parts"))]
    pub output_files: Option<Vec<String>>,

    /// Cases that the program is run for, one after the other, in place of stdin and args; it is compiled once, and each
    /// case has the limits for itself. What came of them stands in status.tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub tests: Option<Vec<Test>>,

    /// Set to true to stop the run. It can't be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_requested: Option<bool>,

    /// Seconds after its end at which the CodeRun is deleted. The operator's default is one hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub ttl_seconds_after_finished: Option<u32>,
}

/// A file of the program.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// The path below the work folder.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.split('/').all(part, part != '' && part != '.' && part != '..')")
        .message("a file name is a relative path such as lib/util.py, without empty, . or .. parts"))]
    pub name: String,
    /// The content.
    #[schemars(length(max = 524_288))]
    pub content: String,
    /// How the content is written: utf8 (text as it is, the default) or base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<FileEncoding>,
}

/// How a file's content is written.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileEncoding {
    /// Text as it is.
    #[default]
    Utf8,
    /// Standard base64 with padding.
    Base64,
}

/// A case that the program is run for.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.tolerance) || (has(self.checker) && self.checker == 'float')")
        .message("tolerance goes with the checker float: leave it out, or set checker to float")
)]
pub struct Test {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub name: Option<String>,
    /// What the program reads on standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub stdin: Option<String>,
    /// The program's arguments, in place of those of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), inner(length(max = 4096)))]
    pub args: Option<Vec<String>>,
    /// What it is to print. Without it, it has to complete. It is never sent to where the program runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub expected_stdout: Option<String>,
    /// What counts as the expected output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checker: Option<TestChecker>,
    /// The difference that the checker float allows, absolute or relative to the expected number, whichever is more:
    /// 0 to 1, and 0.000001 where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub tolerance: Option<f64>,
}

/// What counts as the expected output: the same to the byte (exact), but for white space at the ends of lines and of the
/// whole (trimmed, the default), the same words (tokens), or the same words where numbers may differ by tolerance (float).
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TestChecker {
    /// The same to the byte.
    Exact,
    /// The same but for white space at the ends of lines and of the whole.
    #[default]
    Trimmed,
    /// The same words, whatever white space is between them.
    Tokens,
    /// The same words, where those that are numbers may differ a little.
    Float,
}

/// An environment variable.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct EnvVar {
    /// The variable's name.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new("!self.contains('=')")
        .message("a variable's name does not hold an equals sign: put what follows it into value"))]
    pub name: String,
    /// The variable's value.
    #[schemars(length(max = 32768))]
    pub value: String,
}

/// The most seconds that a CodeRun may ask for.
pub const SECONDS_MAX: u32 = 86400;
/// The most bytes of memory: 1 PiB, which its text has room for.
pub const MEMORY_BYTES_MAX: u64 = 1 << 50;
/// The most bytes of a stream.
pub const OUTPUT_BYTES_MAX: u32 = 16 << 20;
/// The most processes and threads.
pub const PROCESSES_MAX: u32 = 32768;
/// The most bytes of a file.
pub const FILE_BYTES_MAX: u32 = i32::MAX as u32;

/// Limits that a CodeRun asks for.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestedLimits {
    // The API server compares an integer with the integer part of a minimum, which 0 passes.
    /// Wall-clock seconds of each step; fractions count to the millisecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>", range(min = 0.001, max = SECONDS_MAX))]
    #[x_kube(validation = Rule::new("self > 0.0").message("timeoutSeconds is more than 0: leave it out for the default"))]
    pub timeout_seconds: Option<Seconds>,
    /// Seconds of cpu time; fractions count to the millisecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>", range(min = 0.001, max = SECONDS_MAX))]
    #[x_kube(validation = Rule::new("self > 0.0").message("cpuSeconds is more than 0: leave it out for the default"))]
    pub cpu_seconds: Option<Seconds>,
    /// Memory, as digits with an optional suffix: `128Mi`, `1Gi`. Less than `16Mi` counts as that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^[1-9][0-9]*(k|M|G|Ki|Mi|Gi)?$')")
        .message("memory is written as digits with an optional suffix, such as 128Mi or 1Gi"))]
    pub memory: Option<String>,
    /// Bytes that each of stdout and stderr may hold; past that the program is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = OUTPUT_BYTES_MAX))]
    pub output_bytes: Option<u32>,
    /// Processes and threads at one time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = PROCESSES_MAX))]
    pub processes: Option<u32>,
    /// Bytes of the largest file that the program may write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = FILE_BYTES_MAX))]
    pub file_bytes: Option<u32>,
}

/// The CustomResourceDefinition of [`CodeRun`].
///
/// # Panics
/// Never: the schema that is added to is generated beside it.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    let mut crd = CodeRun::crd();
    without_number_formats(&mut crd);
    let status = crd.spec.versions[0]
        .schema
        .as_mut()
        .and_then(|schema| schema.open_api_v3_schema.as_mut())
        .and_then(|schema| schema.properties.as_mut())
        .and_then(|properties| properties.get_mut("status"))
        .expect("CodeRun has a status");
    // A new CodeRun reads as Pending at once, without a write by anyone.
    status.default = Some(JSON(serde_json::json!({ "phase": Phase::Pending })));
    crd
}

/// Takes the widths of numbers (`uint32`) out of the schema: the API server knows no such formats, warns of
/// each, and the bounds say the same.
pub(crate) fn without_number_formats(crd: &mut CustomResourceDefinition) {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => {
                let numeric = map.get("type").is_some_and(|kind| kind == "integer" || kind == "number");
                if numeric && map.get("format").is_some_and(serde_json::Value::is_string) {
                    map.remove("format");
                }
                map.values_mut().for_each(strip);
            }
            serde_json::Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(&*crd).expect("a CRD serializes");
    strip(&mut value);
    *crd = serde_json::from_value(value).expect("what is left is still a CRD");
}
