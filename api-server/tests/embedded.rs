//! The real server, with programs on this machine.

mod common;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use common::{Events, Server, call, contract, create, ended, execute, get, python};
use serde_json::json;

#[tokio::test]
async fn this_machine_keeps_the_contract() {
    contract::holds(Server::start(&[]).address).await;
}

#[tokio::test]
async fn the_server_tells_what_it_found_and_what_it_lacks() {
    let mut server = Server::start(&[]);
    for part in ["no-new-privs", "in force                  namespaces"] {
        assert!(server.banner.contains(part), "{part} is not in\n{}", server.banner);
    }
    let python = server.says("Python 3.");
    assert!(python.contains('/'), "{python}");
    let ready = get(server.address, "/readyz").await;
    assert_eq!((ready.status, ready.json()["backend"].clone()), (StatusCode::OK, json!("embedded")));
    let sandbox = ready.json()["sandbox"].clone();
    assert_eq!((&sandbox["isolation"], &sandbox["weakness"]), (&json!("namespaces"), &json!(null)));
    // Whether there are cgroups is up to whoever runs the server.
    let layers = sandbox["layers"].as_array().expect("layers");
    assert!(layers.iter().all(|layer| layer["inForce"] == true || layer["name"] == "cgroup-limits"), "{layers:?}");
}

#[tokio::test]
async fn twenty_programs_at_once_do_not_mix() {
    let server = Server::start(&[]);
    let runs = (0..20).map(|number| async move {
        let code = format!("import time; time.sleep(0.1); print({number}, open('main.py').read().count('{number}'))");
        (number, execute(server.address, &python(&code)).await)
    });
    for (number, answer) in futures::future::join_all(runs).await {
        let body = answer.json();
        assert!(body["stdout"].as_str().is_some_and(|text| text.starts_with(&format!("{number} "))), "{body}");
        assert_eq!(body["error"], "");
    }
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let server = Server::start(&["--max-concurrent", "1", "--max-queued", "1"]);
    let slow = python("import time; time.sleep(1)");
    let answers = futures::future::join_all((0..3).map(|_| execute(server.address, &slow))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).collect();
    assert_eq!(refused.len(), 1, "{answers:?}");
    assert_eq!(refused[0].headers["retry-after"], "1");
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_program_with_it() {
    let server = Server::start(&[]);
    for (number, (path, key)) in [("/execute", ""), ("/api/v1/runs?wait=1m", "")].into_iter().enumerate() {
        let name = format!("beat-{number}-{}", std::process::id());
        let connection = leave_waiting(server.address, path, key, &beating(&name));
        eventually("the program runs", || lives(&name)).await;
        drop(connection);
        eventually("the program is gone", || !lives(&name)).await;
    }
    let counted = r#"runs_total{language="python",outcome="Cancelled"} 2"#;
    eventually_async("both are counted", async || get(server.address, "/metrics").await.body.contains(counted)).await;
}

#[tokio::test]
async fn a_client_that_may_come_back_leaves_its_program_alone() {
    let server = Server::start(&[]);
    let name = format!("stay-{}", std::process::id());
    let (request, key) = (beating(&name), "idempotency-key: mine\r\n");
    let connection = leave_waiting(server.address, "/api/v1/runs?wait=1m", key, &request);
    eventually("the program runs", || lives(&name)).await;
    drop(connection);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(lives(&name), "it is gone");
    let back =
        call(server.address, Method::POST, "/api/v1/runs", &[("idempotency-key", "mine")], request.to_string()).await;
    assert_eq!((back.status, &back.json()["phase"]), (StatusCode::ACCEPTED, &json!("Running")));
    let other =
        call(server.address, Method::POST, "/api/v1/runs", &[("idempotency-key", "mine")], python("").to_string())
            .await;
    assert_eq!((other.status.as_u16(), &other.json()["reason"]), (422, &json!("IdempotencyKeyReused")));
    let path = back.headers["location"].to_str().expect("text").to_owned();
    assert_eq!(call(server.address, Method::DELETE, &path, &[], "").await.status, StatusCode::ACCEPTED);
    eventually("the program is gone", || !lives(&name)).await;
    let run = get(server.address, &format!("{path}?wait=1m")).await.json();
    assert_eq!((&run["outcome"], &run["phase"]), (&json!("Cancelled"), &json!("Failed")));
    // To stop one that is over changes nothing.
    let again = call(server.address, Method::DELETE, &path, &[], "").await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, run));
}

#[tokio::test]
async fn a_key_that_comes_fifty_times_at_once_is_one_run() {
    let server = Server::start(&[]);
    let body = python("import os, time; time.sleep(0.2); print(os.urandom(16).hex())").to_string();
    let asked = (0..50)
        .map(|_| call(server.address, Method::POST, "/api/v1/runs?wait=1m", &[("idempotency-key", "k")], body.clone()));
    let answers = futures::future::join_all(asked).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, answers[0].json()));
    }
    let metrics = get(server.address, "/metrics").await.body;
    assert!(metrics.contains(r#"runs_total{language="python",outcome="Completed"} 1"#), "{metrics}");
}

#[tokio::test]
async fn a_run_goes_on_without_its_client_and_is_told_of_to_whoever_asks() {
    let server = Server::start(&[]);
    let code = "import sys, time; print('hällo', flush=True); time.sleep(0.3); sys.stderr.write('wörld'); open('a.png', 'wb').write(bytes(range(256)))";
    let request = json!({"language": "python", "code": code, "labels": {"team": "a"}, "outputFiles": ["*.png", "b"]});
    let (id, answer) = create(server.address, "", &request).await;
    assert_eq!((answer.status, answer.json()["phase"] == "Succeeded"), (StatusCode::ACCEPTED, false));
    let run = ended(server.address, &id).await;
    assert_eq!((&run["stdout"], &run["stderr"], &run["exitCode"]), (&json!("hällo\n"), &json!("wörld"), &json!(0)));
    let times: Vec<_> =
        ["createdAt", "startedAt", "finishedAt"].map(|time| run[time].as_str().expect("a time").to_owned()).into();
    assert!(
        times.is_sorted() && times.iter().all(|time| time.len() == "2026-01-01T00:00:00.000000Z".len()),
        "{times:?}"
    );
    assert_eq!((&run["files"][0]["size"], &run["files"][0]["mediaType"]), (&json!(256), &json!("image/png")));
    assert_eq!(run["filesLeft"][0]["name"], "b");
    let listed = get(server.address, "/api/v1/runs?label=team=a").await.json();
    assert_eq!((&listed["runs"][0]["id"], &listed["runs"][0]["stdout"]), (&json!(id), &json!(null)));

    // From wherever somebody left, the rest is what was still to come.
    let all = Events::open(server.address, &id, None).await.rest().await;
    assert_eq!(
        all.iter().map(|(_, name, _)| name.as_str()).collect::<Vec<_>>(),
        ["state", "stdout", "stderr", "file", "finished"]
    );
    for (place, (last, ..)) in all.iter().enumerate().skip(1) {
        assert_eq!(Events::open(server.address, &id, Some(last)).await.rest().await, all[place + 1..], "{last}");
    }
}

#[tokio::test]
async fn a_program_talks_with_its_client_while_it_runs() {
    let server = Server::start(&[]);
    let code = "import sys\nfor line in sys.stdin: print('you said', line, end='', flush=True)\nprint('bye')";
    let (id, _) = create(server.address, "", &json!({"language": "python", "code": code, "interactive": true})).await;
    let mut events = Events::open(server.address, &id, None).await;
    let path = format!("/api/v1/runs/{id}/stdin");
    for (number, word) in ["one\n", "zwölf\n"].into_iter().enumerate() {
        let taken = call(server.address, Method::POST, &path, &[], word).await;
        assert_eq!(taken.status, StatusCode::OK, "{taken:?}");
        let told = loop {
            let (_, name, data) = events.next().await.expect("it goes on");
            if name == "stdout" {
                break data;
            }
        };
        assert_eq!(told, json!({"text": format!("you said {word}")}), "{number}");
    }
    let taken = call(server.address, Method::POST, &format!("{path}?at=11&end=true"), &[], "").await.json();
    assert_eq!(taken, json!({"taken": 11}));
    let rest = events.rest().await;
    assert_eq!((&rest[0].2, rest[1].1.as_str()), (&json!({"text": "bye\n"}), "finished"));
    let late = call(server.address, Method::POST, &path, &[], "x").await;
    assert_eq!((late.status, &late.json()["reason"]), (StatusCode::CONFLICT, &json!("NoInput")));
}

#[tokio::test]
async fn tests_are_judged_one_by_one_and_their_marks_are_told() {
    let server = Server::start(&[]);
    let tests = json!([
        {"name": "right", "stdin": "2", "expectedStdout": "4"},
        {"stdin": "3", "expectedStdout": "10"},
        {"stdin": "x", "expectedStdout": "0"},
        {"stdin": "0.1", "expectedStdout": "0.01", "checker": "float"},
    ]);
    let code = "x = input()\nprint(float(x) ** 2 if '.' in x else int(x) ** 2)";
    let (id, answer) =
        create(server.address, "?wait=1m", &json!({"language": "python", "code": code, "tests": tests})).await;
    let run = answer.json();
    assert_eq!((&run["outcome"], &run["error"]), (&json!("TestsFailed"), &json!("2 of 4 tests passed")));
    assert_eq!((&run["tests"]["passed"], &run["tests"]["total"]), (&json!(2), &json!(4)));
    let cases = run["tests"]["cases"].as_array().expect("cases");
    let verdicts: Vec<_> = cases.iter().map(|case| case["verdict"].as_str().expect("text")).collect();
    assert_eq!(verdicts, ["Passed", "WrongOutput", "Failed", "Passed"]);
    assert_eq!(
        (&cases[0]["name"], &cases[0]["stdout"], &cases[2]["exitCode"]),
        (&json!("right"), &json!("4\n"), &json!(1))
    );
    assert!(cases[2]["stderr"].as_str().is_some_and(|text| text.contains("ValueError")), "{}", cases[2]);
    let events = Events::open(server.address, &id, None).await.rest().await;
    let marks: Vec<_> = events
        .iter()
        .filter(|(_, name, _)| name.starts_with("case"))
        .map(|(_, name, data)| format!("{name} {}", data["index"]))
        .collect();
    assert_eq!(marks[..4], ["caseStarted 0", "caseEnded 0", "caseStarted 1", "caseEnded 1"]);
    assert_eq!(marks.len(), 8);
}

#[tokio::test]
async fn large_and_odd_output_comes_whole_to_whoever_asks_and_however() {
    let server = Server::start(&[]);
    let code = "import sys, time\nout = sys.stdout.buffer\nfor n in range(96): out.write(('€' * 30000 + chr(10)).encode())\nout.write(bytes(range(256)))";
    let request = json!({"language": "python", "code": code, "limits": {"outputBytes": 16 << 20}});
    let mut expected = [&"€".repeat(30000).into_bytes()[..], b"\n"].concat().repeat(96);
    expected.extend(0..=255);
    let bytes = |value: &serde_json::Value, text: &str, base64: &str| {
        locus_core::view::bytes(value[text].as_str(), value[base64].as_str()).expect("it is base64")
    };
    let (id, answer) = create(server.address, "?wait=1m", &request).await;
    assert!(bytes(&answer.json(), "stdout", "stdoutBase64") == expected, "it is another one");
    let events = Events::open(server.address, &id, None).await.rest().await;
    let output: Vec<_> = events.iter().filter(|(_, name, _)| name == "stdout").collect();
    let told: Vec<u8> = output.iter().flat_map(|(_, _, data)| bytes(data, "text", "base64")).collect();
    assert!(told == expected, "the events tell another one");
    assert_eq!(output.iter().filter(|(_, _, data)| data["text"].is_null()).count(), 1, "the text is told as text");
    let cut = json!({"language": "python", "code": "print('€' * 1000)", "limits": {"outputBytes": 1000}});
    let run = create(server.address, "?wait=1m", &cut).await.1.json();
    assert_eq!((&run["outcome"], &run["stdoutTruncated"]), (&json!("OutputLimitExceeded"), &json!(true)));
    assert_eq!(run["stdout"], "€".repeat(333));
}

#[tokio::test]
async fn a_run_that_waits_for_its_turn_can_be_cancelled_and_leaves_its_place() {
    let server = Server::start(&["--max-concurrent", "1", "--max-queued", "1"]);
    let slow = python("import time; time.sleep(30)");
    let (first, _) = create(server.address, "", &slow).await;
    let (second, answer) = create(server.address, "", &slow).await;
    assert_eq!((answer.status, &answer.json()["reason"]), (StatusCode::ACCEPTED, &json!("Queued")));
    let third = create(server.address, "", &slow).await.1;
    assert_eq!((third.status, &third.json()["reason"]), (StatusCode::TOO_MANY_REQUESTS, &json!("QueueFull")));
    assert_eq!(third.headers["retry-after"], "1");
    call(server.address, Method::DELETE, &format!("/api/v1/runs/{second}"), &[], "").await;
    let run = ended(server.address, &second).await;
    assert_eq!((&run["outcome"], &run["startedAt"]), (&json!("Cancelled"), &json!(null)));
    let events = Events::open(server.address, &second, None).await.rest().await;
    assert_eq!(events.last().expect("the end").1, "finished");
    let (fourth, answer) = create(server.address, "", &slow).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    for id in [first, fourth] {
        call(server.address, Method::DELETE, &format!("/api/v1/runs/{id}"), &[], "").await;
        assert_eq!(ended(server.address, &id).await["outcome"], "Cancelled");
    }
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_finishes_what_runs() {
    let server = Server::start(&[]);
    let slow = python("import time; time.sleep(1.5); print('done')");
    let (id, _) = create(server.address, "", &slow).await;
    let mut events = Events::open(server.address, &id, None).await;
    assert_eq!(events.next().await.expect("its state").1, "state");
    let stop = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        stop(&server);
        // What runs is still told of, to new connections too, and nothing more is taken.
        eventually_async("it drains", async || {
            get(server.address, "/readyz").await.status == StatusCode::SERVICE_UNAVAILABLE
        })
        .await;
        let refused = create(server.address, "", &slow).await.1;
        assert_eq!((refused.status, &refused.json()["reason"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("Draining")));
        assert!(refused.headers.contains_key("retry-after"));
        ended(server.address, &id).await
    };
    let (answer, run) = tokio::join!(execute(server.address, &slow), stop);
    assert_eq!((answer.json()["stdout"].clone(), run["stdout"].clone()), (json!("done\n"), json!("done\n")));
    assert_eq!(events.rest().await.last().expect("the end").1, "finished");
    let address = server.address;
    assert!(server.ended_well());
    assert!(TcpStream::connect(address).is_err(), "it still listens");
}

#[tokio::test]
async fn a_server_waits_for_its_runs_only_so_long() {
    let name = format!("cut-{}", std::process::id());
    for (flags, signals) in [(&["--drain-seconds", "1"][..], 1), (&[], 2)] {
        let server = Server::start(flags);
        create(server.address, "", &beating(&name)).await;
        eventually("the program runs", || lives(&name)).await;
        let begin = Instant::now();
        for _ in 0..signals {
            stop(&server);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        assert!(server.ended_well());
        assert!(begin.elapsed() < Duration::from_secs(10), "{flags:?}");
        eventually("nothing is left of it", || !lives(&name)).await;
    }
}

/// A program whose process has a name: it is in a world of its own, and that is all that a test can see of it.
fn beating(name: &str) -> serde_json::Value {
    python(&format!("import ctypes, time\nctypes.CDLL(None).prctl(15, b'{name}')\nwhile True: time.sleep(1)\n"))
}

fn lives(name: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("linux has /proc").flatten();
    let mut names = processes.filter_map(|process| std::fs::read_to_string(process.path().join("comm")).ok());
    names.any(|other| other.trim_end() == name)
}

/// Sends a request and does not read the answer.
fn leave_waiting(server: SocketAddr, path: &str, header: &str, request: &serde_json::Value) -> TcpStream {
    let (body, mut connection) = (request.to_string(), TcpStream::connect(server).expect("it listens"));
    write!(
        connection,
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{header}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("it reads");
    connection
}

fn stop(server: &Server) {
    assert!(Command::new("kill").arg(server.pid()).status().expect("kill runs").success());
}

#[test]
fn a_port_in_use_is_told_with_the_way_out() {
    let server = Server::start(&[]);
    let second = Command::new(env!("CARGO_BIN_EXE_locus-api-server"))
        .args(["--listen", &server.address.to_string()])
        .output()
        .expect("it starts");
    let error = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success());
    assert!(error.contains("already in use") && error.contains("--listen"), "{error}");
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    eventually_async(what, async || holds()).await;
}

async fn eventually_async(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
