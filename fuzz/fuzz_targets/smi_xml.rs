//! driver-smi: what `-q -x` prints.
#![no_main]

mod smi_checks;

use driver_smi::protocol::xml;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(reports) = xml::parse(&text) {
        reports.iter().for_each(smi_checks::report);
    }
    let _ = xml::visit::<xml::XmlError>(&text, |path, text| {
        assert!(!path.is_empty(), "{text:?}");
        assert_eq!(text.trim(), text, "{path}");
        Ok(())
    });
});
