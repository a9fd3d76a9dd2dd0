//! What a JT/T 808 terminal is asked, and what it says to it.

use super::super::bytes::Reader;
use super::super::order::{Answer, Order};
use super::frame::sealed;
use super::{LENGTH, Session, VERSIONED};

/// Parameter "interval of reports by default", seconds (table 12).
const INTERVAL: u32 = 0x0029;
/// Shown on the terminal's display and read aloud (table 40, bits 2 and 3).
const SHOWN_AND_SPOKEN: u8 = 0b1100;

/// 0x8201 asks for the position (§8.21), 0x8103 sets parameters (§8.8), 0x8300 sends a text (§8.24). Our serial number is the
/// tag: the terminal's answer repeats it.
pub(super) fn encode(session: &Session, order: &Order, tag: u16) -> Result<Vec<u8>, String> {
    let address = session.address.as_ref().ok_or("the terminal has not said who it is")?;
    let (kind, body) = match order {
        Order::Locate => (0x8201_u16, Vec::new()),
        Order::ReportEvery { seconds } => {
            (0x8103, [&[1][..], &INTERVAL.to_be_bytes(), &[4], &seconds.to_be_bytes()].concat())
        }
        // The standard's text is in GBK, of which only the Latin letters are ours.
        Order::Text(text) if !text.is_ascii() => {
            return Err("jt808: only letters without marks can be sent".to_owned());
        }
        Order::Text(text) => {
            let flags =
                if address.version.is_some() { vec![SHOWN_AND_SPOKEN, 1] } else { vec![SHOWN_AND_SPOKEN] };
            (0x8300, [&flags, text.as_bytes()].concat())
        }
    };
    let length = u16::try_from(body.len()).ok().filter(|length| *length <= LENGTH);
    let length = length.ok_or("jt808: the text is longer than 1023 letters")?;
    let attributes = length | if address.version.is_some() { VERSIONED } else { 0 };
    let mut bytes = [kind.to_be_bytes(), attributes.to_be_bytes()].concat();
    bytes.extend(address.version);
    bytes.extend_from_slice(&address.phone);
    bytes.extend_from_slice(&tag.to_be_bytes());
    bytes.extend_from_slice(&body);
    Ok(sealed(address.other, bytes))
}

/// 0x0001 (§8.1): serial number (2) and kind (2) of the order, result (1). 0x0201 (§8.22) and 0x0500 (§8.37): serial number, a
/// position.
pub(super) fn answer(kind: u16, body: &[u8]) -> Option<Answer> {
    let mut body = Reader::new(body);
    match kind {
        0x0001 => {
            let (serial, order, result) = (body.u16().ok()?, body.u16().ok()?, body.u8().ok()?);
            let result = match result {
                0 => "done",
                1 => "failed",
                2 => "message not understood",
                3 => "not supported",
                _ => "result not known",
            };
            Some(Answer { tag: Some(serial), text: format!("{order:04x} {result}") })
        }
        0x0201 | 0x0500 => Some(Answer { tag: Some(body.u16().ok()?), text: "position".to_owned() }),
        _ => None,
    }
}
