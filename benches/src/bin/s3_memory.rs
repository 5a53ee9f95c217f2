//! Measures how much memory a stream of puts to object storage takes.
#![allow(clippy::print_stdout, reason = "the command prints what it measures")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};

use bytes::Bytes;
use clap::{Parser, Subcommand};
use datastore::{Datastore, DatastoreExt, Query};
use datastore_benches::{BenchRuntime, Resident, Result, mib, numbered_key};
use datastore_s3::{Access, Bucket, ObjectOptions};
use futures::stream;
use object_store::aws::AmazonS3Builder;
use s3_testing::S3Server;

/// Puts a stream of small values into a bucket, counts them, and prints the peak of resident memory. The
/// server is a process beside this one.
#[derive(Parser)]
struct Options {
    /// How many values
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    puts: usize,
    #[command(subcommand)]
    phase: Option<Phase>,
}

#[derive(Clone, Copy, Subcommand)]
#[command(disable_help_subcommand = true)]
enum Phase {
    #[command(hide = true)]
    Serve,
}

/// What the whole process may take.
const GOAL_BYTES: u64 = 64 << 20;

/// Progress is told every so many puts.
const STEP: usize = 100_000;

fn main() -> Result<ExitCode> {
    let Options { puts, phase } = Options::parse();
    if let Some(Phase::Serve) = phase {
        let server = S3Server::start();
        let keys = server.credentials();
        println!("{}", server.endpoint());
        println!("{} {} {}", server.bucket(), keys.access_key, keys.secret_key);
        // Until whoever started it closes the pipe.
        std::io::stdin().lines().for_each(drop);
        return Ok(ExitCode::SUCCESS);
    }
    let server = Server::start()?;
    let bucket = server.bucket()?;
    BenchRuntime::start()?.run(put(bucket, puts))?;
    Ok(ExitCode::SUCCESS)
}

async fn put(bucket: Bucket, puts: usize) -> Result<()> {
    let store = ObjectOptions::new().access(Access::Shared).open(bucket).await?;
    let opened = Resident::now()?;
    let mut done = 0;
    let entries = std::iter::from_fn(|| {
        done += 1;
        if done % STEP == 0 {
            println!("{done} puts begun");
        }
        (done <= puts)
            .then(|| Ok((numbered_key(done)?, Bytes::from(done.to_le_bytes().repeat(32)))))
    });
    let put = store.put_many(stream::iter(entries)).await?;
    let after = Resident::now()?;
    let count = store.count(Query::all()).await?;
    if put != puts as u64 || count != put {
        return Err(format!("{put} of {puts} put, {count} there").into());
    }
    println!("after opening: {opened}\nafter {puts} puts: {after}");
    let verdict = if after.peak < GOAL_BYTES { "ok" } else { "MISSED" };
    println!("peak {} (goal < {}): {verdict}", mib(after.peak), mib(GOAL_BYTES));
    Ok(store.close().await?)
}

/// A server in a process of its own, so that what it keeps is not counted here.
struct Server {
    child: Child,
    endpoint: String,
    about: String,
}

impl Server {
    fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut lines = BufReader::new(output).lines();
        let mut line = || lines.next().ok_or("the server said nothing");
        let (endpoint, about) = (line()??, line()??);
        Ok(Self { child, endpoint, about })
    }

    fn bucket(&self) -> Result<Bucket> {
        let mut words = self.about.split(' ');
        let mut word = || words.next().ok_or("the server said too little");
        let s3 = AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_region("us-east-1")
            .with_bucket_name(word()?)
            .with_access_key_id(word()?)
            .with_secret_access_key(word()?);
        Ok(Bucket::s3(s3)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends with its input.
        let _ = self.child.wait();
    }
}
