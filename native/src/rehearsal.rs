//! Learns which blocks of the heap an ADD or a DEL writes to, for placement.rs. A child process starts the engine with each
//! block on pages of its own, makes these read-only, and has a module (rehearsal/*.ts) call the plugin on a machine in memory.
//! The first write to a page is a signal, whose handler notes it and lets the write happen.

use crate::heap;
use crate::placement::{self, PAGE, PAGES, Written};
use crate::sys::{Errno, Result, check};
use crate::{engine, snapshot};
use libc::{c_int, c_void, siginfo_t};
use std::mem::MaybeUninit;
use std::ptr;

/// Where the pages are. The engine's hash tables go by address, so this must be the same in each build; nothing else of a
/// process at a fixed address lies here.
const BEGIN: usize = 64 << 30;

/// Filled by the child.
static mut WRITTEN: *mut Written = ptr::null_mut();
/// How many pages the child has given away.
static mut USED: usize = 0;

/// What `rehearsal`, the module as bytecode, has the plugin in `bytecode` write to. −ECHILD where the plugin did not do well;
/// the child has said so.
pub fn learn(bytecode: &'static [u8], rehearsal: &[u8]) -> Result<&'static Written> {
    let shared = map(ptr::null_mut(), size_of::<Written>(), libc::MAP_SHARED)?;
    // SAFETY: one thread; the child ends in here.
    unsafe {
        WRITTEN = shared.cast();
        let child = libc::fork();
        check(child)?;
        if child == 0 {
            let succeeded = watch(bytecode, rehearsal);
            libc::_exit(c_int::from(succeeded.is_err()));
        }
        let mut status = 0;
        check(libc::waitpid(child, &raw mut status, 0))?;
        if status == 0 { Ok(&*WRITTEN) } else { Err(Errno(libc::ECHILD)) }
    }
}

fn watch(bytecode: &'static [u8], rehearsal: &[u8]) -> Result<()> {
    map(page(0), PAGES * PAGE, libc::MAP_PRIVATE | libc::MAP_FIXED_NOREPLACE)?;
    // SAFETY: one thread; the handler's structure is filled; the pages are the heap's.
    unsafe {
        (*snapshot::heap()).source = Some(alone);
        let started = snapshot::start(bytecode)?;
        (*snapshot::heap()).source = None;
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = note as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
        action.sa_flags = libc::SA_SIGINFO;
        check(libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut()))?;
        check(libc::mprotect(page(0).cast(), USED * PAGE, libc::PROT_READ))?;
        engine::rehearse(started, rehearsal);
        (*WRITTEN).length = length_written();
    }
    Ok(())
}

/// The heap's source: a page of its own for each block, or several.
fn alone(size: usize) -> *mut u8 {
    // SAFETY: one thread.
    unsafe {
        let first = USED;
        USED += size.div_ceil(PAGE);
        if USED > PAGES { ptr::null_mut() } else { page(first) }
    }
}

/// On SIGSEGV: notes which page was written to, and lets it be. A fault elsewhere, or in the same place again, is one.
extern "C" fn note(_signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    // SAFETY: the kernel fills `info`; the pages are the heap's.
    unsafe {
        let index = (*info).si_addr().addr().wrapping_sub(BEGIN) / PAGE;
        if index >= USED || (*WRITTEN).pages[index] {
            libc::signal(libc::SIGSEGV, libc::SIG_DFL);
            return;
        }
        (*WRITTEN).pages[index] = true;
        libc::mprotect(page(index).cast(), PAGE, libc::PROT_READ | libc::PROT_WRITE);
    }
}

/// The length of all blocks that count as written to, headers included.
fn length_written() -> usize {
    let (mut index, mut sum) = (0, 0);
    // SAFETY: one thread; at the beginning of the next block's first page stands its header.
    unsafe {
        while index < USED {
            let size = heap::HEADER + page(index).cast::<usize>().read();
            let pages = index..index + size.div_ceil(PAGE);
            index = pages.end;
            sum += if placement::is_written(&(&(*WRITTEN).pages)[pages]) { size } else { 0 };
        }
    }
    sum
}

fn page(index: usize) -> *mut u8 {
    ptr::with_exposed_provenance_mut(BEGIN + index * PAGE)
}

fn map(address: *mut u8, length: usize, kind: c_int) -> Result<*mut u8> {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, kind | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
    // SAFETY: a mapping where nothing is touches nothing that exists.
    let pages = unsafe { libc::mmap(address.cast(), length, access, kind, -1, 0) };
    check(if pages == libc::MAP_FAILED { -1 } else { 0 })?;
    Ok(pages.cast())
}
