//! Blocks of addresses.

use core::net::IpAddr;

use super::fields::{distinct, string};
use crate::{Code, diagnostic::Report, document::Spanned, limit, yaml::Node};
use bookend_engine::{Block, BlockError, IpNet};

/// The addresses of `cidr` that lie in none of `except`.
pub(crate) fn block(cidr: &Node, except: Option<&Node>, report: &mut Report) -> Option<Block> {
    let whole = net(cidr, "cidr", report);
    let inner = distinct(except, "except", limit::VALUES, report, |node, report| net(node, "except", report));
    let (whole, inner) = (whole?, inner?);
    let inner = inner.alternatives().unwrap_or_default();
    let mut sound = true;
    for part in inner {
        if !whole.value.contains(&part.value) || part.value == whole.value {
            let message = if part.value == whole.value {
                format!("`{}` is the whole block, so nothing is left of it", part.value)
            } else {
                format!("`{}` does not lie inside `{}`", part.value, whole.value)
            };
            let related = (whole.span, "the block it is taken from");
            report.add_related(
                Code::ExceptOutside,
                part.span,
                message,
                "write a smaller block of it, or remove it",
                related,
            );
            sound = false;
        }
    }
    let nets = inner.iter().map(|part| part.value).collect();
    sound.then(|| Block::new(whole.value, nets).ok()).flatten()
}

/// A block of addresses, without host bits.
pub(crate) fn net(node: &Node, what: &str, report: &mut Report) -> Option<Spanned<IpNet>> {
    let text = string(node, what, report)?;
    let bad = |report: &mut Report, cause: &str, cure: String| {
        report.add(Code::BadCidr, text.span, format!("`{}` {cause}", text.value), cure);
        None
    };
    // What `IpNet` reads beyond this has leading zeros, which elsewhere mean octal numbers.
    let plain = text.value.split_once('/').is_some_and(|(address, length)| {
        address.parse::<IpAddr>().is_ok() && (length == "0" || !length.starts_with('0'))
    });
    let Some(net) = text.value.parse::<IpNet>().ok().filter(|_| plain) else {
        if let Ok(address) = text.value.parse::<IpAddr>() {
            return bad(report, "has no prefix length", format!("write `{}`", IpNet::from(address)));
        }
        return bad(
            report,
            "is not a block of addresses",
            "write it like `10.0.0.0/8` or `2001:db8::/32`".to_owned(),
        );
    };
    match Block::new(net, Vec::new()) {
        Ok(_) => Some(Spanned { value: net, span: text.span }),
        Err(BlockError::HostBits) => {
            bad(report, "has bits set after its prefix", format!("write `{}`", net.trunc()))
        }
        Err(error) => bad(report, "is refused", error.to_string()),
    }
}
