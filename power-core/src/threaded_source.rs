//! Runs any source on a thread of its own, for programs that live in an async runtime.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use async_trait::async_trait;

use crate::{
    AsyncPowerSource, Clock, Descriptor, Error, ErrorKind, PowerSource, Reading, Recorder, Result,
    SystemClock,
};

/// Any [`PowerSource`] on an OS thread of its own, read by `await`.
///
/// It needs no particular runtime. The thread sleeps until a read is asked for.
///
/// - **Cancelling**: a read may be dropped while it waits. Its transaction goes on, and the next read waits for
///   that one and hands over its outcome instead of starting another; the stamps tell when its readings were taken.
///   So nothing is lost, and at no time are two transactions under way.
/// - **Closing**: dropping the adapter does not block. The thread ends, and the source is dropped on it, as soon as
///   the transaction under way returns. [`close`](Self::close) waits for that.
/// - **Panics**: if the source panics, that read and every later one is [`ErrorKind::Disconnected`]; readings that
///   it had recorded before are handed over. With `panic = "abort"` the program ends instead.
/// - **Lanes**: sources with the same [`Lane`](crate::Lane) are best read one after another by one task.
///
/// ```
/// # use power_core::{Channel, ChannelId, Descriptor, PowerSource, Quantity, Reading, Recorder, Result, Watts};
/// # #[derive(Debug)]
/// # struct Fixed(Descriptor);
/// # impl PowerSource for Fixed {
/// #     fn descriptor(&self) -> &Descriptor { &self.0 }
/// #     fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
/// #         let (power, stamp) = recorder.bracket(|| Ok::<_, power_core::Error>(Watts::from_watts(75.0)))?;
/// #         recorder.push(Reading::new(ChannelId(0), power, stamp));
/// #         Ok(())
/// #     }
/// # }
/// # let source = Fixed(Descriptor::new("fixed", "0", vec![Channel::new("power", Quantity::power())]));
/// use power_core::ThreadedSource;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut source = ThreadedSource::spawn(source)?;
/// let mut readings = Vec::new();
/// source.read(&mut readings).await?;
/// assert_eq!(readings[0].value, Watts::from_watts(75.0).into());
/// source.close().await;
/// # Ok::<(), power_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct ThreadedSource {
    descriptor: Descriptor,
    exchange: Arc<Exchange>,
}

impl ThreadedSource {
    /// Moves `source` to a new thread and stamps by the [`SystemClock`].
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Unavailable`] if the system refuses another thread; the source is dropped.
    pub fn spawn(source: impl PowerSource + 'static) -> Result<Self> {
        Self::spawn_with_clock(source, SystemClock)
    }

    /// Moves `source` to a new thread and stamps by `clock`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Unavailable`] if the system refuses another thread; the source is dropped.
    pub fn spawn_with_clock(source: impl PowerSource + 'static, clock: impl Clock + 'static) -> Result<Self> {
        let descriptor = source.descriptor().clone();
        let exchange = Arc::new(Exchange::default());
        let end = EndOnDrop(Arc::clone(&exchange));
        thread::Builder::new()
            .name("power-source".to_owned())
            .spawn(move || {
                // Bound here so that it is dropped after the source, which `serve` drops even if that panics.
                let end = end;
                serve(source, &clock, &end.0);
            })
            .map_err(|error| {
                Error::new(ErrorKind::Unavailable, "cannot start a thread for the source").with_source(error)
            })?;
        Ok(Self { descriptor, exchange })
    }

    /// Device, channels, lane and clock of the source; the same at every call.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// One transaction with the device, appended to `readings`. Never blocks the runtime.
    ///
    /// The same as [`AsyncPowerSource::read`], but allocates nothing once the buffers have grown.
    ///
    /// # Errors
    ///
    /// - that of the source, unchanged.
    /// - [`ErrorKind::Disconnected`] if the source panicked, and at every later call.
    pub async fn read(&mut self, readings: &mut Vec<Reading>) -> Result<()> {
        poll_fn(|context| self.exchange.poll_read(context, readings)).await
    }

    /// Ends the thread and waits until the source is dropped, so that the device can be opened again.
    ///
    /// Waits as long as the transaction under way takes; an outcome that no read has fetched is dropped.
    pub async fn close(self) {
        self.exchange.begin_close();
        poll_fn(|context| self.exchange.poll_end(context)).await;
    }
}

impl Drop for ThreadedSource {
    fn drop(&mut self) {
        self.exchange.begin_close();
    }
}

#[async_trait]
impl AsyncPowerSource for ThreadedSource {
    fn descriptor(&self) -> &Descriptor {
        self.descriptor()
    }

    async fn read(&mut self, readings: &mut Vec<Reading>) -> Result<()> {
        self.read(readings).await
    }
}

/// What the thread does: one transaction for each request.
fn serve(mut source: impl PowerSource, clock: &dyn Clock, exchange: &Exchange) {
    while let Some(mut readings) = exchange.next_request() {
        // Unwind safe: after a panic the source is only dropped, and a push is done as a whole or not at all.
        let read = AssertUnwindSafe(|| source.read(&mut Recorder::new(clock, &mut readings)));
        match catch_unwind(read) {
            Ok(outcome) => exchange.answer(readings, outcome),
            Err(panic) => return exchange.answer(readings, Err(panicked(&*panic))),
        }
    }
}

/// The error for a source that panicked with this payload.
fn panicked(payload: &(dyn Any + Send)) -> Error {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    Error::new(ErrorKind::Disconnected, "the source panicked")
        .with_context("panic", text.unwrap_or("no message"))
}

/// Where the reading task and the source's thread meet.
///
/// A channel would allocate for each message; this reuses one buffer and states what can be under way.
#[derive(Debug, Default)]
struct Exchange {
    state: Mutex<State>,
    /// Tells the thread that `asked` or `closing` was set.
    request: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// A transaction was asked for, and its outcome is not there yet. Guards against a second one.
    asked: bool,
    /// What came of the last transaction, until a read fetches it.
    outcome: Option<Result<()>>,
    /// Readings of the last transaction; lent to the thread while it reads.
    readings: Vec<Reading>,
    /// The task to wake on an outcome and at the end.
    waker: Option<Waker>,
    /// The adapter is closing or gone.
    closing: bool,
    /// The thread has let go of the source.
    ended: bool,
}

impl State {
    fn wake_later(&mut self, context: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
    }
}

impl Exchange {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change under the lock leaves the state whole, so a poisoned lock is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task's side: fetches an outcome, or asks for one unless that was done before.
    fn poll_read(&self, context: &Context<'_>, readings: &mut Vec<Reading>) -> Poll<Result<()>> {
        let mut state = self.lock();
        if let Some(outcome) = state.outcome.take() {
            readings.append(&mut state.readings);
            return Poll::Ready(outcome);
        }
        if state.ended {
            return Poll::Ready(Err(Error::new(
                ErrorKind::Disconnected,
                "the source panicked at an earlier read",
            )));
        }
        state.wake_later(context);
        if !state.asked {
            state.asked = true;
            self.request.notify_one();
        }
        Poll::Pending
    }

    fn begin_close(&self) {
        let mut state = self.lock();
        state.closing = true;
        // A waker kept by the thread of a device that hangs would keep its whole task alive.
        let waker = state.waker.take();
        drop(state);
        drop(waker);
        self.request.notify_one();
    }

    fn poll_end(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.ended {
            return Poll::Ready(());
        }
        state.wake_later(context);
        Poll::Pending
    }

    /// The thread's side: sleeps until a transaction is asked for; `None` when there will be no more.
    fn next_request(&self) -> Option<Vec<Reading>> {
        let idle = |state: &mut State| !state.asked && !state.closing;
        let mut state = self.request.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        (!state.closing).then(|| std::mem::take(&mut state.readings))
    }

    fn answer(&self, readings: Vec<Reading>, outcome: Result<()>) {
        self.change(|state| {
            state.asked = false;
            state.readings = readings;
            state.outcome = Some(outcome);
        });
    }

    /// Wakes outside the lock: a waker runs code of the runtime.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Marks the end of the thread, however it comes.
struct EndOnDrop(Arc<Exchange>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.change(|state| state.ended = true);
    }
}
