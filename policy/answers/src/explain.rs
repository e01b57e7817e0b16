//! What becomes of connections and requests, at every point that judges them, and why.

use crate::documents::Documents;
use crate::passage::{Kernel, Pair, Passage, Places};
use crate::progress::Progress;
use crate::request::Request;
use crate::subject::Directory;
use crate::traffic::{Ends, Message, Parties, Payload, Traffic, Transport, asked_port};
use crate::unaskable::Unaskable;

/// How many connections are explained at once; nobody reads more.
const MOST: usize = 10_000;

/// A question about who may send what to whom.
#[derive(Clone, Debug)]
pub struct Question {
    ends: Ends,
    transport: Transport,
    message: Option<Message>,
    payload: Payload,
}

impl Question {
    /// A question about the connection between these ends: about the packet that opens it (`packet`, and whatever is not TCP), about
    /// a request on it, or else about something sent on it that is no HTTP. An ICMP message by itself says that it is ICMP.
    ///
    /// # Errors
    /// [`Unaskable`] when its parts contradict each other.
    pub fn new(
        ends: Ends,
        protocol: Transport,
        icmp: Option<Message>,
        packet: bool,
        request: Option<Request>,
    ) -> anyhow::Result<Self> {
        let payload = match (request, protocol, packet) {
            (Some(_), protocol, _) if protocol != Transport::Tcp || icmp.is_some() => {
                return Err(Unaskable::NotOverTcp.into());
            }
            (None, Transport::Tcp | Transport::Udp | Transport::Sctp, _)
                if icmp.is_some() && protocol != Transport::Tcp =>
            {
                return Err(Unaskable::NotIcmp.into());
            }
            (Some(request), ..) => Payload::Request(request),
            (None, Transport::Tcp, false) if icmp.is_none() => Payload::Stream,
            (None, ..) => Payload::Packet,
        };
        let transport = match (icmp, protocol) {
            (Some(_), Transport::Tcp) => Transport::Icmp,
            (_, protocol) => protocol,
        };
        Ok(Self { ends, transport, message: icmp, payload })
    }

    /// The answer: a passage for every two of those that are meant.
    ///
    /// # Errors
    /// When a name means nobody or several, when the question makes no sense ([`Unaskable`]), and when the kernel cannot enforce the policy.
    pub fn ask(&self, documents: &Documents, progress: &mut dyn Progress) -> anyhow::Result<Vec<Passage>> {
        let compiled = &documents.compiled;
        let directory = Directory::new(compiled);
        let Parties { from, to, port, called } = self.ends.dialled(&directory)?;
        let traffic = Traffic {
            transport: self.transport,
            family: None,
            port: asked_port(self.transport, port, &to, &called, compiled)?,
            message: self.message,
            payload: self.payload.clone(),
            plaintext: self.ends.plaintext,
            called,
            dialled: None,
        };
        let number = from.parties.len() * to.parties.len();
        if number > MOST {
            return Err(Unaskable::TooMany(number, MOST).into());
        }
        let behind = to.parties.iter().flat_map(|party| &party.behind);
        let places = Places::new(from.parties.iter().chain(&to.parties).chain(behind), documents)?;
        let kernel = Kernel::new(&places, documents)?;
        progress.begin("asked about", number);
        let mut passages = Vec::new();
        for source in &from.parties {
            for destination in &to.parties {
                let pair = Pair::new(source, destination, &traffic, &places)?;
                passages.push(Passage::new(&pair, &traffic, documents, &kernel, true)?);
                progress.step();
            }
        }
        Ok(passages)
    }
}
