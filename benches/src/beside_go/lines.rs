use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::Flags;

/// Prints a result.
#[allow(clippy::print_stdout, reason = "the command prints what it measures")]
pub(super) fn emit(flags: &Flags, op: &str, fields: Value) {
    let mut line = Map::new();
    line.insert("suite".to_owned(), json!(flags.suite));
    line.insert("op".to_owned(), json!(op));
    line.insert("engine".to_owned(), json!(flags.engine));
    line.insert("rep".to_owned(), json!(flags.rep));
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    println!("{}", Value::Object(line));
}

/// Prints the time of `n` operations.
pub(super) fn emit_time(flags: &Flags, op: &str, n: usize, time: Duration) {
    let per_op = time.as_nanos() / n.max(1) as u128;
    let seconds = time.as_secs_f64();
    let Flags { peers, addrs, cache, keys, value, .. } = flags;
    let of = match flags.suite.starts_with("peer") {
        true => json!({"peers": peers, "addrs": addrs, "cache": cache}),
        false => json!({"keys": keys, "value": value}),
    };
    let mut fields = json!({"n": n, "ns_op": per_op, "total_s": seconds});
    if let (Value::Object(fields), Value::Object(of)) = (&mut fields, of) {
        fields.extend(of);
    }
    emit(flags, op, fields);
}

/// When something began.
#[allow(clippy::disallowed_methods, reason = "what is measured is the time of the machine")]
pub(super) fn start() -> Instant {
    Instant::now()
}
