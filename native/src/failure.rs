//! The end of a process that cannot go on: one CNI error object (SPEC.md, Error) on standard output, status 1.
//! What the plugin itself finds wrong is printed by src/main.ts; here is only what it cannot print.

use crate::sys::file;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

/// Says so and ends. Where something was already written to standard output, which holds one document, it goes to
/// standard error.
pub fn stop(message: &str, details: &str) -> ! {
    let mut text = String::with_capacity(details.len() + 256);
    text.push_str("{\n    \"cniVersion\": \"1.1.0\",\n    \"code\": 999,\n    \"msg\": ");
    quote(&mut text, message);
    text.push_str(",\n    \"details\": ");
    quote(&mut text, details);
    text.push_str("\n}");
    end(text.as_bytes())
}

/// The same when there is no memory to say more.
pub fn stop_without_memory() -> ! {
    end(b"{\n    \"cniVersion\": \"1.1.0\",\n    \"code\": 999,\n    \"msg\": \"out of memory\"\n}")
}

fn end(text: &[u8]) -> ! {
    let fd = if file::STDOUT_USED.load(Ordering::Relaxed) { libc::STDERR_FILENO } else { libc::STDOUT_FILENO };
    // Nobody is left to tell.
    let _ = file::write(fd, text);
    // SAFETY: ends the process and runs nothing.
    unsafe { libc::_exit(1) }
}

fn quote(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            character if character < ' ' => {
                let _ = write!(text, "\\u{:04x}", character as u32);
            }
            character => text.push(character),
        }
    }
    text.push('"');
}
