//! Addresses and blocks of them.

use core::net::IpAddr;

use super::{attribute::refusing, values::Read};
use crate::{
    diagnostic::Report,
    document::{PeerDocument, Spanned},
};
use bookend_engine::{Block, Clause, HttpMatch, IpNet};

/// Blocks, and single addresses.
pub(super) fn blocks(values: &[Spanned<String>], report: &mut Report) -> Option<Read<Block>> {
    refusing(values, report, block)
}

/// The block that is meant. Envoy compares as many bits as the prefix says, whatever the others are.
fn block(text: &str) -> Result<Block, (&'static str, String)> {
    let bad = || {
        (
            "is not an address or a block",
            "write it like `10.0.0.1`, `10.0.0.0/8` or `2001:db8::/32`".to_owned(),
        )
    };
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().map_err(|_| bad())?;
    let net = match length {
        None => IpNet::from(address),
        Some(length) => {
            // As `netip.ParsePrefix` has it: no sign, and no leading zero.
            let digits = length.bytes().all(|byte| byte.is_ascii_digit())
                && (length == "0" || !length.starts_with('0'));
            let length = length.parse().ok().filter(|_| digits).ok_or_else(bad)?;
            IpNet::new(address, length).map_err(|_| bad())?
        }
    };
    Block::new(net.trunc(), Vec::new()).map_err(|error| ("never matches", error.to_string()))
}

/// Where a peer is.
pub(super) fn sources(values: &[Spanned<String>], report: &mut Report) -> Option<Read<PeerDocument>> {
    let Read { found, unsayable } = blocks(values, report)?;
    let spans = values.iter().map(|value| value.span);
    let peers = found.into_iter().zip(spans).map(|(value, span)| PeerDocument {
        block: Some(Spanned { value, span }),
        ..PeerDocument::any(span)
    });
    Some(Read { found: peers.collect(), unsayable })
}

/// Where a client is, as the proxy finds it (S86).
pub(super) fn clients(values: &[Spanned<String>], report: &mut Report) -> Option<Read<HttpMatch>> {
    let Read { found, unsayable } = blocks(values, report)?;
    let found = Clause::one_of(found).map(|clients| HttpMatch { clients, ..HttpMatch::default() });
    Some(Read { found: found.into_iter().collect(), unsayable })
}
