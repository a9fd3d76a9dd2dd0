//! The few ASN.1 basic encoding rules that a question needs (X.690 §8): what is sent; what comes is read by `snmp`. Pure.

pub const INTEGER: u8 = 0x02;
pub const OCTETS: u8 = 0x04;
pub const NULL: u8 = 0x05;
pub const OBJECT: u8 = 0x06;
pub const SEQUENCE: u8 = 0x30;
/// Counter32 of SNMP (RFC 2578 §7.1.6).
pub const COUNTER: u8 = 0x41;

/// Tag, length, content.
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    if let Some(short) = u8::try_from(length).ok().filter(|short| *short < 128) {
        out.push(short);
    } else {
        let bytes = length.to_be_bytes();
        let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        out.push(0x80 | bytes.len() as u8);
        out.extend_from_slice(bytes);
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// The shortest two's complement.
pub fn integer(tag: u8, value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let spare = |pair: &[u8]| matches!((pair[0], pair[1] >> 7), (0, 0) | (0xff, 1));
    let skip = bytes.windows(2).take_while(|pair| spare(pair)).count();
    tlv(tag, &[&bytes[skip..]])
}

/// The content of an object identifier of at least two arcs, the first two as in `1.3`.
pub fn object(arcs: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut arcs = arcs.into_iter();
    let first = arcs.next().unwrap_or(0) * 40 + arcs.next().unwrap_or(0);
    let mut out = Vec::new();
    for arc in std::iter::once(first).chain(arcs) {
        let groups = (1..5).rev().map(|n| (arc >> (7 * n)) as u8 & 0x7f);
        out.extend(groups.skip_while(|group| *group == 0).map(|group| group | 0x80));
        out.push(arc as u8 & 0x7f);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_as_x690_has_them() {
        for (value, want) in [
            (0, "020100"),
            (127, "02017f"),
            (128, "02020080"),
            (256, "02020100"),
            (-128, "020180"),
            (-129, "0202ff7f"),
            (4_294_967_295, "020500ffffffff"),
        ] {
            assert_eq!(hex(&integer(INTEGER, value)), want, "{value}");
        }
        assert_eq!(hex(&object([1, 3, 6, 1, 4, 1, 1206, 4])), "2b06010401893604");
        assert_eq!(hex(&tlv(OCTETS, &[&[7; 200]])[..4]), "0481c807");
        assert_eq!(hex(&tlv(OCTETS, &[&[7; 300]])[..5]), "0482012c07");
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
