//! docs/api.md does what it says: each of its commands is run, and prints what stands below it.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Server, languages};

/// A command and what it is to print, where that is said. `…` stands for anything.
struct Example {
    command: String,
    output: Option<String>,
}

#[tokio::test]
async fn every_command_of_the_api_document_prints_what_stands_below_it() {
    if Command::new("curl").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI has curl");
        println!("NOT RUN: curl is not installed");
        return;
    }
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md");
    let examples = examples(&fs::read_to_string(document).expect("it is there"));
    assert!(examples.len() > 10, "{}", examples.len());
    let server = Server::start(&[]);
    assert!(languages(server.address).await.iter().any(|id| id == "python"));
    let folder = tempfile::tempdir().expect("a folder");
    for Example { command, output } in examples {
        let run = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &command])
            .env("LOCUS", format!("http://{}", server.address))
            .current_dir(folder.path())
            .output()
            .expect("bash runs");
        let printed = String::from_utf8(run.stdout).expect("text");
        assert!(run.status.success(), "{command}\n{printed}{}", String::from_utf8_lossy(&run.stderr));
        if let Some(output) = output {
            assert!(is_like(&printed, &output), "{command}\nprinted\n{printed}\nand not\n{output}");
        }
    }
}

fn examples(document: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    // Between fences, every other part is a block.
    for block in document.split("```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').expect("a block has lines");
        match language {
            "sh" => examples.push(Example { command: text.to_owned(), output: None }),
            _ => examples.last_mut().expect("a command stands above").output = Some(text.trim().to_owned()),
        }
    }
    examples
}

/// Whether a text has the parts of another one around its `…`, in their order, and nothing beside them.
fn is_like(text: &str, pattern: &str) -> bool {
    let text = text.trim();
    let Some((head, tail)) = pattern.split_once('…') else { return text == pattern };
    let Some(mut rest) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = tail.split('…').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}
