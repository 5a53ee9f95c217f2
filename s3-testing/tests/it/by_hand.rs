//! Requests without a client, to see what is on the wire.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// What is said until the connection ends, and how it ends if not in order.
pub(crate) fn until_the_end(endpoint: &str, request: &str) -> (String, Option<ErrorKind>) {
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("http://")).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut said = Vec::new();
    let end = stream.read_to_end(&mut said).err().map(|error| error.kind());
    (String::from_utf8(said).unwrap(), end)
}

/// The head of a GET of this path.
pub(crate) fn get_request(endpoint: &str, path: &str) -> String {
    let host = endpoint.trim_start_matches("http://");
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// The whole reply to a GET.
pub(crate) fn get(endpoint: &str, path: &str, query: Option<&str>) -> String {
    let target = format!("{path}?{}", query.unwrap_or_default());
    until_the_end(endpoint, &get_request(endpoint, &target)).0
}
