//! The system calls that a program of a run may not make.
//!
//! It is a list of what is refused, since the languages of the world use nearly all the others. What it leaves open is
//! bounded by the other layers. A call that did not exist when this was written is refused too.

use std::collections::BTreeMap;
use std::io;

use locus_core::Network;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

/// The highest system call number that this list was made with (Linux 6.18). The numbers since 424 are the same on all
/// architectures. On x86-64 those of the x32 interface are all above it.
const LAST_KNOWN: u32 = 469;

/// System calls that the C library of the build may not name yet.
mod number {
    pub const KEXEC_FILE_LOAD: i64 = if cfg!(target_arch = "x86_64") { 320 } else { 294 };
    pub const QUOTACTL_FD: i64 = 443;
    pub const MEMFD_SECRET: i64 = 447;
    pub const PROCESS_MRELEASE: i64 = 448;
    pub const STATMOUNT: i64 = 457;
    pub const LISTMOUNT: i64 = 458;
    pub const SETXATTRAT: i64 = 463;
    pub const OPEN_TREE_ATTR: i64 = 467;
    pub const FILE_SETATTR: i64 = 469;
}

/// Refused whatever the arguments.
const REFUSED: &[i64] = &[
    // Other processes: their memory, registers, descriptors and pages.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    number::PROCESS_MRELEASE,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // Ways into the kernel that have been the way out of many a sandbox.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    libc::SYS_lookup_dcookie,
    libc::SYS_vhangup,
    // What others do with the machine's files would be seen through folders that are mounted here too.
    libc::SYS_inotify_add_watch,
    // It would write out all of the machine's disks.
    libc::SYS_sync,
    libc::SYS_syncfs,
    // File systems and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_tree,
    number::OPEN_TREE_ATTR,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    number::STATMOUNT,
    number::LISTMOUNT,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_setns,
    libc::SYS_quotactl,
    number::QUOTACTL_FD,
    libc::SYS_unshare,
    // Attributes of files: a tmpfs puts no bound to some of them, and they are memory of the kernel.
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    number::SETXATTRAT,
    // The same marks as by ioctl, below.
    number::FILE_SETATTR,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    // The machine as a whole.
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_reboot,
    libc::SYS_kexec_load,
    number::KEXEC_FILE_LOAD,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ustat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_sysfs,
];

/// Told to be missing, since programs then do without.
const MISSING: &[i64] = &[
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Its flags stand in memory, where a filter can't read them; C libraries fall back on clone.
    libc::SYS_clone3,
    number::MEMFD_SECRET,
    // Contexts come out of one pot of the whole machine.
    libc::SYS_io_setup,
];

/// Memory that belongs to no process. It is open only where a cgroup counts it.
const UNCOUNTED: &[i64] = &[
    libc::SYS_memfd_create,
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    // Pages that a pipe holds, whole huge ones among them.
    libc::SYS_vmsplice,
    // Rules and filters that outlive their process in a descriptor.
    libc::SYS_landlock_create_ruleset,
    libc::SYS_seccomp,
];

/// Requests of ioctl that set flags and numbers of an inode, as programs of 64 and of 32 bits ask for them: `FS_IOC_SETFLAGS`,
/// `FS_IOC_SETVERSION`, `EXT4_IOC_SETVERSION` and `FS_IOC_FSSETXATTR`.
const MARKS: [libc::c_ulong; 7] =
    [0x4008_6602, 0x4004_6602, 0x4008_7602, 0x4004_7602, 0x4008_6604, 0x4004_6604, 0x401c_5820];

/// The flags of clone that make namespaces. That of time is for unshare alone.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// Where a program's system calls are judged.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// What it may reach.
    pub network: Network,
    /// Whether a cgroup counts the memory of the run.
    pub counted: bool,
    /// Whether its ipc namespace is its own.
    pub own_ipc: bool,
}

/// The filters of a run; each is applied on top of the others. `None` on an architecture that the compiler of filters
/// does not know.
///
/// # Errors
/// When a filter can't be compiled, which is a fault of this file.
pub fn filters(rules: Rules) -> io::Result<Option<Vec<BpfProgram>>> {
    let Some(arch) = architecture() else { return Ok(None) };
    let uncounted = if rules.counted { &[] } else { UNCOUNTED };
    let always = |calls: &[i64]| calls.iter().map(|call| (*call, Vec::new())).collect::<BTreeMap<_, _>>();
    let mut refused = always(REFUSED);
    refused.extend(conditional()?);
    if !rules.counted {
        // What sockets hold is only known by their number and their buffers' usual size.
        let larger = [libc::SO_SNDBUF, libc::SO_RCVBUF, libc::SO_SNDBUFFORCE, libc::SO_RCVBUFFORCE].map(|option| {
            let level = (1, SeccompCmpOp::Eq, u64::from(libc::SOL_SOCKET.unsigned_abs()));
            rule(&[level, (2, SeccompCmpOp::Eq, u64::from(option.unsigned_abs()))])
        });
        refused.insert(libc::SYS_setsockopt, larger.into_iter().collect::<io::Result<_>>()?);
    }
    // Message queues outlive their process, and in a namespace of the machine's nobody knows whose they are.
    let lasting: &[i64] = if rules.own_ipc { &[] } else { &[libc::SYS_mq_open] };
    let mut missing = always(&[MISSING, uncounted, lasting].concat());
    if !rules.counted {
        // What children share and none has mapped any more is not seen in any of them, and huge pages in none.
        let hidden = [libc::MAP_SHARED | libc::MAP_ANONYMOUS, libc::MAP_HUGETLB].map(|flags| {
            let flags = u64::from(flags.unsigned_abs());
            rule(&[(3, SeccompCmpOp::MaskedEq(flags), flags)])
        });
        missing.insert(libc::SYS_mmap, hidden.into_iter().collect::<io::Result<_>>()?);
    }
    let compile = |calls: BTreeMap<i64, Vec<SeccompRule>>, error: i32| {
        let error = SeccompAction::Errno(error.unsigned_abs());
        let filter = SeccompFilter::new(calls, SeccompAction::Allow, error, arch).map_err(io::Error::other)?;
        BpfProgram::try_from(filter).map_err(io::Error::other)
    };
    // Each filter costs a program some time at its start, so there are no more than there are errors to tell. The last
    // one may refuse further ones.
    Ok(Some(vec![
        // What a kernel without the address family says.
        compile(sockets(rules.network)?, libc::EAFNOSUPPORT)?,
        compile(refused, libc::EPERM)?,
        [unknown(), compile(missing, libc::ENOSYS)?].concat(),
    ]))
}

/// This machine's, if the compiler of filters knows it.
pub fn architecture() -> Option<TargetArch> {
    TargetArch::try_from(std::env::consts::ARCH).ok()
}

/// Refuses every call past the last known one; another program may follow.
fn unknown() -> BpfProgram {
    // The classic BPF of linux/filter.h: load the number, compare, return. The system call's number is the first word.
    let instruction = |code: u32, jt, jf, k| sock_filter { code: u16::try_from(code).unwrap_or(0), jt, jf, k };
    vec![
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K, 0, 1, LAST_KNOWN),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
    ]
}

/// Refused for some arguments.
fn conditional() -> io::Result<Vec<(i64, Vec<SeccompRule>)>> {
    let namespace = |flag: i32| {
        let flag = u64::from(flag.unsigned_abs());
        rule(&[(0, SeccompCmpOp::MaskedEq(flag), flag)])
    };
    let not = |call, argument, value| Ok::<_, io::Error>((call, vec![rule(&[(argument, SeccompCmpOp::Ne, value)])?]));
    let either_not = |call, first, second| {
        let rules = vec![rule(&[(0, SeccompCmpOp::Ne, first)])?, rule(&[(1, SeccompCmpOp::Ne, second)])?];
        Ok::<_, io::Error>((call, rules))
    };
    let ioctl = |request: libc::c_ulong| rule(&[(1, SeccompCmpOp::Eq, request & 0xffff_ffff)]);
    let mut calls = vec![
        (libc::SYS_clone, NAMESPACES.into_iter().map(namespace).collect::<io::Result<_>>()?),
        // Of another process, even one of the run's own: the runner may have the same user.
        not(libc::SYS_prlimit64, 0, 0)?,
        not(libc::SYS_sched_setaffinity, 0, 0)?,
        not(libc::SYS_sched_setattr, 0, 0)?,
        not(libc::SYS_sched_setparam, 0, 0)?,
        // The usual class, which every thread has already, is what virtual machines give to each thread that they start.
        (
            libc::SYS_sched_setscheduler,
            vec![rule(&[(0, SeccompCmpOp::Ne, 0), (1, SeccompCmpOp::Ne, libc::SCHED_OTHER.unsigned_abs().into())])?],
        ),
        // PRIO_PROCESS and IOPRIO_WHO_PROCESS, of oneself.
        either_not(libc::SYS_setpriority, 0, 0)?,
        either_not(libc::SYS_ioprio_set, 1, 0)?,
        // Input for a terminal as if it had been typed; and marks on files and folders that outlive what is in them, by which
        // a test case could leave a word for the next.
        (
            libc::SYS_ioctl,
            [libc::TIOCSTI as libc::c_ulong, 0x541c].into_iter().chain(MARKS).map(ioctl).collect::<io::Result<_>>()?,
        ),
    ];
    // The plain personality, and the question which one it is.
    let personality = [(0, SeccompCmpOp::Ne, 0), (0, SeccompCmpOp::Ne, 0xffff_ffff)];
    calls.push((libc::SYS_personality, vec![rule(&personality)?]));
    // PR_SCHED_CORE: a cookie of its own would keep everybody else off the other half of a core.
    // PR_SET_MEMORY_MERGE: pages that are merged with those of others tell what others hold.
    calls.push((
        libc::SYS_prctl,
        [62, 67].map(|option| rule(&[(0, SeccompCmpOp::Eq, option)])).into_iter().collect::<io::Result<_>>()?,
    ));
    let mergeable = u64::from(libc::MADV_MERGEABLE.unsigned_abs());
    calls.push((libc::SYS_madvise, vec![rule(&[(2, SeccompCmpOp::Eq, mergeable)])?]));
    Ok(calls)
}

/// The sockets that are refused.
fn sockets(network: Network) -> io::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let unless = |families: &[i32]| -> Vec<(u8, SeccompCmpOp, u64)> {
        families.iter().map(|family| (0, SeccompCmpOp::Ne, u64::from(family.unsigned_abs()))).collect()
    };
    let mut socket = Vec::new();
    if network == Network::None {
        socket.push(rule(&unless(&[libc::AF_UNIX]))?);
    } else {
        socket.push(rule(&unless(&[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK]))?);
        for family in [libc::AF_INET, libc::AF_INET6] {
            let family = u64::from(family.unsigned_abs());
            // Each further protocol is a module of the kernel that a socket would load.
            let protocols = [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];
            let other = protocols.map(|protocol| (2, SeccompCmpOp::Ne, u64::from(protocol.unsigned_abs())));
            socket.push(rule(&[&[(0, SeccompCmpOp::Eq, family)][..], &other].concat())?);
        }
        // All but streams and datagrams; the last one is SOCK_PACKET.
        for kind in [libc::SOCK_RAW, libc::SOCK_RDM, libc::SOCK_SEQPACKET, libc::SOCK_DCCP, 10] {
            let kind = u64::from(kind.unsigned_abs());
            let mut other = unless(&[libc::AF_UNIX, libc::AF_NETLINK]);
            other.push((1, SeccompCmpOp::MaskedEq(0xf), kind));
            socket.push(rule(&other)?);
        }
        // NETLINK_ROUTE, protocol 0, lists the interfaces.
        let netlink = (0, SeccompCmpOp::Eq, u64::from(libc::AF_NETLINK.unsigned_abs()));
        socket.push(rule(&[netlink, (2, SeccompCmpOp::Ne, 0)])?);
    }
    let pair = vec![rule(&unless(&[libc::AF_UNIX]))?];
    Ok(BTreeMap::from([(libc::SYS_socket, socket), (libc::SYS_socketpair, pair)]))
}

/// A rule that matches when all conditions on arguments hold. The upper half of an argument is not looked at: the
/// kernel does not either, where it takes an int.
fn rule(conditions: &[(u8, SeccompCmpOp, u64)]) -> io::Result<SeccompRule> {
    let conditions = conditions.iter().map(|(argument, operator, value)| {
        SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, operator.clone(), *value).map_err(io::Error::other)
    });
    SeccompRule::new(conditions.collect::<io::Result<_>>()?).map_err(io::Error::other)
}

/// Applies filters to this thread and what it becomes. Allocates nothing.
pub fn apply(filters: &[BpfProgram]) -> io::Result<()> {
    for filter in filters {
        seccompiler::apply_filter(filter).map_err(|error| match error {
            seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => error,
            _ => io::ErrorKind::Other.into(),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use locus_core::Network;

    use super::{Rules, filters};

    #[test]
    fn the_filters_compile_for_every_network() {
        for network in [Network::None, Network::Loopback, Network::Egress] {
            for counted in [false, true] {
                let filters = filters(Rules { network, counted, own_ipc: counted }).expect("they compile");
                assert_eq!(filters.expect("the tests run on a known architecture").len(), 3);
            }
        }
    }
}
