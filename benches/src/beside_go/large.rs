use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datastore::TestClock;
use futures::TryStreamExt;
use serde_json::json;

use super::Flags;
use super::data::{addrs_of, fast_id};
use super::disk::mib_of;
use super::lines::{emit, emit_time, start};
use super::micro::{Book, expect};
use super::pcg::Pcg;
use crate::{Resident, Result};

const HOUR: Duration = Duration::from_secs(3600);

/// Very many peers: load, reopen, read, list, collect. Of each hundred, the addresses of one expire in an hour, of
/// the others in a day.
pub(super) async fn run(flags: &Flags, dir: &Path) -> Result<()> {
    let dir = dir.join("a");
    let clock = TestClock::new();
    load(flags, &dir, &clock).await?;
    emit(flags, "disk", json!({"peers": flags.peers, "mib": mib_of(&dir)?}));

    let (before, time) = (resident()?, start());
    let open = Book::open(flags, &dir, Arc::new(clock.clone())).await?;
    let opened = time.elapsed();
    let found = open.peers.addresses().get(&fast_id(flags.peers / 2 + 1)?).await?;
    let first = time.elapsed();
    expect(found.len(), flags.addrs)?;
    emit(
        flags,
        "reopen",
        json!({"peers": flags.peers, "open_s": opened.as_secs_f64(), "open_and_first_addrs_s": first.as_secs_f64(),
            "rss_before_mib": before, "rss_mib": resident()?}),
    );

    let mut random = Pcg::new(3, 4);
    let ids =
        (0..flags.ops).map(|_| fast_id(random.below(flags.peers))).collect::<Result<Vec<_>>>()?;
    let time = start();
    for id in &ids {
        expect(open.peers.addresses().get(id).await?.len(), flags.addrs)?;
    }
    emit_time(flags, "Addrs_random", ids.len(), time.elapsed());

    let time = start();
    let listed = open.peers.addresses().peers().try_fold(0, async |n, _| Ok(n + 1)).await?;
    let seconds = time.elapsed().as_secs_f64();
    emit(flags, "PeersWithAddrs", json!({"peers": listed, "s": seconds, "rss_mib": resident()?}));
    expect(listed, flags.peers)?;

    clock.advance(HOUR + HOUR / 2);
    let time = start();
    let report = open.peers.collect().await?;
    let seconds = time.elapsed().as_secs_f64();
    emit(
        flags,
        "gc_purge",
        json!({"peers": flags.peers, "s": seconds, "removed": report.removed, "rss_mib": resident()?,
            "rss_peak_mib": Resident::now()?.peak as f64 / f64::from(1 << 20)}),
    );
    expect(usize::try_from(report.removed)?, flags.peers.div_ceil(100))?;
    open.close().await?;
    emit(flags, "disk_end", json!({"peers": flags.peers, "mib": mib_of(&dir)?}));
    Ok(())
}

async fn load(flags: &Flags, dir: &Path, clock: &TestClock) -> Result<()> {
    let open = Book::open(flags, dir, Arc::new(clock.clone())).await?;
    let time = start();
    for n in 0..flags.peers {
        let ttl = if n % 100 == 0 { HOUR } else { 24 * HOUR };
        open.peers.addresses().add(&fast_id(n)?, &addrs_of(n, flags.addrs), ttl).await?;
    }
    open.sync().await?;
    emit_time(flags, "load_AddAddrs", flags.peers, time.elapsed());
    emit(flags, "rss_after_load", json!({"peers": flags.peers, "rss_mib": resident()?}));
    open.close().await
}

fn resident() -> Result<f64> {
    Ok(Resident::now()?.now as f64 / f64::from(1 << 20))
}
