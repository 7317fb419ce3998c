//! Loads of CPUs and memory: how much time this process takes is what was asked.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use power_load::{CpuLoad, Demand, Error, Load, Loads, MemoryLoad};
use rustix::time::{ClockId, clock_gettime};

/// Each test needs this process's CPU time for itself.
static ALONE: Mutex<()> = Mutex::new(());

fn cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap()).as_secs_f64()
}

/// CPU time over time, with `demand`, in number of CPUs.
fn cpus_busy(load: &mut dyn Load, demand: &Demand) -> f64 {
    load.set(demand).unwrap();
    let (began, before) = (Instant::now(), cpu_s());
    thread::sleep(Duration::from_millis(600));
    (cpu_s() - before) / began.elapsed().as_secs_f64()
}

#[test]
fn cpu_time_follows_the_demand_as_far_as_others_leave_any() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut load = CpuLoad::start().unwrap();
    let all = f64::from(u32::try_from(load.cpus()).unwrap());
    let cpu = |share| Demand { cpu: share, ..Demand::IDLE };
    let (rest, third, whole) =
        (cpus_busy(&mut load, &cpu(0.0)), cpus_busy(&mut load, &cpu(0.3)), cpus_busy(&mut load, &cpu(1.0)));
    let again = cpus_busy(&mut load, &cpu(0.0));
    // A machine that is busy with others gives less than is asked, and never more.
    assert!(rest < 0.05 * all && again < 0.05 * all, "{rest} and {again} of {all}");
    assert!(third > 0.05 * all && third < 0.4 * all, "{third} of {all}");
    assert!(whole > third && whole < 1.02 * all, "{whole} of {all}");
}

#[test]
fn memory_is_streamed_through_and_left_alone() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let load = MemoryLoad::start().unwrap();
    assert!(load.bytes() >= 128 << 20);
    let mut loads = Loads::new().with(load);
    let memory = |share| Demand { memory: share, ..Demand::IDLE };
    let (rest, half) = (cpus_busy(&mut loads, &memory(0.0)), cpus_busy(&mut loads, &memory(0.5)));
    assert!(rest < 0.1 && half > 0.1 && half > 2.0 * rest, "{rest} and {half}");
    // What it is not made for, it leaves alone.
    let other = cpus_busy(&mut loads, &Demand { cpu: 1.0, ..Demand::IDLE });
    assert!(other < half, "{other}");
}

#[test]
fn what_is_no_share_changes_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut load = Loads::new().with(CpuLoad::start().unwrap());
    for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let error = load.set(&Demand { cpu: share, ..Demand::IDLE }).unwrap_err();
        assert!(matches!(error, Error::Share { .. }), "{error}");
    }
    let busy = cpus_busy(&mut load, &Demand::IDLE);
    assert!(busy < 0.1, "{busy}");
}
