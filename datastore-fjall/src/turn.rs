//! Short operations are ready when they are polled, so a task that does nothing else would never let
//! others run: it gives up its turn once it had a millisecond.

use std::cell::Cell;
use std::future::poll_fn;
use std::sync::LazyLock;
use std::task::Poll;
use std::time::Duration;

use datastore::{Clock, SystemClock};

/// The work of a page, which is worth a look at the clock.
pub(crate) const PAGE: u32 = 32;

/// A turn of a thread, and the longest that a page works.
pub(crate) const TURN: Duration = Duration::from_millis(1);

static CLOCK: LazyLock<SystemClock> = LazyLock::new(SystemClock::new);

thread_local! {
    static WORK: Cell<u32> = const { Cell::new(0) };
    static BEGAN: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Time since some moment.
pub(crate) fn now() -> Duration {
    CLOCK.elapsed()
}

/// Counts `work`, of about a microsecond each, and lets other tasks run if the turn is over.
pub(crate) async fn count(work: u32) {
    if is_over(work) {
        // Not a runtime's own yield: there may be another runtime, or none.
        let mut yielded = false;
        poll_fn(|context| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

fn is_over(work: u32) -> bool {
    // The clock costs a good part of what a read costs that finds nothing.
    let total = WORK.get().saturating_add(work);
    if total < LOOK_EVERY {
        WORK.set(total);
        return false;
    }
    WORK.set(0);
    let now = now();
    let over = now.saturating_sub(BEGAN.get()) >= TURN;
    if over {
        BEGAN.set(now);
    }
    over
}

const LOOK_EVERY: u32 = 32;
