//! Published benchmarks in every format that is audited; what was read is judged, too.
#![no_main]

use std::path::Path;

use harness::audit::{
    AuditFormat, Gathered, code_carbon, ea_has, ec_nas, hw_gpt, polls, smi_xml, sweep, table,
};
use libfuzzer_sys::fuzz_target;
use power_analysis::audit::{Hardware, audit};

fuzz_target!(|data: &[u8]| {
    let path = Path::new("architecture/repeat_1/data");
    let _ = AuditFormat::of_content(data);
    let reads: [&dyn Fn(&mut Gathered) -> harness::Result<()>; 7] = [
        &|into| ea_has::read(data, path, into),
        &|into| sweep::read(data, path, into),
        &|into| ec_nas::read(data, path, into),
        &|into| hw_gpt::read(data, path, into),
        &|into| code_carbon::read(data, path, into),
        &|into| table::read(data, path, &[], into),
        &|into| smi_xml::read(data, path, false, into),
    ];
    for read in reads {
        let mut gathered = Gathered::default();
        if read(&mut gathered).is_ok() {
            let _ = audit(&gathered.benchmark, &Hardware::default());
        }
    }
    let _ = polls::spans(data, path);
    if let Ok(polls) = polls::read(data, path) {
        let mut gathered = Gathered::default();
        let _ = polls::attach(&mut gathered.benchmark, &polls, &[]);
    }
});
