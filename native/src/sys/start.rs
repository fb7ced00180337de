//! The start of a program: its environment, its standard streams, its signals.

use super::{Errno, Result};
use libc::{c_char, c_int, c_short, pid_t};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

/// Our own environment byte for byte, without what `replacing` names, and then `replacing`.
pub fn inherited<'a>(replacing: &[&'a CStr]) -> Vec<&'a CStr> {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    let name = |entry: &CStr| entry.to_bytes().split(|&byte| byte == b'=').next().map(<[u8]>::to_vec);
    let replaced: Vec<_> = replacing.iter().map(|entry| name(entry)).collect();
    let mut entries = vec![];
    // SAFETY: environ ends with a null pointer and never changes: the process has one thread and never sets a variable.
    unsafe {
        let mut next = environ;
        while !next.is_null() && !(*next).is_null() {
            entries.push(CStr::from_ptr(*next));
            next = next.add(1);
        }
    }
    entries.retain(|entry| !replaced.contains(&name(entry)));
    entries.extend(replacing);
    entries
}

/// Starts the program with default signals: an ignored SIGPIPE would be inherited (execve(2)).
pub fn start(path: &CStr, argv: &[&CStr], environment: &[&CStr], streams: [&OwnedFd; 3]) -> Result<pid_t> {
    let argv = pointers(argv);
    let environment = pointers(environment);
    // SAFETY: each object is initialised before use and destroyed after; both lists end with a null pointer, and their
    // strings outlive the call. posix_spawn answers with the errno, that of a failed exec included.
    unsafe {
        // Whoever started us may ignore SIGCHLD; the child could then not be waited for (waitpid(2), ECHILD).
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        let mut attributes = MaybeUninit::uninit();
        let mut actions = MaybeUninit::uninit();
        let mut signals = MaybeUninit::uninit();
        let mut pid = 0;
        failed(libc::posix_spawnattr_init(attributes.as_mut_ptr()))?;
        failed(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
        libc::sigemptyset(signals.as_mut_ptr());
        libc::posix_spawnattr_setsigmask(attributes.as_mut_ptr(), signals.as_ptr());
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGPIPE);
        libc::posix_spawnattr_setsigdefault(attributes.as_mut_ptr(), signals.as_ptr());
        let flags = libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF;
        libc::posix_spawnattr_setflags(attributes.as_mut_ptr(), flags as c_short);
        let mut answer = Ok(());
        for (stream, fd) in (0..).zip(streams) {
            let added = libc::posix_spawn_file_actions_adddup2(actions.as_mut_ptr(), fd.as_raw_fd(), stream);
            answer = answer.and(failed(added));
        }
        if answer.is_ok() {
            let (actions, attributes) = (actions.as_ptr(), attributes.as_ptr());
            let (argv, environment) = (argv.as_ptr(), environment.as_ptr());
            answer = failed(libc::posix_spawn(&raw mut pid, path.as_ptr(), actions, attributes, argv, environment));
        }
        libc::posix_spawn_file_actions_destroy(actions.as_mut_ptr());
        libc::posix_spawnattr_destroy(attributes.as_mut_ptr());
        answer.map(|()| pid)
    }
}

fn pointers(strings: &[&CStr]) -> Vec<*mut c_char> {
    strings.iter().map(|string| string.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
}

/// The posix_spawn family returns the errno itself.
fn failed(errno: c_int) -> Result<()> {
    if errno == 0 { Ok(()) } else { Err(Errno(errno)) }
}
