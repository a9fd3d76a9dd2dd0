//! ASN.1 basic encoding rules, as far as SNMP needs them (X.690).

use anyhow::{Context, ensure};

pub const INTEGER: u8 = 0x02;
pub const OCTETS: u8 = 0x04;
pub const NULL: u8 = 0x05;
pub const OBJECT: u8 = 0x06;
pub const SEQUENCE: u8 = 0x30;

/// Reads one element after the other.
#[derive(Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// Tag and content of the next element.
    pub fn any(&mut self) -> anyhow::Result<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first().context("no tag")?;
        let (first, rest) = rest.split_first().context("no length")?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f)).context("no length")?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => anyhow::bail!("a length of {first:#x}"),
        };
        let (content, rest) = rest.split_at_checked(length).context("cut off")?;
        self.0 = rest;
        Ok((*tag, content))
    }

    pub fn of(&mut self, tag: u8) -> anyhow::Result<&'a [u8]> {
        let (got, content) = self.any()?;
        ensure!(got == tag, "tag {got:#x} instead of {tag:#x}");
        Ok(content)
    }

    pub fn sequence(&mut self) -> anyhow::Result<Reader<'a>> {
        self.of(SEQUENCE).map(Reader)
    }

    pub fn integer(&mut self) -> anyhow::Result<i64> {
        integer(self.of(INTEGER)?)
    }
}

pub fn integer(content: &[u8]) -> anyhow::Result<i64> {
    ensure!((1..=8).contains(&content.len()), "an integer of {} bytes", content.len());
    let sign = if content[0] & 0x80 == 0 { 0 } else { -1 };
    Ok(content.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte)))
}

pub fn object(content: &[u8]) -> anyhow::Result<Vec<u32>> {
    let (mut arcs, mut arc) = (Vec::new(), 0_u32);
    for byte in content {
        ensure!(arc < 1 << 25, "an arc is too long");
        arc = arc << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                arcs.extend([arc / 40, arc % 40]);
            } else {
                arcs.push(arc);
            }
            arc = 0;
        }
    }
    Ok(arcs)
}

pub fn write(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        short @ 0..=127 => out.push(short as u8),
        middle @ 128..=255 => out.extend([0x81, middle as u8]),
        long => out.extend([0x82, (long >> 8) as u8, long as u8]),
    }
    out.extend_from_slice(content);
    out
}

pub fn write_integer(tag: u8, number: i64) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    while bytes.len() > 1 && (bytes[0] == 0 && bytes[1] < 0x80 || bytes[0] == 0xff && bytes[1] >= 0x80) {
        bytes.remove(0);
    }
    write(tag, &bytes)
}

pub fn write_object(arcs: &[u32]) -> Vec<u8> {
    let mut out = Vec::new();
    let first = arcs.first().copied().unwrap_or(0) * 40 + arcs.get(1).copied().unwrap_or(0);
    for arc in std::iter::once(&first).chain(arcs.get(2..).unwrap_or_default()) {
        let mut groups = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            groups.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        out.extend(groups.iter().rev());
    }
    write(OBJECT, &out)
}
