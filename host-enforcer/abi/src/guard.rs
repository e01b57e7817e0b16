//! The mark by which a packet says that it was judged.
//!
//! Linux can be made to jump over every tcx program on a packet's way in: `tc_skip_classify`, which an `ifb` device sets,
//! crosses a veth. So the program that judges what a workload sends marks what it lets pass, and a netfilter table right
//! behind it, the guard, drops what comes from a policed interface without the mark and takes the mark off the rest.
//! A workload cannot set it: the kernel zeroes the mark of what crosses a veth into another network namespace
//! (`skb_scrub_packet`).

/// The bit of `skb->mark` that says "judged", from tcx to the guard; all other bits stay as they are. None of those that
/// others commonly use: kube-proxy 0xc000, Calico 0xffff_0000, Cilium 0xffff_0fff, CNI portmap 0x2000, Istio 0x539.
pub const JUDGED: u32 = 0x1000;
