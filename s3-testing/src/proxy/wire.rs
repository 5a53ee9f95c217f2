//! The client's side of the proxy: HTTP/1.1 by hand, since faults have to end connections at exact bytes.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MAX_HEADERS: usize = 100;
const MAX_HEAD: usize = 64 << 10;

/// A connection of a client, which stays open between requests.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    received: BytesMut,
}

/// The reply to a request, as far as it is written.
#[derive(Debug)]
pub(super) struct Reply {
    head: Vec<u8>,
    body: Bytes,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, received: BytesMut::new() }
    }

    /// The next request with its whole body; `None` once the client closed the connection.
    pub(super) async fn request(&mut self) -> io::Result<Option<Request<Bytes>>> {
        let mut request = loop {
            if let Some((length, request)) = parse(&self.received)? {
                self.received.advance(length);
                break request;
            }
            if self.received.len() > MAX_HEAD {
                return Err(invalid("the head of the request is too long"));
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Ok(None);
            }
        };
        if request.headers().contains_key(TRANSFER_ENCODING) {
            return Err(invalid("the length of the request is not announced"));
        }
        let length = match request.headers().get(CONTENT_LENGTH) {
            None => 0,
            Some(length) => {
                let length = length.to_str().ok().and_then(|length| length.parse::<usize>().ok());
                length.ok_or_else(|| invalid("the length of the request is no number"))?
            }
        };
        if request.headers_mut().remove(EXPECT).is_some() {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        while self.received.len() < length {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        *request.body_mut() = self.received.split_to(length).freeze();
        Ok(Some(request))
    }

    /// Writes the head and so many bytes of the body, and returns what is left.
    pub(super) async fn begin(&mut self, reply: Reply, bytes: usize) -> io::Result<Bytes> {
        let Reply { mut head, mut body } = reply;
        let rest = body.split_off(bytes.min(body.len()));
        // In one piece, so that small replies are one packet.
        head.extend_from_slice(&body);
        self.stream.write_all(&head).await?;
        Ok(rest)
    }

    /// Writes what is left of a body.
    pub(super) async fn finish(&mut self, rest: Bytes) -> io::Result<()> {
        self.stream.write_all(&rest).await
    }

    /// Closes the connection; what was written still arrives.
    pub(super) async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Ends the connection with a reset.
    pub(super) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}

impl Reply {
    /// The reply to a request of this method, with the length of its body announced.
    pub(super) fn new(method: &Method, response: Response<Bytes>) -> Self {
        let (mut parts, body) = response.into_parts();
        parts.headers.remove(CONNECTION);
        parts.headers.remove(TRANSFER_ENCODING);
        let bodiless = matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if !bodiless && method != Method::HEAD {
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let body = if bodiless || method == Method::HEAD { Bytes::new() } else { body };
        Self { head: head(parts.status, &parts.headers), body }
    }
}

fn head(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// The head of a request and its length in bytes, once all of it is there.
fn parse(received: &[u8]) -> io::Result<Option<(usize, Request<Bytes>)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) =
        parsed.parse(received).map_err(|error| invalid(error.to_string()))?
    else {
        return Ok(None);
    };
    let mut request = Request::builder()
        .method(parsed.method.unwrap_or_default())
        .uri(parsed.path.unwrap_or_default());
    for header in parsed.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_bytes(header.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(invalid("a header is none"));
        };
        request = request.header(name, value);
    }
    let request = request.body(Bytes::new()).map_err(|error| invalid(error.to_string()))?;
    Ok(Some((length, request)))
}

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}
