//! The exported rings of samples.
#![expect(unsafe_code, reason = "an exported C function that writes through the caller's pointers")]

use std::ffi::{c_uint, c_ulonglong};

use super::abi::{Device, Return, Sample, UNSIGNED_INT, Value};
use super::code::{Code, Result};
use super::driver::{Call, Handle, device, returned};
use super::out::{present, put};
use crate::node::{self, RING_DEPTH};
use crate::num::{milliwatts, whole};

/// The samples of a ring, oldest first, and what a value becomes on its way out.
type Ring = (Vec<node::Sample>, fn(f64) -> u32);

/// What stamps are moved by now, in ns, and how much younger than the last seen a sample must be, in us.
fn stamping(call: &mut Call<'_>, handle: Handle) -> Result<(i64, u64)> {
    let now = call.now_ns;
    let restamp = call.gpu(handle)?.restamp;
    Ok((restamp.moved_ns(now), restamp.coarse_us()))
}

/// `nvmlSamplingType_t`: 0 power, 1 GPU and 2 memory utilisation, 5 SM and 6 memory clock, 7 module power.
fn ring(call: &mut Call<'_>, handle: Handle, kind: c_uint) -> Result<Ring> {
    fn clamped(value: f64) -> u32 {
        whole(value.clamp(0.0, 100.0))
    }
    let now = call.now_ns;
    let gpu = call.gpu(handle)?;
    let (samples, number): (_, fn(f64) -> u32) = match kind {
        0 => (gpu.power_ring(false, now), milliwatts),
        7 => (gpu.power_ring(true, now), milliwatts),
        1 if gpu.mig.is_empty() => (Some(gpu.utilisation_ring(now)), clamped),
        2 if gpu.mig.is_empty() => (Some(gpu.utilisation_ring(now)), |value| clamped(value * 0.45)),
        5 => {
            let (idle, busy) = (gpu.model.idle_mhz, gpu.model.sm_mhz);
            let clock = |value: f64| f64::from(if clamped(value) == 0 { idle } else { busy });
            let of_gpu = gpu.utilisation_ring(now);
            (Some(of_gpu.into_iter().map(|(t, value)| (t, clock(value))).collect()), whole)
        }
        6 => {
            let clock = f64::from(gpu.model.memory_mhz);
            (Some(gpu.utilisation_ring(now).into_iter().map(|(t, _)| (t, clock)).collect()), whole)
        }
        8.. => return Err(Code::INVALID_ARGUMENT),
        _ => (None, whole),
    };
    samples.map(|samples| (samples, number)).ok_or(Code::NOT_SUPPORTED)
}

/// Without a buffer: how many samples a ring holds. With one: the samples that are newer than the last seen,
/// oldest first, as many as it has room for; not found if there are none.
#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetSamples(
    handle: Device,
    kind: c_uint,
    last_seen: c_ulonglong,
    value_type: *mut c_uint,
    count: *mut c_uint,
    samples: *mut Sample,
) -> Return {
    returned(|| {
        device(
            "nvmlDeviceGetSamples",
            handle.addr(),
            |calls| calls.samples_us,
            false,
            |call, handle| {
                present(count)?;
                present(value_type)?;
                let (moved_ns, coarse_us) = stamping(call, handle)?;
                let offset = call.node.stamp_offset_ns + moved_ns;
                let (ring, number) = ring(call, handle, kind)?;
                // SAFETY: these are not null, and the C caller gives pointers to one number each.
                unsafe { put(value_type, UNSIGNED_INT) }?;
                if samples.is_null() {
                    // SAFETY: as above.
                    return unsafe { put(count, c_uint::try_from(RING_DEPTH).unwrap_or(c_uint::MAX)) };
                }
                // SAFETY: as above; the caller has set it to the room that there is.
                let room = usize::try_from(unsafe { count.read() }).map_err(|_| Code::INVALID_ARGUMENT)?;
                if room == 0 {
                    return Err(Code::INVALID_ARGUMENT);
                }
                let stamp = |t_ns: i64| u64::try_from((t_ns + offset) / 1_000).unwrap_or(0);
                let new = ring
                    .into_iter()
                    .map(|(t_ns, value)| (stamp(t_ns), value))
                    .filter(|(t, _)| last_seen == 0 || *t > last_seen.saturating_add(coarse_us));
                let mut given = 0;
                for (index, (timestamp, value)) in new.take(room).enumerate() {
                    let value = Value { ulonglong: u64::from(number(value)) };
                    // SAFETY: the buffer is not null and has room for `room` samples, of which this is one.
                    unsafe { samples.add(index).write(Sample { timestamp, value }) };
                    given += 1;
                }
                // SAFETY: as above.
                unsafe { put(count, given) }?;
                if given == 0 { Err(Code::NOT_FOUND) } else { Ok(()) }
            },
        )
    })
}
