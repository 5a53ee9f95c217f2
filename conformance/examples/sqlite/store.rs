use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datastore::{
    Batch, Capabilities, CheckReport, Content, Datastore, Direction, Durability, Error, ErrorKind,
    Found, Key, Op, Outcome, Page, PageBuilder, Query, Result, Select, Survives, Want,
};
use rusqlite::{Connection, OptionalExtension, ToSql, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

/// Entries in a table of a SQLite database.
///
/// One thread owns the connection and does one thing after the other, so that no call blocks the
/// executor, and a call that was dropped still happens wholly, before any later one, or not at all.
#[derive(Debug)]
pub(crate) struct SqliteDatastore {
    path: PathBuf,
    jobs: mpsc::Sender<Job>,
}

/// Work for the thread; the connection is `None` once the store is closed.
type Job = Box<dyn FnOnce(&mut Option<Connection>) + Send>;

/// What `PRAGMA user_version` says of the layout below.
const LAYOUT: i64 = 1;

/// SQLite takes values of 10⁹ bytes; this leaves room for the key and its row.
const MAX_VALUE_LEN: u64 = 500_000_000;

impl SqliteDatastore {
    /// Opens the database, and makes it if there is none.
    pub(crate) async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let (jobs, mut queue) = mpsc::channel::<Job>(64);
        let worker = move || {
            let mut connection = None;
            while let Some(job) = queue.blocking_recv() {
                job(&mut connection);
            }
        };
        std::thread::Builder::new().name("sqlite".into()).spawn(worker).map_err(|error| {
            Error::new(ErrorKind::Unavailable, "no thread for SQLite").with_source(error)
        })?;
        let store = Self { path: path.clone(), jobs };
        store
            .job(move |connection| {
                *connection = Some(connect(&path)?);
                Ok(())
            })
            .await?;
        Ok(store)
    }

    /// Does something with the connection, or answers `Closed`.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.job(|connection| connection.as_mut().ok_or_else(Error::closed).and_then(work)).await
    }

    async fn job<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Option<Connection>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        // Whoever asked may be gone when the answer comes.
        let job: Job = Box::new(move |connection| drop(reply.send(work(connection))));
        let gone = || Error::new(ErrorKind::Internal, "the thread of the store is gone");
        let sent = self.jobs.send(job).await;
        sent.map_err(|_| gone().with_outcome(Outcome::NotApplied))?;
        answer.await.unwrap_or_else(|_| Err(gone().with_outcome(Outcome::Unknown)))
    }
}

#[async_trait]
impl Datastore for SqliteDatastore {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::embedded();
        capabilities.snapshots = false;
        capabilities.disk_usage = true;
        capabilities.buffered = Survives::Process;
        capabilities.synced = Survives::Power;
        capabilities.max_value_len = MAX_VALUE_LEN;
        capabilities
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        let key = key.to_bytes();
        self.run(move |connection| {
            let columns = match want {
                Want::Exists => "NULL, 0",
                Want::Size => "NULL, length(value)",
                Want::Value | Want::Range { .. } => "value, length(value)",
            };
            let sql = format!("SELECT {columns} FROM entries WHERE key = ?");
            let found =
                connection.prepare_cached(&sql).map_err(failed)?.query_row([key.as_ref()], |row| {
                    Ok(match want {
                        Want::Exists => Found::exists(),
                        Want::Size => Found::sized(row.get::<_, i64>(1)?.unsigned_abs()),
                        Want::Value | Want::Range { .. } => {
                            Found::answer(&want, row.get::<_, Vec<u8>>(0)?.into())
                        }
                    })
                });
            found.optional().map_err(failed)
        })
        .await
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        let query = query.clone();
        self.run(move |connection| page(connection, &query)).await
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        self.run(move |connection| commit(connection, batch)).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.run(|_| Err(Error::unsupported("this store has no snapshots"))).await
    }

    async fn sync(&self) -> Result<()> {
        self.run(|connection| checkpoint(connection)).await
    }

    async fn disk_usage(&self) -> Result<u64> {
        let path = self.path.clone();
        self.run(move |_| {
            let beside = |end: &str| {
                let mut file = path.clone().into_os_string();
                file.push(end);
                std::fs::metadata(file).map_or(0, |metadata| metadata.len())
            };
            Ok(["", "-wal", "-shm"].map(beside).iter().sum())
        })
        .await
    }

    async fn compact(&self) -> Result<()> {
        self.run(|connection| {
            connection.execute_batch("VACUUM").map_err(failed)?;
            checkpoint(connection)
        })
        .await
    }

    async fn check(&self) -> Result<CheckReport> {
        self.run(|connection| check(connection)).await
    }

    async fn close(&self) -> Result<()> {
        // The queue is served in order, so all that was asked before is done.
        self.job(|connection| match connection.take() {
            Some(connection) => {
                checkpoint(&connection)?;
                connection.close().map_err(|(_, error)| failed(error))
            }
            None => Ok(()),
        })
        .await
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
    let pragma = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;";
    connection.execute_batch(pragma).map_err(failed)?;
    let layout: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    if layout != 0 && layout != LAYOUT {
        let message = format!("{} has layout {layout}, not {LAYOUT}", path.display());
        return Err(Error::new(ErrorKind::Incompatible, message));
    }
    // SQLite compares blobs byte by byte, which is the order of keys.
    let table = "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL)";
    connection.execute_batch(table).map_err(failed)?;
    connection.pragma_update(None, "user_version", LAYOUT).map_err(failed)?;
    Ok(connection)
}

fn page(connection: &Connection, query: &Query) -> Result<Page> {
    // Bound before use: a field that is new one day is not forgotten here.
    let Query { scope: _, after: _, before: _, direction, limit: _, select } = query;
    let Some(range) = query.key_range() else { return Ok(Page::default()) };
    let (start, from) = match range.start() {
        Bound::Unbounded => ("?1 IS NULL", None),
        Bound::Included(key) => ("key >= ?1", Some(key)),
        Bound::Excluded(key) => ("key > ?1", Some(key)),
    };
    let (end, to) = match range.end() {
        Bound::Unbounded => ("?2 IS NULL", None),
        Bound::Included(key) => ("key <= ?2", Some(key)),
        Bound::Excluded(key) => ("key < ?2", Some(key)),
    };
    let content = match select {
        Select::Keys => "NULL",
        Select::Sizes => "length(value)",
        Select::Values => "value",
    };
    let order = match direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    };
    let sql =
        format!("SELECT key, {content} FROM entries WHERE {start} AND {end} ORDER BY key {order}");
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let mut rows = statement.query([&from as &dyn ToSql, &to]).map_err(failed)?;
    let mut page = PageBuilder::new(query);
    while let Some(row) = rows.next().map_err(failed)? {
        let content = match select {
            _ if page.is_full() => Content::Nothing,
            Select::Keys => Content::Nothing,
            Select::Sizes => Content::Size(row.get::<_, i64>(1).map_err(failed)?.unsigned_abs()),
            Select::Values => Content::Value(row.get::<_, Vec<u8>>(1).map_err(failed)?.into()),
        };
        let key = row.get_ref(0).map_err(failed)?;
        let key = key.as_blob().map_err(|error| failed(error.into()))?;
        if page.push(key, content).is_break() {
            break;
        }
    }
    page.finish()
}

fn commit(connection: &mut Connection, batch: Batch) -> Result<()> {
    let Batch { ops, conditions, durability } = batch;
    let not_applied = |error| failed(error).with_outcome(Outcome::NotApplied);
    for op in &ops {
        if let Op::Put { key, value } = op
            && value.len() as u64 > MAX_VALUE_LEN
        {
            let message = format!("the value of {key} has more than {MAX_VALUE_LEN} bytes");
            return Err(
                Error::new(ErrorKind::InvalidInput, message).with_outcome(Outcome::NotApplied)
            );
        }
    }
    // Both are set for each commit, outside of the transaction, where SQLite heeds it.
    let level = match durability {
        Durability::Buffered => "PRAGMA synchronous = NORMAL",
        Durability::Synced => "PRAGMA synchronous = FULL",
    };
    connection.execute_batch(level).map_err(not_applied)?;
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(not_applied)?;
    for condition in &conditions {
        let key = condition.key();
        let current: Option<Vec<u8>> = transaction
            .prepare_cached("SELECT value FROM entries WHERE key = ?")
            .and_then(|mut select| select.query_row([key.as_bytes()], |row| row.get(0)).optional())
            .map_err(not_applied)?;
        if !condition.holds(current.as_deref()) {
            return Err(Error::conflict(key));
        }
    }
    for op in &ops {
        let applied = match op {
            Op::Put { key, value } => transaction
                .prepare_cached("INSERT OR REPLACE INTO entries (key, value) VALUES (?, ?)")
                .and_then(|mut put| put.execute(params![key.as_bytes(), value.as_ref()])),
            Op::Delete { key } => transaction
                .prepare_cached("DELETE FROM entries WHERE key = ?")
                .and_then(|mut delete| delete.execute([key.as_bytes()])),
        };
        applied.map_err(not_applied)?;
    }
    transaction.commit().map_err(|error| failed(error).with_outcome(Outcome::Unknown))?;
    // A transaction that wrote nothing did not wait for the disk either.
    if ops.is_empty() && durability == Durability::Synced { checkpoint(connection) } else { Ok(()) }
}

/// Brings the log to the disk, and into the database.
fn checkpoint(connection: &Connection) -> Result<()> {
    let done = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let busy = connection.query_row("PRAGMA wal_checkpoint(FULL)", [], done);
    match busy.map_err(|error| failed(error).with_outcome(Outcome::Unknown))? {
        0 => Ok(()),
        _ => Err(Error::new(ErrorKind::Unavailable, "another connection keeps the log busy")
            .with_outcome(Outcome::Unknown)),
    }
}

fn check(connection: &Connection) -> Result<CheckReport> {
    let mut report = CheckReport::default();
    let mut statement = connection.prepare("PRAGMA integrity_check").map_err(failed)?;
    let findings = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
    for finding in findings {
        let finding = finding.map_err(failed)?;
        if finding != "ok" {
            report.add("the database", finding);
        }
    }
    let mut statement = connection.prepare("SELECT key, value FROM entries").map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let (key, value): (Vec<u8>, Vec<u8>) =
            row.get(0).and_then(|key| Ok((key, row.get(1)?))).map_err(failed)?;
        match Key::new(&key) {
            Ok(_) => {
                report.entries += 1;
                report.bytes += (key.len() + value.len()) as u64;
            }
            Err(error) => report.add(key.escape_ascii(), error),
        }
    }
    Ok(report)
}

fn failed(error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase,
        ReadOnly, SystemIoFailure,
    };
    let kind = match error.sqlite_error_code() {
        Some(
            DatabaseBusy | DatabaseLocked | DiskFull | SystemIoFailure | CannotOpen | ReadOnly,
        ) => ErrorKind::Unavailable,
        Some(DatabaseCorrupt | NotADatabase) => ErrorKind::Corrupt,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, "SQLite failed").with_source(error)
}
