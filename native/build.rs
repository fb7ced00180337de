//! Compiles the bundle to bytecode with the engine that will run it, and leaves it in OUT_DIR for include_bytes! and for
//! the snapshot.

use rquickjs::{Context, Ctx, Module, Runtime, WriteOptions, WriteOptionsEndianness, context::intrinsic::Eval};
use std::path::{Path, PathBuf};
use std::{env, fs, process::exit};

#[path = "src/intrinsics.rs"]
mod intrinsics;

fn main() {
    // Behind the executable's other segments: see src/snapshot.rs.
    println!("cargo::rustc-link-arg-bins=-Wl,--section-start=.snapshot=0x10000000");
    println!("cargo::rerun-if-env-changed=CNI_BRIDGE_BUNDLE");
    let bundle = env::var_os("CNI_BRIDGE_BUNDLE").map_or_else(|| PathBuf::from("../build/plugin.js"), PathBuf::from);
    let [shared, plugin, tool, rehearsal] = compile(&bundle).unwrap_or_else(|error| {
        eprintln!("{error}");
        exit(1);
    });
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let length = u32::try_from(shared.len()).expect("less than 4 GiB").to_le_bytes();
    fs::write(out.join("plugin.bytecode"), [&length[..], &shared, &plugin].concat()).expect("OUT_DIR is writable");
    fs::write(out.join("tool.bytecode"), tool).expect("OUT_DIR is writable");
    fs::write(out.join("rehearsal.bytecode"), rehearsal).expect("OUT_DIR is writable");
}

/// The modules of the bundle: what plugin and tool share, the plugin, the tool. Beside the plugin's the others may be
/// missing, as they are beside a test's; they are empty then.
///
/// The context has what the executable's has, plus the parser, so that a bundle with a regular expression fails here
/// and not in the field.
fn compile(bundle: &Path) -> Result<[Vec<u8>; 4], String> {
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    runtime.set_max_stack_size(0);
    let context = Context::custom::<(intrinsics::Chosen, Eval)>(&runtime).map_err(|error| error.to_string())?;
    let beside = |name| bundle.with_file_name(name);
    let mut compiled = [const { Vec::new() }; 4];
    // In this order: a module is looked for among those that are there when it is imported.
    let modules = [
        ("shared.js", beside("shared.js")),
        ("plugin.js", bundle.into()),
        ("tool.js", beside("tool.js")),
        ("rehearsal.js", beside("rehearsal.js")),
    ];
    for ((name, path), bytecode) in modules.iter().zip(&mut compiled) {
        println!("cargo::rerun-if-changed={}", path.display());
        match fs::read(path) {
            Ok(source) => *bytecode = context.with(|ctx| write(&ctx, name, source))?,
            Err(_) if *name != "plugin.js" => {}
            Err(_) => return Err(format!("the bundle {} is missing: make it with `make bundle`", path.display())),
        }
    }
    Ok(compiled)
}

fn write(ctx: &Ctx, name: &str, source: Vec<u8>) -> Result<Vec<u8>, String> {
    let options = WriteOptions { endianness: WriteOptionsEndianness::Little, strip_source: true, ..Default::default() };
    Module::declare(ctx.clone(), name, source).and_then(|module| module.write(options)).map_err(|error| {
        let why = ctx.catch().into_exception().map_or(error.to_string(), |exception| exception.to_string());
        format!("{name} does not compile: {why}")
    })
}
