//! The hooks of network filters.

use std::ffi::c_void;

use super::{CONFIGURATION, CONTINUE, NODE, REVIEWS, buffer};
use crate::envoy::{Scope, Traffic};
use crate::hooks::network;
use crate::node;

/// `FilterStatus::StopIteration`
const STOP: u32 = 1;

/// `ConnectionEvent::Connected`
const CONNECTED: u32 = 2;

/// A filter among network filters, and one connection.
struct Course<'t> {
    traffic: &'t Traffic<'t>,
    course: *const c_void,
}

fn configured(scope: &Scope) -> *const c_void {
    network::envoy_dynamic_module_on_network_filter_config_new(
        scope.envoy(),
        buffer("bookend"),
        buffer(CONFIGURATION),
    )
}

/// A connection to the port of streams; with a certificate if `names` has any.
fn connection<'s>(scope: &'s Scope, names: &[&'static str]) -> Traffic<'s> {
    let traffic = Traffic {
        scope: Some(scope),
        remote: Some("10.0.0.2"),
        local: Some(("10.0.0.1", 27017)),
        tls: !names.is_empty(),
        names: names.to_vec(),
        ..Traffic::default()
    };
    traffic.state.borrow_mut().insert(node::KEY.to_owned(), NODE.to_owned());
    traffic
}

impl<'t> Course<'t> {
    fn new(policy: *const c_void, traffic: &'t Traffic<'t>) -> Self {
        Self { traffic, course: network::envoy_dynamic_module_on_network_filter_new(policy, traffic.envoy()) }
    }

    fn open(&self) -> u32 {
        network::envoy_dynamic_module_on_network_filter_new_connection(self.traffic.envoy(), self.course)
    }

    fn happen(&self, event: u32) {
        network::envoy_dynamic_module_on_network_filter_event(self.traffic.envoy(), self.course, event);
    }

    fn come_back(&self) {
        network::envoy_dynamic_module_on_network_filter_scheduled(self.traffic.envoy(), self.course, 0);
    }

    fn read(&self) -> u32 {
        network::envoy_dynamic_module_on_network_filter_read(self.traffic.envoy(), self.course, 1, false)
    }

    fn write(&self) -> u32 {
        network::envoy_dynamic_module_on_network_filter_write(self.traffic.envoy(), self.course, 1, false)
    }

    fn ends(&self) -> Vec<String> {
        self.traffic.ends.borrow().clone()
    }
}

impl Drop for Course<'_> {
    fn drop(&mut self) {
        network::envoy_dynamic_module_on_network_filter_destroy(self.course);
    }
}

#[test]
fn a_connection_of_tls_is_judged_when_its_handshake_is_over_and_held_until_then() {
    let scope = Scope::default();
    let policy = configured(&scope);
    let allowed = connection(&scope, &[REVIEWS]);
    // As `tcp_proxy` does before its upstream is there.
    allowed.unread.set(1);
    let course = Course::new(policy, &allowed);
    assert_eq!((course.open(), course.write()), (STOP, STOP));
    assert_eq!(allowed.unread.get(), 0, "the handshake must be read");
    course.happen(CONNECTED);
    assert_eq!((allowed.unread.get(), allowed.scheduled.get(), allowed.proceeded.get()), (1, 1, 0));
    course.come_back();
    assert_eq!(allowed.proceeded.get(), 1);
    assert_eq!((course.read(), course.write(), course.ends().len()), (CONTINUE, CONTINUE, 0));
    course.happen(CONNECTED);
    course.come_back();
    assert_eq!(allowed.proceeded.get(), 1);
    drop(course);

    let stranger = connection(&scope, &["spiffe://cluster.local/ns/default/sa/stranger"]);
    let course = Course::new(policy, &stranger);
    assert_eq!(course.open(), STOP);
    course.happen(CONNECTED);
    assert_eq!(course.ends(), ["bookend_denied{default/bookinfo/isolate[0]}"]);
    assert_eq!((course.read(), course.write(), stranger.proceeded.get()), (STOP, STOP, 0));
    assert_eq!(stranger.state.borrow()["bookend.rule"], "default/bookinfo/isolate[0]");
    drop(course);
    assert_eq!(scope.value("bookend.connections.allowed"), Some(1));
    assert_eq!(scope.value("bookend.connections.denied"), Some(1));
    network::envoy_dynamic_module_on_network_filter_config_destroy(policy);
}

#[test]
fn a_plaintext_connection_is_judged_at_once_and_nobody_by_name() {
    let scope = Scope::default();
    let policy = configured(&scope);
    let traffic = connection(&scope, &[]);
    let course = Course::new(policy, &traffic);
    assert_eq!(course.open(), STOP);
    assert_eq!(course.ends(), ["bookend_denied{default/bookinfo/isolate[0]}"]);
    course.happen(0);
    course.happen(1);
    assert_eq!((course.read(), course.ends().len()), (STOP, 1), "closed once");
    drop(course);
    network::envoy_dynamic_module_on_network_filter_config_destroy(policy);
}

#[test]
fn a_certificate_with_several_names_is_read_whole_and_one_that_could_be_misread_is_refused() {
    let scope = Scope::default();
    let policy = configured(&scope);
    let strangers = ["spiffe://cluster.local/ns/default/sa/stranger"; 9];
    let forged = "spiffe://x/y,spiffe://cluster.local/ns/default/sa/reviews";
    for (names, end) in [
        ([&strangers[..], &[REVIEWS]].concat(), "bookend_denied{default/bookinfo/isolate[0]}"),
        (vec![forged], "bookend_fault{filter_state.bookend.peer}"),
    ] {
        let traffic = connection(&scope, &names);
        let course = Course::new(policy, &traffic);
        course.open();
        course.happen(CONNECTED);
        assert_eq!(course.ends(), [end]);
    }
    network::envoy_dynamic_module_on_network_filter_config_destroy(policy);
}
