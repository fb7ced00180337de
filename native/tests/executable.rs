//! The executable in surroundings that a caller may give it: whatever they are, one JSON document comes out.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_cni-bridge");

/// The executable as a plugin: as cargo made it, and the copy with a started engine, of the plugin that it holds and, after a
/// rehearsal, of one in a file, as `make build` does it.
fn executables() -> &'static [PathBuf; 3] {
    static MADE: OnceLock<[PathBuf; 3]> = OnceLock::new();
    MADE.get_or_init(|| {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        ["plain", "snapshot", "from-file"].map(|name| {
            let path = directory.join(name).join("bridge");
            let _ = std::fs::remove_dir_all(directory.join(name));
            std::fs::create_dir(directory.join(name)).unwrap();
            if name == "plain" {
                std::os::unix::fs::symlink(EXECUTABLE, &path).unwrap();
            } else {
                snapshot(&path, name == "from-file");
            }
            path
        })
    })
}

const PLUGIN: &str = concat!(env!("OUT_DIR"), "/plugin.bytecode");
const REHEARSAL: &str = concat!(env!("OUT_DIR"), "/rehearsal.bytecode");

fn snapshot(path: &Path, from_file: bool) {
    let bytecode: &[&str] = if from_file { &[PLUGIN, REHEARSAL] } else { &[] };
    let output = Command::new(EXECUTABLE).arg("--snapshot").arg(path).args(bytecode).output().unwrap();
    assert!(output.status.success(), "{} (it takes the flags of the Makefile)", text(&output.stdout));
}

/// Runs it through a shell that first does what `before` says.
fn run(executable: &Path, before: &str, command: &str, stdin: &[u8]) -> Output {
    let mut child = Command::new("/bin/sh")
        .args(["-c", &format!("{before}\nexec \"$0\"")])
        .arg(executable)
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
    for executable in executables() {
        for before in ["", "exec <&-", "exec 2>&-", "exec <&- 2>&-"] {
            let output = run(executable, before, "VERSION", b"");
            assert_eq!(output.status.code(), Some(0), "{before}");
            assert!(text(&output.stdout).contains("\"supportedVersions\""), "{before}");
        }
        // Nothing to answer on: no death by a signal, and nothing in whatever was opened next.
        assert!(run(executable, "exec >&-", "VERSION", b"").status.code().is_some());
    }
}

#[test]
fn the_tool_is_loaded_when_a_person_calls() {
    for executable in executables() {
        let output = Command::new(executable).arg0("cni-bridge").arg("--version").output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).starts_with("cni-bridge "));
    }
}

#[test]
fn deep_nesting_is_an_error_object() {
    for executable in executables() {
        for limit in ["", "ulimit -s 512", "ulimit -s unlimited"] {
            for opening in ["[", "{\"a\":"] {
                is_error_object(&run(executable, limit, "ADD", opening.repeat(2_000_000).as_bytes()));
            }
        }
    }
}

#[test]
fn out_of_memory_is_an_error_object() {
    for executable in executables() {
        // The executable starts in 40 MB and cannot hold this.
        is_error_object(&run(executable, "ulimit -v 40000", "ADD", format!("[{}", "{},".repeat(4_000_000)).as_bytes()));
    }
}

fn is_error_object(output: &Output) {
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(stdout.starts_with("{\n    \"cniVersion\""), "{stdout}");
    assert_eq!(stdout.matches("\"code\"").count(), 1, "{stdout}");
}

#[test]
fn snapshots_are_equal_and_take_none_themselves() {
    let [_, of_itself, of_file] = executables();
    for (first, from_file) in [(of_itself, false), (of_file, true)] {
        let second = first.with_file_name("second");
        snapshot(&second, from_file);
        assert!(std::fs::read(first).unwrap() == std::fs::read(&second).unwrap());
        let third = first.with_file_name("third");
        Command::new(first).arg("--snapshot").arg(&third).output().unwrap();
        assert!(!third.exists());
    }
}

#[test]
fn a_rehearsal_that_fails_is_told_and_leaves_no_snapshot() {
    let path = executables()[2].with_file_name("unrehearsed");
    // It is called with what is no host.
    let tool = concat!(env!("OUT_DIR"), "/tool.bytecode");
    let output = Command::new(EXECUTABLE).arg("--snapshot").arg(&path).args([PLUGIN, tool]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("\"msg\": \"the rehearsal failed\""), "{}", text(&output.stdout));
    assert!(!path.exists());
}
