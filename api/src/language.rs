//! `Language`: what programs may be written in, how they run, and in which image.
#![allow(clippy::duplicated_attributes, reason = "two columns of a table may be of one type")]

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, CustomResourceExt as _, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::coderun::without_number_formats;
use crate::{EnvVar, RequestedLimits};

/// How a language is called, how its programs run, and in which image. `kubectl apply` is all that it takes.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[kube(
    group = "locus.dev",
    version = "v1alpha1",
    kind = "Language",
    plural = "languages",
    status = "LanguageStatus",
    category = "locus",
    derive = "PartialEq",
    doc = "A language that programs may be written in: how it is called, how its programs run, and in which image.",
    printcolumn(name = "Language", type_ = "string", json_path = ".spec.name"),
    printcolumn(name = "Version", type_ = "string", json_path = ".spec.version"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Warm", type_ = "integer", json_path = ".status.warm"),
    printcolumn(name = "Image", type_ = "string", json_path = ".spec.image", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 63")
        .message("the name of a Language has at most 63 characters: CodeRuns that check it bear it too")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.compileLimits) || has(self.compile)")
    .message("compileLimits are of the compile step: give compile too, or leave them out"))]
pub struct LanguageSpec {
    /// The id, as in `language: python`. The default is the object's name. Several versions of a language have one id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9][a-z0-9+#._-]*$')")
        .message("id is lower-case letters, digits and + # . _ -, such as python or c++"))]
    pub id: Option<String>,

    /// The name that people read, such as `C++`.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,

    /// The version that the image holds, such as `3.13`.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9][A-Za-z0-9+._-]*$')")
        .message("version is letters, digits and + . _ -, such as 3.13: it follows the @ in python@3.13"))]
    pub version: String,

    /// Whether the id alone means this version, as it does unless told. One version of each id is its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,

    /// Other names for the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 63)))]
    #[x_kube(validation = Rule::new("self.all(alias, alias.matches('^[a-z0-9][a-z0-9+#._-]*$'))")
        .message("an alias is lower-case letters, digits and + # . _ -, such as py or c++"))]
    pub aliases: Option<Vec<String>>,

    /// The file that `code` of a CodeRun becomes, such as `main.py`.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.split('/').all(part, part != '' && part != '.' && part != '..')")
        .message("a file name is a relative path such as main.py, without empty, . or .. parts"))]
    pub file_name: String,

    /// The image that programs run in: it holds the language and starts `locus-runner`.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9][A-Za-z0-9._:/@-]*$')")
        .message("image is an image with its tag or digest, such as registry.example/lua:5.4"))]
    pub image: String,

    /// The compiler's argv, in languages that compile; `{main}` in an item stands for the main file, and compileArgs of a
    /// CodeRun are added at its end. No shell reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(max = 4096)))]
    #[x_kube(validation = Rule::new("size(self) > 0 && size(self[0]) > 0")
        .message("compile is an argv such as [gcc, -o, program, \"{main}\"]: its first item is the program"))]
    pub compile: Option<Vec<String>>,

    /// The program's argv; `{main}` in an item stands for the main file, and args of a CodeRun are added at its end. No shell
    /// reads it.
    #[schemars(length(min = 1, max = 64), inner(length(max = 4096)))]
    #[x_kube(validation = Rule::new("size(self) > 0 && size(self[0]) > 0")
        .message("run is an argv such as [lua, \"{main}\"]: its first item is the program"))]
    pub run: Vec<String>,

    /// Environment variables that the language needs. In a value, `{heap}` stands for three quarters of the memory limit, in
    /// MiB: `-Xmx{heap}m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub env: Option<Vec<EnvVar>>,

    /// Files and folders that programs may read beside those of the system, such as `/etc/alternatives`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 1024)))]
    #[x_kube(validation = Rule::new("self.all(path, path.startsWith('/') && !path.split('/').exists(part, part == '..'))")
        .message("a readable path is absolute, such as /etc/lua, and has no .. parts"))]
    pub readable: Option<Vec<String>>,

    /// Limits of a CodeRun that asks for none, where they differ from the defaults of Locus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<RequestedLimits>,

    /// Limits of the compile step, where they differ from the defaults of Locus. A CodeRun does not change them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile_limits: Option<RequestedLimits>,

    /// How the interpreter is started before there is a run, where the image has a hook for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prestart: Option<PrestartSpec>,

    /// The name of the editor's mode for it; the default is the id, and `none` is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub editor: Option<String>,

    /// Libraries in the image beside those that the language itself brings, by the names that programs import them by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), inner(length(min = 1, max = 128)))]
    pub libraries: Option<Vec<String>>,

    /// A short program that shows what the language is like. It is run once to see whether the language works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65_536))]
    pub example: Option<String>,

    /// What the language is called by clients that were made for Judge0 and Piston.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compat: Option<CompatSpec>,
}

/// What a language is called by clients that were made for other systems.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompatSpec {
    /// The numbers of Judge0 that mean it. It is listed under the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), inner(range(min = 1, max = 1_000_000)))]
    pub judge0: Option<Vec<u32>>,
    /// Its name in Piston, and then its aliases there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 63)))]
    #[x_kube(validation = Rule::new("self.all(name, name.matches('^[a-z0-9][a-z0-9+#._-]*$'))")
        .message("a name is lower-case letters, digits and + # . _ -, such as py or c++"))]
    pub piston: Option<Vec<String>>,
}

/// What holds an interpreter in its start-up until it has a run.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrestartSpec {
    /// Environment variables that make the interpreter load the hook.
    #[schemars(length(max = 64))]
    pub env: Vec<EnvVar>,
    /// Names of variables that it reads before the hook; `*` at the end stands for any rest. A run that sets one is started
    /// plainly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), inner(length(min = 1, max = 256)))]
    #[x_kube(validation = Rule::new("self.all(name, name.matches('^[^=*]+[*]?$'))")
        .message("a variable's name holds no equals sign, and a * at its end alone, such as LC_*"))]
    pub fixed_env: Option<Vec<String>>,
}

/// Whether the language works, and how many pods wait for its runs.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LanguageStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The condition Ready: whether a pod of the image has run the language's runner. Its reason and message tell more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub conditions: Vec<Condition>,
    /// The image that is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The version that is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Pods that wait for its runs.
    #[serde(default)]
    pub warm: u32,
}

/// The CustomResourceDefinition of [`Language`].
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    let mut crd = Language::crd();
    without_number_formats(&mut crd);
    crd
}
