//! The objects of NTCIP 1202 v02.18 and of NTCIP 1201's clock that a unit has, as numbers and what is behind them.

use std::collections::BTreeSet;

use crate::blocks;
use crate::plan::MINIMUM_GREEN_S;
use crate::unit::Unit;

pub const ASC: [u32; 10] = [1, 3, 6, 1, 4, 1, 1206, 4, 2, 1];
const GLOBAL: [u32; 10] = [1, 3, 6, 1, 4, 1, 1206, 4, 2, 6];
const SYSTEM: [u32; 7] = [1, 3, 6, 1, 2, 1, 1];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Integer(i64),
    Counter(i64),
    Ticks(i64),
    Octets(Vec<u8>),
}

/// Why something cannot be set (RFC 1157 §4.1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    NoSuchName,
    BadValue,
    NotWritable,
}

/// Preempts that a unit has.
pub const PREEMPTS: u32 = 10;

/// Walk, pedestrian clear, minimum green, maximum 1, yellow change, red clear.
const PHASE_COLUMNS: [u32; 6] = [2, 3, 4, 6, 8, 9];

/// Every object, in order.
pub fn objects(unit: &Unit) -> Vec<Vec<u32>> {
    let mut all: Vec<Vec<u32>> = [1, 3].map(|last| under(&SYSTEM, &[last, 0])).into();
    let scalars: [&[u32]; 27] = [
        &[1, 1, 0],
        &[2, 1, 0],
        &[2, 3, 0],
        &[2, 5, 1, 0],
        &[2, 5, 2, 0],
        &[2, 5, 3, 0],
        &[2, 6, 0],
        &[3, 3, 0],
        &[3, 5, 0],
        &[3, 6, 0],
        &[3, 7, 0],
        &[3, 8, 0],
        &[3, 9, 0],
        &[4, 5, 0],
        &[4, 10, 0],
        &[4, 11, 0],
        &[4, 12, 0],
        &[4, 13, 0],
        &[4, 14, 0],
        &[6, 1, 0],
        &[7, 1, 0],
        &[8, 1, 0],
        &[8, 3, 0],
        &[9, 1, 0],
        &[9, 3, 0],
        &[7, 6, 1, 1, 1],
        &[2, 4, 1, 3, 1],
    ];
    all.extend(scalars.map(|tail| under(&ASC, tail)));
    let rows: u32 = if unit.config.v4 { 1 } else { 2 };
    if unit.config.v4 {
        all.extend((2..=11).map(|column| under(&ASC, &[1, 3, 1, column, 1])));
        all.extend((2..=7).map(|column| under(&ASC, &[1, 4, 1, column, 1])));
    } else {
        all.push(under(&ASC, &[1, 3, 0]));
        for row in 1..=rows {
            all.extend((2..=11).map(|column| under(&ASC, &[1, 4, 1, column, row])));
            all.extend((2..=7).map(|column| under(&ASC, &[1, 5, 1, column, row])));
        }
    }
    let patterns = unit.config.patterns.keys().filter_map(|pattern| pattern.parse().ok());
    let phases = phase_numbers(unit);
    for phase in &phases {
        all.extend(PHASE_COLUMNS.map(|column| under(&ASC, &[1, 2, 1, column, *phase])));
    }
    for pattern in std::iter::once(1).chain(patterns) {
        all.extend((2..=5).map(|column| under(&ASC, &[4, 7, 1, column, pattern])));
        for phase in &phases {
            all.extend([3, 4].map(|column| under(&ASC, &[4, 9, 1, column, pattern, *phase])));
        }
    }
    for detector in 1..=8 {
        all.extend([1, 2].map(|column| under(&ASC, &[2, 5, 4, 1, column, detector])));
    }
    all.extend((1..=PREEMPTS).map(|number| under(&ASC, &[6, 2, 1, 16, number])));
    all.extend(unit.config.red_preempt.map(|number| under(&ASC, &[6, 3, 1, 2, number])));
    all.extend([2, 3, 4].map(|column| under(&ASC, &[8, 4, 1, column, 1])));
    all.extend([2, 3, 4].map(|column| under(&ASC, &[9, 4, 1, column, 1])));
    all.extend(blocks::objects(unit).iter().map(|tail| under(&ASC, tail)));
    all.extend([1, 2, 4, 5, 6].map(|last| under(&GLOBAL, &[3, last, 0])));
    all.sort();
    all
}

pub fn under(root: &[u32], tail: &[u32]) -> Vec<u32> {
    root.iter().chain(tail).copied().collect()
}

pub fn get(unit: &Unit, now_ms: i64, oid: &[u32]) -> Option<Value> {
    if let Some(tail) = oid.strip_prefix(&SYSTEM[..]) {
        return match tail {
            [1, 0] => Some(Value::Octets(b"ntcip-simulator".to_vec())),
            [3, 0] => Some(Value::Ticks(unit.up_time(now_ms))),
            _ => None,
        };
    }
    if let Some(tail) = oid.strip_prefix(&GLOBAL[..]) {
        return match tail {
            [3, 1, 0] => Some(Value::Counter(unit.global_time(now_ms))),
            // No summer time.
            [3, 2, 0] => Some(Value::Integer(2)),
            [3, 4 | 5, 0] => Some(Value::Integer(unit.config.zone_s)),
            [3, 6, 0] => {
                let zone = if unit.config.local_time { 0 } else { unit.config.zone_s };
                Some(Value::Counter(unit.global_time(now_ms) + zone))
            }
            _ => None,
        };
    }
    let tail = oid.strip_prefix(&ASC[..])?;
    phases(unit, tail).or_else(|| rest(unit, tail)).or_else(|| blocks::get(unit, tail))
}

fn phases(unit: &Unit, tail: &[u32]) -> Option<Value> {
    let lamps = &unit.lamps;
    let status = |column: u32| {
        Some(match column {
            2 => lamps.reds,
            3 => lamps.yellows,
            4 => lamps.greens,
            5 => lamps.dont_walks,
            6 => lamps.ped_clears,
            7 => lamps.walks,
            8 | 9 | 11 => 0,
            10 => lamps.ons,
            _ => return None,
        })
    };
    let control = |column: u32| {
        (2..=7).contains(&column).then(|| unit.phase_control.get(&column).copied().unwrap_or(0))
    };
    let row_of_8 = |bits: u16, row: u32| match row {
        1 => Some(Value::Integer((bits & 0xff).into())),
        2 => Some(Value::Integer((bits >> 8).into())),
        _ => None,
    };
    let octets = |bits: u16| Value::Octets(bits.to_le_bytes().to_vec());
    match (unit.config.v4, tail) {
        (false, [1, 4, 1, column, row]) => row_of_8(status(*column)?, *row),
        (false, [1, 5, 1, column, row]) => row_of_8(control(*column)?, *row),
        (true, [1, 3, 1, column, 1]) => Some(octets(status(*column)?)),
        (true, [1, 4, 1, column, 1]) => Some(octets(control(*column)?)),
        (false, [1, 3, 0]) => Some(Value::Integer(2)),
        (_, _) => None,
    }
}

fn rest(unit: &Unit, tail: &[u32]) -> Option<Value> {
    let lamps = &unit.lamps;
    let detector_fault = i64::from(unit.detector_alarms != 0) << 5;
    let number = match tail {
        [1, 1, 0] => 16,
        [2, 1 | 6, 0] => 8,
        [2, 3, 0] => 1,
        [2, 4, 1, 3, 1] => unit.detector_alarms,
        [2, 5, 1, 0] => unit.sequence % 256,
        [2, 5, 2, 0] => 1,
        [2, 5, 3, 0] => 8,
        [2, 5, 4, 1, column @ 1..=2, detector @ 1..=8] => {
            let (volume, occupancy) = unit.counts[*detector as usize - 1];
            if *column == 1 { volume } else { occupancy }
        }
        [3, 3, 0] => unit.backup_s,
        [3, 5, 0] => unit.control_status(),
        [3, 6, 0] => unit.flash_status(),
        [3, 7, 0] => 0,
        [3, 8, 0] => unit.alarm1 | i64::from(unit.mmu_flash) << 4,
        [3, 9, 0] => detector_fault | i64::from(unit.is_preempted()),
        [4, 5, 0] => 48,
        [4, 7, 1, 2, pattern] => match greens_of(unit, *pattern) {
            Some(greens) => crate::plan::cycle_s(&unit.config, &greens),
            None if unit.pattern_status() == i64::from(*pattern) => unit.cycle_s(),
            None => return None,
        },
        [4, 10, 0] => unit.pattern_status(),
        [4, 11, 0] => 2,
        [4, 12, 0] => unit.left_s(),
        [4, 13, 0] => unit.cycle_s() - unit.left_s(),
        [4, 14, 0] => unit.pattern,
        [6, 1, 0] => i64::from(PREEMPTS),
        [6, 2, 1, 16, number @ 1..=PREEMPTS] => unit.preempt_state(*number),
        [6, 3, 1, 2, number] if unit.config.red_preempt == Some(*number) => {
            i64::from(unit.preempts.get(number) == Some(&true))
        }
        [7, 1, 0] => 1,
        // Green rest.
        [7, 6, 1, 1, 1] => 3,
        [8, 1, 0] | [9, 1, 0] => 16,
        [8, 3, 0] | [9, 3, 0] => 1,
        // The first overlap and channel follow the first eight phases.
        [8 | 9, 4, 1, 2, 1] => i64::from(lamps.reds & 0xff),
        [8 | 9, 4, 1, 3, 1] => i64::from(lamps.yellows & 0xff),
        [8 | 9, 4, 1, 4, 1] => i64::from(lamps.greens & 0xff),
        _ => return settings(unit, tail).map(Value::Integer),
    };
    Some(Value::Integer(number))
}

/// Times of phases, patterns and their splits: each pattern has the table of splits with its own number, and each phase its stage's
/// green, yellow and red.
fn settings(unit: &Unit, tail: &[u32]) -> Option<i64> {
    let config = &unit.config;
    let stage_of = |phase: &u32| {
        let has = |stage: &crate::config::Stage| stage.phases.contains(phase) || stage.peds.contains(phase);
        config.stages.iter().position(has)
    };
    Some(match tail {
        [1, 2, 1, column, phase] => {
            let stage = stage_of(phase)?;
            match column {
                2 | 4 => MINIMUM_GREEN_S as i64,
                3 => config.ped_clear_s.into(),
                6 => config.stages[stage].green_s.into(),
                8 => i64::from(config.yellow_s) * 10,
                9 => unit.red_clear.unwrap_or(i64::from(config.all_red_s) * 10),
                _ => return None,
            }
        }
        [4, 7, 1, column @ 3..=5, pattern] => {
            greens_of(unit, *pattern)?;
            match column {
                3 => 0,
                4 => i64::from(*pattern),
                _ => 1,
            }
        }
        [4, 9, 1, 3, pattern, phase] => {
            let green = greens_of(unit, *pattern)?[stage_of(phase)?];
            i64::from(green + config.yellow_s + config.all_red_s)
        }
        // Maximum vehicle recall.
        [4, 9, 1, 4, pattern, phase] => {
            greens_of(unit, *pattern).and(stage_of(phase))?;
            4
        }
        _ => return None,
    })
}

/// Greens of the stages under a pattern that there is.
fn greens_of(unit: &Unit, pattern: u32) -> Option<Vec<u32>> {
    match pattern {
        1 => Some(unit.config.stages.iter().map(|stage| stage.green_s).collect()),
        _ => unit.config.patterns.get(&pattern.to_string()).cloned(),
    }
}

fn phase_numbers(unit: &Unit) -> BTreeSet<u32> {
    unit.config.stages.iter().flat_map(|stage| stage.phases.iter().chain(&stage.peds)).copied().collect()
}

/// Sets it, or with `only_look` says whether it could be set.
pub fn set(unit: &mut Unit, now_ms: i64, oid: &[u32], value: &Value, only_look: bool) -> Result<(), Refused> {
    if oid.strip_prefix(&GLOBAL[..]) == Some(&[3, 1, 0][..]) {
        let Value::Counter(seconds) = value else { return Err(Refused::BadValue) };
        if !only_look {
            unit.set_global_time(now_ms, *seconds);
        }
        return Ok(());
    }
    let tail = oid.strip_prefix(&ASC[..]).ok_or(Refused::NoSuchName)?;
    if let Some((column, row)) = control(unit, tail) {
        return set_phases(unit, column, row, value, only_look);
    }
    if let Some(done) = blocks::set(unit, tail, value, only_look) {
        return done;
    }
    let Value::Integer(number) = value else { return Err(Refused::BadValue) };
    match tail {
        [3, 3, 0] if (0..=65_535).contains(number) => {
            if !only_look {
                unit.backup_s = *number;
            }
        }
        [4, 14, 0] if unit.knows(*number) => {
            if !only_look {
                unit.pattern = *number;
                unit.was_set();
            }
        }
        [6, 3, 1, 2, preempt] if unit.config.red_preempt == Some(*preempt) && (0..=1).contains(number) => {
            if !only_look {
                unit.preempts.insert(*preempt, *number == 1);
                unit.was_set();
            }
        }
        [3, 3, 0] | [4, 14, 0] => return Err(Refused::BadValue),
        _ => return Err(Refused::NoSuchName),
    }
    Ok(())
}

/// Column and row of phase control.
fn control(unit: &Unit, tail: &[u32]) -> Option<(u32, u32)> {
    match (unit.config.v4, tail) {
        (false, [1, 5, 1, column @ 2..=7, row @ 1..=2]) => Some((*column, *row)),
        (true, [1, 4, 1, column @ 2..=7, 1]) => Some((*column, 1)),
        (_, _) => None,
    }
}

fn set_phases(unit: &mut Unit, column: u32, row: u32, value: &Value, only_look: bool) -> Result<(), Refused> {
    let before = unit.phase_control.get(&column).copied().unwrap_or(0);
    let bits = match (unit.config.v4, value) {
        (false, Value::Integer(bits @ 0..=255)) => {
            let bits = *bits as u16;
            if row == 1 { before & 0xff00 | bits } else { before & 0xff | bits << 8 }
        }
        (true, Value::Octets(octets)) => match octets.as_slice() {
            [low, high] => u16::from_le_bytes([*low, *high]),
            _ => return Err(Refused::BadValue),
        },
        (_, _) => return Err(Refused::BadValue),
    };
    if !only_look {
        unit.phase_control.insert(column, bits);
        unit.was_set();
    }
    Ok(())
}
