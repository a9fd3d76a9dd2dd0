//! What the machine says of itself.

use std::path::Path;

use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct Machine {
    pub processor: String,
    /// That this process may use.
    pub cores: usize,
    pub architecture: &'static str,
    /// Of the instruction sets that decoders and networks gain from, those that are there.
    pub instructions: Vec<&'static str>,
    pub memory_mib: u64,
    pub memory_free_mib: u64,
    pub network: Vec<Card>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Card {
    pub name: String,
    /// As Linux says: up, down, unknown.
    pub state: String,
    /// `None` where there is no link, or the card does not tell.
    pub mbit_per_s: Option<u64>,
}

pub fn look() -> Machine {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    Machine {
        processor: field(&cpuinfo, &["model name", "Model", "Hardware"]).unwrap_or("unknown").to_owned(),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
        architecture: std::env::consts::ARCH,
        instructions: instructions(),
        memory_mib: mib(&meminfo, "MemTotal"),
        memory_free_mib: mib(&meminfo, "MemAvailable"),
        network: cards(Path::new("/sys/class/net")),
    }
}

/// The first of these fields of a `name : value` file.
fn field<'a>(text: &'a str, names: &[&str]) -> Option<&'a str> {
    let value = |name: &&str| {
        text.lines()
            .find_map(|line| line.split_once(':').filter(|(n, _)| &n.trim() == name))
            .map(|(_, v)| v.trim())
    };
    names.iter().find_map(value)
}

fn mib(meminfo: &str, name: &str) -> u64 {
    let kib = field(meminfo, &[name]).and_then(|value| value.split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

#[cfg(target_arch = "x86_64")]
fn instructions() -> Vec<&'static str> {
    let sets = [
        ("SSE4.2", std::is_x86_feature_detected!("sse4.2")),
        ("AVX2", std::is_x86_feature_detected!("avx2")),
        ("FMA", std::is_x86_feature_detected!("fma")),
        ("AVX512F", std::is_x86_feature_detected!("avx512f")),
        ("AVX512-VNNI", std::is_x86_feature_detected!("avx512vnni")),
        ("AVX-VNNI", std::is_x86_feature_detected!("avxvnni")),
    ];
    sets.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

#[cfg(target_arch = "aarch64")]
fn instructions() -> Vec<&'static str> {
    let sets = [
        ("NEON", std::arch::is_aarch64_feature_detected!("neon")),
        ("dot product", std::arch::is_aarch64_feature_detected!("dotprod")),
        ("I8MM", std::arch::is_aarch64_feature_detected!("i8mm")),
        ("SVE", std::arch::is_aarch64_feature_detected!("sve")),
    ];
    sets.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instructions() -> Vec<&'static str> {
    Vec::new()
}

/// Every card but the loopback, by name.
fn cards(folder: &Path) -> Vec<Card> {
    let read = |card: &Path, file: &str| {
        std::fs::read_to_string(card.join(file)).map(|text| text.trim().to_owned()).unwrap_or_default()
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut cards: Vec<Card> = entries
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let speed = read(&entry.path(), "speed").parse::<i64>().ok();
            let mbit_per_s = speed.and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0);
            let state = read(&entry.path(), "operstate");
            (name != "lo").then_some(Card { name, state, mbit_per_s })
        })
        .collect();
    cards.sort_by(|a, b| a.name.cmp(&b.name));
    cards
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_cards_that_say_nothing_are_listed() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nmodel name\t: other\n";
        assert_eq!(field(text, &["Hardware", "model name"]), Some("Some CPU @ 2.00GHz"));
        assert_eq!(mib("MemTotal:       24675124 kB\n", "MemTotal"), 24_096);
        assert_eq!(mib("", "MemTotal"), 0);
        let dir = tempfile::tempdir().unwrap();
        for (card, speed) in [("eth0", "1000\n"), ("wlan0", "-1\n"), ("lo", "")] {
            std::fs::create_dir(dir.path().join(card)).unwrap();
            std::fs::write(dir.path().join(card).join("speed"), speed).unwrap();
            std::fs::write(dir.path().join(card).join("operstate"), "up\n").unwrap();
        }
        let card = |name: &str, mbit_per_s| Card { name: name.into(), state: "up".into(), mbit_per_s };
        assert_eq!(cards(dir.path()), [card("eth0", Some(1000)), card("wlan0", None)]);
    }
}
