//! The process's heap as Rust and as the engine ask for memory.

use crate::failure;
use crate::heap::{self, STEP};
use crate::snapshot;
use rquickjs::allocator::Allocator;
use std::alloc::{GlobalAlloc, Layout};
use std::ptr;

/// One thread has it; tests have several, and use glibc's.
pub struct Process;

#[cfg(not(test))]
#[global_allocator]
static GLOBAL: Process = Process;

// SAFETY: blocks are as long as asked for, aligned as asked for, and nobody else's until freed. One that is to be aligned to
// more than 8, as few tables of rquickjs are, begins inside a longer one and is never given back.
unsafe impl GlobalAlloc for Process {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let slack = if layout.align() > STEP { layout.align() } else { 0 };
        // SAFETY: one thread, and the heap calls nothing that allocates.
        let block = there(unsafe { (*snapshot::heap()).allocate(layout.size() + slack) });
        if slack == 0 { block } else { block.wrapping_add(block.align_offset(slack)) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.align() <= STEP {
            // SAFETY: the caller promises that the block is ours and done with.
            unsafe { (*snapshot::heap()).free(block) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, length: usize) -> *mut u8 {
        // SAFETY: the caller promises that the block is ours; the new one is as long as what is copied.
        unsafe {
            if layout.align() <= STEP {
                return there((*snapshot::heap()).resize(block, length));
            }
            let larger = self.alloc(Layout::from_size_align_unchecked(length, layout.align()));
            ptr::copy_nonoverlapping(block, larger, length.min(layout.size()));
            larger
        }
    }
}

/// Running out of memory in Rust ends with an error object and not with a signal.
fn there(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        failure::stop_without_memory();
    }
    block
}

// SAFETY: as above. Null is "out of memory", which the engine throws.
unsafe impl Allocator for Process {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        // SAFETY: one thread.
        unsafe { (*snapshot::heap()).allocate(size) }
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        let Some(length) = count.checked_mul(size) else { return ptr::null_mut() };
        let block = self.alloc(length);
        if !block.is_null() {
            // SAFETY: the block is that long.
            unsafe { block.write_bytes(0, length) };
        }
        block
    }

    unsafe fn dealloc(&mut self, block: *mut u8) {
        // SAFETY: the engine frees what it got here, once.
        unsafe { (*snapshot::heap()).free(block) }
    }

    unsafe fn realloc(&mut self, block: *mut u8, length: usize) -> *mut u8 {
        if block.is_null() {
            return self.alloc(length);
        }
        // SAFETY: the engine resizes what it got here.
        unsafe { (*snapshot::heap()).resize(block, length) }
    }

    unsafe fn usable_size(block: *mut u8) -> usize {
        // SAFETY: the engine asks about what it got here.
        unsafe { heap::length(block) }
    }
}
