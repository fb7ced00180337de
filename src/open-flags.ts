// Flags of open(2) and of the calls like it, and file types of stat(2): include/uapi/asm-generic/fcntl.h, linux/fcntl.h,
// linux/stat.h. Every architecture gets these numbers from us; native/src/sys/file.rs gives the kernel its own, as arm and
// arm64 number O_DIRECTORY and O_NOFOLLOW differently.

export const O_RDONLY = 0;
export const O_WRONLY = 0o1;
export const O_RDWR = 0o2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
/** So that opening what turns out to be a FIFO does not wait for a writer. */
export const O_NONBLOCK = 0o4000;
export const O_DIRECTORY = 0o200000;
export const O_NOFOLLOW = 0o400000;
/** A file without a name, which leaves no trace in the directory. */
export const O_TMPFILE = 0o20000000 | O_DIRECTORY;

export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;

export const S_IFMT = 0o170000;
export const S_IFREG = 0o100000;
