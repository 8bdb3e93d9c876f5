//! The examples of a few languages as CodeRuns: what holds in a container of the image holds in a pod of the operator's.

use std::path::Path;

use futures::future::join_all;
use locus_api::{CodeRun, CodeRunSpec};
use locus_core::Outcome;
use locus_e2e::Scenario;
use locus_e2e::scenario::status;
use locus_languages::examples::{Example, Examples, Found};
use serde_json::json;

/// Interpreted and prestarted, and compiled.
const SAMPLE: [&str; 3] = ["python", "javascript", "c"];

#[tokio::test(flavor = "multi_thread")]
async fn all_examples_of_a_few_languages_end_as_they_should() {
    let scenario = Scenario::new("examples").await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../languages");
    for name in SAMPLE {
        let language = locus_languages::find(locus_languages::all(), name).expect("it is known");
        let examples = Examples::read(&folder, language).unwrap_or_else(|error| panic!("{error}"));
        let ends = join_all(examples.cases.iter().map(async |example| {
            let spec = CodeRunSpec::from(example.request(name.to_owned()));
            let run = scenario.run(&format!("{name}-{}", example.name), json!(spec)).await;
            check(example, &run).map_err(|error| format!("{name}: {}: {error}", example.name))
        }))
        .await;
        let wrong: Vec<String> = ends.into_iter().filter_map(Result::err).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

fn check(example: &Example, run: &CodeRun) -> Result<(), String> {
    let status = status(run);
    let outcome: Outcome = serde_json::from_value(json!(status.outcome)).map_err(|error| error.to_string())?;
    if status.stdout_in_status_truncated {
        // An object can't hold it all.
        return if outcome == Outcome::Completed { Ok(()) } else { Err(format!("it ends as {}", outcome.as_str())) };
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let compile = status.compile.as_ref().filter(|_| outcome == Outcome::CompileFailed);
    let stderr = compile.map_or_else(|| text(&status.stderr), |compile| compile.stdout.clone() + &compile.stderr);
    example.check(&Found {
        outcome,
        exit_code: status.exit_code,
        stdout: text(&status.stdout).into_bytes(),
        stderr: stderr.into_bytes(),
        error: text(&status.error),
    })
}
