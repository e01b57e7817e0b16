//! The cases of `conformance/`, read.

mod bytes;
mod document;
mod end;
mod file;
mod matrix;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use bookend_engine::{End, Protocol};

use crate::frame::Notation;
use crate::question::ServerName;
use crate::world::Family;
use crate::{Answer, Case, Expectation, Question, Section, Seen, Sequence, Step, Tokens, Traffic, World};
use document::{RawCase, RawSection, RawStep, SeenAddress};
use end::Target;
use file::File;

/// All cases.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// By topic.
    pub sections: Vec<Section>,
    /// Documents that mean nothing.
    pub refusals: Vec<Refusal>,
}

/// Documents that have to be refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The topic: the file's name without its ending, and before it the directories it is in.
    pub topic: String,
    /// Why they are, as a sentence.
    pub about: String,
    /// The numbered rules of `docs/semantics.md` that this shows.
    pub rules: Vec<String>,
    /// The documents.
    pub documents: String,
    /// The code of the diagnostic.
    pub code: String,
}

impl Corpus {
    /// Reads the `conformance/` of this checkout.
    ///
    /// # Errors
    /// When a file cannot be read, or a case makes no sense.
    pub fn load() -> anyhow::Result<Self> {
        Self::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../conformance")))
    }

    /// Reads every `.yaml` in `directory` and below.
    ///
    /// # Errors
    /// When a file cannot be read, or a case makes no sense.
    pub fn read(directory: &Path) -> anyhow::Result<Self> {
        let (mut sections, mut refusals) = (Vec::new(), Vec::new());
        for File { topic, text, inventory } in file::all(directory)? {
            let options = serde_saphyr::options! { strict_booleans: true };
            let raw: Vec<RawSection> = serde_saphyr::from_multiple_with_options(&text, options)
                .map_err(|error| anyhow::anyhow!("conformance/{topic}.yaml: {error}"))?;
            for section in raw {
                let about = section.about.clone();
                if let Some(code) = section.refused {
                    ensure!(
                        section.cases.is_empty() && section.reach.is_empty(),
                        "{topic}: {about}: what is refused has no cases"
                    );
                    let (topic, rules, documents) = (topic.clone(), section.rules, section.policy);
                    refusals.push(Refusal { topic, about, rules, documents, code });
                    continue;
                }
                sections.push(
                    read_section(&topic, section, &inventory)
                        .with_context(|| format!("conformance/{topic}.yaml: {about}"))?,
                );
            }
        }
        Ok(Self { sections, refusals })
    }
}

fn read_section(topic: &str, raw: RawSection, shared: &str) -> anyhow::Result<Section> {
    let RawSection { about, rules, inventory, policy, cases, reach, refused: _ } = raw;
    let inventory = inventory.as_deref().unwrap_or(shared);
    let world = Arc::new(World::compile(&[inventory, &policy])?);
    ensure!(!cases.is_empty() || !reach.is_empty(), "there are no cases");
    let mut cases: Vec<Case> = cases
        .into_iter()
        .map(|case| {
            let it = case.it.clone();
            read_case(case, &world, inventory).with_context(|| format!("it {it}"))
        })
        .collect::<anyhow::Result<_>>()?;
    for matrix in reach {
        let it = matrix.it.clone();
        cases.extend(matrix::cases(matrix, &world).with_context(|| format!("it {it}"))?);
    }
    Ok(Section { topic: topic.to_owned(), about, rules, world, cases })
}

fn read_case(raw: RawCase, world: &Arc<World>, inventory: &str) -> anyhow::Result<Case> {
    let mut expectations = Vec::new();
    match (&raw.from, &raw.to) {
        (Some(from), Some(to)) => questions(&raw, from, to, world, &mut expectations)?,
        (None, None) => ensure!(!raw.frames.is_empty(), "a case says `from` and `to`, or `frames`"),
        _ => anyhow::bail!("`from` and `to` belong together"),
    }
    let sequence = match raw.frames.is_empty() {
        true => None,
        false => Some(sequence(raw.frames, world, inventory)?),
    };
    ensure!(!expectations.is_empty() || sequence.is_some(), "the case expects nothing");
    Ok(Case { it: raw.it, expectations, sequence })
}

fn questions(
    raw: &RawCase,
    from: &str,
    to: &str,
    world: &World,
    expectations: &mut Vec<Expectation>,
) -> anyhow::Result<()> {
    let target = Target::parse(to)?;
    // Where one end is an address, its family is the connection's.
    let written = [from, target.name].iter().find_map(|name| end::address(name)).map(Family::of);
    let family = raw.over.or(written).unwrap_or_default();
    let source = world.party(from, family)?;
    let destination = world.party(target.name, family)?;
    let protocol = target.protocol(family);
    let seen = seen(raw, &source, world)?;
    let end = raw.end.map_or(End::Destination, End::from);
    ensure!(end == End::Destination || raw.packet.is_none(), "packets are judged at both ends");
    let ask = |traffic: Traffic| Question {
        source: source.clone(),
        destination: destination.clone(),
        protocol,
        port: target.port(family),
        traffic,
        end,
    };
    if let Some(answer) = &raw.packet {
        expectations.push(Expectation { question: ask(Traffic::Packet), answer: answer.parse()? });
    }
    ensure!(
        protocol == Protocol::Tcp || (raw.stream.is_none() && raw.requests.is_empty()),
        "streams and requests travel over TCP"
    );
    ensure!(raw.tokens.is_none() || !raw.requests.is_empty(), "tokens travel with requests");
    let told = raw.client.is_some() || raw.sni.is_some();
    ensure!(
        !told || (!raw.requests.is_empty() && end == End::Destination),
        "`client` and `sni` are of requests"
    );
    ensure!(raw.sni.is_none() || !seen.uri_sans.is_empty(), "a plaintext peer has no `sni`");
    if let Some(answer) = &raw.stream {
        let question = ask(Traffic::Stream(seen.clone()));
        expectations.push(Expectation { question, answer: answer.parse()? });
    }
    for (request, answer) in &raw.requests {
        let mut head = bytes::request(request, &format!("bookend.test:{}", target.port(family)))?;
        // What the destination's proxy finds nobody else knows (S60).
        if end == End::Destination {
            head.client = match raw.client {
                None => seen.address.or(Some(source.address)),
                Some(SeenAddress::Unknown) => None,
                Some(SeenAddress::Known(address)) => Some(address),
            };
            head.server_name = match raw.sni.as_deref() {
                None if seen.uri_sans.is_empty() => ServerName::Absent,
                None => ServerName::Unknown,
                Some(name) => ServerName::Name(name.to_owned()),
            };
        }
        let tokens = raw.tokens.clone().map_or_else(Tokens::default, Into::into);
        let question = ask(Traffic::Request { peer: seen.clone(), head, tokens });
        let answer: Answer = answer.parse()?;
        expectations.push(Expectation { question, answer });
    }
    Ok(())
}

/// What the destination's proxy sees: unless the case says otherwise, the source's own address, and the certificate
/// that the source has if it is behind a proxy itself.
fn seen(raw: &RawCase, source: &crate::Party, world: &World) -> anyhow::Result<Seen> {
    let own: Vec<_> = world.certificate(source.address).into_iter().collect();
    let uri_sans = match (&raw.sans, raw.plaintext) {
        (Some(sans), false) => sans.clone(),
        (None, true) => Vec::new(),
        (None, false) => own,
        (Some(_), true) => anyhow::bail!("a plaintext peer has no `sans`"),
    };
    let address = match &raw.address {
        None => Some(source.address),
        Some(SeenAddress::Unknown) => None,
        Some(SeenAddress::Known(address)) => Some(*address),
    };
    Ok(Seen { uri_sans, address })
}

fn sequence(raw: Vec<RawStep>, world: &Arc<World>, inventory: &str) -> anyhow::Result<Sequence> {
    let mut steps = Vec::new();
    let mut now = Arc::clone(world);
    for step in raw {
        match step {
            RawStep::Wait(seconds) => steps.push(Step::Wait(std::time::Duration::from_secs_f64(seconds))),
            RawStep::Policy(policy) => {
                now = Arc::new(World::compile(&[inventory, &policy])?);
                steps.push(Step::Change(Arc::clone(&now)));
            }
            RawStep::DryRun(dry_run) => {
                now = Arc::new(World { dry_run, ..World::clone(&now) });
                steps.push(Step::Change(Arc::clone(&now)));
            }
            RawStep::Frame(frame) => {
                let context = || format!("frame `{}`", frame.frame);
                let notation = Notation::parse(&frame.frame, &now).with_context(context)?;
                let path = notation.path(frame.out.as_deref(), frame.into.as_deref(), &now)?;
                ensure!(!path.is_empty(), "the frame `{}` crosses no interface", frame.frame);
                let written = frame.frame;
                let answer = frame.expect.parse()?;
                steps.push(Step::Frame { written, frame: notation.frame, path, answer });
            }
        }
    }
    Ok(Sequence { steps })
}
