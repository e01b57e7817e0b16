//! `productpage:40000 > reviews-v1:9080 tcp syn`: a frame in one line.

use core::net::IpAddr;

use anyhow::{Context, bail, ensure};

use super::build::{arp, checksum};
use super::{Datagram, Frame, Payload};
use crate::World;
use crate::case::Crossing;
use crate::world::Family;

/// A frame that was written in one line: `[ipv6] FROM > TO KIND [TWIST]`.
///
/// Ends are workloads or addresses, with a port where the kind has ports. Kinds are `tcp FLAGS`, `udp`, `sctp CHUNK`, `gre`,
/// `echo-request ID`, `echo-reply ID`, `timestamp-request ID`, `timestamp-reply ID`, `icmp TYPE CODE`,
/// `unreachable about (FROM > TO KIND)`, `arp-request`, `arp-reply`, `neighbor-solicitation` and
/// `neighbor-advertisement`. A twist changes the frame: `truncated`, `vlan`, `source-routed`, `first-fragment`,
/// `tiny-fragment`, `later-fragment` (64 bytes into the packet) or `overlapping-fragment` (8 bytes into it).
#[derive(Clone, Debug)]
pub struct Notation {
    /// The frame.
    pub frame: Frame,
    source: IpAddr,
    destination: IpAddr,
}

impl Notation {
    /// Reads `text`, whose names are those of `world`.
    ///
    /// # Errors
    /// When it is not of that form.
    pub fn parse(text: &str, world: &World) -> anyhow::Result<Self> {
        let (text, family) = match text.strip_prefix("ipv6 ") {
            Some(rest) => (rest, Family::Ipv6),
            None => (text, Family::Ipv4),
        };
        let mut words: Vec<&str> = text.split(' ').collect();
        let twist = words.pop_if(|last| {
            matches!(*last, "truncated" | "vlan" | "source-routed") || last.ends_with("-fragment")
        });
        let (datagram, reply) = match words.as_slice() {
            [from, ">", to, kind @ ("arp-request" | "arp-reply")] => {
                (ends(from, to, family, world)?, Some(*kind == "arp-reply"))
            }
            _ => (datagram(&words.join(" "), family, world)?, None),
        };
        let (source, destination) = (datagram.source, datagram.destination);
        let mut frame = match (reply, source, destination) {
            (None, _, _) => datagram.frame(),
            (Some(reply), IpAddr::V4(sender), IpAddr::V4(target)) => {
                arp(reply, sender.octets(), target.octets())
            }
            (Some(_), _, _) => bail!("ARP is about IPv4"),
        };
        if let Some(twist) = twist {
            spoil(&mut frame, twist)?;
        }
        Ok(Self { frame, source, destination })
    }

    /// The interfaces it crosses: of the workload that has its source address, then of the one that has its
    /// destination, unless others are named.
    ///
    /// # Errors
    /// When a named workload does not exist.
    pub fn path(
        &self,
        out: Option<&str>,
        into: Option<&str>,
        world: &World,
    ) -> anyhow::Result<Vec<Crossing>> {
        let mut path = Vec::new();
        for (named, address, outward) in [(out, self.source, true), (into, self.destination, false)] {
            let interface = match named {
                Some(name) => {
                    let address = world.party(name, Family::Ipv4)?.address;
                    Some(world.interface(address).with_context(|| format!("`{name}` has no interface"))?)
                }
                None => world.interface(address),
            };
            path.extend(interface.map(|interface| Crossing { interface: interface.to_owned(), outward }));
        }
        // A frame that is made to leave or enter somewhere is looked at there only.
        match (out, into) {
            (Some(_), None) => path.retain(|crossing| crossing.outward),
            (None, Some(_)) => path.retain(|crossing| !crossing.outward),
            _ => {}
        }
        Ok(path)
    }
}

/// The addresses of both ends, with nothing between them yet.
fn ends(from: &str, to: &str, family: Family, world: &World) -> anyhow::Result<Datagram> {
    let source = world.party(from, family)?.address;
    let destination = world.party(to, family)?.address;
    Ok(Datagram { source, destination, payload: Payload::Other(0) })
}

fn datagram(text: &str, family: Family, world: &World) -> anyhow::Result<Datagram> {
    let (ends_and_kind, about) = match text.split_once(" about (") {
        Some((before, rest)) => (before, Some(rest.strip_suffix(')').context("`)` is missing")?)),
        None => (text, None),
    };
    let words: Vec<&str> = ends_and_kind.split(' ').collect();
    let [from, ">", to, kind, rest @ ..] = words.as_slice() else {
        bail!("`{text}` should be `FROM > TO KIND`");
    };
    let ported = matches!(*kind, "tcp" | "udp" | "sctp");
    let (from, source_port) = if ported { port(from)? } else { (*from, 0) };
    let (to, destination_port) = if ported { port(to)? } else { (*to, 0) };
    let mut datagram = ends(from, to, family, world)?;
    ensure!(
        datagram.source.is_ipv4() == datagram.destination.is_ipv4(),
        "the ends of `{text}` are of two families"
    );
    datagram.payload = match (*kind, rest, about) {
        ("tcp", [flags], None) => {
            Payload::Tcp { source: source_port, destination: destination_port, flags: tcp_flags(flags)? }
        }
        ("udp", [], None) => Payload::Udp { source: source_port, destination: destination_port },
        ("sctp", [chunk], None) => {
            let chunk = sctp_chunk(chunk)?;
            Payload::Sctp { source: source_port, destination: destination_port, chunk }
        }
        ("gre", [], None) => Payload::Other(47),
        (name @ ("echo-request" | "echo-reply" | "timestamp-request" | "timestamp-reply"), [id], None) => {
            let kind = match (name, family) {
                ("echo-request", Family::Ipv4) => 8,
                ("echo-request", Family::Ipv6) => 128,
                ("echo-reply", Family::Ipv4) => 0,
                ("echo-reply", Family::Ipv6) => 129,
                ("timestamp-request", Family::Ipv4) => 13,
                ("timestamp-reply", Family::Ipv4) => 14,
                _ => bail!("timestamps are IPv4's"),
            };
            Payload::Icmp { kind, code: 0, identifier: id.parse()? }
        }
        ("icmp", [kind, code], None) => {
            Payload::Icmp { kind: kind.parse()?, code: code.parse()?, identifier: 0 }
        }
        ("unreachable", [], Some(about)) => {
            Payload::Unreachable(Box::new(self::datagram(about, family, world)?))
        }
        ("neighbor-solicitation", [], None) => {
            Payload::Neighbor { advertisement: false, target: datagram.destination }
        }
        ("neighbor-advertisement", [], None) => {
            Payload::Neighbor { advertisement: true, target: datagram.source }
        }
        _ => bail!("`{text}` is of no known kind"),
    };
    Ok(datagram)
}

fn port(end: &str) -> anyhow::Result<(&str, u16)> {
    let (name, port) = end.rsplit_once(':').with_context(|| format!("`{end}` has no port"))?;
    Ok((name, port.parse().with_context(|| format!("the port of `{end}`"))?))
}

fn tcp_flags(text: &str) -> anyhow::Result<u8> {
    text.split(',').try_fold(0, |flags, name| {
        Ok(flags
            | match name {
                "fin" => 0x01,
                "syn" => 0x02,
                "rst" => 0x04,
                "ack" => 0x10,
                _ => bail!("`{name}` is no TCP flag"),
            })
    })
}

/// RFC 9260, 3.2.
fn sctp_chunk(name: &str) -> anyhow::Result<u8> {
    Ok(match name {
        "data" => 0,
        "init" => 1,
        "init-ack" => 2,
        "abort" => 6,
        "shutdown" => 7,
        "cookie-echo" => 10,
        "cookie-ack" => 11,
        "shutdown-complete" => 14,
        _ => bail!("`{name}` is no SCTP chunk"),
    })
}

fn spoil(frame: &mut Frame, twist: &str) -> anyhow::Result<()> {
    const ETHERNET: usize = 14;
    let bytes = &mut frame.bytes;
    let v4 = bytes.get(12..ETHERNET) == Some(&[0x08, 0x00]);
    match twist {
        "truncated" => {
            bytes.pop();
        }
        "vlan" => {
            bytes.splice(12..12, [0x81, 0x00, 0, 1]);
        }
        // The flag "more fragments", which demands a multiple of 8 bytes; or an offset in such units.
        "first-fragment" if v4 => {
            bytes.resize(ETHERNET + 20 + 64, 0);
            edit_header(bytes, 0x45, &[], 6, 0x20)?;
        }
        "tiny-fragment" if v4 => {
            bytes.truncate(ETHERNET + 20 + 8);
            edit_header(bytes, 0x45, &[], 6, 0x20)?;
        }
        "later-fragment" if v4 => edit_header(bytes, 0x45, &[], 7, 8)?,
        "overlapping-fragment" if v4 => edit_header(bytes, 0x45, &[], 7, 1)?,
        // An option of type 131, loose source routing (RFC 791, 3.1), and one byte of padding.
        "source-routed" if v4 => edit_header(bytes, 0x46, &[131, 3, 4, 0], 6, 0)?,
        _ => bail!("`{twist}` is for IPv4 packets"),
    }
    Ok(())
}

/// Rewrites the IPv4 header: its first byte, options behind it, the byte at an offset; then length and checksum.
fn edit_header(bytes: &mut Vec<u8>, first: u8, options: &[u8], at: usize, value: u8) -> anyhow::Result<()> {
    const ETHERNET: usize = 14;
    const HEADER: usize = 20;
    bytes.splice(ETHERNET + HEADER..ETHERNET + HEADER, options.iter().copied());
    let total = u16::try_from(bytes.len() - ETHERNET)?.to_be_bytes();
    let header = bytes.get_mut(ETHERNET..ETHERNET + HEADER + options.len()).context("a header")?;
    header.iter_mut().take(1).for_each(|byte| *byte = first);
    header.iter_mut().skip(2).zip(total).for_each(|(byte, new)| *byte = new);
    header.iter_mut().skip(at).take(1).for_each(|byte| *byte = value);
    header.iter_mut().skip(10).take(2).for_each(|byte| *byte = 0);
    let sum = checksum(header);
    header.iter_mut().skip(10).zip(sum).for_each(|(byte, new)| *byte = new);
    Ok(())
}
