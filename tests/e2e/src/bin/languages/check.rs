//! All examples of a language, each in a container of its own from the language's image.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use locus_core::{Assignment, Limits, Network, Outcome, Standby};
use locus_languages::Language;
use locus_languages::examples::{Example, Examples, Found};

use crate::container::{Container, docker};
use crate::record::{Record, languages_folder};

/// How often the time of one run is taken; the middle one is told.
const TIMES: usize = 3;

/// Runs all examples of languages in their images, as a pod would, and times the first
#[derive(Args)]
pub struct Flags {
    /// The languages, by the names of their folders [default: all]
    languages: Vec<String>,
    /// Build each image first
    #[arg(long)]
    build: bool,
    /// Write a record of each language that passes into its folder
    #[arg(long)]
    record: bool,
    /// Remove each image behind the check, for want of space
    #[arg(long)]
    remove: bool,
}

pub async fn run(flags: &Flags) -> anyhow::Result<()> {
    let mut failed = Vec::new();
    for language in chosen(&flags.languages)? {
        let name = language.object_name();
        match check(&language, flags).await {
            Ok(record) => println!("{name}: {record}"),
            Err(error) => {
                println!("{name}: FAILED: {error:#}");
                failed.push(name);
            }
        }
    }
    ensure!(failed.is_empty(), "not as they should be: {}", failed.join(", "));
    Ok(())
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<Language>> {
    let all = locus_languages::all().to_vec();
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|language| language.object_name() == **name)) {
        bail!("there is no folder languages/{unknown} with a language.yaml");
    }
    let mut chosen = all;
    chosen.retain(|language| names.is_empty() || names.contains(&language.object_name()));
    // Those that share an image follow each other, so that it is removed once.
    chosen.sort_by_key(|language| (language.image_name(), language.object_name()));
    Ok(chosen)
}

async fn check(language: &Language, flags: &Flags) -> anyhow::Result<Record> {
    let image = format!("locus/runner-{}:dev", language.image_name());
    if flags.build {
        let made = Command::new("make").args(["--silent", &format!("image-{}", language.image_name())]).output()?;
        ensure!(made.status.success(), "the image can't be built:\n{}", String::from_utf8_lossy(&made.stderr));
    }
    let result = examine(language, &image).await;
    if flags.remove {
        docker(&["image", "rm", "--force", &image])?;
    }
    let record = result?;
    if flags.record {
        record.write(language)?;
    }
    Ok(record)
}

async fn examine(language: &Language, image: &str) -> anyhow::Result<Record> {
    let version = version(language, image)?;
    let examples = Examples::read(&languages_folder(), language)?;
    for example in &examples.cases {
        try_example(language, image, example).await.with_context(|| format!("example {}", example.name))?;
    }
    let whole = Example { code: Some(language.example.clone()), ..Example::default() };
    let shown = Container::start(image, &standby(language)).await?.run(&assignment(language, &whole)?).await?;
    let outcome = Found::of(shown).context("the program that is shown has no end")?.outcome;
    ensure!(outcome == Outcome::Completed, "the program that is shown of it ends as {}", outcome.as_str());
    let hello = examples.cases.iter().find(|example| example.name == "hello").context("there is no hello")?;
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let (cold_time, warm_time) = time(language, image, hello).await?;
        cold.push(cold_time);
        warm.push(warm_time);
    }
    let size = docker(&["image", "inspect", "--format", "{{.Size}}", image])?;
    Ok(Record {
        version,
        image_megabytes: size.trim().parse::<u64>().context("docker tells no size")?.div_ceil(1_000_000),
        cold_milliseconds: middle(cold),
        warm_milliseconds: middle(warm),
        cases: examples.cases.len(),
        digest: Record::digest(language)?,
    })
}

/// What the image's own program says of its version.
fn version(language: &Language, image: &str) -> anyhow::Result<String> {
    let probe: Vec<&str> = language.probe.iter().map(String::as_str).collect();
    let mut arguments = vec!["run", "--rm", "--network", "none", "--env", "HOME=/tmp", "--entrypoint", probe[0], image];
    arguments.extend(&probe[1..]);
    let told = docker(&arguments).context("the probe")?;
    let mut lines = told.lines().map(str::trim);
    let (path, version) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    ensure!(path.starts_with('/'), "the probe should print a path first: {told:?}");
    let installed = Language { version: version.to_owned(), ..language.clone() };
    let selector = format!("{}@{}", language.id, language.version);
    ensure!(installed.matches(&selector), "version {} is promised, and {version:?} is in the image", language.version);
    Ok(version.to_owned())
}

async fn try_example(language: &Language, image: &str, example: &Example) -> anyhow::Result<()> {
    let assignment = assignment(language, example)?;
    let transcript = Container::start(image, &standby(language)).await?.run(&assignment).await?;
    example.check(&Found::of(transcript).context("it has no end")?).map_err(anyhow::Error::msg)
}

/// The time from the start of a container to the end of a run in it, and that of a run in a container that waits.
async fn time(language: &Language, image: &str, example: &Example) -> anyhow::Result<(Duration, Duration)> {
    let assignment = assignment(language, example)?;
    let began = Instant::now();
    Container::start(image, &standby(language)).await?.run(&assignment).await?;
    let cold = began.elapsed();
    let waiting = Container::start(image, &standby(language)).await?;
    // Long enough for whatever is to be held ready.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    waiting.run(&assignment).await?;
    Ok((cold, began.elapsed()))
}

fn middle(mut times: Vec<Duration>) -> u128 {
    times.sort_unstable();
    times[times.len() / 2].as_millis()
}

fn assignment(language: &Language, example: &Example) -> anyhow::Result<Assignment> {
    let request = example.request(language.id.clone());
    Ok(language.assignment("run".into(), language.program(), request, Limits::DEFAULT, Limits::MAXIMUM)?)
}

/// What a pod of the language's pool holds ready.
fn standby(language: &Language) -> Standby {
    let limits = Limits {
        memory_bytes: language.default_limits(Limits::DEFAULT, Limits::MAXIMUM).memory_bytes,
        ..Limits::MAXIMUM
    };
    Standby { program: language.program(), limits, network: Network::None }
}
