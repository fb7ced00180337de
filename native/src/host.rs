//! The native surface: every call of the interface `Host` in src/host.ts, by name, with what it takes and who does it.

use crate::answer::Answer;
use crate::arguments::{Arguments, Refusal};
use crate::engine;
use crate::sys::{aside, deadline, directory, file, lock, netns, process, socket, spawn, stop};
use crate::text::{self, Text};
use rquickjs::qjs;
use sha2::{Digest, Sha512};
use std::ffi::{CStr, c_char, c_int};

struct Call {
    name: &'static CStr,
    run: fn(&mut Arguments) -> Result<qjs::JSValue, Refusal>,
}

macro_rules! calls {
    ($($name:ident($($argument:ident),*) => $run:expr;)*) => {
        &[$(Call {
            name: match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => unreachable!(),
            },
            #[allow(clippy::redundant_closure_call)]
            run: |arguments| Ok($run($(arguments.$argument()?),*).into_value(arguments.context)),
        }),*]
    };
}

#[rustfmt::skip]
static CALLS: &[Call] = calls! {
    getenv(path)                      => |name| process::getenv(name).map(Text);
    getpid()                          => process::getpid;
    getppid()                         => process::getppid;
    random(size)                      => process::random;
    monotonic()                       => deadline::monotonic;
    realtime()                        => deadline::realtime;
    encode(text)                      => |text: &[u8]| text.to_vec();
    decode(bytes)                     => Text;
    sha512(text)                      => |text| Sha512::digest(text).to_vec();
    hex(bytes, text)                  => |bytes, separator| Text(text::hex(bytes, separator));
    spawn(path, paths, paths, bytes, number) => spawn::spawn;
    sendFromChild(int, bytes, ints)   => process::send_from_child;
    deferSignals()                    => stop::defer;
    tool()                            => || engine::Tool;

    openat(int, path, int, int)       => |dir, path: &CStr, flags, mode| file::openat(dir, path, file::open_flags(flags), mode);
    openInNetns(int, path, int)       => |netns, path: &CStr, flags| netns::open_in_netns(netns, path, file::open_flags(flags));
    read(int, size)                   => file::read;
    write(int, text)                  => file::write;
    close(int)                        => file::close;
    fstat(int)                        => file::fstat;
    fstatat(int, path, int)           => file::fstatat;
    fstatfs(int)                      => file::fstatfs;
    list(int)                         => |fd| directory::list(fd).map(|names| names.into_iter().map(Text).collect::<Vec<_>>());
    readlinkat(int, path)             => |fd, path| directory::readlinkat(fd, path).map(Text);
    symlinkat(path, int, path)        => directory::symlinkat;
    mkdirat(int, path, int)           => directory::mkdirat;
    linkat(int, path, int, path)      => directory::linkat;
    renameat(int, path, int, path)    => directory::renameat;
    unlinkat(int, path, int)          => directory::unlinkat;
    fsync(int)                        => file::fsync;
    futimens(int, number)             => file::futimens;
    flock(int, number)                => lock::flock;

    socket(int, int, int, int)        => socket::socket;
    bind(int, bytes)                  => socket::bind;
    setsockopt(int, int, int, int)    => socket::setsockopt;
    getsockopt(int, int, int, size)   => socket::getsockopt;
    ifindex(int, path)                => socket::ifindex;
    send(int, bytes)                  => socket::send;
    sendAside(int, bytes)             => aside::send_aside;
    endAside()                        => aside::end_aside;
    recv(int, number)                 => socket::recv;
    poll(ints, number)                => socket::poll;
};

/// The object that `main` is called with; `argv` is still missing.
///
/// # Safety
/// `context` is a live context, entered by this thread.
pub unsafe fn object(context: *mut qjs::JSContext) -> qjs::JSValue {
    // The engine makes a function the first time it is asked for, from its entry: the list must stay.
    let entries: &[qjs::JSCFunctionListEntry] = CALLS.iter().zip(0..).map(entry).collect::<Vec<_>>().leak();
    // SAFETY: the entries live for good.
    unsafe {
        let host = qjs::JS_NewObject(context);
        qjs::JS_SetPropertyFunctionList(context, host, entries.as_ptr(), entries.len() as c_int);
        host
    }
}

/// # Safety
/// As above, and `host` came from there.
pub unsafe fn set_argv(context: *mut qjs::JSContext, host: qjs::JSValue, argv: Vec<&CStr>) {
    let argv: Vec<_> = argv.into_iter().map(|word| Text(word.to_bytes())).collect();
    // SAFETY: the object takes the array over.
    unsafe { qjs::JS_SetPropertyStr(context, host, c"argv".as_ptr(), argv.into_value(context)) };
}

fn entry((call, index): (&Call, i16)) -> qjs::JSCFunctionListEntry {
    qjs::JSCFunctionListEntry {
        name: call.name.as_ptr().cast::<c_char>(),
        prop_flags: (qjs::JS_PROP_WRITABLE | qjs::JS_PROP_CONFIGURABLE) as u8,
        def_type: qjs::JS_DEF_CFUNC as u8,
        magic: index,
        u: qjs::JSCFunctionListEntry__bindgen_ty_1 {
            func: qjs::JSCFunctionListEntry__bindgen_ty_1__bindgen_ty_1 {
                length: 0,
                cproto: qjs::JSCFunctionEnum_JS_CFUNC_generic_magic as u8,
                cfunc: qjs::JSCFunctionType { generic_magic: Some(dispatch) },
            },
        },
    }
}

/// Every call from JavaScript arrives here; `magic` is its place in the table.
unsafe extern "C" fn dispatch(
    context: *mut qjs::JSContext,
    _this: qjs::JSValue,
    count: c_int,
    values: *mut qjs::JSValue,
    magic: c_int,
) -> qjs::JSValue {
    let call = &CALLS[magic as usize];
    // SAFETY: the engine hands over `count` values of this context and keeps them until we return.
    let mut arguments = unsafe { Arguments::new(context, values, count) };
    (call.run)(&mut arguments).unwrap_or_else(|refusal| refusal.into_value(context, call.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_interface() {
        let source = include_str!("../../src/host.ts");
        let interface = source.split("export interface Host {").nth(1).unwrap().split("\n}").next().unwrap();
        let methods =
            interface.lines().filter_map(|line| line.strip_prefix("  ")?.split_once('(').map(|(name, _)| name));
        let wanted: Vec<_> = methods.filter(|name| name.chars().all(char::is_alphanumeric)).collect();
        let names: Vec<_> = CALLS.iter().map(|call| call.name.to_str().unwrap()).collect();
        assert_eq!(names, wanted);
    }
}
