//! Ports.

use super::{attribute::refusing, values::Read};
use crate::{Span, diagnostic::Report, document::Spanned};
use bookend_engine::{PortMatch, Protocol};

/// The ports that Istio never leads through its proxy (`istio-iptables`, excluded inbound ports): of its agent, which kubelet's
/// rewritten probes go to, of its readiness, and of Envoy's own metrics. No policy of Istio ever holds there.
pub(super) const AGENT: [u16; 3] = [15_020, 15_021, 15_090];

/// Those ports as a rule names them.
pub(super) fn agent(span: Span) -> Vec<Spanned<PortMatch>> {
    let port = |port| Some(Spanned { value: PortMatch::range(Protocol::Tcp, port, port).ok()?, span });
    AGENT.into_iter().filter_map(port).collect()
}

/// Numbers in quotes.
pub(super) fn ports(values: &[Spanned<String>], report: &mut Report) -> Option<Read<u16>> {
    refusing(values, report, |text| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>()
            .ok()
            .filter(|port| digits && *port > 0)
            .ok_or_else(|| ("is not a port", "write a number from 1 to 65535, in quotes".to_owned()))
    })
}
