//! What a runner tells, line by line.

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use locus_core::Event;

use super::runner::RunnerError;

/// The most bytes of one line: a compiler's output, in JSON, is the longest that a runner tells.
const LINE_MAX: usize = 64 << 20;

/// The events of a run as they come.
#[derive(Debug)]
pub struct Lines {
    body: Incoming,
    pending: BytesMut,
    /// How much of `pending` is known to hold no end of a line.
    looked: usize,
}

impl Lines {
    /// The events of an answer.
    pub fn of(body: Incoming) -> Self {
        Self { body, pending: BytesMut::new(), looked: 0 }
    }

    /// The next event; `None` when the connection ends. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Result<Option<Event>, RunnerError> {
        loop {
            if let Some(at) = self.pending[self.looked..].iter().position(|byte| *byte == b'\n') {
                let line = self.pending.split_to(self.looked + at + 1);
                self.looked = 0;
                return serde_json::from_slice(&line)
                    .map(Some)
                    .map_err(|error| RunnerError::Malformed(error.to_string()));
            }
            self.looked = self.pending.len();
            if self.looked > LINE_MAX {
                return Err(RunnerError::Malformed("a line has no end".to_owned()));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.pending.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(error)) => return Err(RunnerError::Broken(error.to_string())),
                None => return Ok(None),
            }
        }
    }
}
