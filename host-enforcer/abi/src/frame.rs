//! A frame as it lies in memory: bytes at an offset, or nothing.

/// An Ethernet frame, read by copying. In the kernel this is a socket buffer, elsewhere a slice.
pub trait Frame {
    /// Bytes in the frame.
    fn length(&self) -> u32;

    /// VLAN tags that lie beside the frame, where the kernel puts one on reception.
    fn tags_beside(&self) -> u8 {
        0
    }

    /// The first `N` bytes where they lie, if they lie there together.
    fn head<const N: usize>(&self) -> Option<&[u8; N]>;

    /// The `N` bytes at `offset`; `None` if the frame ends before them.
    fn load<const N: usize>(&self, offset: u32) -> Option<[u8; N]>;
}

impl Frame for [u8] {
    fn length(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    fn head<const N: usize>(&self) -> Option<&[u8; N]> {
        self.first_chunk()
    }

    fn load<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let start = usize::try_from(offset).ok()?;
        self.get(start..)?.first_chunk::<N>().copied()
    }
}
