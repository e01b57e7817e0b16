//! What the rules of the guard are made of: expressions of nftables, over one register.

use crate::netlink::Attributes;

/// `NFT_REG_1` and `NFT_REG_VERDICT`.
const REGISTER: u32 = 1;
const VERDICT: u32 = 0;
/// `NFTA_DATA_VALUE` and `NFTA_DATA_VERDICT`.
const VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
/// `NFT_META_MARK`, `NFT_META_IIF` and `NFT_META_OIF`.
const MARK: u32 = 3;
const IIF: u32 = 4;
const OIF: u32 = 5;
/// `NFT_OBJECT_COUNTER`.
const COUNTER: u32 = 1;
/// Bytes of a mark.
const MARK_BYTES: u32 = 4;
/// Bytes of an Ethernet address.
const STATION: u32 = 6;

/// A set of interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// Where the mark is demanded.
    Policed,
    /// Where everything is dropped.
    Waiting,
}

impl Set {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Policed => "policed",
            Self::Waiting => "waiting",
        }
    }

    /// Its number within a transaction and a table.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Policed => 1,
            Self::Waiting => 2,
        }
    }
}

/// An expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// The packet's mark is loaded.
    LoadMark,
    /// The index of the interface where it came in.
    LoadInput,
    /// The index of the interface where it goes out.
    LoadOutput,
    /// The station that a frame is for.
    LoadStation,
    /// What is loaded is narrowed to a mask of so many bytes.
    Mask([u8; 8], u32),
    /// The rule ends unless it is, or is not, this, of so many bytes.
    Compare(bool, [u8; 8], u32),
    /// The rule ends unless it is in this set.
    In(Set),
    /// The mark is set to it.
    StoreMark,
    /// A counter counts.
    Count(&'static str),
    /// The packet is dropped.
    Drop,
}

impl Expression {
    /// The mark's `bits`.
    pub(super) fn mask(bits: u32) -> Self {
        Self::Mask(wide(bits), MARK_BYTES)
    }

    /// The rule ends unless nothing is left.
    pub(super) fn is_zero() -> Self {
        Self::Compare(true, [0; 8], MARK_BYTES)
    }

    /// The rule ends if nothing is left.
    pub(super) fn is_not_zero() -> Self {
        Self::Compare(false, [0; 8], MARK_BYTES)
    }

    /// What is loaded is narrowed to these bits of a station.
    pub(super) fn mask_station(mask: [u8; 6]) -> Self {
        Self::Mask(padded(mask), STATION)
    }

    /// The rule ends unless it is this station.
    pub(super) fn is_station(station: [u8; 6]) -> Self {
        Self::Compare(true, padded(station), STATION)
    }

    /// The kernel's name of it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::LoadMark | Self::LoadInput | Self::LoadOutput | Self::StoreMark => "meta",
            Self::LoadStation => "payload",
            Self::Mask(..) => "bitwise",
            Self::Compare(..) => "cmp",
            Self::In(_) => "lookup",
            Self::Count(_) => "objref",
            Self::Drop => "immediate",
        }
    }

    /// Writes `NFTA_META_…` and so on, in the order in which nft does.
    pub(super) fn write(&self, data: &mut Attributes<'_>) {
        match self {
            Self::LoadMark => load(data, MARK),
            Self::LoadInput => load(data, IIF),
            Self::LoadOutput => load(data, OIF),
            Self::StoreMark => {
                data.big(2, MARK).big(3, REGISTER);
            }
            Self::LoadStation => {
                // The link layer's header, from its begin.
                data.big(1, REGISTER).big(2, 0).big(3, 0).big(4, STATION);
            }
            Self::Mask(mask, length) => {
                data.big(1, REGISTER).big(2, REGISTER).big(6, 0).big(3, *length);
                value(data, 4, mask, *length);
                value(data, 5, &[0; 8], *length);
            }
            Self::Compare(equal, wanted, length) => {
                data.big(1, REGISTER).big(2, u32::from(!equal));
                value(data, 3, wanted, *length);
            }
            Self::In(set) => {
                data.big(2, REGISTER).text(1, set.name()).big(4, set.number());
            }
            Self::Count(name) => {
                data.big(1, COUNTER).text(2, name);
            }
            Self::Drop => {
                data.big(1, VERDICT).nest(2, |verdict| {
                    // `NF_DROP`.
                    verdict.nest(DATA_VERDICT, |code| {
                        code.big(1, 0);
                    });
                });
            }
        }
    }
}

fn load(data: &mut Attributes<'_>, key: u32) {
    data.big(2, key).big(1, REGISTER);
}

fn value(data: &mut Attributes<'_>, kind: u16, value: &[u8; 8], length: u32) {
    let length = usize::try_from(length).unwrap_or(value.len());
    data.nest(kind, |inner| {
        inner.put(VALUE, value.get(..length).unwrap_or(value));
    });
}

/// A number as registers have it, in the order of this host.
fn wide(bits: u32) -> [u8; 8] {
    let [a, b, c, d] = bits.to_ne_bytes();
    [a, b, c, d, 0, 0, 0, 0]
}

fn padded(station: [u8; 6]) -> [u8; 8] {
    let [a, b, c, d, e, f] = station;
    [a, b, c, d, e, f, 0, 0]
}
