//! What `strace -f -y` writes.

use std::collections::HashMap;

/// A system call, and the lines of the trace where it begins and where it has returned.
///
/// The lines of all threads are in one order, that in which the kernel stopped them.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: String,
    pub(crate) succeeded: bool,
    pub(crate) begun: usize,
    pub(crate) returned: usize,
}

impl Call {
    /// What the first argument, a file descriptor, is open on: a path, or `pipe:[…]`.
    pub(crate) fn file(&self) -> &str {
        let rest = self.arguments.split_once('<').map_or("", |(_, rest)| rest);
        rest.split_once('>').map_or("", |(file, _)| file)
    }
}

pub(crate) fn parse(trace: &str) -> Vec<Call> {
    let mut unfinished: HashMap<&str, Call> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let Some((thread, line)) = line.split_once(' ') else { continue };
        let line = line.trim_start();
        if let Some((_, rest)) = line.split_once(" resumed>") {
            if let Some(mut call) = unfinished.remove(thread) {
                call.succeeded = succeeded(rest);
                call.returned = number;
                calls.push(call);
            }
            continue;
        }
        let Some((name, rest)) = line.split_once('(') else { continue };
        let call = Call {
            name: name.to_owned(),
            arguments: rest.to_owned(),
            succeeded: succeeded(rest),
            begun: number,
            returned: number,
        };
        if rest.ends_with("<unfinished ...>") {
            unfinished.insert(thread, call);
        } else {
            calls.push(call);
        }
    }
    calls
}

/// Whether what a call returned, after the last ` = `, is no error.
fn succeeded(rest: &str) -> bool {
    rest.rsplit_once(" = ")
        .is_some_and(|(_, result)| result.starts_with(|c: char| c.is_ascii_digit()))
}

#[test]
fn a_trace_is_read_in_the_order_of_its_lines() {
    let calls = parse(
        "7 write(5</s/0.jnl>, \"a = 1\"..., 5) = 5\n\
         7 fdatasync(5</s/0.jnl> <unfinished ...>\n\
         8 write(1<pipe:[9]>, \"x\", 1)   = 1\n\
         7 <... fdatasync resumed>)  = 0\n\
         8 fsync(5</s/0.jnl>) = -1 ENOSPC (No space left on device)\n\
         7 +++ exited with 0 +++\n",
    );
    let seen: Vec<_> = calls
        .iter()
        .map(|call| (&*call.name, call.file(), call.succeeded, call.begun, call.returned))
        .collect();
    assert_eq!(
        seen,
        [
            ("write", "/s/0.jnl", true, 0, 0),
            ("write", "pipe:[9]", true, 2, 2),
            ("fdatasync", "/s/0.jnl", true, 1, 3),
            ("fsync", "/s/0.jnl", false, 4, 4),
        ]
    );
}
