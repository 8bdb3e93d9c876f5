//! What the tools are called, what they take and what they give.

use locus_core::{Encoding, Outcome, Seconds};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The tool that runs a program.
pub const RUN_CODE: &str = "run_code";
/// The tool that tells the languages.
pub const LIST_LANGUAGES: &str = "list_languages";

const RUN_CODE_SAYS: &str = "Runs a program in a fresh sandbox and returns what it wrote: standard output, standard error, \
    how it ended and its exit code. Compiled languages are compiled first; what the compiler says comes back too. Each call \
    starts from nothing: no variables, files or packages remain from an earlier one, so send a whole program and print \
    what you want to see. Give input by stdin and args, further files by files, and name files that the program writes in \
    outputFiles to get them back; images among them are shown. A program that writes more than 128 KiB is stopped. One that fails or runs too long is an answer, not an \
    error of the tool.";
const LIST_LANGUAGES_SAYS: &str = "Lists the programming languages that run_code takes, each with its version, its other \
    names and the libraries that are installed beside its own.";

/// The arguments of `run_code`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunCode {
    /// The language by its id or another name, with a version where several are there: python, js, c++, python@3.13.
    pub language: String,
    /// The whole program. It becomes the main file.
    pub code: String,
    /// What the program reads on standard input.
    #[serde(default)]
    pub stdin: String,
    /// Files beside the program, in its working folder.
    #[serde(default)]
    pub files: Vec<CodeFile>,
    /// Arguments of the program.
    #[serde(default)]
    pub args: Vec<String>,
    /// Seconds that the program may take; more than the server allows counts as what it allows. Leave it out for the
    /// language's own limit.
    #[serde(default)]
    #[schemars(with = "f64", extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: Option<Seconds>,
    /// Names of files that the program writes and that are to be returned; * stands for any part of a name and ** for any
    /// folders, as in plot.png and out/**.
    #[serde(default)]
    pub output_files: Vec<String>,
}

/// A file beside the program.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeFile {
    /// Its path below the working folder, such as data/in.csv.
    pub name: String,
    /// Its content.
    pub content: String,
    /// utf8 for text as it is, base64 for bytes.
    #[serde(default)]
    #[schemars(with = "EncodingName")]
    pub encoding: Encoding,
}

/// How a content is written.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
#[expect(dead_code, reason = "it is the schema of another crate's type")]
enum EncodingName {
    Utf8,
    Base64,
}

/// What `run_code` gives.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ran {
    /// How the run ended: `Completed`, `NonZeroExit`, `Signaled`, `TimedOut`, `OutOfMemory`,
    /// `OutputLimitExceeded`, `CompileFailed` or `Cancelled`.
    #[schemars(with = "String")]
    pub outcome: Option<Outcome>,
    /// What the program wrote to standard output.
    pub stdout: String,
    /// What the program wrote to standard error.
    pub stderr: String,
    /// One sentence that says what went wrong; empty when the program completed.
    pub error: String,
    /// The program's exit code, where it exited by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the program, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// Whether standard output was cut.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stdout_truncated: bool,
    /// Whether standard error was cut.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stderr_truncated: bool,
    /// What the compiler wrote, in languages that compile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compiler: Option<Compiler>,
    /// The files that were asked for and that the program left; their content is in the answer's content, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileFound>,
    /// Files that were asked for and are not there, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files_missing: Vec<FileMissing>,
    /// Seconds that the program took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_seconds: Option<f64>,
}

/// What a compiler wrote.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Compiler {
    /// To standard output.
    pub stdout: String,
    /// To standard error.
    pub stderr: String,
}

/// A file that a program has left.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileFound {
    /// Its name below the working folder.
    pub name: String,
    /// What kind of file it is.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
}

/// A file that is not returned.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FileMissing {
    /// The name that was asked for.
    pub name: String,
    /// Why.
    pub why: String,
}

/// What `list_languages` gives.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Languages {
    /// All languages, by their ids.
    pub languages: Vec<LanguageKnown>,
}

/// A language that a program may be in.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LanguageKnown {
    /// What `language` is to be for this version.
    pub selector: String,
    /// The name that people read.
    pub name: String,
    /// The version that a program meets.
    pub version: String,
    /// Other names of the language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Libraries beside the language's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<String>,
}

/// All tools.
pub fn all() -> Vec<Tool> {
    vec![
        tool::<RunCode, Ran>(
            RUN_CODE,
            RUN_CODE_SAYS,
            // A run changes nothing but its own sandbox, but it costs something each time.
            ToolAnnotations::with_title("Run code")
                .read_only(false)
                .destructive(false)
                .idempotent(false)
                .open_world(false),
        ),
        tool::<Nothing, Languages>(
            LIST_LANGUAGES,
            LIST_LANGUAGES_SAYS,
            ToolAnnotations::with_title("List languages").read_only(true).open_world(false),
        ),
    ]
}

/// No arguments.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Nothing {}

fn tool<I: JsonSchema + 'static, O: JsonSchema + 'static>(
    name: &'static str,
    says: &'static str,
    annotations: ToolAnnotations,
) -> Tool {
    let title = annotations.title.clone().unwrap_or_default();
    Tool::new(name, says, JsonObject::new())
        .with_input_schema::<I>()
        .with_output_schema::<O>()
        .with_title(title)
        .with_annotations(annotations)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{RunCode, all};

    #[test]
    fn the_schemas_say_what_the_tools_take_and_give() {
        let tools = serde_json::to_value(all()).expect("they serialize");
        let run = &tools[0];
        assert_eq!(run["name"], "run_code");
        assert_eq!(run["inputSchema"]["required"], json!(["language", "code"]));
        assert_eq!(run["inputSchema"]["additionalProperties"], json!(false));
        assert_eq!(run["inputSchema"]["properties"]["timeoutSeconds"]["exclusiveMinimum"], json!(0));
        assert_eq!(
            run["inputSchema"]["$defs"]["CodeFile"]["properties"]["encoding"]["enum"],
            json!(["utf8", "base64"]),
            "{run:#}"
        );
        assert_eq!(run["outputSchema"]["required"], json!(["outcome", "stdout", "stderr", "error"]));
        assert_eq!(run["annotations"]["destructiveHint"], json!(false));
        let languages = &tools[1];
        assert_eq!(languages["inputSchema"]["type"], "object");
        assert_eq!(languages["annotations"]["readOnlyHint"], json!(true));
        for tool in tools.as_array().expect("a list") {
            assert_eq!(tool["outputSchema"]["type"], "object");
            for (name, property) in tool["inputSchema"]["properties"].as_object().into_iter().flatten() {
                assert!(property["description"].as_str().is_some_and(|says| says.len() > 10), "{name}");
            }
        }
    }

    #[test]
    fn arguments_that_nothing_reads_are_refused() {
        let read = |arguments| serde_json::from_value::<RunCode>(arguments);
        assert!(read(json!({"language": "python", "code": ""})).is_ok());
        assert!(read(json!({"language": "python", "code": "", "timeout": 3})).is_err());
    }
}
