use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use datastore::Result;
use futures::stream::{BoxStream, Stream, StreamExt, try_unfold};
use libp2p_identity::PeerId;
use multiaddr::Multiaddr;

use super::AddressRow;
use crate::access::Core;
use crate::events::{PeerEvent, PeerEvents};

/// Addresses of one peer: those of now, then each that comes to be known.
///
/// Each comes once, while the stream remembers it: of over 4,096 addresses, those that the peer does not have any
/// more are forgotten. A reader that sleeps makes no writer wait; it reads again what it missed.
pub struct AddressStream(BoxStream<'static, Result<Multiaddr>>);

/// How many addresses a stream remembers before it forgets those that are gone.
const REMEMBERED: usize = 4096;

impl AddressStream {
    pub(crate) fn new(core: Arc<Core>, peer: PeerId) -> Self {
        // From now on, whenever the first address is asked for.
        let events = core.events().subscribe();
        let start = events.map(|events| Watch {
            core,
            peer,
            events,
            behind: true,
            seen: HashSet::new(),
            ready: VecDeque::new(),
        });
        let stream = match start {
            Ok(watch) => try_unfold(watch, Watch::next).boxed(),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        };
        Self(stream)
    }
}

impl Stream for AddressStream {
    type Item = Result<Multiaddr>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl std::fmt::Debug for AddressStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddressStream").finish_non_exhaustive()
    }
}

struct Watch {
    core: Arc<Core>,
    peer: PeerId,
    events: PeerEvents,
    /// Whether there may be addresses that no event will tell of.
    behind: bool,
    seen: HashSet<Multiaddr>,
    ready: VecDeque<Multiaddr>,
}

impl Watch {
    async fn next(mut self) -> Result<Option<(Multiaddr, Self)>> {
        loop {
            if let Some(addr) = self.ready.pop_front() {
                return Ok(Some((addr, self)));
            }
            if self.behind {
                let row = self.core.read_once::<AddressRow>(&self.peer).await?;
                let live = row.live(self.core.now()).map(|entry| entry.addr().clone());
                self.offer(live.collect());
                self.behind = false;
                continue;
            }
            match self.events.next().await {
                Some(Ok(PeerEvent::Addresses { peer, previous: _, current })) => {
                    if peer == self.peer {
                        self.offer(current);
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) => self.behind = true,
                None => return Ok(None),
            }
        }
    }

    fn offer(&mut self, addrs: Vec<Multiaddr>) {
        if self.seen.len() > REMEMBERED {
            let current: HashSet<_> = addrs.iter().collect();
            self.seen.retain(|addr| current.contains(addr));
        }
        for addr in addrs {
            if self.seen.insert(addr.clone()) {
                self.ready.push_back(addr);
            }
        }
    }
}
