//! The runner in a pod, over its HTTP.
#![cfg(target_os = "linux")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{RUNNER, file, is_alive, marker, python, standby};
use locus_core::token::{Claims, Scope, TokenSigner, body_digest};
use locus_core::{Assignment, CaseInput, Event, Outcome, PodInfo, RunState, Transcript};
use serde_json::{Value, json};

const POD: &str = "pod-1";
const RUN: &str = "run-1";

fn signer() -> TokenSigner {
    TokenSigner::from_seed(&[7; 32])
}

fn claims(scope: Scope) -> Claims {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is past 1970").as_secs();
    Claims { aud: POD.into(), run: RUN.into(), scope, exp: now + 60, body: None }
}

fn token(scope: Scope) -> String {
    signer().sign(&claims(scope))
}

fn start_token(body: &[u8]) -> String {
    signer().sign(&Claims { body: Some(body_digest(body)), ..claims(Scope::Run) })
}

struct Pod {
    child: Child,
    address: SocketAddr,
    is_container: bool,
    _work: tempfile::TempDir,
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    fn json<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{} is no such JSON: {error}", String::from_utf8_lossy(&self.body));
        })
    }
}

impl Pod {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(RUNNER);
        command.arg("serve");
        Self::start_as(command, tempfile::tempdir().expect("a folder"), env)
    }

    /// As PID 1 with folders of its own, as in a container. `None` where no such thing can be made by hand.
    fn in_container() -> Option<Self> {
        let kinds = ["--mount", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"];
        let mut unshare = Command::new("unshare");
        if !rustix::process::getuid().is_root() {
            unshare.args(["--user", "--map-root-user"]);
        }
        let script = "
mount -t tmpfs tmpfs /tmp && mount -t tmpfs tmpfs /dev/shm && mkdir -p /tmp/dev && mount --rbind /dev /tmp/dev || exit 1
mount -t tmpfs tmpfs /dev && cd /tmp/dev && mkdir /dev/shm /dev/mqueue || exit 1
for name in null full tty random urandom zero; do touch /dev/$name && mount --bind $name /dev/$name || exit 1; done
cd / && umount -l /tmp/dev && rmdir /tmp/dev && mount -t tmpfs tmpfs /dev/shm && mount -t mqueue mqueue /dev/mqueue || exit 1
exec \"$0\" \"$@\"";
        let mut probe = Command::new("unshare");
        probe.args(unshare.get_args()).args(kinds).args(["sh", "-c", script, "true"]);
        if !probe.status().is_ok_and(|status| status.success()) {
            assert!(std::env::var_os("CI").is_none(), "the tests need unshare and mount");
            println!("NOT RUN: no container can be made by hand");
            return None;
        }
        unshare.args(kinds).args(["sh", "-c", script, RUNNER, "serve"]);
        let work = tempfile::tempdir_in("/var/tmp").expect("a folder");
        let mut pod = Self::start_as(unshare, work, &[]);
        pod.is_container = true;
        Some(pod)
    }

    fn start_as(mut command: Command, work: tempfile::TempDir, env: &[(&str, &str)]) -> Self {
        let mut child = command
            .env("LOCUS_POD_UID", POD)
            .env("LOCUS_PUBLIC_KEYS", signer().public_key())
            .env("LOCUS_LISTEN", "127.0.0.1:0")
            .env("LOCUS_WORK_DIR", work.path())
            .envs(env.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the runner's binary starts");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let line: Value = serde_json::from_str(&log.next().expect("a line").expect("a line")).expect("logs are JSON");
        let address = line["listen.address"].as_str().expect("it tells its address").parse().expect("an address");
        std::thread::spawn(move || log.for_each(drop));
        Self { child, address, is_container: false, _work: work }
    }

    fn send(&self, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: pod\r\nconnection: close\r\n{token}content-length: {length}\r\n\r\n"
        );
        // The runner may answer and close before it has read a body that it refuses.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        stream
    }

    fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> Answer {
        let mut bytes = Vec::new();
        let _ = self.send(method, path, token, body).read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        let body = &bytes[end + 4..];
        let body = if head.contains("transfer-encoding: chunked") { unchunked(body) } else { body.to_vec() };
        Answer { status, body }
    }

    fn put(&self, assignment: &Assignment) -> Answer {
        let body = serde_json::to_vec(assignment).expect("an assignment serializes");
        let token = Claims { run: assignment.uid.clone(), body: Some(body_digest(&body)), ..claims(Scope::Run) };
        self.ask("PUT", &format!("/v1/runs/{}", assignment.uid), Some(&signer().sign(&token)), &body)
    }

    fn run(&self, method: &str, below: &str, scope: Scope) -> Answer {
        self.ask(method, &format!("/v1/runs/{RUN}{below}"), Some(&token(scope)), b"")
    }

    fn events(&self) -> Vec<Event> {
        let answer = self.run("GET", "/events", Scope::Read);
        assert_eq!(answer.status, 200);
        answer.body.lines().map(|line| serde_json::from_str(&line.expect("text")).expect("an event")).collect()
    }

    fn transcript(&self) -> Transcript {
        let mut transcript = Transcript::default();
        self.events().into_iter().for_each(|event| transcript.push(event, usize::MAX));
        transcript
    }

    /// How the runner ended, if it does within ten seconds.
    fn ended(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it lives");
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            if self.is_container {
                // What stands around the runner passes nothing on, and takes everything along.
                let _ = self.child.kill();
            } else {
                // Told to stop, it takes its program along.
                self.terminate();
            }
            let _ = self.child.wait();
        }
    }
}

/// A folder with what holds python, as an image has it.
fn hooks() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let hooks = locus_languages::FILES.iter().filter(|(path, _)| path.starts_with("/locus/python/"));
    for (path, text) in hooks {
        let name = path.rsplit('/').next().expect("a name");
        std::fs::write(folder.path().join(name), text).expect("it is written");
    }
    folder
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n").expect("a chunk has a size");
        let size = std::str::from_utf8(&body[..end]).expect("text");
        let size = usize::from_str_radix(size, 16).expect("a size is hexadecimal");
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
}

#[test]
fn a_pod_tells_who_it_is_and_which_layers_are_in_force() {
    let pod = Pod::start();
    assert_eq!(
        pod.ask("GET", "/v1/pod", None, b"").json::<PodInfo>(),
        PodInfo { pod_uid: POD.into(), run_uid: None, prestarted: false, retired: false }
    );
    let ready = pod.ask("GET", "/readyz", None, b"");
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json::<Value>()["layers"][0]["inForce"], true);
    assert_eq!(pod.put(&python("")).status, 201);
    assert_eq!(pod.ask("GET", "/v1/pod", None, b"").json::<PodInfo>().run_uid.as_deref(), Some(RUN));
}

/// Waits until the pod tells that an interpreter is ready.
fn until_prestarted(pod: &Pod) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !pod.ask("GET", "/v1/pod", None, b"").json::<PodInfo>().prestarted {
        assert!(Instant::now() < deadline, "no interpreter is ready");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// No image stands around these tests, so that the hook of Python stands elsewhere.
fn find_hooks(assignment: &mut Assignment, hooks: &tempfile::TempDir) {
    let path = hooks.path().display().to_string();
    let variable = assignment.program.env.iter_mut().find(|variable| variable.name == "PYTHONPATH");
    variable.expect("python finds its hook by it").value.clone_from(&path);
    assignment.program.readable.push(path);
}

#[test]
fn a_pod_holds_an_interpreter_ready_for_its_run() {
    let hooks = hooks();
    let mut assignment = python("import os, sys; print(sys.argv, sorted(os.environ))");
    assignment.args = vec!["x".into()];
    find_hooks(&mut assignment, &hooks);
    let standby = serde_json::to_string(&standby(&assignment)).expect("a standby serializes");
    let pod = Pod::start_with(&[("LOCUS_STANDBY", &standby)]);
    until_prestarted(&pod);
    assert_eq!(pod.put(&assignment).status, 201);
    assert!(!pod.ask("GET", "/v1/pod", None, b"").json::<PodInfo>().prestarted, "it is no longer waiting");
    let transcript = pod.transcript();
    let result = transcript.result.expect("a result");
    assert!(result.prestarted, "{}", String::from_utf8_lossy(&transcript.stderr));
    assert_eq!(String::from_utf8_lossy(&transcript.stdout), "['main.py', 'x'] ['HOME', 'LANG', 'PATH']\n");
    drop(pod);

    // What does not suit is started plainly in the same pod.
    let pod = Pod::start_with(&[("LOCUS_STANDBY", &standby)]);
    until_prestarted(&pod);
    assignment.env.push(common::variable("PYTHONUTF8", "1"));
    assert_eq!(pod.put(&assignment).status, 201);
    let transcript = pod.transcript();
    assert_eq!(transcript.result.map(|result| (result.outcome, result.prestarted)), Some((Outcome::Completed, false)));
}

#[test]
fn a_standby_that_can_not_be_read_is_told() {
    let output = Command::new(RUNNER)
        .arg("serve")
        .env("LOCUS_POD_UID", POD)
        .env("LOCUS_PUBLIC_KEYS", signer().public_key())
        .env("LOCUS_WORK_DIR", "/tmp")
        .env("LOCUS_STANDBY", "{}")
        .output()
        .expect("the runner's binary starts");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("LOCUS_STANDBY"));
}

#[test]
fn a_retired_pod_takes_no_run_and_one_with_a_run_is_not_retired() {
    let retire = |pod: &Pod, claims: Claims| pod.ask("DELETE", "/v1/pod", Some(&signer().sign(&claims)), b"").status;
    let good = Claims { run: String::new(), ..claims(Scope::Run) };
    let pod = Pod::start();
    assert_eq!(retire(&pod, claims(Scope::Run)), 401, "a run's token is not the pod's");
    assert_eq!(retire(&pod, Claims { scope: Scope::Read, ..good.clone() }), 401);
    assert_eq!(retire(&pod, Claims { aud: "pod-2".into(), ..good.clone() }), 401);
    assert_eq!(pod.ask("DELETE", "/v1/pod", None, b"").status, 401);
    for _ in 0..2 {
        assert_eq!(retire(&pod, good.clone()), 204);
    }
    assert_eq!(pod.put(&python("")).status, 409);
    assert_eq!(pod.ask("GET", "/v1/pod", None, b"").json::<PodInfo>().run_uid, None);

    let pod = Pod::start();
    assert_eq!(pod.put(&python("print(1)")).status, 201);
    assert_eq!(retire(&pod, good), 409);
    assert_eq!(pod.transcript().stdout, b"1\n");
}

#[test]
fn the_first_run_is_accepted_known_again_and_alone() {
    let pod = Pod::start();
    let assignment = python("open('count', 'a').write('x'); print(open('count').read())");
    let first = pod.put(&assignment);
    assert_eq!((first.status, first.json::<RunState>().uid.as_str()), (201, RUN));
    for _ in 0..3 {
        assert_eq!(pod.put(&assignment).status, 200);
    }
    let other = pod.put(&Assignment { uid: "run-2".into(), ..assignment.clone() });
    assert_eq!(other.status, 409);
    assert!(other.json::<Value>()["error"].as_str().expect("a sentence").contains("another run"));
    let transcript = pod.transcript();
    assert_eq!(transcript.stdout, b"x\n");
    assert_eq!(transcript.result.expect("a result").outcome, Outcome::Completed);
    let again = pod.put(&assignment);
    assert_eq!((again.status, again.json::<RunState>().result.expect("a result").exit_code), (200, Some(0)));
}

#[test]
fn of_many_runs_at_once_one_is_accepted() {
    let pod = Pod::start();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let puts: Vec<_> = (0..8)
            .map(|number| {
                let assignment = Assignment { uid: format!("run-{number}"), ..python("") };
                let pod = &pod;
                scope.spawn(move || pod.put(&assignment).status)
            })
            .collect();
        puts.into_iter().map(|put| put.join().expect("no panic")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
}

#[test]
fn a_token_for_anything_else_is_refused_and_starts_nothing() {
    let pod = Pod::start();
    let body = serde_json::to_vec(&python("")).expect("an assignment serializes");
    let good = Claims { body: Some(body_digest(&body)), ..claims(Scope::Run) };
    let sign = |claims: Claims| Some(signer().sign(&claims));
    for (what, token) in [
        ("none", None),
        ("garbage", Some("garbage".to_owned())),
        ("another key", Some(TokenSigner::from_seed(&[8; 32]).sign(&good))),
        ("another pod", sign(Claims { aud: "pod-2".into(), ..good.clone() })),
        ("another run", sign(Claims { run: "run-2".into(), ..good.clone() })),
        ("read scope", sign(Claims { scope: Scope::Read, ..good.clone() })),
        ("stdin scope", sign(Claims { scope: Scope::Stdin, ..good.clone() })),
        ("expired", sign(Claims { exp: 1, ..good.clone() })),
        ("no body", sign(Claims { body: None, ..good.clone() })),
        ("another body", sign(Claims { body: Some(body_digest(b"{}")), ..good.clone() })),
    ] {
        let answer = pod.ask("PUT", "/v1/runs/run-1", token.as_deref(), &body);
        assert_eq!(answer.status, 401, "{what}");
        assert!(!answer.json::<Value>()["error"].as_str().expect("a sentence").is_empty(), "{what}");
    }
    assert_eq!(pod.ask("GET", "/v1/pod", None, b"").json::<PodInfo>().run_uid, None);
    assert_eq!(pod.put(&python("")).status, 201);
    for (method, below, scope) in [
        ("GET", "", Scope::Stdin),
        ("GET", "/events", Scope::Stdin),
        ("DELETE", "", Scope::Read),
        ("POST", "/ack", Scope::Read),
    ] {
        assert_eq!(pod.run(method, below, scope).status, 401, "{method} {below}");
    }
}

#[test]
fn slow_clients_are_cut_and_however_many_there_are_others_get_their_turn() {
    let pod = Pod::start();
    let half_open: Vec<TcpStream> = (0..80)
        .map(|_| {
            let mut stream = TcpStream::connect(pod.address).expect("it listens");
            stream.write_all(b"GET /readyz HTT").expect("it reads");
            stream
        })
        .collect();
    assert_eq!(pod.ask("GET", "/readyz", None, b"").status, 200);
    for mut stream in half_open {
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        let mut answer = String::new();
        // It is closed, with or without an answer.
        let _ = stream.read_to_string(&mut answer);
        assert!(!answer.contains("200"), "{answer}");
    }
}

#[test]
fn what_is_malformed_or_unknown_is_told_apart() {
    let pod = Pod::start();
    assert_eq!(pod.run("GET", "", Scope::Read).status, 404);
    assert_eq!(pod.run("GET", "/events", Scope::Run).status, 404);
    assert_eq!(pod.run("POST", "/ack", Scope::Run).status, 404);
    let put = |body: &[u8]| pod.ask("PUT", "/v1/runs/run-1", Some(&start_token(body)), body).status;
    assert_eq!(put(b"{"), 400);
    assert_eq!(put(b"{}"), 400);
    let other = Assignment { uid: "run-2".into(), ..python("") };
    assert_eq!(put(&serde_json::to_vec(&other).expect("an assignment serializes")), 400);
    assert_eq!(put(&vec![b' '; (8 << 20) + 1]), 413);
    assert_eq!(pod.ask("GET", "/nowhere", None, b"").status, 404);
}

#[test]
fn every_reader_is_told_all_events_early_or_late() {
    let pod = Pod::start();
    let code = "
import sys, time
for number in range(5):
    print(number, flush=True)
    print(-number, file=sys.stderr, flush=True)
    time.sleep(0.1)
sys.exit(3)
";
    assert_eq!(pod.put(&python(code)).status, 201);
    let (first, second) = std::thread::scope(|scope| {
        let readers = (scope.spawn(|| pod.events()), scope.spawn(|| pod.events()));
        (readers.0.join().expect("no panic"), readers.1.join().expect("no panic"))
    });
    for events in [&first, &second, &pod.events()] {
        assert_eq!(events[0], Event::Started);
        let mut transcript = Transcript::default();
        events.iter().cloned().for_each(|event| transcript.push(event, usize::MAX));
        assert_eq!(transcript.stdout, b"0\n1\n2\n3\n4\n");
        assert_eq!(transcript.stderr, b"0\n-1\n-2\n-3\n-4\n");
        assert!(matches!(events.last(), Some(Event::Finished { result }) if result.exit_code == Some(3)));
    }
}

#[test]
fn events_arrive_while_the_program_runs_and_a_cancel_ends_them() {
    let pod = Pod::start();
    let marker = marker("serve-cancel");
    let code = "import os, time\nif os.fork(): print('up', flush=True)\ntime.sleep(600)";
    assert_eq!(pod.put(&Assignment { args: vec![marker.clone()], ..python(code) }).status, 201);
    let path = format!("/v1/runs/{RUN}/events");
    let mut lines = BufReader::new(pod.send("GET", &path, Some(&token(Scope::Read)), b"")).lines();
    assert!(lines.any(|line| line.expect("a line").contains("\"stdout\"")));
    assert!(is_alive(&marker));
    assert_eq!(pod.run("GET", "", Scope::Read).json::<RunState>().result, None);
    assert_eq!(pod.run("POST", "/ack", Scope::Run).status, 409);
    assert_eq!(pod.run("DELETE", "", Scope::Run).status, 202);
    assert!(lines.any(|line| line.expect("a line").contains("Cancelled")));
    assert!(!is_alive(&marker));
    assert_eq!(pod.transcript().stdout, b"up\n");
}

#[test]
fn an_acknowledgement_after_the_end_ends_the_runner() {
    let mut pod = Pod::start();
    assert_eq!(pod.put(&python("print(1)")).status, 201);
    assert_eq!(pod.transcript().stdout, b"1\n");
    assert_eq!(pod.child.try_wait().expect("it is ours"), None, "the result is kept until then");
    assert_eq!(pod.run("POST", "/ack", Scope::Run).status, 204);
    assert!(pod.ended().expect("it ends").success());
}

#[test]
fn a_result_that_nobody_acknowledges_is_kept_for_a_while() {
    let mut pod = Pod::start_with(&[("LOCUS_LINGER_SECONDS", "1")]);
    assert_eq!(pod.put(&python("print(1)")).status, 201);
    assert_eq!(pod.transcript().stdout, b"1\n");
    assert!(pod.ended().expect("it ends").success());
}

#[test]
fn told_to_stop_the_runner_kills_its_program_and_succeeds() {
    let mut pod = Pod::start();
    let marker = marker("serve-stop");
    let code = "import os, time\nif os.fork(): print('up', flush=True)\ntime.sleep(600)";
    assert_eq!(pod.put(&Assignment { args: vec![marker.clone()], ..python(code) }).status, 201);
    let path = format!("/v1/runs/{RUN}/events");
    let mut lines = BufReader::new(pod.send("GET", &path, Some(&token(Scope::Read)), b"")).lines();
    assert!(lines.any(|line| line.expect("a line").contains("\"stdout\"")));
    pod.terminate();
    assert!(lines.any(|line| line.expect("a line").contains("Cancelled")), "readers are told");
    assert!(pod.ended().expect("it ends").success());
    assert!(!is_alive(&marker));
    assert!(Pod::start().child.try_wait().expect("it is ours").is_none());
}

#[test]
fn a_program_sees_the_work_folder_and_no_setting_of_the_runner() {
    let pod = Pod::start();
    let mut assignment = python("import os; print(sorted(os.environ), os.listdir('.')); print(os.environ['PATH'])");
    let hooks = hooks();
    find_hooks(&mut assignment, &hooks);
    assignment.files.push(file("sub/data", ""));
    assignment.env = vec![common::variable("LC_CTYPE", "C")];
    assert_eq!(pod.put(&assignment).status, 201);
    let out = String::from_utf8(pod.transcript().stdout).expect("text");
    let mut lines = out.lines();
    let first = lines.next().expect("a line");
    assert!(first.starts_with("['HOME', 'LANG', 'LC_CTYPE', 'PATH'] ["), "{first}");
    assert!(first.contains("main.py") && first.contains("sub"), "{first}");
    let folder = &assignment.program.path[0];
    assert_eq!(lines.next(), Some(format!("{folder}:/usr/local/bin:/usr/bin:/bin").as_str()));
}

#[test]
fn settings_that_are_missing_or_wrong_are_named() {
    let work = tempfile::tempdir().expect("a folder");
    let key = signer().public_key();
    let good = [
        ("LOCUS_POD_UID", POD),
        ("LOCUS_PUBLIC_KEYS", key.as_str()),
        ("LOCUS_LISTEN", "127.0.0.1:0"),
        ("LOCUS_WORK_DIR", work.path().to_str().expect("text")),
    ];
    for (name, value) in [
        ("LOCUS_POD_UID", None),
        ("LOCUS_PUBLIC_KEYS", None),
        ("LOCUS_PUBLIC_KEYS", Some("key")),
        ("LOCUS_LISTEN", Some("here")),
        ("LOCUS_LINGER_SECONDS", Some("-1")),
    ] {
        let mut command = Command::new(RUNNER);
        command.arg("serve").envs(good);
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
        let output = command.output().expect("the runner's binary starts");
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(name), "{name}");
    }
}

/// The key of a front door.
fn reader() -> TokenSigner {
    TokenSigner::from_seed(&[9; 32])
}

#[test]
fn a_front_door_follows_a_run_and_writes_its_input_and_nothing_else() {
    let pod = Pod::start_with(&[("LOCUS_READER_KEYS", &reader().public_key())]);
    let assignment = Assignment { interactive: true, ..python("print(input(), flush=True); input()") };
    let body = serde_json::to_vec(&assignment).expect("an assignment serializes");
    let run = format!("/v1/runs/{RUN}");
    let ask = |method: &str, path: &str, claims: &Claims, body: &[u8]| {
        pod.ask(method, path, Some(&reader().sign(claims)), body).status
    };
    for scope in [Scope::Run, Scope::Read, Scope::Stdin] {
        let claims = claims(scope);
        let start = Claims { body: Some(body_digest(&body)), ..claims.clone() };
        assert_eq!(ask("PUT", &run, &start, &body), 401, "{scope:?} starts nothing");
        assert_eq!(ask("DELETE", "/v1/pod", &Claims { run: String::new(), ..claims }, b""), 401, "{scope:?}");
    }
    assert_eq!(pod.put(&assignment).status, 201);
    for scope in [Scope::Run, Scope::Read, Scope::Stdin] {
        let claims = claims(scope);
        let reads = if scope == Scope::Read { 200 } else { 401 };
        assert_eq!(ask("GET", &run, &claims, b""), reads, "{scope:?}");
        assert_eq!(ask("DELETE", &run, &claims, b""), 401, "{scope:?} cancels nothing");
        assert_eq!(ask("POST", &format!("{run}/ack"), &claims, b""), 401, "{scope:?} acknowledges nothing");
        let writes = if scope == Scope::Stdin { 200 } else { 401 };
        assert_eq!(ask("POST", &format!("{run}/stdin?at=0"), &claims, b"hi\n"), writes, "{scope:?}");
    }
    assert_eq!(ask("POST", &format!("{run}/stdin"), &claims(Scope::Stdin), b"bye\n"), 200);
    let events = pod.ask("GET", &format!("{run}/events"), Some(&reader().sign(&claims(Scope::Read))), b"");
    assert_eq!(events.status, 200);
    assert!(String::from_utf8_lossy(&events.body).contains("\"outcome\":\"Completed\""));
    assert_eq!(pod.transcript().stdout, b"hi\n");
    drop(pod);
    let pod = Pod::start();
    assert_eq!(pod.put(&assignment).status, 201);
    let token = reader().sign(&claims(Scope::Read));
    assert_eq!(pod.ask("GET", &run, Some(&token), b"").status, 401, "the pod does not know the key");
}

#[test]
fn reader_keys_that_can_not_be_read_are_told() {
    let output = Command::new(RUNNER)
        .arg("serve")
        .env("LOCUS_POD_UID", POD)
        .env("LOCUS_PUBLIC_KEYS", signer().public_key())
        .env("LOCUS_WORK_DIR", "/tmp")
        .env("LOCUS_READER_KEYS", "no key")
        .output()
        .expect("the runner's binary starts");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("LOCUS_READER_KEYS can't be used"));
}

#[test]
fn input_is_taken_once_in_order_and_within_bounds() {
    let pod = Pod::start();
    let code = "import sys, time; sys.stdin.readline(); print('read', flush=True); time.sleep(600)";
    assert_eq!(pod.put(&Assignment { interactive: true, ..python(code) }).status, 201);
    let send = |query: &str, body: &[u8]| {
        let path = format!("/v1/runs/{RUN}/stdin{query}");
        let answer = pod.ask("POST", &path, Some(&token(Scope::Stdin)), body);
        (answer.status, serde_json::from_slice::<Value>(&answer.body).unwrap_or_default())
    };
    assert_eq!(send("", b"ab"), (200, json!({ "taken": 2 })));
    assert_eq!(send("?at=1", b"bc\n"), (200, json!({ "taken": 4 })));
    assert_eq!(send("?at=1", b"bc\n"), (200, json!({ "taken": 4 })));
    let (status, answer) = send("?at=5", b"x");
    assert_eq!((status, &answer["taken"]), (409, &json!(4)));
    assert_eq!(send("?at=x", b"").0, 400);
    assert_eq!(send("", &vec![b'x'; (64 << 10) + 1]).0, 413);
    let mut taken = 4;
    let full = loop {
        let (status, answer) = send(&format!("?at={taken}"), &vec![b'x'; 64 << 10]);
        if status != 200 {
            break (status, answer);
        }
        taken = answer["taken"].as_u64().expect("a number");
        assert!(taken < 4 << 20);
    };
    assert_eq!((full.0, &full.1["taken"]), (429, &json!(taken)));
    assert_eq!(send(&format!("?at={taken}&end=true"), b""), (200, json!({ "taken": taken })));
    assert_eq!(send(&format!("?at={taken}"), b"x").0, 410);
    assert_eq!(pod.run("DELETE", "", Scope::Run).status, 202);
    assert_eq!(pod.transcript().result.map(|result| result.outcome), Some(Outcome::Cancelled));
    assert_eq!(send("", b"x").0, 410, "it is over");

    let pod = Pod::start();
    assert_eq!(pod.put(&python("import time; time.sleep(600)")).status, 201);
    let answer = pod.run("POST", "/stdin", Scope::Stdin);
    assert_eq!(answer.status, 410);
    assert!(String::from_utf8_lossy(&answer.body).contains("not interactive"));
}

#[test]
fn cases_and_files_are_told_in_their_place() {
    let Some(pod) = Pod::in_container() else { return };
    let code = "
import os, sys
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
# It is made, by its name, also where Landlock keeps it from being opened.
queue = libc.mq_open(b'/left', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666, None) < 0 and ctypes.get_errno() == errno.EEXIST
print(sys.stdin.read(), sorted(os.listdir('.')), os.listdir('/tmp'), os.listdir('/dev/shm'), queue)
for folder in ('.', '/tmp', '/dev/shm'): open(folder + '/left', 'w')
open('main.py', 'w').write('print(1)')
if os.fork() == 0: import time; time.sleep(600)
";
    let cases = ["a", "b", "c"].map(|stdin| CaseInput { stdin: stdin.into(), args: Vec::new() });
    assert_eq!(pod.put(&Assignment { cases: cases.into(), ..python(code) }).status, 201);
    // By two readers, one of which comes late.
    for _ in 0..2 {
        let transcript = pod.transcript();
        let result = transcript.result.expect("a result");
        assert_eq!(result.outcome, Outcome::Completed, "{}", result.error);
        let outs: Vec<_> = transcript.cases.iter().map(|case| String::from_utf8_lossy(&case.stdout)).collect();
        assert_eq!(
            outs,
            ["a", "b", "c"].map(|stdin| format!("{stdin} ['main.py'] [] [] False\n")),
            "{:?}",
            transcript.cases
        );
        for case in &transcript.cases {
            let completed = case.end.as_ref().is_some_and(|end| end.outcome.is_success());
            assert!(completed, "{:?} {}", case.end, String::from_utf8_lossy(&case.stderr));
        }
    }
    drop(pod);
    let pod = Pod::start();
    let code = "open('out.txt', 'w').write('x')";
    assert_eq!(pod.put(&Assignment { output_files: vec!["*.txt".into()], ..python(code) }).status, 201);
    let events = pod.events();
    assert_eq!(events[1], Event::File { name: "out.txt".into(), data: b"x".to_vec() });
    assert!(matches!(events[2], Event::Finished { .. }));
}

#[test]
fn what_is_shared_with_the_machine_is_not_cleared_for_a_case() {
    let pod = Pod::start();
    let left = tempfile::NamedTempFile::new().expect("a file");
    assert_eq!(pod.put(&Assignment { cases: vec![CaseInput::default(); 2], ..python("") }).status, 201);
    let result = pod.transcript().result.expect("a result");
    assert_eq!(result.outcome, Outcome::RunnerFailed);
    assert!(result.error.contains("needs a container of its own"), "{}", result.error);
    assert!(left.path().exists());
}
