//! A message that another thread sends while this one goes on: what a netlink request asks for is done within the call that
//! sends it. One message at a time. That thread makes the one call and no other; it allocates nothing, since the heap is this
//! thread's. Where it has not begun by the time it is waited for, as no processor was free for it, this thread makes the call.

use super::{Errno, Result, socket, thread};
use libc::{c_int, c_void, pthread_t};
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// How long a message may be.
const ROOM: usize = 4096;
const STACK: usize = 64 * 1024;

struct Aside {
    is_under_way: bool,
    /// Outlives its message where it had not begun.
    thread: Option<pthread_t>,
    fd: c_int,
    length: usize,
    message: [u8; ROOM],
    sent: Result<c_int>,
}

/// Whether one of the two has begun to send.
static BEGUN: AtomicBool = AtomicBool::new(false);

fn aside() -> *mut Aside {
    static mut ASIDE: Aside =
        Aside { is_under_way: false, thread: None, fd: -1, length: 0, message: [0; ROOM], sent: Ok(0) };
    &raw mut ASIDE
}

/// Sends where the other thread has not begun to, and says whether it did.
fn send_unless_begun() -> bool {
    let is_first = !BEGUN.swap(true, Ordering::AcqRel);
    if is_first {
        // SAFETY: the first alone touches these until it has sent.
        unsafe {
            let aside = &mut *aside();
            aside.sent = socket::send(aside.fd, &aside.message[..aside.length]);
        }
    }
    is_first
}

/// Begins to send; −EBUSY while another message is under way, −EMSGSIZE where it is too long.
pub fn send_aside(fd: c_int, message: &[u8]) -> Result<c_int> {
    #[repr(align(4096))]
    struct Stack(#[expect(dead_code)] MaybeUninit<[u8; STACK]>);
    static mut ROOM_TO_RUN: Stack = Stack(MaybeUninit::uninit());
    extern "C" fn run(_: *mut c_void) -> *mut c_void {
        send_unless_begun();
        ptr::null_mut()
    }
    // SAFETY: one thread calls this, and after the wait no other runs. All is filled before use.
    unsafe {
        if (*aside()).is_under_way {
            return Err(Errno(libc::EBUSY));
        }
        wait()?;
        let aside = &mut *aside();
        aside.message.get_mut(..message.len()).ok_or(Errno(libc::EMSGSIZE))?.copy_from_slice(message);
        (aside.fd, aside.length) = (fd, message.len());
        BEGUN.store(false, Ordering::Release);
        let thread = thread::begin((&raw mut ROOM_TO_RUN).cast(), STACK, run)?;
        (*self::aside()).thread = Some(thread);
        (*self::aside()).is_under_way = true;
    }
    Ok(0)
}

/// Waits for the thread, if there is one: it sends, or sees that it is too late.
fn wait() -> Result<()> {
    // SAFETY: one thread calls this, and the other touches not this field.
    match unsafe { (*aside()).thread.take() } {
        // SAFETY: a thread is waited for once.
        Some(thread) => unsafe { thread::end(thread) },
        None => Ok(()),
    }
}

/// Waits until the message has been sent; what `send` would have said. −EINVAL where there is none.
pub fn end_aside() -> Result<c_int> {
    // SAFETY: one thread calls this; what the other writes is read when it has ended.
    unsafe {
        if !mem::take(&mut (*aside()).is_under_way) {
            return Err(Errno(libc::EINVAL));
        }
        if !send_unless_begun() {
            wait()?;
        }
        (*aside()).sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_one_message_while_the_caller_goes_on() {
        let mut ends = [0; 2];
        // SAFETY: the kernel fills both.
        assert_eq!(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_DGRAM, 0, ends.as_mut_ptr()) }, 0);
        let [ours, theirs] = ends;
        assert_eq!(end_aside(), Err(Errno(libc::EINVAL)));
        assert_eq!(send_aside(ours, &[0; ROOM + 1]), Err(Errno(libc::EMSGSIZE)));

        assert_eq!(send_aside(ours, b"one"), Ok(0));
        assert_eq!(send_aside(ours, b"two"), Err(Errno(libc::EBUSY)));
        assert_eq!(socket::recv(theirs, 5000.0).unwrap(), b"one");
        assert_eq!(end_aside(), Ok(3));
        assert_eq!(end_aside(), Err(Errno(libc::EINVAL)));

        assert_eq!(send_aside(9999, b"three"), Ok(0));
        assert_eq!(end_aside(), Err(Errno(libc::EBADF)));

        // Whichever of the two sends, it is once.
        for round in 0..500_u32 {
            let message = round.to_ne_bytes();
            assert_eq!(send_aside(ours, &message), Ok(0));
            if round.is_multiple_of(2) {
                std::thread::yield_now();
            }
            assert_eq!(end_aside(), Ok(4));
            assert_eq!(socket::recv(theirs, 5000.0).unwrap(), message);
            assert_eq!(socket::recv(theirs, 0.0), Err(Errno(libc::ETIMEDOUT)));
        }
    }
}
