//! A proxy made of plain values, which remembers what the filter did.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bookend_filter::{CallFailed, Filter, Level, Next, Proxy, Refusal};

/// `reviews` may read single ratings on port 9080; nobody may go to `/admin`; everybody is isolated.
pub(crate) const CONFIGURATION: &str = r#"{
  "revision": "r1",
  "program": {
    "rules": [
      {
        "id": "default/bookinfo/reviews-reads-ratings",
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
        "http": [{"methods": ["GET"], "hosts": null, "paths": ["/ratings/{id}"], "headers": [], "query": [],
          "grpc": null, "jwt": null, "when": null, "not": []}]
      },
      {
        "id": "default/bookinfo/no-admin",
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
        "http": [{"methods": null, "hosts": null, "paths": ["/admin/{**}"], "headers": [], "query": [],
          "grpc": null, "jwt": null, "when": null, "not": []}]
      }
    ],
    "isolations": [
      {
        "id": "default/bookinfo/isolate[0]",
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

pub(crate) const REVIEWS: &str = "spiffe://cluster.local/ns/default/sa/reviews";

/// The numbers of the plugin and of its stream.
const PLUGIN: u32 = 1;
const STREAM: u32 = 2;

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) configuration: Result<Vec<u8>, CallFailed>,
    pub(crate) properties: BTreeMap<String, Result<Vec<u8>, CallFailed>>,
    pub(crate) headers: Result<Vec<u8>, CallFailed>,
    pub(crate) answers: bool,
    pub(crate) keeps_books: bool,
    pub(crate) done: RefCell<Done>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    pub(crate) refusal: Option<Refusal>,
    pub(crate) reset: bool,
    pub(crate) rule: Option<String>,
    pub(crate) audit: Option<String>,
    pub(crate) counted: Vec<&'static str>,
    pub(crate) logs: Vec<(Level, String)>,
}

const COUNTERS: [&str; 4] = [
    "bookend.requests.allowed",
    "bookend.requests.denied",
    "bookend.requests.faults",
    "bookend.requests.audited",
];

impl World {
    /// The proxy of `ratings`, asked by `reviews` for `GET /ratings/1`.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            configuration: Ok(CONFIGURATION.into()),
            properties: BTreeMap::new(),
            headers: Ok(Vec::new()),
            answers: true,
            keeps_books: true,
            done: RefCell::default(),
        };
        world.request("GET", "/ratings/1");
        world.know("filter_state/bookend.peer_uri_sans", REVIEWS);
        world.know("filter_state/bookend.peer_address", "10.0.0.7");
        world.know("destination/address", "10.0.0.1:9080");
        world.know("xds/node/metadata/NAMESPACE", "default");
        world.know("xds/node/metadata/SERVICE_ACCOUNT", "ratings");
        world.know("xds/node/metadata/LABELS", pairs(&[("app", "ratings")]));
        world
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

    /// Starts a filter and plays the request.
    pub(crate) fn play(&self) -> (Next, Done) {
        self.done.take();
        let mut filter = Filter::new();
        filter.create(PLUGIN, 0);
        filter.configure(self, PLUGIN);
        filter.create(STREAM, PLUGIN);
        let next = filter.request_headers(self, STREAM);
        filter.delete(STREAM);
        (next, self.done.borrow().clone())
    }

    /// The details of the refusal; nothing if the request went on.
    pub(crate) fn refused(&self) -> Option<String> {
        let (next, done) = self.play();
        assert_eq!(next == Next::Stop, done.refusal.is_some(), "a request is answered or goes on");
        done.refusal.map(|refusal| refusal.details)
    }
}

/// Serializes pairs as a proxy does.
pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<u8> {
    let number = |length: usize| u32::try_from(length).expect("short").to_le_bytes();
    let mut bytes = number(pairs.len()).to_vec();
    for (name, value) in pairs {
        bytes.extend([number(name.len()), number(value.len())].concat());
    }
    for (name, value) in pairs {
        bytes.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    bytes
}

impl Proxy for World {
    fn configuration(&self) -> Result<Vec<u8>, CallFailed> {
        self.configuration.clone()
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, CallFailed> {
        self.properties.get(&path.join("/")).cloned().transpose()
    }

    fn set_property(&self, path: &[&str], value: &[u8]) -> Result<(), CallFailed> {
        let value = String::from_utf8_lossy(value).into_owned();
        let mut done = self.done.borrow_mut();
        match path {
            ["bookend.rule"] => done.rule = Some(value),
            ["bookend.audit"] => done.audit = Some(value),
            other => unreachable!("nobody reads `{other:?}`"),
        }
        if self.keeps_books { Ok(()) } else { Err(CallFailed(2)) }
    }

    fn request_headers(&self) -> Result<Vec<u8>, CallFailed> {
        self.headers.clone()
    }

    fn respond(&self, refusal: &Refusal) -> Result<(), CallFailed> {
        if !self.answers {
            return Err(CallFailed(6));
        }
        self.done.borrow_mut().refusal = Some(refusal.clone());
        Ok(())
    }

    fn reset(&self) -> Result<(), CallFailed> {
        self.done.borrow_mut().reset = true;
        Ok(())
    }

    fn define_counter(&self, name: &str) -> Result<u32, CallFailed> {
        let place = COUNTERS.iter().position(|counter| *counter == name).expect("a known counter");
        if self.keeps_books { Ok(u32::try_from(place).expect("small")) } else { Err(CallFailed(10)) }
    }

    fn count(&self, counter: u32) -> Result<(), CallFailed> {
        self.done.borrow_mut().counted.extend(COUNTERS.get(counter as usize));
        Ok(())
    }

    fn log(&self, level: Level, message: &str) {
        self.done.borrow_mut().logs.push((level, message.to_owned()));
    }
}
