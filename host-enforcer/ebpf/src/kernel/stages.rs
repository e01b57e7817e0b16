//! The stages of the decision, each a function of its own to the kernel.
//!
//! They work on this CPU's scratch and take nothing but numbers. So the verifier goes through each once, for every packet
//! there could be, and not once for every path through the stages before it; and each has a stack frame of its own.

use super::maps::{self, KernelTables, NOT_REFUSED};
use super::skb::SocketBuffer;
use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::{bpf_ktime_get_coarse_ns, bpf_ktime_get_ns};
use bookend_abi::decide::{
    NO_ROOM, Route, Stages, Work, admit, close, conclude, connection, others, prepare, room, rule,
};
use bookend_abi::{Arrival, Frame as _, Packet, Reason, parse, quick};

/// From [`bookend_prepare`]: go on with [`bookend_connection`].
pub(super) const CONNECTION: u32 = Route::Connection as u32;
/// From [`bookend_prepare`]: go on with [`bookend_others`].
pub(super) const OTHERS: u32 = Route::Others as u32;
/// From [`bookend_quick`]: go the long way; from [`bookend_conclude`]: drop the packet.
pub(super) const NONE: u32 = u32::MAX;

impl Stages for KernelTables {
    #[inline(always)]
    fn rule(&mut self, work: &mut Work) {
        apart(work, || bookend_rule());
    }

    #[inline(always)]
    fn room(&mut self, work: &mut Work) -> u32 {
        apart(work, || bookend_room())
    }

    #[inline(always)]
    fn close(&mut self, work: &mut Work, cause: u8) {
        apart(work, || bookend_close(u32::from(cause)));
    }

    #[inline(always)]
    fn admit(&mut self, work: &mut Work, limit: u32, opens: bool) -> bool {
        apart(work, || bookend_admit(limit, u32::from(opens))) != 0
    }
}

/// Runs a stage, which finds its `work` by itself. The compiler must have it written before and read again after.
#[inline(always)]
fn apart<R>(work: &mut Work, stage: impl FnOnce() -> R) -> R {
    let work = core::hint::black_box(work);
    let result = stage();
    let _ = core::hint::black_box(work);
    result
}

/// Lets the packet of `skb` pass if it belongs to an established connection: the flags of the interface, or [`NONE`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn bookend_quick(skb: *mut __sk_buff, direction: u32) -> u32 {
    let frame = SocketBuffer::new(skb);
    // SAFETY: the helper takes nothing and cannot fail. As exact as the kernel's tick, and half the price.
    let time = unsafe { bpf_ktime_get_coarse_ns() };
    let (ifindex, length) = (frame.ifindex(), frame.length());
    let arrival = Arrival { time, ifindex, length, direction: direction as u8 };
    match quick::pass(&mut KernelTables, &arrival, &frame) {
        Some(outcome) => outcome.interface,
        None => NONE,
    }
}

/// Parses the packet of `skb` into the scratch.
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn bookend_parse(skb: *mut __sk_buff, direction: u32) -> u32 {
    let Some(scratch) = maps::scratch() else { return 0 };
    let frame = SocketBuffer::new(skb);
    // SAFETY: the helper takes nothing and cannot fail.
    let time = unsafe { bpf_ktime_get_ns() };
    let (ifindex, length) = (frame.ifindex(), frame.length());
    scratch.work.arrival = Arrival { time, ifindex, length, direction: direction as u8 };
    scratch.work.packet = Packet::default();
    scratch.refused = match parse(&frame, &mut scratch.work.packet) {
        Ok(()) => NOT_REFUSED,
        Err(reason) => reason.0,
    };
    0
}

/// Looks up what is in force for the packet in the scratch: 0, [`CONNECTION`] or [`OTHERS`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn bookend_prepare() -> u32 {
    let Some(scratch) = maps::scratch() else { return 0 };
    let refused = (scratch.refused != NOT_REFUSED).then_some(Reason(scratch.refused));
    prepare(&mut KernelTables, &mut scratch.work, refused) as u32
}

#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn bookend_connection() -> u32 {
    let Some(scratch) = maps::scratch() else { return 0 };
    connection(&mut KernelTables, &mut scratch.work);
    0
}

#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn bookend_others() -> u32 {
    let Some(scratch) = maps::scratch() else { return 0 };
    others(&mut KernelTables, &mut scratch.work);
    0
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn bookend_rule() -> u32 {
    let Some(scratch) = maps::scratch() else { return 0 };
    rule(&mut KernelTables, &mut scratch.work);
    0
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn bookend_room() -> u32 {
    let Some(scratch) = maps::scratch() else { return NO_ROOM };
    room(&mut KernelTables, &mut scratch.work)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn bookend_close(cause: u32) -> u32 {
    let Some(scratch) = maps::scratch() else { return 0 };
    close(&mut KernelTables, &mut scratch.work, cause as u8);
    0
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn bookend_admit(limit: u32, opens: u32) -> u32 {
    let Some(scratch) = maps::scratch() else { return 0 };
    u32::from(admit(&mut KernelTables, &mut scratch.work, limit, opens != 0))
}

/// Counts and tells the verdict in the scratch: [`NONE`], or the flags of the interface.
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn bookend_conclude() -> u32 {
    let Some(scratch) = maps::scratch() else { return NONE };
    conclude(&mut KernelTables, &mut scratch.work);
    let outcome = &scratch.work.outcome;
    if outcome.passes() { outcome.interface } else { NONE }
}
