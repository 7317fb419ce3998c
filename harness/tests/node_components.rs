//! Which channels make up a node: each watt once, and a refusal where that cannot be told.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::Path;

use harness::node::choose;
use harness::run::{NewRun, Origin, Run, RunWriter, TimeBase};
use power_core::{Channel, ChannelId, Descriptor, Joules, Quantity, Scope};

fn counter(name: &'static str, scope: Scope) -> Channel {
    Channel::new(name, Quantity::EnergyCounter { quantum: Joules::from_joules(1e-3), modulus: None })
        .with_scope(scope)
}

fn power(name: &'static str, scope: Scope) -> Channel {
    Channel::new(name, Quantity::power()).with_scope(scope)
}

/// The channels of each component of a run with these sources.
fn chosen(sources: Vec<(&str, Descriptor)>) -> Result<Vec<(String, Vec<String>)>, String> {
    let dir = tempfile::tempdir().unwrap();
    let origin = Origin::Recorded { command: Vec::new(), exit_code: None };
    let mut run =
        RunWriter::create_atomic(&dir.path().join("run"), NewRun::new(TimeBase::HostMonotonic, origin))
            .unwrap();
    for (id, descriptor) in sources {
        run.add_source(id, descriptor).unwrap();
    }
    let found = choose(&run.finish().unwrap(), None, &[]).map_err(|error| error.to_string())?;
    Ok(found.into_iter().map(|component| (component.name, component.channels)).collect())
}

fn of(name: &str, channels: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), channels.iter().map(|key| (*key).to_owned()).collect())
}

#[test]
fn five_sensors_of_one_gpu_are_one_gpu() {
    let run =
        Run::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../recordings/h200-short-epochs")).unwrap();
    let found = choose(&run, None, &[]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name.as_str(), &found[0].channels[..]), ("gpu", &["counter/energy".to_owned()][..]));
}

#[test]
fn gpus_are_told_apart_by_uuid_whoever_asks() {
    let nvml = |uuid: &str| {
        Descriptor::new("nvml", format!("NVIDIA H100 {uuid}"), vec![counter("energy", Scope::Board)])
    };
    let smi = Descriptor::new(
        "smi",
        "GPUs GPU-a, GPU-b",
        vec![power("gpu0/power.draw", Scope::Board), power("gpu1/power.draw", Scope::Board)],
    )
    .with_detail("gpu0", "NVIDIA H100, GPU-a, 0000:01:00.0")
    .with_detail("gpu1", "NVIDIA H100, GPU-b, 0000:02:00.0");
    let found =
        chosen(vec![("smi", smi.clone()), ("nvml0", nvml("GPU-a")), ("nvml1", nvml("GPU-b"))]).unwrap();
    assert_eq!(found, [of("gpu", &["nvml0/energy", "nvml1/energy"])]);
    assert_eq!(
        chosen(vec![("smi", smi)]).unwrap(),
        [of("gpu", &["smi/gpu0/power.draw", "smi/gpu1/power.draw"])]
    );
}

#[test]
fn twins_without_an_identity_are_as_many_as_their_sources() {
    let twin = || Descriptor::new("nvml", "NVIDIA H100", vec![counter("energy", Scope::Board)]);
    let found = chosen(vec![("gpu0", twin()), ("gpu1", twin())]).unwrap();
    assert_eq!(found, [of("gpu", &["gpu0/energy", "gpu1/energy"])]);
}

#[test]
fn parts_of_a_whole_do_not_count_beside_it() {
    let rapl = Descriptor::new(
        "rapl",
        "all: a CPU, 2 packages",
        vec![
            counter("psys", Scope::Platform),
            counter("package-0", Scope::Package),
            counter("core-0", Scope::Core).with_part_of(ChannelId(1)),
            counter("dram-0", Scope::Dram),
            counter("package-1", Scope::Package),
            counter("dram-1", Scope::Dram).with_part_of(ChannelId(4)),
        ],
    );
    let gpu = Descriptor::new(
        "nvml",
        "NVIDIA H100 GPU-a",
        vec![
            power("power", Scope::Board),
            power("memory", Scope::Dram).with_part_of(ChannelId(0)),
            Channel::new("estimate", Quantity::EstimatedPower).with_scope(Scope::Board),
        ],
    );
    let once_more =
        Descriptor::new("rapl", "package-0: a CPU, 1 package", vec![counter("package-0", Scope::Package)]);
    let found = chosen(vec![("rapl", rapl), ("gpu", gpu), ("rapl0", once_more)]).unwrap();
    assert_eq!(found[0], of("gpu", &["gpu/power"]));
    assert_eq!(found[1].1.len(), 2, "package 0 once, by either source: {found:?}");
    assert_eq!(found[2], of("dram", &["rapl/dram-0"]));
}

#[test]
fn what_may_be_the_same_gpu_is_refused() {
    let meter = Descriptor::new("pmd", "ElmorLabs PMD-USB", vec![power("power", Scope::Board)]);
    let gpu = Descriptor::new("nvml", "NVIDIA H100 GPU-a", vec![power("power", Scope::Board)]);
    let error = chosen(vec![("pmd", meter), ("gpu", gpu)]).unwrap_err();
    assert!(error.contains("may be the same GPU") && error.contains("--component"), "{error}");
    let stated = Descriptor::new("code-carbon", "Code Carbon", vec![counter("ram_energy", Scope::Dram)]);
    assert!(chosen(vec![("stated", stated)]).unwrap_err().contains("no channel that is known"));
}
