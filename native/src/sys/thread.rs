//! Threads on stacks that the caller has, so that nothing is allocated.

use super::{Errno, Result};
use libc::{c_int, c_void, pthread_t};
use std::mem::MaybeUninit;
use std::ptr;

/// Begins `run` on a stack of `length` bytes at `stack`.
///
/// # Safety
/// Nothing else uses the stack until the thread has ended.
pub unsafe fn begin(
    stack: *mut c_void,
    length: usize,
    run: extern "C" fn(*mut c_void) -> *mut c_void,
) -> Result<pthread_t> {
    let (mut attributes, mut thread) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: all is filled before use.
    unsafe {
        check(libc::pthread_attr_init(attributes.as_mut_ptr()))?;
        check(libc::pthread_attr_setstack(attributes.as_mut_ptr(), stack, length))?;
        check(libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), run, ptr::null_mut()))?;
        Ok(thread.assume_init())
    }
}

/// Waits until the thread has ended.
///
/// # Safety
/// A thread that `begin` gave, once.
pub unsafe fn end(thread: pthread_t) -> Result<()> {
    // SAFETY: the caller's promise.
    check(unsafe { libc::pthread_join(thread, ptr::null_mut()) })
}

/// How a call of the POSIX threads went: they return the errno.
fn check(errno: c_int) -> Result<()> {
    if errno == 0 { Ok(()) } else { Err(Errno(errno)) }
}
