//! `CodeRuns` from creation to result: what the program is given, what comes back, and how it can end.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use locus_api::{CodeRun, FileEncoding, Phase, labels};
use locus_core::{Outcome, Seconds};
use locus_e2e::pods::{PodsSeen, pod_gone, pod_of};
use locus_e2e::scenario::{condition, ended, status};
use locus_e2e::{Scenario, cluster, tools};
use serde_json::{Value, json};

/// A program that runs until it is stopped.
const ENDLESS: &str = "import time\nwhile True: time.sleep(1)";

fn python(code: &str) -> Value {
    json!({"language": "python", "code": code})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_program_goes_from_pending_to_running_to_succeeded() {
    hello("python", "print('hello, é 🦀')").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_javascript_program_goes_from_pending_to_running_to_succeeded() {
    hello("javascript", "console.log('hello, é 🦀')").await;
}

async fn hello(language: &str, code: &str) {
    let scenario = Scenario::new(&format!("hello-{language}")).await;
    let limits = json!({"timeoutSeconds": 20, "memory": "128Mi", "outputBytes": 4096});
    let created = scenario.create("hello", json!({"language": language, "code": code, "limits": limits})).await;
    let seen = scenario.history(created).await;

    let mut phases: Vec<Option<Phase>> = seen.iter().map(|run| status(run).phase).collect();
    phases.dedup();
    assert_eq!(phases, [Phase::Pending, Phase::Running, Phase::Succeeded].map(Some));
    let waiting = seen.iter().filter(|run| status(run).phase != Some(Phase::Succeeded));
    assert!(waiting.filter_map(condition).all(|condition| condition.status == "Unknown"));

    let run = seen.last().expect("there is a last state");
    let status = ended(run, Outcome::Completed);
    assert_eq!(status.stdout.as_deref(), Some("hello, é 🦀\n"));
    assert_eq!(status.stderr.as_deref(), Some(""));
    assert_eq!(status.error.as_deref(), Some(""));
    assert_eq!(status.exit_code, Some(0));
    assert_eq!(status.signal, None);
    assert!(status.pod_name.is_some() && status.pod_uid.is_some());
    assert!(status.start_time <= status.completion_time && status.start_time.is_some());
    let usage = status.usage.as_ref().expect("usage is told");
    assert!(usage.wall_seconds > 0.0 && usage.cpu_seconds > 0.0 && usage.memory_peak_bytes > 0, "{usage:?}");
    let limits = status.limits.as_ref().expect("the limits in force are shown");
    assert_eq!(
        (limits.timeout_seconds, limits.memory.as_str(), limits.output_bytes),
        (Seconds::whole(20), "134217728", 4096)
    );
    assert!(limits.cpu_seconds > Seconds::ZERO && limits.processes > 0 && limits.file_bytes > 0, "{limits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_given_its_stdin_arguments_and_environment_to_the_byte() {
    let scenario = Scenario::new("input").await;
    let code = "import os, sys\n\
                print(sys.argv[1:], os.environ['GREETING'], os.environ['EMPTY'] == '')\n\
                sys.stdout.write(sys.stdin.read())";
    let spec = json!({
        "language": "py",
        "code": code,
        "stdin": "line one\nno newline at the end, é",
        "args": ["$HOME", "a b", "", "*", "--help"],
        "env": [{"name": "GREETING", "value": "good $DAY"}, {"name": "EMPTY", "value": ""}]
    });
    let run = scenario.run("input", spec).await;
    let expected = "['$HOME', 'a b', '', '*', '--help'] good $DAY True\nline one\nno newline at the end, é";
    assert_eq!(ended(&run, Outcome::Completed).stdout.as_deref(), Some(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_several_files_imports_them_and_reads_binary_ones() {
    let scenario = Scenario::new("files").await;
    let main = "from lib.util import double\nprint(double(21))\nprint(open('data/bytes.bin', 'rb').read())";
    let files = json!([
        {"name": "main.py", "content": main},
        {"name": "lib/util.py", "content": "def double(x):\n    return 2 * x\n", "encoding": "utf8"},
        {"name": "data/bytes.bin", "content": STANDARD.encode([0, 255, 10]), "encoding": "base64"}
    ]);
    let run = scenario.run("files", json!({"language": "python@3", "files": files})).await;
    assert_eq!(ended(&run, Outcome::Completed).stdout.as_deref(), Some("42\nb'\\x00\\xff\\n'\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_run_for_each_test_and_each_is_told_with_what_it_did() {
    let scenario = Scenario::new("tests").await;
    let code = "import sys, time\n\
                word = sys.stdin.read()\n\
                if word == 'late': time.sleep(60)\n\
                if word == 'break': sys.exit('broken')\n\
                print(word.upper(), *sys.argv[1:])";
    let tests = json!([
        {"name": "right", "stdin": "a", "expectedStdout": "A x"},
        {"stdin": "b", "expectedStdout": "C x"},
        {"name": "broken", "stdin": "break"},
        {"name": "late", "stdin": "late", "expectedStdout": "LATE"},
        {"name": "own arguments", "stdin": "c", "args": ["1.0000001"], "expectedStdout": "C 1", "checker": "float"},
        {"name": "to the byte", "stdin": "d", "expectedStdout": "D x", "checker": "exact"}
    ]);
    let limits = json!({"timeoutSeconds": 2});
    let spec = json!({"language": "python", "code": code, "args": ["x"], "tests": tests, "limits": limits});
    let run = scenario.run("tests", spec).await;
    let status = ended(&run, Outcome::TestsFailed);
    assert_eq!(status.error.as_deref(), Some("2 of 6 tests passed"));
    let judged = status.tests.as_ref().expect("it tells of its tests");
    assert_eq!((judged.passed, judged.total), (2, 6));
    let told = judged.cases.iter().map(|case| (case.verdict.as_str(), case.outcome.as_deref()));
    let expected = [
        ("Passed", Some("Completed")),
        ("WrongOutput", Some("Completed")),
        ("Failed", Some("NonZeroExit")),
        ("Failed", Some("TimedOut")),
        ("Passed", Some("Completed")),
        ("WrongOutput", Some("Completed")),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let [right, wrong, broken, late, ..] = judged.cases.as_slice() else { panic!("there are six") };
    assert_eq!((right.name.as_deref(), right.stdout.as_deref()), (Some("right"), Some("A x\n")));
    assert_eq!((wrong.name.as_deref(), wrong.stdout.as_deref()), (None, Some("B x\n")));
    assert_eq!((broken.exit_code, broken.stderr.as_deref()), (Some(1), Some("broken\n")));
    assert!(late.error.as_ref().is_some_and(|error| !error.is_empty()), "{late:?}");
    assert!(late.usage.as_ref().is_some_and(|usage| usage.wall_seconds >= 2.0), "{late:?}");
    assert!(status.stdout.as_deref().unwrap_or_default().is_empty(), "what it writes is that of its tests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_passes_all_its_tests_completes_and_no_case_sees_files_of_another() {
    let scenario = Scenario::new("passes").await;
    let code = "import os\nprint(os.path.exists('left'))\nopen('left', 'w').close()";
    let tests = json!([{"expectedStdout": "False"}, {"expectedStdout": "False"}, {}]);
    let run = scenario.run("passes", json!({"language": "python", "code": code, "tests": tests})).await;
    let tests = ended(&run, Outcome::Completed).tests.as_ref().expect("it tells of its tests");
    assert_eq!((tests.passed, tests.total), (3, 3), "{tests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_can_not_be_compiled_runs_none_of_its_tests() {
    let scenario = Scenario::new("uncompiled").await;
    let tests = json!([{"name": "one", "expectedStdout": ""}, {}]);
    let run = scenario.run("uncompiled", json!({"language": "c", "code": "int main(", "tests": tests})).await;
    let tests = ended(&run, Outcome::CompileFailed).tests.as_ref().expect("it tells of its tests");
    assert_eq!((tests.passed, tests.total), (0, 2));
    assert!(tests.cases.iter().all(|case| case.verdict == "NotRun" && case.outcome.is_none()), "{tests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_a_program_leaves_are_returned_and_the_others_told_of() {
    let scenario = Scenario::new("output-files").await;
    let code = "import os\n\
                os.makedirs('out/deep')\n\
                open('out/bytes.bin', 'wb').write(bytes(range(256)))\n\
                open('out/deep/text.csv', 'w').write('é,1\\n')\n\
                open('secret.txt', 'w').write('not asked for')\n\
                os.symlink('/etc/passwd', 'out/link.bin')";
    let names = ["out/*.bin", "out/**/*.csv", "missing.txt", "out/link.bin"];
    let run = scenario.run("files", json!({"language": "python", "code": code, "outputFiles": names})).await;
    let status = ended(&run, Outcome::Completed);
    let mut files: Vec<_> = status.files.iter().collect();
    files.sort_by_key(|file| &file.name);
    let [bytes, text] = files[..] else { panic!("two files are returned: {files:?}") };
    let content: Vec<u8> = (0..=255).collect();
    assert_eq!((bytes.name.as_str(), &bytes.content), ("out/bytes.bin", &STANDARD.encode(content)));
    assert_eq!(bytes.encoding, Some(FileEncoding::Base64));
    assert_eq!((text.name.as_str(), text.content.as_str(), text.encoding), ("out/deep/text.csv", "é,1\n", None));
    let mut left: Vec<_> = status.files_left.iter().map(|file| file.name.as_str()).collect();
    left.sort_unstable();
    assert_eq!(left, ["missing.txt", "out/link.bin"], "{:?}", status.files_left);
    assert!(status.files_left.iter().all(|file| !file.why.is_empty()), "{:?}", status.files_left);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_status_other_than_0_is_told_with_what_was_written() {
    let scenario = Scenario::new("exit").await;
    let code = "import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(3)";
    let run = scenario.run("exit", python(code)).await;
    let status = ended(&run, Outcome::NonZeroExit);
    assert_eq!(status.exit_code, Some(3));
    assert_eq!((status.stdout.as_deref(), status.stderr.as_deref()), (Some("out\n"), Some("err\n")));
    assert!(status.error.as_ref().is_some_and(|error| error.contains('3')), "{:?}", status.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_a_signal_ends_is_told_by_the_signals_name() {
    let scenario = Scenario::new("signal").await;
    let run = scenario.run("signal", python("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")).await;
    let status = ended(&run, Outcome::Signaled);
    assert_eq!((status.signal.as_deref(), status.exit_code), (Some("SIGSEGV"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn output_that_is_not_text_stands_in_base64() {
    let scenario = Scenario::new("bytes").await;
    let code = "import sys\nsys.stdout.buffer.write(bytes(range(256)))\nsys.stderr.write('text')";
    let run = scenario.run("bytes", python(code)).await;
    let status = ended(&run, Outcome::Completed);
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!((status.stdout.as_deref(), status.stdout_base64.clone()), (None, Some(STANDARD.encode(bytes))));
    assert_eq!((status.stderr.as_deref(), status.stderr_base64.as_deref()), (Some("text"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_ignores_sigterm_is_stopped_at_its_time_limit() {
    let scenario = Scenario::new("timeout").await;
    let code = format!("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{ENDLESS}");
    let spec = json!({"language": "python", "code": code, "limits": {"timeoutSeconds": 1}});
    let run = scenario.run("timeout", spec).await;
    let status = ended(&run, Outcome::TimedOut);
    assert_eq!(status.exit_code, None);
    let wall = status.usage.as_ref().expect("usage is told").wall_seconds;
    assert!((1.0..15.0).contains(&wall), "{wall} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_program_is_stopped_when_someone_cancels_it() {
    let scenario = Scenario::new("cancel").await;
    scenario.create("cancel", python(ENDLESS)).await;
    scenario.running("cancel").await;
    scenario.cancel("cancel").await;
    let run = scenario.finished("cancel").await;
    assert!(ended(&run, Outcome::Cancelled).pod_uid.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_before_it_starts_never_starts() {
    let scenario = Scenario::new("never").await;
    let spec = json!({"language": "python", "code": "print('ran')", "cancelRequested": true});
    let run = scenario.run("never", spec).await;
    let status = ended(&run, Outcome::Cancelled);
    assert_eq!(status.pod_name, None);
    assert_eq!(status.stdout.as_deref().unwrap_or_default(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_that_is_not_known_is_answered_with_those_that_are() {
    let scenario = Scenario::new("language").await;
    let run = scenario.run("language", json!({"language": "klingon", "code": ""})).await;
    let error = ended(&run, Outcome::UnknownLanguage).error.clone().unwrap_or_default();
    assert!(["klingon", "python", "javascript"].iter().all(|word| error.contains(word)), "{error}");
    assert_eq!(condition(&run).map(|condition| condition.message.as_str()), Some(error.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_server_can_not_check_ends_as_an_invalid_request() {
    let scenario = Scenario::new("invalid").await;
    let file = json!({"name": "main.py", "content": "no base64!", "encoding": "base64"});
    let run = scenario.run("invalid", json!({"language": "python", "files": [file]})).await;
    let error = ended(&run, Outcome::InvalidRequest).error.clone().unwrap_or_default();
    assert!(error.contains("main.py"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_as_an_event_that_kubectl_describe_shows() {
    let scenario = Scenario::new("event").await;
    scenario.run("event", python("raise SystemExit(4)")).await;
    cluster::until("an event about the failure", async || {
        let text = tools::kubectl(&["describe", "coderun", "event", "--namespace", &scenario.namespace]);
        let (_, events) = text.split_once("Events:").unwrap_or_default();
        events.contains("NonZeroExit").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn coderuns_of_one_name_in_two_namespaces_are_two_runs() {
    let (a, b) = (Scenario::new("same-a").await, Scenario::new("same-b").await);
    let spec = |scenario: &Scenario| python(&format!("print('{}')", scenario.namespace));
    let (first, second) = futures::join!(a.run("same", spec(&a)), b.run("same", spec(&b)));
    for (scenario, run) in [(&a, &first), (&b, &second)] {
        assert_eq!(ended(run, Outcome::Completed).stdout, Some(format!("{}\n", scenario.namespace)));
    }
    assert_ne!(status(&first).pod_uid, status(&second).pod_uid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_coderun_is_deleted_after_its_time() {
    let scenario = Scenario::new("ttl").await;
    let spec = json!({"language": "python", "code": "print(1)", "ttlSecondsAfterFinished": 1});
    let created = scenario.create("ttl", spec).await;
    let seen = scenario.history(created).await;
    let _ = ended(seen.last().expect("there is a last state"), Outcome::Completed);
    cluster::until("the deletion of the coderun", async || {
        scenario.runs().get_opt("ttl").await.expect("the API server answers").is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_coderuns_at_once_all_complete_with_their_own_output_and_pod() {
    let scenario = Scenario::new("twenty").await;
    let names: Vec<String> = (0..20).map(|index| format!("run-{index}")).collect();
    let runs = names.iter().map(|name| scenario.run(name, python(&format!("print('{name}' * 100)"))));
    let runs = join_all(runs).await;
    for (name, run) in names.iter().zip(&runs) {
        assert_eq!(ended(run, Outcome::Completed).stdout, Some(format!("{}\n", name.repeat(100))));
    }
    let mut pods: Vec<_> = runs.iter().map(|run| status(run).pod_uid.clone()).collect();
    pods.sort();
    pods.dedup();
    assert_eq!(pods.len(), 20, "pods are single-use");
}

#[tokio::test(flavor = "multi_thread")]
async fn output_that_fits_its_limit_but_not_the_object_is_cut_there_and_changes_no_verdict() {
    let scenario = Scenario::new("control").await;
    // A control character takes six bytes of JSON: this is 6 MiB on the wire.
    let run = scenario.run("control", python("import sys\nsys.stdout.write('\\x01' * (1 << 20))")).await;
    let status = ended(&run, Outcome::Completed);
    let bytes = serde_json::to_vec(status).expect("it serializes").len();
    assert!(bytes <= 768 << 10, "the status holds {bytes} bytes");
    let stdout = status.stdout.as_deref().expect("it is text");
    assert!(stdout.len() > 64 << 10 && stdout.bytes().all(|byte| byte == 1), "{} bytes are kept", stdout.len());
    assert!(status.stdout_in_status_truncated);
    assert!(!status.stdout_truncated && !status.stderr_in_status_truncated);
    // Its runner has it whole, for a while.
    assert!(status.pod_kept_until > status.completion_time, "{:?}", status.pod_kept_until);
    let pod = pod_of(&scenario.client, &run).await;
    assert_eq!(pod.metadata.deletion_timestamp, None, "the pod is kept");
    pod_gone(&scenario.client, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_writes_too_much_is_stopped_and_its_first_whole_characters_kept() {
    let scenario = Scenario::new("output").await;
    let code = "while True: print('é' * 1000, end='', flush=True)";
    let spec = json!({"language": "python", "code": code, "limits": {"outputBytes": 1001}});
    let run = scenario.run("output", spec).await;
    let status = ended(&run, Outcome::OutputLimitExceeded);
    assert_eq!(status.stdout.as_deref(), Some("é".repeat(500).as_str()));
    assert!(status.stdout_truncated && !status.stderr_truncated && !status.stdout_in_status_truncated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_takes_too_much_memory_ends_out_of_memory_with_its_output_so_far() {
    let scenario = Scenario::new("memory").await;
    let code = "print('before', flush=True)\nhog = b'x' * (1 << 30)\nprint('after')";
    let spec = json!({"language": "python", "code": code, "limits": {"memory": "64Mi"}});
    let run = scenario.run("memory", spec).await;
    assert_eq!(ended(&run, Outcome::OutOfMemory).stdout.as_deref(), Some("before\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runs_pod_is_gone_soon_after_its_end() {
    let scenario = Scenario::new("clean").await;
    let run = scenario.run("clean", python("print(1)")).await;
    pod_gone(&scenario.client, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_running_coderun_removes_its_pod() {
    let scenario = Scenario::new("delete").await;
    scenario.create("delete", python(ENDLESS)).await;
    let run = scenario.running("delete").await;
    scenario.runs().delete("delete", &DeleteParams::default()).await.expect("no finalizer holds it");
    assert!(scenario.runs().get_opt("delete").await.expect("the API server answers").is_none());
    pod_gone(&scenario.client, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_namespace_removes_the_pods_of_its_coderuns() {
    let scenario = Scenario::new("namespace").await;
    scenario.create("run", python(ENDLESS)).await;
    let run = scenario.running("run").await;
    let client = scenario.client.clone();
    drop(scenario);
    pod_gone(&client, &run).await;
}

/// A run with so much memory has a pod of its own.
const MORE_THAN_A_POOL_HAS: &str = "300Mi";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_pod_is_as_locked_down_as_promised_and_knows_nothing_of_the_program() {
    let scenario = Scenario::new("locked").await;
    let secret = "marker5d1c";
    let spec = json!({
        "language": "python",
        "code": format!("secret = '{secret}'\n{ENDLESS}"),
        "stdin": secret,
        "args": [secret],
        "env": [{"name": "SECRET", "value": secret}],
        "limits": {"memory": MORE_THAN_A_POOL_HAS}
    });
    scenario.create("locked", spec).await;
    let run = scenario.running("locked").await;
    let pod = pod_of(&scenario.client, &run).await;

    let text = json!(pod).to_string();
    assert!(!traces(secret).iter().any(|trace| text.contains(trace)), "{text}");
    let spec = pod.spec.as_ref().expect("a pod has a spec");
    assert_eq!(spec.restart_policy.as_deref(), Some("Never"));
    assert_eq!(spec.automount_service_account_token, Some(false));
    assert_eq!(spec.enable_service_links, Some(false));
    assert!(spec.active_deadline_seconds.is_some_and(|seconds| seconds > 0));
    assert!(![spec.host_network, spec.host_pid, spec.host_ipc].contains(&Some(true)));
    let volumes = spec.volumes.iter().flatten();
    assert!(volumes.clone().all(|volume| volume.empty_dir.is_some()), "{:?}", spec.volumes);
    assert!(volumes.flat_map(|volume| &volume.empty_dir).all(|volume| volume.size_limit.is_some()));
    let security = spec.security_context.as_ref().expect("the pod has a security context");
    assert_eq!(security.run_as_non_root, Some(true));
    assert!(security.run_as_user.is_some_and(|user| user >= 1000), "{security:?}");
    assert_eq!(security.seccomp_profile.as_ref().map(|profile| profile.type_.as_str()), Some("RuntimeDefault"));
    assert_eq!(spec.containers.len(), 1);
    for container in &spec.containers {
        let security = container.security_context.as_ref().expect("the container has a security context");
        assert_eq!(security.read_only_root_filesystem, Some(true));
        assert_eq!(security.allow_privilege_escalation, Some(false));
        assert_ne!(security.privileged, Some(true));
        let capabilities = security.capabilities.as_ref().expect("capabilities are dropped");
        assert_eq!((capabilities.drop.as_deref(), capabilities.add.as_deref()), (Some(&["ALL".to_owned()][..]), None));
        let limits = container.resources.as_ref().and_then(|resources| resources.limits.as_ref());
        assert!(limits.is_some_and(|limits| limits.contains_key("memory") && limits.contains_key("cpu")));
    }
    assert_eq!(pod.annotations().get(labels::CODERUN_NAME).map(String::as_str), Some("locked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_sees_no_token_no_root_and_no_place_to_write_but_its_own() {
    let scenario = Scenario::new("inside").await;
    let code = "import os\n\
                print(os.getuid() >= 1000, os.path.exists('/var/run/secrets/kubernetes.io'))\n\
                print(any(name.startswith(('KUBERNETES_', 'LOCUS_')) for name in os.environ))\n\
                open('here', 'w').write('x'); open('/tmp/there', 'w').write('x')\n\
                for path in ['/etc/x', '/usr/x', '/x']:\n\
                \x20   try:\n\
                \x20       open(path, 'w')\n\
                \x20       print('wrote', path)\n\
                \x20   except OSError:\n\
                \x20       pass";
    let run = scenario.run("inside", python(code)).await;
    assert_eq!(ended(&run, Outcome::Completed).stdout.as_deref(), Some("True False\nFalse\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_run_at_the_same_time_have_different_user_ids() {
    let scenario = Scenario::new("users").await;
    let names = ["a", "b", "c", "d"];
    for name in names {
        scenario.create(name, python(ENDLESS)).await;
    }
    let runs: Vec<CodeRun> = join_all(names.map(|name| scenario.running(name))).await;
    let pods: Vec<Pod> = join_all(runs.iter().map(|run| pod_of(&scenario.client, run))).await;
    let user = |pod: &Pod| pod.spec.as_ref()?.security_context.as_ref()?.run_as_user;
    let mut users: Vec<Option<i64>> = pods.iter().map(user).collect();
    users.sort_unstable();
    users.dedup();
    assert_eq!(users.len(), names.len(), "{users:?}");
    assert!(!users.contains(&None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_has_one_pod_from_its_creation_to_its_end() {
    let scenario = Scenario::new("one").await;
    let run = scenario.create("one", python("print(1)")).await;
    let seen = PodsSeen::of(&scenario.client, &run);
    let run = scenario.finished("one").await;
    let _ = ended(&run, Outcome::Completed);
    assert_eq!(seen.count().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_is_in_no_object_of_the_run_namespace_and_in_no_log() {
    let scenario = Scenario::new("secret").await;
    let secret = "marker8e2f";
    let spec = json!({"language": "python", "code": format!("print('{secret}')"), "stdin": secret});
    let run = scenario.run("secret", spec).await;
    assert_eq!(ended(&run, Outcome::Completed).stdout, Some(format!("{secret}\n")));
    let kinds = "pods,events,configmaps,secrets";
    for namespace in [cluster::RUN_NAMESPACE, &scenario.namespace] {
        let objects = tools::kubectl(&["get", kinds, "--namespace", namespace, "--output", "json"]);
        assert!(!traces(secret).iter().any(|trace| objects.contains(trace)), "{namespace} holds the program");
    }
    for deployment in [cluster::OPERATOR, cluster::FRONT_DOOR] {
        let name = format!("deployment/{deployment}");
        let log = tools::kubectl(&["logs", &name, "--namespace", cluster::RELEASE_NAMESPACE, "--tail=2000"]);
        assert!(!log.contains(secret), "the log of {deployment} holds what the program says");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_200_and_of_256_kib_are_applied_and_run() {
    let scenario = Scenario::new("large").await;
    for (name, bytes, arguments) in
        [("client-side", 200 << 10, &[][..]), ("server-side", 256 << 10, &["--server-side"])]
    {
        let end = "\nprint('ran to the end')";
        let code = format!("#{}{end}", "x".repeat(bytes - end.len() - 1));
        tools::apply(&scenario.manifest(name, python(&code)), arguments).expect("kubectl applies it");
        let run = scenario.finished(name).await;
        assert_eq!(ended(&run, Outcome::Completed).stdout.as_deref(), Some("ran to the end\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_can_be_applied_and_complete() {
    let scenario = Scenario::new("examples").await;
    let folder = cluster::repository().join("examples");
    let files = std::fs::read_dir(&folder).expect("there are examples").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    assert!(!files.is_empty(), "there are examples");
    for file in files {
        let path = file.to_str().expect("the path is text");
        let applied =
            tools::kubectl(&["apply", "--namespace", &scenario.namespace, "--filename", path, "--output", "name"]);
        for name in applied.lines().filter_map(|line| line.strip_prefix("coderun.locus.dev/")) {
            let run = scenario.finished(name).await;
            // An example of how a run can fail says so in an annotation, for its readers too.
            let expected = run.annotations().get("locus.dev/expected-outcome").map_or("Completed", String::as_str);
            let outcome = Outcome::named(expected);
            let _ = ended(&run, outcome.expect("the annotation names an outcome"));
        }
    }
}

/// How a text of at least ten bytes may show in another: as it is, or within base64 at each of three alignments.
fn traces(secret: &str) -> Vec<String> {
    let shifted = (0..3).map(|shift| STANDARD.encode(format!("{}{secret}", " ".repeat(shift)))[4..12].to_owned());
    std::iter::once(secret.to_owned()).chain(shifted).collect()
}
