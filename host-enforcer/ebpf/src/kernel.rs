//! Everything that speaks `aya_ebpf`: two classifiers, on the host side of a workload's veth.

mod atomic;
mod maps;
mod skb;
mod stages;

use aya_ebpf::bindings::__sk_buff;
use bookend_abi::table::Interface;
use bookend_abi::{FROM_WORKLOAD, TO_WORKLOAD};
use skb::SocketBuffer;

/// tcx: let the programs after this one judge as well.
const TCX_NEXT: i32 = -1;
/// tcx: drop.
const TC_ACT_SHOT: i32 = 2;

/// tcx ingress of the host side: what the workload sends.
#[unsafe(no_mangle)]
#[unsafe(link_section = "classifier")]
extern "C" fn from_workload(skb: *mut __sk_buff) -> i32 {
    judge(skb, FROM_WORKLOAD)
}

/// tcx egress of the host side: what is sent to the workload.
#[unsafe(no_mangle)]
#[unsafe(link_section = "classifier")]
extern "C" fn to_workload(skb: *mut __sk_buff) -> i32 {
    judge(skb, TO_WORKLOAD)
}

#[inline(always)]
fn judge(skb: *mut __sk_buff, direction: u8) -> i32 {
    let frame = SocketBuffer::new(skb);
    let flags = stages::bookend_quick(skb, u32::from(direction));
    if flags != stages::NONE {
        return let_pass(&frame, direction, flags);
    }
    stages::bookend_parse(skb, u32::from(direction));
    match stages::bookend_prepare() {
        stages::CONNECTION => stages::bookend_connection(),
        stages::OTHERS => stages::bookend_others(),
        _ => 0,
    };
    match stages::bookend_conclude() {
        stages::NONE => TC_ACT_SHOT,
        flags => let_pass(&frame, direction, flags),
    }
}

/// To the program behind this one; with the mark for the guard, which stands only where workloads send.
#[inline(always)]
fn let_pass(frame: &SocketBuffer, direction: u8, interface: u32) -> i32 {
    if direction == FROM_WORKLOAD && interface & Interface::HOST == 0 {
        frame.mark_judged();
    }
    TCX_NEXT
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
