//! Lists of CPUs as sysfs prints them.

/// CPUs that a list may name: twice what Linux can be built for (`NR_CPUS` is 8192 at most, Kconfig of x86).
pub const MOST_CPUS: u32 = 1 << 14;

/// The CPUs in a list such as `0-3,8`, in its order.
///
/// `None` if it is no such list, a range falls, or a CPU is beyond [`MOST_CPUS`]. An empty list is empty: a mask
/// without a CPU that is online.
///
/// ```
/// use driver_rapl::protocol::cpu_list;
/// assert_eq!(cpu_list("0,32-34\n"), Some(vec![0, 32, 33, 34]));
/// assert_eq!(cpu_list("4-2"), None);
/// ```
pub fn cpu_list(text: &str) -> Option<Vec<u32>> {
    let text = text.trim_end();
    let mut cpus = Vec::new();
    if text.is_empty() {
        return Some(cpus);
    }
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (cpu(first)?, cpu(last)?);
        // A list that names CPUs again and again is no list, and must not fill memory.
        if first > last || cpus.len() > MOST_CPUS as usize {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

fn cpu(text: &str) -> Option<u32> {
    let number = super::decimal(text.as_bytes())?;
    u32::try_from(number).ok().filter(|cpu| *cpu < MOST_CPUS && !text.ends_with(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_are_read_back(ranges in prop::collection::vec((0..4_000_u32, 0..90_u32), 1..20)) {
            let text: Vec<String> = ranges.iter().map(|(first, more)| match more {
                0 => first.to_string(),
                more => format!("{first}-{}", first + more),
            }).collect();
            let expected: Vec<u32> = ranges.iter().flat_map(|(first, more)| *first..=first + more).collect();
            prop_assert_eq!(cpu_list(&(text.join(",") + "\n")), Some(expected));
        }

        #[test]
        fn no_text_panics_or_names_a_cpu_that_cannot_be(text in "[0-9,\\- ]{0,40}") {
            prop_assert!(cpu_list(&text).is_none_or(|cpus| cpus.iter().all(|cpu| *cpu < MOST_CPUS)));
        }
    }

    #[test]
    fn edges() {
        assert_eq!(cpu_list("\n"), Some(vec![]));
        assert_eq!(cpu_list("0"), Some(vec![0]));
        for wrong in ["0-", "-3", "a", "0,,1", "0 ,1", "0-4294967296", "16384"] {
            assert_eq!(cpu_list(wrong), None, "{wrong}");
        }
    }
}
