//! A socket buffer as a frame.

use aya_ebpf::{bindings::__sk_buff, helpers::bpf_skb_load_bytes};
use bookend_abi::{Frame, guard::JUDGED};
use core::mem::MaybeUninit;

/// Bytes that may be read by words.
#[repr(C, align(8))]
struct Aligned<const N: usize>([u8; N]);

/// The socket buffer a classifier was called with. At both tcx hooks it begins with the Ethernet header.
pub(super) struct SocketBuffer {
    skb: *mut __sk_buff,
}

impl SocketBuffer {
    #[inline(always)]
    pub(super) fn new(skb: *mut __sk_buff) -> Self {
        Self { skb }
    }

    /// Index of the interface the program is attached to.
    #[inline(always)]
    pub(super) fn ifindex(&self) -> u32 {
        // SAFETY: the kernel calls classifiers with a valid context; the verifier checks the access.
        unsafe { (*self.skb).ifindex }
    }

    /// Tells the guard behind tcx that this packet was judged.
    #[inline(always)]
    pub(super) fn mark_judged(&self) {
        // SAFETY: as in `ifindex`; classifiers may write the mark.
        unsafe { (*self.skb).mark |= JUDGED };
    }
}

impl Frame for SocketBuffer {
    #[inline(always)]
    fn length(&self) -> u32 {
        // SAFETY: as in `ifindex`.
        unsafe { (*self.skb).len }
    }

    #[inline(always)]
    fn tags_beside(&self) -> u8 {
        // SAFETY: as in `ifindex`.
        unsafe { u8::from((*self.skb).vlan_present != 0) }
    }

    /// What is not in the linear part is left to `load`, which finds it wherever it lies.
    #[inline(always)]
    fn head<const N: usize>(&self) -> Option<&[u8; N]> {
        // SAFETY: as in `ifindex`.
        let (start, end) = unsafe { ((*self.skb).data as usize, (*self.skb).data_end as usize) };
        if start + N > end {
            return None;
        }
        // SAFETY: `N` bytes from `start` lie before `end`, which the verifier checks, and nobody writes them now.
        Some(unsafe { &*(start as *const [u8; N]) })
    }

    #[inline(always)]
    fn load<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let mut bytes = MaybeUninit::<Aligned<N>>::uninit();
        // SAFETY: `bytes` has room for `N` bytes, and the helper checks `offset`.
        let status =
            unsafe { bpf_skb_load_bytes(self.skb.cast(), offset, bytes.as_mut_ptr().cast(), N as u32) };
        if status == 0 {
            // SAFETY: on success the helper has written all `N` bytes.
            Some(unsafe { bytes.assume_init() }.0)
        } else {
            None
        }
    }
}
