//! An HTTP stream, as Envoy lends it to a hook.

use std::cell::Cell;
use std::marker::PhantomData;

use super::{Buffer, Envoy, Header};

/// The map of a request's headers, among `envoy_dynamic_module_type_http_header_type`.
const REQUEST_HEADERS: u32 = 0;

/// The metadata of the stream, among `envoy_dynamic_module_type_metadata_source`.
const DYNAMIC: u32 = 0;

/// A reset by us, among `envoy_dynamic_module_type_http_filter_stream_reset_reason`.
const LOCAL_RESET: u32 = 0;

/// Requests with no more lines than this are read without asking for memory.
const FEW: usize = 48;

/// Attributes of a stream: a part of `envoy_dynamic_module_type_attribute_id`.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    /// `source.address`
    SourceAddress = 24,
    /// `destination.address`
    DestinationAddress = 26,
    /// `connection.requested_server_name`
    RequestedServerName = 30,
    /// `connection.tls_version`
    TlsVersion = 31,
    /// `connection.uri_san_peer_certificate`, the first of them
    UriSanPeerCertificate = 37,
    /// `upstream.address`
    UpstreamAddress = 41,
}

unsafe extern "C" {
    fn envoy_dynamic_module_callback_http_get_headers_size(stream: Envoy, map: u32) -> usize;
    fn envoy_dynamic_module_callback_http_get_headers(stream: Envoy, map: u32, headers: *mut Header) -> bool;
    fn envoy_dynamic_module_callback_http_filter_get_attribute_string(
        stream: Envoy,
        attribute: u32,
        value: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_get_downstream_direct_remote_address(
        stream: Envoy,
        address: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_get_filter_state_bytes(
        stream: Envoy,
        key: Buffer,
        value: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_set_filter_state_bytes(
        stream: Envoy,
        key: Buffer,
        value: Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_get_metadata_keys_count(
        stream: Envoy,
        source: u32,
        namespace: Buffer,
    ) -> usize;
    fn envoy_dynamic_module_callback_http_set_dynamic_metadata_string(
        stream: Envoy,
        namespace: Buffer,
        key: Buffer,
        value: Buffer,
    );
    fn envoy_dynamic_module_callback_http_send_response(
        stream: Envoy,
        status: u32,
        headers: *mut Header,
        headers_length: usize,
        body: Buffer,
        details: Buffer,
    );
    fn envoy_dynamic_module_callback_http_filter_reset_stream(stream: Envoy, reason: u32, details: Buffer);
    fn envoy_dynamic_module_callback_http_filter_get_worker_index(stream: Envoy) -> u32;
}

/// The name and the value of a header.
type Line<'a> = (&'a [u8], &'a [u8]);

/// A stream, for as long as one hook runs.
#[derive(Debug)]
pub(crate) struct Stream<'h> {
    envoy: Envoy,
    /// Whether it was answered or reset. Envoy takes that once.
    ended: Cell<bool>,
    hook: PhantomData<&'h ()>,
}

impl<'h> Stream<'h> {
    /// The stream that a hook is about.
    ///
    /// # Safety
    /// `envoy` is what Envoy handed to the hook that is running on this thread, and `'h` ends with it.
    pub(crate) unsafe fn new(envoy: Envoy) -> Self {
        Self { envoy, ended: Cell::new(false), hook: PhantomData }
    }

    /// Calls `read` with the lines of the request in their order; nothing if Envoy does not hand them out.
    pub(crate) fn headers<T>(&self, read: impl FnOnce(Option<&[Line<'_>]>) -> T) -> T {
        // SAFETY: the stream is Envoy's.
        let count =
            unsafe { envoy_dynamic_module_callback_http_get_headers_size(self.envoy, REQUEST_HEADERS) };
        let (mut few, mut many) = ([Header::NOTHING; FEW], Vec::new());
        let headers = match few.get_mut(..count) {
            Some(few) => few,
            None => {
                many.resize(count, Header::NOTHING);
                many.as_mut_slice()
            }
        };
        // SAFETY: the array has room for all headers, whose number cannot have changed since: one thread has the stream.
        let given = unsafe {
            envoy_dynamic_module_callback_http_get_headers(self.envoy, REQUEST_HEADERS, headers.as_mut_ptr())
        };
        if !given {
            return read(None);
        }
        // SAFETY: Envoy lends these bytes until the hook ends, because no header is changed.
        let line = |header: &Header| unsafe { (header.name.bytes::<'h>(), header.value.bytes::<'h>()) };
        let mut few: [Line<'_>; FEW] = [(&[], &[]); FEW];
        match few.get_mut(..count) {
            Some(lines) => {
                lines.iter_mut().zip(headers.iter()).for_each(|(to, from)| *to = line(from));
                read(Some(lines))
            }
            None => {
                let lines: Vec<_> = headers.iter().map(line).collect();
                read(Some(&lines))
            }
        }
    }

    /// An attribute, if Envoy has it.
    pub(crate) fn attribute(&self, attribute: Attribute) -> Option<&'h [u8]> {
        self.lent(|value| {
            // SAFETY: the stream is Envoy's, and the result is written to a live variable.
            unsafe {
                envoy_dynamic_module_callback_http_filter_get_attribute_string(
                    self.envoy,
                    attribute as u32,
                    value,
                )
            }
        })
    }

    /// The address and port at the other end of the connection, whatever `x-forwarded-for` says.
    pub(crate) fn direct_remote_address(&self) -> Option<&'h [u8]> {
        self.lent(|value| {
            // SAFETY: the stream is Envoy's, and the result is written to a live variable.
            unsafe {
                envoy_dynamic_module_callback_http_get_downstream_direct_remote_address(self.envoy, value)
            }
        })
    }

    /// What filter state holds under a key, of the stream or of its connection.
    pub(crate) fn filter_state(&self, key: &str) -> Option<&'h [u8]> {
        self.lent(|value| {
            // SAFETY: the stream is Envoy's, the key outlives the call, and the result is written to a live variable.
            unsafe {
                envoy_dynamic_module_callback_http_get_filter_state_bytes(
                    self.envoy,
                    Buffer::lend(key.as_bytes()),
                    value,
                )
            }
        })
    }

    /// Attaches filter state to the stream. False if Envoy refuses.
    pub(crate) fn set_filter_state(&self, key: &str, value: &str) -> bool {
        // SAFETY: the stream is Envoy's, and both texts outlive the call, which copies them.
        unsafe {
            envoy_dynamic_module_callback_http_set_filter_state_bytes(
                self.envoy,
                Buffer::lend(key.as_bytes()),
                Buffer::lend(value.as_bytes()),
            )
        }
    }

    /// How many things a filter wrote into the stream's metadata, under the filter's name.
    pub(crate) fn metadata_count(&self, namespace: &str) -> usize {
        // SAFETY: the stream is Envoy's, and the name outlives the call.
        unsafe {
            envoy_dynamic_module_callback_http_get_metadata_keys_count(
                self.envoy,
                DYNAMIC,
                Buffer::lend(namespace.as_bytes()),
            )
        }
    }

    /// Attaches metadata to the stream.
    pub(crate) fn set_metadata(&self, namespace: &str, key: &str, value: &str) {
        // SAFETY: the stream is Envoy's, and all texts outlive the call, which copies them.
        unsafe {
            envoy_dynamic_module_callback_http_set_dynamic_metadata_string(
                self.envoy,
                Buffer::lend(namespace.as_bytes()),
                Buffer::lend(key.as_bytes()),
                Buffer::lend(value.as_bytes()),
            );
        }
    }

    /// Answers in the place of the service. False if the stream was answered or reset before.
    pub(crate) fn respond<'a>(
        &self,
        status: u32,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        body: &str,
        details: &str,
    ) -> bool {
        if self.ended.replace(true) {
            return false;
        }
        let lend = |text: &str| Buffer::lend(text.as_bytes());
        let mut headers: Vec<Header> =
            headers.map(|(name, value)| Header { name: lend(name), value: lend(value) }).collect();
        // SAFETY: the stream is Envoy's and was not answered; all texts and the array outlive the call, which copies them.
        unsafe {
            envoy_dynamic_module_callback_http_send_response(
                self.envoy,
                status,
                headers.as_mut_ptr(),
                headers.len(),
                lend(body),
                lend(details),
            );
        }
        true
    }

    /// Ends the stream without an answer. False if it was answered or reset before.
    pub(crate) fn reset(&self, details: &str) -> bool {
        if self.ended.replace(true) {
            return false;
        }
        // SAFETY: the stream is Envoy's and goes on, and the text outlives the call, which copies it.
        unsafe {
            envoy_dynamic_module_callback_http_filter_reset_stream(
                self.envoy,
                LOCAL_RESET,
                Buffer::lend(details.as_bytes()),
            );
        }
        true
    }

    /// The number of the worker that has the stream, from 0.
    pub(crate) fn worker(&self) -> usize {
        // SAFETY: the stream is Envoy's.
        let index = unsafe { envoy_dynamic_module_callback_http_filter_get_worker_index(self.envoy) };
        usize::try_from(index).unwrap_or(usize::MAX)
    }

    /// The stream, for counting.
    pub(crate) fn envoy(&self) -> Envoy {
        self.envoy
    }

    fn lent(&self, call: impl FnOnce(*mut Buffer) -> bool) -> Option<&'h [u8]> {
        let mut value = Buffer::NOTHING;
        // SAFETY: Envoy lends these bytes until the hook ends, because what they belong to is not changed.
        call(&raw mut value).then(|| unsafe { value.bytes() })
    }
}
