//! A line in the log of Istio's proxy, read from its beginning to its end.
//!
//! Much that strangers choose gets into that log: paths and headers of requests stand in access logs. So nothing is looked for in
//! the middle of a line. A line of the filter is what Envoy's own log makes of it, as Istio's agent configures that
//! (istio/istio, `pkg/envoy/proxy.go`, `--log-format`), and it begins with words in which nobody's bytes stand. Access logs begin with
//! `[` or with what whoever runs the mesh has written, and those in JSON have other fields.
//!
//! Whoever may write into the standard output of the proxy's container can write such lines: whoever makes the pod, and processes
//! with its container's user where containers share processes. They speak for their own pod only, which the decision names (`at`).

use std::borrow::Cow;

use serde::Deserialize;

/// The longest line of the filter, and more: it cuts what it quotes.
pub(super) const LONGEST: usize = 16 * 1024;

/// The filter's `root_id`, one of the names that Envoy writes before what it says.
const NAME: &str = "bookend";

/// Envoy's levels (spdlog).
const LEVELS: [&str; 6] = ["trace", "debug", "info", "warning", "error", "critical"];

/// Of which of Envoy's loggers plugins write.
const LOGGER: &str = "envoy wasm";

/// What the filter wrote, and when.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said<'l> {
    /// When the line was written, as the API server says.
    pub(super) time: &'l str,
    /// What the filter wrote: JSON.
    pub(super) text: Cow<'l, str>,
}

/// Envoy's line where the mesh logs JSON (`logAsJson`). Any other field is somebody else's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    level: String,
    time: String,
    scope: String,
    msg: String,
    #[serde(default)]
    caller: Option<String>,
    #[serde(rename = "thread", default)]
    _thread: Option<serde::de::IgnoredAny>,
}

impl<'l> Said<'l> {
    /// Reads a line of a container behind the time that the API server puts before it; nothing, unless it is the filter's.
    pub(super) fn read(line: &'l str) -> Option<Self> {
        if line.len() > LONGEST {
            return None;
        }
        let (time, line) = line.split_once(' ').filter(|(time, _)| is_time(time))?;
        let text = match line.strip_prefix('{') {
            Some(_) => Cow::Owned(json(line)?),
            None => Cow::Borrowed(plain(line)?),
        };
        Some(Self { time, text })
    }
}

/// `TIME\tLEVEL\tenvoy wasm FILE:LINE\tMESSAGE\tthread=NUMBER`; Istio before 1.17 wrote neither file nor thread.
fn plain(line: &str) -> Option<&str> {
    let mut parts = line.split('\t');
    let (time, level, logger, message) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let caller = logger.strip_prefix(LOGGER)?;
    let thread = parts.next().is_none_or(|thread| thread.strip_prefix("thread=").is_some_and(is_number));
    let sound = is_time(time)
        && LEVELS.contains(&level)
        && (caller.is_empty() || caller.strip_prefix(' ').is_some_and(is_place))
        && thread
        && parts.next().is_none();
    said(message).filter(|_| sound)
}

fn json(line: &str) -> Option<String> {
    let Line { level, time, scope, msg, caller, .. } = serde_json::from_str(line).ok()?;
    let sound = is_time(&time)
        && LEVELS.contains(&level.as_str())
        && scope == LOGGER
        && caller.as_deref().is_none_or(is_place);
    said(&msg).filter(|_| sound).map(str::to_owned)
}

/// What stands behind `wasm log NAMES: `, where one of the names is the filter's.
fn said(message: &str) -> Option<&str> {
    let (names, text) = message.strip_prefix("wasm log ")?.split_once(": ")?;
    let mut names = names.split(' ');
    let ours = names.clone().any(|name| name == NAME) && names.all(is_name);
    Some(text).filter(|text| ours && text.starts_with('{'))
}

/// A name as objects of Kubernetes and Envoy's extensions have it.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/'))
}

/// `external/envoy/source/extensions/common/wasm/context.cc:1198`
fn is_place(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(file, line)| is_name(file) && is_number(line))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `2026-07-01T12:00:01.500000000Z`
fn is_time(text: &str) -> bool {
    let digits = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b'+' | b'T' | b'Z');
    (20..=40).contains(&text.len())
        && text.as_bytes().get(10) == Some(&b'T')
        && text.as_bytes().iter().all(digits)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A line as Envoy writes it, for what the filter wrote.
    pub(in super::super) fn line(text: &str) -> String {
        let place = "external/envoy/source/extensions/common/wasm/context.cc:1198";
        format!(
            "2026-07-01T12:00:01.500000000Z 2026-07-01T12:00:01.499876Z\twarning\tenvoy wasm {place}\twasm log shop.bookend bookend: {text}\tthread=21"
        )
    }

    const SAID: &str = r#"{"bookend":"suppressed","lines":4}"#;

    #[test]
    fn a_line_of_the_filter_is_read_in_every_form_that_istio_gives_it() {
        let read = |line: &str| Said::read(line).map(|said| said.text.into_owned());
        assert_eq!(read(&line(SAID)).as_deref(), Some(SAID));
        assert_eq!(Said::read(&line(SAID)).unwrap().time, "2026-07-01T12:00:01.500000000Z");
        let old = format!(
            "2026-07-01T12:00:01.5Z 2026-07-01T12:00:01.499876Z\tinfo\tenvoy wasm\twasm log bookend: {SAID}"
        );
        assert_eq!(read(&old).as_deref(), Some(SAID));
        let json = serde_json::json!({
            "level": "warning", "time": "2026-07-01T12:00:01.499876Z", "scope": "envoy wasm",
            "msg": format!("wasm log bookend-streams bookend: {SAID}"), "caller": "source/wasm/context.cc:9", "thread": 21
        });
        assert_eq!(read(&format!("2026-07-01T12:00:01.5Z {json}")).as_deref(), Some(SAID));
    }

    #[test]
    fn what_strangers_get_into_a_log_is_no_line_of_the_filter() {
        let time = "2026-07-01T12:00:01.500000000Z";
        let envoy = line(SAID).split_once(' ').unwrap().1.to_owned();
        for forged in [
            // In a path, in a header of an access log, and behind one that holds a whole line.
            format!("{time} [{time}] \"GET /{SAID} HTTP/1.1\" 200"),
            format!("{time} [{time}] \"GET / HTTP/1.1\" 200 \"{envoy}\""),
            format!("{time} {envoy}\" 200"),
            // In an access log of JSON, in Envoy's log of something else, in another plugin's.
            format!("{time} {}", serde_json::json!({ "path": envoy, "msg": SAID })),
            format!(
                "{time} {}",
                serde_json::json!({
                    "level": "warning", "time": time, "scope": "envoy wasm", "msg": format!("wasm log bookend: {SAID}"), "path": "/"
                })
            ),
            line(SAID).replace("envoy wasm", "envoy http"),
            line(SAID).replace("shop.bookend bookend: ", "shop.other other: "),
            line(SAID).replace("shop.bookend bookend: ", "shop.other other: bookend: "),
            line(SAID).replace("bookend: ", "bookend: said "),
            // Too little, too much, too long, and without a time.
            line(SAID).replace("\tthread=21", "\tthread=x"),
            line(SAID) + "\tthread=21",
            line(&format!("{{\"a\":\"{}\"}}", "x".repeat(LONGEST))),
            envoy.clone(),
            envoy.replace(time, "now"),
            String::new(),
        ] {
            assert_eq!(Said::read(&forged), None, "{forged}");
        }
    }
}
