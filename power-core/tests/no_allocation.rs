//! A read allocates nothing once the buffer has grown: counted by an allocator, not promised.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::{counting, powers};
use power_core::{PowerSource, Recorder, SystemClock};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Allocations of this thread so far.
fn allocations() -> usize {
    ALLOCATIONS.get()
}

/// The system's allocator, counting by thread so that the test harness is not counted.
struct Counting;

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call is passed on unchanged to the system's allocator. Growing and zeroed allocation go through
// `alloc` by the trait's default methods. Counting neither allocates nor unwinds: the cell needs no initialisation
// and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is the same here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System.alloc` with this layout, as the caller has to see to.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_allocator_counts() {
    let before = allocations();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(allocations(), before + 1);
}

#[test]
fn reading_through_a_box_allocates_nothing() {
    let mut source: Box<dyn PowerSource> = Box::new(counting());
    let mut readings = Vec::new();
    let mut read = || {
        readings.clear();
        source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap();
    };
    read();
    let before = allocations();
    for _ in 0..1_000 {
        read();
    }
    assert_eq!(allocations(), before);
    assert_eq!(powers(&readings), [1_001.0]);
}

#[cfg(feature = "async")]
#[test]
fn reading_through_a_thread_allocates_nothing_on_either_side() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let theirs = Arc::new(AtomicUsize::new(0));
    let source = {
        let theirs = Arc::clone(&theirs);
        common::FnSource::new(move |recorder: &mut Recorder<'_>| {
            theirs.store(allocations(), Ordering::SeqCst);
            common::push(recorder, 1)
        })
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut source = power_core::ThreadedSource::spawn(source).unwrap();
        let mut readings = Vec::with_capacity(16);
        for _ in 0..2 {
            source.read(&mut readings).await.unwrap();
        }
        let before = (allocations(), theirs.load(Ordering::SeqCst));
        for _ in 0..1_000 {
            readings.clear();
            source.read(&mut readings).await.unwrap();
            assert_eq!(readings.len(), 1);
        }
        assert_eq!((allocations(), theirs.load(Ordering::SeqCst)), before);
    });
}
