//! Looking at runs, listing and cancelling them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::{Api, is_over, pause, python, with};

crate::table![
    a_run_that_is_not_there_is_not_found_whatever_is_asked_of_it,
    a_run_goes_from_pending_over_running_to_its_end,
    lists_are_summaries_with_the_newest_first,
    pages_meet_without_a_gap_and_without_anything_twice,
    lists_are_narrowed_by_labels_and_phase,
    a_list_that_can_not_be_is_refused,
    a_run_that_goes_on_is_cancelled_with_what_it_wrote,
    a_run_is_cancelled_right_after_it_was_taken,
    a_run_that_has_ended_stays_as_it_is,
];

const RUNS: &str = "/api/v1/runs";

async fn a_run_that_is_not_there_is_not_found_whatever_is_asked_of_it(api: Api) {
    let long = "a".repeat(300);
    for id in [&Uuid::new_v4().to_string(), "nothing", "..", "%2e%2e", "a%2Fb", "A_B", "%00", "%ff", &long] {
        let path = format!("{RUNS}/{}", id.replace("..", "%2e%2e%2f"));
        let answers = [
            api.get(&path).await,
            api.get(&format!("{path}?wait=1s")).await,
            api.delete(&path).await,
            api.get(&format!("{path}/events")).await,
            api.post(&format!("{path}/stdin"), "x").await,
            api.get(&format!("{path}/files/a.png")).await,
        ];
        for answer in answers {
            // A path that is not even text is no path of the API.
            assert!(matches!(answer.status.as_u16(), 400 | 404), "{id}: {}", answer.text());
            let body = answer.json();
            assert!(body["message"].is_string() && body["requestId"].is_string(), "{body}");
            assert!(answer.status != 404 || body["reason"] == "NotFound", "{body}");
        }
    }
}

async fn a_run_goes_from_pending_over_running_to_its_end(api: Api) {
    let id = api.create(&python("import time; time.sleep(1)")).await;
    let mut phases: Vec<String> = Vec::new();
    loop {
        let run = api.get(&format!("{RUNS}/{id}")).await.with(200);
        let phase = run["phase"].as_str().expect("a phase").to_owned();
        if phases.last() != Some(&phase) {
            phases.push(phase);
        }
        if is_over(&run) {
            break;
        }
        assert!(run.get("outcome").is_none() && run.get("finishedAt").is_none(), "{run}");
        pause(20).await;
    }
    let order = ["Pending", "Running", "Succeeded"];
    let places: Vec<_> = phases.iter().map(|phase| order.iter().position(|known| known == phase)).collect();
    assert!(places.is_sorted() && !places.contains(&None) && phases.contains(&"Running".to_owned()), "{phases:?}");
}

async fn labelled(api: &Api, count: usize) -> (String, Vec<String>) {
    let label = Uuid::new_v4().to_string();
    let mut ids = Vec::new();
    for number in 0..count {
        let request =
            with(python("print('x' * 100)"), json!({"labels": {"suite": label, "number": number.to_string()}}));
        ids.push(api.create(&request).await);
    }
    for id in &ids {
        api.ended(id).await;
    }
    (label, ids)
}

fn ids(list: &Value) -> Vec<String> {
    let runs = list["runs"].as_array().expect("a list");
    runs.iter().map(|run| run["id"].as_str().expect("an id").to_owned()).collect()
}

async fn lists_are_summaries_with_the_newest_first(api: Api) {
    let (label, made) = labelled(&api, 3).await;
    let list = api.get(&format!("{RUNS}?label=suite={label}")).await.with(200);
    let mut found = ids(&list);
    let runs = list["runs"].as_array().expect("a list");
    let times: Vec<_> = runs.iter().map(|run| run["createdAt"].as_str().expect("a time").to_owned()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    found.sort();
    let mut expected = made;
    expected.sort();
    assert_eq!(found, expected);
    assert!(list["next"].is_null(), "{list}");
    for run in runs {
        assert_eq!((&run["outcome"], &run["labels"]["suite"]), (&json!("Completed"), &json!(label)), "{run}");
        for field in ["stdout", "stderr", "files", "compile"] {
            assert!(run.get(field).is_none(), "{field} is too large for a list: {run}");
        }
    }
}

async fn pages_meet_without_a_gap_and_without_anything_twice(api: Api) {
    let (label, made) = labelled(&api, 5).await;
    let (mut found, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let list = api.get(&format!("{RUNS}?label=suite={label}&limit=2{after}")).await.with(200);
        let page = ids(&list);
        assert!(page.len() <= 2, "{list}");
        found.extend(page);
        pages += 1;
        match list["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(pages, 3);
    found.sort();
    let mut expected = made;
    expected.sort();
    assert_eq!(found, expected);
}

async fn lists_are_narrowed_by_labels_and_phase(api: Api) {
    let (label, made) = labelled(&api, 2).await;
    let list = async |query: &str| ids(&api.get(&format!("{RUNS}?label=suite={label}{query}")).await.with(200));
    assert_eq!(list("&label=number=1").await, [made[1].clone()]);
    assert!(list("&label=number=7").await.is_empty());
    assert_eq!(list("&phase=Succeeded").await.len(), 2);
    assert!(list("&phase=Failed").await.is_empty());
    assert!(list("&phase=Running").await.is_empty());
}

async fn a_list_that_can_not_be_is_refused(api: Api) {
    for query in ["limit=0", "limit=101", "limit=many", "phase=Happy", "label=team", "after=nowhere", "colour=red"] {
        let message = api.get(&format!("{RUNS}?{query}")).await.refused(400, "InvalidRequest");
        assert!(!message.is_empty(), "{query}");
    }
}

async fn a_run_that_goes_on_is_cancelled_with_what_it_wrote(api: Api) {
    let id = api.create(&python("import time; print('on', flush=True); time.sleep(60)")).await;
    let mut events = api.events(&id, None).await;
    while let Some(told) = futures::StreamExt::next(&mut events).await {
        if told.name == "stdout" {
            break;
        }
    }
    let answer = api.delete(&format!("{RUNS}/{id}")).await;
    // It may have ended before the answer is made.
    assert!(matches!(answer.status.as_u16(), 200 | 202), "{}", answer.text());
    assert_eq!(answer.json()["id"], json!(id));
    let run = api.ended(&id).await;
    assert_eq!((&run["outcome"], &run["phase"]), (&json!("Cancelled"), &json!("Failed")), "{run}");
    assert_eq!(run["stdout"], "on\n", "{run}");
}

async fn a_run_is_cancelled_right_after_it_was_taken(api: Api) {
    let id = api.create(&python("import time; time.sleep(60)")).await;
    api.delete(&format!("{RUNS}/{id}")).await;
    assert_eq!(api.ended(&id).await["outcome"], "Cancelled");
}

async fn a_run_that_has_ended_stays_as_it_is(api: Api) {
    let run = api.run(&python("print('done'); raise SystemExit(3)")).await;
    let id = run["id"].as_str().expect("an id");
    assert_eq!((&run["outcome"], &run["exitCode"]), (&json!("NonZeroExit"), &json!(3)), "{run}");
    assert_eq!(api.delete(&format!("{RUNS}/{id}")).await.with(200)["outcome"], "NonZeroExit");
    assert_eq!(api.get(&format!("{RUNS}/{id}")).await.with(200)["outcome"], "NonZeroExit");
}
