//! `locus run`.

use std::io;
use std::path::{Component, Path, PathBuf};

use locus_core::{Run, RunRequest};
use serde_json::Value;
use uuid::Uuid;

use crate::client::Client;
use crate::flags::RunFlags;
use crate::follow::{Followed, Manner, follow, tell_end};
use crate::request::request;
use crate::show::{one_line, print, say, size};
use crate::stop::{Stop, is_broken_pipe};
use crate::trouble::Trouble;
use crate::{cases, exit};

/// Runs a program once; the answer is the exit code.
///
/// # Errors
/// There is no run to tell of.
pub async fn run(client: &Client, flags: &RunFlags, stop: &mut Stop) -> Result<u8, Trouble> {
    let request = tokio::select! {
        request = request(client, flags) => request?,
        () = stop.asked() => return Ok(exit::CANCELLED),
    };
    // However often the creation is asked for, it is one run.
    let created = match client.create(&request, &Uuid::new_v4().to_string()).await {
        Ok(run) => run,
        Err(trouble) => return Err(with_a_way(&request, trouble)),
    };
    let manner = Manner {
        shows_output: !flags.json && request.tests.is_empty(),
        sends_input: flags.interactive,
        owns: true,
        cases: request.tests.len(),
    };
    let Followed::Ended { run, files, unread } = follow(client, &created.id, manner, stop).await? else {
        unreachable!("a run of one's own is followed to its end")
    };
    if let Some(folder) = &flags.output_dir {
        fetch(client, &run, &files, folder).await?;
    }
    tell_limits(&request, &run);
    let shown = show(client, flags, &request, &run).await?;
    if unread || shown.is_err_and(|error| is_broken_pipe(&error)) {
        return Ok(exit::BROKEN_PIPE);
    }
    Ok(exit::code(&run))
}

async fn show(client: &Client, flags: &RunFlags, request: &RunRequest, run: &Run) -> Result<io::Result<()>, Trouble> {
    if flags.json {
        let whole: Value = client.get(&run.id).await?;
        return Ok(print(&format!("{whole:#}\n")));
    }
    tell_end(run);
    // Of a program that does not compile there is nothing more to tell.
    let has_cases = run.tests.is_some() && run.compile.as_ref().is_none_or(|compile| compile.exit_code == Some(0));
    if request.tests.is_empty() || !has_cases {
        return Ok(Ok(()));
    }
    let whole: Run = client.get(&run.id).await?;
    Ok(print(&cases::report(&request.tests, &whole)))
}

/// A request that was made smaller than it was asked for, in silence, would surprise.
fn tell_limits(request: &RunRequest, run: &Run) {
    let Some(limits) = &run.limits else { return };
    if request.limits.timeout_seconds.is_some_and(|asked| asked > limits.timeout_seconds) {
        say(&format!("locus: the time was at most {} s: more is not given here", limits.timeout_seconds));
    }
    if request.limits.memory_bytes.is_some_and(|asked| asked > limits.memory_bytes) {
        say(&format!("locus: the memory was at most {}: more is not given here", size(limits.memory_bytes)));
    }
}

/// A language that is not installed here may be elsewhere.
fn with_a_way(request: &RunRequest, trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Refused(mut refusal)
            if refusal.reason == "UnknownLanguage"
                && locus_languages::find(locus_languages::all(), &request.language).is_ok() =>
        {
            refusal.message += "; or run it elsewhere, with --server URL or --context NAME";
            Trouble::Refused(refusal)
        }
        trouble => trouble,
    }
}

async fn fetch(client: &Client, run: &Run, files: &[String], folder: &Path) -> Result<(), Trouble> {
    for name in files {
        let path = below(folder, name)?;
        let bytes = client.file(&run.id, name).await?;
        let unwritable = || format!("{} can't be written", path.display());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Trouble::io(unwritable()))?;
        }
        std::fs::write(&path, &bytes).map_err(Trouble::io(unwritable()))?;
        say(&format!("locus: {} ({})", one_line(&path.display().to_string()), size(bytes.len() as u64)));
    }
    for left in &run.files_left {
        say(&format!("locus: {} is not here: {}", one_line(&left.name), one_line(&left.why)));
    }
    Ok(())
}

/// Where a file goes. Its name is the program's choice, which must not lead out of the folder.
fn below(folder: &Path, name: &str) -> Result<PathBuf, Trouble> {
    let name_path = Path::new(name);
    let stays = name_path.components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !stays {
        return Err(Trouble::Usage(format!(
            "a file named {name:?} is not written: that would be outside of the folder"
        )));
    }
    Ok(folder.join(name_path))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::below;

    #[test]
    fn a_file_stays_in_its_folder_whatever_it_is_called() {
        assert_eq!(below(Path::new("out"), "a/b.png").expect("it stays"), Path::new("out/a/b.png"));
        for name in ["", "../a", "/etc/passwd", "a/../../b", "."] {
            assert!(below(Path::new("out"), name).is_err(), "{name:?}");
        }
    }
}
