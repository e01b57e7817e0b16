//! A TCP server that speaks first, as databases do, and then repeats what it hears.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Server;
use crate::error::{Doing, Result};
use crate::journal::Record;

/// The first packet of a MySQL server (protocol 10), cut off after the version: enough to be recognized.
const MYSQL: &[u8] = b"\x0e\x00\x00\x00\x0a8.0.36-bkd\x00\x01\x00";
const SSH: &[u8] = b"SSH-2.0-OpenSSH_9.2\r\n";

/// What the server on this port says first; `None` for HTTP.
pub(super) fn banner(port: u16) -> Option<&'static [u8]> {
    match port {
        3306 => Some(MYSQL),
        22 => Some(SSH),
        _ => None,
    }
}

pub(super) async fn echo(
    server: &Server,
    mut stream: TcpStream,
    peer: SocketAddr,
    banner: &[u8],
) -> Result<()> {
    let (service, peer) = (server.key.clone(), peer.to_string());
    server.journal.write(&Record::Accept { service, peer: peer.clone() })?;
    stream.write_all(banner).await.doing("send the banner")?;
    let mut buffer = vec![0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.doing("read")?;
        let Some(heard) = buffer.get(..count).filter(|heard| !heard.is_empty()) else { return Ok(()) };
        let text = String::from_utf8_lossy(heard).into_owned();
        server.journal.write(&Record::Bytes { service: server.key.clone(), peer: peer.clone(), text })?;
        stream.write_all(heard).await.doing("repeat")?;
    }
}
