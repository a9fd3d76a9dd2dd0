//! Feeds a decoder as the server does: from every kind of source, at once and in pieces. It must come to an end, use what it
//! says it used, and not read other fixes where the stream was cut; and whatever was said, orders can be written.

use hardware_gps::protocols::{self, Decoded, Fix, Framing, Order, Protocol, Session, Source, Zones, detect};
use models_domain::UtcMillis;

const NOW: UtcMillis = UtcMillis(1_735_689_599_000);
/// Letters of an order.
const ORDER: usize = 300;

pub fn feed(protocol: &str, data: &[u8]) {
    let Ok(protocol) = protocols::named(protocol) else { panic!("{protocol} is not a protocol") };
    (protocol.detect)(data);
    let _ = detect::protocol_of(data);
    for source in [Source::Live, Source::Datagram, Source::Recording] {
        let mut device = Device::new(protocol, source);
        device.hear(data);
        if source == Source::Live && protocol.framing == Framing::Stream {
            let mut other = Device::new(protocol, source);
            pieces(data).for_each(|piece| other.hear(piece));
            if is_told_by_itself(protocol.name, data) {
                assert_eq!(device.said, other.said, "in pieces");
            }
        }
        device.ask(data);
    }
}

/// Whether messages are the same wherever the stream is cut. In H02 and Suntech nothing but what follows tells where a message
/// ends; and JT/T 808 gives the other delimiter up as soon as a sound frame with the usual one is behind it.
fn is_told_by_itself(protocol: &str, data: &[u8]) -> bool {
    match protocol {
        "h02" | "suntech" => false,
        "jt808" => !data.contains(&0xe7),
        _ => true,
    }
}

struct Device {
    protocol: &'static Protocol,
    session: Session,
    buffer: Vec<u8>,
    said: Vec<(Vec<Fix>, Vec<u8>)>,
}

impl Device {
    fn new(protocol: &'static Protocol, source: Source) -> Self {
        let session = Session::new(Zones::default(), source);
        Self { protocol, session, buffer: Vec::new(), said: Vec::new() }
    }

    fn hear(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
        let mut rest = &self.buffer[..];
        while !rest.is_empty() {
            let used = match (self.protocol.decode)(&mut self.session, rest, NOW) {
                Decoded::NeedMore => break,
                Decoded::Message(message) => {
                    if !message.fixes.is_empty() || !message.reply.is_empty() {
                        self.said.push((message.fixes, message.reply));
                    }
                    message.used
                }
                Decoded::Bad { used, .. } => used,
            };
            assert!((1..=rest.len()).contains(&used), "{used} of {} used", rest.len());
            rest = &rest[used..];
        }
        self.buffer = rest.to_vec();
    }

    fn ask(&self, data: &[u8]) {
        let Some(encode) = self.protocol.encode else { return };
        let text = String::from_utf8_lossy(&data[..data.len().min(ORDER)]).into_owned();
        let seconds = data.iter().fold(0, |n: u32, byte| n << 4 ^ u32::from(*byte));
        for order in [Order::Locate, Order::ReportEvery { seconds }, Order::Text(text)] {
            let _ = encode(&self.session, &order, seconds as u16);
        }
    }
}

/// Cut where the bytes themselves say: the same input is always cut in the same places.
fn pieces(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut chance = data.iter().fold(1_u32, |n, byte| n.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    std::iter::from_fn(move || {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let longest = if chance >> 31 == 0 { 3 } else { 64 };
        let (piece, rest) = data.split_at(data.len().min(1 + (chance >> 16) as usize % longest));
        data = rest;
        (!piece.is_empty()).then_some(piece)
    })
}
