//! Connections that stay open, and requests on them without a pause.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bookend_testenv::certificate::Identity;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// More than any answer here is long.
const MOST_BYTES: usize = 1 << 20;

/// The same request over and over, on several connections.
pub(super) struct Client {
    connections: Vec<Connection>,
    request: Vec<u8>,
    status: u16,
}

/// What is asked.
pub(super) struct Message {
    pub(super) path: String,
    /// Further headers, beyond those of any request in a mesh.
    pub(super) headers: Vec<(String, String)>,
    /// The status that every answer must have.
    pub(super) status: u16,
}

trait Duplex: Read + Write + Send {}
impl<T: Read + Write + Send> Duplex for T {}

struct Connection {
    stream: Box<dyn Duplex>,
    /// The same without TLS.
    socket: TcpStream,
    received: Vec<u8>,
}

impl Client {
    /// Opens connections to `to`; over mTLS if there is an identity. To be called inside the namespace of `to`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(super) fn connect(
        to: SocketAddr,
        identity: Option<&Identity>,
        message: &Message,
        connections: usize,
    ) -> anyhow::Result<Self> {
        let tls = identity.map(configuration).transpose()?.map(Arc::new);
        let request = message.bytes();
        let open = |_| {
            let mut connection = Connection::open(to, tls.as_ref())?;
            connection.ask(&request)?;
            connection.answer(message.status)?;
            // From now on this thread looks again and again instead of sleeping: while it sleeps, its processor would fill the
            // caches with something else.
            connection.socket.set_nonblocking(true)?;
            anyhow::Ok(connection)
        };
        let connections = (0..connections).map(open).collect::<Result<_, _>>()?;
        Ok(Self { connections, request, status: message.status })
    }

    /// Sends at least `requests` requests, one at a time on every connection, and reads all answers. Returns how many
    /// there were. Not several at a time on one connection: Envoy 1.40 closes it where it should answer a third itself.
    ///
    /// # Errors
    /// When an answer has another status than expected, or there is none.
    pub(super) fn exchange(&mut self, requests: usize) -> anyhow::Result<usize> {
        let rounds = requests.div_ceil(self.connections.len());
        for connection in &mut self.connections {
            connection.ask(&self.request)?;
        }
        // The next request goes out as soon as an answer is there, so that the others keep the worker busy meanwhile.
        for round in 1..=rounds {
            for connection in &mut self.connections {
                connection.answer(self.status)?;
                if round < rounds {
                    connection.ask(&self.request)?;
                }
            }
        }
        Ok(rounds * self.connections.len())
    }
}

impl Message {
    /// A request as they are in a mesh: some ten headers, the tracing among them.
    fn bytes(&self) -> Vec<u8> {
        let mut text = format!(
            "GET {} HTTP/1.1\r\nhost: server.default.svc.cluster.local:8080\r\nuser-agent: bench/1.0\r\naccept: application/json\r\n\
             accept-encoding: gzip, deflate\r\nx-request-id: 4b3c8a7e-6a0e-4c2b-9a57-1f0d1a7f6f5e\r\n\
             x-forwarded-proto: https\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
             cookie: session=1e6a4f1b-9a38-4c1c-8d53-6a0b9d2f6c11\r\n",
            self.path
        );
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        text.into_bytes()
    }
}

impl Connection {
    fn open(to: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(to).with_context(|| format!("cannot connect to {to}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let socket = stream.try_clone()?;
        let stream: Box<dyn Duplex> = match tls {
            None => Box::new(stream),
            Some(configuration) => {
                let session = ClientConnection::new(Arc::clone(configuration), ServerName::from(to.ip()))?;
                Box::new(StreamOwned::new(session, stream))
            }
        };
        Ok(Self { stream, socket, received: Vec::new() })
    }

    fn ask(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request)?;
        Ok(self.stream.flush()?)
    }

    /// Waits for bytes without a pause.
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut since = None;
        loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if since.get_or_insert_with(Instant::now).elapsed() > LIMIT {
                        return Err(error);
                    }
                    std::thread::yield_now();
                }
                done => return done,
            }
        }
    }

    /// Reads one answer, and not a byte more.
    fn answer(&mut self, status: u16) -> anyhow::Result<()> {
        let mut buffer = [0; 16 << 10];
        let (length, found) = loop {
            if let Some(answer) = answer(&self.received)? {
                break answer;
            }
            ensure!(self.received.len() < MOST_BYTES, "an answer without an end");
            let read = self.read(&mut buffer).context("cannot read an answer")?;
            ensure!(read > 0, "the connection ended where an answer was expected");
            self.received.extend(buffer.iter().take(read));
        };
        ensure!(found == status, "an answer of status {found} where {status} was expected");
        ensure!(self.received.len() == length, "an answer that nobody asked for");
        self.received.clear();
        Ok(())
    }
}

/// How long the answer is that these bytes begin with, and its status; nothing if it is not complete.
fn answer(bytes: &[u8]) -> anyhow::Result<Option<(usize, u16)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes)? else { return Ok(None) };
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let Some(length) = length else { bail!("an answer that does not tell its length") };
    let whole = head + std::str::from_utf8(length.value)?.parse::<usize>()?;
    let status = response.code.context("an answer without a status")?;
    Ok((bytes.len() >= whole).then_some((whole, status)))
}

fn configuration(identity: &Identity) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
    Ok(ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
        .with_client_auth_cert(vec![certificate], key)?)
}

/// Takes every server for the right one: there is no other in its namespace, and only what the server does is measured.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1";
        assert_eq!(answer(text).unwrap(), Some((40, 200)));
        for end in 0..40 {
            assert_eq!(answer(&text[..end]).unwrap(), None, "cut at {end}");
        }
    }
}
