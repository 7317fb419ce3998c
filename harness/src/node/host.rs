//! The machine of a run, as far as models care.

use std::collections::BTreeMap;

use crate::run::Run;

/// Facts that make a machine another one for a model; others, such as the kernel, do not.
const FACTS: [&str; 3] = ["hostname", "cpu", "memory"];

/// What is known of the machine of a run: facts of its host, and the devices of the channels named.
pub(super) fn machine(run: &Run, channels: &[&str]) -> BTreeMap<String, String> {
    let host = &run.manifest().host;
    let mut machine: BTreeMap<String, String> =
        FACTS.into_iter().filter_map(|fact| Some((fact.to_owned(), host.get(fact)?.clone()))).collect();
    let devices = channels.iter().filter_map(|key| run.channel(key).ok());
    let mut devices: Vec<String> =
        devices.map(|channel| run.source_of(channel).descriptor.device.clone()).collect();
    devices.sort();
    devices.dedup();
    machine.insert("devices".into(), devices.join("; "));
    machine
}

/// What differs between two machines, in words; facts that one of them does not know do not differ.
pub(super) fn differences(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    a.iter()
        .filter_map(|(fact, left)| {
            let right = b.get(fact)?;
            (left != right).then(|| format!("{fact} {right} instead of {left}"))
        })
        .collect()
}

/// Memory that the operating system shows, in GiB, from a fact such as `2113456 kB`.
pub(crate) fn memory_gib(host: &BTreeMap<String, String>) -> Option<f64> {
    const KIB_PER_GIB: f64 = 1024.0 * 1024.0;
    let kib: f64 = host.get("memory")?.strip_suffix("kB")?.trim().parse().ok()?;
    (kib.is_finite() && kib > 0.0).then_some(kib / KIB_PER_GIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_gib() {
        let of = |text: &str| memory_gib(&BTreeMap::from([("memory".to_owned(), text.to_owned())]));
        assert_eq!(of("1048576 kB"), Some(1.0));
        for bad in ["", "kB", "12", "-1 kB", "NaN kB"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_known_facts_differ() {
        let of = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let model = of(&[("hostname", "a"), ("cpu", "x")]);
        assert_eq!(differences(&model, &of(&[("hostname", "a")])), Vec::<String>::new());
        assert_eq!(differences(&model, &of(&[("hostname", "b")])), ["hostname b instead of a"]);
    }
}
