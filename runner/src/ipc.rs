//! What programs can leave behind in an ipc namespace of the run's own: System V objects and POSIX message queues.

use std::fs;
use std::io;
use std::path::Path;

use crate::folder::Folder;

/// Where the queues of the namespace stand, if they do: see `mq_overview(7)`.
pub const QUEUES: &str = "/dev/mqueue";

/// Removes all of it. Nothing of the run may be alive.
pub fn clear() -> io::Result<()> {
    // A kernel without a kind of object has no file of that name.
    for (kind, remove) in [("shm", remove_memory as fn(i32) -> i32), ("msg", remove_queue), ("sem", remove_semaphores)]
    {
        let text = fs::read_to_string(Path::new("/proc/sysvipc").join(kind)).unwrap_or_default();
        for id in text.lines().filter_map(|line| line.split_ascii_whitespace().nth(1)?.parse().ok()) {
            if remove(id) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    match Folder::open(QUEUES.as_ref()) {
        Ok(queues) => queues.empty(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn remove_memory(id: i32) -> i32 {
    // SAFETY: removal reads no memory of this process.
    #[allow(unsafe_code)]
    unsafe {
        libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut())
    }
}

fn remove_queue(id: i32) -> i32 {
    // SAFETY: as above.
    #[allow(unsafe_code)]
    unsafe {
        libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut())
    }
}

fn remove_semaphores(id: i32) -> i32 {
    // SAFETY: as above.
    #[allow(unsafe_code)]
    unsafe {
        libc::semctl(id, 0, libc::IPC_RMID)
    }
}
