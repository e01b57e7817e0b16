//! The attacks and the policies they are on, as `testenv/attacks` has them.

mod wire;

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::deed::Deed;
pub(crate) use wire::{Part, Wire};

/// Everything in `testenv/attacks`.
#[derive(Debug)]
pub(crate) struct Suite {
    /// Who exists.
    pub(crate) inventory: String,
    /// What is attacked.
    pub(crate) policies: Vec<Policy>,
    /// By what.
    pub(crate) attacks: Vec<Attack>,
}

/// A policy, and what it means in the words of the upstream.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Policy {
    /// What attacks call it.
    pub(crate) name: String,
    /// Bookend's documents.
    pub(crate) documents: String,
    /// What the upstream must not do for those whom the policy denies it; each of these.
    pub(crate) forbidden: Vec<Deed>,
}

/// One attack.
#[derive(Debug, Clone)]
pub(crate) struct Attack {
    /// The file it is in.
    pub(crate) class: String,
    /// Its name there.
    pub(crate) name: String,
    /// The policy's place in the suite.
    pub(crate) policy: usize,
    /// What is sent.
    pub(crate) wire: Wire,
    /// Through which door.
    pub(crate) door: Door,
    /// What is expected.
    pub(crate) fate: Fate,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is an attack: without the filter some server would do what is forbidden.
    Stopped,
    /// Envoy stops it itself, or changes it so that no server is fooled.
    Harmless,
    /// It is no attack, and reaches the upstream.
    Passes,
    /// These servers do what is forbidden, and SECURITY.md says that the policy does not prevent it.
    Outside(Vec<String>),
}

/// How a client comes to Envoy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Door {
    /// The URI names of its certificate; plaintext without.
    pub(crate) certificate: Vec<String>,
    /// The server name in the TLS handshake.
    pub(crate) sni: Option<String>,
    /// The address it comes from; one of its own otherwise.
    pub(crate) from: Option<IpAddr>,
    /// A listener that looks at the first bytes to tell HTTP from other protocols, as Istio's does where the port's
    /// protocol is not said; what is not HTTP is passed on as it comes.
    pub(crate) sniffing: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Policies {
    inventory: String,
    policies: Vec<Policy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Class {
    /// What these have in common, for the reader.
    #[serde(rename = "about")]
    _about: String,
    /// The policy that attacks are on unless they say another.
    policy: Option<String>,
    attacks: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    name: String,
    policy: Option<String>,
    /// HTTP/1 or whatever else, byte for byte; of several parts each is sent once an answer to the former came.
    send: Option<wire::Parts>,
    /// The fields of one request over HTTP/2, or frames.
    h2: Option<Vec<wire::Item>>,
    #[serde(default)]
    door: Door,
    /// Why no server is fooled even without the filter.
    harmless: Option<String>,
    #[serde(default)]
    passes: bool,
    /// Which servers are fooled, where SECURITY.md says that they are.
    outside: Option<Vec<String>>,
}

impl Suite {
    /// Reads `directory`.
    ///
    /// # Errors
    /// When a file cannot be read or makes no sense, or two attacks have the same name or send the same.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let Policies { inventory, policies } = parse(&directory.join("policies.yaml"))?;
        let mut files: Vec<_> = std::fs::read_dir(directory)
            .with_context(|| format!("cannot list `{}`", directory.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|path| {
            path.extension().is_some_and(|it| it == "yaml") && !path.ends_with("policies.yaml")
        });
        files.sort();
        let mut suite = Self { inventory, policies, attacks: Vec::new() };
        for path in files {
            let class = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let Class { policy, attacks, .. } = parse(&path)?;
            for entry in attacks {
                let name = entry.name.clone();
                let attack = suite.attack(&class, policy.as_deref(), entry);
                let attack = attack.with_context(|| format!("attacks/{class}.yaml: {name}"))?;
                let same = |other: &&Attack| {
                    other.class == class && other.name == name
                        || (&other.wire, &other.door, other.policy)
                            == (&attack.wire, &attack.door, attack.policy)
                };
                if let Some(other) = suite.attacks.iter().find(same) {
                    anyhow::bail!(
                        "attacks/{class}.yaml: `{name}` is the same as `{}/{}`",
                        other.class,
                        other.name
                    );
                }
                suite.attacks.push(attack);
            }
        }
        Ok(suite)
    }

    fn attack(&self, class: &str, policy: Option<&str>, entry: Entry) -> Result<Attack> {
        let policy = entry.policy.as_deref().or(policy).context("no policy is named")?;
        let found = self.policies.iter().position(|it| it.name == policy);
        let wire = match (entry.send, entry.h2) {
            (Some(parts), None) => parts.wire()?,
            (None, Some(items)) => wire::frames(&items)?,
            _ => anyhow::bail!("an attack has either `send` or `h2`"),
        };
        let fate = match (entry.harmless, entry.passes, entry.outside) {
            (None, false, None) => Fate::Stopped,
            (Some(_), false, None) => Fate::Harmless,
            (None, true, None) => Fate::Passes,
            (None, false, Some(servers)) => Fate::Outside(servers),
            _ => anyhow::bail!("of `harmless`, `passes` and `outside` there can be one"),
        };
        ensure!(entry.door.sni.is_none() || !entry.door.certificate.is_empty(), "SNI needs a certificate");
        Ok(Attack {
            class: class.to_owned(),
            name: entry.name,
            policy: found.with_context(|| format!("there is no policy `{policy}`"))?,
            wire,
            door: entry.door,
            fate,
        })
    }
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}
