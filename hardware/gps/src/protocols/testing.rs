//! What the decoders' tests share: feeding a connection, and feeding damage.

use models_domain::UtcMillis;

use super::{ALL, Decoded, Framing, Protocol, Session, Source};

pub(super) const NOW: UtcMillis = UtcMillis(1_735_689_599_000);

/// Feeds `input` until more is needed; a line for each result.
pub(super) fn lines(protocol: &Protocol, session: &mut Session, input: &[u8]) -> Vec<String> {
    let lines = lines_with_warnings(protocol, session, input);
    lines.into_iter().filter(|line| !line.starts_with(WARNING)).collect()
}

const WARNING: &str = "warning: ";

/// As [`lines`], with what was left out.
pub(super) fn lines_with_warnings(
    protocol: &Protocol,
    session: &mut Session,
    mut input: &[u8],
) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let used = match (protocol.decode)(session, input, NOW) {
            Decoded::NeedMore => break,
            Decoded::Bad { used, why } => {
                lines.push(format!("bad: {why}"));
                used
            }
            Decoded::Message(message) => {
                let reply = message.reply.iter().map(|b| format!("{b:02x}")).collect::<String>();
                lines.push([message.note, &reply].join(" ").trim_end().to_owned());
                if let Some(answer) = message.answer {
                    lines.push(format!("answered: {}", answer.text));
                }
                for fix in message.fixes {
                    let (position, valid) = (fix.position, if fix.valid { "" } else { " not valid" });
                    lines.push(format!(
                        "{} {} {:.5},{:.5} {:.1} km/h {:?} {:?}{valid}",
                        fix.device.as_deref().unwrap_or("?"),
                        fix.at.0,
                        position.lat.0,
                        position.lon.0,
                        fix.speed.kmh(),
                        fix.course.map(|c| c.0),
                        fix.altitude.map(|m| m.0),
                    ));
                }
                lines.extend(message.warning.map(|warning| format!("{WARNING}{warning}")));
                message.used
            }
        };
        assert!((1..=input.len()).contains(&used), "{used} of {} used", input.len());
        input = &input[used..];
        if input.is_empty() {
            break;
        }
    }
    lines
}

/// What the vehicle tells beside each place of `input`, in words.
pub(super) fn told(protocol: &Protocol, mut input: &[u8]) -> Vec<String> {
    let (mut session, mut all) = (Session::default(), Vec::new());
    while let Decoded::Message(message) = (protocol.decode)(&mut session, input, NOW) {
        for told in message.fixes.into_iter().map(|fix| fix.told) {
            let doors = told.doors_open.map(|open| if open { "doors open" } else { "doors shut" }.to_owned());
            let engine = told.engine_on.map(|on| if on { "engine on" } else { "engine off" }.to_owned());
            let words = [doors, engine, told.sos.then(|| "sos".to_owned()), told.driver];
            all.push(words.into_iter().flatten().collect::<Vec<_>>().join(", "));
        }
        input = &input[message.used..];
        if input.is_empty() {
            break;
        }
    }
    all
}

/// Every prefix, every message with one bit turned, and both with and without checksums: decoders must come to an end.
///
/// With `NGATU_GPS_CORPUS=FOLDER`, the messages of all tests are written there, as a corpus to fuzz from.
pub(super) fn survives(protocol: &Protocol, message: &[u8]) {
    if let Ok(folder) = std::env::var("NGATU_GPS_CORPUS") {
        let folder = std::path::Path::new(&folder).join(protocol.name);
        let name = format!("{:04x}-{}", super::bytes::crc16_arc(message), message.len());
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(folder.join(name), message))
            .expect("written");
    }
    for source in [Source::Live, Source::Datagram, Source::Recording] {
        let fed = |bytes: &[u8]| {
            let mut session = Session { source, ..Session::default() };
            lines(protocol, &mut session, bytes);
        };
        for end in 0..message.len() {
            fed(&message[..end]);
        }
        let mut damaged = message.to_vec();
        for bit in 0..message.len() * 8 {
            damaged[bit / 8] ^= 1 << (bit % 8);
            fed(&damaged);
            damaged[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

/// Whatever came before, the decoder finds back to sound messages within a bounded number of bytes.
pub(super) fn finds_back(protocol: &Protocol, message: &[u8]) {
    let mut noise = 1_u64;
    for _ in 0..200 {
        let mut input = Vec::new();
        for _ in 0..100 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            input.push((noise >> 56) as u8);
        }
        for _ in 0..2 * 4096 / message.len() + 2 {
            input.extend_from_slice(message);
        }
        let lines = lines(protocol, &mut Session::default(), &input);
        assert!(lines.last().is_some_and(|line| !line.starts_with("bad")), "{lines:?}");
    }
}

#[test]
fn names_are_unique_and_listed_in_the_error() {
    let mut names: Vec<_> = ALL.iter().map(|p| p.name).collect();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
    let err = super::named("gt07").err().map(|e| e.to_string());
    assert_eq!(err, Some(format!("protocol \"gt07\" is not known; this build speaks {}", names.join(", "))));
}

#[test]
fn noise_ends() {
    let mut noise = 7_u64;
    for round in 0..2000_u32 {
        let mut input = Vec::new();
        for _ in 0..300 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Bytes that mean something to a framer, more often than chance would.
            let meaningful = [0x78, 0x79, 0x0d, 0x0a, 0x7e, 0x7d, 0xe7, b'(', b')'];
            let byte = (noise >> 56) as u8;
            input.push(if byte < 128 { meaningful[usize::from(byte) % meaningful.len()] } else { byte });
        }
        let source = if round % 2 == 0 { Source::Recording } else { Source::Live };
        for protocol in ALL {
            if protocol.framing == Framing::Stream {
                lines(protocol, &mut Session { source, ..Session::default() }, &input);
            }
        }
    }
}
