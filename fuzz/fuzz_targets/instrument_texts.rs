//! What instruments say in text: SCPI, ZES, Watts up?, PTDaemon, HTTP and its JSON.
#![no_main]

use driver_meter::http::{self, Body, shelly, tasmota};
use driver_meter::lines::watts_up;
use driver_meter::ptdaemon::protocol as ptd;
use driver_meter::scpi::number::{self, Scalar};
use driver_meter::scpi::{yokogawa, zes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = number::parse(data);
    let _ = yokogawa::items::values(data, &mut [Scalar::Missing; 4]);
    let kinds = [zes::items::Kind::Time, zes::items::Kind::Duration, zes::items::Kind::Power];
    let _ = zes::items::line(data, &kinds, &mut [zes::items::Cell::Scalar(Scalar::Missing); 3]);
    let _ = watts_up::parse(data);
    let text = String::from_utf8_lossy(data);
    let _ = yokogawa::items::Item::parse(&text);
    let _ = yokogawa::items::rate(&text);
    let _ = ptd::Identity::parse(&text);
    let _ = ptd::Ranges::parse(&text);
    let _ = ptd::samples_that_follow(&text);
    if let Some(sample) = ptd::Sample::parse(&text) {
        assert!(sample.values.into_iter().flatten().all(f64::is_finite));
    }
    let _ = ptd::Statistic::parse(&text, "Watts");
    let _ = shelly::parse(data);
    let _ = tasmota::parse(data);
    if let Ok(Some(head)) = http::head(data) {
        let mut rest = data[head.length..].to_vec();
        if let Ok(Body::Whole { length, taken }) = http::body(&mut rest, head.ends) {
            assert!(length <= taken && taken <= rest.len());
        }
    }
});
