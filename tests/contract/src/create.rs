//! Creating runs: with waiting and without, and once only.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::{Answer, Api, is_over, python, with};

crate::table![
    a_run_is_taken_at_once_and_told_where_it_is,
    whoever_waits_gets_the_whole_run,
    a_wait_that_is_over_before_the_run_answers_as_if_there_was_none,
    a_run_gets_its_arguments_variables_files_and_input,
    limits_are_those_of_the_request_and_are_told,
    a_key_makes_fifty_requests_at_one_time_one_run,
    a_key_that_comes_again_gets_the_same_run_and_waits_for_it,
    a_key_with_another_body_is_refused,
    odd_keys_are_refused,
    a_client_that_goes_away_while_it_waits_cancels_the_run,
    a_client_with_a_key_may_come_back,
];

const RUNS: &str = "/api/v1/runs";

async fn a_run_is_taken_at_once_and_told_where_it_is(api: Api) {
    let began = Instant::now();
    let request = python("import time; time.sleep(3); print(1)");
    let answer = api.post(RUNS, request.to_string()).await;
    let run = answer.with(202);
    assert!(began.elapsed() < Duration::from_secs(3), "it was waited for");
    let id = run["id"].as_str().expect("an id");
    assert_eq!(answer.header("location"), format!("{RUNS}/{id}"));
    assert_eq!((&run["language"], is_over(&run)), (&json!("python"), false), "{run}");
    assert!(run["createdAt"].as_str().is_some_and(|time| time.ends_with('Z')), "{run}");
    let ended = api.ended(id).await;
    assert_eq!((&ended["outcome"], &ended["stdout"]), (&json!("Completed"), &json!("1\n")), "{ended}");
}

async fn whoever_waits_gets_the_whole_run(api: Api) {
    let code = "import sys; print('out'); print('err', file=sys.stderr)";
    let answer = api.post(&format!("{RUNS}?wait=2m"), python(code).to_string()).await;
    let run = answer.with(200);
    assert_eq!(answer.header("location"), format!("{RUNS}/{}", run["id"].as_str().expect("an id")));
    for (field, value) in [
        ("phase", json!("Succeeded")),
        ("reason", json!("Completed")),
        ("outcome", json!("Completed")),
        ("error", json!("")),
        ("stdout", json!("out\n")),
        ("stderr", json!("err\n")),
        ("exitCode", json!(0)),
    ] {
        assert_eq!(run[field], value, "{run}");
    }
    for field in ["createdAt", "startedAt", "finishedAt"] {
        assert!(
            run[field].as_str().is_some_and(|time| time.starts_with("20") && time.ends_with('Z')),
            "{field}: {run}"
        );
    }
    assert!(run["usage"]["wallSeconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{run}");
    assert!(run["usage"]["memoryPeakBytes"].as_u64().is_some_and(|bytes| bytes > 0), "{run}");
}

async fn a_wait_that_is_over_before_the_run_answers_as_if_there_was_none(api: Api) {
    let answer = api.post(&format!("{RUNS}?wait=200ms"), python("import time; time.sleep(4)").to_string()).await;
    let run = answer.with(202);
    let id = run["id"].as_str().expect("an id");
    assert_eq!((answer.header("location"), is_over(&run)), (format!("{RUNS}/{id}").as_str(), false), "{run}");
    let looked_at = api.get(&format!("{RUNS}/{id}?wait=100ms")).await.with(200);
    assert!(!is_over(&looked_at), "{looked_at}");
    assert_eq!(api.ended(id).await["outcome"], "Completed", "to wait no longer is not to cancel");
}

async fn a_run_gets_its_arguments_variables_files_and_input(api: Api) {
    let request = json!({
        "language": "py",
        "files": [
            {"name": "start.py", "content": "import lib.util, os, sys; print(input(), sys.argv[1:], os.environ['A'], lib.util.X)"},
            {"name": "lib/util.py", "content": "WCA9IDQyCg==", "encoding": "base64"},
        ],
        "stdin": "in\n", "args": ["x y", "*"], "env": [{"name": "A", "value": "$b"}],
    });
    let run = api.run(&request).await;
    assert_eq!(run["stdout"], "in ['x y', '*'] $b 42\n", "{run}");
}

async fn limits_are_those_of_the_request_and_are_told(api: Api) {
    let request = with(python("while True: pass"), json!({"limits": {"timeoutSeconds": 0.3}}));
    let run = api.run(&request).await;
    assert_eq!((&run["outcome"], &run["phase"]), (&json!("TimedOut"), &json!("Failed")), "{run}");
    assert_eq!(run["limits"]["timeoutSeconds"], 0.3, "{run}");
    assert_eq!(run["error"], "the program was stopped after 0.3 s (wall-clock limit)", "{run}");
    let large = with(python(""), json!({"limits": {"timeoutSeconds": 1_000_000}}));
    let limits = api.run(&large).await["limits"]["timeoutSeconds"].as_u64().expect("a limit");
    assert!(limits < 1_000_000, "it is clamped, and that is told");
}

async fn create_with_key(api: &Api, key: &str, query: &str, request: &Value) -> Answer {
    let post = api.request(Method::POST, &format!("{RUNS}{query}")).header("idempotency-key", key);
    api.send(post.body(request.to_string())).await
}

async fn a_key_makes_fifty_requests_at_one_time_one_run(api: Api) {
    let label = Uuid::new_v4().to_string();
    let request = with(python("import time; time.sleep(1); print('once')"), json!({"labels": {"once": label}}));
    let key = format!("fifty-{label}");
    let answers = join_all((0..50).map(|_| create_with_key(&api, &key, "", &request))).await;
    let mut ids: Vec<_> = answers
        .iter()
        .map(|answer| {
            assert!(matches!(answer.status.as_u16(), 200 | 202), "{}", answer.text());
            answer.json()["id"].as_str().expect("an id").to_owned()
        })
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(api.ended(&ids[0]).await["stdout"], "once\n");
    let list = api.get(&format!("{RUNS}?label=once={label}")).await.with(200);
    assert_eq!(list["runs"].as_array().map(Vec::len), Some(1), "{list}");
}

async fn a_key_that_comes_again_gets_the_same_run_and_waits_for_it(api: Api) {
    let key = Uuid::new_v4().to_string();
    let request = python("import time; time.sleep(2); print('same')");
    let first = create_with_key(&api, &key, "", &request).await.with(202);
    let second = create_with_key(&api, &key, "?wait=2m", &request).await;
    let run = second.with(200);
    assert_eq!((&run["id"], &run["stdout"]), (&first["id"], &json!("same\n")));
    assert!(second.header("location").ends_with(first["id"].as_str().expect("an id")));
    let third = create_with_key(&api, &key, "", &request).await.with(200);
    assert_eq!((&third["id"], &third["stdout"]), (&first["id"], &json!("same\n")), "it is over");
}

async fn a_key_with_another_body_is_refused(api: Api) {
    let key = Uuid::new_v4().to_string();
    let first = create_with_key(&api, &key, "?wait=2m", &python("print(1)")).await.with(200);
    let message = create_with_key(&api, &key, "", &python("print(2)")).await.refused(422, "IdempotencyKeyReused");
    assert!(message.contains("key"), "{message}");
    let again = create_with_key(&api, &key, "", &python("print(1)")).await.with(200);
    assert_eq!(again["id"], first["id"]);
}

async fn odd_keys_are_refused(api: Api) {
    for key in ["", "two words", &"k".repeat(256)] {
        let message = create_with_key(&api, key, "", &python("")).await.refused(400, "InvalidIdempotencyKey");
        assert!(message.contains("Idempotency-Key"), "{message}");
    }
    let longest = format!("{}{}", Uuid::new_v4().simple(), "k".repeat(223));
    assert_eq!(create_with_key(&api, &longest, "?wait=2m", &python("")).await.with(200)["outcome"], "Completed");
}

async fn wait_and_leave(api: &Api, key: Option<&str>, label: &str) -> String {
    let request = with(python("import time; time.sleep(8); print('to the end')"), json!({"labels": {"left": label}}));
    let post = api.request(Method::POST, &format!("{RUNS}?wait=2m")).body(request.to_string());
    let post = match key {
        Some(key) => post.header("idempotency-key", key),
        None => post,
    };
    let waiting = tokio::spawn(post.send());
    let id = loop {
        let list = api.get(&format!("{RUNS}?label=left={label}")).await.with(200);
        let run = &list["runs"][0];
        // What has not begun might be cancelled before it is anything at all.
        if run["phase"] == "Running" {
            break run["id"].as_str().expect("an id").to_owned();
        }
        crate::api::pause(50).await;
    };
    waiting.abort();
    let _ = waiting.await;
    id
}

async fn a_client_that_goes_away_while_it_waits_cancels_the_run(api: Api) {
    let id = wait_and_leave(&api, None, &Uuid::new_v4().to_string()).await;
    assert_eq!(api.ended(&id).await["outcome"], "Cancelled");
}

async fn a_client_with_a_key_may_come_back(api: Api) {
    let key = Uuid::new_v4().to_string();
    let id = wait_and_leave(&api, Some(&key), &key).await;
    let run = api.ended(&id).await;
    assert_eq!((&run["outcome"], &run["stdout"]), (&json!("Completed"), &json!("to the end\n")));
}
