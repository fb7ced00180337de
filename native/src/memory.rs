//! glibc's malloc, except that running out of memory in Rust ends with an error object and not with a signal.
//! The engine asks malloc by itself (it keeps its small blocks in arenas of its own) and throws when there is none.

use crate::failure;
use std::alloc::{GlobalAlloc, Layout, System};

#[cfg_attr(not(test), global_allocator)]
#[cfg_attr(test, expect(dead_code))]
static MALLOC: Malloc = Malloc;

struct Malloc;

// SAFETY: System's, or no return at all.
unsafe impl GlobalAlloc for Malloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises System.
        there(unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises System.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises System.
        there(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, length: usize) -> *mut u8 {
        // SAFETY: as the caller promises System.
        there(unsafe { System.realloc(block, layout, length) })
    }
}

fn there(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        failure::stop_without_memory();
    }
    block
}
