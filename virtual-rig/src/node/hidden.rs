//! Publications that a GPU's gauges of power did not make, since something disturbed them.

use std::collections::VecDeque;

use power_testkit::SensorModel;

use super::gpu::{Gpu, Sensors};

/// How many disturbances are remembered: more than fall into any update period.
const REMEMBERED: usize = 64;

/// When a GPU could not publish, in host time: the latest few.
#[derive(Debug, Default)]
pub(super) struct Hidden(VecDeque<(i64, i64)>);

impl Hidden {
    fn hides(&self, t_ns: i64) -> bool {
        self.0.iter().any(|(from, to)| (*from..*to).contains(&t_ns))
    }
}

impl Gpu {
    /// Keeps the GPU from publishing its power for `nanos` from `t_ns` on.
    pub(super) fn hide(&mut self, t_ns: i64, nanos: i64) {
        if self.hidden.0.len() == REMEMBERED {
            self.hidden.0.pop_front();
        }
        self.hidden.0.push_back((t_ns, t_ns.saturating_add(nanos)));
    }

    /// What a gauge of power shows at `now_ns` in W: the latest publication that nothing kept from being made.
    pub(crate) fn shown(
        &mut self,
        now_ns: i64,
        sensor: impl Fn(&Sensors) -> Option<&SensorModel>,
    ) -> Option<f64> {
        self.sensors(now_ns);
        let sensor = sensor(self.sensors.as_ref()?)?;
        let mut seen = sensor.publication_at(now_ns);
        for _ in 0..REMEMBERED {
            if !self.hidden.hides(seen.t_ns) {
                break;
            }
            seen = sensor.publication_at(seen.t_ns - 1);
        }
        seen.value
    }
}
