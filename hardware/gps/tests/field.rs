//! Recorded messages of real devices, where `../shared/field` lies beside the checkout: none may break a decoder.

use std::path::PathBuf;

use hardware_gps::protocols::{self, Decoded, Session, Source, Zones};
use models_domain::UtcMillis;
use serde_json::Value;

fn recordings(name: &str) -> Option<Vec<Vec<u8>>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/field/gps");
    let Ok(text) = std::fs::read_to_string(root.join(format!("{name}.json"))) else {
        eprintln!("skipped: no field material beside this checkout");
        return None;
    };
    let file: Value = serde_json::from_str(&text).expect("the file is JSON");
    let records = file["records"].as_array().expect("records");
    Some(records.iter().filter_map(|r| unhex(r["input"]["hex"].as_str()?)).collect())
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
            for source in [Source::Live, Source::Recording] {
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
