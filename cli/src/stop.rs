//! Ctrl-C and its like: the first one asks for an end in good order, the second one is the end.

use std::io::{Error, ErrorKind};
use std::process::exit;

use tokio::sync::watch;

use crate::exit::CANCELLED;
use crate::trouble::Trouble;

/// Tells that somebody wants this to end.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from here on.
    ///
    /// # Errors
    /// The system does not tell of signals.
    pub fn on_signals() -> Result<Self, Trouble> {
        let mut signals = Signals::new().map_err(Trouble::io("signals can't be listened for"))?;
        let (tell, stop) = Self::by_hand();
        tokio::spawn(async move {
            signals.next().await;
            let _ = tell.send(true);
            signals.next().await;
            exit(i32::from(CANCELLED));
        });
        Ok(stop)
    }

    /// One that somebody else tells.
    #[must_use]
    pub fn by_hand() -> (watch::Sender<bool>, Self) {
        let (tell, told) = watch::channel(false);
        (tell, Self(told))
    }

    /// Waits until the end is asked for.
    pub async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    }

    /// Whether the end is asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }
}

/// The error of whoever writes to a reader that is gone.
#[must_use]
pub fn is_broken_pipe(error: &Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}

#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
