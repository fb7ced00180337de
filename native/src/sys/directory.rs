//! Names in directories: what there is, and what is made, moved and removed.

use super::{Errno, Result, check, count};
use libc::{c_int, mode_t};
use std::ffi::CStr;
use std::mem::MaybeUninit;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::openat;
    use crate::sys::tests::Scratch;
    use std::ffi::CString;

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
}
