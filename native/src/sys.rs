//! System calls as functions that give a value or an errno. Nothing here knows of the engine or of CNI.
//! A call interrupted by a signal is made again, with what is left of its deadline.

use libc::{c_int, ssize_t};

pub mod alarm;
pub mod aside;
pub mod deadline;
pub mod directory;
pub mod file;
pub mod lock;
pub mod netns;
pub mod process;
pub mod room;
pub mod socket;
pub mod spawn;
pub mod start;
pub mod stop;
pub mod thread;

/// Why a system call failed; positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub c_int);

pub type Result<T> = std::result::Result<T, Errno>;

impl Errno {
    /// What the last failed call of this thread left.
    pub fn last() -> Self {
        // SAFETY: the pointer is to this thread's own errno.
        Self(unsafe { *libc::__errno_location() })
    }
}

/// The value of a call that says −1 when it fails.
pub fn check(returned: c_int) -> Result<c_int> {
    if returned == -1 { Err(Errno::last()) } else { Ok(returned) }
}

/// The byte count of a call that says −1 when it fails.
pub fn count(returned: ssize_t) -> Result<usize> {
    usize::try_from(returned).map_err(|_| Errno::last())
}

/// Makes a call until no signal interrupts it.
pub fn retry<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(Errno(libc::EINTR)) => {}
            other => return other,
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::file::openat;
    use libc::c_int;
    use std::ffi::CString;
    use std::path::PathBuf;

    /// A directory of one test, gone with it.
    pub struct Scratch(pub PathBuf);

    impl Scratch {
        pub fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("cni-bridge-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        /// Opens a file in it, made where it is not there.
        pub fn open(&self, name: &str) -> c_int {
            let path = CString::new(self.0.join(name).to_str().unwrap()).unwrap();
            openat(libc::AT_FDCWD, &path, libc::O_RDWR | libc::O_CREAT, 0o600).unwrap()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
