//! The checksum of RTU frames.

/// CRC-16 with polynomial 0x8005 reflected, initial value 0xFFFF (*MODBUS over Serial Line V1.02*, §6.2.2).
///
/// It is sent low byte first.
///
/// ```
/// // The catalogue's check value of CRC-16/MODBUS.
/// assert_eq!(driver_meter::modbus::protocol::crc::crc16(b"123456789"), 0x4B37);
/// ```
pub const fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0xFFFF_u16;
    let mut position = 0;
    while position < bytes.len() {
        let [low, high] = crc.to_le_bytes();
        crc = TABLE[(low ^ bytes[position]) as usize] ^ u16::from_le_bytes([high, 0]);
        position += 1;
    }
    crc
}

/// Whether the last two bytes are the checksum of those before.
pub(crate) fn holds(frame: &[u8]) -> bool {
    frame.split_last_chunk::<2>().is_some_and(|(body, sum)| crc16(body).to_le_bytes() == *sum)
}

/// The checksum of every byte.
const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u16;
    while byte < 256 {
        let mut crc = byte;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xA001 } else { crc >> 1 };
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
};
