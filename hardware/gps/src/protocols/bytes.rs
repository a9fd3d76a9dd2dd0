//! Reads fields from the front of a slice, big-endian; running short is an error, never a panic.

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// Less was there than the message's kind says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short;

impl From<Short> for String {
    fn from(_: Short) -> String {
        "the message ends too early".to_owned()
    }
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn len(&self) -> usize {
        self.rest.len()
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Short> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(Short)?;
        self.rest = rest;
        Ok(head)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(Short)?;
        self.rest = rest;
        Ok(*head)
    }

    pub fn u8(&mut self) -> Result<u8, Short> {
        self.array().map(|[b]| b)
    }

    pub fn u16(&mut self) -> Result<u16, Short> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_be_bytes)
    }

    /// Little-endian, as are the two below.
    pub fn u16_le(&mut self) -> Result<u16, Short> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32_le(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn i32_le(&mut self) -> Result<i32, Short> {
        self.array().map(i32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Short> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn i16(&mut self) -> Result<i16, Short> {
        self.array().map(i16::from_be_bytes)
    }

    pub fn i32(&mut self) -> Result<i32, Short> {
        self.array().map(i32::from_be_bytes)
    }
}

/// The two decimal digits of a packed BCD byte.
pub(super) fn bcd(byte: u8) -> Result<u8, String> {
    let (high, low) = (byte >> 4, byte & 15);
    if high > 9 || low > 9 {
        return Err(format!("byte 0x{byte:02x} is not two decimal digits"));
    }
    Ok(high * 10 + low)
}

/// Lower-case hexadecimal digits; of packed BCD, its decimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// CRC-16/ARC: reflected 0x8005, start 0. Teltonika calls it CRC-16-IBM.
pub(super) fn crc16_arc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xa001 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn checksum_of_the_catalogues() {
        assert_eq!(super::crc16_arc(b"123456789"), 0xbb3d);
    }
}
