//! The executable: QuickJS, system calls, and the plugin's bytecode. Whatever it does is decided in src/*.ts.
//!
//! The entry is C's main: what Rust runs before its own may end the process with a signal, and a runtime that starts a plugin
//! expects one JSON document whatever happens.

#![cfg_attr(not(test), no_main)]

mod allocator;
mod answer;
mod arguments;
mod engine;
mod failure;
mod heap;
mod host;
mod intrinsics;
mod placement;
mod properties;
mod rehearsal;
mod snapshot;
mod sys;
mod text;

use std::ffi::{CStr, c_char, c_int};

/// # Safety
/// Called by the C library, with `argc` strings in `argv` that stay for the life of the process.
#[cfg_attr(not(test), unsafe(export_name = "main"))]
pub unsafe extern "C" fn start(argc: c_int, argv: *const *const c_char) -> ! {
    std::panic::set_hook(Box::new(|panic| failure::stop("internal error", &panic.to_string())));
    prepare();
    // SAFETY: as promised by the caller.
    let word = |index| unsafe { CStr::from_ptr(*argv.add(index)) };
    let started = snapshot::started().unwrap_or_else(|| {
        if (3..=5).contains(&argc) && word(1) == c"--snapshot" {
            leave_snapshot(word(2), (argc > 3).then(|| word(3)), (argc > 4).then(|| word(4)));
        }
        match engine::BYTECODE {
            Some(bytecode) => engine::start(bytecode),
            None => failure::stop("this executable holds no plugin: it only writes snapshots", ""),
        }
    });
    engine::run(started, (0..argc as usize).map(word).collect())
}

/// For the build; see snapshot.rs. `bytecode`: a file to take in place of the plugin that this executable holds;
/// `rehearsal`: what calls it, for placement.rs.
fn leave_snapshot(path: &CStr, bytecode: Option<&CStr>, rehearsal: Option<&CStr>) -> ! {
    match snapshot::take(path, bytecode, rehearsal) {
        // SAFETY: ends the process and runs nothing.
        Ok(()) => unsafe { libc::_exit(0) },
        Err(errno) => failure::stop("cannot write the snapshot", &format!("errno {}", errno.0)),
    }
}

/// So many an ADD may have open at once, what it takes to undo it included.
const DESCRIPTORS: libc::rlim_t = 32;

/// What Rust would have done: writing to a closed pipe is an error and no death; the three standard streams are open,
/// since the next file opened would otherwise be one of them and hold what is meant for the caller. Other than with Rust,
/// a closed output cannot be written to: an ADD whose result nobody gets must fail.
fn prepare() {
    // SAFETY: no handler is installed, and the descriptors opened are those that are closed, lowest first.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        for stream in 0..=2 {
            let closed = libc::fcntl(stream, libc::F_GETFD) == -1 && *libc::__errno_location() == libc::EBADF;
            if closed && libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) != stream {
                failure::stop("cannot open /dev/null in place of a closed standard stream", "");
            }
        }
    }
    allow_descriptors();
}

/// Whoever runs out of descriptors half way cannot go back either, so this is asked before anything is done.
fn allow_descriptors() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel fills the structure, or reads it.
    let too_low = unsafe {
        let known = libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0;
        let wanted = libc::rlimit { rlim_cur: DESCRIPTORS, rlim_max: limit.rlim_max };
        known && limit.rlim_cur < DESCRIPTORS && libc::setrlimit(libc::RLIMIT_NOFILE, &raw const wanted) != 0
    };
    if too_low {
        failure::stop(
            "the limit of open file descriptors is too low",
            &format!("RLIMIT_NOFILE is {}, and {DESCRIPTORS} are needed", limit.rlim_max),
        );
    }
}
