//! The keys of a question, and what is filed under them.

use alloc::vec::Vec;
use ipnet::IpNet;

use super::Index;
use super::key::Kind;
use crate::{
    CanonicalPath, Connection, End, Endpoint, Exchange, Identity, Location, Principal, WorkloadIdentity,
};

impl Index {
    /// The positions of the rules that can concern a question, in order. `filtered`: whether it is certain that a filter at the
    /// destination sees requests.
    pub(crate) fn rules(
        &self,
        connection: &Connection<'_>,
        exchange: Exchange<'_>,
        filtered: bool,
    ) -> Vec<u32> {
        let mut found = Found::new(self);
        for end in End::BOTH {
            let endpoint = connection.at(end);
            found.identity(end, &endpoint.identity);
            found.location(end, endpoint.location);
        }
        found.principal(&connection.source);
        found.key(Kind::Port, || Kind::Port.port(connection.protocol, connection.port));
        match exchange {
            Exchange::Http(request) if filtered => match request.path() {
                Ok(path) => found.path(path),
                Err(_) => found.in_doubt(Kind::Path),
            },
            Exchange::Http(_) | Exchange::Stream => found.in_doubt(Kind::Path),
            Exchange::Packet => found.all(Kind::Path),
        }
        found.in_order()
    }

    /// The positions of the isolations that can concern somebody, in order.
    pub(crate) fn isolations(&self, identity: &Identity<'_>) -> Vec<u32> {
        let mut found = Found::new(self);
        found.identity(End::Source, identity);
        found.in_order()
    }
}

/// What was found so far: lists, each in order.
struct Found<'i> {
    index: &'i Index,
    lists: Vec<&'i [u32]>,
}

impl<'i> Found<'i> {
    fn new(index: &'i Index) -> Self {
        let mut lists = Vec::with_capacity(16);
        lists.push(index.rest.as_slice());
        Self { index, lists }
    }

    fn in_order(self) -> Vec<u32> {
        let lists = self.lists.into_iter().filter(|list| !list.is_empty());
        let mut positions: Vec<u32> = Vec::new();
        let mut count = 0;
        for list in lists {
            positions.extend_from_slice(list);
            count += 1;
        }
        if count > 1 {
            positions.sort_unstable();
            positions.dedup();
        }
        positions
    }

    /// Whether anything is filed by this kind of key.
    fn asks(&self, kind: Kind) -> bool {
        self.index.by_kind.get(kind.position()).is_some_and(|filed| !filed.all.is_empty())
    }

    fn key(&mut self, kind: Kind, key: impl FnOnce() -> u64) {
        if self.asks(kind) {
            self.look_up(key());
        }
    }

    fn look_up(&mut self, key: u64) {
        if let Some((start, end)) = self.index.slots.get(&key) {
            let (start, end) = (usize::try_from(*start), usize::try_from(*end));
            if let (Ok(start), Ok(end)) = (start, end) {
                self.lists.extend(self.index.filed.get(start..end));
            }
        }
    }

    /// Whatever doubt about this kind makes a difference to.
    fn in_doubt(&mut self, kind: Kind) {
        self.lists.extend(self.index.by_kind.get(kind.position()).map(|filed| &filed.swayed_by_doubt[..]));
    }

    fn all(&mut self, kind: Kind) {
        self.lists.extend(self.index.by_kind.get(kind.position()).map(|filed| &filed.all[..]));
    }

    fn identity(&mut self, end: End, identity: &Identity<'_>) {
        match identity {
            Identity::Outside => {}
            Identity::Workload(workload) => self.workload(end, workload),
            Identity::Candidates(list) => list.iter().for_each(|workload| self.workload(end, workload)),
            Identity::Account { namespace, service_account, .. } => {
                self.account(end, namespace, service_account);
                self.in_doubt(Kind::Label(end));
            }
            Identity::Anonymous => self.anybody(end),
            // At the source it is held to this workload's own policy; elsewhere it may be anybody (S25).
            Identity::Claimed(workload) => {
                self.workload(end, workload);
                self.anybody(end);
            }
        }
    }

    fn anybody(&mut self, end: End) {
        for kind in [Kind::Label(end), Kind::Account(end), Kind::Namespace(end)] {
            self.in_doubt(kind);
        }
    }

    fn workload(&mut self, end: End, workload: &WorkloadIdentity) {
        self.account(end, &workload.namespace, &workload.service_account);
        let kind = Kind::Label(end);
        if self.asks(kind) {
            workload.labels.iter().for_each(|(key, value)| self.look_up(kind.texts(key, value)));
        }
    }

    fn account(&mut self, end: End, namespace: &str, account: &str) {
        let (of_namespace, of_account) = (Kind::Namespace(end), Kind::Account(end));
        self.key(of_namespace, || of_namespace.texts(namespace, ""));
        self.key(of_account, || of_account.texts(namespace, account));
        self.key(of_account, || of_account.texts("", account));
    }

    fn location(&mut self, end: End, location: Location) {
        let kind = Kind::Block(end);
        match location {
            Location::Elsewhere => {}
            Location::Unknown => self.in_doubt(kind),
            Location::Block(net) if self.asks(kind) => {
                let index = self.index;
                for length in index.prefix_lengths.iter().take_while(|length| **length <= net.prefix_len()) {
                    if let Ok(wider) = IpNet::new(net.addr(), *length) {
                        self.look_up(kind.network(wider));
                    }
                }
            }
            Location::Block(_) => {}
        }
    }

    fn principal(&mut self, source: &Endpoint<'_>) {
        let kind = Kind::Principal;
        if !self.asks(kind) {
            return;
        }
        let mut derived = |workload: &WorkloadIdentity, trust_domain: &str| {
            self.look_up(kind.texts(&workload.spiffe_id(trust_domain), ""));
        };
        match (source.principal, &source.identity) {
            (Principal::Verified([]) | Principal::Unknown, _) => self.in_doubt(kind),
            (Principal::Verified(ids), _) => ids.iter().for_each(|id| self.look_up(kind.texts(id, ""))),
            (Principal::Open, _) => self.all(kind),
            (Principal::Derived { trust_domain }, Identity::Workload(workload)) => {
                derived(workload, trust_domain);
            }
            (Principal::Derived { trust_domain }, Identity::Candidates(list)) => {
                list.iter().for_each(|workload| derived(workload, trust_domain));
            }
            (Principal::Derived { trust_domain }, Identity::Claimed(workload)) => {
                derived(workload, trust_domain);
                self.in_doubt(kind);
            }
            (Principal::Derived { .. }, _) => self.in_doubt(kind),
        }
    }

    /// A path has the keys of all its starts that end before a slash, and of itself.
    fn path(&mut self, path: &CanonicalPath) {
        if !self.asks(Kind::Path) {
            return;
        }
        let mut key = Kind::Path.start();
        for byte in path.as_str().bytes() {
            if byte == b'/' {
                self.look_up(key.byte(0xff).byte(0xff).finish());
            }
            key = key.byte(byte);
        }
        self.look_up(key.byte(0xff).byte(0xff).finish());
    }
}
