//! The channels in one web socket, each to a connection of its own.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc::{self, Sender};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Carries bytes until one of both sides ends.
pub(super) async fn carry(upgraded: Upgraded, targets: &[(u16, Option<SocketAddr>)]) {
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let (mut out, mut incoming) = socket.split();
    let (sender, mut receiver) = mpsc::channel::<(u8, Vec<u8>)>(64);
    let mut ends = Vec::new();
    for (index, (port, to)) in (0_u8..).zip(targets) {
        let (data, error) = (index.saturating_mul(2), index.saturating_mul(2).saturating_add(1));
        for channel in [data, error] {
            if sender.send((channel, port.to_le_bytes().to_vec())).await.is_err() {
                return;
            }
        }
        ends.push(connect(*port, *to, data, error, &sender).await);
    }
    drop(sender);
    loop {
        tokio::select! {
            message = receiver.recv() => match message {
                Some((channel, bytes)) => {
                    let mut framed = vec![channel];
                    framed.extend(bytes);
                    if out.send(Message::binary(framed)).await.is_err() {
                        return;
                    }
                }
                None => {
                    // Every port is at its end.
                    let _ = out.send(Message::Close(None)).await;
                    return;
                }
            },
            message = incoming.next() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    let Some((channel, bytes)) = bytes.split_first() else { continue };
                    if let Some(Some(end)) = ends.get_mut(usize::from(*channel / 2))
                        && end.write_all(bytes).await.is_err()
                    {
                        return;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
}

/// Connects to where a port really is; what comes from there goes to `sender`.
async fn connect(
    port: u16,
    to: Option<SocketAddr>,
    data: u8,
    error: u8,
    sender: &Sender<(u8, Vec<u8>)>,
) -> Option<OwnedWriteHalf> {
    let connected = match to {
        Some(to) => TcpStream::connect(to).await.map_err(|error| error.to_string()),
        None => Err("connection refused".to_owned()),
    };
    let (mut read, write) = match connected {
        Ok(stream) => stream.into_split(),
        Err(why) => {
            let text = format!("error forwarding port {port} to pod: {why}");
            let _ = sender.send((error, text.into_bytes())).await;
            return None;
        }
    };
    let sender = sender.clone();
    tokio::spawn(async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = read.read(&mut buffer).await {
            let bytes = buffer.get(..length).unwrap_or_default().to_vec();
            if sender.send((data, bytes)).await.is_err() {
                return;
            }
        }
    });
    Some(write)
}
