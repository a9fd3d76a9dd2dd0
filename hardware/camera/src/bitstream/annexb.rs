//! NAL units in a run of bytes: with start codes (H.264 and H.265 annex B) or with lengths (ISO/IEC 14496-15).

pub const START: [u8; 4] = [0, 0, 0, 1];

/// The NAL units between start codes, without these and without trailing zeros; empty ones are passed over.
pub fn nals(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start_code(data, 0).map(|at| &data[at + 3..]);
    std::iter::from_fn(move || {
        loop {
            let here = rest?;
            let end = start_code(here, 0);
            rest = end.map(|at| &here[at + 3..]);
            let nal = &here[..end.unwrap_or(here.len())];
            let zeros = nal.iter().rev().take_while(|&&byte| byte == 0).count();
            if zeros < nal.len() {
                return Some(&nal[..nal.len() - zeros]);
            }
        }
    })
}

/// Where the next 00 00 01 begins.
fn start_code(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    // Looking at the third byte first passes over three bytes at a time nearly always.
    while let Some(&third) = data.get(at + 2) {
        match third {
            1 if data[at] == 0 && data[at + 1] == 0 => return Some(at),
            0 => at += 1,
            _ => at += 3,
        }
    }
    None
}

/// The NAL units behind lengths of four bytes; ends where a length reaches past the end.
pub fn with_lengths(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let nal = after.get(..length)?;
        rest = &after[length..];
        Some(nal)
    })
}

/// Puts start codes where the lengths of four bytes stand.
pub fn lengths_to_starts(data: &mut [u8]) {
    let mut at = 0;
    while let Some(field) = data.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>()) {
        let length = u32::from_be_bytes(*field);
        *field = START;
        at = at.saturating_add(4).saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(data: &[u8], want: &[&[u8]]) {
        assert_eq!(nals(data).collect::<Vec<_>>(), want);
    }

    #[test]
    fn start_codes_of_three_and_four_bytes() {
        check(&[], &[]);
        check(&[0, 0, 1], &[]);
        check(&[9, 9, 0, 0, 1, 7], &[&[7]]);
        check(&[0, 0, 0, 1, 7, 8, 0, 0, 0, 1, 5, 0, 6, 0, 0, 1, 4], &[&[7, 8], &[5, 0, 6], &[4]]);
        check(&[0, 0, 1, 0, 0, 1, 7, 0, 0, 0], &[&[7]]);
    }

    #[test]
    fn lengths_become_start_codes() {
        let mut data = vec![0, 0, 0, 2, 7, 8, 0, 0, 0, 1, 5];
        assert_eq!(with_lengths(&data).collect::<Vec<_>>(), [&[7, 8][..], &[5]]);
        lengths_to_starts(&mut data);
        check(&data, &[&[7, 8], &[5]]);
        let mut cut = vec![0, 0, 0, 9, 7, 8];
        assert_eq!(with_lengths(&cut).count(), 0);
        lengths_to_starts(&mut cut);
        check(&cut, &[&[7, 8]]);
    }
}
