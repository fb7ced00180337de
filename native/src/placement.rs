//! Where the blocks of a snapshot lie. A page is copied when it is first written to, and five blocks of six never are. Those
//! that an ADD or a DEL writes to, as a rehearsal has shown (rehearsal.rs), stand together in front, the others behind.
//!
//! The engine asks for the same blocks in the same order each time it starts. So a block is known by the pages it would have
//! if each began one, counted from the start's first.

use std::ptr;

/// So many pages the blocks of a start may have.
pub const PAGES: usize = 1 << 17;
/// The largest page that a kernel of this architecture may have.
pub const PAGE: usize = if cfg!(target_arch = "aarch64") { 0x10000 } else { 0x1000 };

/// What was written to. All zeros is nothing.
pub struct Written {
    pub pages: [bool; PAGES],
    /// The length of all blocks that count as written to.
    pub length: usize,
}

/// Whether a block counts as written to, by its pages. Of a long one most should be: its others would be copied for nothing.
pub fn is_written(pages: &[bool]) -> bool {
    2 * pages.iter().filter(|&&written| written).count() >= pages.len()
}

/// Gives each block of a start its place.
pub struct Placement {
    written: &'static Written,
    page: usize,
    hot: *mut u8,
    cold: *mut u8,
    end: *mut u8,
}

impl Placement {
    /// In `room`, an address and a length.
    pub fn new(written: &'static Written, (room, length): (*mut u8, usize)) -> Self {
        let cold = room.wrapping_add(written.length);
        Self { written, page: 0, hot: room, cold, end: room.wrapping_add(length) }
    }

    /// Where the next block lies, of `size` bytes; null when the room is full.
    pub fn place(&mut self, size: usize) -> *mut u8 {
        let pages = self.page..self.page + size.div_ceil(PAGE);
        self.page = pages.end;
        let Some(pages) = self.written.pages.get(pages) else { return ptr::null_mut() };
        let next = if is_written(pages) { &mut self.hot } else { &mut self.cold };
        let place = *next;
        *next = place.wrapping_add(size);
        if *next > self.end { ptr::null_mut() } else { place }
    }

    /// Where the blocks end that are written to.
    pub fn written_end(&self) -> *mut u8 {
        self.hot
    }

    /// Where the unused rest of the room begins.
    pub fn rest(&self) -> *mut u8 {
        self.cold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_blocks_stand_before_the_others() {
        static WRITTEN: Written = {
            let mut pages = [false; PAGES];
            pages[1] = true; // the second block
            pages[4] = true; // the last page of the fourth, one of two
            pages[5] = true; // the first of the fifth's three
            Written { pages, length: 24 + 2 * PAGE }
        };
        let room: *mut u8 = ptr::without_provenance_mut(0x1000);
        let mut placement = Placement::new(&WRITTEN, (room, 0x10000 + 4 * PAGE));
        let places = [16, 24, 8, 2 * PAGE, 3 * PAGE, 32].map(|size| placement.place(size).addr() - room.addr());
        let cold = 24 + 2 * PAGE;
        assert_eq!(places, [cold, 0, cold + 16, 24, cold + 24, cold + 24 + 3 * PAGE]);
        assert_eq!(placement.rest().addr() - room.addr(), cold + 56 + 3 * PAGE);
        assert!(placement.place(0x10000 + 4 * PAGE).is_null());
    }
}
