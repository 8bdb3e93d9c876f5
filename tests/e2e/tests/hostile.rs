//! The hostile programs in pods, and what their neighbours notice of them.

// A part of it is for the runner's own tests.
#[allow(dead_code)]
#[path = "../../../runner/tests/hostile/case.rs"]
mod case;

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use case::{Case, Place};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use locus_api::CodeRun;
use locus_core::Outcome;
use locus_e2e::Scenario;
use locus_e2e::cluster::{self, OPERATOR};
use locus_e2e::scenario::{ended, status};
use serde_json::{Value, json};

/// How many hostile programs there are at a time.
const AT_A_TIME: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn hostile_programs_gain_nothing_in_a_pod() {
    let scenario = Scenario::new("hostile").await;
    let all = case::all(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../runner/tests/hostile")));
    let cases: Vec<Case> = all.into_iter().filter(|case| case.runs_in(Place::Pod)).collect();
    assert!(cases.len() >= 80, "there are {} cases", cases.len());
    let before = standing(&scenario).await;
    let scenario_ref = &scenario;
    let failures: Vec<String> = futures::stream::iter(&cases)
        .map(|case| async move {
            let name = case.name.replace(['/', '.'], "-");
            let run = scenario_ref.run(&name, spec(case)).await;
            judge(case, &run).err().map(|error| format!("{}: {error}", case.name))
        })
        .buffer_unordered(AT_A_TIME)
        .filter_map(async |failure| failure)
        .collect()
        .await;
    assert!(failures.is_empty(), "{} of {} broke something:\n{}", failures.len(), cases.len(), failures.join("\n"));
    assert_eq!(standing(&scenario).await, before, "the cluster was touched");
    let next = scenario.run("next", json!({"language": "python", "code": "print('as ever')"})).await;
    assert_eq!(ended(&next, Outcome::Completed).stdout.as_deref(), Some("as ever\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_takes_all_that_it_may_leaves_its_neighbour_alone() {
    let scenario = Scenario::new("neighbour").await;
    let limits = json!({"timeoutSeconds": 60, "memory": "128Mi", "processes": 32});
    let code = "import time\nbegin = time.monotonic()\nwhile time.monotonic() < begin + 12:\n    block = bytearray(32 << 20); open('f', 'w').write('x' * (1 << 20)); time.sleep(0.1)\nprint('unharmed')";
    scenario.create("neighbour", json!({"language": "python", "code": code, "limits": limits})).await;
    scenario.running("neighbour").await;
    let greedy = [
        ("memory", "held = []\nwhile True: held.append(bytearray(b'x') * (8 << 20))", Outcome::OutOfMemory),
        (
            "processes",
            "import os, time\nwhile True:\n    try:\n        if os.fork() == 0: time.sleep(60)\n    except OSError: break\nprint('no more')",
            Outcome::Completed,
        ),
        (
            "disk",
            "n = 0\ntry:\n    while True: open(f'/work/{n}', 'wb').write(bytes(8 << 20)); n += 1\nexcept OSError as error: print(error.strerror)",
            Outcome::Completed,
        ),
    ];
    let runs = greedy.map(|(name, code, outcome)| {
        let (scenario, limits) = (&scenario, &limits);
        async move {
            let run = scenario.run(name, json!({"language": "python", "code": code, "limits": limits})).await;
            let _ = ended(&run, outcome);
            run
        }
    });
    let ended_runs = futures::future::join_all(runs).await;
    let out = |run: &CodeRun| status(run).stdout.clone().unwrap_or_default();
    assert_eq!(out(&ended_runs[1]), "no more\n");
    assert_eq!(out(&ended_runs[2]), "No space left on device\n");
    let neighbour = scenario.finished("neighbour").await;
    assert_eq!(ended(&neighbour, Outcome::Completed).stdout.as_deref(), Some("unharmed\n"));
}

/// The case as a `CodeRun`: images have no compiler and no shell language, so a python program gives way to it.
fn spec(case: &Case) -> Value {
    // Python ignores these two signals, and what is ignored stays so.
    let give_way = |argv: &str| {
        format!(
            "import os, signal, sys\nfor number in (signal.SIGPIPE, signal.SIGXFSZ): signal.signal(number, signal.SIG_DFL)\n\
             os.execv({argv}[0], {argv} + sys.argv[1:])\n"
        )
    };
    let main = |content: String| json!({"name": "main.py", "content": content});
    let files = match case.language.as_str() {
        "py" => json!([main(case.source.clone())]),
        "sh" => json!([main(give_way("['/bin/sh', 'main.sh']")), {"name": "main.sh", "content": case.source}]),
        "c" => json!([
            main(format!("import os\nos.chmod('main', 0o755)\n{}", give_way("['./main']"))),
            {"name": "main", "content": STANDARD.encode(compiled(case)), "encoding": "base64"}
        ]),
        other => panic!("{} is in an unknown language {other}", case.name),
    };
    let limits = case.limits();
    let env = case.env().into_iter().map(|(name, value)| json!({"name": name, "value": value}));
    let mut spec = json!({
        "language": "python",
        "files": files,
        "args": case.args(),
        "env": env.collect::<Vec<_>>(),
        "limits": {
            "timeoutSeconds": limits.timeout_seconds,
            "cpuSeconds": limits.cpu_seconds,
            "memory": limits.memory_bytes.to_string(),
            "outputBytes": limits.output_bytes,
            "processes": limits.processes,
            "fileBytes": limits.file_bytes,
        }
    });
    let inputs = case.cases();
    if inputs.is_empty() {
        spec["stdin"] = case.stdin().into();
    } else {
        let stdout = case.stdout(true).expect("a case says what it prints");
        let test = |stdin| json!({"stdin": stdin, "expectedStdout": stdout, "checker": "exact"});
        spec["tests"] = inputs.into_iter().map(test).collect();
    }
    spec
}

fn compiled(case: &Case) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, program) = (folder.path().join("main.c"), folder.path().join("main"));
    std::fs::write(&source, &case.source).expect("it is written");
    let gcc = Command::new("gcc").args(["-O1", "-pthread", "-s", "-o"]).arg(&program).arg(&source).output();
    let gcc = gcc.expect("gcc starts");
    assert!(gcc.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&gcc.stderr));
    std::fs::read(program).expect("it was compiled")
}

fn judge(case: &Case, run: &CodeRun) -> Result<(), String> {
    let status = status(run);
    let stdout = match (&status.stdout, &status.stdout_base64) {
        (_, Some(encoded)) => STANDARD.decode(encoded).map_err(|error| error.to_string())?,
        (text, None) => text.clone().unwrap_or_default().into_bytes(),
    };
    let head = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
    let told = format!(
        "{:?} ({:?}), exit {:?}, signal {:?}, stdout {:?}, stderr {:?}",
        status.outcome,
        status.error,
        status.exit_code,
        status.signal,
        head(&stdout),
        head(status.stderr.as_deref().unwrap_or_default().as_bytes())
    );
    let outcome = case.outcome(true);
    if !case.cases().is_empty() {
        let tests = status.tests.as_ref().map_or(&[][..], |tests| tests.cases.as_slice());
        let right = tests.len() == case.cases().len() && tests.iter().all(|test| test.verdict == "Passed");
        return if right && status.outcome.as_deref() == Some(outcome.as_str()) {
            Ok(())
        } else {
            Err(format!("not {outcome} in each case as expected but {told}, {tests:?}"))
        };
    }
    let right = status.outcome.as_deref() == Some(outcome.as_str())
        && case.stdout(true).is_none_or(|wanted| stdout == wanted.as_bytes())
        && case.signal().is_none_or(|signal| status.signal.as_deref() == Some(signal))
        && case.exit().is_none_or(|exit| status.exit_code == Some(exit));
    if right { Ok(()) } else { Err(format!("not {outcome} as expected but {told}")) }
}

/// What must not change: the nodes' conditions, and how often containers of Locus and of the system have restarted.
async fn standing(scenario: &Scenario) -> Vec<String> {
    let nodes: Api<Node> = Api::all(scenario.client.clone());
    let pods: Api<Pod> = Api::all(scenario.client.clone());
    let mut standing = Vec::new();
    for node in nodes.list(&ListParams::default()).await.expect("nodes can be listed") {
        for condition in node.status.iter().flat_map(|status| status.conditions.iter().flatten()) {
            standing.push(format!("{} {} {}", node.name_any(), condition.type_, condition.status));
        }
    }
    let system = pods.list(&ListParams::default().fields("metadata.namespace=kube-system")).await;
    let own = cluster::pods_of(&scenario.client, OPERATOR).await.expect("pods can be listed");
    for pod in system.expect("pods can be listed").items.into_iter().chain(own) {
        for container in pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten()) {
            standing.push(format!("{} {} {}", pod.name_any(), container.name, container.restart_count));
        }
    }
    standing
}
