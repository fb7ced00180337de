//! Clocks, and waiting on descriptors until a point in time.

use super::{Errno, Result, check};
use libc::{c_int, c_short, clockid_t, pollfd, timespec};
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

/// A point in time at which a wait ends, or never.
#[derive(Clone, Copy)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// `ms` from now. A negative time is now; one beyond the clock is never.
    pub fn after_ms(ms: f64) -> Self {
        let time = Duration::try_from_secs_f64(ms.max(0.0) / 1000.0).ok();
        Self(time.and_then(|time| Instant::now().checked_add(time)))
    }

    pub const NEVER: Self = Self(None);

    /// What is left: zero once it has passed, None where there is no end.
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }

    pub fn passed(self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }
}

/// Waits until a descriptor is ready for what its entry asks; −ETIMEDOUT at the deadline.
pub fn poll(entries: &mut [pollfd], deadline: Deadline) -> Result<()> {
    loop {
        let left = deadline.remaining().map(spec);
        let timeout = left.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the entries and the timeout live through the call; a null signal mask leaves ours as it is.
        let ready =
            unsafe { libc::ppoll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, timeout, std::ptr::null()) };
        match check(ready) {
            Ok(0) => return Err(Errno(libc::ETIMEDOUT)),
            Ok(_) => return Ok(()),
            Err(Errno(libc::EINTR)) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Waits until one descriptor is ready for `events`.
pub fn poll_one(fd: c_int, events: c_short, deadline: Deadline) -> Result<()> {
    poll(&mut [pollfd { fd, events, revents: 0 }], deadline)
}

pub fn spec(time: Duration) -> timespec {
    // SAFETY: every bit pattern is a timespec; some targets have padding fields that only zeroing can fill.
    let mut spec: timespec = unsafe { MaybeUninit::zeroed().assume_init() };
    spec.tv_sec = time.as_secs() as _;
    spec.tv_nsec = libc::c_long::from(time.subsec_nanos().cast_signed());
    spec
}

/// Milliseconds of CLOCK_MONOTONIC.
pub fn monotonic() -> f64 {
    milliseconds(libc::CLOCK_MONOTONIC)
}

/// Milliseconds since the epoch.
pub fn realtime() -> f64 {
    milliseconds(libc::CLOCK_REALTIME)
}

fn milliseconds(clock: clockid_t) -> f64 {
    let mut now = MaybeUninit::<timespec>::uninit();
    // SAFETY: both clocks exist on every Linux, so the call fills `now`.
    let now = unsafe {
        libc::clock_gettime(clock, now.as_mut_ptr());
        now.assume_init()
    };
    now.tv_sec as f64 * 1000.0 + now.tv_nsec as f64 / 1e6
}
