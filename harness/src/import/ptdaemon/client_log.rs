//! The log of MLPerf's power client: how far the clocks of client, server and NTP stand apart.

/// What a client log says of clocks; each is the lowest and highest value in it, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ClientLog {
    /// Offset of the client's clock from NTP, in seconds.
    pub ntp_offset_s: Option<Spread>,
    /// Difference between client and server, in milliseconds.
    pub difference_ms: Option<Spread>,
}

/// Lowest and highest of some numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Lowest.
    pub low: f64,
    /// Highest.
    pub high: f64,
    /// How many.
    pub count: u32,
}

impl ClientLog {
    /// Reads a log. Takes any bytes: what it does not know it passes over.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut log = Self::default();
        for line in bytes.split(|byte| *byte == b'\n') {
            let Ok(line) = std::str::from_utf8(line) else { continue };
            if let Some((_, rest)) = line.split_once("NTP:offset = ") {
                add(&mut log.ntp_offset_s, rest.split(" s").next());
            } else if let Some((_, rest)) = line.split_once("the client and the server is within range ") {
                for bound in rest.split("..") {
                    add(&mut log.difference_ms, bound.trim().strip_suffix(" ms"));
                }
            }
        }
        log
    }
}

fn add(spread: &mut Option<Spread>, number: Option<&str>) {
    let Some(number) = number.and_then(|text| text.trim().parse::<f64>().ok()).filter(|it| it.is_finite())
    else {
        return;
    };
    let one = Spread { low: number, high: number, count: 0 };
    let known = spread.get_or_insert(one);
    known.low = known.low.min(number);
    known.high = known.high.max(number);
    known.count = known.count.saturating_add(1);
}
