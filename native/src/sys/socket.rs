//! Sockets: opened inside a namespace, then used from anywhere.

use super::deadline::{Deadline, poll as poll_until, poll_one};
use super::{Errno, Result, check, count, netns, retry, room};
use libc::{c_char, c_int, pollfd, socklen_t};
use std::ffi::CStr;
use std::mem::MaybeUninit;

/// A close-on-exec socket that belongs to `netns` for good.
pub fn socket(netns: c_int, domain: c_int, kind: c_int, protocol: c_int) -> Result<c_int> {
    // SAFETY: touches no memory.
    netns::within(netns, || check(unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) }))
}

/// `address` is a struct sockaddr.
pub fn bind(fd: c_int, address: &[u8]) -> Result<c_int> {
    // SAFETY: the kernel reads the address only.
    check(unsafe { libc::bind(fd, address.as_ptr().cast(), address.len() as socklen_t) })
}

pub fn setsockopt(fd: c_int, level: c_int, option: c_int, value: c_int) -> Result<c_int> {
    // SAFETY: the kernel reads one int.
    check(unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), size_of::<c_int>() as socklen_t) })
}

pub fn getsockopt(fd: c_int, level: c_int, option: c_int, length: usize) -> Result<Vec<u8>> {
    let mut value = vec![0; length];
    let mut filled = length as socklen_t;
    // SAFETY: the kernel writes at most `length` bytes and says how many it has.
    check(unsafe { libc::getsockopt(fd, level, option, value.as_mut_ptr().cast(), &raw mut filled) })?;
    value.truncate(filled as usize);
    Ok(value)
}

/// The index of an interface in the namespace of the socket.
pub fn ifindex(fd: c_int, ifname: &CStr) -> Result<c_int> {
    // SAFETY: all of it may be zero; the name ends within it, and the kernel fills in the index.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        let name = ifname.to_bytes();
        let room = request.ifr_name.get_mut(..name.len()).filter(|room| room.len() < libc::IFNAMSIZ);
        for (to, &from) in room.ok_or(Errno(libc::ENODEV))?.iter_mut().zip(name) {
            *to = from as c_char;
        }
        check(libc::ioctl(fd, libc::SIOCGIFINDEX as _, &raw mut request))?;
        Ok(request.ifr_ifru.ifru_ifindex)
    }
}

pub fn send(fd: c_int, message: &[u8]) -> Result<c_int> {
    // SAFETY: the kernel reads the message only.
    let sent = retry(|| count(unsafe { libc::send(fd, message.as_ptr().cast(), message.len(), 0) }))?;
    Ok(sent as c_int)
}

pub fn recv(fd: c_int, timeout_ms: f64) -> Result<Vec<u8>> {
    room::with(room::LENGTH, |buffer| recv_into(buffer, fd, timeout_ms).map(<[u8]>::to_vec))
}

/// One datagram, whole. Asks before it waits: netlink has mostly answered by the time a request was sent.
pub fn recv_into(buffer: &mut [MaybeUninit<u8>], fd: c_int, timeout_ms: f64) -> Result<&[u8]> {
    let mut ask = || {
        let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        // SAFETY: the kernel writes at most the buffer; with MSG_TRUNC it says how long the datagram was.
        count(unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), flags) })
    };
    let mut deadline = None;
    let length = loop {
        match retry(&mut ask) {
            Err(Errno(libc::EAGAIN)) => {
                let deadline = *deadline.get_or_insert_with(|| Deadline::after_ms(timeout_ms));
                poll_one(fd, libc::POLLIN, deadline)?;
            }
            other => break other?,
        }
    };
    let filled = buffer.get(..length).ok_or(Errno(libc::EMSGSIZE))?;
    // SAFETY: the kernel filled so many bytes.
    Ok(unsafe { std::slice::from_raw_parts(filled.as_ptr().cast(), length) })
}

/// Index of the first descriptor that can be read or has hung up.
pub fn poll(fds: Vec<c_int>, timeout_ms: f64) -> Result<c_int> {
    let mut entries: Vec<_> = fds.into_iter().map(|fd| pollfd { fd, events: libc::POLLIN, revents: 0 }).collect();
    poll_until(&mut entries, Deadline::after_ms(timeout_ms))?;
    let ready = entries.iter().position(|entry| entry.revents != 0).ok_or(Errno(libc::EIO))?;
    if entries[ready].revents & libc::POLLNVAL != 0 {
        return Err(Errno(libc::EBADF));
    }
    Ok(ready as c_int)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file;
    use std::time::Instant;

    fn pair() -> [c_int; 2] {
        let mut ends = [0; 2];
        // SAFETY: the kernel fills both.
        assert_eq!(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_DGRAM, 0, ends.as_mut_ptr()) }, 0);
        ends
    }

    #[test]
    fn recv_gives_up_at_the_deadline() {
        let [ours, _theirs] = pair();
        let start = Instant::now();
        assert_eq!(recv(ours, 40.0), Err(Errno(libc::ETIMEDOUT)));
        assert!(start.elapsed().as_millis() >= 40);
        assert_eq!(recv(ours, 0.0), Err(Errno(libc::ETIMEDOUT)));
    }

    #[test]
    fn recv_gives_one_datagram_whole_or_an_error() {
        let [ours, theirs] = pair();
        let longest = vec![1; room::LENGTH];
        send(theirs, &longest).unwrap();
        send(theirs, &[2; 3]).unwrap();
        send(theirs, &vec![3; room::LENGTH + 1]).unwrap();
        assert_eq!(recv(ours, 0.0), Ok(longest));
        assert_eq!(recv(ours, 0.0), Ok(vec![2; 3]));
        assert_eq!(recv(ours, 0.0), Err(Errno(libc::EMSGSIZE)));
        assert_eq!(recv(ours, 0.0), Err(Errno(libc::ETIMEDOUT)));
    }

    #[test]
    fn ifindex_is_of_the_very_name() {
        let fd = socket(netns::OWN, libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE).unwrap();
        assert_eq!(ifindex(fd, c"lo"), Ok(1));
        for absent in [c"none-such", c"l", c"", c"abcdefghijklmnop", c"a name that is far too long for one"] {
            assert_eq!(ifindex(fd, absent), Err(Errno(libc::ENODEV)));
        }
        assert_eq!(ifindex(9999, c"lo"), Err(Errno(libc::EBADF)));
    }

    #[test]
    fn poll_names_the_first_that_is_ready() {
        let ([first, _keep], [second, to_second]) = (pair(), pair());
        assert_eq!(poll(vec![first, second], 0.0), Err(Errno(libc::ETIMEDOUT)));
        send(to_second, &[1]).unwrap();
        assert_eq!(poll(vec![first, second], f64::INFINITY), Ok(1));
        assert_eq!(poll(vec![first, 9999], 0.0), Err(Errno(libc::EBADF)));
    }

    #[test]
    fn a_socket_belongs_to_the_namespace_it_was_opened_in() {
        let here = || file::openat(libc::AT_FDCWD, c"/proc/thread-self/ns/net", libc::O_RDONLY, 0).unwrap();
        let cookie = |netns| {
            let fd = socket(netns, libc::AF_INET, libc::SOCK_DGRAM, 0).unwrap();
            getsockopt(fd, libc::SOL_SOCKET, libc::SO_NETNS_COOKIE, 8).unwrap()
        };
        let other = std::thread::spawn(move || {
            // SAFETY: touches no memory; the namespace is this thread's alone.
            let made = check(unsafe { libc::unshare(libc::CLONE_NEWNET) });
            made.map(|_| (here(), cookie(netns::OWN)))
        });
        let Ok((other, cookie_there)) = other.join().unwrap() else {
            eprintln!("skipped: making a network namespace takes CAP_SYS_ADMIN");
            return;
        };
        let cookie_here = cookie(netns::OWN);
        assert_ne!(cookie_there, cookie_here);
        assert_eq!(cookie(other), cookie_there);
        assert_eq!(cookie(netns::OWN), cookie_here);
        assert_eq!(socket(9999, libc::AF_INET, libc::SOCK_DGRAM, 0), Err(Errno(libc::EBADF)));
    }
}
