//! TLS with a certificate, and any server name.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bookend_testenv::certificate::Identity;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::tls;

/// A connection for the protocol.
pub(super) fn client(
    mut stream: TcpStream,
    identity: &Identity,
    name: &str,
    protocol: &str,
) -> Result<StreamOwned<ClientConnection, TcpStream>> {
    let configuration = tls::configuration(identity, &[protocol])?;
    let name = ServerName::try_from(name.to_owned())?;
    let mut connection = ClientConnection::new(Arc::new(configuration), name)?;
    stream.set_read_timeout(Some(super::FIRST))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    stream.set_read_timeout(Some(Duration::from_millis(20)))?;
    Ok(StreamOwned::new(connection, stream))
}
