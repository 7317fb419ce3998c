//! Random numbers by index: the same index gives the same number whatever was asked before.

use std::f64::consts::TAU;

use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::SplitMix64;

/// A stream of random numbers that is read at any index, in any order.
///
/// `SplitMix64` is a hash of a counter, so its outputs can be had out of order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    base: u64,
}

impl Noise {
    /// Stream number `stream` of `seed`.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut outer = SplitMix64::seed_from_u64(seed);
        let mut inner =
            SplitMix64::seed_from_u64(outer.next_u64() ^ stream.wrapping_mul(0x2545_F491_4F6C_DD1D));
        Self { base: inner.next_u64() }
    }

    /// Uniform on [0, 1).
    pub(crate) fn uniform(self, index: i64) -> f64 {
        self.at(index.cast_unsigned().wrapping_mul(2))
    }

    /// Uniform on the whole numbers from `low` to `high`, both included.
    pub(crate) fn between(self, index: i64, low: u32, high: u32) -> u32 {
        self.generator(index.cast_unsigned().wrapping_mul(2).wrapping_add(1)).random_range(low..=high)
    }

    /// Normal with mean 0 and standard deviation 1 (Box and Muller).
    pub(crate) fn normal(self, index: i64) -> f64 {
        let key = index.cast_unsigned().wrapping_mul(2);
        let radius = (-2.0 * (1.0 - self.at(key)).ln()).sqrt();
        radius * (TAU * self.at(key.wrapping_add(1))).cos()
    }

    fn at(self, key: u64) -> f64 {
        self.generator(key).random()
    }

    fn generator(self, key: u64) -> SplitMix64 {
        // An odd step other than the generator's own, so that neighbouring keys do not share outputs.
        SplitMix64::seed_from_u64(self.base.wrapping_add(key.wrapping_mul(0xD134_2543_DE82_EF95)))
    }
}
