//! Something done from inside a namespace, and what its receiver says about it.
//!
//! Every attempt carries a mark: in a header of the HTTP request, or in the data of the packet. Servers and
//! witnesses are asked for the mark; what the sender believes is reported as well but decides nothing, because
//! behind a sidecar every connection seems to succeed.

mod describe;
mod dial;
mod hold;

use std::fmt;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub use hold::Held;

use crate::error::{Doing, Error, Result};
use crate::http::{Connection, Request, Response};
use crate::journal::{ATTEMPT_HEADER, Record};
use crate::link::Link;
use crate::namespace::Namespace;
use crate::packet::{Arrival, Forgery, Payload};
use crate::world::World;
use crate::world::topology::{self, APP_UID, HOST_MAC, PROXY_UID};

/// How long a direct connection may take. Everything is on this machine; what takes longer was dropped.
const DIAL: Duration = Duration::from_millis(700);
/// How long an HTTP answer may take; a sidecar needs a second to give up on a connection that is dropped.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a packet may take to arrive, once sent.
const FLIGHT: Duration = Duration::from_millis(250);
/// The most ports one scan tries.
pub const SCAN_LIMIT: usize = 1024;

/// Where an attempt goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A service of the mesh, by name: the sidecar chooses the pod.
    Service(&'static str),
    /// An address and port.
    Address(SocketAddr),
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// An HTTP request; its `host` header is the caller's affair.
    Http {
        /// Where to.
        to: Target,
        /// The request.
        request: Request,
    },
    /// A TCP connection; once open the mark is sent over it.
    Connect {
        /// Where to.
        to: SocketAddr,
    },
    /// A UDP datagram that holds the mark.
    Datagram {
        /// Where to.
        to: SocketAddr,
    },
    /// An ICMP echo request (a ping) that holds the mark.
    Echo {
        /// Where to.
        to: IpAddr,
    },
    /// A frame made by hand, put on the wire below the protocol stack.
    Forge(Forgery),
    /// A frame made by hand for each of these ports that opens a TCP connection; at most [`SCAN_LIMIT`].
    Scan {
        /// Whose ports.
        to: IpAddr,
        /// Which.
        ports: std::ops::RangeInclusive<u16>,
    },
}

/// Something to be done somewhere by somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The key of a pod or of an outside host.
    pub from: &'static str,
    /// The user whose sockets are used: [`APP_UID`] is redirected through the sidecar, [`PROXY_UID`] is not.
    pub uid: u32,
    /// What.
    pub act: Act,
}

/// What was seen of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The mark it carried.
    pub mark: String,
    /// What servers received that bears the mark.
    pub received: Vec<Record>,
    /// The packets that arrived at the destination because of it.
    pub arrived: Vec<Arrival>,
    /// What came back to the sender.
    pub answer: Answer,
}

/// What came back to the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP answer.
    Http(Response),
    /// The connection was established.
    Connected,
    /// Nothing was waited for.
    Sent,
    /// It failed, in the words of the sender's system.
    Failed(String),
}

impl Attempt {
    /// What an honest application of pod `from` does: its traffic goes through the sidecar.
    pub fn by(from: &'static str, act: Act) -> Self {
        Self { from, uid: APP_UID, act }
    }

    /// What somebody does who has become the proxy's user: nothing is redirected.
    pub fn around_the_proxy(from: &'static str, act: Act) -> Self {
        Self { from, uid: PROXY_UID, act }
    }

    /// An HTTP request to a service, as the application of `from` makes it.
    pub fn http(from: &'static str, method: &str, service: &'static str, path: &str) -> Self {
        let request = Request::new(method, &format!("{service}:{}", topology::APP_PORT), path);
        Self::by(from, Act::Http { to: Target::Service(service), request })
    }
}

impl Observation {
    /// Whether it got through: a server received the request; for everything below HTTP, a packet arrived.
    pub fn reached(&self, attempt: &Attempt) -> bool {
        match attempt.act {
            Act::Http { .. } => !self.received.is_empty(),
            _ => !self.arrived.is_empty() || !self.received.is_empty(),
        }
    }

    /// The HTTP status that came back, if any.
    pub fn status(&self) -> Option<u16> {
        match &self.answer {
            Answer::Http(response) => Some(response.status),
            _ => None,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(response) => write!(f, "HTTP {}", response.status),
            Self::Connected => f.write_str("connected"),
            Self::Sent => f.write_str("sent"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl World {
    /// Does it and looks at the receivers.
    ///
    /// # Errors
    /// If the attempt could not be made at all or its outcome could not be observed; an attempt that is stopped is
    /// no error.
    pub fn attempt(&self, attempt: &Attempt) -> Result<Observation> {
        let (namespace, sources, mac) = self.sender(attempt.from)?;
        let mark = new_mark();
        let before = self.now()?;
        let places = places(&attempt.act)?;
        let positions: Vec<_> = places
            .iter()
            .map(|place| Ok((*place, self.witness(*place)?.position())))
            .collect::<Result<_>>()?;
        let answer = namespace
            .run_as(attempt.uid, || perform(&attempt.act, &sources, mac, &mark))
            .and_then(|it| it)?;
        let mut arrived = Vec::new();
        for (place, position) in positions {
            let matches = |arrival: &Arrival| caused(&attempt.act, arrival, place, &sources, &mark);
            // A request that was answered has arrived; all else needs the time of a packet's flight.
            let limit = if matches!(answer, Answer::Http(_)) { Duration::ZERO } else { FLIGHT };
            arrived.extend(self.witness(place)?.since(position, limit, matches)?);
        }
        let mut received = self.received_since(&before)?;
        received.retain(|record| record.bears(&mark));
        Ok(Observation { mark, received, arrived, answer })
    }

    pub(crate) fn sender(&self, key: &str) -> Result<(&Namespace, Vec<IpAddr>, [u8; 6])> {
        if let Some(external) = topology::external(key) {
            return Ok((self.outside(), external.addresses().to_vec(), topology::OUTSIDE_MAC));
        }
        let pod = self.pod(key)?;
        Ok((pod.namespace(), pod.workload().addresses().to_vec(), pod.workload().mac()))
    }
}

/// The addresses whose arrivals are looked at.
fn places(act: &Act) -> Result<Vec<IpAddr>> {
    Ok(match act {
        Act::Http { to: Target::Service(name), .. } => {
            let service = topology::service(name)
                .ok_or_else(|| Error::new(format!("no service is called `{name}`")))?;
            service.workloads().map(|workload| workload.ipv4().into()).collect()
        }
        Act::Http { to: Target::Address(to), .. } | Act::Connect { to } | Act::Datagram { to } => {
            vec![to.ip()]
        }
        Act::Echo { to } | Act::Scan { to, .. } => vec![*to],
        Act::Forge(forgery) => vec![forgery.to.ip()],
    })
}

/// Whether `arrival` at `place` is the doing of this attempt.
fn caused(act: &Act, arrival: &Arrival, place: IpAddr, sources: &[IpAddr], mark: &str) -> bool {
    if arrival.destination != place {
        return false;
    }
    let opened =
        |to: u16| arrival.opens() && arrival.destination_port == to && sources.contains(&arrival.source);
    match act {
        // The sidecar opens a connection of its own, or uses one that is open: any packet will do.
        Act::Http { to, .. } => {
            let port = match to {
                Target::Service(_) => topology::APP_PORT,
                Target::Address(to) => to.port(),
            };
            arrival.destination_port == port && sources.contains(&arrival.source)
        }
        Act::Connect { to } => opened(to.port()),
        Act::Datagram { .. } | Act::Echo { .. } | Act::Forge(_) | Act::Scan { .. } => arrival.bears(mark),
    }
}

fn perform(act: &Act, sources: &[IpAddr], mac: [u8; 6], mark: &str) -> Result<Answer> {
    let own = |to: IpAddr| own_address(sources, to);
    match act {
        Act::Http { to, request } => {
            let to = match to {
                Target::Service(name) => topology::service(name)
                    .map(topology::Service::address)
                    .ok_or_else(|| Error::new(format!("no service is called `{name}`")))?,
                Target::Address(to) => *to,
            };
            let request = request.clone().header(ATTEMPT_HEADER, mark).header("connection", "close");
            let answer = dial::tcp(own(to.ip())?, to, DIAL)
                .and_then(|stream| Connection::new(stream, to).ask(&request, ANSWER));
            Ok(answer.map_or_else(|error| Answer::Failed(error.to_string()), Answer::Http))
        }
        Act::Connect { to } => Ok(match dial::tcp(own(to.ip())?, *to, DIAL) {
            Ok(stream) => {
                dial::say(stream, mark, FLIGHT);
                Answer::Connected
            }
            Err(error) => Answer::Failed(error.to_string()),
        }),
        Act::Datagram { to } => {
            let socket = UdpSocket::bind((own(to.ip())?, 0)).doing("open a UDP socket")?;
            Ok(sent(socket.send_to(mark.as_bytes(), to).map(drop)))
        }
        Act::Echo { to } => dial::ping(own(*to)?, *to, mark).map(sent),
        Act::Forge(forgery) => {
            Link::open("eth0")?.send(&forgery.frame(mac, HOST_MAC, mark)?)?;
            Ok(Answer::Sent)
        }
        Act::Scan { to, ports } => {
            let link = Link::open("eth0")?;
            let source = own(*to)?;
            for port in ports.clone().take(SCAN_LIMIT) {
                let to = SocketAddr::new(*to, port);
                let forgery = Forgery { source, source_port: 40_000, to, payload: Payload::Syn };
                link.send(&forgery.frame(mac, HOST_MAC, mark)?)?;
            }
            Ok(Answer::Sent)
        }
    }
}

/// The one of the sender's addresses from which `to` can be reached.
fn own_address(sources: &[IpAddr], to: IpAddr) -> Result<IpAddr> {
    let same = sources.iter().find(|source| source.is_ipv4() == to.is_ipv4());
    same.copied().ok_or_else(|| Error::new(format!("the sender has no address to reach {to} from")))
}

fn sent(result: std::io::Result<()>) -> Answer {
    result.map_or_else(|error| Answer::Failed(error.to_string()), |()| Answer::Sent)
}

/// A mark no other attempt of this process carries; fixed length, so that none is the beginning of another.
fn new_mark() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("bkd-mark-{:010}-{:06}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
