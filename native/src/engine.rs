//! The engine: makes it, evaluates the bytecode that build.rs compiled, calls the plugin's `main`, and turns whatever
//! goes wrong into text.

use crate::intrinsics::Chosen;
use crate::{allocator, answer, failure, host, properties, text};
use rquickjs::{Context, Ctx, Error, Module, Runtime, Value, qjs};
use std::ffi::CStr;
use std::ptr::NonNull;

/// What a person calls (cni-bridge ls), as build.rs compiled it: no part of a snapshot, since no plugin call needs it.
static TOOL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tool.bytecode"));

/// The plugin as build.rs compiled it, where this executable holds it: the length of what it shares with the tool (u32,
/// little endian), that module, its own.
pub const BYTECODE: Option<&[u8]> = {
    #[cfg(feature = "plugin")]
    {
        Some(include_bytes!(concat!(env!("OUT_DIR"), "/plugin.bytecode")))
    }
    #[cfg(not(feature = "plugin"))]
    None
};

/// An engine that has evaluated the plugin. Nothing of it is ever freed: a process that lives a few milliseconds
/// collects no garbage either.
#[derive(Clone, Copy)]
pub struct Started {
    context: *mut qjs::JSContext,
    main: qjs::JSValue,
    host: qjs::JSValue,
}

pub fn start(bytecode: &[u8]) -> Started {
    let (runtime, context) =
        make().unwrap_or_else(|error| failure::stop("cannot start the engine", &error.to_string()));
    let started = context.with(|ctx| {
        let context = ctx.as_raw().as_ptr();
        // SAFETY: the context is live and entered.
        let host = unsafe { host::object(context) };
        match evaluate(&ctx, bytecode) {
            Ok(main) => {
                // SAFETY: as above.
                unsafe { properties::make_all(context, &[ctx.globals().as_raw(), host]) };
                Started { context, main, host }
            }
            // SAFETY: as above.
            Err(error) => failure::stop("internal error", &unsafe { reason(context, &error) }),
        }
    });
    std::mem::forget((runtime, context));
    started
}

fn make() -> Result<(Runtime, Context), Error> {
    let runtime = Runtime::new_with_alloc(allocator::Process)?;
    runtime.set_gc_threshold(usize::MAX);
    let context = Context::custom::<Chosen>(&runtime)?;
    Ok((runtime, context))
}

/// Evaluates the plugin's modules; its `main`.
fn evaluate(ctx: &Ctx, bytecode: &[u8]) -> Result<qjs::JSValue, Error> {
    // Every process would draw the same numbers, as all start from one snapshot. Host.random is what there is.
    ctx.globals().get::<_, rquickjs::Object>("Math")?.remove("random")?;
    let (length, modules) = bytecode.split_first_chunk().ok_or(Error::Unknown)?;
    let (shared, plugin) = modules.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(Error::Unknown)?;
    if !shared.is_empty() {
        // SAFETY: as in `load`. It is evaluated when the plugin's module imports it.
        unsafe { Module::load(ctx.clone(), shared) }?;
    }
    load(ctx, plugin)
}

/// Evaluates a module; its default export.
fn load(ctx: &Ctx, bytecode: &[u8]) -> Result<qjs::JSValue, Error> {
    // SAFETY: build.rs wrote the bytes with this very version of the engine; who takes a snapshot vouches for the file.
    let module = unsafe { Module::load(ctx.clone(), bytecode) }?;
    let (module, evaluated) = module.eval()?;
    evaluated.finish::<()>()?;
    let main: Value = module.get("default")?;
    let raw = main.as_raw();
    std::mem::forget(main);
    Ok(raw)
}

/// The tool's `main`, as the answer to a native call.
pub struct Tool;

impl answer::Answer for Tool {
    fn into_value(self, context: *mut qjs::JSContext) -> qjs::JSValue {
        // SAFETY: the engine calls with its live context.
        let ctx = unsafe { Ctx::from_raw(NonNull::new_unchecked(context)) };
        // SAFETY: as above.
        load(&ctx, TOOL).unwrap_or_else(|error| failure::stop("internal error", &unsafe { reason(context, &error) }))
    }
}

/// Has the module `rehearsal`, as bytecode, call the plugin's `main` with a host that it makes of ours. What it throws ends
/// the process.
pub fn rehearse(started: Started, rehearsal: &[u8]) {
    let Started { context, main, host } = started;
    let stop = |why: &str| failure::stop("the rehearsal failed", why);
    // SAFETY: the context is live and of this thread, and the values are its own.
    unsafe {
        settle(context);
        let ctx = Ctx::from_raw(NonNull::new_unchecked(context));
        let rehearse = load(&ctx, rehearsal).unwrap_or_else(|error| stop(&reason(context, &error)));
        let ended = qjs::JS_Call(context, rehearse, qjs::JS_UNDEFINED, 2, [main, host].as_mut_ptr());
        if qjs::JS_IsException(ended) {
            stop(&thrown(context));
        }
    }
}

/// Tells the engine of this thread's stack.
///
/// # Safety
/// `context` is live.
unsafe fn settle(context: *mut qjs::JSContext) {
    // SAFETY: as promised.
    unsafe {
        let runtime = qjs::JS_GetRuntime(context);
        qjs::JS_SetMaxStackSize(runtime, stack_size() as qjs::size_t);
        qjs::JS_UpdateStackTop(runtime);
    }
}

/// Calls `main` and ends the process with the status it returns.
pub fn run(started: Started, argv: Vec<&CStr>) -> ! {
    let Started { context, main, mut host } = started;
    // SAFETY: the context is live and of this thread, and the values are its own.
    unsafe {
        settle(context);
        host::set_argv(context, host, argv);
        let status = qjs::JS_Call(context, main, qjs::JS_UNDEFINED, 1, &raw mut host);
        if qjs::JS_IsException(status) {
            failure::stop("internal error", &thrown(context));
        }
        if qjs::JS_VALUE_GET_TAG(status) != qjs::JS_TAG_INT {
            failure::stop("internal error", "main returned no exit status");
        }
        libc::_exit(qjs::JS_VALUE_GET_INT(status))
    }
}

/// Why a module could not be evaluated.
///
/// # Safety
/// `context` is live and entered.
unsafe fn reason(context: *mut qjs::JSContext, error: &Error) -> String {
    // SAFETY: as promised.
    if error.is_exception() { unsafe { thrown(context) } } else { error.to_string() }
}

/// What was thrown, and from where.
///
/// # Safety
/// `context` is live, entered, and has an exception pending.
unsafe fn thrown(context: *mut qjs::JSContext) -> String {
    // SAFETY: the values belong to the context; each is given back once.
    unsafe {
        let thrown = qjs::JS_GetException(context);
        let mut text = text::describe(context, thrown).unwrap_or_default();
        if qjs::JS_IsObject(thrown) {
            let stack = qjs::JS_GetPropertyStr(context, thrown, c"stack".as_ptr());
            if qjs::JS_IsString(stack)
                && let Some(stack) = text::describe(context, stack)
            {
                text.push('\n');
                text.push_str(stack.trim_end());
            }
            qjs::JS_FreeValue(context, stack);
        }
        qjs::JS_FreeValue(context, thrown);
        text
    }
}

/// How deep the engine may go before it throws "Maximum call stack size exceeded": JSON as deeply nested as Go reads it
/// (10 000), and half of what the process has at most.
fn stack_size() -> usize {
    const WANTED: usize = 4 << 20;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel fills the structure.
    let failed = unsafe { libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit) };
    if failed != 0 { WANTED / 4 } else { WANTED.min(usize::try_from(limit.rlim_cur / 2).unwrap_or(WANTED)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rquickjs::context::intrinsic::Eval;

    /// What an expression gives as text, in a context where `host` is the host object.
    fn evaluate(expression: &str) -> String {
        let runtime = Runtime::new().unwrap();
        runtime.set_max_stack_size(1 << 20);
        let context = Context::custom::<(Chosen, Eval)>(&runtime).unwrap();
        context.with(|ctx| {
            let context = ctx.as_raw().as_ptr();
            // SAFETY: the context is live and entered, and the values are its own.
            unsafe {
                let host = host::object(context);
                host::set_argv(context, host, vec![c"bridge", c"\xff"]);
                ctx.globals().set("host", Value::from_raw(ctx.clone(), host)).unwrap();
                match ctx.eval::<Value, _>(expression) {
                    Ok(value) => text::describe(context, value.as_raw()).unwrap(),
                    Err(_) => thrown(context),
                }
            }
        })
    }

    #[test]
    fn values_pass_both_ways() {
        let cases = [
            ("host.argv.join()", "bridge,\u{fffd}"),
            ("host.encode('a\\u{20ac}').join()", "97,226,130,172"),
            ("host.encode('\\ud800x\\udc00').join()", "239,191,189,120,239,191,189"),
            ("host.encode('\\ud83d\\ude00').join()", "240,159,152,128"),
            ("host.encode('a\\0b').join()", "97,0,98"),
            ("host.encode('').length", "0"),
            ("host.decode(new Uint8Array([97, 255, 0, 98]))", "a\u{fffd}\0b"),
            ("host.decode(new Uint8Array([1, 97, 98]).subarray(1))", "ab"),
            ("host.decode(new Uint8Array(0))", ""),
            ("host.getenv('CARGO_PKG_NAME')", "cni-bridge"),
            ("host.getenv('NO_SUCH_NAME')", "undefined"),
            ("host.random(16).length", "16"),
            ("host.monotonic() > 0 && host.realtime() > 1.7e12", "true"),
            // The first bytes of SHA-512(\"abc\"), FIPS 180-2 appendix C.
            ("host.hex(host.sha512('abc').subarray(0, 4), '')", "ddaf35a1"),
            ("host.openat(-100, '/nonexistent', 0, 0)", "-2"),
            ("host.openat(-100, '/etc\\0/passwd', 0, 0)", "-22"),
            ("host.fstatfs(host.openat(-100, '/proc', 0, 0)) === 0x9fa0", "true"),
            (
                "(s => [s.mode >> 12, s.size >= 0, s.mtimeMs > 0, s.ino > 0])(host.fstatat(-100, '/', 0)).join()",
                "4,true,true,true",
            ),
            ("host.list(host.openat(-100, '/proc/self/task', 0, 0)).length > 0", "true"),
            ("host.spawn('/bin/echo', ['echo', 'x'], [], new Uint8Array(0), 5000).stdout.join()", "120,10"),
        ];
        for (expression, answer) in cases {
            assert_eq!(evaluate(expression), answer, "{expression}");
        }
    }

    #[test]
    fn a_wrong_argument_is_named() {
        let cases = [
            ("host.close('3')", "TypeError: argument 1 of close is not an integer of 32 bits"),
            ("host.close(1.5)", "TypeError: argument 1 of close is not an integer of 32 bits"),
            ("host.send(1)", "TypeError: argument 2 of send is not a Uint8Array"),
            ("host.send(1, [1])", "TypeError: argument 2 of send is not a Uint8Array"),
            ("host.openat(-100, undefined, 0, 0)", "TypeError: argument 2 of openat is not a string"),
            ("host.read(0, -1)", "TypeError: argument 2 of read is not a size"),
            ("host.poll([1, 'x'], 0)", "TypeError: argument 1 of poll is not an integer of 32 bits"),
        ];
        for (expression, error) in cases {
            assert_eq!(evaluate(expression).lines().next(), Some(error), "{expression}");
        }
    }

    #[test]
    fn what_was_thrown_is_told_with_its_place() {
        let text = evaluate("function inner() { throw new RangeError('too far') } inner()");
        assert!(text.starts_with("RangeError: too far\n    at inner ("), "{text}");
        assert_eq!(evaluate("throw 'text'"), "text");
        assert_eq!(evaluate("throw undefined"), "undefined");
        assert_eq!(evaluate("throw { toString() { throw 1 } }"), "");
    }

    #[test]
    fn deep_nesting_throws() {
        for expression in
            ["JSON.parse('['.repeat(1e6))", "JSON.parse('{\"a\":'.repeat(1e6))", "(function f() { f() })()"]
        {
            assert!(evaluate(expression).starts_with("RangeError: Maximum call stack size exceeded"), "{expression}");
        }
    }
}
