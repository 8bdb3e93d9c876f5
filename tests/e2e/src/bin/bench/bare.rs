//! The interpreter of a runner image, started by hand in a plain pod of that image.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{AttachParams, AttachedProcess, PostParams};
use kube::runtime::wait::{await_condition, conditions::is_pod_running};
use locus_e2e::Scenario;
use locus_e2e::cluster::BOUND;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, Lines};
use tokio::time::timeout;

/// Starts `python3 main.py` for each line that it reads and prints how many nanoseconds that took, to the end of the output
/// and of the process. The program is its argument.
pub const PYTHON: [&str; 3] = [
    "python3",
    "-c",
    r#"
import os, sys, tempfile, time
os.chdir(tempfile.mkdtemp())
with open("main.py", "w") as file:
    file.write(sys.argv[1])
for line in sys.stdin:
    begin = time.perf_counter_ns()
    read, write = os.pipe()
    streams = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, write, 1)]
    child = os.posix_spawnp("python3", ["python3", "main.py"], os.environ, file_actions=streams)
    os.close(write)
    size = 0
    while part := os.read(read, 65536):
        size += len(part)
    status = os.waitpid(child, 0)[1]
    end = time.perf_counter_ns()
    os.close(read)
    print(end - begin if status == 0 and size > 0 else "python3 main.py failed", flush=True)
"#,
];

/// The same of `node main.js`.
pub const NODE: [&str; 3] = [
    "node",
    "-e",
    r"
const { mkdtempSync, writeFileSync } = require('fs');
const { spawnSync } = require('child_process');
process.chdir(mkdtempSync('/tmp/'));
writeFileSync('main.js', process.argv[1]);
require('readline').createInterface({ input: process.stdin }).on('line', () => {
    const begin = process.hrtime.bigint();
    const { status, stdout } = spawnSync('node', ['main.js'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const end = process.hrtime.bigint();
    console.log(status === 0 && stdout.length > 0 ? String(end - begin) : 'node main.js failed');
});
",
];

/// A pod that sleeps, and in it one measuring script that is asked again and again: what the exec costs is in no figure.
pub struct Bare {
    stdin: Box<dyn AsyncWrite + Send + Unpin>,
    answers: Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>,
    _process: AttachedProcess,
}

impl Bare {
    /// Makes the pod and starts the script in it.
    pub async fn start(
        scenario: &Scenario,
        name: &str,
        image: &str,
        script: [&str; 3],
        code: &str,
    ) -> anyhow::Result<Self> {
        let pods: Api<Pod> = Api::namespaced(scenario.client.clone(), &scenario.namespace);
        let pod = serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 0,
                "containers": [{
                    "name": "interpreter",
                    "image": image,
                    "imagePullPolicy": "Never",
                    "command": ["sleep", "infinity"]
                }]
            }
        }))?;
        pods.create(&PostParams::default(), &pod).await?;
        let runs = timeout(BOUND, await_condition(pods.clone(), name, is_pod_running())).await;
        runs.with_context(|| format!("pod {name} does not run: is the image {image} on the node?"))??;
        let streams = AttachParams::default().stdin(true).stdout(true).stderr(false);
        let mut process = pods.exec(name, script.into_iter().chain([code]), &streams).await?;
        let stdin = Box::new(process.stdin().context("stdin is attached")?);
        let stdout: Box<dyn AsyncRead + Send + Unpin> = Box::new(process.stdout().context("stdout is attached")?);
        Ok(Self { stdin, answers: BufReader::new(stdout).lines(), _process: process })
    }

    /// Starts the interpreter once.
    pub async fn measure(&mut self) -> anyhow::Result<Duration> {
        self.stdin.write_all(b"\n").await?;
        self.stdin.flush().await?;
        let answer =
            timeout(BOUND, self.answers.next_line()).await.context("the measuring script does not answer")??;
        let answer = answer.context("the measuring script has ended")?;
        let nanoseconds = answer.parse();
        ensure!(nanoseconds.is_ok(), "{answer}");
        Ok(Duration::from_nanos(nanoseconds?))
    }
}
