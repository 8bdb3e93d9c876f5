//! How long a run takes, from its creation to its result, beside a plain Job and beside the interpreter started by hand.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use k8s_openapi::api::batch::v1::Job;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use locus_api::CodeRun;
use locus_e2e::Scenario;
use serde_json::{Value, json};

use crate::bare::{self, Bare};
use crate::quiet::{check, failure, is_cold, quiet};
use crate::table::{Table, Times, number};
use crate::watch::{History, Watch};

/// Times runs, Jobs and bare interpreters in turn, each from its creation to its end as an open watch shows it
///
/// All take turns in each round, so that they meet the same cluster; before each, the pools are full again and a random part
/// of a second passes. What was not what it should have been (a warm run that found no waiting pod) is told and not counted.
#[derive(Args)]
pub struct Flags {
    /// Rounds
    #[arg(long, default_value_t = 20)]
    samples: usize,
    /// Rounds with a Job and a cold run too, which take seconds [default: all]
    #[arg(long)]
    cold_samples: Option<usize>,
    /// Python runs one right after the other, in each round after the warm one
    #[arg(long, default_value_t = 5)]
    back_to_back: usize,
    /// The memory that cold runs ask for: more than the pods of the pool have
    #[arg(long, default_value = "300Mi")]
    cold_memory: String,
    /// The image of the pool `python`
    #[arg(long, default_value = "locus/runner-python:dev")]
    python_image: String,
    /// The image of the pool `javascript`
    #[arg(long, default_value = "locus/runner-javascript:dev")]
    javascript_image: String,
}

const PYTHON: &str = "print('hello')";
const JAVASCRIPT: &str = "console.log('hello')";

/// What is timed, in the order of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Job,
    Cold,
    WarmPython,
    BackToBack,
    WarmJavaScript,
    BarePython,
    BareNode,
}

const KINDS: [(Kind, &str); 7] = [
    (Kind::Job, "plain Job, Python"),
    (Kind::Cold, "cold CodeRun, Python"),
    (Kind::WarmPython, "warm CodeRun, Python"),
    (Kind::BackToBack, "back to back, Python"),
    (Kind::WarmJavaScript, "warm CodeRun, JavaScript"),
    (Kind::BarePython, "bare python3 main.py"),
    (Kind::BareNode, "bare node main.js"),
];

/// Who has a turn in each round. Back to back comes right after the warm run and has no turn of its own.
const TURNS: [Kind; 6] =
    [Kind::Job, Kind::Cold, Kind::WarmPython, Kind::WarmJavaScript, Kind::BarePython, Kind::BareNode];

/// The steps of a warm run; the first two are the least that any run takes.
const STEPS: [&str; 3] = ["  its creation is answered", "  its creation is seen", "  its claim of a pod is seen"];

/// The samples of one kind.
#[derive(Default)]
struct Series {
    times: Times,
    warm: usize,
    prestarted: usize,
    refused: usize,
}

struct Bench<'a> {
    flags: &'a Flags,
    scenario: &'a Scenario,
    runs: Watch<CodeRun>,
    jobs: Watch<Job>,
    python: Bare,
    node: Bare,
    series: [Series; KINDS.len()],
    /// The times of [`STEPS`] of warm Python runs.
    steps: [Times; STEPS.len()],
    /// Whether samples count: those of the first round fill caches.
    counts: bool,
}

pub async fn run(flags: &Flags) -> anyhow::Result<()> {
    let scenario = Scenario::new("bench").await;
    let jobs: Api<Job> = Api::namespaced(scenario.client.clone(), &scenario.namespace);
    let bare = async |name, image, script, code| Bare::start(&scenario, name, image, script, code).await;
    let mut bench = Bench {
        flags,
        scenario: &scenario,
        runs: Watch::of(&scenario).await?,
        jobs: Watch::open(jobs.clone()).await?,
        python: bare("python", &flags.python_image, bare::PYTHON, PYTHON).await?,
        node: bare("node", &flags.javascript_image, bare::NODE, JAVASCRIPT).await?,
        series: Default::default(),
        steps: Default::default(),
        counts: false,
    };
    let (samples, slow) = (flags.samples, flags.cold_samples.unwrap_or(flags.samples).min(flags.samples));
    ensure!(samples > 0, "there is nothing to do with no samples");
    for round in 0..=samples {
        bench.counts = round > 0;
        // The slow ones are spread over all rounds. Nobody always follows the same other.
        let is_slow = round == 0 || round * slow / samples > (round - 1) * slow / samples;
        for turn in 0..TURNS.len() {
            let kind = TURNS[(turn + round) % TURNS.len()];
            if is_slow || !matches!(kind, Kind::Job | Kind::Cold) {
                bench.take(kind, round).await?;
            }
        }
        scenario.runs().delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
        jobs.delete_collection(&DeleteParams::background(), &ListParams::default()).await?;
        eprintln!("round {round} of {samples}{}", if bench.counts { "" } else { ", which does not count" });
    }
    bench.print();
    Ok(())
}

impl Bench<'_> {
    async fn take(&mut self, kind: Kind, round: usize) -> anyhow::Result<()> {
        let waiting = quiet(&self.scenario.client).await?;
        let unfit = |run: &CodeRun, pool: &str| {
            let pod = run.status.as_ref().and_then(|status| status.pod_name.as_ref());
            let waited = pod.is_some_and(|pod| waiting.get(pool).is_some_and(|pods| pods.contains(pod)));
            (!waited).then_some("it did not take a pod that waited")
        };
        let python = json!({"language": "python", "code": PYTHON});
        match kind {
            Kind::Job => {
                let history = self.jobs.follow(&self.job(round)?, |job| job_end(job).is_some()).await?;
                let (time, job) = history.end();
                let failure = (job_end(job) != Some(true)).then(|| "it failed".to_owned());
                self.count(kind, time, failure);
            }
            Kind::Cold => {
                let mut spec = python;
                spec["limits"] = json!({"memory": self.flags.cold_memory});
                let history = self.code_run(format!("cold-{round}"), spec).await?;
                let unfit = (!is_cold(history.end().1)).then_some("it took a pod that waited");
                self.count_run(kind, &history, unfit);
            }
            Kind::WarmPython => {
                check(&waiting, "python")?;
                let history = self.code_run(format!("python-{round}"), python.clone()).await?;
                self.count_run(kind, &history, unfit(history.end().1, "python"));
                for index in 0..self.flags.back_to_back {
                    let history = self.code_run(format!("python-{round}-{index}"), python.clone()).await?;
                    self.count_run(Kind::BackToBack, &history, None);
                }
            }
            Kind::WarmJavaScript => {
                check(&waiting, "javascript")?;
                let spec = json!({"language": "javascript", "code": JAVASCRIPT});
                let history = self.code_run(format!("javascript-{round}"), spec).await?;
                self.count_run(kind, &history, unfit(history.end().1, "javascript"));
            }
            Kind::BarePython => {
                let time = self.python.measure().await?;
                self.count(kind, time, None);
            }
            Kind::BareNode => {
                let time = self.node.measure().await?;
                self.count(kind, time, None);
            }
            Kind::BackToBack => {}
        }
        Ok(())
    }

    async fn code_run(&self, name: String, spec: Value) -> anyhow::Result<History<CodeRun>> {
        self.runs.run(self.scenario, &name, spec).await
    }

    fn job(&self, round: usize) -> anyhow::Result<Job> {
        Ok(serde_json::from_value(json!({
            "metadata": {"name": format!("job-{round}")},
            "spec": {
                "backoffLimit": 0,
                "template": {"spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": false,
                    "containers": [{
                        "name": "program",
                        "image": self.flags.python_image,
                        "imagePullPolicy": "Never",
                        "command": ["python3", "-c", PYTHON]
                    }]
                }}
            }
        }))?)
    }

    fn count_run(&mut self, kind: Kind, history: &History<CodeRun>, unfit: Option<&str>) {
        let (time, run) = history.end();
        let why_not = failure(run).or_else(|| unfit.map(str::to_owned));
        if self.counts && why_not.is_none() {
            if kind == Kind::WarmPython {
                let claimed = history.when(|run| run.status.as_ref().is_some_and(|status| status.pod_name.is_some()));
                let steps = [history.answered(), history.seen(), claimed.unwrap_or(time)];
                self.steps.iter_mut().zip(steps).for_each(|(times, time)| times.push(time));
            }
            let prestarted = run.status.as_ref().and_then(|status| status.prestarted).unwrap_or_default();
            let series = self.of(kind);
            series.warm += usize::from(!is_cold(run));
            series.prestarted += usize::from(prestarted);
        }
        self.count(kind, time, why_not);
    }

    fn count(&mut self, kind: Kind, time: Duration, why_not: Option<String>) {
        if !self.counts {
            return;
        }
        match why_not {
            None => self.of(kind).times.push(time),
            Some(why_not) => {
                self.of(kind).refused += 1;
                eprintln!("not counted: {}: {why_not}", KINDS[place(kind)].1);
            }
        }
    }

    fn of(&mut self, kind: Kind) -> &mut Series {
        &mut self.series[place(kind)]
    }

    fn print(&self) {
        println!(
            "from the call that creates it to the event that shows its end, milliseconds; {} rounds",
            self.flags.samples
        );
        let mut table = Table::new(["", "p50", "p99", "counted", "not counted", "warm", "prestarted"]);
        for ((kind, name), series) in KINDS.iter().zip(&self.series) {
            let counts = [series.times.len(), series.refused].map(|count| count.to_string());
            let of_runs = [series.warm, series.prestarted].map(|count| match kind {
                Kind::Job | Kind::BarePython | Kind::BareNode => String::new(),
                _ => count.to_string(),
            });
            table.row(name, series.times.cells().into_iter().chain(counts).chain(of_runs));
            if *kind == Kind::WarmPython {
                STEPS.iter().zip(&self.steps).for_each(|(step, times)| table.row(step, times.cells()));
            }
        }
        println!("{table}");
        let mut table = Table::new(["", "p50", "p99", "goal for p50"]);
        let times = |kind| &self.series[place(kind)].times;
        for (name, above, below, goal) in [
            ("cold CodeRun / Job", Kind::Cold, Kind::Job, "0.25"),
            ("warm CodeRun / cold, Python", Kind::WarmPython, Kind::Cold, "0.03"),
            ("warm CodeRun / bare python3", Kind::WarmPython, Kind::BarePython, "2.0"),
            ("warm CodeRun / bare node", Kind::WarmJavaScript, Kind::BareNode, "0.5"),
        ] {
            let ratio = |percent| number(times(above).percentile(percent) / times(below).percentile(percent), 3);
            table.row(name, [ratio(50), ratio(99), goal.into()]);
        }
        for (name, kind, goal) in
            [("warm CodeRun, Python, ms", Kind::WarmPython, "15"), ("cold CodeRun, Python, ms", Kind::Cold, "650")]
        {
            table.row(name, times(kind).cells().into_iter().chain([goal.to_owned()]));
        }
        print!("{table}");
    }
}

fn place(kind: Kind) -> usize {
    KINDS.iter().position(|(other, _)| *other == kind).expect("every kind has a name")
}

/// Whether a Job that has ended did so well.
fn job_end(job: &Job) -> Option<bool> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let is = |kind: &str| conditions.iter().any(|condition| condition.type_ == kind && condition.status == "True");
    if is("Complete") { Some(true) } else { is("Failed").then_some(false) }
}
