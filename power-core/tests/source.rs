//! A source can be read through every pointer to it, and what core hands out can go to another thread.

mod common;

use std::sync::Arc;

use common::{FnSource, counting, powers, push};
use power_core::{
    Clock, Descriptor, Driver, Error, ErrorKind, Found, HostTime, Options, PowerSource, Reading, Recorder,
    Result, SystemClock,
};

/// Generic code over a source, as a harness has it.
fn read_once(mut source: impl PowerSource) -> Vec<f64> {
    let mut readings = Vec::new();
    assert!(source.read(&mut Recorder::new(&SystemClock, &mut readings)).is_ok());
    assert_eq!(source.descriptor().driver, "test");
    powers(&readings)
}

#[test]
#[expect(trivial_casts, reason = "the pointers are what is tested")]
fn every_pointer_forwards_to_the_same_source() {
    let mut source = counting();
    assert_eq!(read_once(&mut source), [1.0]);
    assert_eq!(read_once(&mut source as &mut dyn PowerSource), [2.0]);
    assert_eq!(read_once(&mut &mut source), [3.0]);
    let mut boxed = Box::new(source);
    assert_eq!(read_once(&mut boxed), [4.0]);
    let mut erased: Box<dyn PowerSource> = boxed;
    assert_eq!(read_once(&mut erased), [5.0]);
    assert_eq!(read_once(erased), [6.0]);
}

#[test]
fn every_pointer_to_a_clock_is_a_clock() {
    #[derive(Debug)]
    struct Fixed(i64);
    impl Clock for Fixed {
        fn now(&self) -> HostTime {
            HostTime::from_nanos(self.0)
        }
    }
    fn now(clock: impl Clock) -> i64 {
        clock.now().nanos()
    }
    let lent: &dyn Clock = &Fixed(1);
    let shared: Arc<dyn Clock> = Arc::new(Fixed(2));
    let boxed: Box<dyn Clock> = Box::new(Fixed(3));
    assert_eq!((now(lent), now(shared), now(boxed)), (1, 2, 3));
}

#[test]
fn readings_before_an_error_stay_and_a_failed_transaction_has_no_stamp() {
    let mut source = FnSource::new(|recorder: &mut Recorder<'_>| {
        push(recorder, 7)?;
        let failed: Result<((), _)> = recorder.bracket(|| Err(Error::new(ErrorKind::Timeout, "no answer")));
        assert!(failed.is_err());
        assert_eq!((recorder.len(), recorder.is_empty()), (1, false));
        failed.map(drop)
    });
    let mut readings = Vec::new();
    let error = source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(powers(&readings), [7.0]);
}

#[test]
fn thread_safety() {
    fn send<T: Send + ?Sized>() {}
    fn send_and_sync<T: Send + Sync + ?Sized>() {}
    send::<dyn PowerSource>();
    send::<Box<dyn PowerSource>>();
    send_and_sync::<&'static dyn Driver>();
    send_and_sync::<dyn Clock>();
    send_and_sync::<SystemClock>();
    send_and_sync::<Recorder<'_>>();
    send_and_sync::<Reading>();
    send_and_sync::<Descriptor>();
    send_and_sync::<Error>();
    send_and_sync::<Found>();
    send_and_sync::<Options>();
    #[cfg(feature = "async")]
    {
        send::<dyn power_core::AsyncPowerSource>();
        send_and_sync::<power_core::ThreadedSource>();
    }
}
