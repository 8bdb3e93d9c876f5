//! What programs can leave behind in an ipc namespace of the run's own: System V objects and POSIX message queues.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::Path;

use crate::folder::Folder;

/// Where the queues of the namespace stand, if they do: see `mq_overview(7)`.
pub const QUEUES: &str = "/dev/mqueue";

/// Where the objects of the namespace are listed, a file for each kind: see `proc_sysvipc(5)`.
const TABLES: &str = "/proc/sysvipc";

/// Removes an object by its id.
type Remove = fn(i32) -> io::Result<()>;

/// Removes all of it. Nothing of the run may be alive.
pub fn clear() -> io::Result<()> {
    for (kind, remove) in [("shm", remove_memory as Remove), ("msg", remove_queue), ("sem", remove_semaphores)] {
        objects(&Path::new(TABLES).join(kind), remove)?.into_iter().try_for_each(remove)?;
    }
    match Folder::open(QUEUES.as_ref()) {
        Ok(queues) => queues.empty(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The ids that a table lists. One that can't be read says nothing, unless the kernel has no such objects.
fn objects(table: &Path, remove: Remove) -> io::Result<Vec<i32>> {
    let failed = |error: &dyn Display| io::Error::other(format!("{} can't be read: {error}", table.display()));
    let text = match fs::read_to_string(table) {
        Ok(text) => text,
        // No object has this id: a kernel that has the kind says that, and one that has not says so.
        Err(error) if error.kind() == io::ErrorKind::NotFound => match remove(-1) {
            Err(said) if said.raw_os_error() == Some(libc::ENOSYS) => return Ok(Vec::new()),
            _ => return Err(failed(&error)),
        },
        Err(error) => return Err(failed(&error)),
    };
    // The first line names the columns, of which the second one is the id.
    let id = |line: &str| line.split_ascii_whitespace().nth(1)?.parse().ok();
    text.lines().skip(1).map(|line| id(line).ok_or_else(|| failed(&"a line has no id"))).collect()
}

fn remove_memory(id: i32) -> io::Result<()> {
    // SAFETY: removal reads no memory of this process.
    #[allow(unsafe_code)]
    done(unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) })
}

fn remove_queue(id: i32) -> io::Result<()> {
    // SAFETY: as above.
    #[allow(unsafe_code)]
    done(unsafe { libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut()) })
}

fn remove_semaphores(id: i32) -> io::Result<()> {
    // SAFETY: as above.
    #[allow(unsafe_code)]
    done(unsafe { libc::semctl(id, 0, libc::IPC_RMID) })
}

fn done(answer: i32) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::{fs, io};

    use super::{objects, remove_memory};

    #[test]
    fn a_table_lists_its_objects_and_one_that_can_not_be_read_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let table = folder.path().join("shm");
        let told = || objects(&table, remove_memory).map_err(|error| error.to_string());
        assert!(told().expect_err("this kernel has such objects").contains("shm can't be read"));
        let absent = objects(&table, |_| Err(io::Error::from_raw_os_error(libc::ENOSYS)));
        assert_eq!(absent.expect("there can be none"), Vec::<i32>::new());
        fs::write(&table, "       key      shmid perms\n        77          4  1666\n         0         11   600\n")
            .expect("it is written");
        assert_eq!(told(), Ok(vec![4, 11]));
        fs::write(&table, "key shmid\n77\n").expect("it is written");
        assert!(told().expect_err("it has no id").contains("has no id"));
        fs::remove_file(&table).and_then(|()| fs::create_dir(&table)).expect("it is ours");
        assert!(told().expect_err("it is no file").contains("shm can't be read"));
    }
}
