//! The hooks, called as Envoy calls them.

mod connection;

use std::ffi::c_void;

use crate::abi::Buffer;
use crate::barrier::contained;
use crate::envoy::{Answer, Scope, Traffic};
use crate::hooks::http;
use crate::{node, tokens};

/// `reviews` may read single ratings on port 9080; nobody may go to `/admin`; everybody is isolated.
const CONFIGURATION: &str = r#"{
  "revision": "r1",
  "program": {
    "rules": [
      {
        "id": "default/bookinfo/elsewhere",
        "plane": "bookend", "tier": 1000, "priority": 0, "action": "allow", "mode": "enforce",
        "at": {"source": true, "destination": true}, "namespace": "default", "from": null,
        "to": [{"workloads": {"namespaces": {"named": "other"}, "labels": {}, "expressions": [], "serviceAccounts": null}, "blocks": null, "principals": null, "not": []}],
        "ports": null, "notPorts": [], "http": null
      },
      {
        "id": "default/bookinfo/reviews-reads-ratings",
        "plane": "bookend", "tier": 1000, "priority": 0, "action": "allow", "mode": "enforce",
        "at": {"source": true, "destination": true}, "namespace": "default",
        "from": [{"workloads": {"namespaces": {"named": "default"}, "labels": {"app": "reviews"}, "expressions": [], "serviceAccounts": null}, "blocks": null, "principals": null, "not": []}],
        "to": [{"workloads": {"namespaces": {"named": "default"}, "labels": {"app": "ratings"}, "expressions": [], "serviceAccounts": null}, "blocks": null, "principals": null, "not": []}],
        "ports": [{"range": {"protocol": "TCP", "first": 9080, "last": 9080}}], "notPorts": [],
        "http": [{"methods": ["GET"], "hosts": null, "clients": null, "paths": ["/ratings/{id}"], "headers": [], "query": [], "grpc": null, "jwt": null, "when": null, "not": []}]
      },
      {
        "id": "default/bookinfo/reviews-streams",
        "plane": "bookend", "tier": 1000, "priority": 0, "action": "allow", "mode": "enforce",
        "at": {"source": true, "destination": true}, "namespace": "default",
        "from": [{"workloads": {"namespaces": {"named": "default"}, "labels": {"app": "reviews"}, "expressions": [], "serviceAccounts": null}, "blocks": null, "principals": null, "not": []}],
        "to": [{"workloads": {"namespaces": {"named": "default"}, "labels": {"app": "ratings"}, "expressions": [], "serviceAccounts": null}, "blocks": null, "principals": null, "not": []}],
        "ports": [{"range": {"protocol": "TCP", "first": 27017, "last": 27017}}], "notPorts": [], "http": null
      }
    ],
    "isolations": [
      {
        "id": "default/bookinfo/isolate[0]", "plane": "bookend", "tier": 1000, "mode": "enforce",
        "workloads": {"namespaces": {"named": "default"}, "labels": {}, "expressions": [], "serviceAccounts": null},
        "egress": true, "ingress": true
      }
    ]
  },
  "inventory": {
    "trustDomain": "cluster.local", "namespaces": {},
    "workloads": [
      {"name": "reviews", "identity": {"namespace": "default", "serviceAccount": "reviews", "labels": {"app": "reviews"}, "proxied": true, "jwt": false}},
      {"name": "ratings", "identity": {"namespace": "default", "serviceAccount": "ratings", "labels": {"app": "ratings"}, "proxied": true, "jwt": false}}
    ]
  },
  "settings": {"metrics": {"rules": 2}}
}"#;

const NODE: &str = r#"{"LABELS":{"app":"ratings"},"NAMESPACE":"default","SERVICE_ACCOUNT":"ratings"}"#;
const REVIEWS: &str = "spiffe://cluster.local/ns/default/sa/reviews";
const PEER: &str = "10.0.0.2 10.0.0.1:9080 spiffe://cluster.local/ns/default/sa/reviews";

/// Statuses that hooks answer.
const CONTINUE: u32 = 0;
const STOP_ALL: u32 = 4;

/// Attributes of Envoy's.
const DESTINATION: u32 = 26;
const TLS_VERSION: u32 = 31;
const FIRST_URI_SAN: u32 = 37;

fn buffer(text: &str) -> Buffer {
    Buffer::lend(text.as_bytes())
}

/// A filter among HTTP filters, configured.
struct Filter<'s> {
    scope: &'s Scope,
    policy: *const c_void,
}

impl<'s> Filter<'s> {
    fn new(scope: &'s Scope, configuration: &str) -> Self {
        let policy = http::envoy_dynamic_module_on_http_filter_config_new(
            scope.envoy(),
            buffer("bookend"),
            buffer(configuration),
        );
        Self { scope, policy }
    }

    /// A request of `GET /ratings/1` whose peer and proxy are known.
    fn request(&self) -> Traffic<'s> {
        let headers =
            vec![(":method", "GET"), (":authority", "ratings"), (":path", "/ratings/1"), (":scheme", "http")];
        let traffic = Traffic { scope: Some(self.scope), headers, ..Traffic::default() };
        traffic.state.borrow_mut().insert("bookend.peer".to_owned(), PEER.to_owned());
        traffic.state.borrow_mut().insert(node::KEY.to_owned(), NODE.to_owned());
        traffic
    }

    fn pass(&self, traffic: &Traffic<'_>) -> u32 {
        let stream = http::envoy_dynamic_module_on_http_filter_new(self.policy, traffic.envoy());
        let status = http::envoy_dynamic_module_on_http_filter_request_headers(traffic.envoy(), stream, true);
        http::envoy_dynamic_module_on_http_filter_destroy(stream);
        status
    }
}

impl Drop for Filter<'_> {
    fn drop(&mut self) {
        if !self.policy.is_null() {
            http::envoy_dynamic_module_on_http_filter_config_destroy(self.policy);
        }
    }
}

fn only_answer(traffic: &Traffic<'_>) -> Answer {
    let answers = traffic.answers.borrow();
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers[0].clone()
}

#[test]
fn a_request_passes_if_policy_allows_it_and_is_answered_otherwise() {
    let scope = Scope::default();
    let filter = Filter::new(&scope, CONFIGURATION);
    let allowed = filter.request();
    assert_eq!(filter.pass(&allowed), CONTINUE);
    assert!(allowed.answers.borrow().is_empty());

    let mut denied = filter.request();
    denied.headers[2] = (":path", "/admin");
    assert_eq!(filter.pass(&denied), STOP_ALL);
    let answer = only_answer(&denied);
    assert_eq!((answer.status, answer.body.as_str()), (403, "denied by policy"));
    assert_eq!(answer.details, "bookend_denied{default/bookinfo/isolate[0]}");
    assert!(answer.headers.is_empty());
    assert_eq!(denied.state.borrow()["bookend.rule"], "default/bookinfo/isolate[0]");
    assert_eq!(denied.metadata.borrow()["bookend:rule"], "default/bookinfo/isolate[0]");
    assert_eq!(scope.value("bookend.requests.allowed"), Some(1));
    assert_eq!(scope.value("bookend.requests.denied"), Some(1));
}

#[test]
fn an_answer_to_grpc_has_a_status_of_its_own_because_envoy_would_say_ok() {
    let scope = Scope::default();
    let filter = Filter::new(&scope, CONFIGURATION);
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc-web"] {
        let mut call = filter.request();
        call.headers.push(("content-type", content_type));
        call.headers[2] = (":path", "/service/method");
        assert_eq!(filter.pass(&call), STOP_ALL);
        assert_eq!(
            only_answer(&call).headers,
            [("grpc-status".to_owned(), "7".to_owned())],
            "{content_type}"
        );
    }
}

#[test]
fn requests_of_any_length_are_read_whole() {
    let scope = Scope::default();
    let filter = Filter::new(&scope, CONFIGURATION);
    for count in [40, 44, 45, 500] {
        let mut request = filter.request();
        request.headers.extend(std::iter::repeat_n(("x", "y"), count));
        assert_eq!(filter.pass(&request), CONTINUE, "{count}");
        request.headers.push((":path", "/other"));
        assert_eq!(filter.pass(&request), STOP_ALL, "{count} and a second path");
    }
}

#[test]
fn until_it_is_known_whose_proxy_this_is_nothing_passes() {
    let scope = Scope::default();
    let filter = Filter::new(&scope, CONFIGURATION);
    assert_eq!(scope.value("bookend.configuration.faulty"), Some(0), "nobody asked yet");
    let unknown = filter.request();
    unknown.state.borrow_mut().remove(node::KEY);
    assert_eq!(filter.pass(&unknown), STOP_ALL);
    assert_eq!(only_answer(&unknown).details, "bookend_fault{filter_state.bookend.node}");
    assert_eq!(scope.value("bookend.configuration.faulty"), Some(1));
    assert_eq!(scope.value("bookend.requests.faults"), Some(1));

    assert_eq!(filter.pass(&filter.request()), CONTINUE);
    assert_eq!(scope.value("bookend.configuration.faulty"), Some(0));
    assert_eq!(filter.pass(&unknown), CONTINUE, "a node never changes, so it need not be told again");
}

#[test]
fn a_node_that_lacks_something_refuses_everything() {
    for (node, missing) in [
        (r#"{"NAMESPACE":"default","SERVICE_ACCOUNT":"ratings"}"#, "bookend.node.LABELS"),
        (r#"{"NAMESPACE":"default","SERVICE_ACCOUNT":"ratings","LABELS":null}"#, "bookend.node.LABELS"),
        (r#"{"NAMESPACE":"default","SERVICE_ACCOUNT":"ratings","LABELS":{"app":1}}"#, "bookend.node.LABELS"),
        (r#"{"NAMESPACE":"default","SERVICE_ACCOUNT":"","LABELS":{}}"#, "bookend.node.SERVICE_ACCOUNT"),
        (r#"{"NAMESPACE":7,"SERVICE_ACCOUNT":"ratings","LABELS":{}}"#, "bookend.node.NAMESPACE"),
        ("CelMap value", "bookend.node"),
    ] {
        let scope = Scope::default();
        let filter = Filter::new(&scope, CONFIGURATION);
        let request = filter.request();
        request.state.borrow_mut().insert(node::KEY.to_owned(), node.to_owned());
        assert_eq!(filter.pass(&request), STOP_ALL);
        assert_eq!(
            only_answer(&request).details,
            format!("bookend_fault{{filter_state.{missing}}}"),
            "{node}"
        );
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_refused() {
    for bad in ["", "{}", "[]", r#"{"revision":"r","program":{"rules":[]},"extra":1}"#] {
        let scope = Scope::default();
        assert!(Filter::new(&scope, bad).policy.is_null(), "{bad}");
        assert!(scope.names.lock().unwrap().is_empty(), "{bad}");
    }
}

#[test]
fn a_rule_without_counters_of_its_own_is_counted_with_others() {
    let scope = Scope::default();
    let filter = Filter::new(&scope, CONFIGURATION);
    assert_eq!(filter.pass(&filter.request()), CONTINUE);
    assert_eq!(scope.value("bookend.rule.default/bookinfo/reviews-reads-ratings.allowed"), Some(1));
    // Two rules of the whole program were counted on their own; this one is the second that concerns the workload.
    assert_eq!(scope.value("bookend.rule.default/bookinfo/reviews-streams.allowed"), None);
    let mut refused = filter.request();
    refused.headers[0] = (":method", "POST");
    filter.pass(&refused);
    assert_eq!(scope.value("bookend.rule.default/bookinfo/isolate[0].denied"), Some(1));
    assert_eq!(scope.value("bookend.policy.rules"), Some(2));
}

#[test]
fn without_a_filter_in_front_a_plaintext_peer_is_the_direct_one_and_one_of_tls_has_its_first_name() {
    let scope = Scope::default();
    let filter = Filter::new(&scope, CONFIGURATION);
    let mut request = filter.request();
    request.state.borrow_mut().remove("bookend.peer");
    request.remote = Some("10.0.0.2:4000");
    request.attributes.insert(DESTINATION, "10.0.0.1:9080");
    assert_eq!(filter.pass(&request), STOP_ALL);
    assert_eq!(
        only_answer(&request).details,
        "bookend_denied{default/bookinfo/isolate[0]}",
        "nobody by name"
    );

    request.attributes.insert(TLS_VERSION, "TLSv1.3");
    request.attributes.insert(FIRST_URI_SAN, REVIEWS);
    assert_eq!(filter.pass(&request), CONTINUE);
}

#[test]
fn claims_count_only_if_all_of_them_are_there() {
    let payload = br#"{"payload":{"iss":"a","n":9007199254740993,"f":1.5}}"#;
    let claims = tokens::verified(Some(payload), 1).unwrap();
    assert_eq!(claims["payload"]["iss"], "a");
    assert!(claims["payload"]["n"].is_f64(), "Envoy has no such integer, and nor have we");
    assert!(tokens::verified(None, 0).unwrap().is_empty());
    for (text, count) in
        [(None, 1), (Some(&payload[..]), 2), (Some(b"{}"), 1), (Some(b"-"), 1), (Some(b"\xff"), 1)]
    {
        assert!(tokens::verified(text, count).is_err(), "{text:?} {count}");
    }
}

#[test]
fn a_panic_ends_before_envoy() {
    assert_eq!(contained(|| 1), Some(1));
    assert_eq!(contained(|| -> u32 { panic!("as it should") }), None);
}
