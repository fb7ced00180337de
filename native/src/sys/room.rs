//! Room for what the kernel fills in, mostly a page of it. Neither on the heap, whose first pages are made ready at once
//! (heap.rs) and should be used, nor on the stack, where the compiler's probes touch each page and thus make it.

use std::mem::MaybeUninit;
use std::sync::Mutex;

/// Of one datagram: netlink dumps come in pieces of at most 32 KiB (net/netlink/af_netlink.c).
pub const LENGTH: usize = 64 * 1024;

static ROOM: Mutex<[MaybeUninit<u8>; LENGTH]> = Mutex::new([MaybeUninit::uninit(); LENGTH]);

/// Hands `fill` room for `length` bytes, which is another's when it returns.
pub fn with<T>(length: usize, fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> T) -> T {
    if let (Ok(mut room), ..=LENGTH) = (ROOM.try_lock(), length) {
        return fill(&mut room[..length]);
    }
    fill(&mut Box::new_uninit_slice(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_of_any_length_for_each_who_asks() {
        for length in [0, 1, LENGTH, LENGTH + 1] {
            with(length, |outer| {
                with(length, |inner| {
                    assert_eq!((outer.len(), inner.len()), (length, length));
                    outer.fill(MaybeUninit::new(1));
                    inner.fill(MaybeUninit::new(2));
                });
                // SAFETY: filled.
                assert!(outer.iter().all(|byte| unsafe { byte.assume_init() } == 1));
            });
        }
    }
}
