//! The process's memory, given out by allocator.rs: a heap for one thread and a few milliseconds. It is ours because
//! the snapshot (snapshot.rs) holds it whole, at its address, and because that is cheaper where what is written stands together
//! (placement.rs): the engine's own heap for small blocks is off (Makefile). Blocks come from a list of freed ones of
//! their size, or else off the end of the current chunk; chunks are never given back. All zeros is an empty heap.
//!
//! Before each block stands its length, in 8 bytes. Blocks lie on addresses that are multiples of 8.

use crate::snapshot;
use std::ptr;

pub const HEADER: usize = 8;
pub const STEP: usize = 8;
/// Up to here there is a list for every multiple of STEP; above, four for every doubling.
const SMALL: usize = 512;
/// From here on each block is a mapping of its own.
const HUGE: usize = 256 * 1024;
const CHUNK: usize = 1024 * 1024;
/// How much of a chunk the kernel is to make ready at once, instead of a page at a time when first written to.
const READY: usize = 48 * 1024;
const LISTS: usize = SMALL / STEP + 4 * (HUGE / SMALL).ilog2() as usize;

pub struct Heap {
    /// The unused rest of the current chunk.
    pub next: *mut u8,
    pub end: *mut u8,
    freed: [*mut u8; LISTS],
    /// Memory that lies elsewhere than in the snapshot's room: chunks, and blocks that are mappings.
    pub outside: usize,
    /// Gives room for one block of so many bytes, its header included, where that is not to come off a chunk; or null.
    pub source: Option<fn(usize) -> *mut u8>,
}

/// The list of blocks that hold `length`, 1 to HUGE, and how much those hold.
fn class(length: usize) -> (usize, usize) {
    let last = length - 1;
    if last < SMALL {
        return (last / STEP, (last | (STEP - 1)) + 1);
    }
    let shift = last.ilog2() - 2;
    let quarters = (last >> shift) + 1;
    (SMALL / STEP + 4 * (shift + 2 - SMALL.ilog2()) as usize + quarters - 5, quarters << shift)
}

impl Heap {
    /// A block for `length` bytes, or null.
    pub fn allocate(&mut self, length: usize) -> *mut u8 {
        // What is asked for most, in few instructions; 0 − 1 is a large number.
        let last = length.wrapping_sub(1);
        if last < SMALL {
            let block = self.freed[last / STEP];
            if !block.is_null() {
                // SAFETY: a freed block holds the address of the next of its list.
                self.freed[last / STEP] = unsafe { block.cast::<*mut u8>().read() };
                return block;
            }
        }
        self.allocate_otherwise(length.max(1))
    }

    #[inline(never)]
    fn allocate_otherwise(&mut self, length: usize) -> *mut u8 {
        if length > HUGE {
            return self.map(length);
        }
        let (list, length) = class(length);
        let block = self.freed[list];
        // SAFETY: as above; `next` to `end` is ours and unused.
        unsafe {
            if !block.is_null() {
                self.freed[list] = block.cast::<*mut u8>().read();
                return block;
            }
            if self.end.addr() - self.next.addr() < length + HEADER && !self.extend(length + HEADER) {
                return ptr::null_mut();
            }
            let header = self.next;
            self.next = header.add(length + HEADER);
            header.cast::<usize>().write(length);
            header.add(HEADER)
        }
    }

    /// Makes another chunk the current one, or room for a block of `size` bytes; the first chunk is the snapshot's room.
    #[cold]
    fn extend(&mut self, size: usize) -> bool {
        let first = if self.next.is_null() { snapshot::room() } else { None };
        let (chunk, length) = match (self.source, first) {
            (Some(source), _) => (source(size), size),
            (None, Some(room)) => room,
            (None, None) => {
                self.outside += 1;
                let chunk = pages(CHUNK);
                // SAFETY: the chunk is longer, and not in use. It changes no contents; see snapshot.rs.
                unsafe { libc::madvise(chunk.cast(), READY, libc::MADV_POPULATE_WRITE) };
                (chunk, CHUNK)
            }
        };
        if chunk.is_null() {
            return false;
        }
        self.next = chunk;
        // SAFETY: the chunk is that long.
        self.end = unsafe { chunk.add(length) };
        true
    }

    /// A block in a mapping of its own, from its header to the mapping's end.
    #[cold]
    fn map(&mut self, length: usize) -> *mut u8 {
        let Some(size) = length.checked_add(HEADER).and_then(|size| size.checked_next_multiple_of(4096)) else {
            return ptr::null_mut();
        };
        let pages = pages(size);
        if pages.is_null() {
            return pages;
        }
        self.outside += 1;
        // SAFETY: the mapping is longer than a header.
        unsafe {
            pages.cast::<usize>().write(size - HEADER);
            pages.add(HEADER)
        }
    }

    /// # Safety
    /// `block` came from this heap and is not used again.
    pub unsafe fn free(&mut self, block: *mut u8) {
        // SAFETY: the block is ours, at least 8 bytes long, and has a header.
        unsafe {
            let last = length(block) - 1;
            if last >= SMALL {
                return self.free_large(block);
            }
            block.cast::<*mut u8>().write(self.freed[last / STEP]);
            self.freed[last / STEP] = block;
        }
    }

    /// # Safety
    /// As above.
    #[inline(never)]
    unsafe fn free_large(&mut self, block: *mut u8) {
        // SAFETY: as above; a mapping begins with the header.
        unsafe {
            let length = length(block);
            if length > HUGE {
                libc::munmap(block.sub(HEADER).cast(), length + HEADER);
                self.outside -= 1;
                return;
            }
            let (list, _) = class(length);
            block.cast::<*mut u8>().write(self.freed[list]);
            self.freed[list] = block;
        }
    }

    /// # Safety
    /// `block` came from this heap; it is not used again unless the answer is null.
    pub unsafe fn resize(&mut self, block: *mut u8, wanted: usize) -> *mut u8 {
        // SAFETY: the block is ours and has a header; the new one is longer than what is copied.
        unsafe {
            let length = length(block);
            if wanted <= length {
                return block;
            }
            let larger = self.allocate(wanted);
            if !larger.is_null() {
                ptr::copy_nonoverlapping(block, larger, length);
                self.free(block);
            }
            larger
        }
    }
}

/// # Safety
/// `block` came from a heap.
pub unsafe fn length(block: *mut u8) -> usize {
    // SAFETY: the header stands before it.
    unsafe { block.sub(HEADER).cast::<usize>().read() }
}

/// Leaves the heap out of the children that fork(2) makes from here on. With it each of its pages would be copied once more
/// when it is changed next, here as well. Such a child must not allocate, nor touch what was.
pub fn keep_from_children() {
    // SAFETY: the heap is one thread's; madvise touches no memory.
    #[cfg(not(test))]
    unsafe {
        let (area, length) = snapshot::area();
        // Less than that may be mapped, of which the kernel tells after it has advised the rest.
        libc::madvise(area.cast(), length, libc::MADV_DONTFORK);
        // Chunks before the current one are copied as ever.
        let end = (*snapshot::heap()).end;
        if (*snapshot::heap()).outside > 0 {
            libc::madvise(end.sub(CHUNK).cast(), CHUNK, libc::MADV_DONTFORK);
        }
    }
}

fn pages(size: usize) -> *mut u8 {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a mapping wherever the kernel likes touches nothing that exists.
    let pages = unsafe { libc::mmap(ptr::null_mut(), size, access, kind, -1, 0) };
    if pages == libc::MAP_FAILED { ptr::null_mut() } else { pages.cast() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_what_it_is_asked_for_and_little_more() {
        let mut last = (0, 0);
        for length in 1..=HUGE {
            let (list, room) = class(length);
            assert!(room >= length && room.is_multiple_of(STEP) && list < LISTS, "{length}");
            assert!(room - length < STEP.max(length / 4), "{length}");
            assert!((list, room) == last || (list > last.0 && room > last.1) || length == 1, "{length}");
            assert_eq!(class(room), (list, room));
            last = (list, room);
        }
        assert_eq!(last, (LISTS - 1, HUGE));
    }

    #[test]
    fn blocks_do_not_overlap_and_keep_their_bytes() {
        // SAFETY: all zeros is an empty heap.
        let mut heap: Heap = unsafe { std::mem::zeroed() };
        let mut blocks: Vec<(*mut u8, usize, u8)> = vec![];
        let mut seed = 1_u32;
        for turn in 0..20_000_u32 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let length = (seed >> 8) as usize % if turn % 100 == 0 { 600_000 } else { 3000 };
            let (mark, at) = ((seed >> 3) as u8, seed as usize % (blocks.len() + 1));
            // SAFETY: each block is used within its length, and not after it was freed or resized.
            unsafe {
                let holds = |(block, length, mark): (*mut u8, usize, u8)| {
                    std::slice::from_raw_parts(block, length).iter().all(|&byte| byte == mark)
                };
                if at == blocks.len() {
                    let block = heap.allocate(length);
                    assert!(!block.is_null() && block.addr().is_multiple_of(STEP) && self::length(block) >= length);
                    block.write_bytes(mark, length);
                    blocks.push((block, length, mark));
                } else if turn % 2 == 0 {
                    let freed = blocks.swap_remove(at);
                    assert!(holds(freed));
                    heap.free(freed.0);
                } else {
                    let (block, old, mark) = blocks[at];
                    assert!(holds(blocks[at]));
                    let block = heap.resize(block, length);
                    assert!(holds((block, old.min(length), mark)));
                    block.write_bytes(mark, length);
                    blocks[at] = (block, length, mark);
                }
            }
        }
        assert!(heap.allocate(usize::MAX).is_null());
        assert!(heap.allocate(usize::MAX - 4096).is_null());
    }
}
