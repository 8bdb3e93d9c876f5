//! What finished runs cost an operator that keeps them all in view.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::Request;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::jiff::Timestamp;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use locus_api::CodeRun;
use locus_e2e::Scenario;
use locus_e2e::cluster::{OPERATOR, RELEASE_NAMESPACE, is_ready, pods_of};
use locus_e2e::tools::{Undo, try_kubectl};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::quiet::{failure, settled};
use crate::table::{Table, milliseconds, number};
use crate::watch::Watch;

/// Measures an operator that starts with many finished CodeRuns: its memory, and when it is of use
///
/// They are made while the operator is scaled to 0, with no pod of theirs, in a namespace that is deleted at the end. The
/// operator must be told to keep that many (it deletes the oldest others): `helm upgrade` with
/// `--set retention.maximumFinished=20000`; the cluster's etcd must have room for them. Nothing else should use the
/// cluster meanwhile. Memory is as the kubelet tells it: pages of the program's file are in no figure where another container
/// has read them before.
#[derive(Args)]
pub struct Flags {
    /// Finished CodeRuns
    #[arg(long, default_value_t = 10_000)]
    runs: usize,
    /// Bytes of standard output of each
    #[arg(long, default_value_t = 8192)]
    bytes: usize,
    /// How many are made at one time
    #[arg(long, default_value_t = 16)]
    parallel: usize,
    /// Seconds over which the operator's memory is looked at
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// The longest that the operator may take to see them all.
const START: Duration = Duration::from_secs(600);
/// The longest that their deletion may take.
const DELETION: Duration = Duration::from_secs(1800);

/// What the kubelet says of a container's memory.
#[derive(Clone, Copy, Default)]
struct Memory {
    rss: u64,
    working_set: u64,
}

/// What is measured of one start of the operator.
struct Started {
    /// Until Kubernetes calls it ready.
    ready: Duration,
    /// Until the result of a run that was there before it.
    first: Duration,
    /// A run's time while the operator may still be busy with what it found.
    early: Duration,
    /// A run's time once nothing goes on.
    late: Duration,
    /// The most that was seen, of each.
    most: Memory,
    /// At the end of the look.
    last: Memory,
}

pub async fn run(flags: &Flags) -> anyhow::Result<()> {
    let probe = Scenario::new("bench-probe").await;
    let client = probe.client.clone();
    check_retention(&client, flags.runs).await?;
    let operators: Api<Deployment> = Api::namespaced(client.clone(), RELEASE_NAMESPACE);
    let replicas = operators.get_scale(OPERATOR).await?.spec.and_then(|scale| scale.replicas).unwrap_or(1);
    let _as_before = Undo::new(|| {
        let (deployment, replicas) = (format!("deployment/{OPERATOR}"), format!("--replicas={replicas}"));
        if let Err(error) = try_kubectl(&["scale", &deployment, &replicas, "--namespace", RELEASE_NAMESPACE]) {
            eprintln!("the operator is not scaled back to {replicas}: {error}");
        }
    });
    let watch = Watch::of(&probe).await?;
    stop(&client).await?;
    let few = start(&watch, &probe, "few", flags).await?;
    stop(&client).await?;
    let many = Scenario::new("bench-finished").await;
    fill(&many, flags).await?;
    let full = start(&watch, &probe, "many", flags).await?;
    print(flags, &few, &full);

    let namespace = many.namespace.clone();
    drop(many);
    eprintln!("deleting them");
    until_deleted(&client, &namespace).await
}

fn print(flags: &Flags, few: &Started, full: &Started) {
    println!("{} finished CodeRuns with {} bytes of output each", flags.runs, flags.bytes);
    let mut table = Table::new(["the operator starts with", "what is there", "these too"]);
    let mut row = |name: &str, value: &dyn Fn(&Started) -> f64, decimals| {
        table.row(name, [few, full].map(|started| number(value(started), decimals)));
    };
    row("from 0 replicas to ready (probed every 2 s), s", &|started| started.ready.as_secs_f64(), 1);
    row("from 0 replicas to the result of a run that was there, s", &|started| started.first.as_secs_f64(), 2);
    row("a run right after that, ms", &|started| milliseconds(started.early), 1);
    row("a run once the cluster is at rest, ms", &|started| milliseconds(started.late), 1);
    row("anonymous memory (rss) at the end, MiB", &|started| mebibytes(started.last.rss), 1);
    row("anonymous memory (rss), the highest seen, MiB", &|started| mebibytes(started.most.rss), 1);
    row("working set at the end, MiB", &|started| mebibytes(started.last.working_set), 1);
    row("working set, the highest seen, MiB", &|started| mebibytes(started.most.working_set), 1);
    print!("{table}");
    let more = mebibytes(full.last.rss) - mebibytes(few.last.rss);
    #[allow(clippy::cast_precision_loss, reason = "runs are few")]
    let each = more * 1024.0 / flags.runs.max(1) as f64;
    println!("anonymous memory at the end, for each finished run: {} KiB", number(each, 2));
}

/// Checks that the operator would not delete what is made here.
async fn check_retention(client: &Client, runs: usize) -> anyhow::Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), RELEASE_NAMESPACE);
    let map = maps.get(OPERATOR).await.context("the operator has no ConfigMap")?;
    let text = map.data.unwrap_or_default().remove("operator.yaml").context("the ConfigMap has no operator.yaml")?;
    let settings: Value = serde_yaml::from_str(&text)?;
    let maximum = settings["retention"]["maximumFinished"].as_u64().context("retention.maximumFinished is a number")?;
    let all: Api<CodeRun> = Api::all(client.clone());
    let there = all.list_metadata(&ListParams::default()).await?.items.len();
    // The runs that are timed here too.
    let needed = runs + there + 10;
    ensure!(
        maximum >= needed as u64,
        "the operator keeps {maximum} finished CodeRuns and would delete what this makes; it must keep {needed}: helm \
         upgrade locus charts/locus --reuse-values --set retention.maximumFinished={needed}"
    );
    Ok(())
}

/// Makes finished CodeRuns.
async fn fill(scenario: &Scenario, flags: &Flags) -> anyhow::Result<()> {
    let runs = scenario.runs();
    let (stdout, now) = ("x".repeat(flags.bytes), Timestamp::now().to_string());
    let status = json!({"status": {
        "observedGeneration": 1, "phase": "Succeeded", "outcome": "Completed", "stdout": stdout, "error": "",
        "exitCode": 0, "startTime": now, "completionTime": now, "podName": "none", "podUID": "none",
        "conditions": [{"type": "Succeeded", "status": "True", "reason": "Completed", "message": "",
            "observedGeneration": 1, "lastTransitionTime": now}]
    }});
    let spec = json!({"language": "python", "code": "print('x' * 8192)", "ttlSecondsAfterFinished": 86_400});
    let (runs, status) = (&runs, &Patch::Merge(status));
    let make = async |index: usize| {
        let name = format!("run-{index}");
        let run = serde_json::from_value(scenario.manifest(&name, spec.clone()))?;
        runs.create(&PostParams::default(), &run).await.with_context(|| format!("creating {name}"))?;
        runs.patch_status(&name, &PatchParams::default(), status).await.with_context(|| format!("ending {name}"))?;
        if index % 1000 == 999 {
            eprintln!("{} of {} made", index + 1, flags.runs);
        }
        Ok::<_, anyhow::Error>(())
    };
    stream::iter((0..flags.runs).map(make)).buffer_unordered(flags.parallel.max(1)).try_collect().await
}

/// Scales the operator to 0 and waits until it is gone.
async fn stop(client: &Client) -> anyhow::Result<()> {
    scale(client, 0).await?;
    within(START, "the end of the operator's pods", async || Ok(pods_of(client, OPERATOR).await?.is_empty())).await
}

/// Starts an operator and measures it.
async fn start(watch: &Watch<CodeRun>, probe: &Scenario, name: &str, flags: &Flags) -> anyhow::Result<Started> {
    let client = &probe.client;
    let time = async |when: &str| {
        let spec = json!({"language": "python", "code": "print('hello')"});
        let history = watch.run(probe, &format!("{name}-{when}"), spec).await?;
        let (time, run) = history.end();
        match failure(run) {
            Some(failure) => bail!("the run did not complete: {failure}"),
            None => Ok(time),
        }
    };
    let ready = async {
        let began = Instant::now();
        scale(client, 1).await?;
        let is_there = async || Ok(pods_of(client, OPERATOR).await?.iter().any(is_ready));
        within(START, "the operator's start", is_there).await?;
        Ok(began.elapsed())
    };
    let (first, ready) = tokio::try_join!(time("first"), ready)?;
    let early = time("early").await?;
    let (mut last, mut most) = (Memory::default(), Memory::default());
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(flags.seconds) || last.rss == 0 {
        sleep(Duration::from_secs(2)).await;
        ensure!(began.elapsed() < START, "the kubelet does not tell of the operator's memory");
        // The kubelet has nothing to tell of a container that is new.
        let Some(memory) = memory(client).await? else { continue };
        last = memory;
        most = Memory { rss: most.rss.max(last.rss), working_set: most.working_set.max(last.working_set) };
    }
    for pod in pods_of(client, OPERATOR).await? {
        let containers = pod.status.into_iter().flat_map(|status| status.container_statuses.unwrap_or_default());
        let restarts: i32 = containers.map(|container| container.restart_count).sum();
        ensure!(restarts == 0, "the operator was restarted {restarts} times: is its memory limit too low?");
    }
    settled(client).await?;
    let late = time("late").await?;
    Ok(Started { ready, first, early, late, most, last })
}

async fn scale(client: &Client, replicas: u32) -> anyhow::Result<()> {
    let operators: Api<Deployment> = Api::namespaced(client.clone(), RELEASE_NAMESPACE);
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    operators.patch_scale(OPERATOR, &PatchParams::default(), &patch).await?;
    Ok(())
}

/// What the kubelet says of the operator's memory: its figures are some ten seconds old.
async fn memory(client: &Client) -> anyhow::Result<Option<Memory>> {
    let pods = pods_of(client, OPERATOR).await?;
    let pod = pods.iter().find(|pod| is_ready(pod)).context("the operator is not ready")?;
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()).context("the operator has a node")?;
    let request = Request::get(format!("/api/v1/nodes/{node}/proxy/stats/summary")).body(Vec::new())?;
    let summary: Value = client.request(request).await?;
    let pods = summary["pods"].as_array().context("the kubelet tells of pods")?;
    let ours = pods.iter().find(|of| of["podRef"]["uid"].as_str() == pod.uid().as_deref());
    let mut containers = ours.iter().filter_map(|pod| pod["containers"].as_array()).flatten();
    let memory = containers.find(|container| container["name"] == "operator").map(|container| &container["memory"]);
    let bytes = |name: &str| memory.and_then(|memory| memory[name].as_u64());
    Ok(bytes("rssBytes").zip(bytes("workingSetBytes")).map(|(rss, working_set)| Memory { rss, working_set }))
}

#[allow(clippy::cast_precision_loss, reason = "bytes of memory are far from 2^52")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

async fn until_deleted(client: &Client, namespace: &str) -> anyhow::Result<()> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let is_gone = async || Ok(namespaces.get_opt(namespace).await?.is_none());
    within(DELETION, &format!("the end of namespace {namespace}"), is_gone).await
}

/// Looks again and again.
async fn within(
    bound: Duration,
    what: &str,
    mut is_so: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    while !is_so().await? {
        ensure!(began.elapsed() < bound, "{what} did not come within {} s", bound.as_secs());
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
