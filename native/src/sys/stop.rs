//! Requests to stop: SIGTERM, SIGINT, SIGHUP. Held back while work is under way that must not be left half done, and
//! passed on to a program we wait for.

use super::{Result, check};
use libc::{c_int, pid_t, signalfd_siginfo, sigset_t};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

const REQUESTS: [c_int; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP];

fn requests() -> sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the set is initialised before use.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in REQUESTS {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        set.assume_init()
    }
}

/// Blocks them until the process ends; one that arrives stays pending.
pub fn defer() -> Result<c_int> {
    let set = requests();
    // SAFETY: the set outlives the call and no old one is asked for.
    check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) })
}

/// Those that have been held back, as a descriptor that can be waited for.
pub struct Pending(OwnedFd);

impl Pending {
    /// None where the kernel refuses: then nothing is passed on.
    pub fn open() -> Option<Self> {
        let set = requests();
        // SAFETY: the set outlives the call; the descriptor is new and nobody else knows of it.
        unsafe {
            let fd = check(libc::signalfd(-1, &raw const set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC)).ok()?;
            Some(Self(OwnedFd::from_raw_fd(fd)))
        }
    }

    /// Sends what is pending to a child that is ours and not yet reaped. It is pending no more.
    pub fn pass_on(&self, pid: pid_t) {
        let mut info = MaybeUninit::<signalfd_siginfo>::uninit();
        let size = size_of_val(&info);
        // SAFETY: the kernel fills the structure where it says that it read all of it; the number is no other process's.
        unsafe {
            while libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size) == size as isize {
                libc::kill(pid, info.assume_init().ssi_signo as c_int);
            }
        }
    }
}

impl AsRawFd for Pending {
    fn as_raw_fd(&self) -> c_int {
        self.0.as_raw_fd()
    }
}
