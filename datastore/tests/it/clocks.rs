//! Time, stepped and real.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, SystemTime};

use datastore::{Clock, SystemClock, TestClock};
use futures::executor::block_on;

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_sleep_ends_when_its_time_has_passed_and_not_before() {
    let clock = TestClock::new();
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut cx = Context::from_waker(&waker);
    let mut sleep = clock.sleep(2 * SECOND);
    assert!(sleep.as_mut().poll(&mut cx).is_pending());
    clock.advance(2 * SECOND - Duration::from_nanos(1));
    assert!(sleep.as_mut().poll(&mut cx).is_pending());
    assert_eq!((wakes.0.load(Ordering::SeqCst), clock.sleepers()), (0, 1));
    clock.advance(Duration::from_nanos(1));
    assert_eq!((wakes.0.load(Ordering::SeqCst), clock.sleepers()), (1, 0));
    assert_eq!(sleep.as_mut().poll(&mut cx), Poll::Ready(()));
}

#[test]
fn time_counts_from_the_call_and_not_from_the_first_poll() {
    let clock = TestClock::new();
    let sleep = clock.sleep(SECOND);
    clock.advance(SECOND);
    block_on(sleep);
    block_on(clock.sleep(Duration::ZERO));
}

#[test]
fn one_step_wakes_all_that_are_due_and_leaves_the_others() {
    let clock = TestClock::new();
    let mut cx = Context::from_waker(Waker::noop());
    let mut sleeps: Vec<_> = [1, 1, 2, 3].map(|seconds| clock.sleep(seconds * SECOND)).into();
    for sleep in &mut sleeps {
        assert!(sleep.as_mut().poll(&mut cx).is_pending());
    }
    clock.advance(2 * SECOND);
    assert_eq!(clock.sleepers(), 1);
    let ready: Vec<bool> = sleeps.iter_mut().map(|s| s.as_mut().poll(&mut cx).is_ready()).collect();
    assert_eq!(ready, [true, true, true, false]);
}

#[test]
fn a_dropped_sleep_is_forgotten() {
    let clock = TestClock::new();
    let mut sleep = clock.sleep(SECOND);
    assert!(sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(clock.sleepers(), 1);
    drop(sleep);
    assert_eq!(clock.sleepers(), 0);
}

#[test]
fn a_sleep_that_is_polled_by_another_task_wakes_that_one() {
    let clock = TestClock::new();
    let (first, second) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
    let mut sleep = clock.sleep(SECOND);
    for wakes in [&first, &second] {
        let waker = Waker::from(Arc::clone(wakes));
        assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    clock.advance(SECOND);
    assert_eq!(first.0.load(Ordering::SeqCst), 0);
    assert_eq!(second.0.load(Ordering::SeqCst), 1);
}

#[test]
fn setting_the_time_of_day_lets_no_time_pass() {
    let clock = TestClock::new();
    let same = clock.clone();
    let mut sleep = clock.sleep(SECOND);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sleep.as_mut().poll(&mut cx).is_pending());
    let later = clock.now() + 100 * SECOND;
    same.set_now(later);
    assert_eq!((clock.now(), clock.elapsed()), (later, Duration::ZERO));
    assert!(sleep.as_mut().poll(&mut cx).is_pending());
    clock.set_now(SystemTime::UNIX_EPOCH);
    clock.advance(SECOND);
    assert_eq!((same.now(), same.elapsed()), (SystemTime::UNIX_EPOCH + SECOND, SECOND));
    assert!(sleep.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn the_clock_of_the_machine_sleeps_without_a_runtime() {
    let clock = SystemClock::new();
    let before = clock.elapsed();
    block_on(clock.sleep(Duration::from_millis(2)));
    assert!(clock.elapsed() >= before + Duration::from_millis(2));
    assert!(clock.now() > SystemTime::UNIX_EPOCH);
}

#[test]
fn a_sleep_without_end_overflows_nothing() {
    let mut cx = Context::from_waker(Waker::noop());
    let (system, test) = (SystemClock::new(), TestClock::new());
    test.advance(SECOND);
    assert!(system.sleep(Duration::MAX).as_mut().poll(&mut cx).is_pending());
    assert!(test.sleep(Duration::MAX).as_mut().poll(&mut cx).is_pending());
}
