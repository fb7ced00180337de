//! The executable with its engine already started. Making the engine and evaluating the plugin's modules is most of
//! what a short verb would cost, and gives the same every time. So the build does it once: `cni-bridge --snapshot FILE
//! BYTECODE REHEARSAL` writes a copy of itself in which the heap is one more segment, at the address it was made at. The
//! kernel maps it when it starts the copy, and a page is copied when it is written to, which is why a rehearsal decides where a
//! block lies (placement.rs). The modules are read from files since the copy has no use for them.
//!
//! This holds because the executable is linked at a fixed address, the engine keeps no state outside its heap, and
//! nothing the modules do when evaluated depends on the machine: the host is an argument of `main`.

use crate::engine::{self, Started};
use crate::heap::Heap;
use crate::placement::{PAGE, Placement};
use crate::rehearsal;
use crate::sys::{Errno, Result, check, file, thread};
use libc::{Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr, c_void};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::{ptr, slice};

// Zeros from the kernel until used. build.rs gives the section a segment of its own, whose page size this must be.
#[cfg(not(test))]
std::arch::global_asm!(
    ".pushsection .snapshot, \"aw\", @nobits",
    #[cfg(target_arch = "aarch64")]
    ".balign 0x10000",
    #[cfg(not(target_arch = "aarch64"))]
    ".balign 0x1000",
    ".global snapshot_area",
    "snapshot_area: .zero 0x1000000",
    ".popsection"
);

/// How much heap a snapshot can hold; as above.
const AREA: usize = 16 << 20;
/// elf.h.
const SHT_PROGBITS: u32 = 1;

/// What stands at the beginning of the area; the heap's first chunk is the rest. All zeros is an empty one.
#[repr(C)]
struct Image {
    heap: Heap,
    taken: bool,
    /// How much from the area's begin on a call writes to, as a rehearsal has shown.
    written: usize,
    started: Started,
}

fn image() -> *mut Image {
    #[cfg(test)]
    unimplemented!("tests have several threads and use glibc's heap");
    #[cfg(not(test))]
    {
        unsafe extern "C" {
            static mut snapshot_area: u8;
        }
        (&raw mut snapshot_area).cast()
    }
}

pub fn heap() -> *mut Heap {
    // SAFETY: makes a pointer into the area.
    unsafe { &raw mut (*image()).heap }
}

/// The engine of the snapshot; None in the executable that cargo built.
pub fn started() -> Option<Started> {
    // SAFETY: one thread; `started` was written before `taken`. The advice changes no contents.
    unsafe {
        if !(*image()).taken {
            return None;
        }
        // Copied when it is written to, each page is a fault, or two where it is read first. Before Linux 5.14 it stays so.
        libc::madvise(image().cast(), (*image()).written, libc::MADV_POPULATE_WRITE);
        Some((*image()).started)
    }
}

/// Where the heap's first chunk is, and all that a snapshot holds.
#[cfg(not(test))]
pub fn area() -> (*mut u8, usize) {
    (image().cast(), AREA)
}

/// The heap's first chunk.
pub fn room() -> Option<(*mut u8, usize)> {
    const BEGIN: usize = size_of::<Image>().next_multiple_of(16);
    if cfg!(test) { None } else { Some((image().cast::<u8>().wrapping_add(BEGIN), AREA - BEGIN)) }
}

/// Starts the engine with the plugin in file `bytecode`, or else the one this executable holds, and writes this executable
/// to `path` with its heap as it then is, in the order of a rehearsal or else of the calls. −EFBIG where the heap has
/// outgrown the area, −ENOEXEC where the executable is not linked at a fixed address or there is no plugin.
///
/// Nothing allocates after the engine has started: it would be in the snapshot.
pub fn take(path: &CStr, bytecode: Option<&CStr>, rehearsal: Option<&CStr>) -> Result<()> {
    let bytecode = match bytecode {
        Some(file) => read_at_fixed_address(file)?,
        None => engine::BYTECODE.ok_or(Errno(libc::ENOEXEC))?,
    };
    if let Some(file) = rehearsal {
        let written = rehearsal::learn(bytecode, map(file)?)?;
        // SAFETY: one thread, and nothing has been allocated.
        unsafe {
            placement().write(Placement::new(written, room().unwrap_or((ptr::null_mut(), 0))));
            (*heap()).source = Some(place);
        }
    }
    start(bytecode)?;
    let image = image();
    let begin = image.addr();
    // SAFETY: one thread; the area is ours.
    let contents = unsafe {
        let heap = &mut (*image).heap;
        if heap.outside != 0 {
            return Err(Errno(libc::EFBIG));
        }
        if heap.source.take().is_some() {
            heap.next = (*placement()).rest();
            (*image).written = ((*placement()).written_end().addr() - begin).next_multiple_of(PAGE);
        }
        let used = (heap.next.addr() - begin).next_multiple_of(PAGE);
        heap.end = image.cast::<u8>().add(used);
        (*image).taken = true;
        slice::from_raw_parts(image.cast::<u8>(), used)
    };

    let executable = map(c"/proc/self/exe")?;
    let length = executable.len();
    let offset = length.next_multiple_of(PAGE);
    // SAFETY: the kernel could start this file, so its headers are where they say.
    unsafe {
        let header = executable.as_mut_ptr().cast::<Elf64_Ehdr>().read();
        let segments = executable.as_mut_ptr().add(header.e_phoff as usize).cast::<Elf64_Phdr>();
        let sections = executable.as_mut_ptr().add(header.e_shoff as usize).cast::<Elf64_Shdr>();
        let segment = (0..header.e_phnum.into()).map(|index| segments.add(index));
        let segment = segment.into_iter().find(|&at| (*at).p_type == libc::PT_LOAD && (*at).p_vaddr == begin as u64);
        let Some(segment) = segment else { return Err(Errno(libc::ENOEXEC)) };
        (*segment).p_offset = offset as u64;
        (*segment).p_filesz = contents.len() as u64;
        (*segment).p_memsz = contents.len() as u64;
        // For strip and objdump, which go by sections.
        for section in (0..header.e_shnum.into()).map(|index| sections.add(index)) {
            if (*section).sh_addr == begin as u64 {
                (*section).sh_type = SHT_PROGBITS;
                (*section).sh_offset = offset as u64;
                (*section).sh_size = contents.len() as u64;
            }
        }
    }
    let out = file::openat(libc::AT_FDCWD, path, libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC, 0o755)?;
    file::write(out, executable)?;
    file::write(out, &[0; PAGE][..offset - length])?;
    file::write(out, contents)?;
    Ok(())
}

/// Of the start that is under way, where there was a rehearsal.
fn placement() -> *mut Placement {
    static mut PLACEMENT: MaybeUninit<Placement> = MaybeUninit::uninit();
    (&raw mut PLACEMENT).cast()
}

/// The heap's source while the engine starts.
fn place(size: usize) -> *mut u8 {
    // SAFETY: one thread; written before this is the source.
    unsafe { (*placement()).place(size) }
}

/// Starts the engine on a stack whose address is the same every time. The engine keeps its bounds, and the hash tables of
/// rquickjs are seeded from it, so otherwise no two builds were equal. `engine::run` sets the bounds anew.
pub fn start(bytecode: &'static [u8]) -> Result<Started> {
    const LENGTH: usize = 1 << 20;
    #[repr(align(65536))]
    struct Stack(#[expect(dead_code)] MaybeUninit<[u8; LENGTH]>);
    static mut STACK: Stack = Stack(MaybeUninit::uninit());
    static mut BYTECODE: &[u8] = &[];
    extern "C" fn run(_: *mut c_void) -> *mut c_void {
        // SAFETY: no other thread runs meanwhile; set below.
        unsafe { (*image()).started = engine::start(BYTECODE) };
        ptr::null_mut()
    }
    // SAFETY: all is filled before use; the stack is used once, and this thread waits.
    unsafe {
        BYTECODE = bytecode;
        thread::end(thread::begin((&raw mut STACK).cast(), LENGTH, run)?)?;
        Ok((*image()).started)
    }
}

/// The bytes of a file, at an address that is the same every time: what the engine leaves in freed memory may point there.
fn read_at_fixed_address(path: &CStr) -> Result<&'static [u8]> {
    const LENGTH: usize = 4 << 20;
    static mut ROOM: [u8; LENGTH] = [0; LENGTH];
    let bytes = map(path)?;
    if bytes.len() > LENGTH {
        return Err(Errno(libc::EFBIG));
    }
    let room = (&raw mut ROOM).cast::<u8>();
    // SAFETY: one thread; called once; the room is that long.
    unsafe {
        room.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        Ok(slice::from_raw_parts(room, bytes.len()))
    }
}

/// The bytes of a file, to be changed at will.
fn map(path: &CStr) -> Result<&'static mut [u8]> {
    let fd = file::openat(libc::AT_FDCWD, path, libc::O_RDONLY, 0)?;
    let length = file::fstat(fd)?.size as usize;
    // SAFETY: a private mapping is ours alone, and stays.
    unsafe {
        let bytes = libc::mmap(ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE, fd, 0);
        check(if bytes == libc::MAP_FAILED { -1 } else { 0 })?;
        Ok(slice::from_raw_parts_mut(bytes.cast(), length))
    }
}

/// The engine asks for the time once, to seed Math.random and its hash tables. A snapshot has one seed for all, so that
/// must not differ between builds either; engine.rs takes Math.random away. Nothing else in the executable calls this.
#[cfg(not(test))]
#[unsafe(no_mangle)]
extern "C" fn gettimeofday(time: *mut libc::timeval, _zone: *mut libc::c_void) -> libc::c_int {
    // SAFETY: the caller wants it filled.
    unsafe { time.write(libc::timeval { tv_sec: 1, tv_usec: 0 }) };
    0
}
