//! Everything that speaks `aya_ebpf`: two classifiers, on the host side of a workload's veth.

mod maps;
mod skb;

use aya_ebpf::{bindings::__sk_buff, helpers::bpf_ktime_get_ns};
use bookend_abi::{
    Arrival, FROM_WORKLOAD, Frame, Outcome, Packet, Reason, TO_WORKLOAD, decide, parse, report, table::ALLOW,
};
use maps::{KernelTables, NOT_REFUSED, Scratch};
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
    let length = frame.length();
    // SAFETY: the helper takes nothing and cannot fail.
    let time = unsafe { bpf_ktime_get_ns() };
    let arrival = Arrival { time, ifindex: frame.ifindex(), length, direction };
    let Some(scratch) = maps::scratch() else {
        return TC_ACT_SHOT;
    };
    scratch.packet = Packet::default();
    // The tag may have been taken off the frame and put beside it.
    let parsed =
        if frame.is_tagged() { Err(Reason::UNKNOWN_ETHERTYPE) } else { parse(&frame, &mut scratch.packet) };
    scratch.refused = match parsed {
        Ok(()) => NOT_REFUSED,
        Err(reason) => reason.0,
    };

    let scratch = forget(scratch);
    scratch.outcome = if scratch.refused == NOT_REFUSED {
        decide(&mut KernelTables, &arrival, &scratch.packet)
    } else {
        Outcome::deny(Reason(scratch.refused))
    };

    let scratch = forget(scratch);
    maps::count(&scratch.outcome, length);
    if scratch.outcome.report {
        maps::emit(report(&arrival, &scratch.packet, &scratch.outcome));
    }
    if scratch.outcome.verdict != ALLOW {
        return TC_ACT_SHOT;
    }
    if direction == FROM_WORKLOAD {
        frame.mark_judged();
    }
    TCX_NEXT
}

/// Makes compiler and verifier forget what they know about the contents of `scratch`. Each stage is then verified
/// once for all packets, not once for every path through the stage before it: without this the programs are beyond
/// the verifier's limit of a million steps.
#[inline(always)]
fn forget(scratch: &mut Scratch) -> &mut Scratch {
    core::hint::black_box(scratch)
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
