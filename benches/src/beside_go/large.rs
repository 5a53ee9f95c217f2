use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
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

/// Very many peers: load, reopen after a kill and after a close, read, list, collect. Of each hundred, the addresses of
/// one expire in an hour, of the others in a day.
pub(super) async fn run(flags: &Flags, dir: &Path) -> Result<()> {
    let dir = dir.join("a");
    load_and_kill(&dir)?;
    let clock = TestClock::new();
    let open = reopen(flags, &dir, &clock, "reopen_after_kill").await?;
    open.close().await?;
    emit(flags, "disk", json!({"peers": flags.peers, "mib": mib_of(&dir)?}));
    let open = reopen(flags, &dir, &clock, "reopen").await?;

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
    emit(
        flags,
        "PeersWithAddrs",
        json!({"peers": listed, "s": seconds, "rss_mib": resident()?, "rss_peak_mib": peak()?}),
    );
    expect(listed, flags.peers)?;

    clock.advance(HOUR + HOUR / 2);
    let time = start();
    let report = open.peers.collect().await?;
    let seconds = time.elapsed().as_secs_f64();
    emit(
        flags,
        "gc_purge",
        json!({"peers": flags.peers, "s": seconds, "removed": report.removed, "rss_mib": resident()?,
            "rss_peak_mib": peak()?}),
    );
    expect(usize::try_from(report.removed)?, flags.peers.div_ceil(100))?;
    open.close().await?;
    emit(flags, "disk_end", json!({"peers": flags.peers, "mib": mib_of(&dir)?}));
    Ok(())
}

/// Loads the peers in a process of its own, and kills it: what loading took is not taken for what follows takes.
#[allow(clippy::print_stdout, reason = "the command prints what it measures")]
fn load_and_kill(dir: &Path) -> Result<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .arg("-load")
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or("a process without output")?;
    let mut loaded = false;
    for line in BufReader::new(output).lines() {
        let line = line?;
        loaded = line == LOADED;
        if loaded {
            break;
        }
        println!("{line}");
    }
    child.kill()?;
    child.wait()?;
    if loaded { Ok(()) } else { Err("the process that loads the peers ended early".into()) }
}

/// Loads the peers, says so, and waits to be killed; it ends by itself if there is nobody who could.
#[allow(clippy::print_stdout, reason = "the command prints what it measures")]
pub(super) async fn load(flags: &Flags, dir: &Path) -> Result<()> {
    let open = Book::open(flags, dir, Arc::new(TestClock::new())).await?;
    let time = start();
    for n in 0..flags.peers {
        let ttl = if n % 100 == 0 { HOUR } else { 24 * HOUR };
        open.peers.addresses().add(&fast_id(n)?, &addrs_of(n, flags.addrs), ttl).await?;
    }
    open.sync().await?;
    emit_time(flags, "load_AddAddrs", flags.peers, time.elapsed());
    let fields = json!({"peers": flags.peers, "rss_mib": resident()?, "rss_peak_mib": peak()?});
    emit(flags, "rss_after_load", fields);
    println!("{LOADED}");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    open.close().await
}

const LOADED: &str = "loaded";

/// Opens the peers and reads one.
async fn reopen(flags: &Flags, dir: &Path, clock: &TestClock, op: &str) -> Result<Book> {
    let (before, time) = (resident()?, start());
    let open = Book::open(flags, dir, Arc::new(clock.clone())).await?;
    let opened = time.elapsed();
    let found = open.peers.addresses().get(&fast_id(flags.peers / 2 + 1)?).await?;
    let first = time.elapsed();
    expect(found.len(), flags.addrs)?;
    emit(
        flags,
        op,
        json!({"peers": flags.peers, "open_s": opened.as_secs_f64(), "open_and_first_addrs_s": first.as_secs_f64(),
            "rss_before_mib": before, "rss_mib": resident()?}),
    );
    Ok(open)
}

fn resident() -> Result<f64> {
    Ok(Resident::now()?.now as f64 / f64::from(1 << 20))
}

fn peak() -> Result<f64> {
    Ok(Resident::now()?.peak as f64 / f64::from(1 << 20))
}
