//! The executable: QuickJS, system calls, and the plugin's bytecode. Whatever it does is decided in src/*.ts.
//!
//! The entry is C's main: what Rust runs before its own may end the process with a signal, and a runtime that starts a plugin
//! expects one JSON document whatever happens.

#![cfg_attr(not(test), no_main)]

mod engine;
mod failure;
mod host;
mod intrinsics;
mod memory;
mod sys;
mod value;

use std::ffi::{CStr, c_char, c_int};

/// # Safety
/// Called by the C library, with `argc` strings in `argv` that stay for the life of the process.
#[cfg_attr(not(test), unsafe(export_name = "main"))]
pub unsafe extern "C" fn start(argc: c_int, argv: *const *const c_char) -> ! {
    std::panic::set_hook(Box::new(|panic| failure::stop("internal error", &panic.to_string())));
    prepare();
    // SAFETY: as promised by the caller.
    let argv = (0..argc as usize).map(|index| unsafe { CStr::from_ptr(*argv.add(index)) }).collect();
    engine::run(argv)
}

/// What Rust would have done: writing to a closed pipe is an error and no death; the three standard streams are open,
/// since the next file opened would otherwise be one of them and hold what is meant for the caller.
fn prepare() {
    // SAFETY: no handler is installed, and the descriptors opened are those that are closed, lowest first.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        for stream in 0..=2 {
            if libc::fcntl(stream, libc::F_GETFD) == -1 && libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) != stream {
                libc::_exit(1);
            }
        }
    }
}
