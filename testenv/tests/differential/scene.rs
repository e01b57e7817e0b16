//! One exchange, told once: bytes for Envoy's client and service, and what happens to the harness.

use std::collections::BTreeMap;

use bookend_harness::{Course, Error, Header, Instance, LogLine, Module, Plugin, Properties};

use crate::attributes;
use crate::recorder::{self, Act, Record};

/// A message of HTTP/1, in the parts in which it is sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    /// The first line's parts as pseudo-headers, then the headers.
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    /// Nothing for a message without a body.
    pub(crate) chunks: Vec<&'static str>,
    pub(crate) trailers: Vec<(&'static str, &'static str)>,
}

/// What the plugin does, by callback.
pub(crate) type Acts = BTreeMap<&'static str, Act>;

/// What is sent, and what the plugin does.
#[derive(Debug, Clone)]
pub(crate) enum Scene {
    Http {
        request: Message,
        response: Option<Message>,
        acts: Acts,
    },
    /// What the peer sends, part by part; what the service answers to the last of them.
    Tcp {
        parts: Vec<&'static str>,
        answer: Option<&'static str>,
        acts: Acts,
    },
}

impl Message {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value)
    }

    /// The bytes, in parts that are sent one after another.
    pub(crate) fn wire(&self) -> Vec<Vec<u8>> {
        let mut head = match self.header(":status") {
            "" => format!(
                "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
                self.header(":method"),
                self.header(":path"),
                self.header(":authority")
            ),
            status => format!("HTTP/1.1 {status} OK\r\n"),
        };
        for (name, value) in self.headers.iter().filter(|(name, _)| !name.starts_with(':')) {
            head += &format!("{name}: {value}\r\n");
        }
        if self.chunks.is_empty() {
            let length = if self.header(":status").is_empty() { "" } else { "content-length: 0\r\n" };
            return vec![format!("{head}{length}\r\n").into_bytes()];
        }
        let mut parts = vec![format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes()];
        parts
            .extend(self.chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len()).into_bytes()));
        let trailers: String =
            self.trailers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        parts.push(format!("0\r\n{trailers}\r\n").into_bytes());
        parts
    }

    /// The headers as Envoy's filters find them.
    fn seen(&self) -> Vec<Header> {
        let header = |(name, value): (&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let mut seen: Vec<Header> = if self.header(":status").is_empty() {
            [":authority", ":path", ":method"].map(|name| header((name, self.header(name)))).into()
        } else {
            vec![header((":status", self.header(":status")))]
        };
        if self.header(":status").is_empty() {
            seen.push(header((":scheme", "http")));
        }
        seen.extend(self.headers.iter().filter(|(name, _)| !name.starts_with(':')).copied().map(header));
        match (self.header(":status").is_empty(), self.chunks.is_empty()) {
            (true, _) => seen.push(header(("x-forwarded-proto", "http"))),
            (false, true) => seen.push(header(("content-length", "0"))),
            (false, false) => seen.push(header(("transfer-encoding", "chunked"))),
        }
        seen
    }

    fn trailers(&self) -> Vec<Header> {
        self.trailers
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect()
    }
}

/// What the harness records of a scene, with a plugin that is started for it.
pub(crate) fn recorded(scene: &Scene, plugin: &Plugin, facts: &Properties) -> Result<Vec<Record>, Error> {
    let mut instance = Module::load(&scene.plugin())?.start(plugin)?;
    let mut logs = instance.startup_logs().to_vec();
    logs.extend(match scene {
        Scene::Http { request, response, .. } => play_http(&mut instance, request, response.as_ref(), facts)?,
        Scene::Tcp { parts, answer, .. } => play_tcp(&mut instance, parts, *answer, facts)?,
    });
    Ok(recorder::records(logs.iter().map(|line| line.message.as_str())))
}

impl Scene {
    /// The recorder that does what the scene says, in binary form.
    pub(crate) fn plugin(&self) -> Vec<u8> {
        let (Self::Http { acts, .. } | Self::Tcp { acts, .. }) = self;
        recorder::plugin(attributes::ALL, acts)
    }
}

fn play_http(
    instance: &mut Instance,
    request: &Message,
    response: Option<&Message>,
    facts: &Properties,
) -> Result<Vec<LogLine>, Error> {
    let it = instance.open_http(facts.clone())?;
    instance.request_headers(it, request.seen(), request.chunks.is_empty())?;
    for chunk in &request.chunks {
        instance.request_body(it, chunk.as_bytes(), false)?;
    }
    if !request.trailers.is_empty() {
        instance.request_trailers(it, request.trailers())?;
    } else if !request.chunks.is_empty() {
        instance.request_body(it, b"", true)?;
    }
    let (course, _) = instance.courses(it)?;
    if let Some(response) = response.filter(|_| course == Course::Running) {
        instance.response_headers(it, response.seen(), response.chunks.is_empty())?;
        for chunk in &response.chunks {
            instance.response_body(it, chunk.as_bytes(), false)?;
        }
        if !response.trailers.is_empty() {
            instance.response_trailers(it, response.trailers())?;
        } else if !response.chunks.is_empty() {
            instance.response_body(it, b"", true)?;
        }
    }
    Ok(instance.finish(it)?.logs)
}

fn play_tcp(
    instance: &mut Instance,
    parts: &[&str],
    answer: Option<&str>,
    facts: &Properties,
) -> Result<Vec<LogLine>, Error> {
    let (it, _) = instance.open_tcp(facts.clone())?;
    for part in parts {
        if instance.is_open(it) {
            instance.downstream_data(it, part.as_bytes(), false)?;
        }
    }
    if let Some(answer) = answer.filter(|_| instance.is_open(it)) {
        instance.upstream_data(it, answer.as_bytes(), false)?;
    }
    Ok(instance.finish_tcp(it)?.logs)
}
