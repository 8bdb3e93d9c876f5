//! What is told of runs: where they are, what their programs write, and which there are.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::BoxStream;
use locus_api_server::backend::cluster::{Cluster, Route, Settings};
use locus_api_server::backend::{Backend as _, BackendError, Input, Query, Told};
use locus_core::token::TokenSigner;
use locus_core::{CaseEnd, Event, Outcome, Phase, Run, RunResult, Transcript, Usage};
use serde_json::{Value, json};

use super::api_server::{ApiServer, running};
use super::runner::{Runner, lines};
use super::{in_time, order, portforward};

fn account() -> Vec<Event> {
    vec![
        Event::Started,
        Event::Stdout { data: b"one\n".to_vec() },
        Event::Stderr { data: b"\xff".to_vec() },
        Event::Stdout { data: "zwölf".into() },
        Event::File { name: "a.txt".into(), data: b"left".to_vec() },
        Event::Finished { result: RunResult::failed(Outcome::Completed, "") },
    ]
}

/// The status that an operator makes of the account.
fn ended() -> Value {
    json!({"outcome": "Completed", "phase": "Succeeded", "stdout": "one\nzwölf", "stderrBase64": "/w==",
        "files": [{"name": "a.txt", "content": "left"}]})
}

async fn front_door(server: &Arc<ApiServer>, runner: &Runner, settings: Settings) -> Cluster {
    let cluster = server.cluster_by(runner.route(), settings);
    super::eventually(|| cluster.ready().is_ok() && server.is_watched()).await;
    cluster
}

async fn watch(cluster: &Cluster, id: &str) -> BoxStream<'static, Told> {
    cluster.watch(&None, id).await.expect("there is such a run")
}

/// All that is told of a run, which ends by the status once something that is asked for was told.
async fn told(cluster: &Cluster, server: &ApiServer, id: &str, last: impl Fn(&Told) -> bool) -> (Vec<Event>, Run) {
    let mut stream = watch(cluster, id).await;
    let mut events = Vec::new();
    while let Some(told) = in_time(stream.next()).await {
        if last(&told) {
            server.writes(id, &ended());
        }
        match told {
            Told::State(_) => {}
            Told::Event(event) => events.push(event),
            Told::Ended(run) => {
                assert!(in_time(stream.next()).await.is_none(), "nothing follows the end");
                return (events, *run);
            }
        }
    }
    panic!("the stream of {id} broke off after {events:?}");
}

fn folded(events: &[Event]) -> Transcript {
    let mut transcript = Transcript::default();
    let told = events.iter().filter(|event| !matches!(event, Event::Finished { .. }));
    told.for_each(|event| transcript.push(event.clone(), usize::MAX));
    transcript
}

fn is_file(told: &Told) -> bool {
    matches!(told, Told::Event(Event::File { .. }))
}

#[tokio::test]
async fn a_run_that_is_deleted_under_who_waits_is_told() {
    let server = Arc::<ApiServer>::default();
    let cluster = server.ready(Settings::default()).await;
    let id = cluster.create(order()).await.expect("it is taken").run.id;
    let mut stream = watch(&cluster, &id).await;
    assert!(matches!(in_time(stream.next()).await, Some(Told::State(_))));
    let delete = async { server.deletes(&id) };
    let (answer, ()) = tokio::join!(in_time(cluster.wait(&None, &id)), delete);
    assert!(matches!(answer, Err(BackendError::Unavailable(text)) if text.contains("deleted")));
    assert!(in_time(stream.next()).await.is_none(), "a stream that breaks off has no end");
    assert_eq!(cluster.get(&None, &id).await, Err(BackendError::NotFound(id.clone())));
    assert!(matches!(cluster.wait(&None, &id).await, Err(BackendError::NotFound(_))));
}

#[tokio::test]
async fn states_are_told_in_their_order_and_the_end_once() {
    let server = Arc::<ApiServer>::default();
    let cluster = server.ready(Settings::default()).await;
    let id = cluster.create(order()).await.expect("it is taken").run.id;
    let mut stream = watch(&cluster, &id).await;
    let mut reasons = Vec::new();
    let status = running("a")["status"].clone();
    let mut next = vec![ended(), status, json!({"phase": "Pending", "startTime": "2026-01-01T00:00:01Z"})];
    while let Some(told) = in_time(stream.next()).await {
        match told {
            Told::State(run) => {
                reasons.push(run.reason.clone());
                if let Some(status) = next.pop() {
                    server.writes(&id, &status);
                    if reasons.len() == 1 {
                        // The same state again is no news.
                        server.writes(&id, &next.pop().expect("one more"));
                    }
                }
            }
            Told::Event(_) => {}
            Told::Ended(run) => reasons.push(run.reason),
        }
    }
    assert_eq!(reasons, ["Queued", "Running", "Completed"]);
}

#[tokio::test]
async fn from_outside_of_the_cluster_a_run_is_told_live_through_the_api_server() {
    let (server, runner) = (Arc::<ApiServer>::default(), Runner::start(&account()).await);
    server.forwards(portforward::start(runner.port()).await);
    let cluster = server.cluster_by(Route::PortForward, Runner::settings());
    super::eventually(|| cluster.ready().is_ok() && server.is_watched()).await;
    // Its address is none that could be dialled.
    server.has_pod("a", "192.0.2.1");
    server.create(running("a"));
    // By the second connection the first part is told already.
    runner.breaks("a", [40]);
    let (events, run) = told(&cluster, &server, "a", is_file).await;
    assert_eq!((folded(&events), run.reason.as_str()), (folded(&account()), "Completed"));
    assert_eq!(runner.connections("a"), 2);
    let forwards = server.asked("GET").into_iter().filter(|(line, _)| line.contains("/pods/a/portforward?")).count();
    assert_eq!(forwards, 2);
}

#[tokio::test]
async fn where_pods_may_not_be_looked_at_the_end_is_told_by_the_status() {
    let (server, runner) = (Arc::<ApiServer>::default(), Runner::start(&account()).await);
    let cluster = front_door(&server, &runner, Runner::settings()).await;
    server.has_pod("a", "127.0.0.1");
    server.hides_pods("pods is forbidden");
    server.create(running("a"));
    let is_running = |told: &Told| matches!(told, Told::State(run) if run.phase == Phase::Running);
    let (events, run) = told(&cluster, &server, "a", is_running).await;
    assert_eq!(run.reason, "Completed");
    let stdout = |events: &[Event]| folded(events).stdout;
    assert_eq!((stdout(&events), runner.connections("a")), (stdout(&account()), 0));
    server.create(running("b"));
    let input = Input { data: b"x".to_vec(), at: None, end: false };
    let refused = in_time(cluster.stdin(&None, "b", input)).await;
    assert!(
        matches!(&refused, Err(BackendError::Unavailable(text)) if text.contains("can't be looked up: pods is forbidden")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_pod_is_shown_the_key_that_its_runner_knows() {
    let (server, runner) = (Arc::<ApiServer>::default(), Runner::start(&account()).await);
    let new = TokenSigner::from_seed(&[8; 32]);
    let both = || Settings {
        reader_keys: [vec![new.clone()], Runner::settings().reader_keys].concat(),
        ..Settings::default()
    };
    let cluster = front_door(&server, &runner, both()).await;
    for (name, keys) in [("old", Runner::reader()), ("between", format!("a,{}", Runner::reader()))] {
        server.has_pod(name, "127.0.0.1");
        server.pod_knows(name, &keys);
        server.create(running(name));
        let (events, _) = told(&cluster, &server, name, is_file).await;
        assert_eq!(folded(&events), folded(&account()), "{name}");
    }
    // Of one that says nothing it is taken that it knows the current key.
    server.has_pod("new", "127.0.0.1");
    server.create(running("new"));
    let input = Input { data: b"x".to_vec(), at: None, end: false };
    let refused = in_time(cluster.stdin(&None, "new", input)).await;
    assert!(matches!(refused, Err(BackendError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_stream_that_breaks_after_any_byte_is_told_once_and_to_the_byte() {
    let (server, runner) = (Arc::<ApiServer>::default(), Runner::start(&account()).await);
    let cluster = front_door(&server, &runner, Runner::settings()).await;
    let length = lines(&account()).len();
    let names: Vec<_> = (0..length).map(|cut| format!("run-{cut}")).collect();
    for (cut, name) in names.iter().enumerate() {
        runner.breaks(name, [cut, length - cut, length]);
        server.has_pod(name, "127.0.0.1");
        server.create(running(name));
    }
    let all = names.iter().map(|name| told(&cluster, &server, name, is_file));
    for ((events, run), name) in join_all(all).await.into_iter().zip(&names) {
        assert_eq!(folded(&events), folded(&account()), "{name}");
        assert_eq!(events.iter().filter(|event| **event == Event::Started).count(), 1);
        assert_eq!((run.outcome, run.stdout.as_deref()), (Some(Outcome::Completed), Some("one\nzwölf")));
        assert!(runner.connections(name) >= 2, "{name}");
    }
}

#[tokio::test]
async fn what_a_runner_no_longer_tells_is_told_from_the_status() {
    let (server, runner) = (Arc::<ApiServer>::default(), Runner::start(&account()).await);
    let cluster = front_door(&server, &runner, Runner::settings()).await;
    let length = lines(&account()).len();
    let names: Vec<_> = (0..length).map(|cut| format!("run-{cut}")).collect();
    for (cut, name) in names.iter().enumerate() {
        runner.breaks(name, [cut]);
        runner.refuses(name);
        server.has_pod(name, "127.0.0.1");
        server.create(running(name));
    }
    let all = names.iter().map(async |name| {
        let end = async {
            super::eventually(|| runner.connections(name) == 2).await;
            server.writes(name, &ended());
        };
        tokio::join!(told(&cluster, &server, name, |_| false), end).0
    });
    for ((events, _), name) in join_all(all).await.into_iter().zip(&names) {
        assert_eq!(folded(&events), folded(&account()), "{name}");
    }
}

#[tokio::test]
async fn a_run_whose_pod_is_gone_or_whose_runners_know_no_key_is_told_at_its_end() {
    let (server, runner) = (Arc::<ApiServer>::default(), Runner::start(&account()).await);
    let with_key = front_door(&server, &runner, Runner::settings()).await;
    for name in ["gone", "another", "unknown", "keyless"] {
        server.create(running(name));
    }
    server.has_pod("another", "127.0.0.1");
    server.create({
        let mut run = running("another");
        run["status"]["podUID"] = json!("that-of-another-pod");
        run
    });
    let is_running = |told: &Told| matches!(told, Told::State(run) if run.phase == Phase::Running);
    for name in ["gone", "another"] {
        let (events, run) = told(&with_key, &server, name, is_running).await;
        assert_eq!(folded(&events), folded(&account()), "{name}");
        assert_eq!(run.files[0].media_type, "text/plain");
    }
    assert_eq!(runner.connections("another"), 0, "it is another pod of that name");

    let keyless = server.cluster_by(runner.route(), Settings::default());
    server.has_pod("keyless", "127.0.0.1");
    let (events, _) = told(&keyless, &server, "keyless", is_running).await;
    assert_eq!(folded(&events), folded(&account()));
    assert_eq!(runner.connections("keyless"), 0);

    // A run that is over is told at once, by no runner.
    let (events, _) = told(&with_key, &server, "keyless", |_| false).await;
    assert_eq!(folded(&events), folded(&account()));
    assert_eq!(runner.connections("keyless"), 0);
}

#[tokio::test]
async fn a_run_that_is_given_another_pod_is_followed_there() {
    let (server, runner) = (Arc::<ApiServer>::default(), Runner::start(&account()).await);
    let cluster = front_door(&server, &runner, Runner::settings()).await;
    server.has_pod("first", "127.0.0.1");
    server.has_pod("moved", "127.0.0.1");
    let mut run = running("moved");
    let status = run["status"].clone();
    (run["status"]["podName"], run["status"]["podUID"]) = (json!("first"), json!("uid-of-first"));
    server.create(run);
    let moves = async {
        super::eventually(|| runner.connections("moved") == 1).await;
        let queued = json!({"phase": "Pending", "podName": null, "podUID": null, "startTime": null, "conditions": []});
        server.writes("moved", &queued);
        tokio::task::yield_now().await;
        server.writes("moved", &status);
    };
    let ((events, _), ()) = tokio::join!(told(&cluster, &server, "moved", is_file), moves);
    assert_eq!(events, account()[..5]);
}

#[tokio::test]
async fn pods_have_addresses_of_either_kind() {
    let (server, runner) = (Arc::<ApiServer>::default(), Runner::listen("[::1]:0", &account()).await);
    let cluster = front_door(&server, &runner, Runner::settings()).await;
    server.has_pod("six", "::1");
    server.create(running("six"));
    let (events, _) = told(&cluster, &server, "six", is_file).await;
    assert_eq!(folded(&events), folded(&account()));
    assert_eq!(runner.connections("six"), 1);
}

#[tokio::test]
async fn cases_are_told_live_and_from_the_status_alike() {
    let end = CaseEnd {
        outcome: Outcome::Completed,
        error: String::new(),
        exit_code: Some(0),
        signal: None,
        usage: Usage { wall_seconds: 1.0, cpu_seconds: 1.0, memory_peak_bytes: 1 },
    };
    let case = |index| {
        vec![
            Event::CaseStarted { index },
            Event::Stdout { data: format!("case {index}").into() },
            Event::CaseEnded { end: end.clone() },
        ]
    };
    let finished = Event::Finished { result: RunResult::failed(Outcome::Completed, "") };
    let all = [vec![Event::Started], case(0), case(1), vec![finished]].concat();
    let usage = json!({"wallSeconds": 1.0, "cpuSeconds": 1.0, "memoryPeakBytes": 1});
    let view = |index| {
        json!({"verdict": "Passed", "outcome": "Completed", "exitCode": 0, "usage": usage,
            "stdout": format!("case {index}")})
    };
    let status = json!({"outcome": "Completed", "tests": {"passed": 2, "total": 2, "cases": [view(0), view(1)]}});

    let (server, runner) = (Arc::<ApiServer>::default(), Runner::start(&all).await);
    let cluster = front_door(&server, &runner, Runner::settings()).await;
    let cut = lines(&all[..3]).len() + 10;
    runner.breaks("tested", [cut]);
    runner.refuses("tested");
    server.has_pod("tested", "127.0.0.1");
    server.create(running("tested"));
    let end = async {
        super::eventually(|| runner.connections("tested") == 2).await;
        server.writes("tested", &status);
    };
    let ((events, run), ()) = tokio::join!(told(&cluster, &server, "tested", |_| false), end);
    assert_eq!(events, all[..all.len() - 1]);
    assert_eq!(run.tests.map(|tests| tests.passed), Some(2));
}

#[tokio::test]
async fn what_a_status_can_not_hold_is_read_from_the_pod_as_long_as_it_is_kept() {
    let (server, runner) = (Arc::<ApiServer>::default(), Runner::start(&account()).await);
    let cluster = front_door(&server, &runner, Runner::settings()).await;
    server.has_pod("large", "127.0.0.1");
    server.create(running("large"));
    let mut status = json!({"outcome": "Completed", "stdout": "on", "stdoutInStatusTruncated": true,
        "stderrBase64": "/w==", "filesLeft": [{"name": "a.txt", "why": "too large"}],
        "podKeptUntil": "2999-01-01T00:00:00Z"});
    server.writes("large", &status);
    let run = cluster.wait(&None, "large").await.expect("it is over");
    assert_eq!((run.stdout.as_deref(), run.stdout_truncated, run.error.as_str()), (Some("one\nzwölf"), false, ""));
    assert_eq!((run.files.len(), run.files_left.len()), (1, 0));
    assert_eq!(cluster.get(&None, "large").await, Ok(run));
    let (events, _) = told(&cluster, &server, "large", |_| false).await;
    assert_eq!(folded(&events), folded(&account()));

    status["podKeptUntil"] = json!("2020-01-01T00:00:00Z");
    server.writes("large", &status);
    let run = cluster.get(&None, "large").await.expect("it is there");
    assert_eq!((run.stdout.as_deref(), run.stdout_truncated, run.files.len()), (Some("on"), true, 0));
    assert!(run.error.contains("stdout was cut"), "{}", run.error);
}

#[tokio::test]
async fn a_client_sees_its_own_runs_alone() {
    let server = Arc::<ApiServer>::default();
    let cluster = server.ready(Settings::default()).await;
    let run = |name: &str, labels: Value| {
        let mut run = running(name);
        run["metadata"]["labels"] = labels;
        server.create(run);
    };
    run("ours", json!({"locus.dev/front-door": "true", "locus.dev/client": "us", "team": "a"}));
    run("ours-too", json!({"locus.dev/front-door": "true", "locus.dev/client": "us"}));
    run("theirs", json!({"locus.dev/front-door": "true", "locus.dev/client": "them"}));
    run("nobodys", json!({"locus.dev/front-door": "true"}));
    run("applied", json!({}));
    let ids = async |cluster: &Cluster, client: Option<&str>, query: Query| {
        let client = client.map(str::to_owned);
        let page = cluster.list(&client, &query).await.expect("the query is well formed");
        page.items.into_iter().map(|run| run.id).collect::<Vec<_>>()
    };
    let all = || Query { limit: 10, ..Query::default() };
    super::eventually(|| {
        let found = futures::executor::block_on(ids(&cluster, None, all()));
        found == ["nobodys"]
    })
    .await;
    assert_eq!(ids(&cluster, Some("us"), all()).await, ["ours-too", "ours"]);
    let labels = vec![("team".to_owned(), "a".to_owned())];
    assert_eq!(ids(&cluster, Some("us"), Query { labels, ..all() }).await, ["ours"]);
    assert_eq!(ids(&cluster, Some("them"), Query { phase: Some(Phase::Succeeded), ..all() }).await, [""; 0]);

    let us = Some("us".to_owned());
    for id in ["theirs", "nobodys", "applied", "none", "../pods/x", "", "."] {
        let missing = BackendError::NotFound(id.to_owned());
        assert_eq!(cluster.get(&us, id).await, Err(missing.clone()), "{id}");
        assert_eq!(cluster.wait(&us, id).await, Err(missing.clone()), "{id}");
        assert_eq!(cluster.cancel(&us, id).await, Err(missing.clone()), "{id}");
        assert_eq!(cluster.watch(&us, id).await.err(), Some(missing), "{id}");
    }
    assert!(cluster.get(&us, "ours").await.is_ok());

    let everything = server.cluster(Settings { everything: true, ..Settings::default() });
    super::eventually(|| everything.ready().is_ok()).await;
    assert_eq!(ids(&everything, None, all()).await, ["applied", "nobodys", "theirs", "ours-too", "ours"]);
    assert!(everything.get(&None, "applied").await.is_ok());
    assert!(everything.get(&us, "applied").await.is_err());
}
