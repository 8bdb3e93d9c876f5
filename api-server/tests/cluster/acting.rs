//! What a client may do to a run that goes on.

use std::sync::Arc;

use bytes::Bytes;
use locus_api_server::backend::cluster::{Cluster, Settings};
use locus_api_server::backend::{Backend as _, BackendError, Input};
use locus_core::Phase;
use serde_json::json;

use super::api_server::{ApiServer, running};
use super::runner::Runner;
use super::{eventually, in_time, order};

#[tokio::test]
async fn a_run_is_asked_to_stop_and_one_that_is_over_stays_as_it_is() {
    let server = Arc::<ApiServer>::default();
    let cluster = server.ready(Settings::default()).await;
    let id = cluster.create(order()).await.expect("it is taken").run.id;
    assert_eq!(cluster.cancel(&None, &id).await.expect("it is there").phase, Phase::Pending);
    assert_eq!(server.asked("PATCH").pop().expect("it is asked").1, json!({"spec": {"cancelRequested": true}}));
    server.writes(&id, &json!({"outcome": "Cancelled", "stdout": "so far"}));
    let run = cluster.cancel(&None, &id).await.expect("it is there");
    assert_eq!((run.reason.as_str(), run.stdout.as_deref()), ("Cancelled", Some("so far")));
    assert_eq!(server.asked("PATCH").len(), 1);
}

async fn talking(server: &Arc<ApiServer>, runner: &Runner) -> Cluster {
    let cluster = server.cluster_by(runner.route(), Runner::settings());
    eventually(|| cluster.ready().is_ok() && server.is_watched()).await;
    server.has_pod("talk", "127.0.0.1");
    cluster
}

fn input(text: &str, at: Option<u64>) -> Input {
    Input { data: text.into(), at, end: false }
}

#[tokio::test]
async fn input_goes_to_the_runner_and_its_word_comes_back() {
    let (server, runner) = (Arc::<ApiServer>::default(), Runner::start(&[]).await);
    let cluster = talking(&server, &runner).await;
    server.create(running("talk"));
    let words = [
        (200, r#"{"taken":3}"#),
        (404, "it has no run yet"),
        (200, r#"{"taken":6}"#),
        (429, r#"{"taken":7}"#),
        (409, r#"{"error":"there is a gap","taken":7}"#),
        (410, r#"{"error":"its input has ended"}"#),
        (401, "no"),
    ];
    runner.words.lock().expect("not poisoned").extend(words);
    assert_eq!(cluster.stdin(&None, "talk", input("abc", None)).await, Ok(3));
    let last = Input { end: true, ..input("def", Some(3)) };
    assert_eq!(in_time(cluster.stdin(&None, "talk", last)).await, Ok(6));
    let refused = async || cluster.stdin(&None, "talk", input("x", Some(6))).await;
    assert_eq!(refused().await, Err(BackendError::InputFull { taken: 7 }));
    assert_eq!(refused().await, Err(BackendError::InputMissing { taken: 7 }));
    assert_eq!(refused().await, Err(BackendError::NoInput("its input has ended".into())));
    assert!(matches!(refused().await, Err(BackendError::Unavailable(_))));
    let came = runner.input.lock().expect("not poisoned").clone();
    let came: Vec<_> = came.into_iter().take(3).collect();
    let expected = [("", "abc"), ("at=3&end=true", "def"), ("at=3&end=true", "def")];
    assert_eq!(came, expected.map(|(query, data)| (query.to_owned(), Bytes::from(data))));
}

#[tokio::test]
async fn input_that_comes_early_waits_for_the_pod() {
    let (server, runner) = (Arc::<ApiServer>::default(), Runner::start(&[]).await);
    let cluster = talking(&server, &runner).await;
    let mut queued = running("talk");
    let status = queued["status"].take();
    server.create(queued);
    let start = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(runner.input.lock().expect("not poisoned").is_empty());
        server.writes("talk", &status);
    };
    let (taken, ()) = tokio::join!(in_time(cluster.stdin(&None, "talk", input("a", None))), start);
    assert_eq!(taken, Ok(0));
    assert_eq!(runner.input.lock().expect("not poisoned").len(), 1);
}

#[tokio::test]
async fn a_run_that_takes_no_input_says_so() {
    let (server, runner) = (Arc::<ApiServer>::default(), Runner::start(&[]).await);
    let cluster = talking(&server, &runner).await;
    let mut quiet = running("quiet");
    quiet["spec"]["interactive"] = json!(false);
    server.create(quiet);
    server.create(running("talk"));
    server.writes("talk", &json!({"outcome": "Completed"}));
    server.create(running("gone"));
    eventually(|| server.runs() == 3).await;
    for (id, part) in [("quiet", "interactive"), ("talk", "over"), ("gone", "gone")] {
        let error = in_time(cluster.stdin(&None, id, input("a", None))).await;
        assert!(matches!(&error, Err(BackendError::NoInput(text)) if text.contains(part)), "{id}: {error:?}");
    }
    assert!(matches!(cluster.stdin(&None, "none", input("a", None)).await, Err(BackendError::NotFound(_))));
    assert!(runner.input.lock().expect("not poisoned").is_empty());

    let keyless = server.cluster_by(runner.route(), Settings::default());
    let error = keyless.stdin(&None, "gone", input("a", None)).await;
    assert!(matches!(error, Err(BackendError::Unavailable(text)) if text.contains("--reader-key-file")));
}
