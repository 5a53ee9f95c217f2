use std::fmt::Display;
use std::time::SystemTime;

use clap::Args;
use datastore::{Clock, Expiry, SystemClock};
use libp2p_identity::{PeerId, PublicKey};
use peerstore::{Address, AddressTtl, MetadataValue, Peerstore, Reputation, Tag, VerifiedRecord};
use serde_json::{Value, json};

use super::value::Shown;
use super::{Context, opened, peer};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::human;
use crate::output::{Base64, Output};
use crate::span::Span;
use crate::store_arg::StoreArg;

/// Show all that is known of a peer
#[derive(Args)]
#[command(after_help = "Examples:
  dstore peers show fjall:node PEER
  dstore peers show fjall:node PEER --json | jq .addresses

Addresses come with when they expire, who said them, and whether a signed record of the peer certifies them; \
first those that are most likely to be of use. What has expired is not shown. Of a private key it says that it is there.
With --json times are in milliseconds since 1970, null for never or not known, and bytes in base64.
Exit code 1 if nothing is known of the peer.")]
pub(super) struct Show {
    /// URL of the store
    store: StoreArg,
    /// The peer: 12D3KooW…, Qm… or bafz…
    #[arg(value_parser = peer::parse)]
    peer: PeerId,
}

impl Show {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store, peer } = self;
        let peers = opened::to_read(&store, context).await?;
        if !peers.has(&peer).await? {
            return Err(Failure::new(Exit::No, format!("nothing is known of {peer}"))
                .hint("`dstore peers ls` lists the peers"));
        }
        let known = Known::of(&peers, &peer).await?;
        if context.out.is_json() {
            context.out.object(&known.to_json(&peer))?;
        } else {
            known.write(&mut context.out, &peer, SystemClock::new().now())?;
        }
        Ok(Exit::Done)
    }
}

struct Known {
    addresses: Vec<Address>,
    sequence: Option<u64>,
    public_key: Option<PublicKey>,
    private_key: bool,
    protocols: Vec<String>,
    metadata: Vec<(String, MetadataValue)>,
    tags: Vec<(String, Tag)>,
    reputation: Reputation,
}

impl Known {
    async fn of(peers: &Peerstore, peer: &PeerId) -> Result<Self> {
        let record = peers.addresses().record(peer).await?;
        let record = record.and_then(|envelope| VerifiedRecord::verify(envelope).ok());
        Ok(Self {
            addresses: peers.addresses().get(peer).await?.entries().cloned().collect(),
            sequence: record.map(|record| record.sequence()),
            public_key: peers.keys().public(peer).await?,
            private_key: peers.keys().private(peer).await?.is_some(),
            protocols: peers.protocols().get(peer).await?,
            metadata: peers.metadata().all(peer).await?,
            tags: peers.tags().get(peer).await?,
            reputation: peers.reputation().get(peer).await?,
        })
    }

    fn to_json(&self, peer: &PeerId) -> Value {
        let public_key = self.public_key.as_ref().map(|key| {
            let encoded = key.encode_protobuf();
            json!({ "type": key.key_type().to_string(), "protobuf": Base64(&encoded) })
        });
        let metadata = self.metadata.iter().map(|(name, value)| {
            let Shown { kind, text: _, json } = Shown::of(value);
            json!({ "name": name, "type": kind, "value": json })
        });
        let tags = self.tags.iter().map(|(name, tag)| {
            json!({ "name": name, "value": tag.value(), "expiry_ms": expiry_ms(tag.expiry()) })
        });
        let reputation = (self.reputation.requests() > 0).then_some(&self.reputation);
        json!({
            "peer": peer.to_string(),
            "public_key": public_key,
            "private_key": self.private_key,
            "record_sequence": self.sequence,
            "addresses": self.addresses.iter().map(address).collect::<Vec<_>>(),
            "protocols": self.protocols,
            "metadata": metadata.collect::<Vec<_>>(),
            "tags": tags.collect::<Vec<_>>(),
            "reputation": reputation,
        })
    }

    fn write(&self, out: &mut Output, peer: &PeerId, now: SystemTime) -> Result<()> {
        out.line(format_args!("peer  {peer}"))?;
        if let Some(key) = &self.public_key {
            out.line(format_args!("public key  {}", key.key_type()))?;
        }
        if self.private_key {
            out.line("private key  is stored")?;
        }
        if let Some(sequence) = self.sequence {
            out.line(format_args!("signed record  number {sequence}"))?;
        }
        let addresses = self.addresses.iter().map(|address| {
            let mut words = vec![ends(address.expiry(), now), address.source().to_string()];
            words.extend(address.is_certified().then(|| "certified".to_owned()));
            if address.failures() > 0 {
                words.push(format!("dialed in vain {} times", address.failures()));
            }
            format!("{}  {}", address.addr(), words.join(", "))
        });
        section(out, "addresses", addresses)?;
        section(out, "protocols", self.protocols.iter())?;
        let metadata = self.metadata.iter().map(|(name, value)| {
            let Shown { kind, text, json: _ } = Shown::of(value);
            format!("{name}  {kind} {text}")
        });
        section(out, "metadata", metadata)?;
        let tags = self.tags.iter();
        let tags =
            tags.map(|(name, tag)| format!("{name}  {}, {}", tag.value(), ends(tag.expiry(), now)));
        section(out, "tags", tags)?;
        self.write_reputation(out, now)
    }

    fn write_reputation(&self, out: &mut Output, now: SystemTime) -> Result<()> {
        let reputation = &self.reputation;
        if reputation.requests() == 0 {
            return Ok(());
        }
        out.line("reputation")?;
        let answered = human::count(reputation.successes());
        let failed = human::count(reputation.failures());
        out.line(format_args!("  answered {answered}, failed {failed}"))?;
        if let Some(latency) = reputation.latency() {
            out.line(format_args!("  answers after {}", human::time(latency)))?;
        }
        if reputation.is_backed_off(now) {
            out.line("  is left alone for now")?;
        }
        Ok(())
    }
}

/// What a peer said of itself is not to steer a terminal.
fn section(out: &mut Output, name: &str, lines: impl Iterator<Item = impl Display>) -> Result<()> {
    for (number, line) in lines.enumerate() {
        if number == 0 {
            out.line(name)?;
        }
        let line: String = line.to_string().chars().flat_map(printable).collect();
        out.line(format_args!("  {line}"))?;
    }
    Ok(())
}

fn printable(c: char) -> impl Iterator<Item = char> {
    let escaped = c.is_control().then(|| c.escape_default());
    let plain = escaped.is_none().then_some(c);
    plain.into_iter().chain(escaped.into_iter().flatten())
}

fn ends(expiry: Expiry, now: SystemTime) -> String {
    if expiry == Expiry::NEVER {
        "for ever".to_owned()
    } else {
        format!("{} left", Span(expiry.remaining(now)))
    }
}

fn address(address: &Address) -> Value {
    let ttl_ms = match address.ttl() {
        AddressTtl::For(ttl) => Some(ttl.as_millis() as u64),
        AddressTtl::Connected | AddressTtl::Permanent => None,
    };
    let millis = |time: Option<SystemTime>| time.map(|time| Expiry::at(time).as_millis());
    json!({
        "addr": address.addr().to_string(),
        "expiry_ms": expiry_ms(address.expiry()),
        "ttl_ms": ttl_ms,
        "source": address.source().as_str(),
        "certified": address.is_certified(),
        "last_seen_ms": millis(address.last_seen()),
        "last_success_ms": millis(address.last_success()),
        "failures": address.failures(),
    })
}

fn expiry_ms(expiry: Expiry) -> Option<u64> {
    (expiry != Expiry::NEVER).then(|| expiry.as_millis())
}
