//! A configuration at work.

mod execution;
mod facts;

use std::net::SocketAddr;

use bookend_engine::{
    Configuration, Enforcement, Exchange, FilterEnd, Head, Inventory, OwnWorkload, Permit, Program, Request,
    Ruling, ServerName, Settings, Tokens,
};

use crate::arrival::{Arrival, socket_address};
use crate::desk::{Books, Desk};
use crate::headers::RequestHead;
use crate::proxy::{Attribute, Level, Proxy};
use crate::tally::{Counters, Layer};
use crate::{Fault, tokens};
use execution::Case;

/// A configuration, bound to the proxy's own workload: what all workers of a proxy share, and what never changes. A gate that
/// could not be bound refuses everything and says why.
#[derive(Debug)]
pub struct Gate {
    enforcement: Result<Enforcement, Fault>,
    revision: String,
    settings: Settings,
    counters: Counters,
}

/// What becomes of a request's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// They go to the next filter.
    Continue,
    /// They stay here; an answer is on its way, or nothing is.
    Stop,
}

impl From<Permit> for Next {
    fn from(_permission: Permit) -> Self {
        Self::Continue
    }
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It was accepted. A handshake may be under way.
    Opened,
    /// It was told to wait, and nothing is known to have happened since.
    Waiting,
    /// Its handshake is over, or its first bytes arrived.
    Settled,
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It goes on, and is not asked about again.
    Continue,
    /// It is being closed. Nothing of it may go on.
    Stop,
    /// It stays here until it is asked about again: nothing of it goes on yet, in neither direction. Never the answer to
    /// [`Moment::Settled`].
    Wait,
}

impl From<Next> for Passage {
    fn from(next: Next) -> Self {
        match next {
            Next::Continue => Self::Continue,
            Next::Stop => Self::Stop,
        }
    }
}

/// Refuses what cannot be a configuration, with a cure.
fn json(bytes: &[u8]) -> Result<(), String> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        return Ok(());
    }
    // A `Struct` arrives in protobuf's binary form.
    Err("the configuration is not a JSON object; give it as a `google.protobuf.StringValue`".to_owned())
}

impl Gate {
    /// The gauge that is 1 where everything is refused.
    pub const FAULTY: &str = "bookend.configuration.faulty";

    /// Reads a configuration.
    ///
    /// # Errors
    /// Why it is refused: a sentence for the log. The proxy then keeps the one it had.
    pub fn configuration(bytes: &[u8]) -> Result<Configuration, String> {
        json(bytes)?;
        Configuration::from_json(bytes).map_err(|error| error.to_string())
    }

    /// What [`new`](Self::new) makes of a [`configuration`](Self::configuration), in less memory.
    ///
    /// # Errors
    /// As there.
    pub fn read(bytes: Vec<u8>, own: Result<OwnWorkload, Fault>) -> Result<Self, String> {
        json(&bytes)?;
        match own {
            Ok(own) => Enforcement::from_json(bytes, own).map(Self::of).map_err(|error| error.to_string()),
            Err(fault) => Ok(Self::new(Self::configuration(&bytes)?, Err(fault))),
        }
    }

    /// Binds a configuration to the workload that the proxy says it serves, or to the reason why that is not known: everything is
    /// refused then.
    pub fn new(configuration: Configuration, own: Result<OwnWorkload, Fault>) -> Self {
        match own {
            Ok(own) => Self::of(Enforcement::new(configuration, own)),
            Err(fault) => {
                let Configuration { revision, settings, program, .. } = configuration;
                let counters = Counters::new(&program, settings.metrics.rules);
                Self { enforcement: Err(fault), revision, settings, counters }
            }
        }
    }

    fn of(enforcement: Enforcement) -> Self {
        let (revision, settings) = (enforcement.revision().to_owned(), enforcement.settings().clone());
        let counters = Counters::new(enforcement.program(), settings.metrics.rules);
        Self { enforcement: Ok(enforcement), revision, settings, counters }
    }

    /// A gate that refuses everything, for want of a configuration.
    pub fn refusing(fault: Fault) -> Self {
        let nothing = Configuration {
            revision: String::new(),
            program: Program::default(),
            inventory: Inventory::default(),
            settings: Settings::default(),
        };
        Self::new(nothing, Err(fault))
    }

    /// Why the gate refuses everything, if it does.
    pub fn fault(&self) -> Option<&Fault> {
        self.enforcement.as_ref().err()
    }

    /// The revision of the configuration.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// The names of its counters. All of them are known from the start.
    pub fn counters(&self) -> &[String] {
        self.counters.names()
    }

    /// What it is, as numbers: names of gauges, and what they stand at as long as it is in force. Of several gates in a proxy the
    /// last one tells its own; a proxy whose gates are in one place is `faulty` as long as one of them is.
    pub fn gauges(&self) -> [(&'static str, u64); 3] {
        let rules = self.enforcement.as_ref().map_or(0, |enforcement| enforcement.program().rules().len());
        [
            (Self::FAULTY, self.fault().is_some().into()),
            ("bookend.policy.revision", number_of(&self.revision)),
            ("bookend.policy.rules", u64::try_from(rules).unwrap_or(u64::MAX)),
        ]
    }

    /// What one worker keeps beside it.
    pub fn desk(&self) -> Desk {
        Desk::new(&self.counters)
    }

    /// The headers of a request arrived: judges it, answers it if it may not pass, and keeps the books.
    pub fn pass_request(&self, desk: &mut Desk, proxy: &impl Proxy) -> Next {
        let Desk { recent, books } = desk;
        proxy.request_headers(|lines| {
            let head = lines.map_err(Fault::from).and_then(RequestHead::new);
            let arrival = Arrival::of_request(proxy, recent);
            let (head, arrival) = (head.as_ref(), arrival.as_deref());
            let upstream = self.upstream(proxy);
            let judged = self.judge_request(proxy, books, arrival, head, &upstream);
            let case = Case {
                layer: Layer::Http,
                head: head.ok(),
                arrival: arrival.ok(),
                upstream: upstream.ok().flatten(),
            };
            self.carry_out(books, proxy, &case, judged)
        })
    }

    /// A connection, or something on it, arrived: judges it as soon as it is known whose it is (S64), closes it if it may not
    /// pass, and keeps the books.
    pub fn pass_connection(&self, desk: &mut Desk, proxy: &impl Proxy, moment: Moment) -> Passage {
        let arrival = match early(proxy, moment) {
            Ok(true) => return Passage::Wait,
            Ok(false) => Arrival::of_connection(proxy),
            Err(fault) => Err(fault),
        };
        let judged = self.judge_connection(arrival.as_ref());
        let case = Case { layer: Layer::Tcp, head: None, arrival: arrival.as_ref().ok(), upstream: None };
        self.carry_out(&mut desk.books, proxy, &case, judged).into()
    }

    /// Closes a connection that waited too long.
    pub fn give_up(&self, desk: &mut Desk, proxy: &impl Proxy) -> Passage {
        let case = Case { layer: Layer::Tcp, head: None, arrival: None, upstream: None };
        self.carry_out(&mut desk.books, proxy, &case, Err(Fault::Silent)).into()
    }

    /// Where a request goes, if this gate is on its way out.
    fn upstream(&self, proxy: &impl Proxy) -> Result<Option<SocketAddr>, Fault> {
        match self.settings.end {
            FilterEnd::Destination => Ok(None),
            FilterEnd::Source => socket_address(proxy, Attribute::Upstream, "an IP address and a port"),
        }
    }

    /// `None` leaves it to the kernel (S61).
    fn judge_request(
        &self,
        proxy: &impl Proxy,
        books: &mut Books,
        arrival: Result<&Arrival, &Fault>,
        head: Result<&RequestHead<'_>, &Fault>,
        upstream: &Result<Option<SocketAddr>, Fault>,
    ) -> Result<Option<Ruling<'_>>, Fault> {
        let enforcement = self.enforcement.as_ref().map_err(Fault::clone)?;
        let (arrival, head) = (arrival.map_err(Fault::clone)?, head.map_err(Fault::clone)?);
        let upstream = upstream.as_ref().map_err(Fault::clone)?;
        let needs = enforcement.needs();
        // Two microseconds that a policy without tokens need not pay.
        let tokens = if needs.tokens { self.tokens(proxy, books) } else { Tokens::Unknown };
        // What the destination's proxy finds nobody else knows (S60).
        let inbound = self.settings.end == FilterEnd::Destination;
        let client = (inbound && needs.client).then(|| facts::client(proxy)).flatten();
        let asked = (inbound && needs.server_name).then(|| facts::asked(proxy));
        let server_name = asked.as_ref().map_or(ServerName::Unknown, facts::Asked::name);
        let RequestHead { method, authority, path, headers } = *head;
        let headers = Some(headers);
        let request = Request::new(Head { method, authority, path, headers, tokens, client, server_name });
        let exchange = Exchange::Http(&request);
        Ok(match (self.settings.end, upstream) {
            (FilterEnd::Destination, _) => Some(self::inbound(enforcement, arrival, exchange)),
            (FilterEnd::Source, Some(upstream)) => {
                enforcement.decide_outbound(arrival.address, *upstream, exchange)
            }
            (FilterEnd::Source, None) => None,
        })
    }

    /// `None` leaves it to the kernel (S61).
    fn judge_connection(&self, arrival: Result<&Arrival, &Fault>) -> Result<Option<Ruling<'_>>, Fault> {
        let enforcement = self.enforcement.as_ref().map_err(Fault::clone)?;
        let arrival = arrival.map_err(Fault::clone)?;
        Ok(match self.settings.end {
            FilterEnd::Destination => Some(inbound(enforcement, arrival, Exchange::Stream)),
            FilterEnd::Source => {
                enforcement.decide_outbound(arrival.address, arrival.destination, Exchange::Stream)
            }
        })
    }

    /// The tokens that the proxy verified. Where they cannot be read, conditions on them are in doubt (S54); the rest of the
    /// policy is judged all the same.
    fn tokens(&self, proxy: &impl Proxy, books: &mut Books) -> Tokens {
        match proxy.verified().and_then(tokens::payloads) {
            Ok(claims) => Tokens::Verified(claims),
            Err(fault) => {
                let line = || format!("bookend: the tokens of a request are in doubt, because {fault}");
                books.log(proxy, &self.settings.decision_log, Level::Warn, line);
                Tokens::Unknown
            }
        }
    }
}

/// Judges what comes in.
fn inbound<'e>(enforcement: &'e Enforcement, arrival: &Arrival, exchange: Exchange<'_>) -> Ruling<'e> {
    let local = arrival.destination;
    arrival.with_peer(|peer| enforcement.decide(peer, Some(local.ip()), local.port(), exchange))
}

/// Whether it is too early to judge a connection: its peer shows a certificate only in a handshake, and nothing that is shown
/// before its end is verified.
fn early(proxy: &impl Proxy, moment: Moment) -> Result<bool, Fault> {
    let absent = |attribute| match proxy.attribute(attribute) {
        Ok(found) => Ok(found.is_none()),
        Err(cause) => Err(Fault::unreadable(attribute, cause)),
    };
    match moment {
        Moment::Settled => Ok(false),
        Moment::Waiting => absent(Attribute::Peer),
        Moment::Opened => Ok(absent(Attribute::Peer)? && !absent(Attribute::TlsVersion)?),
    }
}

/// A revision as a number that a gauge holds exactly, 48 bits: its first twelve digits if it is hexadecimal, and otherwise its
/// FNV-1a hash, folded.
fn number_of(revision: &str) -> u64 {
    if !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let digits = revision.get(..12).unwrap_or(revision);
        return u64::from_str_radix(digits, 16).unwrap_or_default();
    }
    let stir = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = revision.bytes().fold(0xcbf2_9ce4_8422_2325, stir);
    (hash >> 48) ^ (hash & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_a_number_of_48_bits() {
        assert_eq!(number_of("00000000000f"), 15);
        assert_eq!(number_of("00000000000fffff"), 15);
        assert_eq!(number_of("ff"), 255);
        assert_eq!(number_of("sha256:ff"), number_of("sha256:ff"));
        let hashed = [number_of("r1"), number_of("r2"), number_of("")];
        assert!(hashed.iter().all(|number| *number < 1 << 48), "{hashed:?}");
        assert_ne!(hashed[0], hashed[1]);
    }
}
