//! Answers to a Modbus request: registers come only from a whole, right frame.

#![no_main]

use driver_meter::modbus::protocol::{Parsed, ReadRequest, Table, crc, mbap, rtu};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The first bytes choose the request, the rest is what came.
    let &[unit, table, count, bytes @ ..] = &data else { return };
    let table = if *table & 1 == 0 { Table::Holding } else { Table::Input };
    let Ok(request) = ReadRequest::new(*unit, table, 0x000C, u16::from(count % 125) + 1) else { return };
    let size = usize::from(request.count) * 2;
    if let Ok(Parsed::Registers { used, data }) = mbap::parse_reply(bytes, 7, request) {
        assert_eq!((data.len(), used), (size, size + 9));
        assert_eq!(bytes[..4], [0, 7, 0, 0]);
    }
    if let Ok(Parsed::Registers { used, data }) = rtu::find_reply(bytes, request) {
        assert_eq!(data.len(), size);
        let frame = &bytes[used - size - 5..used];
        assert_eq!(crc::crc16(&frame[..size + 3]).to_le_bytes(), frame[size + 3..]);
    }
    let _ = rtu::diagnose(bytes, request);
});
