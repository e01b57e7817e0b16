//! The shipped module in real Envoys.

mod build;
mod client;
mod configuration;
mod departure;
mod proxy;
#[path = "../shared/tls.rs"]
mod tls;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use bookend_engine::{End, Verdict};
use bookend_testenv::Stand;
use bookend_testenv::certificate::Identity;
use bookend_testenv::envoy::Verifier;
use bookend_testenv::token::Signer;
use bookend_testing::question::{Head, ServerName, Tokens};
use bookend_testing::vehicle::{proxied, sending};
use bookend_testing::{Answer, Corpus, Judged, Question, Seen, Traffic, Vehicle, World};

use crate::{ONE_TOKEN, audited};
use client::{Client, Message};
use configuration::DETAILS_HEADER;
use proxy::{Logged, Proxy};

pub(crate) use build::Build;

/// One Envoy for each workload that connections are opened to, all in one network namespace that has every address of
/// the corpus. Connections come from the address that the case says, with the certificate that the case says; Envoy
/// answers itself what the filter lets pass. A new policy is a new filter configuration for running Envoys.
///
/// Requests meet the module among HTTP filters, streams among network filters. What a case asks of the source's filter
/// (S60) goes through other Envoys, each in a namespace of its own: requests meet the module there where their endpoint is
/// chosen, and an answer behind it.
///
/// Tokens are signed here and verified by Envoy, in the way of Istio's `RequestAuthentication`.
///
/// Envoy leaves paths as they come here, which Istio's Envoys do not: what the filter makes of them is in question.
pub(crate) struct Envoy {
    // Before the namespace they live in.
    proxies: BTreeMap<(End, String), Proxy>,
    arrivals: Stand,
    /// By the name of the source.
    departures: BTreeMap<String, Stand>,
    build: Build,
    module: PathBuf,
    signer: Signer,
    verifier: Verifier,
    identities: BTreeMap<Vec<String>, Identity>,
    /// Where connections are opened to, by the end that is asked.
    endpoints: Vec<(End, SocketAddr)>,
    world: Option<Arc<World>>,
    /// How many streams there were.
    streams: u16,
}

impl Envoy {
    /// Envoys for every question of the corpus.
    ///
    /// # Errors
    /// When this is not root, or Envoy or the module are not there.
    pub(crate) fn new(build: Build, corpus: &Corpus) -> anyhow::Result<Self> {
        let questions: Vec<&Question> = corpus
            .sections
            .iter()
            .flat_map(|section| &section.cases)
            .flat_map(|case| &case.expectations)
            .map(|expectation| &expectation.question)
            .filter(|question| question.traffic != Traffic::Packet)
            .collect();
        let endpoint = |q: &&Question| (q.end, SocketAddr::new(q.destination.address, q.port));
        let endpoints = questions.iter().map(endpoint).collect();
        let tokens = questions.iter().filter_map(|question| match &question.traffic {
            Traffic::Request { tokens: Tokens::Verified(tokens), .. } => Some(tokens),
            _ => None,
        });
        let issuers = tokens.flatten().map(|claims| issuer(claims).map(str::to_owned));
        let signer = Signer::new()?;
        let verifier = Verifier::new(signer.key_set(), issuers);
        Self::at(build, endpoints, signer, verifier)
    }

    /// Makes the namespace and an authority, for Envoys that listen at `endpoints` and verify tokens.
    ///
    /// # Errors
    /// When this is not root, or Envoy or the module are not there.
    pub(crate) fn at(
        build: Build,
        mut endpoints: Vec<(End, SocketAddr)>,
        signer: Signer,
        verifier: Verifier,
    ) -> anyhow::Result<Self> {
        let arrivals = Stand::new("corpus")?;
        let module = arrivals.module(build.file())?;
        endpoints.sort_unstable();
        endpoints.dedup();
        Ok(Self {
            proxies: BTreeMap::new(),
            arrivals,
            departures: BTreeMap::new(),
            build,
            module,
            signer,
            verifier,
            identities: BTreeMap::new(),
            endpoints,
            world: None,
            streams: 0,
        })
    }

    /// The namespace in which the question is asked.
    fn stand(&self, (end, name): &(End, String)) -> anyhow::Result<&Stand> {
        match end {
            End::Destination => Ok(&self.arrivals),
            End::Source => self.departures.get(name).context("a namespace"),
        }
    }

    /// The same; made if it is not there yet.
    fn place(&mut self, question: &Question) -> anyhow::Result<&Stand> {
        let key = key(question);
        if key.0 == End::Source && !self.departures.contains_key(&key.1) {
            let stand = Stand::new("departure")?;
            stand.own(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6).into())?;
            self.departures.insert(key.1.clone(), stand);
        }
        self.stand(&key)
    }

    /// Sees to it that the Envoy that is asked runs, with the policies of this world in force.
    fn ready(&mut self, question: &Question) -> anyhow::Result<()> {
        let world = Arc::clone(self.world.as_ref().context("no world was entered")?);
        let key = key(question);
        if let Some(proxy) = self.proxies.get_mut(&key) {
            return proxy.enter(&world, &self.module);
        }
        let (end, name) = &key;
        let stand = self.stand(&key)?;
        let workload = world.workload(name).context("a workload")?;
        let mut endpoints: Vec<_> =
            self.endpoints.iter().filter(|(of, _)| of == end).map(|(_, endpoint)| *endpoint).collect();
        if *end == End::Destination {
            let own: Vec<_> = workload.instances.iter().flat_map(|instance| &instance.addresses).collect();
            endpoints.retain(|endpoint| own.contains(&&endpoint.ip()));
        }
        for endpoint in &endpoints {
            stand.own(endpoint.ip())?;
        }
        let number = u16::try_from(self.proxies.len())?;
        let parts = configuration::Parts {
            build: self.build,
            workload,
            end: *end,
            endpoints,
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 15_000 + number)),
            identity: stand.authority().issue(&world.spiffe_id(workload))?,
            authority: stand.authority().certificate(),
            verifier: &self.verifier,
            directory: stand.directory().join(format!("filter-{number}")),
        };
        let proxy = Proxy::start(stand, &parts, &self.module, &world)?;
        self.proxies.insert(key, proxy);
        Ok(())
    }

    /// The headers that carry tokens, or why they cannot be carried.
    #[expect(clippy::type_complexity, reason = "a header is two byte strings, as everywhere here")]
    fn carried(&self, tokens: &Tokens) -> anyhow::Result<Result<Vec<(Vec<u8>, Vec<u8>)>, &'static str>> {
        let Tokens::Verified(tokens) = tokens else {
            return Ok(Err("what Envoy says of tokens can be read"));
        };
        let mut headers: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for claims in tokens {
            let name =
                self.verifier.header(issuer(claims)).context("an issuer that the corpus does not name")?;
            if headers.iter().any(|(other, _)| *other == name.as_bytes()) {
                return Ok(Err(ONE_TOKEN));
            }
            headers.push((name.into_bytes(), self.signer.sign(claims)?.into_bytes()));
        }
        Ok(Ok(headers))
    }

    fn identity(&mut self, names: &[String]) -> anyhow::Result<Option<Identity>> {
        if names.is_empty() {
            return Ok(None);
        }
        if !self.identities.contains_key(names) {
            let texts: Vec<&str> = names.iter().map(String::as_str).collect();
            self.identities.insert(names.to_vec(), self.arrivals.authority().issue_to_all(&texts)?);
        }
        Ok(self.identities.get(names).cloned())
    }
}

impl Vehicle for Envoy {
    fn name(&self) -> &'static str {
        self.build.name()
    }

    fn enter(&mut self, world: &Arc<World>) -> anyhow::Result<()> {
        self.world = Some(Arc::clone(world));
        Ok(())
    }

    fn judge(&mut self, question: &Question) -> anyhow::Result<Judged> {
        let world = Arc::clone(self.world.as_ref().context("no world was entered")?);
        let Some(seen) = question.seen() else {
            return Ok(Judged::NotApplicable("packets are the kernel's business"));
        };
        // At the source a workload speaks to its own proxy, and shows nothing.
        let (own, seen) = match question.end {
            End::Destination => (proxied(&world, question), seen.clone()),
            End::Source => {
                let address = Some(question.source.address);
                (sending(&world, question), Seen { uri_sans: Vec::new(), address })
            }
        };
        if let Err(reason) = own {
            return Ok(Judged::NotApplicable(reason));
        }
        match seen.address {
            None => return Ok(Judged::NotApplicable("Envoy always knows the direct address")),
            Some(address) if address.to_canonical() != address => {
                return Ok(Judged::NotApplicable("Envoy shows no IPv4-mapped addresses"));
            }
            Some(address) => self.place(question)?.own(address)?,
        }
        match &question.traffic {
            Traffic::Request { head, tokens, .. } => self.request(question, &seen, head, tokens),
            _ => self.stream(question, &seen),
        }
    }
}

impl Envoy {
    fn client<'c>(
        question: &Question,
        seen: &Seen,
        identity: Option<&'c Identity>,
    ) -> anyhow::Result<Client<'c>> {
        Ok(Client {
            from: SocketAddr::new(seen.address.context("an address")?, 0),
            to: SocketAddr::new(question.destination.address, question.port),
            identity,
            server_name: None,
        })
    }

    fn proxy(&self, question: &Question) -> anyhow::Result<&Proxy> {
        self.proxies.get(&key(question)).context("an Envoy")
    }

    /// Opens a connection and waits for what Envoy says to it.
    fn stream(&mut self, question: &Question, seen: &Seen) -> anyhow::Result<Judged> {
        self.ready(question)?;
        let identity = self.identity(&seen.uri_sans)?;
        let mut client = Self::client(question, seen, identity.as_ref())?;
        client.from.set_port(configuration::stream_port(self.streams));
        self.streams = self.streams.wrapping_add(1);
        let proxy = self.proxy(question)?;
        let end = proxy.end()?;
        let (peer, heard) = self.stand(&key(question))?.namespace().run(|| client.listen())??;
        let verdict = match heard.as_slice() {
            b"" => Verdict::Deny,
            configuration::GREETING => Verdict::Allow,
            other => bail!("`{}` is not what Envoy says to streams", other.escape_ascii()),
        };
        answer(question.end, verdict, proxy.logged(end, "stream", peer)?)
    }

    fn request(
        &mut self,
        question: &Question,
        seen: &Seen,
        head: &Head,
        tokens: &Tokens,
    ) -> anyhow::Result<Judged> {
        if let Err(reason) = sendable(head) {
            return Ok(Judged::NotApplicable(reason));
        }
        let carried = match self.carried(tokens)? {
            Ok(carried) => carried,
            Err(reason) => return Ok(Judged::NotApplicable(reason)),
        };
        self.ready(question)?;
        let identity = self.identity(&seen.uri_sans)?;
        let mut client = Self::client(question, seen, identity.as_ref())?;
        if let ServerName::Name(name) = &head.server_name {
            client.server_name = Some(name);
        }
        // Somebody in front tells for whom he asks; Envoy believes the last one, as it is configured here.
        let told = match head.client {
            None if question.end == End::Destination => {
                return Ok(Judged::NotApplicable("Envoy always knows some client"));
            }
            Some(client) if Some(client) != seen.address => {
                vec![(b"x-forwarded-for".to_vec(), client.to_string().into_bytes())]
            }
            _ => Vec::new(),
        };
        let text = |(name, value): &(Vec<u8>, Vec<u8>)| (name.clone(), value.clone());
        let headers: Vec<_> = head.headers.iter().map(text).chain(carried).chain(told).collect();
        let message = Message {
            method: head.method.as_deref().unwrap_or_default(),
            path: head.path.as_deref(),
            authority: head.authority.as_deref(),
            headers: headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect(),
        };
        let proxy = self.proxy(question)?;
        let end = proxy.end()?;
        let (peer, response) = self.stand(&key(question))?.namespace().run(|| client.ask(&message))??;
        let Some(response) = response else { return Ok(Judged::Refused("Envoy closes the connection")) };
        let ours = response.header(DETAILS_HEADER).is_some_and(|details| details.starts_with("bookend_"));
        match response.status {
            401 if !ours => return Ok(Judged::NotApplicable("Envoy takes no such token")),
            // 404 is for a target that is no path: there is a route for every path.
            400 | 404 if !ours => return Ok(Judged::Refused("Envoy refuses the request itself")),
            _ => {}
        }
        let logged = proxy.logged(end, "request", peer)?;
        let details = logged.details.as_deref().unwrap_or_default();
        // Envoy answers gRPC with the status 200, whatever is said.
        let verdict = match (response.status, details.split('{').next()) {
            (200, Some("direct_response" | "via_upstream")) => Verdict::Allow,
            (_, Some("bookend_denied")) => Verdict::Deny,
            (status, _) => bail!("status {status}, because `{details}`: {}", response.text()),
        };
        let call = response.header("grpc-status");
        anyhow::ensure!(verdict == Verdict::Allow || matches!(call, None | Some("7")), "call: {call:?}");
        answer(question.end, verdict, logged)
    }
}

/// The Envoy that is asked: before the destination, or behind the source.
fn key(question: &Question) -> (End, String) {
    let party = match question.end {
        End::Destination => &question.destination,
        End::Source => &question.source,
    };
    (question.end, party.name.clone())
}

/// What the filter said, by the log. Behind a workload it may say nothing, and lets pass (S61).
fn answer(end: End, verdict: Verdict, logged: Logged) -> anyhow::Result<Judged> {
    if (end, verdict, &logged.rule) == (End::Source, Verdict::Allow, &None) {
        return Ok(Answer::left_to_the_kernel().into());
    }
    let audit = audited(logged.audit.as_deref())?;
    Ok(Answer::new(verdict, logged.rule.context("no rule was attached")?).with(audit).into())
}

/// Whether a line of HTTP/1 can say it, and Envoy hand it on unchanged.
fn sendable(head: &Head) -> Result<(), &'static str> {
    if head.method.is_none() {
        return Err("HTTP/1 has no request without a method");
    }
    if head.path.is_none() && head.authority.is_none() {
        return Err("HTTP/1 has no request without a target");
    }
    let values = head.headers.iter().map(|(_, value)| value).chain(&head.authority);
    for value in values {
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err("no line of HTTP/1 holds this");
        }
        if value.trim_ascii() != value {
            return Err("Envoy trims what headers say");
        }
    }
    Ok(())
}

/// The issuer that claims name.
fn issuer(claims: &serde_json::Value) -> Option<&str> {
    claims.get("iss")?.as_str()
}
