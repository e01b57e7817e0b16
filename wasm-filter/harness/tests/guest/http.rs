//! Requests: calls to another service, bodies, trailers, responses, time and metrics.

use std::time::Duration;

use bookend_harness::{
    Answer, Answerer, Call, Course, Ending, Header, Http, Instance, Message, Metric, Outcome, Properties,
};

use crate::started;

/// The service `auth`: what it says, and after how many milliseconds.
struct Auth {
    status: Option<&'static str>,
    after: u64,
}

impl Answerer for Auth {
    fn knows(&self, cluster: &str) -> bool {
        cluster == "auth"
    }

    fn answer(&mut self, call: &Call) -> Answer {
        assert_eq!((call.body.as_slice(), call.timeout), (b"?".as_slice(), Some(Duration::from_secs(2))));
        let response = self.status.map(|status| Message {
            headers: Some(vec![header(":status", status)]),
            body: format!("auth about {}", text(&call.headers, ":path")).into_bytes(),
            ..Message::default()
        });
        Answer { after: Duration::from_millis(self.after), response }
    }
}

fn header(name: &str, value: &str) -> Header {
    (name.into(), value.into())
}

fn text(headers: &[Header], name: &str) -> String {
    let found = headers.iter().find(|(other, _)| other == name.as_bytes());
    found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}

fn headers(path: &str) -> Vec<Header> {
    vec![header(":method", "POST"), header(":path", path), header(":authority", "a")]
}

/// A request that the plugin lets pass without asking.
pub(crate) fn open(instance: &mut Instance) {
    let stream = instance.open_http(Properties::new()).expect("the stream opens");
    let course = instance.request_headers(stream, headers("/open"), true).expect("the guest lives");
    assert_eq!(course, Course::Running);
    instance.finish(stream).expect("the guest lives");
}

/// A request that the plugin asks `auth` about, until it has been asked about.
fn asked(auth: Auth) -> Option<(Instance, Http)> {
    let mut instance = started("http")?;
    instance.set_answerer(auth);
    let stream = instance.open_http(Properties::new()).expect("the stream opens");
    let course = instance.request_headers(stream, headers("/asked"), true).expect("the guest lives");
    assert_eq!(course, Course::Stopped);
    Some((instance, stream))
}

fn answered(auth: Auth, after: u64) -> Option<Outcome> {
    let (mut instance, stream) = asked(auth)?;
    instance.advance(Duration::from_millis(after)).expect("the guest lives");
    Some(instance.finish(stream).expect("the guest lives"))
}

#[test]
fn a_request_waits_for_the_answer_of_another_service() {
    let Some((mut instance, stream)) = asked(Auth { status: Some("200"), after: 30 }) else { return };
    instance.advance(Duration::from_millis(29)).expect("the guest lives");
    assert_eq!(instance.courses(stream), Ok((Course::Stopped, Course::Running)));
    instance.advance(Duration::from_millis(1)).expect("the guest lives");
    assert_eq!(instance.courses(stream), Ok((Course::Running, Course::Running)));
    let outcome = instance.finish(stream).expect("the guest lives");
    assert_eq!(outcome.ending, Ending::Continue(headers("/asked")));
}

#[test]
fn a_refusal_by_another_service_becomes_an_answer_that_the_plugin_sees_too() {
    let Some(outcome) = answered(Auth { status: Some("401"), after: 0 }, 0) else { return };
    let headers = outcome.response.headers.expect("an answer");
    assert_eq!((text(&headers, ":status"), text(&headers, "x-auth-status")), ("403".into(), "401".into()));
    assert_eq!(text(&headers, "x-path"), "/asked", "added to what it answered itself");
    assert_eq!(outcome.response.body, b"auth about /asked");
    assert!(matches!(outcome.ending, Ending::LocalResponse(_)));
}

#[test]
fn a_service_that_breaks_off_or_takes_too_long_is_told_apart() {
    let Some(broken) = answered(Auth { status: None, after: 1 }, 1) else { return };
    // The plugin itself has the status, 9; the stream that the SDK speaks for has none.
    assert_eq!(broken.response.body, b"no answer: 0 ");
    let Some(late) = answered(Auth { status: Some("200"), after: 2000 }, 2000) else { return };
    assert_eq!(text(&late.response.headers.expect("an answer"), "x-auth-status"), "504");
}

#[test]
fn a_call_to_an_unknown_cluster_is_refused_at_once() {
    let Some(mut instance) = started("http") else { return };
    let stream = instance.open_http(Properties::new()).expect("the stream opens");
    let course = instance.request_headers(stream, headers("/asked"), true).expect("the guest lives");
    assert_eq!(course, Course::Answered);
    let outcome = instance.finish(stream).expect("the guest lives");
    assert_eq!(outcome.response.body, b"no call: BadArgument");
}

#[test]
fn a_body_is_collected_changed_and_followed_by_trailers() {
    let Some(mut instance) = started("http") else { return };
    let stream = instance.open_http(Properties::new()).expect("the stream opens");
    instance.request_headers(stream, headers("/open"), false).expect("the guest lives");
    assert_eq!(instance.request_body(stream, b"some", false), Ok(Course::Stopped));
    assert_eq!(instance.request_body(stream, b"thing", false), Ok(Course::Stopped));
    assert_eq!(instance.request_body(stream, b"", true), Ok(Course::Running));
    let outcome = instance.finish(stream).expect("the guest lives");
    assert_eq!((outcome.request.body, outcome.request.complete), (b"SOMETHING".to_vec(), true));

    let stream = instance.open_http(Properties::new()).expect("the stream opens");
    instance.request_headers(stream, headers("/open"), false).expect("the guest lives");
    instance.request_body(stream, b"some", false).expect("the guest lives");
    assert_eq!(instance.request_trailers(stream, vec![header("t", "1")]), Ok(Course::Running));
    let request = instance.finish(stream).expect("the guest lives").request;
    assert_eq!(request.body, b"some");
    assert_eq!(request.trailers, Some(vec![header("t", "1"), header("x-seen", "trailers")]));
}

#[test]
fn a_response_is_changed_and_measured() {
    let Some(mut instance) = started("http") else { return };
    let stream = instance.open_http(Properties::new()).expect("the stream opens");
    instance.request_headers(stream, headers("/open"), true).expect("the guest lives");
    let response = vec![header(":status", "200"), header("server", "secret")];
    instance.response_headers(stream, response, false).expect("the guest lives");
    instance.response_body(stream, b"hello", true).expect("the guest lives");
    let outcome = instance.finish(stream).expect("the guest lives");
    assert_eq!(outcome.response.headers, Some(vec![header(":status", "200"), header("x-path", "/open")]));
    assert_eq!(instance.metrics().get("guest.sizes"), Some(&Metric::Histogram(vec![5])));
}

#[test]
fn ticks_come_as_time_passes_and_end_with_the_plugin() {
    let Some(mut instance) = started("http") else { return };
    let ticks = |instance: &Instance| instance.metrics().get("guest.ticks").cloned();
    instance.advance(Duration::from_millis(999)).expect("the guest lives");
    assert_eq!(ticks(&instance), Some(Metric::Counter(0)));
    instance.advance(Duration::from_millis(2001)).expect("the guest lives");
    assert_eq!(ticks(&instance), Some(Metric::Counter(3)));
    assert_eq!(instance.shut_down(), Ok(true));
    assert_eq!(instance.take_logs().first().map(|line| line.message.as_str()), Some("the plugin ends"));
    instance.advance(Duration::from_secs(5)).expect("the guest lives");
    assert_eq!(ticks(&instance), Some(Metric::Counter(3)));
}
