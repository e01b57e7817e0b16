//! The TCP connections that this machine has open, as the kernel lists them in `/proc/net` (proc_net_tcp.txt).

use bookend_abi::address::from_ip;
use bookend_abi::table::{FlowKey, FlowValue, TCP};
use bookend_abi::{Address, FROM_WORKLOAD, TO_WORKLOAD, flow};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where they are listed. A machine without IPv6 lacks the second.
const LISTS: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// An open connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    /// This machine's address.
    pub(crate) local: Address,
    /// This machine's port.
    pub(crate) local_port: u16,
    /// The peer's address.
    pub(crate) remote: Address,
    /// The peer's port.
    pub(crate) remote_port: u16,
    /// Whether the peer opened it: a socket of this machine listens at its port.
    pub(crate) inbound: bool,
    /// Whether the answer to its first packet is outstanding.
    pub(crate) opening: bool,
}

impl Connection {
    /// As the tables have it, at an interface.
    pub(crate) fn key(&self, ifindex: u32) -> FlowKey {
        let Self { local, local_port, remote, remote_port, .. } = *self;
        FlowKey { ifindex, protocol: u32::from(TCP), local, remote, local_port, remote_port }
    }

    /// Who opened it, at the time `now`. No rule has allowed it yet.
    pub(crate) fn value(&self, now: u64) -> FlowValue {
        FlowValue {
            last_seen: now,
            opened: now,
            state: if self.opening { flow::SYN } else { flow::ESTABLISHED },
            initiator: if self.inbound { TO_WORKLOAD } else { FROM_WORKLOAD },
            ..FlowValue::default()
        }
    }
}

/// A line of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Socket {
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    state: u8,
}

/// States of include/net/tcp_states.h. Those that are not named here have nothing more to say to each other.
mod state {
    pub(super) const ESTABLISHED: u8 = 1;
    pub(super) const SYN_SENT: u8 = 2;
    pub(super) const SYN_RECV: u8 = 3;
    pub(super) const FIN_WAIT1: u8 = 4;
    pub(super) const FIN_WAIT2: u8 = 5;
    pub(super) const CLOSE_WAIT: u8 = 8;
    pub(super) const LAST_ACK: u8 = 9;
    pub(super) const LISTEN: u8 = 10;
    pub(super) const CLOSING: u8 = 11;
}

/// The connections that are open in the network namespace of this process.
///
/// # Errors
/// If they cannot be read, or not understood.
pub(crate) fn open() -> std::io::Result<Vec<Connection>> {
    let mut sockets = Vec::new();
    for path in LISTS {
        let file = match std::fs::File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && path != LISTS[0] => continue,
            file => file?,
        };
        for line in BufReader::new(file).lines().skip(1) {
            let line = line?;
            let unlike = || std::io::Error::new(ErrorKind::InvalidData, format!("`{line}` in `{path}`"));
            sockets.push(socket(&line).ok_or_else(unlike)?);
        }
    }
    Ok(connections(&sockets))
}

fn connections(sockets: &[Socket]) -> Vec<Connection> {
    let listening: BTreeSet<(IpAddr, u16)> =
        sockets.iter().filter(|socket| socket.state == state::LISTEN).map(|socket| socket.local).collect();
    let unspecified = [IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::UNSPECIFIED)];
    let connection = |socket: &Socket| {
        use state::{CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT1, FIN_WAIT2, LAST_ACK, SYN_RECV, SYN_SENT};
        let opening = matches!(socket.state, SYN_SENT | SYN_RECV);
        let open =
            matches!(socket.state, ESTABLISHED | FIN_WAIT1 | FIN_WAIT2 | CLOSE_WAIT | LAST_ACK | CLOSING);
        let ((local, local_port), (remote, remote_port)) = (socket.local, socket.remote);
        let listens = |address: IpAddr| listening.contains(&(address, local_port));
        let inbound = match socket.state {
            SYN_RECV => true,
            SYN_SENT => false,
            _ => listens(local) || unspecified.into_iter().any(listens),
        };
        let (local, remote) = (from_ip(local), from_ip(remote));
        (open || opening).then_some(Connection { local, local_port, remote, remote_port, inbound, opening })
    };
    sockets.iter().filter_map(connection).collect()
}

/// `   0: 0A00000A:0016 0100000A:9C40 01 …`: a number, both ends, and the state.
fn socket(line: &str) -> Option<Socket> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (local, remote) = (end(words.next()?)?, end(words.next()?)?);
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    Some(Socket { local, remote, state })
}

/// An address, in words of 32 bits as they lie in memory, and a port.
fn end(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    if !matches!(address.len(), 8 | 32) {
        return None;
    }
    let mut bytes = [0; 16];
    let words = address.as_bytes().chunks(8);
    let count = words.len();
    for (place, word) in bytes.chunks_mut(4).zip(words) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        place.copy_from_slice(&word.to_ne_bytes());
    }
    let address = match (count, bytes) {
        (1, [a, b, c, d, ..]) => IpAddr::from([a, b, c, d]),
        (4, bytes) => IpAddr::from(bytes).to_canonical(),
        _ => return None,
    };
    Some((address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that serves ssh on every address, has one session, and has asked 10.0.0.9:443.
    const LIST: &str = "\
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0A00000A:0016 0100000A:9C40 01 00000000:00000000 02:000A7B30 00000000     0        0 2 2 0 20 4 30 10 -1
   2: 0A00000A:A000 0900000A:01BB 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
   3: 0A00000A:A001 0900000A:01BB 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0";

    fn read(list: &str) -> Vec<Connection> {
        connections(&list.lines().map(|line| socket(line).unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn who_listens_was_asked() {
        // The lists are in the byte order of the machine; this one is of a little-endian one.
        if cfg!(target_endian = "big") {
            return;
        }
        let found = read(LIST);
        let told: Vec<_> = found.iter().map(|c| (c.local_port, c.remote_port, c.inbound)).collect();
        assert_eq!(told, [(22, 40_000, true), (40_960, 443, false)]);
        assert_eq!(found[0].local, from_ip("10.0.0.10".parse().unwrap()));
        assert_eq!(found[0].remote, from_ip("10.0.0.1".parse().unwrap()));
        let opened: Vec<_> = found.iter().map(|c| c.value(1).initiator).collect();
        assert_eq!(opened, [TO_WORKLOAD, FROM_WORKLOAD]);
    }

    #[test]
    fn an_ipv4_connection_of_an_ipv6_socket_is_one_of_ipv4() {
        let mapped = "0: 0000000000000000FFFF00000A00000A:0016 0000000000000000FFFF00000100000A:9C40 01 x";
        if cfg!(target_endian = "little") {
            assert_eq!(read(mapped)[0].local, from_ip("10.0.0.10".parse().unwrap()));
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in
            ["", "0: 0A00000A:0016", "0: 0A00000A:0016 0100000A:9C40 zz", "0: 0A:0016 0100000A:9C40 01"]
        {
            assert_eq!(socket(line), None, "{line}");
        }
    }

    #[test]
    fn this_machine_lists_its_connections() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let _client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let open = open().unwrap();
        assert!(open.iter().any(|c| c.local_port == port && c.inbound));
        assert!(open.iter().any(|c| c.remote_port == port && !c.inbound));
    }
}
