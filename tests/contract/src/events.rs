//! What a run tells while it runs.

use futures::StreamExt as _;
use reqwest::Method;
use serde_json::json;

use crate::api::{Api, Told, output, python, with};

crate::table![
    events_tell_all_of_a_run_in_order,
    what_a_program_writes_is_told_while_it_runs,
    events_go_on_where_they_were_left_wherever_that_was,
    a_run_that_has_ended_is_told_from_its_beginning,
    a_character_is_never_told_in_two_halves,
    bytes_that_are_no_text_are_told_as_they_are,
    the_marks_of_tests_stand_around_what_each_writes,
    an_unreadable_place_is_refused,
    events_are_never_kept_by_anything_in_between,
];

const WRITER: &str = "import sys, time
for number in range(5):
    print('out', number, '€', flush=True)
    print('err', number, file=sys.stderr, flush=True)
    time.sleep(0.1)
sys.exit(4)";

async fn events_tell_all_of_a_run_in_order(api: Api) {
    let id = api.create(&python(WRITER)).await;
    let events = api.all_events(&id, None).await;
    let run = api.ended(&id).await;
    assert_eq!(output(&events, "stdout"), run["stdout"].as_str().expect("text").as_bytes());
    assert_eq!(output(&events, "stderr"), run["stderr"].as_str().expect("text").as_bytes());
    let known = ["state", "stdout", "stderr", "finished"];
    assert!(events.iter().all(|told| known.contains(&told.name.as_str())), "{events:?}");
    let states: Vec<_> = events.iter().filter(|told| told.name == "state").collect();
    assert!(states.iter().any(|told| told.data["phase"] == "Running"), "{events:?}");
    let first_output = events.iter().position(|told| told.name == "stdout").expect("it writes");
    assert!(events[..first_output].iter().any(|told| told.data["phase"] == "Running"), "it runs before it writes");
    let end = events.last().expect("there are some");
    assert_eq!(end.name, "finished");
    assert_eq!(events.iter().filter(|told| told.name == "finished").count(), 1);
    for (field, value) in [("outcome", json!("NonZeroExit")), ("exitCode", json!(4)), ("id", json!(id))] {
        assert_eq!(end.data[field], value, "{}", end.data);
    }
    assert!(end.data.get("stdout").is_none() && end.data.get("stderr").is_none(), "it was told before: {}", end.data);
}

async fn what_a_program_writes_is_told_while_it_runs(api: Api) {
    let id =
        api.create(&with(python("print('first', flush=True); print(input())"), json!({"interactive": true}))).await;
    let mut events = api.events(&id, None).await;
    let first = loop {
        let told = events.next().await.expect("it goes on");
        assert_ne!(told.name, "finished", "{told:?}");
        if told.name == "stdout" {
            break told;
        }
    };
    assert_eq!(first.bytes(), b"first\n");
    // Had it not been told by now, the program would never get this.
    api.send(api.request(Method::POST, &format!("/api/v1/runs/{id}/stdin?end=true")).body("then\n")).await.with(200);
    let rest: Vec<Told> = events.collect().await;
    assert_eq!(output(&rest, "stdout"), b"then\n");
}

async fn events_go_on_where_they_were_left_wherever_that_was(api: Api) {
    let id = api.create(&python(WRITER)).await;
    let events = api.all_events(&id, None).await;
    let (stdout, stderr) = (output(&events, "stdout"), output(&events, "stderr"));
    assert!(events.len() > 5, "{events:?}");
    for told in &events {
        let place: Vec<usize> = told.id.split('-').map(|number| number.parse().expect("a number")).collect();
        let [_, out, err] = place[..] else { panic!("{} is no position", told.id) };
        if told.name == "finished" {
            // What makes a browser's EventSource leave it at that.
            let path = format!("/api/v1/runs/{id}/events");
            let answer = api.send(api.request(Method::GET, &path).header("last-event-id", &told.id)).await;
            assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0), "{}", answer.text());
            continue;
        }
        let rest = api.all_events(&id, Some(&told.id)).await;
        assert_eq!(output(&rest, "stdout"), stdout[out..], "behind {}", told.id);
        assert_eq!(output(&rest, "stderr"), stderr[err..], "behind {}", told.id);
        let ends = rest.iter().filter(|rest| rest.name == "finished").count();
        assert_eq!(ends, 1, "behind {}: {rest:?}", told.id);
    }
    // Whoever can't set headers asks by the query, in the middle of a stream too.
    let request = api.request(Method::GET, &format!("/api/v1/runs/{id}/events?lastEventId=0-3-0"));
    let text = String::from_utf8(api.send(request).await.body).expect("text");
    assert!(text.contains(" 0 ") && !text.contains("out 0"), "{text}");
}

async fn a_run_that_has_ended_is_told_from_its_beginning(api: Api) {
    let run = api.run(&python("print('all of it')")).await;
    let events = api.all_events(run["id"].as_str().expect("an id"), None).await;
    assert_eq!(output(&events, "stdout"), b"all of it\n");
    assert_eq!(events.last().expect("there are some").name, "finished");
}

async fn a_character_is_never_told_in_two_halves(api: Api) {
    let code = "import os, time\nfor byte in 'é€😀'.encode():\n    os.write(1, bytes([byte])); time.sleep(0.02)\nos.write(1, b'\\xe2\\x82')";
    let id = api.create(&python(code)).await;
    let events = api.all_events(&id, None).await;
    let told: Vec<_> = events.iter().filter(|told| told.name == "stdout").collect();
    let text: String = told.iter().filter_map(|told| told.data["text"].as_str()).collect();
    assert_eq!(text, "é€😀");
    let last = told.last().expect("it writes");
    assert_eq!(last.bytes(), b"\xe2\x82", "half a character at the end is told too: {told:?}");
}

async fn bytes_that_are_no_text_are_told_as_they_are(api: Api) {
    let id = api.create(&python("import os; os.write(1, bytes(range(256)))")).await;
    let events = api.all_events(&id, None).await;
    assert_eq!(output(&events, "stdout"), (0..=255).collect::<Vec<u8>>());
}

async fn the_marks_of_tests_stand_around_what_each_writes(api: Api) {
    let tests = json!([{"stdin": "1\n", "expectedStdout": "1"}, {"stdin": "2\n", "expectedStdout": "3"}]);
    let id = api.create(&with(python("print(input())"), json!({ "tests": tests }))).await;
    let events = api.all_events(&id, None).await;
    let told: Vec<_> = events.iter().filter(|told| told.name != "state").collect();
    let names: Vec<_> = told.iter().map(|told| told.name.as_str()).collect();
    let each = ["caseStarted", "stdout", "caseEnded"];
    assert_eq!(names, [&each[..], &each, &["finished"]].concat(), "{told:?}");
    for index in 0..2 {
        let [start, written, end] = told[3 * index..3 * index + 3] else { panic!("three each") };
        assert_eq!((&start.data["index"], &end.data["index"]), (&json!(index), &json!(index)));
        assert_eq!(written.bytes(), format!("{}\n", index + 1).into_bytes());
        assert_eq!(end.data["outcome"], "Completed", "what was expected is not the program's affair");
    }
    let end = told.last().expect("there are some");
    assert_eq!((&end.data["outcome"], &end.data["tests"]["passed"]), (&json!("TestsFailed"), &json!(1)));
    let behind_the_first = api.all_events(&id, Some(&told[2].id)).await;
    assert_eq!(output(&behind_the_first, "stdout"), b"2\n");
}

async fn an_unreadable_place_is_refused(api: Api) {
    let id = api.create(&python("")).await;
    for place in ["x", "1-2", "1-2-3-4", "-1-0-0", "1-2-x", "99999999999999999999999-0-0"] {
        let path = format!("/api/v1/runs/{id}/events");
        let by_header = api.send(api.request(Method::GET, &path).header("last-event-id", place)).await;
        let by_query = api.get(&format!("{path}?lastEventId={place}")).await;
        for answer in [by_header, by_query] {
            assert!(!answer.refused(400, "InvalidPosition").is_empty());
        }
    }
}

async fn events_are_never_kept_by_anything_in_between(api: Api) {
    let id = api.create(&python("")).await;
    let answer = api.get(&format!("/api/v1/runs/{id}/events")).await;
    assert_eq!(answer.status, 200);
    assert_eq!((answer.header("cache-control"), answer.header("x-accel-buffering")), ("no-store", "no"));
}
