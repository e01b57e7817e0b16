//! Whether a ruleset does what it should, on samples: a ruleset that does nothing would win every race.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use socket2::{Domain, Socket, Type};

use super::estate::{Estate, own_v4, peer_v4};
use super::ground::Ground;

/// So many rules are tried, spread over all of them, the first and the last among them.
const RULES: usize = 12;
/// How long the absence of a connection is waited for.
const SILENCE: Duration = Duration::from_millis(400);
/// How long a connection that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection to be tried: from whom, to which port.
type Attempt = (Ipv4Addr, u16);

/// Tries connections that are allowed and such that are not, all at once, and judges them where they should arrive.
///
/// # Errors
/// If one arrives that should not, or the other way round. With `open` all should.
pub(super) fn check(
    ground: &Ground,
    listeners: &[(u16, TcpListener)],
    estate: &Estate,
    open: bool,
) -> anyhow::Result<()> {
    let attempts = attempts(estate);
    let expected: BTreeSet<Attempt> =
        attempts.iter().filter(|(_, allowed)| open || *allowed).map(|(attempt, _)| *attempt).collect();
    let denied = attempts.len() - expected.len();
    ensure!(open || (denied >= expected.len() && !expected.is_empty()), "the samples say nothing");
    let sockets = ground.far.run(|| {
        let opened = attempts.iter().map(|(attempt, _)| dial(*attempt));
        opened.collect::<std::io::Result<Vec<_>>>()
    })?;
    let sockets = sockets.context("cannot try connections")?;
    let begin = Instant::now();
    let mut arrived = BTreeSet::new();
    loop {
        for (port, listener) in listeners {
            listener.set_nonblocking(true)?;
            while let Ok((_, from)) = listener.accept() {
                if let IpAddr::V4(from) = from.ip() {
                    arrived.insert((from, *port));
                }
            }
            listener.set_nonblocking(false)?;
        }
        let all = expected.is_subset(&arrived);
        if (all && begin.elapsed() > SILENCE) || begin.elapsed() > PATIENCE {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(sockets);
    let wrong: Vec<_> = expected.symmetric_difference(&arrived).collect();
    ensure!(
        wrong.is_empty(),
        "of {} connections {} should arrive and {} did; wrong are {wrong:?}",
        attempts.len(),
        expected.len(),
        arrived.len()
    );
    Ok(())
}

/// What is tried, and whether it is allowed.
fn attempts(estate: &Estate) -> Vec<(Attempt, bool)> {
    let last = estate.rules - 1;
    let ports: Vec<u16> = estate.ports().collect();
    let mut attempts = BTreeSet::new();
    let all = (0..RULES).map(|number| last * number / (RULES - 1)).collect::<BTreeSet<_>>();
    // A peer that is on this host is only there.
    for rule in all.into_iter().filter(|rule| !estate.near || estate.peer(*rule) + 1 == estate.identities) {
        let (peer, port) = (estate.peer(rule), estate.port(rule));
        let position = ports.iter().position(|it| *it == port).unwrap_or_default();
        let other = ports.get((position + 1) % ports.len()).copied().unwrap_or(port);
        attempts.insert(((peer_v4(peer), port), estate.allows(peer, port)));
        attempts.insert(((peer_v4(peer), other), estate.allows(peer, other)));
        if !estate.near {
            // Of an address that nobody has.
            attempts.insert(((peer_v4(estate.identities + rule + 1), port), false));
        }
    }
    attempts.into_iter().collect()
}

fn dial((from, port): Attempt) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    match socket.connect(&SocketAddr::from((own_v4(0), port)).into()) {
        Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
            Err(error)
        }
        _ => Ok(socket),
    }
}
