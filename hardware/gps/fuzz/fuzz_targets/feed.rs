//! Feeds a decoder as the server does, from every kind of source; it must come to an end and use what it says it used.

use hardware_gps::protocols::{self, Decoded, Session, Source, Zones};
use models_domain::UtcMillis;

pub fn feed(protocol: &str, data: &[u8]) {
    let Ok(protocol) = protocols::named(protocol) else { panic!("{protocol} is not a protocol") };
    (protocol.detect)(data);
    for source in [Source::Live, Source::Datagram, Source::Recording] {
        let mut session = Session::new(Zones::default(), source);
        let mut rest = data;
        while !rest.is_empty() {
            let used = match (protocol.decode)(&mut session, rest, UtcMillis(1_735_689_599_000)) {
                Decoded::NeedMore => break,
                Decoded::Message(message) => message.used,
                Decoded::Bad { used, .. } => used,
            };
            assert!((1..=rest.len()).contains(&used), "{used} of {} used", rest.len());
            rest = &rest[used..];
        }
    }
}
