//! Doing one thing inside another network namespace. The only file that switches namespaces, and it always comes back.

use super::{Result, check, file};
use crate::failure;
use libc::c_int;
use std::sync::OnceLock;

/// In place of a descriptor: the namespace the process runs in.
pub const OWN: c_int = -1;

/// Makes `call` inside the namespace `netns`. All is done by one thread (but see aside.rs), which is in that namespace
/// meanwhile; should the way back be barred, it ends at once, since whatever it did next would hit the wrong namespace.
pub fn within<T>(netns: c_int, call: impl FnOnce() -> Result<T>) -> Result<T> {
    if netns == OWN {
        return call();
    }
    let own = own()?;
    enter(netns)?;
    let result = call();
    // Again before giving up: want of memory passes, and what is half done would be left to DEL.
    if let Err(errno) = enter(own).or_else(|_| enter(own)) {
        failure::stop("cannot return to the network namespace of the plugin", &format!("setns: errno {}", errno.0));
    }
    result
}

/// openat as seen from inside `netns`: what lies under /proc/sys/net depends on who opens it.
pub fn open_in_netns(netns: c_int, path: &std::ffi::CStr, flags: c_int) -> Result<c_int> {
    within(netns, || file::openat(libc::AT_FDCWD, path, flags, 0))
}

fn enter(netns: c_int) -> Result<c_int> {
    // SAFETY: touches no memory.
    check(unsafe { libc::setns(netns, libc::CLONE_NEWNET) })
}

/// A descriptor of the namespace we run in, opened the first time it is needed.
fn own() -> Result<c_int> {
    static OWN: OnceLock<c_int> = OnceLock::new();
    if let Some(&own) = OWN.get() {
        return Ok(own);
    }
    let own =
        of_new_socket().or_else(|_| file::openat(libc::AT_FDCWD, c"/proc/thread-self/ns/net", libc::O_RDONLY, 0))?;
    Ok(*OWN.get_or_init(|| own))
}

/// The namespace of a socket made now (Linux 4.10): the way through /proc has the kernel make five inodes.
fn of_new_socket() -> Result<c_int> {
    /// include/uapi/linux/sockios.h.
    const SIOCGSKNS: libc::c_ulong = 0x894C;
    // SAFETY: neither touches memory; what is opened is closed when a program is started.
    unsafe {
        let socket = check(libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_ROUTE))?;
        let netns = check(libc::ioctl(socket, SIOCGSKNS as _));
        file::close(socket)?;
        netns
    }
}
