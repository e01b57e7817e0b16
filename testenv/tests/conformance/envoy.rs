//! The shipped module in real Envoys.

mod client;
mod configuration;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bookend_engine::Verdict;
use bookend_testenv::certificate::{Authority, Identity};
use bookend_testenv::envoy::Verifier;
use bookend_testenv::http;
use bookend_testenv::namespace::{self, Namespace};
use bookend_testenv::process::{Launch, Process};
use bookend_testenv::requirement;
use bookend_testenv::run::Run;
use bookend_testenv::token::Signer;
use bookend_testing::answer::Audit;
use bookend_testing::question::{Head, Tokens};
use bookend_testing::vehicle::proxied;
use bookend_testing::{Answer, Corpus, Judged, Question, Traffic, Vehicle, World};

use crate::artifact::artifact;
use crate::{ONE_TOKEN, audited, refusal};
use client::{Client, Message};
use configuration::{AUDIT_HEADER, RULE_HEADER};

/// How long an Envoy may take to be ready, or to take a new filter configuration.
const PATIENCE: Duration = Duration::from_secs(60);

/// One Envoy for each workload that requests are sent to, all in one network namespace that has every address of
/// the corpus. Requests come from the address that the case says, with the certificate that the case says; Envoy
/// answers itself what the filter lets pass. A new policy is a new filter configuration for running Envoys.
///
/// Tokens are signed here and verified by Envoy, in the way of Istio's `RequestAuthentication`.
///
/// Envoy leaves paths as they come here, which Istio's Envoys do not: what the filter makes of them is in question.
pub(crate) struct Envoy {
    executable: PathBuf,
    module: PathBuf,
    run: Run,
    namespace: Namespace,
    authority: Authority,
    signer: Signer,
    verifier: Verifier,
    identities: BTreeMap<Vec<String>, Identity>,
    /// Where requests are sent to.
    endpoints: Vec<SocketAddr>,
    addresses: Vec<IpAddr>,
    world: Option<Arc<World>>,
    proxies: BTreeMap<String, Proxy>,
}

/// A running Envoy.
struct Proxy {
    process: Process,
    directory: PathBuf,
    admin: SocketAddr,
    version: u64,
    world: Arc<World>,
}

impl Envoy {
    /// Envoys for every question of the corpus.
    ///
    /// # Errors
    /// When this is not root, or Envoy or the module are not there.
    pub(crate) fn new(corpus: &Corpus) -> anyhow::Result<Self> {
        let questions: Vec<&Question> = corpus
            .sections
            .iter()
            .flat_map(|section| &section.cases)
            .flat_map(|case| &case.expectations)
            .map(|expectation| &expectation.question)
            .filter(|question| question.traffic != Traffic::Packet)
            .collect();
        let endpoints = questions.iter().map(|q| SocketAddr::new(q.destination.address, q.port)).collect();
        let tokens = questions.iter().filter_map(|question| match &question.traffic {
            Traffic::Request { tokens: Tokens::Verified(tokens), .. } => Some(tokens),
            _ => None,
        });
        let issuers = tokens.flatten().map(|claims| issuer(claims).map(str::to_owned));
        let signer = Signer::new()?;
        let verifier = Verifier::new(signer.key_set(), issuers);
        Self::at(endpoints, signer, verifier)
    }

    /// Makes the namespace and an authority, for Envoys that listen at `endpoints` and verify tokens.
    ///
    /// # Errors
    /// When this is not root, or Envoy or the module are not there.
    pub(crate) fn at(
        mut endpoints: Vec<SocketAddr>,
        signer: Signer,
        verifier: Verifier,
    ) -> anyhow::Result<Self> {
        requirement::root()?;
        let executable = requirement::envoy()?;
        let source = artifact("bookend_filter.wasm")?;
        let run = Run::start()?;
        let name = run.namespace("corpus");
        namespace::add(std::slice::from_ref(&name))?;
        let namespace = Namespace::open(&name)?;
        namespace.ip("link set lo up\n")?;
        let module = run.directory().join("filter.wasm");
        std::fs::copy(&source, &module).with_context(|| format!("cannot copy `{}`", source.display()))?;
        endpoints.sort_unstable();
        endpoints.dedup();
        Ok(Self {
            executable,
            module,
            run,
            namespace,
            authority: Authority::new()?,
            signer,
            verifier,
            identities: BTreeMap::new(),
            endpoints,
            addresses: Vec::new(),
            world: None,
            proxies: BTreeMap::new(),
        })
    }

    /// Gives the namespace an address.
    fn own(&mut self, address: IpAddr) -> anyhow::Result<()> {
        if !self.addresses.contains(&address) {
            // Usable at once: nobody else could have it.
            let (length, flags) = if address.is_ipv4() { (32, "") } else { (128, " nodad") };
            self.namespace.ip(&format!("addr add {address}/{length} dev lo{flags}\n"))?;
            self.addresses.push(address);
        }
        Ok(())
    }

    /// The name under which the Envoy of the question's destination runs, with the policies of this world in force.
    fn ready(&mut self, question: &Question) -> anyhow::Result<()> {
        let world = Arc::clone(self.world.as_ref().context("no world was entered")?);
        let name = &question.destination.name;
        match self.proxies.get_mut(name) {
            Some(proxy) if Arc::ptr_eq(&proxy.world, &world) => Ok(()),
            Some(proxy) => proxy.change(&world, &self.module, &self.namespace),
            None => {
                let proxy = self.start(question, &world)?;
                self.proxies.insert(name.clone(), proxy);
                Ok(())
            }
        }
    }

    fn start(&mut self, question: &Question, world: &Arc<World>) -> anyhow::Result<Proxy> {
        let workload = world.workload(&question.destination.name).context("a workload")?.clone();
        let own: Vec<IpAddr> = workload.instances.iter().flat_map(|i| i.addresses.clone()).collect();
        for address in &own {
            self.own(*address)?;
        }
        let number = u16::try_from(self.proxies.len())?;
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, 15_000 + number));
        let directory = self.run.directory().join(format!("envoy-{number}"));
        std::fs::create_dir_all(&directory)?;
        let identity = self.authority.issue(&world.spiffe_id(&workload))?;
        std::fs::write(directory.join("certificate.pem"), &identity.certificate)?;
        std::fs::write(directory.join("key.pem"), &identity.key)?;
        std::fs::write(directory.join("authority.pem"), self.authority.certificate())?;
        let ours: Vec<_> = self.endpoints.iter().filter(|e| own.contains(&e.ip())).copied().collect();
        let bootstrap = configuration::bootstrap(&workload, &ours, admin, &directory, &self.verifier);
        std::fs::write(directory.join("bootstrap.json"), bootstrap.to_string())?;
        configuration::write_filter(&directory, 1, &self.module, world)?;
        let flags = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
        let config = directory.join("bootstrap.json");
        let arguments = ["--config-path".into(), config.into()].into_iter().chain(flags.map(Into::into));
        let mut process = Process::start(
            &self.namespace,
            Launch {
                name: format!("the Envoy of {}", question.destination.name),
                program: self.executable.clone(),
                arguments: arguments.collect(),
                uid: 0,
                log: directory.join("envoy.log"),
            },
        )?;
        let live = || get(&self.namespace, admin, "/ready").is_ok_and(|answer| answer.trim() == "LIVE");
        process.await_ready(PATIENCE, live)?;
        Ok(Proxy { process, directory, admin, version: 1, world: Arc::clone(world) })
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
            self.identities.insert(names.to_vec(), self.authority.issue_to_all(&texts)?);
        }
        Ok(self.identities.get(names).cloned())
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        self.proxies.clear();
        if let Err(error) = self.run.remove() {
            eprintln!("{error}");
        }
    }
}

impl Proxy {
    /// Replaces the filter's configuration, and waits until Envoy has taken it.
    fn change(&mut self, world: &Arc<World>, module: &std::path::Path, at: &Namespace) -> anyhow::Result<()> {
        let before = self.reloads(at)?;
        self.version += 1;
        configuration::write_filter(&self.directory, self.version, module, world)?;
        let end = Instant::now() + PATIENCE;
        while self.reloads(at)? == before {
            self.process.alive()?;
            let words = self.process.last_words();
            anyhow::ensure!(Instant::now() < end, "Envoy does not take a new configuration: {words}");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.world = Arc::clone(world);
        Ok(())
    }

    /// How often a filter configuration was taken; fails if one was refused.
    fn reloads(&self, at: &Namespace) -> anyhow::Result<u64> {
        let text = get(at, self.admin, "/stats?filter=extension_config_discovery")?;
        let sum = |ending: &str| -> u64 {
            let lines = text.lines().filter_map(|line| line.split_once(": "));
            lines.filter(|(name, _)| name.ends_with(ending)).filter_map(|(_, n)| n.parse::<u64>().ok()).sum()
        };
        if sum(".config_fail") + sum(".update_rejected") > 0 {
            bail!("Envoy refused the filter: {}", self.process.last_words());
        }
        Ok(sum(".config_reload"))
    }
}

fn get(at: &Namespace, admin: SocketAddr, path: &str) -> anyhow::Result<String> {
    let request = http::Request::get("admin", path);
    Ok(at.run(|| http::exchange(admin, &request, Duration::from_secs(5)))??.text())
}

impl Vehicle for Envoy {
    fn name(&self) -> &'static str {
        "module in Envoy"
    }

    fn enter(&mut self, world: &Arc<World>) -> anyhow::Result<()> {
        self.world = Some(Arc::clone(world));
        Ok(())
    }

    fn judge(&mut self, question: &Question) -> anyhow::Result<Judged> {
        let world = Arc::clone(self.world.as_ref().context("no world was entered")?);
        let (peer, head, tokens) = match &question.traffic {
            Traffic::Packet => return Ok(Judged::NotApplicable("packets are the kernel's business")),
            Traffic::Stream(_) => return Ok(Judged::NotApplicable("the module judges no streams")),
            Traffic::Request { peer, head, tokens } => (peer, head, tokens),
        };
        if let Err(reason) = proxied(&world, question) {
            return Ok(Judged::NotApplicable(reason));
        }
        let Some(address) = peer.address else {
            return Ok(Judged::NotApplicable("Envoy always knows the direct address"));
        };
        if let Err(reason) = sendable(head) {
            return Ok(Judged::NotApplicable(reason));
        }
        let carried = match self.carried(tokens)? {
            Ok(carried) => carried,
            Err(reason) => return Ok(Judged::NotApplicable(reason)),
        };
        if address.to_canonical() != address {
            return Ok(Judged::NotApplicable("Envoy shows no IPv4-mapped addresses"));
        }
        self.ready(question)?;
        self.own(address)?;
        let identity = self.identity(&peer.uri_sans)?;
        let client = Client {
            from: address,
            to: SocketAddr::new(question.destination.address, question.port),
            identity: identity.as_ref(),
        };
        let text = |(name, value): &(Vec<u8>, Vec<u8>)| (name.clone(), value.clone());
        let headers: Vec<_> = head.headers.iter().map(text).chain(carried).collect();
        let message = Message {
            method: head.method.as_deref().unwrap_or_default(),
            path: head.path.as_deref(),
            authority: head.authority.as_deref(),
            headers: headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect(),
        };
        let Some(response) = self.namespace.run(|| client.ask(&message))?? else {
            return Ok(Judged::Refused("Envoy closes the connection"));
        };
        let attached = |name| response.header(name).filter(|value| *value != "-");
        let rule = attached(RULE_HEADER);
        let answer = match (response.status, response.header("grpc-status")) {
            // Envoy answers gRPC in its own way: all is well, but for the status of the call. To a refusal the filter
            // gives the status 7; the route's own answer has no status of a call, which becomes 2.
            (200, Some("7")) => refusal(response.header("grpc-message").unwrap_or_default().as_bytes())?,
            (200, None | Some("2")) => Answer::new(Verdict::Allow, rule.context("no rule was attached")?),
            (403, None) if message.method == b"HEAD" => {
                Answer::new(Verdict::Deny, rule.context("no rule was attached")?)
            }
            (403, None) => refusal(&response.body)?,
            (401, _) => return Ok(Judged::NotApplicable("Envoy takes no such token")),
            // 404 is for a target that is no path: there is a route for every path.
            (400 | 404, _) => return Ok(Judged::Refused("Envoy refuses the request itself")),
            (other, call) => bail!("status {other}, of the call {call:?}: {}", response.text()),
        };
        let audit = match rule {
            Some(rule) => {
                anyhow::ensure!(rule == answer.id, "the answer says `{}`, the log `{rule}`", answer.id);
                audited(attached(AUDIT_HEADER))?
            }
            // Envoy adds no headers of ours to its answers to gRPC.
            None => Audit::Unseen,
        };
        Ok(answer.with(audit).into())
    }
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
