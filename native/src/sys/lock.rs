//! flock(2) with a deadline.

use super::alarm::Alarm;
use super::deadline::Deadline;
use super::{Errno, Result, check, retry};
use libc::c_int;

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
    use crate::sys::file::close;
    use crate::sys::tests::Scratch;
    use std::time::{Duration, Instant};

    #[test]
    fn flock_gives_up_at_the_deadline() {
        let scratch = Scratch::new("flock-deadline");
        let (holder, waiter) = (scratch.open("lock"), scratch.open("lock"));
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
        let (holder, waiter) = (scratch.open("lock"), scratch.open("lock"));
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
}
