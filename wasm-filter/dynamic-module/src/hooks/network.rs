//! The filter among network filters. A connection is judged once, and what became of it is what Envoy keeps for it.

use std::cell::Cell;

use bookend_filter::{Moment, Passage};

use super::{Ours, configure, forget};
use crate::abi::{Buffer, Connection, Envoy, Scope};
use crate::barrier::contained;
use crate::connection::close_for_a_panic;
use crate::policy::Policy;

/// `FilterStatus::Continue`
const CONTINUE: u32 = 0;

/// `FilterStatus::StopIteration`
const STOP: u32 = 1;

/// `ConnectionEvent::Connected`: the handshake is over, as far as a connection from downstream is concerned.
const CONNECTED: u32 = 2;

/// What became of a connection, and what it is judged by.
struct Course {
    /// The policy outlives the connection.
    policy: *const Policy,
    passage: Cell<Passage>,
    /// Whether reading had to be turned on for the handshake, against the will of a filter behind.
    woken: Cell<bool>,
    /// Whether it was allowed, and filters behind were not told yet.
    held: Cell<bool>,
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_network_filter_config_new(
    config: Envoy,
    _name: Buffer,
    configuration: Buffer,
) -> Ours {
    // SAFETY: Envoy lends the configuration to this hook.
    unsafe { configure(Scope::Network(config), configuration) }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_network_filter_config_destroy(policy: Ours) {
    // SAFETY: Envoy hands back what `.._config_new` made, once, when its last connection is gone.
    unsafe { forget(policy) }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_network_filter_new(
    policy: Ours,
    _connection: Envoy,
) -> Ours {
    let course = Course {
        policy: policy.cast(),
        passage: Cell::new(Passage::Wait),
        woken: Cell::new(false),
        held: Cell::new(false),
    };
    Box::into_raw(Box::new(course)).cast_const().cast()
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_network_filter_destroy(course: Ours) {
    // SAFETY: Envoy hands back what `.._filter_new` made, once, when the connection is gone.
    drop(unsafe { Box::from_raw(course.cast_mut().cast::<Course>()) });
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_network_filter_new_connection(
    connection: Envoy,
    course: Ours,
) -> u32 {
    // SAFETY: the hook's connection, and what `.._filter_new` made for it; neither goes further than this hook.
    let (connection, course) = unsafe { (Connection::new(connection), &*course.cast::<Course>()) };
    course.judge(&connection, Moment::Opened);
    if course.passage.get() == Passage::Wait && !connection.is_read() {
        // `tcp_proxy` stops reading until its upstream is there, which waits for us, who wait for the handshake, which must
        // be read.
        connection.read(true);
        course.woken.set(true);
    }
    course.status()
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_network_filter_event(
    connection: Envoy,
    course: Ours,
    event: u32,
) {
    if event != CONNECTED {
        return;
    }
    // SAFETY: the hook's connection, and what `.._filter_new` made for it; neither goes further than this hook.
    let (connection, course) = unsafe { (Connection::new(connection), &*course.cast::<Course>()) };
    if course.passage.get() != Passage::Wait {
        return;
    }
    course.judge(&connection, Moment::Settled);
    if course.passage.get() == Passage::Continue {
        // Not now: a filter behind that answers and closes in the midst of a handshake is not heard.
        course.held.set(true);
        connection.come_back();
    }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_network_filter_scheduled(
    connection: Envoy,
    course: Ours,
    _event: u64,
) {
    // SAFETY: the hook's connection, and what `.._filter_new` made for it; neither goes further than this hook.
    let (connection, course) = unsafe { (Connection::new(connection), &*course.cast::<Course>()) };
    if course.held.take() {
        // May end the connection, and call hooks of filters behind this one: nothing of ours is borrowed by now.
        connection.proceed();
    }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_network_filter_read(
    connection: Envoy,
    course: Ours,
    _length: usize,
    _end_of_stream: bool,
) -> u32 {
    // SAFETY: the hook's connection, and what `.._filter_new` made for it; neither goes further than this hook.
    let (connection, course) = unsafe { (Connection::new(connection), &*course.cast::<Course>()) };
    if course.passage.get() == Passage::Wait {
        course.judge(&connection, Moment::Settled);
    }
    // With what is read here, Envoy tells the filters behind.
    course.held.set(false);
    course.status()
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_network_filter_write(
    _connection: Envoy,
    course: Ours,
    _length: usize,
    _end_of_stream: bool,
) -> u32 {
    // SAFETY: what `.._filter_new` made for this connection.
    unsafe { &*course.cast::<Course>() }.status()
}

impl Course {
    fn judge(&self, connection: &Connection<'_>, moment: Moment) {
        // SAFETY: Envoy keeps the policy at least as long as its connections.
        let policy = unsafe { &*self.policy };
        let passage = contained(|| policy.pass_connection(connection, moment)).unwrap_or_else(|| {
            contained(|| close_for_a_panic(connection));
            Passage::Stop
        });
        self.passage.set(passage);
        if passage == Passage::Continue && self.woken.take() {
            connection.read(false);
        }
    }

    /// Nothing goes on, in neither direction, unless it was allowed.
    fn status(&self) -> u32 {
        match self.passage.get() {
            Passage::Continue => CONTINUE,
            Passage::Stop | Passage::Wait => STOP,
        }
    }
}
