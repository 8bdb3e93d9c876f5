//! `locus run --watch`: again whenever a file has changed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify_debouncer_mini::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_mini::{Debouncer, new_debouncer};
use tokio::sync::mpsc;

use crate::client::Client;
use crate::exit::CANCELLED;
use crate::flags::RunFlags;
use crate::run::run;
use crate::show::{FAINT, complain, say, styled};
use crate::stop::Stop;
use crate::trouble::Trouble;

/// Editors write a file in several steps.
const SETTLE: Duration = Duration::from_millis(100);

/// Runs until somebody stops it.
///
/// # Errors
/// The files can't be watched.
pub async fn watch(client: &Client, flags: &RunFlags, stop: &mut Stop) -> Result<u8, Trouble> {
    let mut files = Files::of(flags)?;
    loop {
        let (tell, mut stop_run) = Stop::by_hand();
        let this_run = run(client, flags, &mut stop_run);
        tokio::pin!(this_run);
        let mut changed = None;
        let ended = loop {
            tokio::select! {
                ended = &mut this_run => break ended,
                path = files.changed(), if changed.is_none() => changed = Some(path),
                () = stop.asked(), if !*tell.borrow() => {}
            }
            // What runs now is of no use any more.
            let _ = tell.send(true);
        };
        if let Err(trouble) = ended {
            complain(&trouble.to_string());
        }
        if stop.is_asked() {
            return Ok(CANCELLED);
        }
        let path = if let Some(path) = changed {
            path
        } else {
            say(&styled(FAINT, "locus: waiting for a change"));
            tokio::select! {
                path = files.changed() => path,
                () = stop.asked() => return Ok(CANCELLED),
            }
        };
        say(&styled(FAINT, &format!("locus: {} has changed", path.display())));
    }
}

/// Files, what they held when they were looked at last, and a sign whenever that may have changed.
struct Files {
    held: Vec<(PathBuf, Vec<u8>)>,
    signs: mpsc::Receiver<()>,
    _watcher: Debouncer<RecommendedWatcher>,
}

impl Files {
    fn of(flags: &RunFlags) -> Result<Self, Trouble> {
        let paths = flags.files.iter().chain(&flags.stdin_file).chain(&flags.tests);
        let held: Vec<_> = paths.map(|path| (path.clone(), std::fs::read(path).unwrap_or_default())).collect();
        let unwatched = |error: notify_debouncer_mini::notify::Error| {
            Trouble::NoPlace(format!("the files can't be watched: {error}"))
        };
        // One sign is as good as several.
        let (send, signs) = mpsc::channel(1);
        let mut watcher = new_debouncer(SETTLE, move |_| {
            let _ = send.try_send(());
        })
        .map_err(unwatched)?;
        for (path, _) in &held {
            // An editor may put another file in a file's place, so that its folder is what has to be watched.
            let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            watcher.watcher().watch(folder, RecursiveMode::NonRecursive).map_err(unwatched)?;
        }
        Ok(Self { held, signs, _watcher: watcher })
    }

    /// Waits for another content. A file that is gone is about to be written.
    async fn changed(&mut self) -> PathBuf {
        loop {
            for (path, held) in &mut self.held {
                if let Ok(now) = std::fs::read(&*path)
                    && now != *held
                {
                    *held = now;
                    return path.clone();
                }
            }
            if self.signs.recv().await.is_none() {
                // Nothing is told any more: the watcher ends with this, so that it can't be.
                std::future::pending::<()>().await;
            }
        }
    }
}
