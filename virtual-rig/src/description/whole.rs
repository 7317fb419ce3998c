//! The node of the paper, with every instrument.

use super::{
    Calls, CpuLoad, Description, GpuDescription, Load, MeterDescription, MeterKind, NodeDescription,
    RaplDescription, SensorDescription, Smi, Stage, StageKind, Workload,
};

impl Description {
    /// The node of "Guidelines for the Quality Assessment of Energy-Aware NAS Benchmarks" (arXiv 2505.15631): four
    /// H100, two CPUs, 2 TB of memory, RAPL, a ZES meter at 100 ms on the mains, and a Modbus meter at 1 s beside
    /// it. Its workload is a search for architectures: single-GPU trainings, distributed ones, all GPUs at once,
    /// and random pulses before and after, by which clocks can be aligned.
    pub fn paper_node() -> Self {
        let pulses =
            |name: &str| Stage::new(StageKind::Random, 12.0).high_w(260.0).with_host(0.5, 0.2).named(name);
        Self::node(4)
            .with_model("NVIDIA H100 80GB HBM3")
            .with_workload(Workload::new([
                pulses("pulses before"),
                Stage::new(StageKind::Idle, 5.0),
                Stage::trainings(6).on_gpus([0]).epochs((4, 8), (0.3, 3.0)).named("one GPU"),
                Stage::new(StageKind::Idle, 5.0),
                Stage::trainings(4).distributed().epochs((4, 8), (0.3, 3.0)).named("four GPUs, distributed"),
                Stage::new(StageKind::Idle, 5.0),
                Stage::trainings(4).epochs((4, 8), (0.3, 3.0)).named("four GPUs, one network each"),
                Stage::new(StageKind::Idle, 5.0),
                pulses("pulses after"),
            ]))
            .with_instruments()
    }

    /// A node on which to measure what measuring costs: eight H200 whose power changes all the time, calls that take as
    /// long as on a real H200, an `nvidia-smi -q` that disturbs as there (a third of the publications is lost where it is
    /// run each 0.1 s and takes a third of that), CPUs whose power is by the real load of this machine, and RAPL.
    pub fn overhead_node() -> Self {
        // Noise, so that no two publications in a row are equal.
        let noisy = Some(SensorDescription { noise_w: Some(0.5), ..SensorDescription::default() });
        let gpu =
            GpuDescription { usage: noisy, average: noisy, instant: noisy, ..GpuDescription::default() };
        (0..8)
            .fold(Self::node(8), |node, index| node.with_gpu(index, gpu.clone()))
            .with_load(Load::random(90.0, 600.0, 0.06))
            .with_calls(Calls::default().with_scale(1.0))
            .with_smi(Smi::default().with_log_hides_ms(45.0))
            .with_node(NodeDescription::default().with_cpu_load(CpuLoad::Host))
            .with_rapl(RaplDescription::default())
    }

    /// Adds RAPL, a ZES meter at 100 ms on TCP and a Modbus meter at 1 s.
    #[must_use]
    pub fn with_instruments(self) -> Self {
        self.with_rapl(RaplDescription::default())
            .with_meter(MeterDescription::new("wall", MeterKind::Lmg670))
            .with_meter(MeterDescription::new("modbus", MeterKind::Sdm630Tcp))
    }
}
