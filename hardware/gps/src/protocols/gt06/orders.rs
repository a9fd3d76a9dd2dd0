//! What a GT06 tracker is asked, in its maker's command language (kind 80), and what it says to it (kinds 15 and 21).

use super::super::order::{Answer, Order};
use super::Session;
use super::frame::{Frame, sealed};

/// Bytes of a command: what stands around them and they fill the frame, whose length is one byte. The makers describe no longer
/// frame for kind 80.
const LONGEST: usize = 245;

/// Length (1), the platform's flag (4), the command. Concox, "GT06 GPS tracker communication protocol", §5.6.
pub(super) fn encode(_session: &Session, order: &Order, tag: u16) -> Result<Vec<u8>, String> {
    let text = match order {
        Order::Locate => "WHERE#".to_owned(),
        Order::ReportEvery { seconds } => format!("TIMER,{seconds}#"),
        Order::Text(text) => text.clone(),
    };
    let refused =
        || format!("gt06: the command has {} bytes, and the tracker takes {LONGEST} at most", text.len());
    let fits = Some(text.len() + 4).filter(|_| text.len() <= LONGEST);
    let length = fits.and_then(|length| u8::try_from(length).ok()).ok_or_else(refused)?;
    let flag = u32::from(tag).to_be_bytes();
    Ok(sealed(false, 0x80, &[&[length][..], &flag, text.as_bytes()].concat(), tag))
}

/// Kind 15: length (1), flag (4), text, language (2). Kind 21: flag (4), encoding (1), text.
pub(super) fn answer(frame: &Frame<'_>) -> Option<Answer> {
    let (flag, text) = match (frame.extended, frame.kind) {
        (false, 0x15) => {
            let (length, rest) = frame.body.split_first()?;
            let (flag, rest) = rest.split_first_chunk::<4>()?;
            (flag, rest.get(..usize::from(*length).checked_sub(4)?).unwrap_or(rest))
        }
        (true, 0x21) => {
            let (flag, rest) = frame.body.split_first_chunk::<4>()?;
            (flag, rest.get(1..)?)
        }
        _ => return None,
    };
    let tag = u16::try_from(u32::from_be_bytes(*flag)).ok();
    // Texts in UTF-16 are of Latin letters: the zeros between them are left out.
    let text = text.iter().filter(|b| **b != 0).copied().collect::<Vec<_>>();
    Some(Answer { tag, text: String::from_utf8_lossy(&text).trim().to_owned() })
}
