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
