//! What the text protocols share: lines, numbers, degrees and minutes, dates in pairs of digits.

use super::Decoded;
use super::session::Session;

/// Longest line: a batch of stored positions fits.
const MAX: usize = 16 * 1024;

/// The front of a buffer that has an end.
pub(super) struct Piece<'a> {
    /// With its end, and with blank lines behind it.
    pub used: usize,
    /// Without its end.
    pub text: std::borrow::Cow<'a, str>,
}

/// The bytes up to the first of `ends`, without the blank ones before them. Where the transport ends messages, the end of the
/// buffer is one, too.
pub(super) fn piece<'a>(session: &Session, buf: &'a [u8], ends: &[u8]) -> Result<Piece<'a>, Box<Decoded>> {
    let start = blank(buf);
    if start == buf.len() && start > 0 {
        return Ok(Piece { used: start, text: "".into() });
    }
    let end = buf[start..].iter().take(MAX).position(|b| ends.contains(b));
    let (end, used) = match end {
        Some(end) => (start + end, start + end + 1),
        None if buf.len() >= MAX => {
            let why = format!("{} bytes without an end", buf.len());
            return Err(Box::new(Decoded::Bad { used: buf.len(), why }));
        }
        None if session.ends_here() && !buf.is_empty() => (buf.len(), buf.len()),
        None => return Err(Box::new(Decoded::NeedMore)),
    };
    Ok(Piece { used: used + blank(&buf[used..]), text: String::from_utf8_lossy(&buf[start..end]) })
}

/// Bytes between lines, which belong to none: a stream may be cut among them.
fn blank(buf: &[u8]) -> usize {
    buf.iter().take_while(|b| matches!(b, b'\r' | b'\n' | b' ' | 0)).count()
}

/// A finite number, spaces around it allowed.
pub(super) fn number(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    number.ok_or_else(|| format!("{text:?} is not a number"))
}

/// As [`number`]; nothing is `None`.
pub(super) fn optional(text: &str) -> Option<f64> {
    number(text).ok()
}

pub(super) fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Digits with a point between them and a sign before them: `-6.138255`.
pub(super) fn is_decimal(text: &str, decimals_at_least: usize) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    text.split_once('.').is_some_and(|(whole, part)| {
        all_digits(whole) && whole.len() <= 3 && all_digits(part) && part.len() >= decimals_at_least
    })
}

/// `dddmm.mmmm` and the letter of the hemisphere; the degrees may be missing.
pub(super) fn degrees_minutes(text: &str, hemisphere: &str) -> Result<f64, String> {
    let text = text.trim();
    let wrong = || format!("{text:?} {hemisphere:?} is not degrees and minutes");
    let point = text.find('.').unwrap_or(text.len());
    let (degrees, minutes) = text.split_at_checked(point.saturating_sub(2)).ok_or_else(wrong)?;
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') || minutes.is_empty() {
        return Err(wrong());
    }
    let degrees = if degrees.is_empty() { 0.0 } else { number(degrees)? };
    signed(degrees + number(minutes)? / 60.0, hemisphere).ok_or_else(wrong)
}

/// Negative in the south and the west.
pub(super) fn signed(size: f64, hemisphere: &str) -> Option<f64> {
    match hemisphere {
        "N" | "E" | "n" | "e" => Some(size),
        "S" | "W" | "s" | "w" => Some(-size),
        _ => None,
    }
}

/// Pairs of digits, `N` of them: `hhmmss`, `ddmmyy`.
pub(super) fn pairs<const N: usize>(text: &str) -> Result<[u16; N], String> {
    let wrong = || format!("{text:?} is not {N} pairs of digits");
    let digits = text.as_bytes().get(..2 * N).filter(|digits| digits.iter().all(u8::is_ascii_digit));
    let mut pairs = [0; N];
    for (pair, digits) in pairs.iter_mut().zip(digits.ok_or_else(wrong)?.chunks(2)) {
        *pair = digits.iter().fold(0, |n, b| n * 10 + u16::from(b - b'0'));
    }
    Ok(pairs)
}

/// `yyyymmddhhmmss`, or longer with fractions that are left out: year to second.
pub(super) fn full_date(text: &str) -> Result<[u16; 6], String> {
    let [century, year, month, day, hour, minute, second] = pairs(text)?;
    Ok([century * 100 + year, month, day, hour, minute, second])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_and_minutes() {
        let near = |text, hemisphere, want: f64| {
            let got = degrees_minutes(text, hemisphere).expect("a position");
            assert!((got - want).abs() < 1e-9, "{text}: {got}");
        };
        near("2101.6800", "N", 21.028);
        near("10551.12", "W", -105.852);
        near("30.6", "E", 0.51);
        near("5.4", "S", -0.09);
        for bad in ["", "2101.68x", "-2101.6", "21é1.6"] {
            assert!(degrees_minutes(bad, "N").is_err(), "{bad}");
        }
        assert!(degrees_minutes("2101.68", "A").is_err());
    }

    #[test]
    fn what_is_blank_belongs_to_no_line() {
        let read = |buf: &[u8]| {
            piece(&Session::default(), buf, b"\r\n").map(|piece| (piece.used, piece.text.into_owned())).ok()
        };
        assert_eq!(read(b"\0\0 one\r\n\0two"), Some((9, "one".to_owned())));
        assert_eq!((read(b"\0 \r"), read(b"")), (Some((3, String::new())), None));
        assert_eq!(read(b"\0two"), None);
    }

    #[test]
    fn digits() {
        assert_eq!(pairs::<3>("141238"), Ok([14, 12, 38]));
        assert!(pairs::<3>("1412é8").is_err() && pairs::<3>("1412").is_err());
        assert_eq!(full_date("20250514141238"), Ok([2025, 5, 14, 14, 12, 38]));
        assert!(is_decimal("-6.138255", 6) && !is_decimal("6.1", 6) && !is_decimal("1e5.123456", 6));
        assert!(number("NaN").is_err() && number("1e999").is_err() && number(" 3.34").is_ok());
    }
}
