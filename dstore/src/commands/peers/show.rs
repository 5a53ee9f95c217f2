use std::fmt::Display;
use std::time::SystemTime;

use clap::Args;
use datastore::{Clock, Expiry, SystemClock};
use libp2p_identity::PeerId;
use peerstore::{Address, AddressTtl, Peer, Reputation, VerifiedRecord};
use serde_json::{Value, json};

use super::opened::{self, To};
use super::settings::Opening;
use super::value::Shown;
use super::{Context, peer};
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
With --json times are in milliseconds since 1970, null for never or not known, bytes in base64, and numbers \
that JSON does not have are the texts NaN, Infinity and -Infinity.
Exit code 1 if nothing is known of the peer that has not expired.")]
pub(super) struct Show {
    /// URL of the store
    store: StoreArg,
    /// The peer: 12D3KooW…, Qm… or bafz…
    #[arg(value_parser = peer::parse)]
    peer: PeerId,
}

impl Show {
    pub(super) async fn run(self, opening: &Opening, context: &mut Context) -> Result<Exit> {
        let Self { store, peer } = self;
        let peers = opened::open(To::Read, &store, opening, context).await?;
        let Some(known) = peers.peer(&peer).await? else {
            return Err(Failure::new(Exit::No, format!("nothing is known of {peer}"))
                .hint("`dstore peers ls` lists the peers"));
        };
        if context.out.is_json() {
            context.out.object(&to_json(&known))?;
        } else {
            write(&known, &mut context.out, SystemClock::new().now())?;
        }
        Ok(Exit::Done)
    }
}

fn to_json(peer: &Peer) -> Value {
    let public_key = peer.public_key.as_ref().map(|key| {
        let encoded = key.encode_protobuf();
        json!({ "type": key.key_type().to_string(), "protobuf": Base64(&encoded) })
    });
    let metadata = peer.metadata.iter().map(|(name, value)| {
        let Shown { kind, text: _, json } = Shown::of(value);
        json!({ "name": name, "type": kind, "value": json })
    });
    let tags = peer.tags.iter().map(|(name, tag)| {
        json!({ "name": name, "value": tag.value(), "expiry_ms": expiry_ms(tag.expiry()) })
    });
    let reputation = (peer.reputation != Reputation::default()).then_some(&peer.reputation);
    json!({
        "peer": peer.id.to_string(),
        "public_key": public_key,
        "private_key": peer.has_private_key,
        "record_sequence": peer.record.as_ref().map(VerifiedRecord::sequence),
        "addresses": peer.addresses.iter().map(address).collect::<Vec<_>>(),
        "protocols": peer.protocols,
        "metadata": metadata.collect::<Vec<_>>(),
        "tags": tags.collect::<Vec<_>>(),
        "reputation": reputation,
    })
}

fn write(peer: &Peer, out: &mut Output, now: SystemTime) -> Result<()> {
    out.line(format_args!("peer  {}", peer.id))?;
    if let Some(key) = &peer.public_key {
        out.line(format_args!("public key  {}", key.key_type()))?;
    }
    if peer.has_private_key {
        out.line("private key  is stored")?;
    }
    if let Some(record) = &peer.record {
        out.line(format_args!("signed record  number {}", record.sequence()))?;
    }
    let addresses = peer.addresses.iter().map(|address| {
        let mut words = vec![ends(address.expiry(), now), address.source().to_string()];
        words.extend(address.is_certified().then(|| "certified".to_owned()));
        if address.failures() > 0 {
            words.push(format!("dialed in vain {} times", address.failures()));
        }
        format!("{}  {}", address.addr(), words.join(", "))
    });
    section(out, "addresses", addresses)?;
    section(out, "protocols", peer.protocols.iter())?;
    let metadata = peer.metadata.iter().map(|(name, value)| {
        let Shown { kind, text, json: _ } = Shown::of(value);
        format!("{name}  {kind} {text}")
    });
    section(out, "metadata", metadata)?;
    let tags = peer.tags.iter();
    let tags =
        tags.map(|(name, tag)| format!("{name}  {}, {}", tag.value(), ends(tag.expiry(), now)));
    section(out, "tags", tags)?;
    write_reputation(&peer.reputation, out, now)
}

fn write_reputation(reputation: &Reputation, out: &mut Output, now: SystemTime) -> Result<()> {
    if *reputation == Reputation::default() {
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
