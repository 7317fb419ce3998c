//! A source on a thread of its own: nothing lost, nothing twice, an end in every case.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod common;

use std::future::{Future, ready};
use std::hint::black_box;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use async_trait::async_trait;
use common::{FnSource, counting, powers, push};
use power_core::{
    AsyncPowerSource, ChannelId, Clock, Descriptor, Error, ErrorKind, HostTime, PowerSource, Reading,
    Recorder, Result, SystemClock, ThreadedSource, Watts,
};
use tokio::time::timeout;

/// A source whose every transaction waits for a token, and counts how many it has begun.
fn gated() -> (Sender<()>, Arc<AtomicUsize>, ThreadedSource) {
    let (open, gate) = mpsc::channel();
    let begun = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&begun);
    let source = FnSource::new(move |recorder: &mut Recorder<'_>| {
        let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
        gate.recv()
            .map_err(|closed| Error::new(ErrorKind::Disconnected, "gate closed").with_source(closed))?;
        push(recorder, u32::try_from(number).unwrap())
    });
    (open, begun, ThreadedSource::spawn(source).unwrap())
}

/// A source that holds `token`, so that its drop can be seen through a [`Weak`].
fn holding(token: Arc<()>) -> ThreadedSource {
    ThreadedSource::spawn(FnSource::new(move |recorder: &mut Recorder<'_>| {
        assert_eq!(Arc::strong_count(&token), 1);
        push(recorder, 1)
    }))
    .unwrap()
}

/// Polls a read once and drops it.
async fn poll_once(source: &mut ThreadedSource, readings: &mut Vec<Reading>) -> Option<Result<()>> {
    tokio::select! {
        biased;
        outcome = source.read(readings) => Some(outcome),
        () = ready(()) => None,
    }
}

async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(20), wait).await.expect("it happens within 20 s");
}

async fn until_dropped(token: &Weak<()>) {
    until(|| token.strong_count() == 0).await;
}

#[tokio::test]
async fn many_reads_come_in_order_and_once() {
    let mut source = ThreadedSource::spawn(counting()).unwrap();
    assert_eq!(source.descriptor().device, "closure");
    let mut readings = Vec::new();
    for _ in 0..2_000 {
        source.read(&mut readings).await.unwrap();
    }
    let expected: Vec<f64> = (1..=2_000).map(f64::from).collect();
    assert_eq!(powers(&readings), expected);
    assert!(readings.is_sorted_by_key(|reading| reading.stamp.start()));
}

#[tokio::test]
async fn a_dropped_read_is_taken_up_by_the_next_one() {
    let (open, begun, mut source) = gated();
    let mut readings = Vec::new();
    assert!(timeout(Duration::from_millis(5), source.read(&mut readings)).await.is_err());
    for _ in 0..100 {
        assert!(poll_once(&mut source, &mut readings).await.is_none());
    }
    assert!(readings.is_empty());
    open.send(()).unwrap();
    source.read(&mut readings).await.unwrap();
    assert_eq!(powers(&readings), [1.0]);
    assert_eq!(begun.load(Ordering::SeqCst), 1, "a dropped read starts no second transaction");
    open.send(()).unwrap();
    source.read(&mut readings).await.unwrap();
    assert_eq!(powers(&readings), [1.0, 2.0]);
}

#[tokio::test]
async fn an_outcome_waits_for_a_late_read() {
    let (open, begun, mut source) = gated();
    let mut readings = Vec::new();
    assert!(poll_once(&mut source, &mut readings).await.is_none());
    open.send(()).unwrap();
    open.send(()).unwrap();
    until(|| begun.load(Ordering::SeqCst) == 1).await;
    // The second token is left: the thread does not go on by itself.
    thread::sleep(Duration::from_millis(20));
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    source.read(&mut readings).await.unwrap();
    assert_eq!(powers(&readings), [1.0]);
}

#[tokio::test]
async fn reads_dropped_at_any_moment_lose_nothing() {
    let mut source = ThreadedSource::spawn(counting()).unwrap();
    let mut readings = Vec::new();
    while readings.len() < 2_000 {
        if let Some(outcome) = poll_once(&mut source, &mut readings).await {
            outcome.unwrap();
        }
        tokio::task::yield_now().await;
    }
    let expected: Vec<f64> = (1..=2_000).map(f64::from).collect();
    assert_eq!(powers(&readings), expected);
}

#[tokio::test]
async fn a_read_that_is_never_polled_asks_for_nothing() {
    let (_open, begun, mut source) = gated();
    let mut readings = Vec::new();
    drop(source.read(&mut readings));
    source.close().await;
    assert_eq!(begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn dropping_ends_the_thread_and_drops_the_source() {
    let token = Arc::new(());
    let seen = Arc::downgrade(&token);
    drop(holding(token));
    until_dropped(&seen).await;
}

#[tokio::test]
async fn dropping_does_not_wait_for_a_device_that_hangs() {
    let (open, begun, mut source) = gated();
    assert!(poll_once(&mut source, &mut Vec::new()).await.is_none());
    until(|| begun.load(Ordering::SeqCst) == 1).await;
    // Would never return if it waited: the gate is opened only after it.
    drop(source);
    open.send(()).unwrap();
    // The thread lets go of the gate once its transaction is done.
    until(|| open.send(()).is_err()).await;
    assert_eq!(begun.load(Ordering::SeqCst), 1, "no transaction begins after the drop");
}

#[tokio::test]
async fn close_waits_until_the_source_is_dropped() {
    let token = Arc::new(());
    let seen = Arc::downgrade(&token);
    let mut source = holding(token);
    source.read(&mut Vec::new()).await.unwrap();
    source.close().await;
    assert_eq!(seen.strong_count(), 0);
}

#[tokio::test]
async fn close_waits_for_the_transaction_under_way() {
    let (open, begun, mut source) = gated();
    assert!(poll_once(&mut source, &mut Vec::new()).await.is_none());
    until(|| begun.load(Ordering::SeqCst) == 1).await;
    let mut close = pin!(source.close());
    assert!(timeout(Duration::from_millis(5), &mut close).await.is_err());
    open.send(()).unwrap();
    close.await;
    assert!(open.send(()).is_err(), "the source is gone");
}

#[tokio::test]
async fn a_panic_disconnects_for_good_and_keeps_what_was_read() {
    let token = Arc::new(());
    let seen = Arc::downgrade(&token);
    let mut source = ThreadedSource::spawn(FnSource::new(move |recorder: &mut Recorder<'_>| {
        assert_eq!(Arc::strong_count(&token), 1);
        push(recorder, 5)?;
        // As a panic does, without its message on the test's output.
        resume_unwind(Box::new("sensor on fire"))
    }))
    .unwrap();
    let mut readings = Vec::new();
    let error = source.read(&mut readings).await.unwrap_err();
    assert_eq!(error.to_string(), "the source panicked: disconnected (panic: sensor on fire)");
    assert_eq!(powers(&readings), [5.0]);
    for _ in 0..3 {
        assert_eq!(source.read(&mut readings).await.unwrap_err().kind(), ErrorKind::Disconnected);
    }
    assert_eq!(readings.len(), 1);
    until_dropped(&seen).await;
    source.close().await;
}

#[tokio::test]
async fn a_panic_can_carry_anything() {
    async fn panic_text(read: impl FnMut(&mut Recorder<'_>) -> Result<()> + Send + 'static) -> String {
        let mut source = ThreadedSource::spawn(FnSource::new(read)).unwrap();
        source.read(&mut Vec::new()).await.unwrap_err().to_string()
    }
    assert_eq!(
        panic_text(|_| resume_unwind(Box::new(format!("code {}", 7)))).await,
        "the source panicked: disconnected (panic: code 7)"
    );
    assert_eq!(
        panic_text(|_| resume_unwind(Box::new(7))).await,
        "the source panicked: disconnected (panic: no message)"
    );
}

#[tokio::test]
async fn a_panic_while_dropping_the_source_ends_the_thread_too() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new("cannot even close"));
        }
    }
    let bomb = Bomb;
    let source = FnSource::new(move |recorder: &mut Recorder<'_>| {
        black_box(&bomb);
        push(recorder, 1)
    });
    let mut source = ThreadedSource::spawn(source).unwrap();
    source.read(&mut Vec::new()).await.unwrap();
    source.close().await;
}

#[tokio::test]
async fn errors_pass_unchanged_and_a_transient_one_ends_nothing() {
    let mut reads = 0;
    let source = FnSource::new(move |recorder: &mut Recorder<'_>| {
        reads += 1;
        push(recorder, reads)?;
        if reads == 1 {
            return Err(Error::new(ErrorKind::Timeout, "late").with_source(std::io::Error::other("why")));
        }
        Ok(())
    });
    let mut source = ThreadedSource::spawn(source).unwrap();
    let mut readings = Vec::new();
    assert_eq!(format!("{:#}", source.read(&mut readings).await.unwrap_err()), "late: timed out: why");
    source.read(&mut readings).await.unwrap();
    assert_eq!(powers(&readings), [1.0, 2.0]);
}

#[tokio::test]
async fn a_lost_device_stays_lost() {
    let gone = |_: &mut Recorder<'_>| Err(Error::new(ErrorKind::Disconnected, "unplugged"));
    let mut source = ThreadedSource::spawn(FnSource::new(gone)).unwrap();
    for _ in 0..3 {
        assert_eq!(source.read(&mut Vec::new()).await.unwrap_err().message(), "unplugged");
    }
}

#[tokio::test]
async fn the_injected_clock_stamps() {
    #[derive(Debug)]
    struct Fixed;
    impl Clock for Fixed {
        fn now(&self) -> HostTime {
            HostTime::from_nanos(42)
        }
    }
    let mut source = ThreadedSource::spawn_with_clock(counting(), Fixed).unwrap();
    let mut readings = Vec::new();
    source.read(&mut readings).await.unwrap();
    assert_eq!(readings[0].stamp.midpoint(), HostTime::from_nanos(42));
}

#[tokio::test]
async fn every_pointer_forwards_to_the_same_source() {
    async fn read(mut source: impl AsyncPowerSource) -> Vec<f64> {
        let mut readings = Vec::new();
        source.read(&mut readings).await.unwrap();
        assert_eq!(source.descriptor().driver, "test");
        powers(&readings)
    }
    let erased: Box<dyn PowerSource> = Box::new(counting());
    let mut source = ThreadedSource::spawn(erased).unwrap();
    assert_eq!(read(&mut source).await, [1.0]);
    let mut erased: Box<dyn AsyncPowerSource> = Box::new(source);
    assert_eq!(read(&mut *erased).await, [2.0]);
    // A task of its own asks for a future that can change threads.
    assert_eq!(tokio::spawn(read(erased)).await.unwrap(), [3.0]);
}

#[test]
fn any_runtime_will_do() {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(output) => return output,
                Poll::Pending => thread::park(),
            }
        }
    }
    let mut source = ThreadedSource::spawn(counting()).unwrap();
    let mut readings = Vec::new();
    for _ in 0..100 {
        block_on(source.read(&mut readings)).unwrap();
    }
    block_on(source.close());
    assert_eq!(readings.len(), 100);
}

/// A device that is reached by async I/O.
#[derive(Debug)]
struct Remote(Descriptor);

#[async_trait]
impl AsyncPowerSource for Remote {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    async fn read(&mut self, readings: &mut Vec<Reading>) -> Result<()> {
        let mut recorder = Recorder::new(&SystemClock, readings);
        let request = async {
            tokio::time::sleep(Duration::from_millis(2)).await;
            Ok::<_, Error>(Watts::from_watts(9.0))
        };
        let (power, stamp) = recorder.bracket_async(request).await?;
        recorder.push(Reading::new(ChannelId(0), power, stamp));
        Ok(())
    }
}

#[tokio::test]
async fn an_async_device_stamps_by_an_awaited_bracket() {
    let mut source: Box<dyn AsyncPowerSource> =
        Box::new(Remote(Descriptor::new("test", "remote", Vec::new())));
    let mut readings = Vec::new();
    source.read(&mut readings).await.unwrap();
    assert_eq!(powers(&readings), [9.0]);
    assert!(readings[0].stamp.half_width() >= Duration::from_millis(1));
}
