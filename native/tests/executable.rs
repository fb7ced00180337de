//! The executable in surroundings that a caller may give it: whatever they are, one JSON document comes out.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Once;

/// The executable under its name as a plugin.
fn bridge() -> PathBuf {
    static LINKED: Once = Once::new();
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bridge");
    LINKED.call_once(|| {
        let _ = std::fs::remove_file(&path);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_cni-bridge"), &path).unwrap();
    });
    path
}

/// Runs it through a shell that first does what `before` says.
fn run(before: &str, command: &str, stdin: &[u8]) -> Output {
    let mut child = Command::new("/bin/sh")
        .args(["-c", &format!("{before}\nexec \"$0\"")])
        .arg(bridge())
        .env("CNI_COMMAND", command)
        .envs([("CNI_CONTAINERID", "c"), ("CNI_NETNS", "/nonexistent"), ("CNI_IFNAME", "eth0"), ("CNI_PATH", "/")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn version_is_answered_whatever_streams_are_closed() {
    for before in ["", "exec <&-", "exec 2>&-", "exec <&- 2>&-"] {
        let output = run(before, "VERSION", b"");
        assert_eq!(output.status.code(), Some(0), "{before}");
        assert!(text(&output.stdout).contains("\"supportedVersions\""), "{before}");
    }
    // Nothing to answer on: no death by a signal, and nothing in whatever was opened next.
    assert!(run("exec >&-", "VERSION", b"").status.code().is_some());
}

#[test]
fn deep_nesting_is_an_error_object() {
    for limit in ["", "ulimit -s 512", "ulimit -s unlimited"] {
        for opening in ["[", "{\"a\":"] {
            let output = run(limit, "ADD", opening.repeat(2_000_000).as_bytes());
            assert_eq!(output.status.code(), Some(1), "{limit} {opening}");
            let stdout = text(&output.stdout);
            assert!(stdout.starts_with("{\n    \"cniVersion\""), "{stdout}");
            assert_eq!(stdout.matches("\"code\"").count(), 1, "{stdout}");
        }
    }
}

#[test]
fn out_of_memory_is_an_error_object() {
    // The executable starts in 40 MB and cannot hold this.
    let output = run("ulimit -v 40000", "ADD", format!("[{}", "{},".repeat(4_000_000)).as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let stdout = text(&output.stdout);
    assert!(stdout.starts_with("{\n    \"cniVersion\""), "{stdout}");
    assert_eq!(stdout.matches("\"code\"").count(), 1, "{stdout}");
}
