//! The engine: makes it, loads the bytecode that build.rs compiled, calls the plugin's `main`, and turns whatever goes
//! wrong into text.

use crate::failure;
use crate::host;
use crate::intrinsics::Chosen;
use crate::value;
use rquickjs::{Context, Ctx, Error, Module, Runtime, Value, qjs};
use std::ffi::CStr;

static BYTECODE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plugin.bytecode"));

/// Runs the plugin and ends the process with the status that `main` returns. Nothing is freed: a process that lives a
/// few milliseconds collects no garbage either.
pub fn run(argv: Vec<&CStr>) -> ! {
    let runtime = Runtime::new().unwrap_or_else(|error| failure::stop("cannot start the engine", &error.to_string()));
    runtime.set_gc_threshold(usize::MAX);
    runtime.set_max_stack_size(stack_size());
    let context = Context::custom::<Chosen>(&runtime)
        .unwrap_or_else(|error| failure::stop("cannot start the engine", &error.to_string()));
    context.with(|ctx| match call_main(&ctx, argv) {
        // SAFETY: ends the process and runs nothing.
        Ok(status) => unsafe { libc::_exit(status) },
        Err(error) => failure::stop("internal error", &describe(&ctx, &error)),
    })
}

fn call_main(ctx: &Ctx, argv: Vec<&CStr>) -> Result<i32, Error> {
    // SAFETY: the bytes were written by build.rs with this very version of the engine.
    let module = unsafe { Module::load(ctx.clone(), BYTECODE) }?;
    let (module, evaluated) = module.eval()?;
    evaluated.finish::<()>()?;
    let main: Value = module.get("default")?;
    let context = ctx.as_raw().as_ptr();
    // SAFETY: the context is live and entered; the values are its own, and `result` is taken over.
    let result = unsafe {
        let mut host = host::object(context, argv);
        let result = qjs::JS_Call(context, main.as_raw(), qjs::JS_UNDEFINED, 1, &raw mut host);
        if qjs::JS_IsException(result) {
            return Err(Error::Exception);
        }
        Value::from_raw(ctx.clone(), result)
    };
    result.get()
}

/// What was thrown, and from where.
fn describe(ctx: &Ctx, error: &Error) -> String {
    if !error.is_exception() {
        return error.to_string();
    }
    let thrown = ctx.catch();
    let context = ctx.as_raw().as_ptr();
    // SAFETY: the value belongs to this context.
    let mut text = unsafe { value::describe(context, thrown.as_raw()) }.unwrap_or_default();
    if let Some(stack) = thrown.as_object().and_then(|thrown| thrown.get::<_, String>("stack").ok()) {
        text.push('\n');
        text.push_str(stack.trim_end());
    }
    text
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
            // SAFETY: the context is live and entered.
            let host =
                unsafe { Value::from_raw(ctx.clone(), host::object(ctx.as_raw().as_ptr(), vec![c"bridge", c"\xff"])) };
            ctx.globals().set("host", host).unwrap();
            match ctx.eval::<Value, _>(expression) {
                // SAFETY: the value belongs to this context.
                Ok(value) => unsafe { value::describe(ctx.as_raw().as_ptr(), value.as_raw()) }.unwrap(),
                Err(error) => describe(&ctx, &error),
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
            ("host.sha512(host.encode('abc')).subarray(0, 4).join()", "221,175,53,161"),
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
            ("host.write(1)", "TypeError: argument 2 of write is not a Uint8Array"),
            ("host.write(1, [1])", "TypeError: argument 2 of write is not a Uint8Array"),
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
