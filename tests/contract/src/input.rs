//! Standard input while a program runs.

use futures::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::api::{Answer, Api, pause, python, with};

crate::table![
    a_program_talks_with_whoever_sends_it_input,
    input_comes_behind_that_of_the_request,
    what_was_taken_already_is_not_taken_again,
    a_run_that_is_not_interactive_takes_no_input,
    a_run_that_has_ended_takes_no_input,
    an_input_that_has_ended_takes_no_more,
    input_that_is_too_large_is_refused,
    a_program_that_does_not_read_is_not_buried,
    a_web_socket_carries_input,
    a_web_socket_says_why_there_is_no_input,
];

const ECHO: &str = "import sys\nfor line in sys.stdin:\n    print('got', line, end='', flush=True)\nprint('end')";

fn interactive(code: &str) -> Value {
    with(python(code), json!({"interactive": true}))
}

async fn send(api: &Api, id: &str, query: &str, data: impl Into<reqwest::Body>) -> Answer {
    api.send(api.request(Method::POST, &format!("/api/v1/runs/{id}/stdin{query}")).body(data)).await
}

async fn until_written(api: &Api, id: &str, text: &str) {
    let (mut events, mut written) = (api.events(id, None).await, Vec::new());
    while !String::from_utf8_lossy(&written).contains(text) {
        let told = events.next().await.expect("it goes on");
        assert_ne!(told.name, "finished", "{told:?}");
        if told.name == "stdout" {
            written.extend(told.bytes());
        }
    }
}

async fn a_program_talks_with_whoever_sends_it_input(api: Api) {
    let id = api.create(&interactive(ECHO)).await;
    assert_eq!(send(&api, &id, "", "one\n").await.with(200), json!({"taken": 4}));
    until_written(&api, &id, "got one\n").await;
    assert_eq!(send(&api, &id, "", "two\n").await.with(200), json!({"taken": 8}));
    until_written(&api, &id, "got two\n").await;
    assert_eq!(send(&api, &id, "?end=true", "").await.with(200), json!({"taken": 8}));
    assert_eq!(api.ended(&id).await["stdout"], "got one\ngot two\nend\n");
}

async fn input_comes_behind_that_of_the_request(api: Api) {
    let id = api.create(&with(interactive(ECHO), json!({"stdin": "first\n"}))).await;
    send(&api, &id, "?end=true", "second\n").await.with(200);
    assert_eq!(api.ended(&id).await["stdout"], "got first\ngot second\nend\n");
}

async fn what_was_taken_already_is_not_taken_again(api: Api) {
    let id = api.create(&interactive(ECHO)).await;
    for _ in 0..2 {
        assert_eq!(send(&api, &id, "?at=0", "one\n").await.with(200), json!({"taken": 4}));
    }
    assert_eq!(send(&api, &id, "?at=2", "e\ntwo\n").await.with(200), json!({"taken": 8}), "half of it is known");
    let gap = send(&api, &id, "?at=9", "x").await;
    assert_eq!(gap.json()["taken"], 8, "it says from where on");
    assert!(!gap.refused(409, "InputMissing").is_empty(), "nothing may be missing in between");
    send(&api, &id, "?at=8&end=true", "").await.with(200);
    assert_eq!(api.ended(&id).await["stdout"], "got one\ngot two\nend\n");
}

async fn a_run_that_is_not_interactive_takes_no_input(api: Api) {
    let id = api.create(&python("import time; time.sleep(2)")).await;
    assert!(send(&api, &id, "", "x").await.refused(409, "NoInput").contains("interactive"));
}

async fn a_run_that_has_ended_takes_no_input(api: Api) {
    let run = api.run(&with(interactive("print(1)"), json!({"stdin": "x"}))).await;
    assert_eq!(run["outcome"], "Completed", "{run}");
    let message = send(&api, run["id"].as_str().expect("an id"), "", "x").await.refused(409, "NoInput");
    assert!(!message.is_empty());
}

async fn an_input_that_has_ended_takes_no_more(api: Api) {
    let id = api.create(&interactive("import sys, time; print(sys.stdin.read(), flush=True); time.sleep(5)")).await;
    send(&api, &id, "?end=true", "all").await.with(200);
    until_written(&api, &id, "all").await;
    assert!(!send(&api, &id, "", "more").await.refused(409, "NoInput").is_empty());
    api.delete(&format!("/api/v1/runs/{id}")).await;
}

async fn input_that_is_too_large_is_refused(api: Api) {
    let id = api.create(&interactive("import sys; print(len(sys.stdin.read()))")).await;
    assert!(!send(&api, &id, "", vec![b'x'; 65537]).await.refused(413, "BodyTooLarge").is_empty());
    send(&api, &id, "?end=true", vec![b'x'; 65536]).await.with(200);
    assert_eq!(api.ended(&id).await["stdout"], "65536\n");
}

async fn a_program_that_does_not_read_is_not_buried(api: Api) {
    let code = "import sys, time; print('up', flush=True); time.sleep(4); print(len(sys.stdin.buffer.read()))";
    let id = api.create(&interactive(code)).await;
    until_written(&api, &id, "up").await;
    let (mut sent, mut was_full) = (0, false);
    // More than any pipe and queue holds, sent so that nothing is lost or doubled.
    while sent < 4 << 20 {
        let answer = send(&api, &id, &format!("?at={sent}"), vec![b'x'; 65536]).await;
        if answer.status == 429 {
            assert!(!answer.refused(429, "InputFull").is_empty());
            was_full = true;
            pause(100).await;
        } else {
            assert_eq!(answer.with(200), json!({"taken": sent + 65536}));
            sent += 65536;
        }
    }
    assert!(was_full);
    send(&api, &id, &format!("?at={sent}&end=true"), "").await.with(200);
    assert_eq!(api.ended(&id).await["stdout"], format!("up\n{}\n", 4 << 20));
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn socket(api: &Api, id: &str) -> Socket {
    let mut request = api.web_socket(&format!("/api/v1/runs/{id}/stdin")).into_client_request().expect("a request");
    if let Some(key) = api.key() {
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().expect("a header"));
    }
    tokio_tungstenite::connect_async(request).await.expect("it is upgraded").0
}

async fn a_web_socket_carries_input(api: Api) {
    let id = api.create(&interactive(ECHO)).await;
    let mut socket = socket(&api, &id).await;
    socket.send(Message::text("one\n")).await.expect("it is sent");
    until_written(&api, &id, "got one\n").await;
    socket.send(Message::binary(b"two\n".to_vec())).await.expect("it is sent");
    until_written(&api, &id, "got two\n").await;
    socket.send(Message::binary(Vec::new())).await.expect("it is sent");
    assert_eq!(api.ended(&id).await["stdout"], "got one\ngot two\nend\n");
}

async fn a_web_socket_says_why_there_is_no_input(api: Api) {
    let id = api.create(&python("import time; time.sleep(2)")).await;
    let mut socket = socket(&api, &id).await;
    socket.send(Message::text("x")).await.expect("it is sent");
    let told = loop {
        match socket.next().await.expect("it is told").expect("a message") {
            Message::Text(text) => break text,
            Message::Close(_) => panic!("it was closed without a word"),
            _ => {}
        }
    };
    let told: Value = serde_json::from_str(&told).expect("it is JSON");
    assert_eq!(told["reason"], "NoInput", "{told}");
    assert!(told["message"].is_string(), "{told}");
    while let Some(Ok(message)) = socket.next().await {
        assert!(matches!(message, Message::Close(_)), "nothing follows: {message:?}");
    }
}
