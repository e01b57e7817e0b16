//! Where and when a frame was met.

/// A frame at the host side of a workload's interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Nanoseconds of a monotonic clock.
    pub time: u64,
    /// Index of the host side of the workload's interface.
    pub ifindex: u32,
    /// Bytes of the frame.
    pub length: u32,
    /// [`FROM_WORKLOAD`](crate::FROM_WORKLOAD) or [`TO_WORKLOAD`](crate::TO_WORKLOAD).
    pub direction: u8,
}
