//! What is told of one run, from its beginning to its end: its states as the watch sees them, its events as its runner tells
//! them, and what nobody could tell live from its status at the end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use locus_core::{Event, Run};

use super::index::Follower;
use super::live::{Heard, Live};
use super::once::Once;
use super::replay;
use super::runs::Runs;
use super::seen::{Claimed, Seen};
use crate::backend::{BackendError, Client, Told};
use crate::rate::Asker;
use crate::shares::Held;

/// How long a runner may be silent after its run has ended by the status, before that is asked in its place.
const GRACE: Duration = Duration::from_secs(3);
/// The bytes of what all streams have still to tell of runs that are over: a client that does not read keeps it.
pub const REPLAYS_BYTES_MAX: usize = 64 << 20;
/// What is not counted there.
const SMALL_BYTES: usize = 64 << 10;

/// The stream of what is told of a run.
pub async fn stream(runs: Runs, client: &Client, id: &str) -> Result<BoxStream<'static, Told>, BackendError> {
    let (follower, _) = runs.follow(client, id).await?;
    let telling = Telling {
        runs,
        client: client.clone(),
        follower: Some(follower),
        once: Once::default(),
        state: None,
        source: Source::None,
        pod: None,
    };
    Ok(stream::unfold(telling, async |mut telling| telling.next().await.map(|told| (told, telling))).boxed())
}

struct Telling {
    runs: Runs,
    client: Client,
    /// Whoever follows a run holds its end; none once that has been heard.
    follower: Option<Follower>,
    once: Once,
    /// The state that was told last.
    state: Option<Arc<Run>>,
    source: Source,
    /// The pod whose runner was or is listened to.
    pod: Option<Claimed>,
}

/// Where events come from now.
enum Source {
    /// Nowhere yet.
    None,
    /// From the runner.
    Live(Live),
    /// From nowhere any more: the runner has told it all (`true`), or can't.
    Over(bool),
    /// From the status of the run, which has ended.
    Status { rest: VecDeque<Event>, run: Box<Run>, _held: Option<Held> },
    /// Everything is told.
    End,
}

impl Telling {
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Source::Status { rest, run, .. } = &mut self.source {
                while let Some(event) = rest.pop_front() {
                    if let Some(event) = self.once.hear(event) {
                        return Some(Told::Event(event));
                    }
                }
                let run = std::mem::take(run);
                self.source = Source::End;
                return Some(Told::Ended(run));
            }
            if let Source::End = self.source {
                return None;
            }
            let seen = self.follower.as_ref()?.now()?;
            if let Some(told) = self.news(&seen) {
                return Some(told);
            }
            self.listen(&seen);
            match self.wait(seen.summary.is_over()).await {
                Next::Told(event) => return Some(Told::Event(event)),
                Next::Look => {}
                Next::Finish => self.finish(&seen).await?,
                Next::Gone => return None,
            }
        }
    }

    /// The run's state, when it is another than was told; the last one is told by the end.
    fn news(&mut self, seen: &Seen) -> Option<Told> {
        let is_news = self
            .state
            .as_ref()
            .is_none_or(|told| (told.phase, &told.reason) != (seen.summary.phase, &seen.summary.reason));
        if !is_news || seen.summary.is_over() {
            return None;
        }
        self.state = Some(seen.summary.clone());
        Some(Told::State(Box::new((*seen.summary).clone())))
    }

    /// Listens to the runner of the pod that the run has; a claim that was taken back is one of a runner that never had it.
    /// What nobody has listened to by the end of the run stands in its status, or is read from the runner with it.
    fn listen(&mut self, seen: &Seen) {
        if self.pod == seen.pod || seen.summary.is_over() || matches!(self.source, Source::Over(true)) {
            return;
        }
        self.pod.clone_from(&seen.pod);
        self.source = match &seen.pod {
            Some(pod) if self.runs.runners.can_be_asked() => {
                Source::Live(Live::start(self.runs.runners.clone(), pod.clone(), seen.uid.clone()))
            }
            _ => Source::None,
        };
    }

    /// Waits for whatever comes first.
    async fn wait(&mut self, is_over: bool) -> Next {
        let Some(follower) = &mut self.follower else { return Next::Gone };
        let Source::Live(live) = &mut self.source else {
            return match is_over || follower.changed().await {
                true if is_over => Next::Finish,
                true => Next::Look,
                false => Next::Gone,
            };
        };
        tokio::select! {
            biased;
            heard = live.next() => match heard {
                Some(Heard::Again) => self.once.again(),
                Some(Heard::Event(Event::Finished { .. })) => self.source = Source::Over(true),
                Some(Heard::Event(event)) => return self.once.hear(event).map_or(Next::Look, Next::Told),
                None => self.source = Source::Over(false),
            },
            is_there = follower.changed(), if !is_over => if !is_there { return Next::Gone },
            () = tokio::time::sleep(GRACE), if is_over => self.source = Source::Over(false),
        }
        Next::Look
    }

    /// Goes on with what the status tells.
    async fn finish(&mut self, seen: &Seen) -> Option<()> {
        // When it can't be read now, the stream breaks off, and can be asked for again.
        let run = self.runs.ended(&self.client, seen).await.ok()?;
        self.follower = None;
        self.once.again();
        let rest = if matches!(self.source, Source::Over(true)) { Vec::new() } else { replay::events(&run) };
        // Held twice, as events and in the run. Where there is no room for it, the stream breaks off as well.
        let weight = 2 * rest.iter().map(size_of).sum::<usize>();
        let asker = self.client.clone().map_or(Asker::Other, Asker::Key);
        let held = if weight > SMALL_BYTES { Some(self.runs.replays.take(Some(&asker), weight)?) } else { None };
        self.source = Source::Status { rest: rest.into(), run: Box::new(run), _held: held };
        Some(())
    }
}

fn size_of(event: &Event) -> usize {
    match event {
        Event::Stdout { data } | Event::Stderr { data } | Event::File { data, .. } => data.len(),
        _ => 0,
    }
}

enum Next {
    /// Something is to be told.
    Told(Event),
    /// Something may be another.
    Look,
    /// The run has ended, and no runner tells more of it.
    Finish,
    /// The run is gone.
    Gone,
}
