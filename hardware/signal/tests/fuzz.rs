//! The fuzz targets without a fuzzer: messages of every kind of controller, many changed copies of them, and nonsense.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that panics has failed")]

#[path = "../fuzz/fuzz_targets/feed.rs"]
mod feed;

use std::path::Path;

use hardware_signal::controllers::{self, Action};

/// Intersection 12111, as `src/j2735/tests.rs` has it.
const SPAT: &str = "001338000817a780000089680500204642b342b34802021a15a955a940181190acd0acd20100868555c555c00104342aae2aae002821a155715570";

const RSMP: [&str; 9] = [
    r#"{"mType":"rSMsg","type":"StatusUpdate","mId":"s","cId":"TC","sTs":"2026-01-01T00:01:00.000Z","sS":[{"sCI":"S0001","n":"signalgroupstatus","s":"1B0N","q":"recent"},{"sCI":"S0001","n":"stage","s":"2","q":"old"}]}"#,
    r#"{"mType":"rSMsg","type":"StatusUpdate","mId":"c","cId":"TC","sTs":"2026-01-01T00:01:00.000Z","sS":[{"sCI":"S0205","n":"start","s":"2026-01-01T00:00:00.000Z","q":"recent"},{"sCI":"S0205","n":"vehicles","s":"3,-1,0","q":"recent"},{"sCI":"S0208","n":"start","s":"2026-01-01T00:00:00.000Z","q":"old"},{"sCI":"S0208","n":"MC","s":"3,2","q":"old"}]}"#,
    r#"{"mType":"rSMsg","type":"StatusResponse","mId":"d","cId":"DL2","sTs":"2026-01-01T00:01:00.000Z","sS":[{"sCI":"S0203","n":"starttime","s":"2026-01-01T00:00:00.000Z","q":"recent"},{"sCI":"S0203","n":"occupancy","s":"17","q":"recent"}]}"#,
    r#"{"mType":"rSMsg","type":"Alarm","mId":"a","cId":"DL1","aCId":"A0302","xACId":"loop 4","xNACId":"","aSp":"Issue","ack":"notAcknowledged","aS":"Active","sS":"notSuspended","aTs":"2026-01-01T00:00:00.500Z","cat":"D","pri":"2","rvs":[{"n":"detector","v":"1"}]}"#,
    r#"{"mType":"rSMsg","type":"AggregatedStatus","mId":"g","cId":"TC","se":[false,false,false,false,true,true,false,false]}"#,
    r#"{"mType":"rSMsg","type":"CommandResponse","mId":"r","cId":"TC","rvs":[{"cCI":"M0002","n":"status","v":"True","age":"recent"}]}"#,
    r#"{"mType":"rSMsg","type":"ComponentList","mId":"l","components":[{"id":"TC","type":"main","name":"a"}]}"#,
    r#"{"mType":"rSMsg","type":"Watchdog","mId":"w","wTs":"2026-01-01T00:01:00.000Z"}"#,
    r#"{"mType":"rSMsg","type":"MessageNotAck","oMId":"8b2f4a7e-9d3c-4f10-a1b2-c3d4e5f60718","rea":"no"}"#,
];

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// Messages that are understood, or nearly.
fn seeds(kind: &str) -> Vec<Vec<u8>> {
    match kind {
        "rsmp" => RSMP.iter().map(|text| format!("{text}\u{c}").into_bytes()).collect(),
        "spat" => vec![bytes(SPAT), include_bytes!("../src/j2735/map_12110.hex").to_vec()],
        _ => answers(),
    }
}

/// What an NTCIP session asks, made into answers: a response (0xa2) or a report (0xa8) with the same variables, whose values are
/// nothing, empty octets or "no such object".
fn answers() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for mut session in feed::sessions("ntcip") {
        // What it asked first was thrown away: it asks again.
        let late = controllers::At {
            utc: models_domain::UtcMillis(1_800_000_010_000),
            elapsed: std::time::Duration::from_secs(10),
            synchrony: controllers::Synchrony::Synchronised,
        };
        session.handle_timeout(late);
        while let Some(action) = session.poll() {
            let Action::Send(asked) = action else { continue };
            for tag in [0xa2, 0xa8] {
                for value in [[5, 0], [4, 0], [0x80, 0]] {
                    let mut answer = asked.clone();
                    if let Some(at) = answer.iter().position(|byte| *byte == 0xa0) {
                        answer[at] = tag;
                    }
                    for at in 0..answer.len().saturating_sub(1) {
                        if answer[at..at + 2] == [5, 0] {
                            answer[at..at + 2].copy_from_slice(&value);
                        }
                    }
                    all.push(answer);
                }
            }
        }
    }
    assert!(all.len() >= 12, "{} answers", all.len());
    all
}

#[test]
fn every_kind_has_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for kind in controllers::ALL {
        let path = format!("fuzz_targets/{}.rs", kind.name);
        let target = std::fs::read_to_string(folder.join(&path)).unwrap();
        assert!(target.contains(&format!("feed::feed(\"{}\", data)", kind.name)), "{path}");
        assert!(manifest.contains(&format!("path = \"{path}\"")), "{path} is not in the manifest");
    }
}

#[test]
fn every_prefix_and_every_bit() {
    for kind in controllers::ALL {
        for seed in seeds(kind.name).into_iter().filter(|seed| seed.len() < 700) {
            (0..=seed.len()).for_each(|length| feed::feed(kind.name, &seed[..length]));
            for bit in 0..seed.len() * 8 {
                let mut damaged = seed.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                feed::feed(kind.name, &damaged);
            }
        }
    }
}

#[test]
fn changed_messages_are_survived() {
    for kind in controllers::ALL {
        changed(kind.name, 2_000, 1);
    }
}

/// `NGATU_SIGNAL_INPUTS=1000000 cargo test --release -p hardware-signal --test fuzz -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes; for release builds"]
fn a_million_changed_messages_each() {
    let inputs = std::env::var("NGATU_SIGNAL_INPUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    for kind in controllers::ALL {
        changed(kind.name, inputs, 7);
        eprintln!("{}: {inputs} inputs, no panic", kind.name);
    }
}

/// Copies of the seeds with bytes changed, left out, doubled and put together; and bytes that are nothing.
fn changed(kind: &str, inputs: u64, seed: u64) {
    let seeds = seeds(kind);
    // xorshift: chance that is the same at every run.
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64 ^ seed;
    let mut below = |most: usize| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        usize::try_from(chance % most.max(1) as u64).unwrap_or(0)
    };
    for _ in 0..inputs {
        let mut input = seeds[below(seeds.len())].clone();
        for _ in 0..=below(6) {
            let at = below(input.len());
            match below(5) {
                0 if !input.is_empty() => input[at] = below(256).to_le_bytes()[0],
                1 if !input.is_empty() => {
                    let length = below(input.len() - at);
                    input.drain(at..at + length);
                }
                2 if !input.is_empty() => {
                    let piece = input[at..at + below(input.len() - at)].to_vec();
                    input.splice(at..at, piece);
                }
                3 => input.extend_from_slice(&seeds[below(seeds.len())]),
                _ => {
                    let nonsense: Vec<u8> = (0..below(40)).map(|_| below(256).to_le_bytes()[0]).collect();
                    let at = at.min(input.len());
                    input.splice(at..at, nonsense);
                }
            }
        }
        input.truncate(16 * 1024);
        feed::feed(kind, &input);
    }
}
