//! A message that another thread sends while this one goes on: what a netlink request asks for is done within the call that
//! sends it. One message at a time. That thread makes the one call and no other; it allocates nothing, since the heap is this
//! thread's.

use super::{Errno, Result, posix, socket};
use libc::{c_int, c_void, pthread_t};
use std::mem::MaybeUninit;
use std::ptr;

/// How long a message may be.
const ROOM: usize = 4096;
const STACK: usize = 64 * 1024;

struct Aside {
    thread: Option<pthread_t>,
    fd: c_int,
    length: usize,
    message: [u8; ROOM],
    sent: Result<c_int>,
}

fn aside() -> *mut Aside {
    static mut ASIDE: Aside = Aside { thread: None, fd: -1, length: 0, message: [0; ROOM], sent: Ok(0) };
    &raw mut ASIDE
}

/// Begins to send; −EBUSY while another message is under way, −EMSGSIZE where it is too long.
pub fn send_aside(fd: c_int, message: &[u8]) -> Result<c_int> {
    #[repr(align(4096))]
    struct Stack(#[expect(dead_code)] MaybeUninit<[u8; STACK]>);
    static mut ROOM_TO_RUN: Stack = Stack(MaybeUninit::uninit());
    extern "C" fn run(_: *mut c_void) -> *mut c_void {
        // SAFETY: who began this reads and writes none of it until the thread has ended.
        unsafe {
            let aside = &mut *aside();
            aside.sent = socket::send(aside.fd, &aside.message[..aside.length]);
        }
        ptr::null_mut()
    }
    // SAFETY: one thread calls this, and no other runs: there is one at a time. All is filled before use.
    unsafe {
        let aside = &mut *aside();
        if aside.thread.is_some() {
            return Err(Errno(libc::EBUSY));
        }
        aside.message.get_mut(..message.len()).ok_or(Errno(libc::EMSGSIZE))?.copy_from_slice(message);
        (aside.fd, aside.length) = (fd, message.len());
        let (mut attributes, mut thread) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        posix(libc::pthread_attr_init(attributes.as_mut_ptr()))?;
        posix(libc::pthread_attr_setstack(attributes.as_mut_ptr(), (&raw mut ROOM_TO_RUN).cast(), STACK))?;
        posix(libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), run, ptr::null_mut()))?;
        aside.thread = Some(thread.assume_init());
    }
    Ok(0)
}

/// Waits until the message has been sent; what `send` would have said. −EINVAL where there is none.
pub fn end_aside() -> Result<c_int> {
    // SAFETY: as above; a thread is waited for once, and has written what is read then.
    unsafe {
        let thread = (*aside()).thread.take().ok_or(Errno(libc::EINVAL))?;
        posix(libc::pthread_join(thread, ptr::null_mut()))?;
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
    }
}
