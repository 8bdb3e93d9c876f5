//! What a run tells while it runs, without a gap and without anything twice, however often the connection breaks.

use std::pin::Pin;

use eventsource_stream::{Event, EventStreamError, Eventsource as _};
use futures::{Stream, StreamExt as _};
use locus_core::{Run, Text, view};
use serde::Deserialize;
use tokio::time::{Duration, Instant, sleep};

use crate::client::Client;
use crate::trouble::Trouble;

/// How long a stream may break off again and again without telling anything new.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(200);

/// Something that a run tells.
#[derive(Debug, PartialEq)]
pub enum Heard {
    /// It is in another state.
    State(Box<Run>),
    /// Bytes of its standard output.
    Stdout(Vec<u8>),
    /// Bytes of its standard error.
    Stderr(Vec<u8>),
    /// A test case is started.
    CaseStarted,
    /// A test case has ended.
    CaseEnded,
    /// A file can be fetched.
    File(String),
    /// It has ended. Nothing follows.
    Finished(Box<Run>),
}

type Events = Pin<Box<dyn Stream<Item = Result<Event, EventStreamError<reqwest::Error>>> + Send>>;

/// The events of one run.
pub struct Follower<'a> {
    client: &'a Client,
    id: &'a str,
    /// The position of the last event that was heard; empty at the beginning.
    position: String,
    events: Option<Events>,
    heard_at: Instant,
}

#[derive(Deserialize)]
struct File {
    name: String,
}

impl<'a> Follower<'a> {
    /// Follows a run from its beginning.
    #[must_use]
    pub fn new(client: &'a Client, id: &'a str) -> Self {
        Self { client, id, position: String::new(), events: None, heard_at: Instant::now() }
    }

    /// The next thing that is told. It may be dropped and asked again: nothing is lost by that.
    ///
    /// # Errors
    /// The run is not there, or its server has been away for too long.
    pub async fn next(&mut self) -> Result<Heard, Trouble> {
        loop {
            if self.events.is_none() {
                let response = self.client.events(self.id, &self.position).await?;
                self.events = Some(Box::pin(response.bytes_stream().eventsource()));
            }
            let Some(events) = &mut self.events else { continue };
            match events.next().await {
                Some(Ok(event)) => {
                    let heard = self.read(&event)?;
                    if !event.id.is_empty() {
                        self.position = event.id;
                    }
                    self.heard_at = Instant::now();
                    if let Some(heard) = heard {
                        return Ok(heard);
                    }
                }
                // It broke off, or was cut off between two events: the rest is asked for.
                ended => {
                    self.events = None;
                    if self.heard_at.elapsed() > PATIENCE {
                        return Err(self.broken(ended));
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn broken(&self, ended: Option<Result<Event, EventStreamError<reqwest::Error>>>) -> Trouble {
        let why = match ended {
            Some(Err(EventStreamError::Transport(error))) => return self.client.unreachable(&error),
            Some(Err(error)) => error.to_string(),
            _ => format!("the events break off: `locus logs {}` follows them again", self.id),
        };
        Trouble::Unreachable { server: self.client.server().to_owned(), why }
    }

    /// An event of a kind that is not known is passed over: a newer server may tell more.
    fn read(&self, event: &Event) -> Result<Option<Heard>, Trouble> {
        let odd = |error: &dyn std::fmt::Display| Trouble::Odd {
            server: self.client.server().to_owned(),
            why: format!("event {:?}: {error}", event.event),
        };
        let json = |error: serde_json::Error| odd(&error);
        let bytes = || {
            let text: Text = serde_json::from_str(&event.data).map_err(json)?;
            view::bytes(text.text.as_deref(), text.base64.as_deref()).map_err(|error| odd(&error))
        };
        Ok(Some(match event.event.as_str() {
            "state" => Heard::State(serde_json::from_str(&event.data).map_err(json)?),
            "stdout" => Heard::Stdout(bytes()?),
            "stderr" => Heard::Stderr(bytes()?),
            "caseStarted" => Heard::CaseStarted,
            "caseEnded" => Heard::CaseEnded,
            "file" => Heard::File(serde_json::from_str::<File>(&event.data).map_err(json)?.name),
            "finished" => Heard::Finished(serde_json::from_str(&event.data).map_err(json)?),
            _ => return Ok(None),
        }))
    }
}
