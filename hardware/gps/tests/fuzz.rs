//! The fuzz targets without a fuzzer: the committed corpora replayed, and on demand many changed copies of them.

#[path = "../fuzz/fuzz_targets/feed.rs"]
mod feed;

use std::path::Path;

use hardware_gps::protocols::{self, Decoded, Session, Source, Told, Zones};
use models_domain::UtcMillis;

/// The messages of the decoders' own tests, and what a fuzzer found.
fn corpus(protocol: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(protocol);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|err| panic!("{}: {err}", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).expect("a file that can be read")).collect()
}

#[test]
fn every_decoder_has_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
    for protocol in protocols::ALL {
        let path = format!("fuzz_targets/{}.rs", protocol.name);
        let target =
            std::fs::read_to_string(folder.join(&path)).unwrap_or_else(|err| panic!("{path}: {err}"));
        assert!(target.contains(&format!("feed::feed(\"{}\", data)", protocol.name)), "{path}");
        assert!(manifest.contains(&format!("path = \"{path}\"")), "{path} is not in the manifest");
    }
}

#[test]
fn corpora_are_survived() {
    for protocol in protocols::ALL {
        let corpus = corpus(protocol.name);
        assert!(corpus.len() >= 5, "{}: a corpus of {}", protocol.name, corpus.len());
        for input in corpus {
            feed::feed(protocol.name, &input);
        }
    }
}

/// Whether ignition and calls for help are read.
const TELL: [(&str, bool, bool); 9] = [
    ("gt06", true, true),
    ("h02", true, true),
    ("meitrack", false, true),
    ("osmand", true, true),
    ("queclink", true, true),
    ("suntech", true, true),
    ("t55_nmea", true, false),
    ("tk103", true, true),
    ("wialon", false, true),
];

/// A fuzzer finds no checksum: what a decoder is to be tried with must be there.
#[test]
fn corpora_hold_what_vehicles_tell() {
    for (name, ignition, calls) in TELL {
        let all: Vec<Told> = corpus(name).iter().flat_map(|input| told(name, input)).collect();
        let holds = |what: fn(&Told) -> bool| all.iter().any(what);
        let on_and_off =
            (holds(|told| told.engine_on == Some(true)), holds(|told| told.engine_on == Some(false)));
        assert_eq!(on_and_off, (ignition, ignition), "{name}: ignition");
        assert_eq!(holds(|told| told.sos), calls, "{name}: calls for help");
    }
}

/// What vehicles tell beside the places of one datagram.
fn told(protocol: &str, mut input: &[u8]) -> Vec<Told> {
    let protocol = protocols::named(protocol).expect("a protocol");
    let (mut session, mut told) = (Session::new(Zones::default(), Source::Datagram), Vec::new());
    while !input.is_empty() {
        let used = match (protocol.decode)(&mut session, input, UtcMillis(1_735_689_599_000)) {
            Decoded::NeedMore => break,
            Decoded::Message(message) => {
                told.extend(message.fixes.into_iter().map(|fix| fix.told));
                message.used
            }
            Decoded::Bad { used, .. } => used,
        };
        input = &input[used..];
    }
    told
}

#[test]
fn changed_messages_are_survived() {
    for protocol in protocols::ALL {
        changed(protocol.name, 2_000, 1);
    }
}

/// `NGATU_GPS_INPUTS=10000000 cargo test --release -p hardware-gps --test fuzz -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes; for release builds"]
fn ten_million_changed_messages_each() {
    let inputs = std::env::var("NGATU_GPS_INPUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000_000);
    let only = std::env::var("NGATU_GPS_PROTOCOL").ok();
    for protocol in protocols::ALL.iter().filter(|p| only.as_deref().is_none_or(|only| only == p.name)) {
        changed(protocol.name, inputs, 7);
        eprintln!("{}: {inputs} inputs, no panic", protocol.name);
    }
}

fn changed(protocol: &str, inputs: u64, seed: u64) {
    let corpus = corpus(protocol);
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..inputs {
        let mut input = corpus[chance.below(corpus.len())].clone();
        for _ in 0..=chance.below(6) {
            change(&mut input, &corpus, &mut chance);
        }
        input.truncate(4096);
        feed::feed(protocol, &input);
    }
}

/// One change of the kinds that fuzzers make.
fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], chance: &mut Chance) {
    if input.is_empty() {
        input.push(chance.byte());
        return;
    }
    let at = chance.below(input.len());
    match chance.below(9) {
        0 => input[at] ^= 1 << chance.below(8),
        1 => input[at] = chance.byte(),
        2 => input[at] = [0, 0x7f, 0x80, 0xff, b'0', b'9', b',', b'.', b'-'][chance.below(9)],
        3 => input.insert(at, chance.byte()),
        4 => drop(input.remove(at)),
        5 => input.truncate(at + 1),
        6 => {
            let end = (at + 1 + chance.below(16)).min(input.len());
            let piece = input[at..end].to_vec();
            let to = chance.below(input.len());
            input.splice(to..to, piece);
        }
        7 => {
            let end = (at + 1 + chance.below(8)).min(input.len());
            input.drain(at..end);
        }
        _ => {
            let other = &corpus[chance.below(corpus.len())];
            input.truncate(at);
            input.extend_from_slice(&other[chance.below(other.len().max(1)).min(other.len())..]);
        }
    }
}

/// Xorshift (Marsaglia 2003): the same inputs at every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 32) as u8
    }
}
