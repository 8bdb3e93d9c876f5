//! What is sent to a program's standard input while it runs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;

/// The most bytes that wait for a program to read them.
pub const PENDING_MAX: usize = 1 << 20;
/// The most bytes that are on their way at a time, beside those that wait.
const CHUNK: usize = 32 * 1024;

/// The writing end of the standard input of one run. Clones are the same end.
#[derive(Debug, Clone)]
pub struct Stdin(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    held: Mutex<Held>,
    changed: Notify,
}

#[derive(Debug)]
struct Held {
    pending: VecDeque<u8>,
    taken: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// No byte may follow, by who sends or by the program, which has closed its end.
    Ended,
    Over,
    NotInteractive,
}

/// Why input was not taken. None of it was, then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The run was not started as an interactive one.
    #[error("the run is not interactive: its input was complete when it began")]
    NotInteractive,
    /// The run has ended.
    #[error("the run is over")]
    Over,
    /// Its input was ended, or the program reads no more.
    #[error("the program's input has ended")]
    Ended,
    /// More than the program has read so far can't wait.
    #[error("the program does not read: {PENDING_MAX} bytes wait for it already")]
    Full {
        /// Bytes that were taken so far.
        taken: u64,
    },
    /// Bytes before the ones that were sent are missing.
    #[error("input is missing: the next byte is number {taken}")]
    Gap {
        /// Bytes that were taken so far.
        taken: u64,
    },
}

impl Stdin {
    /// That of a run which takes none, since all of its input is known.
    pub(crate) fn closed() -> Self {
        Self::in_state(State::NotInteractive)
    }

    /// One whose bytes are written to a pipe as the program reads them, behind the first ones, which are not the program's.
    /// A tokio runtime must be running.
    pub(crate) fn to(pipe: impl AsyncWrite + Send + Unpin + 'static, first: Vec<u8>) -> Self {
        let stdin = Self::in_state(State::Open);
        tokio::spawn(stdin.clone().write(pipe, first));
        stdin
    }

    fn in_state(state: State) -> Self {
        let held = Held { pending: VecDeque::new(), taken: 0, state };
        Self(Arc::new(Shared { held: Mutex::new(held), changed: Notify::new() }))
    }

    /// Sends bytes, and with `end` the end of the input after them; how many bytes were taken since the run began. With
    /// `at`, the number of bytes before these, what was taken already is passed over: the same may be sent twice.
    ///
    /// # Errors
    /// [`InputError`]; then nothing of it was taken.
    pub fn send(&self, data: &[u8], at: Option<u64>, end: bool) -> Result<u64, InputError> {
        let mut held = self.lock();
        match held.state {
            State::NotInteractive => return Err(InputError::NotInteractive),
            State::Over => return Err(InputError::Over),
            State::Open | State::Ended => {}
        }
        let taken = held.taken;
        let passed = taken.checked_sub(at.unwrap_or(taken)).ok_or(InputError::Gap { taken })?;
        let fresh = usize::try_from(passed).ok().and_then(|passed| data.get(passed..)).unwrap_or_default();
        if held.state == State::Ended {
            // The end itself may be sent twice too.
            let again = at.is_some() && fresh.is_empty();
            return if again { Ok(taken) } else { Err(InputError::Ended) };
        }
        if held.pending.len() + fresh.len() > PENDING_MAX {
            return Err(InputError::Full { taken });
        }
        held.pending.extend(fresh);
        held.taken += fresh.len() as u64;
        if end {
            held.state = State::Ended;
        }
        let taken = held.taken;
        drop(held);
        self.0.changed.notify_one();
        Ok(taken)
    }

    /// Takes nothing any more: the run has ended.
    pub(crate) fn over(&self) {
        let mut held = self.lock();
        if held.state != State::NotInteractive {
            held.state = State::Over;
        }
        held.pending = VecDeque::new();
        drop(held);
        self.0.changed.notify_one();
    }

    /// Writes what is sent until its end.
    async fn write(self, mut pipe: impl AsyncWrite + Unpin, first: Vec<u8>) {
        let mut next = Some(first);
        while let Some(chunk) = next {
            if chunk.is_empty() {
                self.0.changed.notified().await;
            }
            let written = tokio::select! {
                written = pipe.write_all(&chunk) => written.is_ok(),
                () = self.is_over() => false,
            };
            next = if written { self.next() } else { None };
        }
        let mut held = self.lock();
        held.pending = VecDeque::new();
        if held.state == State::Open {
            held.state = State::Ended;
        }
    }

    /// The next bytes to write, which may be none yet; `None` after the last ones.
    fn next(&self) -> Option<Vec<u8>> {
        let mut held = self.lock();
        let length = held.pending.len().min(CHUNK);
        if length == 0 && held.state != State::Open {
            return None;
        }
        Some(held.pending.drain(..length).collect())
    }

    async fn is_over(&self) {
        while self.lock().state != State::Over {
            self.0.changed.notified().await;
        }
    }

    /// A panic elsewhere leaves plain data behind, which is still good.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, duplex};

    use super::{InputError, PENDING_MAX, Stdin};

    #[tokio::test]
    async fn bytes_arrive_in_order_and_once_however_often_they_are_sent() {
        let (write, mut read) = duplex(4);
        let stdin = Stdin::to(write, Vec::new());
        assert_eq!(stdin.send(b"hello ", None, false), Ok(6));
        assert_eq!(stdin.send(b"hello ", Some(0), false), Ok(6), "all of it was there");
        assert_eq!(stdin.send(b"lo you", Some(3), false), Ok(9), "half of it was there");
        assert_eq!(stdin.send(b"x", Some(10), false), Err(InputError::Gap { taken: 9 }));
        assert_eq!(stdin.send(b"!", Some(9), true), Ok(10));
        assert_eq!(stdin.send(b"!", Some(9), true), Ok(10), "the end too may be sent twice");
        assert_eq!(stdin.send(b"", None, true), Err(InputError::Ended));
        assert_eq!(stdin.send(b"more", Some(10), false), Err(InputError::Ended));
        let mut text = String::new();
        read.read_to_string(&mut text).await.expect("it is text");
        assert_eq!(text, "hello you!");
    }

    #[tokio::test]
    async fn what_waits_is_bounded_and_taken_up_again_once_it_was_read() {
        let (write, mut read) = duplex(1);
        let stdin = Stdin::to(write, Vec::new());
        let chunk = vec![b'x'; 64 << 10];
        let mut taken = 0;
        let full = loop {
            match stdin.send(&chunk, None, false) {
                Ok(now) => taken = now,
                Err(error) => break error,
            }
        };
        // No task has run in between.
        assert_eq!((full, taken), (InputError::Full { taken }, PENDING_MAX as u64));
        let mut some = vec![0; 256 << 10];
        read.read_exact(&mut some).await.expect("they are there");
        assert_eq!(stdin.send(&chunk, Some(taken), false), Ok(taken + chunk.len() as u64));
    }

    #[tokio::test]
    async fn nothing_is_taken_by_who_does_not_read_and_after_the_end() {
        assert_eq!(Stdin::closed().send(b"x", None, false), Err(InputError::NotInteractive));
        let (write, read) = duplex(1);
        let stdin = Stdin::to(write, Vec::new());
        drop(read);
        assert_eq!(stdin.send(b"xyz", None, false), Ok(3));
        while stdin.send(b"x", None, false).is_ok() {
            tokio::task::yield_now().await;
        }
        assert_eq!(stdin.send(b"x", None, false), Err(InputError::Ended));
        let (write, mut read) = duplex(1);
        let stdin = Stdin::to(write, Vec::new());
        assert_eq!(stdin.send(b"xyz", None, false), Ok(3));
        tokio::task::yield_now().await;
        stdin.over();
        assert_eq!(stdin.send(b"x", None, false), Err(InputError::Over));
        let mut rest = Vec::new();
        read.read_to_end(&mut rest).await.expect("its other end is gone");
    }
}
