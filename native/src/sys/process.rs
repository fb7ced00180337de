//! The process itself: its environment, random bytes, and the child that outlives it.

use super::socket;
use super::{Errno, Result, check, count, file, retry, room};
use crate::heap;
use libc::{c_int, c_uint};
use std::ffi::CStr;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

/// How long the child of `send_from_child` waits for its answer.
const ANSWER_MS: f64 = 60_000.0;
/// How many descriptors it has, and how long its request is, at most.
const MOST_KEPT: usize = 4;
const LONGEST_REQUEST: usize = 1024;

pub fn getenv(name: &CStr) -> Option<Vec<u8>> {
    // SAFETY: the process has one thread and never changes its environment.
    unsafe {
        let value = libc::getenv(name.as_ptr());
        if value.is_null() { None } else { Some(CStr::from_ptr(value).to_bytes().to_vec()) }
    }
}

pub fn getpid() -> c_int {
    // SAFETY: cannot fail.
    unsafe { libc::getpid() }
}

pub fn getppid() -> c_int {
    // SAFETY: cannot fail.
    unsafe { libc::getppid() }
}

pub fn random(length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        let rest = &mut bytes[filled..];
        // SAFETY: the kernel writes at most the rest.
        filled += retry(|| count(unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) }))?;
    }
    Ok(bytes)
}

/// Forks a child that sends `message` on `fd` and writes the answer to the pipe whose reading end is returned. If it
/// could not send or got no answer, the pipe ends empty.
///
/// The child keeps `fd` and `keep` and nothing else, since whoever started us waits for both standard outputs to be
/// closed, and an open namespace would stay alive. Nobody here reaps it: when we are gone it belongs to init or a
/// subreaper. Where our parent is PID 1 of its PID namespace and does not reap, a zombie stays; the caller must not
/// call this there.
pub fn send_from_child(fd: c_int, message: &[u8], keep: Vec<c_int>) -> Result<c_int> {
    // What the child needs is on the stack: it gets no heap.
    let mut request = [0; LONGEST_REQUEST];
    let request = request.get_mut(..message.len()).ok_or(Errno(libc::EMSGSIZE))?;
    request.copy_from_slice(message);
    let mut kept = [fd; MOST_KEPT];
    kept[2..].get_mut(..keep.len()).ok_or(Errno(libc::EINVAL))?.copy_from_slice(&keep);
    let [reading, writing] = pipe()?.map(IntoRawFd::into_raw_fd);
    kept[0] = writing;
    kept.sort_unstable();
    heap::keep_from_children();
    // SAFETY: the process has one thread, so the child may go on with everything it has; it leaves by _exit alone.
    match check(unsafe { libc::fork() }) {
        Ok(0) => {
            close_all_but(&kept);
            room::with(room::LENGTH, |buffer| {
                let sent = socket::send(fd, request).and_then(|_| socket::recv_into(buffer, fd, ANSWER_MS));
                if let Ok(answer) = sent {
                    // The parent may be gone, and then nobody cares.
                    let _ = file::write(writing, answer);
                }
            });
            // SAFETY: ends the process and runs nothing.
            unsafe { libc::_exit(0) }
        }
        forked => {
            let _ = file::close(writing);
            if let Err(errno) = forked {
                let _ = file::close(reading);
                return Err(errno);
            }
            Ok(reading)
        }
    }
}

/// A pipe that no program we start inherits: reading end, writing end.
pub fn pipe() -> Result<[OwnedFd; 2]> {
    let mut ends = [0; 2];
    // SAFETY: the kernel fills both, and nobody else knows of them.
    unsafe {
        check(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC))?;
        Ok(ends.map(|fd| OwnedFd::from_raw_fd(fd)))
    }
}

/// `kept` is sorted.
fn close_all_but(kept: &[c_int]) {
    let mut from = 0;
    for &fd in kept {
        if fd > from {
            close_range(from as c_uint, fd as c_uint - 1);
        }
        from = from.max(fd + 1);
    }
    close_range(from as c_uint, c_uint::MAX);
}

/// close_range(2) is of Linux 5.9; before it, we close what a process of ours can have open.
fn close_range(first: c_uint, last: c_uint) {
    // SAFETY: the descriptors are this child's to close.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0 {
        return;
    }
    for fd in first..=last.min(1023) {
        // SAFETY: as above.
        unsafe { libc::close(fd as c_int) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn the_child_passes_the_answer_on_and_holds_nothing_else() {
        let mut ends = [0; 2];
        // SAFETY: the kernel fills both.
        assert_eq!(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_DGRAM, 0, ends.as_mut_ptr()) }, 0);
        let [ours, peer] = ends;
        let [kept_reading, kept_writing] = pipe().unwrap();
        let [reading, writing] = pipe().unwrap();

        let answer = send_from_child(ours, b"request", vec![kept_writing.as_raw_fd()]).unwrap();
        assert_eq!(socket::recv(peer, 5000.0).unwrap(), b"request");

        // The child waits now. It holds neither end of the one pipe, and the writing end of the other.
        drop(writing);
        drop(kept_writing);
        assert_eq!(file::read(reading.as_raw_fd(), 1).unwrap(), b"");
        assert!(socket::poll(vec![kept_reading.as_raw_fd()], 50.0).is_err());

        socket::send(peer, b"answer").unwrap();
        assert_eq!(file::read(answer, 100).unwrap(), b"answer");
        assert_eq!(file::read(answer, 100).unwrap(), b"");
        assert_eq!(file::read(kept_reading.as_raw_fd(), 1).unwrap(), b"");
    }

    #[test]
    fn random_bytes_differ() {
        let (first, second) = (random(300).unwrap(), random(300).unwrap());
        assert_eq!((first.len(), second.len()), (300, 300));
        assert_ne!(first, second);
    }
}
