//! The form of a file of cases. A file holds one section or several, as YAML documents.

use core::net::IpAddr;
use std::collections::BTreeMap;

use bookend_engine::End;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::Tokens;
use crate::world::Family;

/// Cases about one thing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSection {
    pub(super) about: String,
    pub(super) rules: Vec<String>,
    /// Text of documents; the shared inventory unless it is there.
    pub(super) inventory: Option<String>,
    /// Text of documents.
    pub(super) policy: String,
    /// The code of the diagnostic with which the documents are refused; then there are no cases.
    pub(super) refused: Option<String>,
    #[serde(default)]
    pub(super) cases: Vec<RawCase>,
    #[serde(default)]
    pub(super) reach: Vec<RawMatrix>,
}

/// Who reaches whom, every cell a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMatrix {
    pub(super) it: String,
    /// The columns: those who are reached, as in a case; without what follows the name where `ports` has it.
    pub(super) to: Vec<String>,
    /// What follows each of `to`, in turn: `:80`, `:81/udp`, `/icmp`.
    #[serde(default)]
    pub(super) ports: Vec<String>,
    pub(super) over: Option<Family>,
    /// By rows: one source or several, and for each column `.` where it is allowed, `X` where it is denied, and `-` where nothing is asked.
    #[serde(default)]
    pub(super) packet: BTreeMap<String, String>,
    /// The same for bytes that are not HTTP.
    #[serde(default)]
    pub(super) stream: BTreeMap<String, String>,
}

/// A connection with what is expected of it, or a list of frames.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCase {
    pub(super) it: String,
    /// A workload's name, `namespace/name`, or an address.
    pub(super) from: Option<String>,
    /// The same with `:port`, `:port/udp`, `:port/sctp`, `/icmp`, `/icmp:TYPE.CODE` or `/gre`.
    pub(super) to: Option<String>,
    pub(super) over: Option<Family>,
    /// Whether the source shows no certificate.
    #[serde(default)]
    pub(super) plaintext: bool,
    /// The URI names in the source's certificate, where it is not its own.
    pub(super) sans: Option<Vec<String>>,
    /// The direct address that the destination's proxy sees, where it is not the source's; or `unknown`.
    pub(super) address: Option<SeenAddress>,
    /// Where the destination's proxy finds the client of requests to be (S86), where that is not the source's address; or `unknown`.
    pub(super) client: Option<SeenAddress>,
    /// The name that the client of requests asked for in its handshake (S85). Without it there was no handshake, or nobody knows.
    pub(super) sni: Option<String>,
    /// The end whose filter judges streams and requests; the destination's where nothing is said.
    pub(super) end: Option<RawEnd>,
    pub(super) packet: Option<String>,
    pub(super) stream: Option<String>,
    /// The claims of the tokens that the destination's proxy verified, or `unreadable`.
    pub(super) tokens: Option<RawTokens>,
    /// `METHOD /path | host: name | header: value`, with `\xNN` for odd bytes; a method alone for a request without a path.
    #[serde(default)]
    pub(super) requests: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) frames: Vec<RawStep>,
}

/// `address:` of a case.
#[derive(Debug)]
pub(super) enum SeenAddress {
    Known(IpAddr),
    Unknown,
}

impl<'de> Deserialize<'de> for SeenAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "unknown" => Ok(Self::Unknown),
            text => text.parse().map(Self::Known).map_err(D::Error::custom),
        }
    }
}

/// `end:` of a case.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum RawEnd {
    Source,
    Destination,
}

impl From<RawEnd> for End {
    fn from(raw: RawEnd) -> Self {
        match raw {
            RawEnd::Source => Self::Source,
            RawEnd::Destination => Self::Destination,
        }
    }
}

/// `tokens:` of a case.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum RawTokens {
    Claims(Vec<serde_json::Map<String, serde_json::Value>>),
    Word(Word),
}

/// What stands in the place of claims.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Word {
    Unreadable,
}

impl From<RawTokens> for Tokens {
    fn from(raw: RawTokens) -> Self {
        match raw {
            RawTokens::Claims(tokens) => Self::Verified(tokens.into_iter().map(Into::into).collect()),
            RawTokens::Word(Word::Unreadable) => Self::Unreadable,
        }
    }
}

/// Something that happens at a host.
#[derive(Debug)]
pub(super) enum RawStep {
    Frame(RawFrame),
    /// Seconds.
    Wait(f64),
    Policy(String),
    /// Whether the enforcer is in a dry run from here on (S79).
    DryRun(bool),
}

/// A frame, which interfaces it crosses where they are not those of its addresses, and what becomes of it.
#[derive(Debug)]
pub(super) struct RawFrame {
    pub(super) frame: String,
    pub(super) out: Option<String>,
    pub(super) into: Option<String>,
    pub(super) expect: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnyStep {
    frame: Option<String>,
    out: Option<String>,
    into: Option<String>,
    expect: Option<String>,
    wait: Option<f64>,
    policy: Option<String>,
    #[serde(rename = "dryRun")]
    dry_run: Option<bool>,
}

impl<'de> Deserialize<'de> for RawStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let step = AnyStep::deserialize(deserializer)?;
        if let AnyStep {
            frame: None,
            out: None,
            into: None,
            expect: None,
            wait: None,
            policy: None,
            dry_run: Some(dry_run),
        } = step
        {
            return Ok(Self::DryRun(dry_run));
        }
        if step.dry_run.is_some() {
            return Err(D::Error::custom("`dryRun` is a step by itself"));
        }
        match step {
            AnyStep {
                frame: Some(frame), out, into, expect: Some(expect), wait: None, policy: None, ..
            } => Ok(Self::Frame(RawFrame { frame, out, into, expect })),
            AnyStep {
                frame: None,
                out: None,
                into: None,
                expect: None,
                wait: Some(wait),
                policy: None,
                ..
            } => Ok(Self::Wait(wait)),
            AnyStep {
                frame: None,
                out: None,
                into: None,
                expect: None,
                wait: None,
                policy: Some(policy),
                ..
            } => Ok(Self::Policy(policy)),
            _ => {
                Err(D::Error::custom("a step is a `frame` with `expect`, a `wait`, a `policy` or a `dryRun`"))
            }
        }
    }
}
