//! A downstream connection, as Envoy lends it to a hook.

use std::cell::Cell;
use std::marker::PhantomData;

use super::{Buffer, Envoy};

/// Nothing pending is written, and the connection ends at once: part of
/// `envoy_dynamic_module_type_network_connection_close_type`.
const ABORT: u32 = 3;

/// A peer with more names than this in its certificate is read with memory asked for.
const FEW: usize = 8;

unsafe extern "C" {
    fn envoy_dynamic_module_callback_network_filter_is_ssl(connection: Envoy) -> bool;
    fn envoy_dynamic_module_callback_network_filter_get_direct_remote_address(
        connection: Envoy,
        address: *mut Buffer,
        port: *mut u32,
    ) -> bool;
    fn envoy_dynamic_module_callback_network_filter_get_local_address(
        connection: Envoy,
        address: *mut Buffer,
        port: *mut u32,
    ) -> bool;
    fn envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans_size(connection: Envoy) -> usize;
    fn envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans(
        connection: Envoy,
        names: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_network_get_filter_state_bytes(
        connection: Envoy,
        key: Buffer,
        value: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_network_set_filter_state_bytes(
        connection: Envoy,
        key: Buffer,
        value: Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_network_set_dynamic_metadata_string(
        connection: Envoy,
        namespace: Buffer,
        key: Buffer,
        value: Buffer,
    );
    fn envoy_dynamic_module_callback_network_filter_continue_reading(connection: Envoy);
    fn envoy_dynamic_module_callback_network_filter_scheduler_new(connection: Envoy) -> Envoy;
    fn envoy_dynamic_module_callback_network_filter_scheduler_commit(scheduler: Envoy, event: u64);
    fn envoy_dynamic_module_callback_network_filter_scheduler_delete(scheduler: Envoy);
    fn envoy_dynamic_module_callback_network_filter_close_with_details(
        connection: Envoy,
        kind: u32,
        details: Buffer,
    );
    fn envoy_dynamic_module_callback_network_filter_read_enabled(connection: Envoy) -> bool;
    fn envoy_dynamic_module_callback_network_filter_read_disable(connection: Envoy, disable: bool) -> u32;
    fn envoy_dynamic_module_callback_network_filter_get_worker_index(connection: Envoy) -> u32;
}

/// A connection, for as long as one hook runs.
#[derive(Debug)]
pub(crate) struct Connection<'h> {
    envoy: Envoy,
    /// Whether it was closed.
    ended: Cell<bool>,
    hook: PhantomData<&'h ()>,
}

impl<'h> Connection<'h> {
    /// The connection that a hook is about.
    ///
    /// # Safety
    /// `envoy` is what Envoy handed to the hook that is running on this thread, and `'h` ends with it.
    pub(crate) unsafe fn new(envoy: Envoy) -> Self {
        Self { envoy, ended: Cell::new(false), hook: PhantomData }
    }

    /// Whether it is one of TLS, be the handshake over or not.
    pub(crate) fn is_tls(&self) -> bool {
        // SAFETY: the connection is Envoy's.
        unsafe { envoy_dynamic_module_callback_network_filter_is_ssl(self.envoy) }
    }

    /// The address at the other end, without its port.
    pub(crate) fn direct_remote_address(&self) -> Option<&'h [u8]> {
        self.address(|value, port| {
            // SAFETY: the connection is Envoy's, and the results are written to live variables.
            unsafe {
                envoy_dynamic_module_callback_network_filter_get_direct_remote_address(
                    self.envoy, value, port,
                )
            }
        })
        .map(|(address, _)| address)
    }

    /// The address and port that the peer reached.
    pub(crate) fn local_address(&self) -> Option<(&'h [u8], u32)> {
        self.address(|value, port| {
            // SAFETY: the connection is Envoy's, and the results are written to live variables.
            unsafe { envoy_dynamic_module_callback_network_filter_get_local_address(self.envoy, value, port) }
        })
    }

    /// Calls `read` with every URI name of the peer's certificate; nothing if Envoy does not hand them out.
    pub(crate) fn uri_sans<T>(&self, read: impl FnOnce(Option<&[&[u8]]>) -> T) -> T {
        // SAFETY: the connection is Envoy's.
        let count = unsafe { envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans_size(self.envoy) };
        if count == 0 {
            return read(Some(&[]));
        }
        let (mut few, mut many) = ([Buffer::NOTHING; FEW], Vec::new());
        let names = match few.get_mut(..count) {
            Some(few) => few,
            None => {
                many.resize(count, Buffer::NOTHING);
                many.as_mut_slice()
            }
        };
        // SAFETY: the array has room for all names, whose number cannot have changed since: one thread has the connection.
        let given = unsafe {
            envoy_dynamic_module_callback_network_filter_get_ssl_uri_sans(self.envoy, names.as_mut_ptr())
        };
        if !given {
            return read(None);
        }
        // SAFETY: Envoy lends the names of a certificate until the hook ends.
        let names: Vec<&[u8]> = names.iter().map(|name| unsafe { name.bytes::<'h>() }).collect();
        read(Some(&names))
    }

    /// What filter state of the connection holds under a key.
    pub(crate) fn filter_state(&self, key: &str) -> Option<&'h [u8]> {
        let mut value = Buffer::NOTHING;
        // SAFETY: the connection is Envoy's, the key outlives the call, and the result is written to a live variable.
        let found = unsafe {
            envoy_dynamic_module_callback_network_get_filter_state_bytes(
                self.envoy,
                Buffer::lend(key.as_bytes()),
                &raw mut value,
            )
        };
        // SAFETY: Envoy lends these bytes until the hook ends, because no key is both read and written.
        found.then(|| unsafe { value.bytes() })
    }

    /// Attaches filter state to the connection. False if Envoy refuses.
    pub(crate) fn set_filter_state(&self, key: &str, value: &str) -> bool {
        // SAFETY: the connection is Envoy's, and both texts outlive the call, which copies them.
        unsafe {
            envoy_dynamic_module_callback_network_set_filter_state_bytes(
                self.envoy,
                Buffer::lend(key.as_bytes()),
                Buffer::lend(value.as_bytes()),
            )
        }
    }

    /// Attaches metadata to the connection.
    pub(crate) fn set_metadata(&self, namespace: &str, key: &str, value: &str) {
        // SAFETY: the connection is Envoy's, and all texts outlive the call, which copies them.
        unsafe {
            envoy_dynamic_module_callback_network_set_dynamic_metadata_string(
                self.envoy,
                Buffer::lend(namespace.as_bytes()),
                Buffer::lend(key.as_bytes()),
                Buffer::lend(value.as_bytes()),
            );
        }
    }

    /// Whether bytes are read from it.
    pub(crate) fn is_read(&self) -> bool {
        // SAFETY: the connection is Envoy's.
        unsafe { envoy_dynamic_module_callback_network_filter_read_enabled(self.envoy) }
    }

    /// Has bytes read from it, or not. Envoy counts both, so each call is to be taken back by another.
    pub(crate) fn read(&self, enabled: bool) {
        // SAFETY: the connection is Envoy's. What state it is in afterwards is of no interest here.
        unsafe { envoy_dynamic_module_callback_network_filter_read_disable(self.envoy, !enabled) };
    }

    /// Has the hook `.._scheduled` called when Envoy is done with what it does now, if the connection is still there then.
    pub(crate) fn come_back(&self) {
        // SAFETY: the connection is Envoy's; the scheduler is used once and handed back, which takes back no event.
        unsafe {
            let scheduler = envoy_dynamic_module_callback_network_filter_scheduler_new(self.envoy);
            envoy_dynamic_module_callback_network_filter_scheduler_commit(scheduler, 0);
            envoy_dynamic_module_callback_network_filter_scheduler_delete(scheduler);
        }
    }

    /// Lets the filters behind this one see the connection, which was held back.
    pub(crate) fn proceed(&self) {
        // SAFETY: the connection is Envoy's.
        unsafe { envoy_dynamic_module_callback_network_filter_continue_reading(self.envoy) }
    }

    /// Ends the connection; nothing that waits is delivered. False if it was ended before.
    pub(crate) fn close(&self, details: &str) -> bool {
        if self.ended.replace(true) {
            return false;
        }
        // SAFETY: the connection is Envoy's and goes on, and the text outlives the call, which copies it.
        unsafe {
            envoy_dynamic_module_callback_network_filter_close_with_details(
                self.envoy,
                ABORT,
                Buffer::lend(details.as_bytes()),
            );
        }
        true
    }

    /// The number of the worker that has the connection, from 0.
    pub(crate) fn worker(&self) -> usize {
        // SAFETY: the connection is Envoy's.
        let index = unsafe { envoy_dynamic_module_callback_network_filter_get_worker_index(self.envoy) };
        usize::try_from(index).unwrap_or(usize::MAX)
    }

    /// The connection, for counting.
    pub(crate) fn envoy(&self) -> Envoy {
        self.envoy
    }

    fn address(&self, call: impl FnOnce(*mut Buffer, *mut u32) -> bool) -> Option<(&'h [u8], u32)> {
        let (mut value, mut port) = (Buffer::NOTHING, 0);
        // SAFETY: Envoy lends the text of an address until the hook ends.
        call(&raw mut value, &raw mut port).then(|| (unsafe { value.bytes() }, port))
    }
}
