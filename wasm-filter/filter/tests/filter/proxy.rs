//! A proxy made of plain values, which remembers what the filter did.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use bookend_engine::HeaderLine;
use bookend_filter::{
    Attribute, CallFailed, Fault, Filter, HeadersError, Host, Label, Level, Metric, Next, Proxy, Refusal,
    headers, tokens,
};
use serde_json::{Map, Value};

/// `reviews` may read single ratings on port 9080; nobody may go to `/admin`; everybody is isolated.
pub(crate) const CONFIGURATION: &str = r#"{
  "revision": "r1",
  "program": {
    "rules": [
      {
        "id": "default/bookinfo/reviews-reads-ratings",
        "plane": "bookend",
        "tier": 1000,
        "priority": 0,
        "action": "allow",
        "mode": "enforce",
        "at": {"source": true, "destination": true},
        "namespace": "default",
        "from": [{"workloads": {"namespaces": {"named": "default"}, "labels": {"app": "reviews"}, "expressions": [], "serviceAccounts": null}, "blocks": null, "principals": null, "not": []}],
        "to": [{"workloads": {"namespaces": {"named": "default"}, "labels": {"app": "ratings"}, "expressions": [], "serviceAccounts": null}, "blocks": null, "principals": null, "not": []}],
        "ports": [{"range": {"protocol": "TCP", "first": 9080, "last": 9080}}],
        "notPorts": [],
        "http": [{"methods": ["GET"], "hosts": null, "clients": null, "paths": ["/ratings/{id}"], "headers": [], "query": [],
          "grpc": null, "jwt": null, "when": null, "not": []}]
      },
      {
        "id": "default/bookinfo/no-admin",
        "plane": "bookend",
        "tier": 1000,
        "priority": 0,
        "action": "deny",
        "mode": "enforce",
        "at": {"source": true, "destination": true},
        "namespace": "default",
        "from": null,
        "to": [{"workloads": {"namespaces": {"named": "default"}, "labels": {"app": "ratings"}, "expressions": [], "serviceAccounts": null}, "blocks": null, "principals": null, "not": []}],
        "ports": null,
        "notPorts": [],
        "http": [{"methods": null, "hosts": null, "clients": null, "paths": ["/admin/{**}"], "headers": [], "query": [],
          "grpc": null, "jwt": null, "when": null, "not": []}]
      }
    ],
    "isolations": [
      {
        "id": "default/bookinfo/isolate[0]",
        "plane": "bookend",
        "tier": 1000,
        "mode": "enforce",
        "workloads": {"namespaces": {"named": "default"}, "labels": {}, "expressions": [], "serviceAccounts": null},
        "egress": true,
        "ingress": true
      }
    ]
  },
  "inventory": {
    "trustDomain": "cluster.local",
    "namespaces": {},
    "workloads": [
      {"name": "reviews", "identity": {"namespace": "default", "serviceAccount": "reviews", "labels": {"app": "reviews"}, "proxied": true, "jwt": false}},
      {"name": "ratings", "identity": {"namespace": "default", "serviceAccount": "ratings", "labels": {"app": "ratings"}, "proxied": true, "jwt": false}}
    ]
  }
}"#;

/// The one name in the certificate of `reviews`.
pub(crate) const REVIEWS: &str = "spiffe://cluster.local/ns/default/sa/reviews";

/// Where the text about the peer is.
pub(crate) const PEER: &str = "filter_state/bookend.peer";

/// The numbers of the plugin and of its stream.
pub(crate) const PLUGIN: u32 = 1;
pub(crate) const STREAM: u32 = 2;

/// What a proxy knows, and what was done to it.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) configuration: Result<Vec<u8>, CallFailed>,
    pub(crate) properties: BTreeMap<String, Result<Vec<u8>, CallFailed>>,
    pub(crate) headers: Result<Vec<u8>, CallFailed>,
    /// Whether it sends answers and closes connections.
    pub(crate) answers: bool,
    /// Whether it counts and attaches.
    pub(crate) keeps_books: bool,
    pub(crate) second: Cell<u64>,
    /// The number of the connection, if the proxy numbers them.
    pub(crate) connection: Cell<Option<u64>>,
    /// Calls for each request, beyond what is written down.
    pub(crate) calls: Cell<u32>,
    pub(crate) done: RefCell<Done>,
}

/// What a filter did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    pub(crate) refusal: Option<Answered>,
    pub(crate) reset: bool,
    pub(crate) closed: Vec<String>,
    /// Contexts that were let go on.
    pub(crate) resumed: Vec<u32>,
    pub(crate) rule: Option<String>,
    pub(crate) audit: Option<String>,
    /// The names of metrics; their numbers are their places.
    pub(crate) metrics: Vec<String>,
    pub(crate) counted: BTreeMap<String, u64>,
    pub(crate) gauges: BTreeMap<String, u64>,
    pub(crate) logs: Vec<(Level, String)>,
    pub(crate) paces: Vec<u32>,
    pub(crate) context: u32,
}

/// A refusal that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) details: String,
    pub(crate) grpc_status: u32,
}

impl World {
    /// The proxy of `ratings`, asked by `reviews` for `GET /ratings/1`.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            configuration: Ok(CONFIGURATION.into()),
            properties: BTreeMap::new(),
            headers: Ok(Vec::new()),
            answers: true,
            keeps_books: true,
            second: Cell::new(1),
            connection: Cell::new(None),
            calls: Cell::new(0),
            done: RefCell::default(),
        };
        world.request("GET", "/ratings/1");
        world.arrive("10.0.0.7", "10.0.0.1:9080", REVIEWS);
        world.know("xds/node/metadata/NAMESPACE", "default");
        world.know("xds/node/metadata/SERVICE_ACCOUNT", "ratings");
        world.know("xds/node/metadata/LABELS", pairs(&[("app", "ratings")]));
        world
    }

    /// With other settings.
    pub(crate) fn with_settings(settings: &Value) -> Self {
        let mut world = Self::new();
        world.configure(|configuration| configuration["settings"] = settings.clone());
        world
    }

    /// Changes the configuration.
    pub(crate) fn configure(&mut self, change: impl FnOnce(&mut Value)) {
        let bytes = self.configuration.as_ref().expect("there is a configuration");
        let mut configuration = serde_json::from_slice(bytes).expect("it is JSON");
        change(&mut configuration);
        self.configuration = Ok(configuration.to_string().into());
    }

    /// Who is there, and where they arrived.
    pub(crate) fn arrive(&mut self, from: &str, at: &str, names: &str) {
        self.know(PEER, format!("{from} {at} {names}"));
    }

    pub(crate) fn know(&mut self, path: &str, value: impl Into<Vec<u8>>) {
        self.properties.insert(path.to_owned(), Ok(value.into()));
    }

    pub(crate) fn forget(&mut self, path: &str) {
        assert!(self.properties.remove(path).is_some(), "the world knew it");
    }

    pub(crate) fn request(&mut self, method: &str, path: &str) {
        self.headers = Ok(pairs(&[(":method", method), (":path", path), ("x-forwarded-for", "10.0.0.7")]));
    }

    /// A filter that was configured in this world.
    pub(crate) fn filter(&self) -> Filter {
        self.done.take();
        let mut filter = Filter::new();
        filter.create(PLUGIN, 0);
        filter.configure(self, PLUGIN);
        filter.create(STREAM, PLUGIN);
        self.done.borrow_mut().context = STREAM;
        filter
    }

    /// Starts a filter and plays the request, until it was reported.
    pub(crate) fn play(&self) -> (Next, Done) {
        let mut filter = self.filter();
        self.calls.set(0);
        let next = filter.request_headers(self, STREAM);
        filter.delete(self, STREAM);
        filter.tick(self, PLUGIN);
        (next, self.done.borrow().clone())
    }

    /// The details of the refusal; nothing if the request went on.
    pub(crate) fn refused(&self) -> Option<String> {
        let (next, done) = self.play();
        assert_eq!(next == Next::Stop, done.refusal.is_some(), "a request is answered or goes on");
        done.refusal.map(|refusal| refusal.details)
    }

    fn called(&self) {
        self.calls.set(self.calls.get() + 1);
    }
}

impl Done {
    /// The decisions that were logged.
    pub(crate) fn decisions(&self) -> Vec<Value> {
        let lines = self.logs.iter().filter(|(_, line)| line.starts_with('{'));
        lines.map(|(_, line)| serde_json::from_str(line).expect("a line of the log is JSON")).collect()
    }

    /// The counters that were met, without those of rules.
    pub(crate) fn totals(&self) -> Vec<(&str, u64)> {
        let totals = self.counted.iter().filter(|(name, _)| !name.starts_with("bookend.rule."));
        totals.map(|(name, count)| (name.as_str(), *count)).collect()
    }
}

/// Serializes pairs as a proxy does.
pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<u8> {
    let owned: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    headers::serialized(&owned).expect("few")
}

impl Proxy for World {
    fn attribute(&self, attribute: Attribute) -> Result<Option<Cow<'_, [u8]>>, CallFailed> {
        self.called();
        match self.properties.get(&attribute.path().join("/")) {
            None => Ok(None),
            Some(Ok(bytes)) => Ok(Some(Cow::Borrowed(bytes))),
            Some(Err(failed)) => Err(*failed),
        }
    }

    fn connection(&self) -> Option<u64> {
        self.called();
        self.connection.get()
    }

    fn request_headers<T>(&self, read: impl FnOnce(Result<&[HeaderLine<'_>], HeadersError>) -> T) -> T {
        self.called();
        match self.headers.as_deref().map(headers::pairs) {
            Ok(Some(lines)) => read(Ok(&lines)),
            Ok(None) => read(Err(HeadersError::Malformed)),
            Err(failed) => read(Err(HeadersError::Unreadable(*failed))),
        }
    }

    fn verified(&self) -> Result<Map<String, Value>, Fault> {
        tokens::entries(self.property(&[tokens::METADATA]))
    }

    fn attach(&self, label: Label, text: &str) -> Result<(), CallFailed> {
        self.called();
        let mut done = self.done.borrow_mut();
        match label {
            Label::Rule => done.rule = Some(text.to_owned()),
            Label::Audit => done.audit = Some(text.to_owned()),
        }
        if self.keeps_books { Ok(()) } else { Err(CallFailed(2)) }
    }

    fn respond(&self, refusal: &Refusal<'_>) -> Result<(), CallFailed> {
        if !self.answers {
            return Err(CallFailed(6));
        }
        self.done.borrow_mut().refusal = Some(Answered {
            status: refusal.status,
            body: refusal.body.to_owned(),
            headers: refusal.headers.to_vec(),
            details: refusal.details.to_owned(),
            grpc_status: refusal.grpc_status,
        });
        Ok(())
    }

    fn reset(&self) -> Result<(), CallFailed> {
        self.done.borrow_mut().reset = true;
        Ok(())
    }

    fn close(&self, details: &str) -> Result<(), CallFailed> {
        self.done.borrow_mut().closed.push(details.to_owned());
        if self.answers { Ok(()) } else { Err(CallFailed(6)) }
    }

    fn second(&self) -> u64 {
        self.second.get()
    }

    fn log(&self, level: Level, line: &str) {
        self.done.borrow_mut().logs.push((level, line.to_owned()));
    }
}

impl Host for World {
    fn configuration(&self) -> Result<Vec<u8>, CallFailed> {
        self.configuration.clone()
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, CallFailed> {
        self.called();
        self.properties.get(&path.join("/")).cloned().transpose()
    }

    fn turn_to(&self, context: u32) -> Result<(), CallFailed> {
        self.done.borrow_mut().context = context;
        Ok(())
    }

    fn resume(&self) -> Result<(), CallFailed> {
        let mut done = self.done.borrow_mut();
        let context = done.context;
        done.resumed.push(context);
        Ok(())
    }

    fn tick_every(&self, milliseconds: u32) -> Result<(), CallFailed> {
        self.called();
        self.done.borrow_mut().paces.push(milliseconds);
        Ok(())
    }

    fn define(&self, _kind: Metric, name: &str) -> Result<u32, CallFailed> {
        if !self.keeps_books {
            return Err(CallFailed(10));
        }
        let mut done = self.done.borrow_mut();
        done.metrics.push(name.to_owned());
        Ok(u32::try_from(done.metrics.len()).expect("few") - 1)
    }

    fn add(&self, counter: u32, count: u64) -> Result<(), CallFailed> {
        let mut done = self.done.borrow_mut();
        let name = done.metrics.get(counter as usize).expect("a counter that was defined").clone();
        *done.counted.entry(name).or_default() += count;
        Ok(())
    }

    fn set(&self, gauge: u32, value: u64) -> Result<(), CallFailed> {
        let mut done = self.done.borrow_mut();
        let name = done.metrics.get(gauge as usize).expect("a gauge that was defined").clone();
        done.gauges.insert(name, value);
        Ok(())
    }
}
