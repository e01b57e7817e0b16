//! Where attacks take place: the Envoys, the upstream behind them, and clients in any number.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use bookend_testenv::certificate::Identity;
use bookend_testenv::stand::{Running, Stand};

use crate::client::Client;
use crate::data::{Attack, Door, Suite, Wire};
use crate::proxy::{Guard, Normalization, Parts, Way, bootstrap, port};
use crate::upstream::{Received, Upstream};

/// Most of the time of a request is waiting.
const CLIENTS: usize = 128;
/// Clients come from addresses of their own above this one, so that each request is known by its address.
const FIRST_CLIENT: u32 = 0x0a40_0001;
/// In the handshakes that name no server.
const SERVER_NAME: &str = "shop.example";

/// A request that is sent once.
#[derive(Debug, Clone)]
pub(crate) struct Shot<'a> {
    /// The attack it belongs to.
    pub(crate) attack: &'a Attack,
    /// Which policy it is on: that of the attack, or one that says the same.
    pub(crate) policy: usize,
    /// What is sent: that of the attack, or a variation.
    pub(crate) wire: Wire,
    pub(crate) normalization: Normalization,
    pub(crate) way: Way,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome<'a> {
    pub(crate) shot: Shot<'a>,
    /// What the client got.
    pub(crate) answer: Vec<u8>,
    /// What the upstream got, by connection.
    pub(crate) received: Vec<Received>,
}

/// The Envoys and the upstream.
#[derive(Debug)]
pub(crate) struct Field {
    // Before the stand, which takes their namespace away.
    envoys: Vec<Running>,
    upstream: Upstream,
    identities: BTreeMap<Vec<String>, Identity>,
    serial: AtomicU32,
    stand: Stand,
}

impl Field {
    /// Sets everything up.
    ///
    /// # Errors
    /// When this is not root, Envoy or the module are not there, or a policy is refused.
    pub(crate) fn new(suite: &Suite, guard: Guard, normalizations: &[Normalization]) -> Result<Self> {
        let stand = Stand::new("attack")?;
        stand.namespace().ip("route add local 10.64.0.0/10 dev lo\n")?;
        let module = stand.module("bookend_filter.wasm")?;
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, 9000));
        let upstream = stand.namespace().run(|| Upstream::start(upstream))??;
        let mut identities = BTreeMap::new();
        for attack in &suite.attacks {
            let names = &attack.door.certificate;
            if let IpAddr::V4(from) = attack.door.from.unwrap_or(Ipv4Addr::LOCALHOST.into()) {
                stand.own(from.into())?;
            }
            if !names.is_empty() && !identities.contains_key(names) {
                let texts: Vec<&str> = names.iter().map(String::as_str).collect();
                identities.insert(names.clone(), stand.authority().issue_to_all(&texts)?);
            }
        }
        let identity = stand.authority().issue("spiffe://cluster.local/ns/default/sa/shop")?;
        let parts = Parts {
            module: &module,
            identity: &identity,
            authority: stand.authority().certificate(),
            upstream: upstream.address,
        };
        let mut envoys = Vec::new();
        for normalization in normalizations {
            stand.own(normalization.address().into())?;
            let bootstrap = bootstrap(suite, *normalization, guard, &parts)?;
            envoys.push(stand.launch(&bootstrap, &["--concurrency", "1", "--log-level", "error"])?);
        }
        for envoy in &envoys {
            envoy.await_ready()?;
        }
        Ok(Self { envoys, upstream, identities, serial: AtomicU32::new(0), stand })
    }

    /// Sends everything, and says what the upstream got of it.
    ///
    /// # Errors
    /// When a client cannot connect, or an Envoy ends.
    pub(crate) fn fire<'a>(&self, shots: Vec<Shot<'a>>) -> Result<Vec<Outcome<'a>>> {
        let next = AtomicUsize::new(0);
        let answers: Mutex<BTreeMap<usize, (SocketAddr, Vec<u8>)>> = Mutex::default();
        let work = || -> Result<()> {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(shot) = shots.get(place) else { return Ok(()) };
                let answer = self.shoot(shot).with_context(|| format!("{:?}", name(shot)))?;
                answers.lock().unwrap_or_else(PoisonError::into_inner).insert(place, answer);
            }
        };
        self.stand.namespace().run(|| {
            std::thread::scope(|scope| -> Result<()> {
                let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(work)).collect();
                for client in clients {
                    client.join().map_err(|_| anyhow::anyhow!("a client did not finish"))??;
                }
                Ok(())
            })
        })??;
        for envoy in &self.envoys {
            envoy.alive()?;
        }
        let mut received = self.upstream.take()?;
        let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
        let outcomes = shots.into_iter().enumerate().map(|(place, shot)| {
            let (client, answer) = answers.remove(&place).context("a request was not sent")?;
            Ok(Outcome { shot, answer, received: received.remove(&client).unwrap_or_default() })
        });
        let outcomes = outcomes.collect::<Result<_>>()?;
        ensure!(received.is_empty(), "the upstream heard of clients that there are not: {received:?}");
        Ok(outcomes)
    }

    fn shoot(&self, shot: &Shot<'_>) -> Result<(SocketAddr, Vec<u8>)> {
        let Door { certificate, sni, from, .. } = &shot.attack.door;
        let serial = Ipv4Addr::from(FIRST_CLIENT + self.serial.fetch_add(1, Ordering::Relaxed));
        let identity = self.identities.get(certificate);
        let name = sni.as_deref().unwrap_or(SERVER_NAME);
        let client = Client {
            from: SocketAddr::new(from.unwrap_or(serial.into()), 0),
            to: SocketAddr::from((shot.normalization.address(), port(shot.policy, shot.way))),
            identity: identity.map(|identity| (identity, name)),
        };
        client.send(&shot.wire)
    }
}

/// What reports call the attack, and the way it was tried on.
pub(crate) fn name(shot: &Shot<'_>) -> (String, String) {
    let Shot { attack, normalization, way, .. } = shot;
    (format!("{}/{}", attack.class, attack.name), format!("{}, {}", normalization.name(), way.name()))
}
