//! The two programs and their tables.

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, ProgramArray};
use aya_ebpf::programs::TcContext;

/// tcx: let the programs after this one judge as well.
const TCX_NEXT: i32 = -1;
/// What `vary` says if it could not do its part; no classifier means anything by it.
const FAILED: i32 = -100;

/// Value of `turns`: which packets to make.
#[repr(C)]
struct Turns {
    /// Where the port is in the frame.
    offset: u32,
    /// The least port.
    first: u32,
    /// How many ports there are.
    count: u32,
    /// Which is next, from 0.
    next: u32,
}

#[map(name = "turns")]
static TURNS: Array<Turns> = Array::with_max_entries(1, 0);
/// At 0, the program that is measured.
#[map(name = "measured")]
static MEASURED: ProgramArray = ProgramArray::with_max_entries(1, 0);

/// Does nothing.
#[unsafe(no_mangle)]
#[unsafe(link_section = "classifier")]
extern "C" fn empty(_skb: *mut __sk_buff) -> i32 {
    TCX_NEXT
}

/// Writes the next port into the frame and goes on with the program that is measured.
#[unsafe(no_mangle)]
#[unsafe(link_section = "classifier")]
extern "C" fn vary(skb: *mut __sk_buff) -> i32 {
    let Some(turns) = TURNS.get_ptr_mut(0) else { return FAILED };
    // SAFETY: the element of an array never goes away, and one measurement runs at a time.
    let (offset, port) = unsafe {
        let turns = &mut *turns;
        let port = turns.first + turns.next;
        turns.next = if turns.next + 1 < turns.count { turns.next + 1 } else { 0 };
        (turns.offset as usize & 127, (port as u16).to_be())
    };
    // SAFETY: the kernel calls classifiers with a valid context, and the verifier sees that the packet is written between
    // its bounds only.
    unsafe {
        let (begin, end) = ((*skb).data as usize, (*skb).data_end as usize);
        let at = begin + offset;
        if at + 2 > end {
            return FAILED;
        }
        *(at as *mut u16) = port;
        // Returns only if there is no such program.
        MEASURED.tail_call(&TcContext::new(skb), 0);
    }
    FAILED
}

/// Never reached: an object in which it could be reached does not pass the verifier.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// None of the helpers used here is reserved to GPL programs.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 11] = *b"Apache-2.0\0";
