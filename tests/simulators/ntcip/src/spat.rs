//! SPaT as a cabinet broadcasts it: SAE J2735 SPAT in unaligned packed encoding, written bit by bit. Pure.
//!
//! Phases are signal groups 1 to 8 and those on foot 9 to 16.

use crate::unit::Unit;

/// MovementPhaseState.
const CAUTION: u64 = 9;
const STOP: u64 = 3;
const GO: u64 = 6;
const CLEARS: u64 = 8;

/// Bits of IntersectionStatusObject, the first the highest of sixteen.
const FAILURE_FLASH: u64 = 1 << 13;
const FAILURE_MODE: u64 = 1 << 7;

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Bits of the last byte that are taken.
    taken: u32,
}

impl Bits {
    fn put(&mut self, value: u64, width: u32) {
        for bit in (0..width).rev() {
            if self.taken == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(value >> bit & 1 == 1) << (7 - self.taken);
            }
            self.taken = (self.taken + 1) % 8;
        }
    }
}

/// The frame of the present moment.
pub fn message(unit: &Unit, now_ms: i64) -> Vec<u8> {
    let told_ms = now_ms + unit.clock_off_ms;
    let mut status = 0;
    if unit.flashes() {
        status |= FAILURE_FLASH;
    }
    if unit.alarm1 != 0 {
        status |= FAILURE_MODE;
    }
    let groups = groups(unit);
    let mut bits = Bits::default();
    // SPAT: not extended; no minute, name, regional; one intersection.
    bits.put(0, 1 + 3 + 5);
    // IntersectionState: not extended; no name; minute, millisecond; no lanes, assistance, regional.
    bits.put(0b001_1000, 7);
    // Without region.
    bits.put(0, 1);
    bits.put(unit.config.intersection.into(), 16);
    bits.put(unit.boots.rem_euclid(128).unsigned_abs(), 7);
    bits.put(status, 16);
    bits.put(minute_of_the_year(told_ms), 20);
    bits.put(told_ms.rem_euclid(60_000).unsigned_abs(), 16);
    bits.put(groups.len() as u64 - 1, 8);
    for (number, state, change_ms) in groups {
        // MovementState: not extended; nothing optional; one event.
        bits.put(0, 1 + 3);
        bits.put(number.into(), 8);
        bits.put(0, 4);
        // MovementEvent: not extended; timing where it is known, no speeds, no regional.
        bits.put(0, 1);
        bits.put(if change_ms.is_some() { 0b100 } else { 0 }, 3);
        bits.put(state, 4);
        if let Some(change_ms) = change_ms {
            // TimeChangeDetails: earliest and latest end, which are the same.
            bits.put(0b01000, 5);
            let mark = (told_ms + change_ms).rem_euclid(3_600_000).unsigned_abs() / 100;
            bits.put(mark, 16);
            bits.put(mark, 16);
        }
    }
    framed(19, &bits.bytes)
}

fn framed(id: u64, value: &[u8]) -> Vec<u8> {
    let mut frame = Bits::default();
    frame.put(0, 1);
    frame.put(id, 15);
    if value.len() < 128 {
        frame.put(value.len() as u64, 8);
    } else {
        frame.put(0b10, 2);
        frame.put(value.len() as u64, 14);
    }
    for byte in value {
        frame.put(u64::from(*byte), 8);
    }
    frame.bytes
}

/// Number, state, and in how many milliseconds it changes.
fn groups(unit: &Unit) -> Vec<(u8, u64, Option<i64>)> {
    let lamps = &unit.lamps;
    let flashes = unit.flashes();
    let greens = unit.greens();
    let mut all = Vec::new();
    for (stage_index, stage) in unit.config.stages.iter().enumerate() {
        let lit = |bits: u16, phase: u32| bits >> (phase - 1) & 1 == 1;
        let numbered = |phase: u32, first: u32| u8::try_from(phase + first).unwrap_or(0);
        for phase in &stage.phases {
            let state = match () {
                () if flashes => CAUTION,
                () if lit(lamps.greens, *phase) => GO,
                () if lit(lamps.yellows, *phase) => CLEARS,
                () => STOP,
            };
            let change = unit.plan.change_in_s(&unit.config, &greens, stage_index, false);
            all.push((numbered(*phase, 0), state, change));
        }
        for phase in &stage.peds {
            let state = match () {
                () if flashes => CAUTION,
                () if lit(lamps.walks, *phase) => GO,
                () if lit(lamps.ped_clears, *phase) => CLEARS,
                () => STOP,
            };
            let change = unit.plan.change_in_s(&unit.config, &greens, stage_index, true);
            all.push((numbered(*phase, 8), state, change));
        }
    }
    let controlled = flashes || unit.is_controlled();
    let ms = |s: f64| (s * 1_000.0 / unit.config.speed) as i64;
    all.into_iter().map(|(number, state, s)| (number, state, (!controlled).then(|| ms(s)))).collect()
}

/// Days from the civil calendar (proleptic Gregorian, eras of 400 years).
fn minute_of_the_year(utc_ms: i64) -> u64 {
    let minutes = utc_ms.div_euclid(60_000);
    let days = minutes.div_euclid(1_440);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut year, mut begin) = (1970, 0);
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if days < begin + length {
            break;
        }
        begin += length;
        year += 1;
    }
    (minutes - begin * 1_440).unsigned_abs()
}
