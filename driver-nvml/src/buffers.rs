//! What NVML's calls write into: fields and samples, reused from call to call so that reading allocates nothing.

use std::fmt;

#[cfg(test)]
use nvml_wrapper_sys::bindings::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT as UNSIGNED_INT;
use nvml_wrapper_sys::bindings::{nvmlFieldValue_t, nvmlSample_t, nvmlValue_t, nvmlValueType_t};

use crate::error::Failure;
use crate::port::{Number, check};

/// No code of NVML: what stands in a field value that was not filled in.
const NO_ANSWER: u32 = 0xffff_fff0;

/// Fields with their scopes, and the answers of the last call.
pub(crate) struct FieldBatch {
    pub(crate) raw: Vec<nvmlFieldValue_t>,
}

impl FieldBatch {
    /// A batch of (field id, scope id).
    pub(crate) fn new(fields: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let blank = |(field_id, scope_id)| nvmlFieldValue_t {
            fieldId: field_id,
            scopeId: scope_id,
            timestamp: 0,
            latencyUsec: 0,
            valueType: 0,
            nvmlReturn: NO_ANSWER,
            value: nvmlValue_t { ullVal: 0 },
        };
        Self { raw: fields.into_iter().map(blank).collect() }
    }

    /// Takes back all answers: a library that fills in nothing must not pass for one that succeeds.
    #[inline]
    pub(crate) fn clear(&mut self) {
        for value in &mut self.raw {
            value.nvmlReturn = NO_ANSWER;
        }
    }

    /// The answer at this position. By position, since newer drivers may renumber ids in answers.
    #[inline]
    pub(crate) fn answer(&self, position: usize) -> Result<Number, Failure> {
        let value = self.raw.get(position).ok_or(Failure::Nonsense)?;
        check(value.nvmlReturn)?;
        Number::of(value.valueType, value.value).ok_or(Failure::Nonsense)
    }

    /// Fields and scopes in order, for a GPU made of software.
    #[cfg(test)]
    pub(crate) fn requests(&self) -> impl Iterator<Item = (u32, u32)> {
        self.raw.iter().map(|value| (value.fieldId, value.scopeId))
    }

    /// Answers as a library does.
    #[cfg(test)]
    pub(crate) fn fill(&mut self, position: usize, answer: Result<u32, u32>) {
        let value = &mut self.raw[position];
        value.nvmlReturn = answer.err().unwrap_or(0);
        value.valueType = UNSIGNED_INT;
        value.value = nvmlValue_t { uiVal: answer.unwrap_or(0) };
    }
}

impl fmt::Debug for FieldBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.raw.iter().map(|value| (value.fieldId, value.scopeId))).finish()
    }
}

/// One sample of a ring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// The driver's stamp, in microseconds.
    pub(crate) stamp_us: u64,
    /// What the driver gave.
    pub(crate) value: Result<Number, Failure>,
}

/// Room for the samples of one fetch, in the order of their stamps.
pub(crate) struct SampleBuffer {
    pub(crate) raw: Vec<nvmlSample_t>,
    pub(crate) used: usize,
    pub(crate) value_type: nvmlValueType_t,
}

impl SampleBuffer {
    /// Room for this many samples.
    pub(crate) fn new(room: usize) -> Self {
        Self { raw: vec![EMPTY; room], used: 0, value_type: 0 }
    }

    /// Number of samples that there is room for.
    pub(crate) fn room(&self) -> usize {
        self.raw.len()
    }

    /// Twice the room, for a ring that turns out deeper than it said.
    pub(crate) fn grow(&mut self) {
        self.raw.resize(self.raw.len().max(1) * 2, EMPTY);
    }

    /// Stamps in microseconds, ascending.
    pub(crate) fn stamps_us(&self) -> impl DoubleEndedIterator<Item = u64> + ExactSizeIterator + Clone {
        self.raw[..self.used].iter().map(|sample| sample.timeStamp)
    }

    /// The samples, in the order of their stamps.
    pub(crate) fn samples(&self) -> impl DoubleEndedIterator<Item = Sample> + ExactSizeIterator + Clone {
        let sample = |raw: &nvmlSample_t| Sample {
            stamp_us: raw.timeStamp,
            value: Number::of(self.value_type, raw.sampleValue).ok_or(Failure::Nonsense),
        };
        self.raw[..self.used].iter().map(sample)
    }

    /// Sorts by stamp and drops empty slots, which have none.
    pub(crate) fn tidy(&mut self) {
        let samples = &mut self.raw[..self.used];
        if !samples.is_sorted_by_key(|sample| sample.timeStamp) {
            samples.sort_unstable_by_key(|sample| sample.timeStamp);
        }
        let empty = samples.partition_point(|sample| sample.timeStamp == 0);
        samples.rotate_left(empty);
        self.used -= empty;
    }

    /// Fills in samples of (stamp, milliwatts) as a library does.
    #[cfg(test)]
    pub(crate) fn fill(&mut self, samples: &[(u64, u32)]) -> Result<(), Failure> {
        if samples.len() > self.raw.len() {
            return Err(Failure::InsufficientSize);
        }
        for (slot, &(stamp, milliwatts)) in self.raw.iter_mut().zip(samples) {
            *slot = nvmlSample_t { timeStamp: stamp, sampleValue: nvmlValue_t { uiVal: milliwatts } };
        }
        self.value_type = UNSIGNED_INT;
        self.used = samples.len();
        self.tidy();
        Ok(())
    }
}

const EMPTY: nvmlSample_t = nvmlSample_t { timeStamp: 0, sampleValue: nvmlValue_t { ullVal: 0 } };

impl fmt::Debug for SampleBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SampleBuffer")
            .field("room", &self.raw.len())
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}
