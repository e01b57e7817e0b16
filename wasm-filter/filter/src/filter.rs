//! The callbacks of a proxy.

use std::collections::BTreeMap;

use bookend_engine::{Configuration, Permit, Ruling, Tokens};

use crate::attributes::Arrival;
use crate::headers::RequestHead;
use crate::{Denied, Fault, Gate, Level, Proxy, Refusal, tokens};

/// Where the id of the deciding rule is attached to a request: `%FILTER_STATE(wasm.bookend.rule:PLAIN)%` in an
/// access log. One segment, because Envoy would join several by a NUL that no log format can spell.
pub const RULE_PROPERTY: [&str; 1] = ["bookend.rule"];

/// Where the verdict of what is only audited is attached, and the id of its rule, where that differs from what is
/// enforced: `deny default/shop/strict` (S36).
pub const AUDIT_PROPERTY: [&str; 1] = ["bookend.audit"];

/// What becomes of a request's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// They go to the next filter.
    Continue,
    /// They stay here; an answer is on its way, or nothing is.
    Stop,
}

impl From<Permit> for Next {
    /// The only way to [`Next::Continue`].
    fn from(_permission: Permit) -> Self {
        Self::Continue
    }
}

/// The filter: one gate for each plugin that shares the module's memory.
#[derive(Debug, Default)]
pub struct Filter {
    gates: BTreeMap<u32, Gate>,
    /// The plugin that each stream belongs to.
    streams: BTreeMap<u32, u32>,
    counters: Option<Counters>,
}

#[derive(Debug, Clone, Copy)]
struct Counters {
    allowed: u32,
    denied: u32,
    faults: u32,
    audited: u32,
}

impl Filter {
    /// A filter that no plugin uses yet.
    pub const fn new() -> Self {
        Self { gates: BTreeMap::new(), streams: BTreeMap::new(), counters: None }
    }

    /// A context came to life: a plugin, with no parent, or a stream of a plugin.
    pub fn create(&mut self, context: u32, parent: u32) {
        if parent != 0 {
            self.streams.insert(context, parent);
        }
    }

    /// A context is gone.
    pub fn delete(&mut self, context: u32) {
        self.streams.remove(&context);
        self.gates.remove(&context);
    }

    /// Reads the configuration of a plugin. False refuses it: the proxy then keeps the one it had.
    pub fn configure(&mut self, proxy: &impl Proxy, plugin: u32) -> bool {
        let configuration = match read(proxy) {
            Ok(configuration) => configuration,
            Err(reason) => {
                proxy.log(Level::Error, &format!("bookend: {reason}"));
                return false;
            }
        };
        self.counters = self.counters.or_else(|| Counters::define(proxy));
        let revision = configuration.revision.clone();
        let gate = Gate::bind(configuration, proxy);
        match gate.fault() {
            None => proxy.log(Level::Info, &format!("bookend: enforcing revision `{revision}`")),
            Some(fault) => {
                proxy.log(Level::Error, &format!("bookend: every request is refused, because {fault}"));
            }
        }
        self.gates.insert(plugin, gate);
        true
    }

    /// The headers of a request arrived.
    pub fn request_headers(&self, proxy: &impl Proxy, context: u32) -> Next {
        let bytes = proxy.request_headers().map_err(Fault::HeadersUnreadable);
        let head = bytes.as_deref().map_err(Fault::clone).and_then(RequestHead::read);
        let arrival = Arrival::read(proxy);
        match self.judge(proxy, context, &arrival, &head) {
            Ok(ruling) => self.carry_out(proxy, ruling, &arrival, &head),
            Err(fault) => {
                let refusal = refuse(proxy, &Denied::InDoubt(fault.clone()));
                proxy.log(Level::Warn, &format!("bookend: a request is refused, because {fault}"));
                self.report(proxy, &refusal.details, |counters| counters.faults);
                Next::Stop
            }
        }
    }

    fn judge(
        &self,
        proxy: &impl Proxy,
        context: u32,
        arrival: &Result<Arrival, Fault>,
        head: &Result<RequestHead<'_>, Fault>,
    ) -> Result<Ruling<'_>, Fault> {
        let plugin = self.streams.get(&context).ok_or(Fault::NotConfigured)?;
        let gate = self.gates.get(plugin).ok_or(Fault::NotConfigured)?;
        let (arrival, head) = (arrival.as_ref().map_err(Fault::clone)?, head.as_ref().map_err(Fault::clone)?);
        // Two microseconds that a policy without tokens need not pay.
        let tokens = if gate.needs().tokens { tokens(proxy) } else { Tokens::Unknown };
        gate.judge(arrival, head, tokens)
    }

    /// Answers a request that may not pass, and keeps the books. What is only audited goes into the books and nowhere
    /// else.
    fn carry_out(
        &self,
        proxy: &impl Proxy,
        ruling: Ruling<'_>,
        arrival: &Result<Arrival, Fault>,
        head: &Result<RequestHead<'_>, Fault>,
    ) -> Next {
        let rule = ruling.id();
        let next = match ruling.permit {
            Some(permit) => {
                self.report(proxy, rule, |counters| counters.allowed);
                permit.into()
            }
            None => {
                refuse(proxy, &Denied::ByRule(rule));
                let line = format!("bookend: denied by {rule}: {}", told(arrival, head));
                proxy.log(Level::Info, &line);
                self.report(proxy, rule, |counters| counters.denied);
                Next::Stop
            }
        };
        if let Some((_, decision)) = ruling.audit {
            let (verdict, rule) = (decision.verdict.name(), decision.cause.id());
            let line = format!("bookend: audit would {verdict} by {rule}: {}", told(arrival, head));
            proxy.log(Level::Info, &line);
            self.count(proxy, |counters| counters.audited);
            let _unattached = proxy.set_property(&AUDIT_PROPERTY, format!("{verdict} {rule}").as_bytes());
        }
        next
    }

    /// Counts a verdict and attaches its cause to the request. The verdict stands whether or not this works.
    fn report(&self, proxy: &impl Proxy, rule: &str, counter: impl Fn(&Counters) -> u32) {
        self.count(proxy, counter);
        let _unattached = proxy.set_property(&RULE_PROPERTY, rule.as_bytes());
    }

    fn count(&self, proxy: &impl Proxy, counter: impl Fn(&Counters) -> u32) {
        let _uncounted = self.counters.as_ref().map(|counters| proxy.count(counter(counters)));
    }
}

impl Counters {
    /// Defines the counters. A proxy that will not count is still worth its verdicts.
    fn define(proxy: &impl Proxy) -> Option<Self> {
        let define = |name| proxy.define_counter(name);
        let counters = define("bookend.requests.allowed").and_then(|allowed| {
            let denied = define("bookend.requests.denied")?;
            let faults = define("bookend.requests.faults")?;
            Ok(Self { allowed, denied, faults, audited: define("bookend.requests.audited")? })
        });
        counters
            .inspect_err(|error| proxy.log(Level::Warn, &format!("bookend: nothing is counted: {error}")))
            .ok()
    }
}

/// Reads a configuration, or says why not.
fn read(proxy: &impl Proxy) -> Result<Configuration, String> {
    let bytes =
        proxy.configuration().map_err(|error| format!("the configuration cannot be read: {error}"))?;
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        // A `Struct` arrives in protobuf's binary form.
        return Err(
            "the configuration is not a JSON object; give it as a `google.protobuf.StringValue`".to_owned()
        );
    }
    Configuration::from_json(&bytes).map_err(|error| error.to_string())
}

/// The tokens that the proxy verified. Where they cannot be read, conditions on them are in doubt (S54); the rest of the
/// policy is judged all the same.
fn tokens(proxy: &impl Proxy) -> Tokens {
    match tokens::verified(proxy) {
        Ok(claims) => Tokens::Verified(claims),
        Err(fault) => {
            proxy
                .log(Level::Warn, &format!("bookend: the tokens of a request are in doubt, because {fault}"));
            Tokens::Unknown
        }
    }
}

/// Answers a request in the place of the service.
fn refuse(proxy: &impl Proxy, denied: &Denied<'_>) -> Refusal {
    let refusal = Refusal::from(denied);
    if let Err(error) = proxy.respond(&refusal) {
        proxy.log(Level::Error, &format!("bookend: a refusal could not be sent: {error}"));
        // A request that nobody answers would hang: end it. If that fails too it hangs.
        let _unheard = proxy.reset();
    }
    refusal
}

/// What the log says of a request: on one line, without its query, which may hold secrets.
fn told(arrival: &Result<Arrival, Fault>, head: &Result<RequestHead<'_>, Fault>) -> String {
    let (method, path) = head.as_ref().map_or((None, None), |head| (head.method, head.path));
    let path = path.and_then(|path| path.split(|byte| *byte == b'?').next());
    let (who, from) = arrival.as_ref().map_or((String::new(), None), |a| (a.uri_sans.join(","), a.address));
    format!(
        "{} {} from {} as {}",
        shown(method),
        shown(path),
        from.map_or_else(|| "-".to_owned(), |address| address.to_string()),
        shown(Some(who.as_bytes()).filter(|who| !who.is_empty())),
    )
}

/// Bytes from a peer, harmless and short.
fn shown(bytes: Option<&[u8]>) -> String {
    const MOST: usize = 256;
    let Some(bytes) = bytes else { return "-".to_owned() };
    match bytes.get(..MOST) {
        Some(start) if bytes.len() > MOST => format!("{}...", start.escape_ascii()),
        _ => bytes.escape_ascii().to_string(),
    }
}
