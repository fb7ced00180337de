//! A bound for system calls that have none of their own: a timer interrupts this thread, the call fails with EINTR.

use super::deadline::{Deadline, spec};
use super::{Result, check};
use libc::{c_int, itimerspec, sigevent, timer_t};
use std::mem::MaybeUninit;
use std::time::Duration;

/// How often the signal comes again. It may arrive just before the call blocks, so one would not do.
const REPEAT: Duration = Duration::from_millis(10);

/// Signals this thread from its deadline on, until dropped.
pub struct Alarm(timer_t);

impl Alarm {
    /// None for a deadline that never comes.
    pub fn at(deadline: Deadline) -> Result<Option<Self>> {
        let Some(left) = deadline.remaining() else {
            return Ok(None);
        };
        catch()?;
        let mut event = MaybeUninit::<sigevent>::zeroed();
        let mut timer = MaybeUninit::<timer_t>::uninit();
        // SAFETY: a zeroed sigevent is valid; timer_create reads it and fills `timer` where it succeeds.
        let timer = unsafe {
            let event = event.assume_init_mut();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = libc::SIGALRM;
            event.sigev_notify_thread_id = libc::gettid();
            check(libc::timer_create(libc::CLOCK_MONOTONIC, event, timer.as_mut_ptr()))?;
            Self(timer.assume_init())
        };
        let time = itimerspec { it_interval: spec(REPEAT), it_value: spec(left.max(Duration::from_nanos(1))) };
        // SAFETY: the timer was made above; `time` outlives the call and no old value is asked for.
        check(unsafe { libc::timer_settime(timer.0, 0, &raw const time, std::ptr::null_mut()) })?;
        Ok(Some(timer))
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // SAFETY: the timer is ours and deleted once.
        unsafe { libc::timer_delete(self.0) };
    }
}

/// Makes SIGALRM interrupt and do nothing else. It stays so: a last one may still be pending when the timer is gone.
fn catch() -> Result<()> {
    extern "C" fn nothing(_: c_int) {}
    // SAFETY: the handler touches nothing; the sets are initialised before use; without SA_RESTART calls fail with EINTR.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        action.sa_sigaction = nothing as extern "C" fn(c_int) as libc::sighandler_t;
        check(libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut()))?;
        // Whoever started us may have blocked it.
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGALRM);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), std::ptr::null_mut());
    }
    Ok(())
}
