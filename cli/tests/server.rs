//! The command in front of a server that misbehaves, which is played here answer by answer.

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use common::{Ended, Folder, end, locus};

/// A request, as far as it is looked at.
#[derive(Debug)]
struct Asked {
    line: String,
    headers: Vec<String>,
    body: String,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|header| header.to_lowercase().starts_with(&format!("{name}: ")))?;
        Some(&found[name.len() + 2..])
    }
}

/// A server that gives these answers, each on a connection of its own; an empty one hangs up.
fn play(answers: Vec<String>) -> (String, Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (tell, told) = channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut connection, _) = listener.accept().expect("a connection");
            let _ = tell.send(read(&connection));
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    (address, told)
}

fn read(connection: &TcpStream) -> Asked {
    let mut reader = BufReader::new(connection);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a request");
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let mut asked = Asked { line: lines.remove(0), headers: lines, body: String::new() };
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("its body");
    asked.body = String::from_utf8(body).expect("text");
    asked
}

fn answer(status: &str, kind: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n{body}"
    )
}

fn json(status: &str, body: &str) -> String {
    answer(status, "application/json", "", body)
}

/// Events without a length: the connection's end is theirs.
fn events(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{text}")
}

const RUN: &str =
    r#"{"id":"run-1","language":"python","phase":"Pending","reason":"Queued","createdAt":"2026-01-01T00:00:00Z"}"#;
const FINISHED: &str = r#"{"id":"run-1","language":"python","phase":"Failed","reason":"NonZeroExit","outcome":"NonZeroExit","exitCode":7,"error":"it exited with status 7","createdAt":"2026-01-01T00:00:00Z"}"#;

fn run_on(server: &str) -> Ended {
    let folder = Folder::with(&[("main.py", "print(1)")]);
    end(&mut folder.locus(&format!("run main.py --server {server}")))
}

#[test]
fn events_that_break_off_go_on_where_they_were_left() {
    let (server, told) = play(vec![
        json("202 Accepted", RUN),
        // The last one is not whole, and so it has not been heard.
        events("id: 0-3-0\nevent: stdout\ndata: {\"text\":\"abc\"}\n\nid: 0-6-0\nevent: stdout\ndata: {\"te"),
        String::new(),
        events(&format!(
            "id: 0-5-0\nevent: stdout\ndata: {{\"base64\":\"/w==\"}}\n\n: alive\n\nid: 1-5-0\nevent: finished\ndata: {FINISHED}\n\n"
        )),
    ]);
    let ended = run_on(&server);
    assert_eq!((ended.code, &ended.stdout[..]), (7, &b"abc\xff"[..]), "{}", ended.stderr);
    let asked: Vec<_> = told.iter().collect();
    assert_eq!(asked[1].line, "GET /api/v1/runs/run-1/events HTTP/1.1");
    assert_eq!(asked[1].header("last-event-id"), None);
    assert_eq!(asked[2].header("last-event-id"), Some("0-3-0"));
    assert_eq!(asked[3].header("last-event-id"), Some("0-3-0"));
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again_and_makes_no_second_run() {
    let (server, told) = play(vec![
        String::new(),
        answer(
            "429 Too Many Requests",
            "application/json",
            "retry-after: 0\r\n",
            r#"{"reason":"QueueFull","message":"full","requestId":"1"}"#,
        ),
        json("202 Accepted", RUN),
        events(&format!("id: 1-0-0\nevent: finished\ndata: {FINISHED}\n\n")),
    ]);
    assert_eq!(run_on(&server).code, 7);
    let asked: Vec<_> = told.iter().take(3).collect();
    let keys: Vec<_> = asked.iter().map(|asked| asked.header("idempotency-key").expect("a key")).collect();
    assert!(keys[0].len() > 30 && keys[0] == keys[1] && keys[1] == keys[2], "{keys:?}");
    assert!(asked.iter().all(|asked| asked.line.starts_with("POST /api/v1/runs ") && asked.body.contains("print(1)")));
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let ended = run_on("http://127.0.0.1:1");
    assert_eq!(ended.code, 125);
    assert!(["http://127.0.0.1:1", "is it running"].iter().all(|part| ended.stderr.contains(part)), "{}", ended.stderr);
}

#[test]
fn a_server_that_is_another_one_is_told() {
    let page = answer("404 Not Found", "text/html", "", "<html>");
    let odd = answer("200 OK", "application/json", "", "{}");
    for body in [page, odd] {
        let (server, _told) = play(vec![body]);
        let ended = run_on(&server);
        assert_eq!(ended.code, 125, "{}", ended.stderr);
        assert!(ended.stderr.contains("does not answer as a server of Locus"), "{}", ended.stderr);
    }
}

#[test]
fn a_path_too_much_in_the_address_is_told() {
    let lost =
        || json("404 Not Found", r#"{"reason":"NotFound","message":"there is nothing at this path","requestId":"1"}"#);
    for (path, hint) in [("/foo/", Some("without the /foo it may be the right one")), ("", None)] {
        let (server, _told) = play(vec![lost()]);
        let ended = run_on(&format!("{server}{path}"));
        assert_eq!(ended.code, 125, "{}", ended.stderr);
        assert!(ended.stderr.contains("there is nothing at this path"), "{}", ended.stderr);
        assert_eq!(ended.stderr.contains("without the"), hint.is_some_and(|hint| ended.stderr.contains(hint)));
    }
}

#[test]
fn a_key_that_is_missing_is_told_and_one_that_is_given_is_sent() {
    let refusal = json("401 Unauthorized", r#"{"reason":"Unauthorized","message":"give an API key","requestId":"1"}"#);
    let (server, _told) = play(vec![refusal]);
    let ended = run_on(&server);
    assert_eq!(ended.code, 125);
    assert!(["--api-key-file", "LOCUS_API_KEY"].iter().all(|part| ended.stderr.contains(part)), "{}", ended.stderr);

    let folder = Folder::with(&[("key", "secret-1\n")]);
    let list = || json("200 OK", r#"{"runs":[]}"#);
    let (server, told) = play(vec![list(), list()]);
    let by_file = end(&mut folder.locus(&format!("ls --server {server} --api-key-file key")));
    assert_eq!(by_file.code, 0, "{}", by_file.stderr);
    let by_variable = end(locus().arg("ls").env("LOCUS_SERVER", &server).env("LOCUS_API_KEY", "secret-2"));
    assert_eq!(by_variable.code, 0, "{}", by_variable.stderr);
    for key in ["Bearer secret-1", "Bearer secret-2"] {
        assert_eq!(told.recv().expect("it was asked").header("authorization"), Some(key));
    }
}

#[test]
fn a_request_that_the_server_refuses_is_told_in_its_words() {
    let (server, _told) =
        play(vec![json("400 Bad Request", r#"{"reason":"InvalidRequest","message":"give less","requestId":"1"}"#)]);
    let ended = run_on(&server);
    assert_eq!((ended.code, ended.stderr.as_str()), (2, "error: give less\n"));
}

#[test]
fn lists_are_tables_and_go_on_over_pages() {
    let first = format!(r#"{{"runs":[{FINISHED}],"next":"a~b"}}"#);
    let (server, told) = play(vec![json("200 OK", &first), json("200 OK", &format!(r#"{{"runs":[{RUN}]}}"#))]);
    let ended = end(locus().args(["ls", "--all", "--label", "a=b c", "--phase", "failed", "--server", &server]));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let lines: Vec<_> = ended.text().lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(lines[0], ["ID", "LANGUAGE", "PHASE", "REASON", "AGE", "TIME", "LABELS"]);
    assert_eq!(lines[1][..4], ["run-1", "python", "Failed", "NonZeroExit"]);
    assert_eq!(lines[2][..4], ["run-1", "python", "Pending", "Queued"]);
    let asked: Vec<_> = told.iter().collect();
    assert!(asked[0].line.contains("label=a%3Db+c") && asked[0].line.contains("phase=Failed"), "{asked:?}");
    assert!(asked[1].line.contains("after=a%7Eb") || asked[1].line.contains("after=a~b"), "{asked:?}");
}

#[test]
fn a_run_is_shown_followed_and_cancelled_by_its_id() {
    let (server, told) = play(vec![
        json("200 OK", FINISHED),
        events(&format!(
            "id: 0-2-0\nevent: stdout\ndata: {{\"text\":\"o\\n\"}}\n\nid: 1-2-0\nevent: finished\ndata: {FINISHED}\n\n"
        )),
        json("202 Accepted", RUN),
    ]);
    let shown = end(locus().args(["get", "run-1", "--server", &server]));
    assert!(shown.code == 0 && shown.text().contains("it exited with status 7"), "{shown:?}");
    let logs = end(locus().args(["logs", "run-1", "--server", &server]));
    assert_eq!((logs.code, logs.text()), (7, "o\n"), "{}", logs.stderr);
    let cancelled = end(locus().args(["cancel", "run-1", "--server", &server]));
    assert_eq!((cancelled.code, cancelled.text()), (0, "run-1 is asked to stop\n"));
    assert_eq!(told.iter().last().expect("it was asked").line, "DELETE /api/v1/runs/run-1 HTTP/1.1");
}

#[test]
fn what_a_server_sends_can_not_move_the_cursor() {
    let odd = RUN.replace("Queued", "\\u001b[2J");
    let (server, _told) = play(vec![json("200 OK", &format!(r#"{{"runs":[{odd}]}}"#))]);
    let ended = end(locus().args(["ls", "--server", &server]));
    assert!(ended.code == 0 && !ended.text().contains('\x1b'), "{}", ended.text());
}
