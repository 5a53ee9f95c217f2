//! A proxy that injects faults between a client and a server.

mod answer;
mod fault;
mod gate;
mod matcher;
mod seen;
mod wire;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::CONNECTION;
use hyper::{Request, Response};
use parking_lot::Mutex;
use tokio::net::TcpStream;

use crate::background::Background;
use crate::upstream;

pub use answer::Answer;
pub use fault::Fault;
pub use gate::Gate;
pub use matcher::Matcher;
pub use seen::Seen;

use seen::Log;
use wire::{Reply, Wire};

/// An HTTP proxy on loopback, with a thread of its own, before any S3 server that is spoken to without
/// TLS; it ends when this is dropped.
///
/// It forwards requests as they came, with the `Host` that the client signed, counts them, and injects the
/// faults that it is told to.
///
/// # Examples
/// ```
/// use s3_testing::{Answer, Fault, FaultProxy, Matcher, Method, S3Server};
///
/// let server = S3Server::start();
/// let proxy = FaultProxy::start(&server.endpoint());
/// let second_page = Matcher::method(Method::GET).parameter("list-type").nth(2);
/// proxy.on(second_page, Fault::Answer(Answer::slow_down()));
/// // … a client that works with `proxy.endpoint()` …
/// assert_eq!(proxy.requests().len(), 0);
/// ```
#[derive(Debug)]
pub struct FaultProxy {
    background: Background,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    rules: Mutex<Vec<Rule>>,
    log: Log,
}

#[derive(Debug)]
struct Rule {
    matcher: Matcher,
    fault: Fault,
    /// How many requests it was about that no earlier rule took.
    met: usize,
}

impl FaultProxy {
    /// Starts a proxy before the server at this endpoint.
    ///
    /// # Panics
    /// If nothing can listen on loopback, or the endpoint is not `http://HOST:PORT`.
    pub fn start(endpoint: &str) -> Self {
        let shared = Arc::new(Shared {
            upstream: upstream::address(endpoint),
            rules: Mutex::default(),
            log: Log::default(),
        });
        let background = Background::listen("fault-proxy", {
            let shared = Arc::clone(&shared);
            move |stream| {
                let shared = Arc::clone(&shared);
                async move {
                    // A connection that failed is over, on both sides.
                    let _ = shared.serve(stream).await;
                }
            }
        });
        let background = background.expect("a proxy can listen on loopback");
        Self { background, shared }
    }

    /// Where clients find the server behind the proxy.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.background.address())
    }

    /// Injects a fault into requests from now on. Of several rules that choose a request, the first
    /// that was made takes it.
    pub fn on(&self, matcher: Matcher, fault: Fault) {
        self.shared.rules.lock().push(Rule { matcher, fault, met: 0 });
    }

    /// Forgets all rules. Requests that are stopped or stalled stay so.
    pub fn heal(&self) {
        self.shared.rules.lock().clear();
    }

    /// The requests since the start or since [`clear`](Self::clear), in the order in which they came.
    /// A request is there, with its status, before the client gets the reply.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.log.seen()
    }

    /// Begins to count anew.
    pub fn clear(&self) {
        self.shared.log.clear();
    }
}

impl Shared {
    /// Serves one connection of a client.
    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut wire = Wire::new(stream);
        while let Some(request) = wire.request().await? {
            let number = self.log.note(&request);
            let method = request.method().clone();
            let last = request.headers().get(CONNECTION).is_some_and(|value| value == "close");
            let fault = self.fault(&request);
            let response = match &fault {
                Some(Fault::Reset) => return wire.reset(),
                Some(Fault::Answer(answer)) => answer.reply(),
                Some(Fault::Delay(duration)) => {
                    tokio::time::sleep(*duration).await;
                    self.forward(number, request).await?
                }
                Some(Fault::Hold(gate)) => {
                    gate.pass().await;
                    self.forward(number, request).await?
                }
                Some(Fault::HoldReply(gate)) => {
                    let response = self.forward(number, request).await?;
                    gate.pass().await;
                    response
                }
                Some(Fault::LoseReply) => {
                    self.forward(number, request).await?;
                    return wire.reset();
                }
                Some(Fault::Garble(garbage)) => {
                    self.forward(number, request).await?.map(|_| garbage.clone())
                }
                Some(Fault::Truncate(_) | Fault::Stall(..)) | None => {
                    self.forward(number, request).await?
                }
            };
            self.log.amend(number, |seen| seen.status = Some(response.status()));
            let reply = Reply::new(&method, response);
            match fault {
                Some(Fault::Truncate(bytes)) => {
                    wire.begin(reply, bytes).await?;
                    return wire.close().await;
                }
                Some(Fault::Stall(bytes, gate)) => {
                    let rest = wire.begin(reply, bytes).await?;
                    gate.pass().await;
                    wire.finish(rest).await?;
                }
                _ => {
                    wire.begin(reply, usize::MAX).await?;
                }
            }
            if last {
                return wire.close().await;
            }
        }
        Ok(())
    }

    /// The fault for a request, if there is one.
    fn fault<B>(&self, request: &Request<B>) -> Option<Fault> {
        let mut rules = self.rules.lock();
        rules.iter_mut().filter(|rule| rule.matcher.is_about(request)).find_map(|rule| {
            rule.met += 1;
            rule.matcher.takes(rule.met - 1).then(|| rule.fault.clone())
        })
    }

    async fn forward(&self, number: usize, request: Request<Bytes>) -> io::Result<Response<Bytes>> {
        self.log.amend(number, |seen| seen.forwarded = true);
        upstream::send(&self.upstream, request).await
    }
}
