//! Recorded messages of real devices, where `shared/field` lies beside or above the checkout: none may break a decoder.

use std::collections::BTreeMap;
use std::path::Path;

use hardware_gps::protocols::{self, Decoded, Fix, Session, Source, Zones};
use models_domain::UtcMillis;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The records of one protocol.
fn records(name: &str) -> Option<Vec<Value>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read =
        |above: &Path| std::fs::read_to_string(above.join(format!("shared/field/gps/{name}.json"))).ok();
    let Some(text) = here.ancestors().find_map(read) else {
        eprintln!("{name} skipped: no field material beside this checkout");
        return None;
    };
    let file: Value = serde_json::from_str(&text).expect("the file is JSON");
    file["records"].as_array().cloned()
}

fn recordings(name: &str) -> Option<Vec<Vec<u8>>> {
    Some(records(name)?.iter().filter_map(message).collect())
}

/// What the device sent.
fn message(record: &Value) -> Option<Vec<u8>> {
    let input = &record["input"];
    if let Some(digits) = input["hex"].as_str() {
        return unhex(digits);
    }
    if let Some(text) = input["text"].as_str() {
        return Some(text.as_bytes().to_vec());
    }
    let body = unhex(input["body_hex"].as_str().unwrap_or(""))?;
    let method = input["http_method"].as_str()?;
    let mut head =
        format!("{method} {} HTTP/1.1\r\nContent-Length: {}\r\n", input["uri"].as_str()?, body.len());
    for (name, value) in input["headers"].as_object().into_iter().flatten() {
        head.push_str(&format!("{name}: {}\r\n", value.as_str()?));
    }
    Some([head.as_bytes(), b"\r\n", &body].concat())
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    (0..digits.len() / 2).map(|i| u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok()).collect()
}

/// Decodes all of `bytes`; the decoder must go forward at each step.
fn feed(decode: protocols::Decode, source: Source, mut bytes: &[u8]) {
    let mut session = Session::new(Zones::default(), source);
    while !bytes.is_empty() {
        let used = match decode(&mut session, bytes, UtcMillis(0)) {
            Decoded::NeedMore => return,
            Decoded::Message(message) => message.used,
            Decoded::Bad { used, .. } => used,
        };
        assert!((1..=bytes.len()).contains(&used));
        bytes = &bytes[used..];
    }
}

#[test]
fn every_prefix_and_every_turned_bit_is_survived() {
    for protocol in protocols::ALL {
        for recorded in recordings(protocol.name).unwrap_or_default() {
            for source in [Source::Live, Source::Datagram, Source::Recording] {
                for end in 0..=recorded.len() {
                    feed(protocol.decode, source, &recorded[..end]);
                }
                let mut damaged = recorded.clone();
                for bit in 0..recorded.len() * 8 {
                    damaged[bit / 8] ^= 1 << (bit % 8);
                    feed(protocol.decode, source, &damaged);
                    damaged[bit / 8] ^= 1 << (bit % 8);
                }
            }
        }
    }
}

/// What an independent decoder read out of the same messages. Its positions without a date of their own bear the day on which
/// it read them, and cannot be compared.
const DAY_OF_READING: &str = "2026-11-21";
/// What is known to differ, and why ours stands: a speed in whole and tenths read as one number; a position at 0, 0 made of
/// fields that say "not available"; a month 18 that became June of the next year.
const DIFFER_AT_MOST: usize = 3;

#[test]
fn positions_are_those_of_an_independent_decoder() {
    let (mut fixes, mut same, mut told) = (0, 0, Vec::new());
    for protocol in protocols::ALL {
        let mut sessions: BTreeMap<String, Session> = BTreeMap::new();
        for record in records(protocol.name).unwrap_or_default() {
            let Some(bytes) = message(&record) else { continue };
            if record["kind"]
                .as_str()
                .is_some_and(|kind| kind.starts_with("frame") || kind.starts_with("command"))
            {
                continue;
            }
            let zone = if protocol.name == "jt808" { "+08:00" } else { "+00:00" };
            let zones = Zones { otherwise: zone.parse().ok(), ..Zones::default() };
            let connection = format!("{} {}", record["test_class"], record["test_method"]);
            let session =
                sessions.entry(connection).or_insert_with(|| Session::new(zones, Source::Recording));
            let got = fixes_of(protocol.decode, session, &bytes);
            if record["kind"] == "null" {
                assert!(got.is_empty(), "{}: a position out of {}", protocol.name, record["input"]);
            }
            for want in record["decoded"].as_array().into_iter().flatten() {
                let Some(at) = want["fix_time"].as_str() else { continue };
                if want["outdated"] == true || at.starts_with(DAY_OF_READING) {
                    continue;
                }
                fixes += 1;
                if got.iter().any(|fix| is_same(want, fix)) {
                    same += 1;
                } else {
                    told.push(format!(
                        "{}: {}\n  want {want}\n  got {got:?}",
                        protocol.name, record["input"]
                    ));
                }
            }
        }
    }
    eprintln!("{same} of {fixes} fixes\n{}", told.join("\n"));
    assert!(fixes - same <= DIFFER_AT_MOST, "{}", told.join("\n"));
}

/// Whose ignition and calls for help are read where that decoder reads them.
const TELL: [&str; 8] = ["gt06", "h02", "meitrack", "osmand", "queclink", "suntech", "t55_nmea", "tk103"];
/// An alarm of a GT06 fence with a cell of nine bytes, which it reads one byte too late: ignition.
const IGNITION_DIFFERS: usize = 1;

#[test]
fn ignition_and_calls_for_help_are_those_of_an_independent_decoder() {
    let (mut missed, mut differ, mut more) = (Vec::new(), Vec::new(), Vec::new());
    let mut any = false;
    for protocol in protocols::ALL.iter().filter(|protocol| TELL.contains(&protocol.name)) {
        for record in records(protocol.name).unwrap_or_default() {
            let Some(bytes) = message(&record) else { continue };
            let zones = Zones { otherwise: "+00:00".parse().ok(), ..Zones::default() };
            let mut session = Session::new(zones, Source::Recording);
            let got = fixes_of(protocol.decode, &mut session, &bytes);
            for want in record["decoded"].as_array().into_iter().flatten() {
                let Some(fix) = got.iter().find(|fix| is_same(want, fix)) else { continue };
                any = true;
                let line = format!("{}: {}\n  want {want}\n  got {fix:?}", protocol.name, record["input"]);
                let ignition = want["attributes"]["ignition"].as_bool();
                let calls = want["attributes"]["alarm"] == "sos";
                match (ignition, fix.told.engine_on) {
                    (Some(want), Some(got)) if want != got => differ.push(line.clone()),
                    (Some(_) | None, Some(_) | None) => {}
                }
                match (calls, fix.told.sos) {
                    (true, false) => missed.push(line),
                    (false, true) => more.push(line),
                    (true, true) | (false, false) => {}
                }
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    if any {
        assert_eq!(differ.len(), IGNITION_DIFFERS, "{}", differ.join("\n"));
        assert!(more.is_empty(), "{}", more.join("\n"));
    }
}

fn fixes_of(decode: protocols::Decode, session: &mut Session, mut bytes: &[u8]) -> Vec<Fix> {
    let mut fixes = Vec::new();
    while !bytes.is_empty() {
        let used = match decode(session, bytes, UtcMillis(0)) {
            Decoded::NeedMore => break,
            Decoded::Message(message) => {
                fixes.extend(message.fixes);
                message.used
            }
            Decoded::Bad { used, .. } => used,
        };
        bytes = &bytes[used..];
    }
    fixes
}

fn is_same(want: &Value, got: &Fix) -> bool {
    let number = |name: &str| want[name].as_f64().unwrap_or(0.0);
    let at = want["fix_time"].as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    (number("lat") - got.position.lat.0).abs() < 2e-5
        && (number("lon") - got.position.lon.0).abs() < 2e-5
        && at.is_some_and(|at| (at.unix_timestamp_nanos() / 1_000_000 - i128::from(got.at.0)).abs() < 1000)
        && (number("speed_knots") * 1.852 - got.speed.kmh()).abs() < 0.2
}
