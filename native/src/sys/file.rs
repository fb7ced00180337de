//! Descriptors of files: what is read, written and told of them.

use super::deadline::{Deadline, poll_one};
use super::{Errno, Result, check, count, retry, room};
use libc::{c_int, mode_t};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether anything was written to standard output: an error object may then no longer go there.
pub static STDOUT_USED: AtomicBool = AtomicBool::new(false);

/// What the host tells of a file.
pub struct Stat {
    pub dev: f64,
    pub ino: f64,
    pub mode: f64,
    pub size: f64,
    pub mtime_ms: f64,
}

/// Flags of open(2) from src/open-flags.ts, which has the numbers of x86-64, as this architecture numbers them.
pub fn open_flags(portable: c_int) -> c_int {
    renumber(portable, libc::O_DIRECTORY, libc::O_NOFOLLOW)
}

/// arm and arm64 differ in these two alone (arch/arm64/include/uapi/asm/fcntl.h).
fn renumber(portable: c_int, directory: c_int, nofollow: c_int) -> c_int {
    const DIRECTORY: c_int = 0o200_000;
    const NOFOLLOW: c_int = 0o400_000;
    let mut flags = portable & !(DIRECTORY | NOFOLLOW);
    if portable & DIRECTORY != 0 {
        flags |= directory;
    }
    if portable & NOFOLLOW != 0 {
        flags |= nofollow;
    }
    flags
}

/// Every descriptor is closed when a program is started.
pub fn openat(dirfd: c_int, path: &CStr, flags: c_int, mode: c_int) -> Result<c_int> {
    // SAFETY: the path is a C string that outlives the call.
    retry(|| check(unsafe { libc::openat(dirfd, path.as_ptr(), flags | libc::O_CLOEXEC, mode as mode_t) }))
}

/// At most `length` bytes; none at the end. Waits where the descriptor would not.
pub fn read(fd: c_int, length: usize) -> Result<Vec<u8>> {
    room::with(length, |buffer| {
        loop {
            // SAFETY: the kernel writes at most the buffer.
            match count(unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), length) }) {
                // SAFETY: the kernel filled so many.
                Ok(filled) => return Ok(unsafe { slice::from_raw_parts(buffer.as_ptr().cast(), filled) }.to_vec()),
                Err(Errno(libc::EINTR)) => {}
                Err(Errno(libc::EAGAIN)) => poll_one(fd, libc::POLLIN, Deadline::NEVER)?,
                Err(errno) => return Err(errno),
            }
        }
    })
}

/// All of `bytes`, waiting where the descriptor would not: a runtime may hand us a pipe that does not block.
pub fn write(fd: c_int, bytes: &[u8]) -> Result<c_int> {
    if fd == libc::STDOUT_FILENO {
        STDOUT_USED.store(true, Ordering::Relaxed);
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        // SAFETY: the kernel reads `rest` only.
        match count(unsafe { libc::write(fd, rest.as_ptr().cast(), rest.len()) }) {
            Ok(written) => rest = &rest[written..],
            Err(Errno(libc::EINTR)) => {}
            Err(Errno(libc::EAGAIN)) => poll_one(fd, libc::POLLOUT, Deadline::NEVER)?,
            Err(errno) => return Err(errno),
        }
    }
    Ok(bytes.len() as c_int)
}

/// NB: not made again after EINTR; Linux has closed the descriptor by then (close(2)).
pub fn close(fd: c_int) -> Result<c_int> {
    // SAFETY: the descriptor belongs to the caller; nothing in Rust holds it.
    check(unsafe { libc::close(fd) })
}

pub fn fstat(fd: c_int) -> Result<Stat> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: fstat fills the structure where it succeeds.
    unsafe {
        check(libc::fstat(fd, stat.as_mut_ptr()))?;
        Ok(Stat::of(&stat.assume_init()))
    }
}

pub fn fstatat(dirfd: c_int, path: &CStr, flags: c_int) -> Result<Stat> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: the path is a C string; fstatat fills the structure where it succeeds.
    unsafe {
        check(libc::fstatat(dirfd, path.as_ptr(), stat.as_mut_ptr(), flags))?;
        Ok(Stat::of(&stat.assume_init()))
    }
}

impl Stat {
    fn of(stat: &libc::stat) -> Self {
        Self {
            dev: stat.st_dev as f64,
            ino: stat.st_ino as f64,
            mode: f64::from(stat.st_mode),
            size: stat.st_size as f64,
            mtime_ms: stat.st_mtime as f64 * 1000.0 + stat.st_mtime_nsec as f64 / 1e6,
        }
    }
}

/// The type word of the file system a descriptor is on.
pub fn fstatfs(fd: c_int) -> Result<f64> {
    let mut stat = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: fstatfs fills the structure where it succeeds.
    unsafe {
        retry(|| check(libc::fstatfs(fd, stat.as_mut_ptr())))?;
        Ok(stat.assume_init().f_type as f64)
    }
}

pub fn fsync(fd: c_int) -> Result<c_int> {
    // SAFETY: touches no memory.
    retry(|| check(unsafe { libc::fsync(fd) }))
}

/// Sets the modification time, in milliseconds since the epoch (whole ones exactly), and leaves the access time.
pub fn futimens(fd: c_int, mtime_ms: f64) -> Result<c_int> {
    let seconds = (mtime_ms / 1000.0).floor();
    let omit = libc::timespec { tv_sec: 0, tv_nsec: libc::UTIME_OMIT };
    let nanoseconds = (mtime_ms - seconds * 1000.0) * 1e6;
    let mtime = libc::timespec { tv_sec: seconds as _, tv_nsec: nanoseconds as _ };
    let times = [omit, mtime];
    // SAFETY: the array outlives the call.
    check(unsafe { libc::futimens(fd, times.as_ptr()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::tests::Scratch;

    #[test]
    fn flags_are_those_of_the_architecture() {
        // As include/uapi/asm-generic/fcntl.h and arch/arm64/include/uapi/asm/fcntl.h have them.
        let (directory, nofollow, tmpfile, create) = (0o200_000, 0o400_000, 0o20_200_000, 0o1102);
        for wanted in [directory, nofollow, tmpfile, create, directory | nofollow] {
            assert_eq!(renumber(wanted, 0o200_000, 0o400_000), wanted);
        }
        let arm64 = |flags| renumber(flags, 0o40_000, 0o100_000);
        assert_eq!(
            [directory, nofollow, tmpfile, create, directory | nofollow].map(arm64),
            [0o40_000, 0o100_000, 0o20_040_000, 0o1102, 0o140_000]
        );
        assert_eq!(open_flags(directory | nofollow), libc::O_DIRECTORY | libc::O_NOFOLLOW);
        assert_eq!(open_flags(tmpfile), libc::O_TMPFILE);
    }

    #[test]
    fn write_waits_where_a_pipe_would_not() {
        let mut ends = [0; 2];
        // SAFETY: the kernel fills both.
        assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_NONBLOCK) }, 0);
        let [reading, writing] = ends;
        let sent = std::thread::spawn(move || {
            let written = write(writing, &vec![7; 300_000]);
            close(writing).unwrap();
            written
        });
        let mut received = 0;
        loop {
            match read(reading, 10_000).unwrap().len() {
                0 => break,
                length => received += length,
            }
        }
        assert_eq!(received, 300_000);
        assert_eq!(sent.join().unwrap(), Ok(300_000));
    }

    #[test]
    fn opened_files_are_closed_on_exec() {
        let scratch = Scratch::new("cloexec");
        let fd = scratch.open("file");
        // SAFETY: touches no memory.
        assert_eq!(unsafe { libc::fcntl(fd, libc::F_GETFD) }, libc::FD_CLOEXEC);
    }
}
