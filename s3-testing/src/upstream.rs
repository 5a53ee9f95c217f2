//! One request to a server, over a connection of its own.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Sends a request as it is, to `HOST:PORT`, and reads the whole reply.
///
/// # Errors
/// If the server cannot be reached, or does not answer with HTTP.
pub(crate) async fn send(address: &str, request: Request<Bytes>) -> io::Result<Response<Bytes>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(io::Error::other)?;
    let exchange = async move {
        let reply = sender.send_request(request.map(Full::new)).await?;
        let (head, body) = reply.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    };
    // The connection is driven until the exchange is over, and dropped with it.
    let drive = async {
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        reply = exchange => reply.map_err(|error: hyper::Error| io::Error::other(error)),
        never = drive => never,
    }
}

/// `HOST:PORT` of an endpoint without TLS.
///
/// # Panics
/// If it is not `http://HOST:PORT`.
pub(crate) fn address(endpoint: &str) -> String {
    let address = endpoint.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    address
        .filter(|address| address.contains(':'))
        .expect("an endpoint is http://HOST:PORT")
        .to_owned()
}
