//! The processes of a run, as a whole: who they are, and that none is left.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, set_dumpable_behavior,
    set_parent_process_death_signal, wait,
};

/// The time that killed processes have to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes this process the one that inherits every orphan of its run, and one whose memory and descriptors other
/// processes of its user can't read.
pub fn become_runner() -> io::Result<()> {
    set_child_subreaper(Some(getpid()))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Ends this process when its parent ends.
pub fn die_with_parent() -> io::Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::TERM))?)
}

/// Kills every process of the run and waits until each is gone. Called when the program itself has ended or must.
pub fn kill_all() {
    let deadline = Instant::now() + KILL_TIMEOUT;
    loop {
        let alive = descendants();
        for pid in &alive {
            // A process that is gone already is what is wanted.
            let _ = kill_process(*pid, Signal::KILL);
        }
        reap();
        if descendants().is_empty() || Instant::now() > deadline {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Takes in processes that have ended, so that none stays a zombie.
pub fn reap() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

/// Whether all processes of the run together hold more memory than this many bytes. The quick count takes pages that
/// processes share for each of them; only where it is over the bound are they counted by their share.
pub fn hold_more_than(bytes: u64) -> bool {
    let run = descendants();
    let resident = |pid: &Pid| {
        let statm = fs::read_to_string(format!("/proc/{}/statm", pid.as_raw_pid())).ok()?;
        let mut pages = statm.split_ascii_whitespace().skip(1).map_while(|field| field.parse::<u64>().ok());
        Some(pages.next()?.saturating_sub(pages.next()?) * rustix::param::page_size() as u64)
    };
    let share = |pid: &Pid| {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", pid.as_raw_pid())).ok()?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss_Anon:"))?;
        Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
    };
    run.iter().filter_map(resident).sum::<u64>() > bytes && run.iter().filter_map(share).sum::<u64>() > bytes
}

/// Every process below this one. As a subreaper it is the ancestor of all of its run, whatever they forked.
fn descendants() -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = HashSet::new();
    let mut open = vec![getpid().as_raw_pid()];
    while let Some(pid) = open.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if found.insert(*child) {
                open.push(*child);
            }
        }
    }
    found.into_iter().filter_map(Pid::from_raw).collect()
}

/// The parent of a process. The name in `/proc/<pid>/stat` may hold anything, so what follows its last `)` counts.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let rest = std::str::from_utf8(&stat[after_name..]).ok()?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}
