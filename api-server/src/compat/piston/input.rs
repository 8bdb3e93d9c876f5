//! Input on its way to a program that may not read it yet.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::backend::{Backend, BackendError, Client, Input};

/// The bytes from which on no more is received of a client until the program has read some.
pub const HELD_BYTES_MAX: usize = 1 << 20;
/// The bytes that are handed over at a time.
const PIECE_BYTES: usize = 64 << 10;
/// How often a program that does not read is tried again.
const FULL_PAUSE: Duration = Duration::from_millis(50);
/// How often it is tried where no more would be received of the client, who may have left since.
const FULL_TRIES_MAX: u32 = 20;

/// What waits to be handed over, in its order.
#[derive(Debug, Default)]
pub struct Held {
    bytes: Mutex<VecDeque<u8>>,
    more: Notify,
}

impl Held {
    /// Adds to the end.
    pub fn push(&self, data: &[u8]) {
        self.lock().extend(data);
        self.more.notify_one();
    }

    /// Whether more may be received.
    pub fn has_room(&self) -> bool {
        self.lock().len() < HELD_BYTES_MAX
    }

    /// Hands over what there is and what is added later, and comes back only with what stands in the way:
    /// [`BackendError::InputFull`] where there is no room, and none is made.
    pub async fn hand_over(&self, backend: &dyn Backend, client: &Client, id: &str) -> BackendError {
        let mut tries = 0;
        loop {
            let data: Vec<u8> = self.lock().iter().take(PIECE_BYTES).copied().collect();
            if data.is_empty() {
                self.more.notified().await;
                continue;
            }
            let size = data.len();
            match backend.stdin(client, id, Input { data, at: None, end: false }).await {
                Ok(_) => {
                    self.lock().drain(..size);
                    tries = 0;
                }
                Err(error @ BackendError::InputFull { .. }) => {
                    tries += 1;
                    if tries > FULL_TRIES_MAX && !self.has_room() {
                        return error;
                    }
                    tokio::time::sleep(FULL_PAUSE).await;
                }
                // What a program does not read any more is lost.
                Err(BackendError::NoInput(_)) => self.lock().clear(),
                Err(error) => return error,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
