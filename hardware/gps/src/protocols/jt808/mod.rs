//! JT/T 808 (2011, 2013, 2019), the Chinese standard for vehicle terminals, common on Vietnamese buses.

mod frame;
mod location;
mod orders;

#[cfg(test)]
mod tests;

use models_domain::UtcMillis;

use self::frame::{Frame, Framed, sealed};
use super::bytes::{Reader, hex};
use super::detect;
use super::kept::Kept;
use super::session::{Address, Parts};
use super::when::{Zone, fields};
use super::{Decoded, Fix, Framing, Message, Protocol, Session, Source};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "jt808",
    default_port: 5015,
    framing: Framing::Stream,
    zone: Zone::VIETNAM,
    decode,
    detect: |buf| detect::begins(buf, &[&[frame::DELIMITER], &[frame::OTHER_DELIMITER]]),
    encode: Some(orders::encode),
    longest: None,
};

fn decode(session: &mut Session, buf: &[u8], now: UtcMillis) -> Decoded {
    let (used, frame) = match frame::next(buf, session.source) {
        Framed::NeedMore => return Decoded::NeedMore,
        Framed::Bad { used, why } => return Decoded::Bad { used, why },
        Framed::Frame { used, frame } => (used, frame),
    };
    let (other, bytes, damage) = match frame {
        Frame::Sentence(text) => return sentence(used, &text, now),
        Frame::Binary { other, bytes, damage } => (other, bytes, damage),
    };
    if let (Some(why), false) = (&damage, session.source == Source::Recording) {
        return Decoded::Bad { used, why: why.clone() };
    }
    let mut answer = None;
    let done = header(other, &bytes).and_then(|(header, body)| {
        session.device = Some(header.device());
        session.address = Some(Address { other, version: header.version, phone: header.phone.clone() });
        answer = orders::answer(header.kind, body);
        message(session, &header, body, now).map_err(|why| format!("kind {:04x}: {why}", header.kind))
    });
    match done {
        Ok(message) => {
            let warning = damage.or(message.warning);
            Decoded::Message(Message { used, answers_by_number: true, warning, answer, ..message })
        }
        Err(why) => Decoded::Bad { used, why },
    }
}

/// §4.4.3, table 2.
struct Header {
    other: bool,
    kind: u16,
    attributes: u16,
    /// Since 2019; with it the phone number has ten bytes.
    version: Option<u8>,
    /// As it came: replies repeat it.
    phone: Vec<u8>,
    serial: u16,
    /// Number of packets and the number of this one, from 1.
    packet: Option<(u16, u16)>,
}

/// Bits of the attributes.
const LENGTH: u16 = 0x03ff;
const IN_PACKETS: u16 = 1 << 13;
const VERSIONED: u16 = 1 << 14;
const WANTS_REPLY: u16 = 1 << 15;

fn header(other: bool, bytes: &[u8]) -> Result<(Header, &[u8]), String> {
    let mut bytes = Reader::new(bytes);
    let (kind, attributes) = (bytes.u16()?, bytes.u16()?);
    let version = if attributes & VERSIONED != 0 { Some(bytes.u8()?) } else { None };
    let phone = match version {
        Some(_) => 10,
        None if other => 7,
        None => 6,
    };
    let phone = bytes.take(phone)?.to_vec();
    let serial = if matches!(kind, 0x5501 | 0x5502) { u16::from(bytes.u8()?) } else { bytes.u16()? };
    // Some devices set the bit and send no packet numbers: the length of the body tells.
    let numbered = attributes & IN_PACKETS != 0 && bytes.len() != usize::from(attributes & LENGTH);
    let packet = if numbered { Some((bytes.u16()?, bytes.u16()?)) } else { None };
    Ok((Header { other, kind, attributes, version, phone, serial, packet }, bytes.rest()))
}

impl Header {
    /// The digits of the phone number without leading zeros. Where they are no digits, the first 14 digits of an IMEI in
    /// binary, to which the check digit is added.
    fn device(&self) -> String {
        let digits = hex(&self.phone);
        if digits.bytes().all(|b| b.is_ascii_digit()) {
            let short = digits.trim_start_matches('0');
            return if short.is_empty() { "0".to_owned() } else { short.to_owned() };
        }
        let number = self.phone.iter().take(8).fold(0_u64, |n, &b| n << 8 | u64::from(b)).to_string();
        format!("{number}{}", luhn(&number))
    }

    fn reply(&self, kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap_or(0) & LENGTH;
        let attributes = length | if self.version.is_some() { VERSIONED } else { 0 };
        let mut bytes = [kind.to_be_bytes(), attributes.to_be_bytes()].concat();
        bytes.extend(self.version);
        bytes.extend_from_slice(&self.phone);
        // Our own serial number: replies name the device's in their body, nobody answers ours.
        if kind == 0x4401 {
            bytes.push(1)
        } else {
            bytes.extend([0, 0])
        }
        bytes.extend_from_slice(body);
        sealed(self.other, bytes)
    }

    /// §8.2: message `serial` of our kind has been kept.
    fn acknowledge(&self, serial: u16) -> Vec<u8> {
        let body = [serial.to_be_bytes(), self.kind.to_be_bytes()].concat();
        self.reply(0x8001, &[&body[..], &[0]].concat())
    }
}

/// The check digit of an IMEI (ISO/IEC 7812-1, annex B).
fn luhn(digits: &str) -> u32 {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let digit = u32::from(b - b'0') * if i % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    (10 - sum % 10) % 10
}

fn message(session: &mut Session, header: &Header, body: &[u8], now: UtcMillis) -> Result<Message, String> {
    match header.packet {
        None | Some((0 | 1, _)) => Ok(whole(session, header, body, header.acknowledge(header.serial), now)),
        Some((total, index)) => part(session, header, (total, index), body, now),
    }
}

/// Keeps one packet of a message. All are acknowledged when the last is there: before that, nothing of it is kept anywhere.
fn part(
    session: &mut Session,
    header: &Header,
    (total, index): (u16, u16),
    body: &[u8],
    now: UtcMillis,
) -> Result<Message, String> {
    // A photograph is never put together: of it only the place is taken, which is in its first packet.
    if (header.kind == 0x0801 || total > Parts::MAX) && (1..=total).contains(&index) {
        return Ok(of_many(session, header, (total, index), body, now));
    }
    if total > Parts::MAX || index == 0 || index > total {
        return Err(format!("packet {index} of {total}; at most {} are taken", Parts::MAX));
    }
    if body.len() > usize::from(LENGTH) {
        return Err(format!("a packet of {} bytes; the header can say {LENGTH}", body.len()));
    }
    let parts = &mut session.parts;
    let base = header.serial.wrapping_sub(index);
    if (parts.kind, parts.total, parts.base) != (header.kind, total, base) {
        *parts = Parts { kind: header.kind, total, base, ..Parts::default() };
    }
    parts.by_index.insert(index, (header.serial, body.to_vec()));
    if parts.by_index.len() < usize::from(total) {
        return Ok(Message::note("part of a message"));
    }
    let parts = std::mem::take(parts);
    let body = parts.by_index.values().flat_map(|(_, body)| body).copied().collect::<Vec<_>>();
    let replies = parts.by_index.values().flat_map(|(serial, _)| header.acknowledge(*serial)).collect();
    Ok(whole(session, header, &body, replies, now))
}

/// A packet of a photograph, or of a message in more than are put together. Where a photograph was taken is in its first packet. Of
/// anything else all are left out. Each is acknowledged: the terminal would repeat them for ever.
fn of_many(
    session: &mut Session,
    header: &Header,
    (total, index): (u16, u16),
    body: &[u8],
    now: UtcMillis,
) -> Message {
    let acknowledge = header.acknowledge(header.serial);
    match (header.kind, index) {
        (0x0801, 1) => whole(session, header, body, acknowledge, now),
        (0x0801, _) => Message { reply: acknowledge, ..Message::note("part of a photograph") },
        (kind, _) => {
            let warning =
                format!("kind {kind:04x}: packet {index} of {total}; at most {} are taken", Parts::MAX);
            let reply = reply(header, acknowledge, now);
            Message { reply, warning: Some(warning), ..Message::note("part of a message") }
        }
    }
}

/// What it cannot tell is left out and the rest acknowledged: a terminal repeats what is not for ever, and with it everything
/// behind it.
fn whole(
    session: &mut Session,
    header: &Header,
    body: &[u8],
    acknowledge: Vec<u8>,
    now: UtcMillis,
) -> Message {
    let (mut fixes, mut warning) = match positions(session.zone(PROTOCOL.zone), header.kind, body) {
        Ok(kept) => {
            let warning = kept.warning();
            (kept.good, warning)
        }
        Err(why) => (Vec::new(), Some(why)),
    };
    if header.kind == 0x0702 {
        session.driver = driver(body).unwrap_or_else(|why| {
            warning = Some(why);
            None
        });
    }
    for fix in &mut fixes {
        fix.device.clone_from(&session.device);
        // Stored positions may be of the driver before.
        if header.kind == 0x0200 {
            fix.told.driver.clone_from(&session.driver);
        }
    }
    let warning = warning.map(|why| format!("kind {:04x}: {why}", header.kind));
    Message { fixes, reply: reply(header, acknowledge, now), warning, ..Message::note(note(header.kind)) }
}

fn positions(zone: Zone, kind: u16, body: &[u8]) -> Result<Kept<Fix>, String> {
    let one = match kind {
        0x0210 if body.len() == 7 => None,
        0x0210 => return Ok(location::batch(zone, body, false)),
        0x0704 => return Ok(location::batch(zone, body.get(3..).unwrap_or(&[]), true)),
        0x0200 => location::standard(zone, body)?,
        // Behind the serial number of the order: the answers to "where are you" and to "lock the doors" (§8.22, §8.37).
        0x0201 | 0x0500 => location::standard(zone, body.get(2..).unwrap_or(&[]))?,
        0x0801 => location::multimedia(zone, body),
        0x0900 => location::transparent(zone, body)?,
        0x5501 | 0x5502 => Some(location::short(body)?),
        _ => None,
    };
    Ok(one.into_iter().map(Ok).collect())
}

fn reply(header: &Header, acknowledge: Vec<u8>, now: UtcMillis) -> Vec<u8> {
    match header.kind {
        // §8.6: serial number, success, and the code to authenticate with; any will do, we know devices by their number.
        0x0100 => {
            let serial = header.serial.to_be_bytes();
            header.reply(0x8100, &[&serial[..], &[0], header.device().as_bytes()].concat())
        }
        0x0109 => {
            let (year, rest) = fields(now);
            header.reply(0x8109, &[&year.to_be_bytes()[..], &rest, &[0]].concat())
        }
        0x5501 | 0x5502 if header.attributes & WANTS_REPLY != 0 => {
            header.reply(0x4401, &[&header.kind.to_be_bytes()[..], &[0]].concat())
        }
        // Answers to what a platform asks: nobody waits for an answer to an answer.
        0x5501 | 0x5502 | 0x0001 | 0x0104 | 0x0201 | 0x0302 | 0x0500 | 0x0700 | 0x0802 | 0x0805 => Vec::new(),
        _ => acknowledge,
    }
}

/// 0x0702 (§8.36): card in (1) or out (2), date (6), and of a card that could be read: 0, length and letters of the name, the
/// certificate's number (20). Devices of 2011 send something else, which names nobody.
fn driver(body: &[u8]) -> Result<Option<String>, String> {
    let mut body = Reader::new(body);
    let in_or_out = body.u8()?;
    body.take(6)?;
    if in_or_out != 1 || body.u8()? != 0 {
        return Ok(None);
    }
    let length = usize::from(body.u8()?);
    body.take(length)?;
    let number = String::from_utf8_lossy(body.take(20)?).trim_matches(['\0', ' ']).to_owned();
    Ok((!number.is_empty() && number.bytes().all(|b| b.is_ascii_graphic())).then_some(number))
}

fn note(kind: u16) -> &'static str {
    match kind {
        0x0001 => "general answer",
        0x0002 | 0x0506 => "heartbeat",
        0x0003 => "logout",
        0x0100 => "registration",
        0x0102 => "authentication",
        0x0104 | 0x0107 => "properties",
        0x0109 => "request for the time",
        0x0200 | 0x0201 | 0x0500 | 0x5501 | 0x5502 => "position",
        0x0801 => "photograph",
        0x0210 | 0x0704 => "positions",
        0x0702 => "driver",
        0x0900 => "transparent data",
        0x1007 => "time zone",
        0x0701 | 0x1300 | 0x6006 => "answer to a command",
        _ => "kind without a position",
    }
}

/// Locks ask for the time in a sentence, `(…,BASE,2,TIME)`, and tell everything else without a position.
fn sentence(used: usize, text: &str, now: UtcMillis) -> Decoded {
    let (note, reply) = if text.contains("BASE,2") {
        let (year, [month, day, hour, minute, second]) = fields(now);
        let time = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}");
        ("request for the time", text.replacen("TIME", &time, 1).into_bytes())
    } else {
        ("sentence", Vec::new())
    };
    Decoded::Message(Message { used, reply, note, ..Message::default() })
}
