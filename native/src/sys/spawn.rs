//! A program run to its end: its standard input written while both outputs are read, within a deadline.

use super::alarm::Alarm;
use super::deadline::{Deadline, poll};
use super::process::pipe;
use super::start::{inherited, start};
use super::stop::Pending;
use super::{Errno, Result, check, count, retry};
use libc::{c_int, pid_t, pollfd};
use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd};

/// Both outputs together may be so long; a program that writes more is killed.
const OUTPUT_LIMIT: usize = 16 * 1024 * 1024;

/// How a program ended, and what it wrote.
pub struct Ended {
    /// Exit status; −1 where a signal ended it.
    pub status: c_int,
    /// The signal; 0 where none did.
    pub signal: c_int,
    pub timed_out: bool,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Runs `path`, which is not looked up, with our environment as replaced by `environment`. At the deadline it is
/// killed; programs it started itself are not, but nothing waits for them. More output than the limit is −EFBIG.
pub fn spawn(path: &CStr, argv: Vec<&CStr>, environment: Vec<&CStr>, stdin: &[u8], timeout_ms: f64) -> Result<Ended> {
    let deadline = Deadline::after_ms(timeout_ms);
    let [child_in, our_in] = pipe()?;
    let [our_out, child_out] = pipe()?;
    let [our_err, child_err] = pipe()?;
    let pid = start(path, &argv, &inherited(&environment), [&child_in, &child_out, &child_err])?;
    drop([child_in, child_out, child_err]);

    let mut outputs = [vec![], vec![]];
    let exchanged = exchange(pid, stdin, our_in, [our_out, our_err], &mut outputs, deadline);
    let (status, killed) = reap(pid, if exchanged.is_ok() { deadline } else { Deadline::after_ms(0.0) })?;
    if let Err(errno) = exchanged
        && errno != Errno(libc::ETIMEDOUT)
    {
        return Err(errno);
    }
    let signal = if libc::WIFSIGNALED(status) { libc::WTERMSIG(status) } else { 0 };
    let status = if signal == 0 { libc::WEXITSTATUS(status) } else { -1 };
    let [stdout, stderr] = outputs;
    Ok(Ended { status, signal, timed_out: killed, stdout, stderr })
}

/// Writes and reads until all three streams are closed. A program need not read its input. Meanwhile it is passed the
/// requests to stop that we hold back.
fn exchange(
    pid: pid_t,
    mut stdin: &[u8],
    into: OwnedFd,
    from: [OwnedFd; 2],
    outputs: &mut [Vec<u8>; 2],
    deadline: Deadline,
) -> Result<()> {
    let [out, err] = from;
    let mut streams = [Some(into), Some(out), Some(err)];
    let pending = Pending::open();
    for stream in streams.iter().flatten() {
        // SAFETY: touches no memory; the file status of our end of a pipe is ours alone.
        check(unsafe { libc::fcntl(stream.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })?;
    }
    loop {
        if stdin.is_empty() {
            streams[0] = None;
        }
        if streams.iter().all(Option::is_none) {
            return Ok(());
        }
        // poll(2) passes over a negative descriptor.
        let mut entries = [libc::POLLOUT, libc::POLLIN, libc::POLLIN, libc::POLLIN].map(|events| pollfd {
            fd: -1,
            events,
            revents: 0,
        });
        entries[3].fd = pending.as_ref().map_or(-1, AsRawFd::as_raw_fd);
        for (entry, stream) in entries.iter_mut().zip(&streams) {
            entry.fd = stream.as_ref().map_or(-1, AsRawFd::as_raw_fd);
        }
        poll(&mut entries, deadline)?;
        if let Some(pending) = &pending
            && entries[3].revents != 0
        {
            pending.pass_on(pid);
        }
        if entries[0].revents != 0 {
            // SAFETY: the kernel reads `stdin` only.
            match retry(|| count(unsafe { libc::write(entries[0].fd, stdin.as_ptr().cast(), stdin.len()) })) {
                Ok(written) => stdin = &stdin[written..],
                Err(Errno(libc::EPIPE)) => streams[0] = None,
                Err(errno) => return Err(errno),
            }
        }
        for (index, output) in outputs.iter_mut().enumerate() {
            if entries[index + 1].revents != 0 && read_more(entries[index + 1].fd, output)? == 0 {
                streams[index + 1] = None;
            }
        }
        if outputs[0].len() + outputs[1].len() > OUTPUT_LIMIT {
            return Err(Errno(libc::EFBIG));
        }
    }
}

fn read_more(fd: c_int, output: &mut Vec<u8>) -> Result<usize> {
    /// What a pipe holds.
    const CHUNK: usize = 64 * 1024;
    output.reserve(CHUNK);
    // SAFETY: the kernel writes at most `CHUNK` bytes into the spare capacity, and the length grows by what it wrote.
    unsafe {
        let spare = output.as_mut_ptr().add(output.len());
        let filled = retry(|| count(libc::read(fd, spare.cast(), CHUNK)))?;
        output.set_len(output.len() + filled);
        Ok(filled)
    }
}

/// Waits for the end of a child, and kills it at the deadline. Its wait status, and whether it was killed.
fn reap(pid: pid_t, deadline: Deadline) -> Result<(c_int, bool)> {
    let mut status = 0;
    // SAFETY: the kernel writes one int.
    let mut wait = || check(unsafe { libc::waitpid(pid, &raw mut status, 0) });
    let alarm = Alarm::at(deadline)?;
    let in_time = loop {
        match wait() {
            Err(Errno(libc::EINTR)) if !deadline.passed() => {}
            Err(Errno(libc::EINTR)) => break false,
            other => break other.map(|_| true)?,
        }
    };
    drop(alarm);
    if !in_time {
        // SAFETY: the child is ours and not yet reaped, so the number is no other's.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        retry(wait)?;
    }
    Ok((status, !in_time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn shell(script: &CStr, environment: Vec<&CStr>, stdin: &[u8], timeout_ms: f64) -> Result<Ended> {
        spawn(c"/bin/sh", vec![c"sh", c"-c", script], environment, stdin, timeout_ms)
    }

    #[test]
    fn large_input_and_outputs_pass_at_once() {
        let script = c"head -c 1000000 /dev/zero >&2; cat; head -c 1000000 /dev/zero >&2";
        let input: Vec<u8> = (0..3_000_000_u32).map(|index| index.to_le_bytes()[1]).collect();
        let ended = shell(script, vec![], &input, 60_000.0).unwrap();
        assert_eq!((ended.status, ended.signal, ended.timed_out), (0, 0, false));
        assert!(ended.stdout == input);
        assert_eq!(ended.stderr.len(), 2_000_000);
    }

    #[test]
    fn a_program_need_not_read_its_input() {
        let ended = shell(c"exec <&-; echo done; exit 3", vec![], &vec![0; 1_000_000], 60_000.0).unwrap();
        assert_eq!((ended.status, ended.stdout.as_slice()), (3, b"done\n".as_slice()));
    }

    #[test]
    fn the_deadline_kills() {
        for script in [c"echo begun; exec sleep 60", c"echo begun; exec sleep 60 >/dev/null 2>&1"] {
            let start = Instant::now();
            let ended = shell(script, vec![], &[], 300.0).unwrap();
            assert_eq!((ended.status, ended.signal, ended.timed_out), (-1, libc::SIGKILL, true));
            assert_eq!(ended.stdout, b"begun\n");
            assert!(start.elapsed().as_secs() < 30);
        }
    }

    #[test]
    fn too_much_output_kills() {
        assert_eq!(shell(c"exec cat /dev/zero", vec![], &[], 60_000.0).err(), Some(Errno(libc::EFBIG)));
    }

    #[test]
    fn a_program_that_cannot_run_is_an_errno() {
        let run = |path| spawn(path, vec![path], vec![], &[], 1000.0).err();
        assert_eq!(run(c"/nonexistent/plugin"), Some(Errno(libc::ENOENT)));
        assert_eq!(run(c"/etc/passwd"), Some(Errno(libc::EACCES)));
    }

    #[test]
    fn signals_are_as_a_program_expects_them() {
        // Rust ignores SIGPIPE in this process, as main.rs does in ours.
        assert_eq!(shell(c"kill -PIPE $$", vec![], &[], 60_000.0).unwrap().signal, libc::SIGPIPE);
    }

    #[test]
    fn the_environment_is_ours_but_for_what_is_replaced() {
        let ended = shell(c"env", vec![c"PATH=/bin:/usr/bin", c"CNI_COMMAND=a=b"], &[], 60_000.0).unwrap();
        let lines: Vec<_> = ended.stdout.split(|&byte| byte == b'\n').collect();
        let paths: Vec<_> = lines.iter().filter(|line| line.starts_with(b"PATH=")).collect();
        assert_eq!(paths, [b"PATH=/bin:/usr/bin"]);
        assert!(lines.contains(&b"CNI_COMMAND=a=b".as_slice()));
        // Cargo sets this for tests.
        assert!(lines.iter().any(|line| line.starts_with(b"CARGO_PKG_NAME=")));
    }
}
