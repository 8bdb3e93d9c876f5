//! A runner in a Docker container, kept in as a pod keeps it.

use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use http::Request;
use locus_core::token::{Claims, Scope, TokenSigner, body_digest};
use locus_core::{Assignment, Standby, Transcript};
use locus_e2e::web::{Answer, ask};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// How long a runner may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Memory of the pod beside that of the run: the work folder, /tmp and the runner.
const EXTRA_BYTES: u64 = (64 + 64 + 32) << 20;

/// A container with a runner that has no run yet. It is removed when dropped.
pub struct Container {
    id: String,
    address: String,
    signer: TokenSigner,
}

impl Container {
    /// Starts a container and waits until its runner answers.
    pub async fn start(image: &str, standby: &Standby) -> anyhow::Result<Self> {
        let signer = TokenSigner::from_seed(&[7; 32]);
        // The runs of languages with a compiler may have the compiler's memory.
        let memory = (standby.limits.memory_bytes.max(1 << 30) + EXTRA_BYTES).to_string();
        let key = format!("LOCUS_PUBLIC_KEYS={}", signer.public_key());
        let standby = format!("LOCUS_STANDBY={}", serde_json::to_string(standby)?);
        // As pods have them: the kernel counts processes by user, and another check may be under way.
        let user = 100_000 + std::process::id() % 100_000;
        let work = format!("/work:rw,exec,uid={user},gid={user},size=64m");
        let user = format!("{user}:{user}");
        #[rustfmt::skip]
        let id = docker(&[
            "run", "--detach", "--publish", "127.0.0.1::7070", "--hostname", "locus", "--read-only",
            "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", &user,
            "--memory", &memory, "--cpus", "1",
            "--tmpfs", &work, "--tmpfs", "/tmp:rw,exec,mode=1777,size=64m",
            "--env", "LOCUS_POD_UID=pod", "--env", &key, "--env", &standby, image,
        ])?;
        let id = id.trim().to_owned();
        let mut container = Self { id, address: String::new(), signer };
        let ports = docker(&["port", &container.id, "7070/tcp"])?;
        ports.lines().next().unwrap_or_default().clone_into(&mut container.address);
        let began = Instant::now();
        // The port is open before the runner is: so it has to answer.
        while !container
            .ask(Request::get("/readyz").body(String::new())?)
            .await
            .is_ok_and(|answer| answer.status == 200)
        {
            if began.elapsed() > PATIENCE {
                bail!("its runner does not answer:\n{}", docker(&["logs", &container.id]).unwrap_or_default());
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(container)
    }

    /// Runs the one program that the container is for.
    pub async fn run(self, assignment: &Assignment) -> anyhow::Result<Transcript> {
        let body = serde_json::to_string(assignment)?;
        let path = format!("/v1/runs/{}", assignment.uid);
        let start = self.token(assignment, Scope::Run, Some(body_digest(body.as_bytes())))?;
        let answer = self.ask(Request::put(&path).header("authorization", start).body(body)?).await?;
        ensure!(
            (200..300).contains(&answer.status),
            "the runner does not take the run: {} {}",
            answer.status,
            answer.body
        );
        let read = self.token(assignment, Scope::Read, None)?;
        let events = Request::get(format!("{path}/events")).header("authorization", read).body(String::new())?;
        let events = self.ask(events).await?;
        let mut transcript = Transcript::default();
        for line in events.body.lines() {
            transcript.push(serde_json::from_str(line)?, usize::MAX);
        }
        ensure!(transcript.result.is_some(), "the run has no end");
        Ok(transcript)
    }

    fn token(&self, assignment: &Assignment, scope: Scope, body: Option<String>) -> anyhow::Result<String> {
        let exp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 600;
        let claims = Claims { aud: "pod".into(), run: assignment.uid.clone(), scope, exp, body };
        Ok(format!("Bearer {}", self.signer.sign(&claims)))
    }

    async fn ask(&self, request: Request<String>) -> anyhow::Result<Answer> {
        ask(TcpStream::connect(&self.address).await?, request).await
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Err(error) = docker(&["rm", "--force", &self.id]) {
            eprintln!("container {} is left behind: {error:#}", self.id);
        }
    }
}

/// What `docker` prints.
pub fn docker(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("docker").args(arguments).output().context("docker can't be started")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "docker {}: {}", arguments[0], error.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
