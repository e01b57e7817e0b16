//! What a page asks, as JSON.

use std::net::IpAddr;

use anyhow::anyhow;
use bookend_answers::explain;
use bookend_answers::request::{self, HeaderError, Request};
use bookend_answers::traffic::{self, Ends, Message, Transport};
use bookend_answers::unaskable::Unaskable;
use bookend_lang::Source;
use serde::Deserialize;
use serde_json::Value;

/// A question. Those about a version ask what [`Open`](Self::Open) was given under that name.
#[derive(Debug, Deserialize)]
#[serde(tag = "ask", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Question {
    /// Reads documents and keeps them under a name, in the place of those that have it.
    Open {
        /// The name.
        version: String,
        /// The documents.
        sources: Vec<Text>,
        /// Whether what Bookend cannot express is left out.
        #[serde(default)]
        best_effort: bool,
    },
    /// Forgets documents.
    Close {
        /// Their name.
        version: String,
    },
    /// Everything that is wrong or suspicious, as `bookend check`.
    Check {
        /// Which documents.
        version: String,
    },
    /// What a diagnostic's code means, as `bookend check --explain`.
    Meaning {
        /// Such as `B1105`.
        code: String,
    },
    /// The JSON Schema of documents.
    Schema {},
    /// Who and what questions can be about.
    Names {
        /// Which documents.
        version: String,
    },
    /// Where rules and isolations are written.
    Places {
        /// Which documents.
        version: String,
    },
    /// Who can talk to whom, as `bookend graph -o json`, and where it would be drawn.
    Graph {
        /// Which documents.
        version: String,
        /// Which namespaces; all, if none is named.
        #[serde(default)]
        namespaces: Vec<String>,
        /// Whether what rules deny is told too.
        #[serde(default)]
        denied: bool,
    },
    /// The same, drawn.
    Drawing {
        /// Which documents.
        version: String,
        /// How.
        form: Form,
        /// Which namespaces; all, if none is named.
        #[serde(default)]
        namespaces: Vec<String>,
        /// Whether what rules deny is drawn too.
        #[serde(default)]
        denied: bool,
    },
    /// What becomes of connections, as `bookend explain`.
    Explain(Box<Asked>),
    /// What an edit changes, as `bookend diff`.
    Diff {
        /// The documents before.
        old: String,
        /// The documents after.
        new: String,
    },
    /// What tests say, as `bookend test --packets function`.
    Test {
        /// Which documents.
        version: String,
        /// Only tests whose `suite/name` contains this.
        filter: Option<String>,
    },
    /// Other systems' policies as Bookend's own, as `bookend import`.
    Import {
        /// The documents.
        sources: Vec<Text>,
        /// Whether what Bookend cannot express is left out.
        #[serde(default)]
        best_effort: bool,
        /// Whether what says the same together becomes one.
        #[serde(default = "yes")]
        merge: bool,
    },
    /// A document as `bookend fmt` writes it.
    Format {
        /// The document.
        source: Text,
    },
    /// Everything about documents in one text.
    Report {
        /// Which documents.
        version: String,
    },
    /// What this is.
    About {},
}

/// A text of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// What it is called.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// How a graph is drawn.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A drawing in one file.
    Svg,
    /// A page in one file.
    Html,
    /// For Graphviz.
    Dot,
    /// For Markdown that draws.
    Mermaid,
}

/// A question about a connection; every field is what `bookend explain` calls so.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Asked {
    /// Which documents.
    pub version: String,
    from: String,
    to: String,
    port: Option<String>,
    #[serde(default)]
    protocol: Protocol,
    icmp: Option<String>,
    #[serde(default)]
    packet: bool,
    #[serde(default)]
    plaintext: bool,
    principal: Option<String>,
    request: Option<Asking>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
    Icmp,
    Icmpv6,
}

/// A request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    method: Option<String>,
    path: String,
    host: Option<String>,
    /// Names and values, in order.
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// The claims of the token that the proxy verified, or a list of those of several.
    claims: Option<Value>,
    client: Option<IpAddr>,
    sni: Option<String>,
}

fn yes() -> bool {
    true
}

impl From<Text> for Source {
    fn from(text: Text) -> Self {
        Self::new(text.name, text.text.into_bytes())
    }
}

impl Asked {
    /// The question.
    ///
    /// # Errors
    /// When a part is not written as it must be, and when the parts contradict each other.
    pub fn question(&self) -> anyhow::Result<explain::Question> {
        let wrong = |part, cure: &str| Unaskable::Written { part, cure: cure.to_owned() };
        let principal = self.principal.as_deref().map(traffic::principal).transpose();
        let message = self.icmp.as_deref().map(str::parse::<Message>).transpose();
        let ends = Ends {
            from: self.from.clone(),
            to: self.to.clone(),
            port: self.port.clone(),
            principal: principal.map_err(|cure| wrong("principal", cure))?,
            plaintext: self.plaintext,
        };
        let message = message.map_err(|cure| wrong("icmp", &cure))?;
        let request = self.request.as_ref().map(Asking::request).transpose()?;
        explain::Question::new(ends, self.protocol.into(), message, self.packet, request)
    }
}

impl Asking {
    fn request(&self) -> anyhow::Result<Request> {
        let headers = self.headers.iter().map(|(name, value)| {
            request::header(name, value).map_err(|error| match error {
                HeaderError::Nameless => anyhow!("a header has no name; write it as `name: value`"),
                HeaderError::Host => anyhow!("`host` is no header here; write the host for itself"),
            })
        });
        let wrong = |cure: &str| Unaskable::Written { part: "claims", cure: cure.to_owned() };
        let claims = self.claims.clone().map(request::tokens).transpose().map_err(wrong)?;
        Ok(Request {
            method: self.method.clone().unwrap_or_else(|| "GET".to_owned()),
            path: self.path.clone(),
            host: self.host.clone(),
            headers: headers.collect::<anyhow::Result<_>>()?,
            claims: claims.unwrap_or_default(),
            client: self.client,
            sni: self.sni.clone(),
        })
    }
}

impl From<Protocol> for Transport {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
            Protocol::Sctp => Self::Sctp,
            Protocol::Icmp => Self::Icmp,
            Protocol::Icmpv6 => Self::Icmpv6,
        }
    }
}
