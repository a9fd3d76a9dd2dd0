//! Teltonika (FM, FMB, GH and others): codecs 7, 8, 8E and 16 carry positions, 12 to 15 answers to commands.
//!
//! Over TCP a device says its IMEI first; over UDP each datagram names it. The number of records taken is the answer.

mod records;
#[cfg(test)]
mod tests;

use models_domain::UtcMillis;

use self::records::{Records, records};
use super::bytes::{Reader, crc16_arc};
use super::detect::Detected;
use super::order::{Answer, Order};
use super::when::Zone;
use super::{Decoded, Framing, Message, Protocol, Session, Source};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "teltonika",
    default_port: 5027,
    framing: Framing::Stream,
    zone: Zone::UTC,
    decode,
    detect,
    encode: Some(encode),
    longest: None,
};

/// Longest packet that is believed: devices send at most 1280 bytes.
const MAX: usize = 4096;

fn decode(session: &mut Session, buf: &[u8], _now: UtcMillis) -> Decoded {
    match buf {
        [0xff, ..] => Decoded::Message(Message { used: 1, ..Message::note("heartbeat") }),
        [0, 0, ..] if buf.len() < 4 => Decoded::NeedMore,
        [0, 0, ..] => packet(session, buf),
        [_, _, ..] => named(session, buf),
        _ => Decoded::NeedMore,
    }
}

/// Something that begins with its length: the IMEI of a login, or a datagram.
fn named(session: &mut Session, buf: &[u8]) -> Decoded {
    let length = usize::from(u16::from_be_bytes([buf[0], buf[1]]));
    if length > MAX {
        return Decoded::Bad { used: 1, why: format!("length {length} is too long") };
    }
    // In a stream only an IMEI begins so.
    if session.source == Source::Live && buf.get(2).is_some_and(|b| !b.is_ascii_digit()) {
        return Decoded::Bad { used: 1, why: "neither an IMEI nor a packet".to_owned() };
    }
    let Some(body) = buf.get(2..2 + length) else { return Decoded::NeedMore };
    let used = 2 + length;
    if let Some(imei) = imei(body) {
        session.device = Some(imei);
        return Decoded::Message(Message { used, reply: vec![1], ..Message::note("login") });
    }
    match datagram(session, body) {
        Ok(message) => Decoded::Message(Message { used, ..message }),
        // The length may be noise: one byte on, there may be a packet.
        Err(why) => Decoded::Bad { used: 1, why },
    }
}

fn imei(body: &[u8]) -> Option<String> {
    let plain = (8..=20).contains(&body.len()) && body.iter().all(u8::is_ascii_digit);
    plain.then(|| String::from_utf8_lossy(body).into_owned())
}

/// Packet number (2), 1, record packet number (1), IMEI with its length (2), codec and records.
fn datagram(session: &mut Session, body: &[u8]) -> Result<Message, String> {
    let mut reader = Reader::new(body);
    let (packet, _, number) = (reader.u16()?, reader.u8()?, reader.u8()?);
    let length = usize::from(reader.u16()?);
    let name = imei(reader.take(length)?).ok_or("a datagram without an IMEI")?;
    session.device = Some(name);
    let (mut message, count) = taken(session, reader.rest())?;
    let [high, low] = packet.to_be_bytes();
    message.reply = vec![0, 5, high, low, 1, number, count];
    Ok(message)
}

/// Four zeros, length (4), codec and records, CRC-16 in four bytes.
fn packet(session: &mut Session, buf: &[u8]) -> Decoded {
    if buf[2..4] != [0, 0] {
        return Decoded::Bad { used: 1, why: "neither an IMEI nor a packet".to_owned() };
    }
    let Some((_, rest)) = buf.split_at_checked(8) else { return Decoded::NeedMore };
    let length = u32::from_be_bytes([buf[4], buf[5], buf[6], buf[7]]) as usize;
    let recorded = session.source == Source::Recording;
    if !recorded && !(3..=MAX).contains(&length) {
        return Decoded::Bad { used: 1, why: format!("length {length} is not that of a packet") };
    }
    let (data, sum, used) = match (rest.get(..length), rest.get(length..length + 4)) {
        (Some(data), Some(&[a, b, c, d])) if length >= 3 => {
            (data, Some(u32::from_be_bytes([a, b, c, d])), 12 + length)
        }
        // People cut recordings, and change digits in them.
        _ if recorded => (rest, None, buf.len()),
        _ => return Decoded::NeedMore,
    };
    let want = u32::from(crc16_arc(data));
    let warning = match sum {
        Some(got) if got == want => None,
        Some(got) => match session.damage(format!("checksum 0x{got:04x}, expected 0x{want:04x}")) {
            Ok(warning) => warning,
            Err(why) => return Decoded::Bad { used: 1, why },
        },
        None => Some("the packet is cut off".to_owned()),
    };
    // In a recording with a wrong length, the records tell where they end.
    let data = if recorded && warning.is_some() { rest } else { data };
    match taken(session, data) {
        Ok((mut message, count)) => {
            let positions = !matches!(data.first(), Some(12..=15));
            message.reply = if positions { u32::from(count).to_be_bytes().to_vec() } else { Vec::new() };
            let used = if warning.is_some() { buf.len() } else { used };
            let warning = warning.or(message.warning.take());
            Decoded::Message(Message { used, warning, ..message })
        }
        Err(why) => Decoded::Bad { used, why },
    }
}

/// The content. What a device frames well and nobody can read is left out and acknowledged: the device would repeat it for ever, and
/// what it stored behind it would never come. It waits for the number of its records, which is known where it is the same before
/// and behind them, as the maker has it of every codec; where it is not, no answer would do, and there is none.
fn taken(session: &Session, data: &[u8]) -> Result<(Message, u8), String> {
    content(session, data).or_else(|why| match counted(session, data) {
        Some(count) => Ok((Message { warning: Some(why), ..Message::note("not readable") }, count)),
        None => Err(why),
    })
}

/// The number of records that a device waits for, where it does and the number is known.
fn counted(session: &Session, data: &[u8]) -> Option<u8> {
    match (session.source, data) {
        (Source::Live | Source::Datagram, &[_, count, .., again]) if count == again => Some(count),
        (Source::Live | Source::Datagram | Source::Recording, _) => None,
    }
}

/// Codec, number of records, records, number of records again.
fn content(session: &Session, data: &[u8]) -> Result<(Message, u8), String> {
    let mut reader = Reader::new(data);
    let (codec, count) = (reader.u8()?, reader.u8()?);
    let message = match codec {
        7 | 8 | 0x8e | 0x10 => {
            let Records { mut kept, broken, .. } = records(codec, count, reader.rest());
            if let Some(why) = broken.filter(|_| kept.good.is_empty() || counted(session, data).is_none()) {
                return Err(why);
            }
            for fix in &mut kept.good {
                fix.device.clone_from(&session.device);
            }
            let warning = kept.warning();
            Message { fixes: kept.good, warning, ..Message::note("positions") }
        }
        12..=15 => Message { answer: answer(codec, &mut reader), ..Message::note("answer to a command") },
        other => return Err(format!("codec 0x{other:02x} is not known")),
    };
    Ok((message, count))
}

/// Type (1), length (4), text; before the text codec 13 has the time (4), codec 14 the IMEI (8), codec 15 both.
fn answer(codec: u8, reader: &mut Reader<'_>) -> Option<Answer> {
    reader.u8().ok()?;
    let length = reader.u32().ok()? as usize;
    let skip = match codec {
        13 => 4,
        14 => 8,
        15 => 12,
        _ => 0,
    };
    let text = reader.take(length.min(reader.len())).ok()?.get(skip..)?;
    Some(Answer { tag: None, text: String::from_utf8_lossy(text).trim().to_owned() })
}

/// Codec 12, type 5. The command language is the maker's, e.g. `setdigout 11`.
fn encode(session: &Session, order: &Order, _tag: u16) -> Result<Vec<u8>, String> {
    // The maker's manual ("Teltonika Data Sending Protocols") has datagrams for codecs 8, 8E and 16 alone.
    if session.source == Source::Datagram {
        return Err(
            "teltonika: orders go to devices that report by TCP; for datagrams the maker defines none"
                .to_owned(),
        );
    }
    let text = match order {
        Order::Locate => "getgps".to_owned(),
        // Moving on data transfer profile 1 (home network): seconds between records.
        Order::ReportEvery { seconds } => format!("setparam 10050:{seconds}"),
        Order::Text(text) => text.clone(),
    };
    let length = u32::try_from(text.len()).map_err(|_| "the command is too long")?;
    let data = [&[12, 1, 5][..], &length.to_be_bytes(), text.as_bytes(), &[1]].concat();
    let size = u32::try_from(data.len()).map_err(|_| "the command is too long")?;
    let sum = u32::from(crc16_arc(&data));
    Ok([&[0; 4][..], &size.to_be_bytes(), &data, &sum.to_be_bytes()].concat())
}

fn detect(buf: &[u8]) -> Detected {
    match *buf {
        [0, 15, ref digits @ ..] if digits.iter().take(15).all(u8::is_ascii_digit) => {
            if digits.len() >= 15 {
                Detected::Yes
            } else {
                Detected::Perhaps
            }
        }
        [0, 0, 0, 0, _, _, _, _, 7 | 8 | 0x8e | 0x10 | 12..=15, ..] => Detected::Yes,
        [0, 0, ..] if buf.len() < 9 && buf.iter().take(4).all(|&b| b == 0) => Detected::Perhaps,
        [_, _, _, _, 1, _, 0, 15, ref digits @ ..] if digits.iter().take(15).all(u8::is_ascii_digit) => {
            if digits.len() >= 15 {
                Detected::Yes
            } else {
                Detected::Perhaps
            }
        }
        [0..=5, ..] if buf.len() < 5 => Detected::Perhaps,
        [0..=5, _, _, _, 1, ..] if buf.len() < 9 => Detected::Perhaps,
        _ if buf.is_empty() => Detected::Perhaps,
        _ => Detected::No,
    }
}
