//! Compiles the bundle to bytecode with the engine that will run it, and leaves it in OUT_DIR for include_bytes!.

use rquickjs::{Context, Module, Runtime, WriteOptions, WriteOptionsEndianness, context::intrinsic::Eval};
use std::{env, fs, path::PathBuf, process::exit};

#[path = "src/intrinsics.rs"]
mod intrinsics;

fn main() {
    // Behind the executable's other segments: see src/snapshot.rs.
    println!("cargo::rustc-link-arg-bins=-Wl,--section-start=.snapshot=0x10000000");
    println!("cargo::rerun-if-env-changed=CNI_BRIDGE_BUNDLE");
    let bundle = env::var_os("CNI_BRIDGE_BUNDLE").map_or_else(|| PathBuf::from("../build/plugin.js"), PathBuf::from);
    println!("cargo::rerun-if-changed={}", bundle.display());
    let Ok(source) = fs::read(&bundle) else {
        eprintln!("the bundle {} is missing: make it with `make bundle`", bundle.display());
        exit(1);
    };
    let bytecode = compile(source).unwrap_or_else(|error| {
        eprintln!("the bundle {} does not compile: {error}", bundle.display());
        exit(1);
    });
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("plugin.bytecode"), bytecode).expect("OUT_DIR is writable");
}

/// The context has what the executable's has, plus the parser, so that a bundle with a regular expression fails here
/// and not in the field.
fn compile(source: Vec<u8>) -> Result<Vec<u8>, String> {
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    runtime.set_max_stack_size(0);
    let context = Context::custom::<(intrinsics::Chosen, Eval)>(&runtime).map_err(|error| error.to_string())?;
    context.with(|ctx| {
        Module::declare(ctx.clone(), "plugin.js", source)
            .and_then(|module| {
                module.write(WriteOptions {
                    endianness: WriteOptionsEndianness::Little,
                    strip_source: true,
                    ..Default::default()
                })
            })
            .map_err(|error| match ctx.catch().into_exception() {
                Some(exception) => exception.to_string(),
                None => error.to_string(),
            })
    })
}
