//! Watches: a stream of lines that may be late, come twice, break off, or have to begin again.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::World;
use super::api_server::Target;
use super::dice::{happens, millis};
use super::store::{Change, Object, Refusal};

/// The time after which a watch that has nothing to tell tells how far it is.
const BOOKMARK: Duration = Duration::from_secs(60);

type Lines = mpsc::Sender<std::io::Result<String>>;

/// Begins a watch; `label` names it in the dice and in the trace.
pub fn watch(world: Arc<World>, label: String, target: Target) -> Body {
    let (lines, inbox) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = lines.closed() => {}
            () = tell(&world, &label, &target, &lines) => {}
        }
    });
    Body::from_stream(futures::stream::unfold(inbox, async |mut inbox| inbox.recv().await.map(|line| (line, inbox))))
}

async fn tell(world: &World, label: &str, target: &Target, lines: &Lines) {
    let number = |name: &str| target.query.get(name).and_then(|value| value.parse::<u64>().ok());
    let mut version = number("resourceVersion").unwrap_or(0);
    let end = Instant::now() + Duration::from_secs(number("timeoutSeconds").unwrap_or(290));
    let mut rng = world.dice.roll(label);
    let odds = world.odds();
    if happens(&mut rng, odds.gone) {
        return gone(lines).await;
    }
    let breaks = happens(&mut rng, odds.dropped).then(|| Instant::now() + millis(&mut rng, 0..30_000));
    loop {
        let Some(changes) = world.store.changes_after(version) else { return gone(lines).await };
        for change in changes {
            version += 1;
            let Some(event) = event(target, &change) else { continue };
            if happens(&mut rng, world.odds().stale) {
                sleep(millis(&mut rng, 0..15_000)).await;
            }
            if breaks.is_some_and(|time| time < Instant::now()) {
                if rng.bool() {
                    let _ = lines.send(Err(std::io::Error::other("the connection was reset"))).await;
                }
                return;
            }
            let twice = happens(&mut rng, world.odds().twice);
            for _ in 0..=usize::from(twice) {
                let _ = lines.send(Ok(event.clone())).await;
            }
        }
        let news = timeout_at(end, timeout(BOOKMARK, world.store.changed_after(version))).await;
        match news {
            Err(_) => return,
            Ok(Err(_)) => drop(lines.send(Ok(bookmark(target, version))).await),
            Ok(Ok(())) => {}
        }
    }
}

/// The line that tells a change to those who watch the target, if it concerns them.
fn event(target: &Target, change: &Change) -> Option<String> {
    let namespace = target.namespace.as_ref().is_none_or(|namespace| *namespace == change.key.namespace);
    if target.plural != change.key.plural || !namespace {
        return None;
    }
    let selector = target.selector();
    let matches = |object: &Object| selector.matches(object);
    let before = change.before.as_ref().is_some_and(matches);
    let now = !change.deleted && matches(&change.now);
    let kind = match (before, now) {
        (false, false) => return None,
        (false, true) => "ADDED",
        (true, true) => "MODIFIED",
        (true, false) => "DELETED",
    };
    Some(line(kind, &change.now.json))
}

fn line(kind: &str, object: &str) -> String {
    format!("{{\"type\":{kind:?},\"object\":{object}}}\n")
}

/// A bookmark is an object of the kind that is watched, with nothing but its version.
fn bookmark(target: &Target, version: u64) -> String {
    let (api, kind) =
        if target.plural == "pods" { ("v1", "Pod") } else { ("locus.dev/v1alpha1", target.plural.as_str()) };
    let object = json!({"apiVersion": api, "kind": kind, "metadata": {"resourceVersion": version.to_string()}});
    line("BOOKMARK", &object.to_string())
}

async fn gone(lines: &Lines) {
    let refusal = Refusal::new(410, "Expired", "too old resource version");
    let _ = lines.send(Ok(line("ERROR", &refusal.status().to_string()))).await;
}
