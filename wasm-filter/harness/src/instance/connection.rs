//! TCP connections, in the order of Envoy's network filters.

use std::collections::BTreeMap;

use super::{Course, Instance, count};
use crate::context::{Context, Flow, Kind, TcpState};
use crate::conversation::{Conversation, Delivery};
use crate::host::ROOT;
use crate::{Error, Properties};

/// The number of an open TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tcp(u32);

/// Who closed a connection, in the ABI.
const UNKNOWN: u32 = 0;
const LOCAL: u32 = 1;
const REMOTE: u32 = 2;

/// Which end sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Downstream,
    Upstream,
}

impl Instance {
    /// A peer connects. The module hears of it, and may stop what is behind it from hearing of it too.
    ///
    /// # Errors
    /// A module that crashes or exceeds its limits.
    pub fn open_tcp(&mut self, properties: Properties) -> Result<(Tcp, Course), Error> {
        let began = self.host().now;
        let kind = Kind::Tcp(Box::default());
        let id = self.admit(Context { properties, written: BTreeMap::new(), created: true, began, kind })?;
        self.call("proxy_on_context_create", &[id, ROOT])?;
        let action = self.call("proxy_on_new_connection", &[id])?.unwrap_or_default();
        Ok((Tcp(id), self.tcp_course(id, action != 0)))
    }

    /// Changes what the proxy knows of a connection: after a handshake, for example.
    fn set_properties(&mut self, it: Tcp, properties: Properties) -> Result<(), Error> {
        self.context(it.0)?.properties = properties;
        Ok(())
    }

    /// The peer sends something, and with `end` nothing more.
    ///
    /// # Errors
    /// A module that crashes or exceeds its limits, and [`Error::Closed`].
    pub fn downstream_data(&mut self, it: Tcp, bytes: &[u8], end: bool) -> Result<Course, Error> {
        self.tcp_data(it, Sender::Downstream, bytes, end)
    }

    /// The service sends something, and with `end` nothing more: then the module hears that the service has closed, too.
    ///
    /// # Errors
    /// As [`Instance::downstream_data`].
    pub fn upstream_data(&mut self, it: Tcp, bytes: &[u8], end: bool) -> Result<Course, Error> {
        let course = self.tcp_data(it, Sender::Upstream, bytes, end)?;
        if end && self.tcp(it.0).is_ok_and(|tcp| !tcp.upstream_closed) {
            self.tcp(it.0)?.upstream_closed = true;
            self.call("proxy_on_upstream_connection_close", &[it.0, UNKNOWN])?;
            if self.tcp(it.0)?.closed.is_some() {
                self.end_tcp(it.0)?;
            }
        }
        Ok(course)
    }

    /// Takes a connection away, which is closed if it is open, and tells what went on of it.
    ///
    /// # Errors
    /// As [`Instance::downstream_data`].
    pub fn finish_tcp(&mut self, it: Tcp) -> Result<Delivery, Error> {
        let refused = self.tcp(it.0)?.closed == Some(LOCAL);
        self.close_tcp(it.0, REMOTE)?;
        let context = self.host_mut().contexts.remove(&it.0).ok_or(Error::Closed)?;
        let logs = self.take_logs();
        let Kind::Tcp(tcp) = context.kind else { return Err(Error::Closed) };
        let TcpState { downstream, upstream, .. } = *tcp;
        Ok(Delivery {
            refused,
            to_service: downstream.forwarded,
            to_peer: upstream.forwarded,
            logs,
            written: context.written,
        })
    }

    /// Plays a connection from its beginning to its end: the peer connects, with TLS the handshake is done, a second
    /// passes, the peer speaks, the service answers, the peer closes.
    ///
    /// # Errors
    /// A module that crashes or exceeds its limits.
    pub fn tcp_connection(&mut self, conversation: &Conversation) -> Result<Delivery, Error> {
        let first = conversation.before_handshake.as_ref().unwrap_or(&conversation.properties);
        let (it, _) = self.open_tcp(first.clone())?;
        self.set_properties(it, conversation.properties.clone())?;
        self.advance(conversation.pause)?;
        if self.is_open(it) {
            self.downstream_data(it, &conversation.from_peer, false)?;
        }
        if self.is_open(it) && !conversation.from_service.is_empty() {
            self.upstream_data(it, &conversation.from_service, false)?;
        }
        self.finish_tcp(it)
    }

    /// Whether a connection still is one.
    pub fn is_open(&mut self, it: Tcp) -> bool {
        self.tcp(it.0).is_ok_and(|tcp| tcp.closed.is_none())
    }

    fn tcp(&mut self, id: u32) -> Result<&mut TcpState, Error> {
        self.context(id)?.tcp().ok_or(Error::Closed)
    }

    fn tcp_course(&mut self, id: u32, stopped: bool) -> Course {
        match self.tcp(id) {
            Ok(tcp) if tcp.closed.is_none() && stopped => Course::Stopped,
            Ok(tcp) if tcp.closed.is_none() => Course::Running,
            _ => Course::Reset,
        }
    }

    fn tcp_data(&mut self, it: Tcp, sender: Sender, bytes: &[u8], end: bool) -> Result<Course, Error> {
        let tcp = self.tcp(it.0)?;
        if tcp.closed.is_some() {
            return Err(Error::Closed);
        }
        let flow = tcp.flow(sender);
        flow.pending.extend_from_slice(bytes);
        (flow.open, flow.end) = (true, end);
        flow.shown = flow.shown.saturating_add(flow.pending.len());
        let arguments = [it.0, count(flow.pending.len()), u32::from(end)];
        let callback = match sender {
            Sender::Downstream => "proxy_on_downstream_data",
            Sender::Upstream => "proxy_on_upstream_data",
        };
        let goes_on = self.call_only(it.0, callback, &arguments)?.unwrap_or_default() == 0;
        if goes_on {
            let flow = self.tcp(it.0)?.flow(sender);
            flow.open = false;
            flow.forward();
        }
        self.perform()?;
        Ok(self.tcp_course(it.0, !goes_on))
    }

    pub(super) fn resume_downstream(&mut self, id: u32) -> Result<(), Error> {
        if let Ok(tcp) = self.tcp(id) {
            tcp.downstream.forward();
        }
        Ok(())
    }

    pub(super) fn close_locally(&mut self, id: u32) -> Result<(), Error> {
        match self.tcp(id) {
            Ok(_) => self.close_tcp(id, LOCAL),
            Err(_) => Ok(()),
        }
    }

    /// The connection to the peer is closed. Nothing of an open one is left unsaid to the module.
    fn close_tcp(&mut self, id: u32, by: u32) -> Result<(), Error> {
        let tcp = self.tcp(id)?;
        if tcp.closed.is_some() {
            return Ok(());
        }
        tcp.closed = Some(by);
        self.call("proxy_on_downstream_connection_close", &[id, by])?;
        self.end_tcp(id)
    }

    fn end_tcp(&mut self, id: u32) -> Result<(), Error> {
        if std::mem::replace(&mut self.tcp(id)?.ended, true) {
            return Ok(());
        }
        for callback in ["proxy_on_done", "proxy_on_log", "proxy_on_delete"] {
            self.call(callback, &[id])?;
        }
        Ok(())
    }
}

impl TcpState {
    fn flow(&mut self, sender: Sender) -> &mut Flow {
        match sender {
            Sender::Downstream => &mut self.downstream,
            Sender::Upstream => &mut self.upstream,
        }
    }
}

impl Flow {
    fn forward(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.forwarded.extend_from_slice(&pending);
    }
}
