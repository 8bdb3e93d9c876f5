//! Taking runs: one for each order, whatever happens to the request.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use locus_api_server::backend::cluster::Settings;
use locus_api_server::backend::{Asked, Backend as _, BackendError, Once, Order};
use locus_core::{Outcome, Phase, RunRequest};
use serde_json::json;

use super::api_server::{ApiServer, Fault, language};
use super::{eventually, in_time, order, request};

fn once(digest: &str) -> Order {
    Order { once: Some(Once { id: "run-1".into(), digest: digest.into() }), keep_seconds: 3600, ..order() }
}

#[tokio::test]
async fn a_run_that_ends_before_its_creation_is_answered_is_not_missed() {
    let server = Arc::<ApiServer>::default();
    server
        .ends_at_once(json!({"outcome": "NonZeroExit", "stdout": "1\n", "stderrBase64": "/w==", "error": "it failed"}));
    let cluster = server.ready(Settings::default()).await;
    let taken = in_time(cluster.create(order())).await.expect("it is taken");
    assert_eq!((taken.run.phase, taken.run.stdout, taken.is_new), (Phase::Pending, None, true));
    let run = in_time(cluster.wait(&None, &taken.run.id)).await.expect("it ran");
    assert_eq!((run.outcome, run.error.as_str()), (Some(Outcome::NonZeroExit), "it failed"));
    assert_eq!((run.stdout.as_deref(), run.stderr_base64.as_deref()), (Some("1\n"), Some("/w==")));
    assert_eq!(server.asked("PATCH").len(), 0, "a run that has ended is not cancelled");
}

#[tokio::test]
async fn an_order_becomes_a_code_run_and_one_watch_feeds_all() {
    let server = Arc::<ApiServer>::default();
    let cluster = server.ready(Settings::default()).await;
    let mut order = Order { client: Some("ci".into()), ..once("ab") };
    order.request.labels.insert("team".into(), "a".into());
    let (one, other) = tokio::join!(cluster.create(order), cluster.create(self::order()));
    assert_eq!(one.expect("it is taken").run.labels, [("team".to_owned(), "a".to_owned())].into());
    other.expect("it is taken");

    let created = server.asked("POST");
    let (line, body) = created.iter().find(|(_, body)| body["metadata"]["name"] == "run-1").expect("it was created");
    assert!(line.contains("/apis/locus.dev/v1alpha1/namespaces/runs/coderuns"), "{line}");
    let labels = json!({"team": "a", "locus.dev/front-door": "true", "locus.dev/client": "ci"});
    assert_eq!(body["metadata"]["labels"], labels);
    assert_eq!(body["metadata"]["annotations"], json!({"locus.dev/request-digest": "ab"}));
    assert_eq!(body["spec"], json!({"language": "python", "code": "print(1)", "ttlSecondsAfterFinished": 3600}));
    assert_eq!(server.asked("GET").len(), 4, "one list and one watch of CodeRuns and of Languages for all");
}

#[tokio::test]
async fn what_was_asked_for_stands_in_the_code_run_and_is_its_clients_to_know() {
    let server = Arc::<ApiServer>::default();
    let cluster = server.ready(Settings::default()).await;
    let request = RunRequest {
        stdin: "in".into(),
        labels: [("team".into(), "a".into())].into(),
        callback: Some("https://a.example/".into()),
        ..request()
    };
    let client = Some("ci".to_owned());
    let order = Order { request, client: client.clone(), note: Some("a note\n".into()), ..order() };
    let id = cluster.create(order.clone()).await.expect("it is taken").run.id;
    let asked = Asked { request: order.request, note: order.note };
    assert_eq!(cluster.asked(&client, &id).await, Ok(asked));
    assert_eq!(cluster.asked(&None, &id).await, Err(BackendError::NotFound(id)));
}

#[tokio::test]
async fn an_end_is_waited_for_without_its_output() {
    let server = Arc::<ApiServer>::default();
    server.ends_at_once(json!({"outcome": "NonZeroExit", "stdout": "1\n", "exitCode": 3}));
    let cluster = server.ready(Settings::default()).await;
    let id = cluster.create(order()).await.expect("it is taken").run.id;
    let run = in_time(cluster.ended(&None, &id)).await.expect("it ran");
    assert_eq!((run.outcome, run.exit_code, run.stdout), (Some(Outcome::NonZeroExit), Some(3), None));
}

#[tokio::test]
async fn one_key_makes_one_run_however_many_ask_at_one_time() {
    let server = Arc::<ApiServer>::default();
    let clusters = [server.ready(Settings::default()).await, server.ready(Settings::default()).await];
    let orders = (0..20).map(|number| clusters[number % 2].create(once("ab")));
    let taken: Vec<_> = join_all(orders).await.into_iter().map(|taken| taken.expect("it is taken")).collect();
    assert_eq!(taken.iter().filter(|taken| taken.is_new).count(), 1);
    assert!(taken.iter().all(|taken| taken.run.id == "run-1"));
    assert_eq!(server.runs(), 1);
    for order in [once("cd"), Order { client: Some("ci".into()), ..once("ab") }] {
        for cluster in &clusters {
            assert_eq!(cluster.create(order.clone()).await.expect_err("it is another"), BackendError::KeyReused);
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_makes_no_second_run() {
    for faults in [
        vec![Fault::LostAfter],
        vec![Fault::LostBefore, Fault::LostAfter],
        vec![Fault::LostAfter, Fault::LostBefore],
        vec![Fault::Refused(503, "later"), Fault::Refused(429, "slow down"), Fault::LostBefore],
    ] {
        for (order, may_be_new) in [(order(), true), (once("ab"), false)] {
            let server = Arc::<ApiServer>::default();
            let cluster = server.ready(Settings::default()).await;
            server.fails(faults.clone());
            let taken = in_time(cluster.create(order)).await.expect("it is taken");
            assert!(taken.is_new || !may_be_new, "{faults:?}");
            assert_eq!(server.runs(), 1, "{faults:?}");
            assert!(server.run(&taken.run.id).is_some());
        }
    }
}

#[tokio::test]
async fn a_run_that_was_perhaps_made_and_whose_id_nobody_knows_is_stopped() {
    let server = Arc::<ApiServer>::default();
    let cluster = server.ready(Settings::default()).await;
    server.fails([Fault::LostBefore, Fault::LostBefore, Fault::LostBefore, Fault::LostBefore]);
    assert!(matches!(in_time(cluster.create(order())).await, Err(BackendError::Unavailable(_))));
    eventually(|| !server.asked("PATCH").is_empty()).await;

    server.fails([Fault::Silent]);
    assert!(tokio::time::timeout(Duration::from_millis(100), cluster.create(order())).await.is_err());
    let name = server.asked("POST").pop().expect("it was created").1["metadata"]["name"].clone();
    let name = name.as_str().expect("a name");
    eventually(|| server.run(name).is_some_and(|run| run["spec"]["cancelRequested"] == true)).await;

    server.fails([Fault::Silent]);
    assert!(tokio::time::timeout(Duration::from_millis(100), cluster.create(once("ab"))).await.is_err());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let run = server.run("run-1").expect("it was created");
    assert_eq!(run["spec"].get("cancelRequested"), None, "who has a key may come back for it");
}

#[tokio::test]
async fn what_the_api_server_refuses_is_told_and_not_cancelled() {
    let server = Arc::<ApiServer>::default();
    let cluster = server.ready(Settings::default()).await;
    for (code, invalid) in [(422, true), (400, true), (403, false)] {
        server.fails([Fault::Refused(code, "because")]);
        let error = cluster.create(order()).await.expect_err("it is refused");
        assert_eq!(matches!(error, BackendError::InvalidRequest(_)), invalid, "{code}: {error}");
        assert_eq!(matches!(error, BackendError::Unavailable(_)), !invalid, "{code}: {error}");
        assert!(error.to_string().ends_with("because"), "{error}");
    }
    assert_eq!(server.asked("PATCH").len(), 0);
}

#[tokio::test]
async fn what_is_wrong_at_first_sight_never_reaches_the_cluster() {
    let server = Arc::<ApiServer>::default();
    let cluster = server.ready(Settings::default()).await;
    let with = |request| Order { request, ..order() };
    let unknown = with(RunRequest { language: "klingon".into(), ..request() });
    let empty = with(RunRequest { code: None, ..request() });
    assert!(matches!(cluster.create(unknown).now_or_never(), Some(Err(BackendError::UnknownLanguage(_)))));
    assert!(matches!(cluster.create(empty).now_or_never(), Some(Err(BackendError::InvalidRequest(_)))));
    assert_eq!(server.asked("POST").len(), 0);
}

#[tokio::test]
async fn as_many_runs_are_under_way_as_may_be_and_those_before_are_still_found() {
    let server = Arc::<ApiServer>::default();
    let cluster = server.ready(Settings { unfinished: 2, ..Settings::default() }).await;
    let first = cluster.create(once("ab")).await.expect("there is room").run;
    cluster.create(order()).await.expect("there is room");
    let full = cluster.create(order()).await.expect_err("there is none");
    assert_eq!(full, BackendError::QueueFull { retry_after_seconds: 1 });
    assert!(!cluster.create(once("ab")).await.expect("it is there").is_new);
    assert_eq!(server.runs(), 2);

    server.writes(&first.id, &json!({"outcome": "Completed"}));
    in_time(cluster.wait(&None, &first.id)).await.expect("it has ended");
    cluster.create(order()).await.expect("there is room again");
    server.fails([Fault::Refused(403, "because")]);
    assert!(matches!(cluster.create(order()).await, Err(BackendError::QueueFull { .. })));
}

#[tokio::test]
async fn languages_are_those_of_the_cluster_as_they_come_and_go() {
    let server = Arc::<ApiServer>::default();
    let cluster = server.cluster(Settings::default());
    assert!(cluster.languages().is_empty());
    let early = cluster.create(order()).await;
    assert!(matches!(early, Err(BackendError::Unavailable(text)) if text.contains("Languages")), "none is unknown yet");
    let ids = || cluster.languages().into_iter().map(|language| language.id).collect::<Vec<_>>();
    let added = json!({"type": "ADDED", "object": language("klingon", "main.tlh")});
    eventually(|| cluster.ready().is_ok() && server.is_watched()).await;
    assert_eq!(ids(), ["python"]);
    server.tell_of_languages(&added);
    eventually(|| ids() == ["klingon", "python"]).await;
    server.tell_of_languages(&json!({"type": "DELETED", "object": language("python", "main.py")}));
    eventually(|| ids() == ["klingon"]).await;
    let gone = cluster.create(order()).await.expect_err("it is gone");
    assert_eq!(gone, BackendError::UnknownLanguage("language \"python\" is not known; choose one of: klingon".into()));
}
