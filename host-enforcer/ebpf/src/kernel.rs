//! Everything that speaks `aya_ebpf`: two classifiers, on the host side of a workload's veth.

mod maps;
mod skb;

use aya_ebpf::{bindings::__sk_buff, helpers::bpf_ktime_get_ns};
use bookend_abi::{FROM_WORKLOAD, Outcome, Packet, Reason, TO_WORKLOAD, decide, parse, report, table::ALLOW};
use maps::KernelTables;
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
    let ifindex = frame.ifindex();
    let length = frame.wire_length();
    // SAFETY: the helper takes nothing and cannot fail.
    let now = unsafe { bpf_ktime_get_ns() };
    let mut packet = Packet::default();
    // The tag may have been taken off the frame and put beside it.
    let parsed = if frame.is_tagged() { Err(Reason::UNKNOWN_ETHERTYPE) } else { parse(&frame, &mut packet) };
    let outcome = match parsed {
        Ok(()) => decide(&mut KernelTables, direction, ifindex, &packet, now),
        Err(reason) => Outcome::deny(reason),
    };
    maps::count(&outcome, length);
    if outcome.report {
        maps::emit(report(direction, ifindex, length, &packet, now, &outcome));
    }
    if outcome.verdict == ALLOW { TCX_NEXT } else { TC_ACT_SHOT }
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
