//! Counts allocations, so that a test can show that reading a source makes none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting the allocations of each thread.
///
/// Install it in a test binary, and the conformance suite checks that reads allocate nothing; without it the
/// suite reports that case as not run.
///
/// ```
/// use power_testkit::alloc::{self, CountingAllocator};
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// assert!(alloc::is_installed());
/// let (numbers, allocations) = alloc::count(|| vec![1, 2, 3]);
/// assert_eq!((numbers.len(), allocations), (3, 1));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CountingAllocator;

/// Runs `task` and counts its allocations and reallocations on this thread; 0 where the allocator is not
/// installed.
pub fn count<T>(task: impl FnOnce() -> T) -> (T, u64) {
    let before = on_this_thread();
    let outcome = task();
    (outcome, on_this_thread() - before)
}

/// Whether [`CountingAllocator`] is the global allocator of this program.
pub fn is_installed() -> bool {
    count(|| drop(black_box(Box::new(black_box(0_u8))))).1 > 0
}

fn on_this_thread() -> u64 {
    COUNT.with(Cell::get)
}

fn note() {
    // Fails while the thread is being torn down; what is allocated then is no reader's.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

#[expect(unsafe_code, reason = "a global allocator is an unsafe trait by nature")]
// SAFETY: every call is passed on unchanged to the system's allocator, which keeps the trait's contract.
// Counting touches only a thread-local cell that needs no allocation and has no destructor.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the contract of `alloc`, which is the same for `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` by one of the methods here, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the same for `System`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: `pointer` came from `System` with this layout, and the caller vouches for `size`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
