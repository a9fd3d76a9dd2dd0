//! One segment file as bytes: records with a mark, a length and a CRC, so that damage costs only the record it hit.
//!
//! A record is `mark "NTe1" | length u32 | crc u32 | seq u64 | payload`, little endian; the CRC-32 is over seq and
//! payload. Pure: no files here.

use std::ops::Range;

const MARK: [u8; 4] = *b"NTe1";
pub const HEAD: usize = 20;
/// Longest payload. An event is some hundred bytes; a length beyond this is damage.
pub const MAX_PAYLOAD: usize = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub seq: u64,
    pub payload: Range<usize>,
}

/// What a segment's bytes hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// In the order of the file, seq ascending.
    pub records: Vec<Record>,
    /// Bytes in the middle that are no whole record: flipped bits.
    pub damaged: usize,
    /// Bytes at the end that are no whole record: the process was killed while writing.
    pub torn: usize,
}

pub fn encode(seq: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + payload.len());
    encode_into(&mut bytes, seq, payload);
    bytes
}

pub fn encode_into(bytes: &mut Vec<u8>, seq: u64, payload: &[u8]) {
    bytes.extend_from_slice(&MARK);
    bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&checksum(seq, payload).to_le_bytes());
    bytes.extend_from_slice(&seq.to_le_bytes());
    bytes.extend_from_slice(payload);
}

/// Never panics, whatever the bytes are.
pub fn scan(bytes: &[u8]) -> Scan {
    let mut found = Scan::default();
    let (mut at, mut good_end) = (0, 0);
    while at < bytes.len() {
        let after = found.records.last().map_or(0, |r: &Record| r.seq);
        match record_at(bytes, at).filter(|r| r.seq > after) {
            Some(record) => {
                found.damaged += at - good_end;
                at = record.payload.end;
                good_end = at;
                found.records.push(record);
            }
            None => at = next_mark(bytes, at + 1),
        }
    }
    found.torn = bytes.len() - good_end;
    found
}

fn record_at(bytes: &[u8], at: usize) -> Option<Record> {
    let head = bytes.get(at..at.checked_add(HEAD)?)?;
    if head[..4] != MARK {
        return None;
    }
    let len = u32::from_le_bytes(head[4..8].try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(head[8..12].try_into().ok()?);
    let seq = u64::from_le_bytes(head[12..20].try_into().ok()?);
    if len > MAX_PAYLOAD {
        return None;
    }
    let payload = at + HEAD..at + HEAD + len;
    let whole = bytes.get(payload.clone())?;
    (checksum(seq, whole) == crc).then_some(Record { seq, payload })
}

fn next_mark(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or(&[]);
    rest.windows(MARK.len()).position(|w| w == MARK).map_or(bytes.len(), |i| from + i)
}

fn checksum(seq: u64, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&seq.to_le_bytes());
    crc.update(payload);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(seqs: std::ops::RangeInclusive<u64>) -> Vec<u8> {
        seqs.flat_map(|seq| encode(seq, format!("event {seq}").as_bytes())).collect()
    }

    fn seqs(bytes: &[u8]) -> Vec<u64> {
        scan(bytes).records.iter().map(|r| r.seq).collect()
    }

    #[test]
    fn a_whole_file() {
        let bytes = file(1..=3);
        let found = scan(&bytes);
        assert_eq!(&bytes[found.records[1].payload.clone()], b"event 2");
        assert_eq!((seqs(&bytes), found.damaged, found.torn), (vec![1, 2, 3], 0, 0));
        assert_eq!(scan(&[]), Scan::default());
    }

    #[test]
    fn every_prefix_gives_its_whole_records() {
        let bytes = file(1..=3);
        let one = bytes.len() / 3;
        for end in 0..bytes.len() {
            let found = scan(&bytes[..end]);
            assert_eq!(found.records.len(), end / one, "{end}");
            assert_eq!((found.damaged, found.torn), (0, end % one), "{end}");
        }
    }

    #[test]
    fn every_flipped_bit_costs_one_record_at_most() {
        let whole = file(1..=4);
        let one = whole.len() / 4;
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let hit = (bit / 8 / one) as u64 + 1;
            let rest: Vec<u64> = (1..=4).filter(|seq| *seq != hit).collect();
            assert_eq!(seqs(&bytes), rest, "bit {bit}");
            let found = scan(&bytes);
            let want = if hit == 4 { (0, one) } else { (one, 0) };
            assert_eq!((found.damaged, found.torn), want, "bit {bit}");
        }
    }

    #[test]
    fn an_older_record_at_the_end_is_not_taken_twice() {
        let bytes = [file(1..=2), file(1..=1), file(3..=3)].concat();
        assert_eq!(seqs(&bytes), [1, 2, 3]);
    }
}
