//! Descriptors and names in file systems.

use super::alarm::Alarm;
use super::deadline::{Deadline, poll_one};
use super::{Errno, Result, check, count, retry};
use libc::{c_int, mode_t};
use std::ffi::CStr;
use std::mem::MaybeUninit;
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
    let mut buffer = Vec::<u8>::with_capacity(length);
    loop {
        // SAFETY: the kernel writes at most `length` bytes into the spare capacity.
        match count(unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), length) }) {
            Ok(filled) => {
                // SAFETY: the kernel filled so many.
                unsafe { buffer.set_len(filled) };
                return Ok(buffer);
            }
            Err(Errno(libc::EINTR)) => {}
            Err(Errno(libc::EAGAIN)) => poll_one(fd, libc::POLLIN, Deadline::NEVER)?,
            Err(errno) => return Err(errno),
        }
    }
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

/// Names in a directory, from its beginning, without "." and "..".
pub fn list(fd: c_int) -> Result<Vec<Vec<u8>>> {
    /// struct linux_dirent64 (getdents(2)): where the record's length and its name stand.
    const LENGTH_AT: usize = 16;
    const NAME_AT: usize = 19;
    // SAFETY: moves the descriptor's own position.
    if unsafe { libc::lseek(fd, 0, libc::SEEK_SET) } == -1 {
        return Err(Errno::last());
    }
    let mut names = Vec::new();
    let mut buffer = MaybeUninit::<[u8; 32 * 1024]>::uninit();
    loop {
        let room = size_of_val(&buffer);
        // SAFETY: the kernel writes at most `room` bytes, and the slice covers what it says it wrote.
        let mut records = unsafe {
            let filled = libc::syscall(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), room);
            std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), count(filled as isize)?)
        };
        if records.is_empty() {
            return Ok(names);
        }
        while let Some(length) = records.get(LENGTH_AT..LENGTH_AT + 2) {
            let (record, rest) = records.split_at(usize::from(u16::from_ne_bytes([length[0], length[1]])));
            records = rest;
            let name = CStr::from_bytes_until_nul(&record[NAME_AT..]).map_err(|_| Errno(libc::EIO))?.to_bytes();
            if name != b"." && name != b".." {
                names.push(name.to_vec());
            }
        }
    }
}

pub fn readlinkat(dirfd: c_int, path: &CStr) -> Result<Vec<u8>> {
    let mut target = Vec::<u8>::with_capacity(libc::PATH_MAX as usize);
    // SAFETY: the kernel writes at most the capacity, and says how much.
    unsafe {
        let filled = count(libc::readlinkat(dirfd, path.as_ptr(), target.as_mut_ptr().cast(), target.capacity()))?;
        target.set_len(filled);
    }
    Ok(target)
}

pub fn symlinkat(target: &CStr, dirfd: c_int, path: &CStr) -> Result<c_int> {
    // SAFETY: both are C strings that outlive the call.
    check(unsafe { libc::symlinkat(target.as_ptr(), dirfd, path.as_ptr()) })
}

pub fn mkdirat(dirfd: c_int, path: &CStr, mode: c_int) -> Result<c_int> {
    // SAFETY: the path is a C string that outlives the call.
    check(unsafe { libc::mkdirat(dirfd, path.as_ptr(), mode as mode_t) })
}

pub fn linkat(from_fd: c_int, from: &CStr, to_fd: c_int, to: &CStr) -> Result<c_int> {
    // SAFETY: both paths are C strings that outlive the call.
    check(unsafe { libc::linkat(from_fd, from.as_ptr(), to_fd, to.as_ptr(), 0) })
}

pub fn renameat(from_fd: c_int, from: &CStr, to_fd: c_int, to: &CStr) -> Result<c_int> {
    // SAFETY: both paths are C strings that outlive the call.
    check(unsafe { libc::renameat(from_fd, from.as_ptr(), to_fd, to.as_ptr()) })
}

pub fn unlinkat(dirfd: c_int, path: &CStr, flags: c_int) -> Result<c_int> {
    // SAFETY: the path is a C string that outlives the call.
    check(unsafe { libc::unlinkat(dirfd, path.as_ptr(), flags) })
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
    let mtime = libc::timespec { tv_sec: seconds as libc::time_t, tv_nsec: nanoseconds as libc::c_long };
    let times = [omit, mtime];
    // SAFETY: the array outlives the call.
    check(unsafe { libc::futimens(fd, times.as_ptr()) })
}

/// Takes the exclusive lock. The wait is the kernel's own queue, so waiters are served in order; no timer is made where
/// the lock is free.
pub fn flock(fd: c_int, timeout_ms: f64) -> Result<c_int> {
    // SAFETY: flock touches no memory.
    let lock = |operation| check(unsafe { libc::flock(fd, operation) });
    match retry(|| lock(libc::LOCK_EX | libc::LOCK_NB)) {
        Err(Errno(libc::EWOULDBLOCK)) => {}
        other => return other,
    }
    let deadline = Deadline::after_ms(timeout_ms);
    let _alarm = Alarm::at(deadline)?;
    loop {
        match lock(libc::LOCK_EX) {
            Err(Errno(libc::EINTR)) if deadline.passed() => return Err(Errno(libc::ETIMEDOUT)),
            Err(Errno(libc::EINTR)) => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::tests::Scratch;
    use std::ffi::CString;
    use std::time::{Duration, Instant};

    fn open(scratch: &Scratch, name: &str) -> c_int {
        let path = CString::new(scratch.0.join(name).to_str().unwrap()).unwrap();
        openat(libc::AT_FDCWD, &path, libc::O_RDWR | libc::O_CREAT, 0o600).unwrap()
    }

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
    fn flock_gives_up_at_the_deadline() {
        let scratch = Scratch::new("flock-deadline");
        let (holder, waiter) = (open(&scratch, "lock"), open(&scratch, "lock"));
        assert_eq!(flock(holder, 0.0), Ok(0));
        let start = Instant::now();
        assert_eq!(flock(waiter, 60.0), Err(Errno(libc::ETIMEDOUT)));
        assert!(start.elapsed() >= Duration::from_millis(60));
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(flock(waiter, 0.0), Err(Errno(libc::ETIMEDOUT)));
    }

    #[test]
    fn flock_wakes_as_soon_as_the_lock_is_free() {
        let scratch = Scratch::new("flock-free");
        let (holder, waiter) = (open(&scratch, "lock"), open(&scratch, "lock"));
        assert_eq!(flock(holder, 0.0), Ok(0));
        let release = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            close(holder)
        });
        let start = Instant::now();
        assert_eq!(flock(waiter, 60_000.0), Ok(0));
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(release.join().unwrap(), Ok(0));
    }

    #[test]
    fn list_names_everything_and_starts_over() {
        let scratch = Scratch::new("list");
        let wanted: Vec<_> = (0..3000).map(|index| format!("lease-with-a-long-name-{index}")).collect();
        for name in &wanted {
            std::fs::write(scratch.0.join(name), "").unwrap();
        }
        let path = CString::new(scratch.0.to_str().unwrap()).unwrap();
        let fd = openat(libc::AT_FDCWD, &path, libc::O_RDONLY | libc::O_DIRECTORY, 0).unwrap();
        for _ in 0..2 {
            let mut names: Vec<_> =
                list(fd).unwrap().into_iter().map(|name| String::from_utf8(name).unwrap()).collect();
            names.sort_by_key(|name| name.rsplit('-').next().unwrap().parse::<u32>().unwrap());
            assert_eq!(names, wanted);
        }
        assert_eq!(list(-1).err(), Some(Errno(libc::EBADF)));
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
        let fd = open(&scratch, "file");
        // SAFETY: touches no memory.
        assert_eq!(unsafe { libc::fcntl(fd, libc::F_GETFD) }, libc::FD_CLOEXEC);
    }
}
