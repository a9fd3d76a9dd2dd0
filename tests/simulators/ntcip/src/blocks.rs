//! The block objects of NTCIP 1202 v02 (§2.12): which block is wanted, and its octets (§3.2, §3.5, §3.6), packed by NTCIP 1102.

use crate::mib::{self, ASC, Refused, Value};
use crate::unit::Unit;

/// ascBlockGetControl, ascBlockData, ascBlockErrorStatus.
pub const CONTROL: [u32; 3] = [11, 1, 0];
pub const DATA: [u32; 3] = [11, 2, 0];
const ERROR_STATUS: [u32; 3] = [11, 3, 0];

/// Phase 1, until somebody wants another block.
pub const AT_FIRST: [u8; 4] = [0, 0x00, 1, 1];

/// What a unit makes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blocks {
    #[default]
    Right,
    /// The numbers of each row one octet further, the last one first.
    Shifted,
    /// Nobody may say which block is wanted.
    Refuses,
    /// It has no such objects.
    None,
}

/// Its objects.
pub fn objects(unit: &Unit) -> Vec<[u32; 3]> {
    match unit.config.blocks {
        Blocks::Right | Blocks::Shifted | Blocks::Refuses => vec![CONTROL, DATA, ERROR_STATUS],
        Blocks::None => Vec::new(),
    }
}

pub fn get(unit: &Unit, tail: &[u32]) -> Option<Value> {
    if unit.config.blocks == Blocks::None {
        None
    } else if tail == CONTROL {
        Some(Value::Octets(unit.block.clone()))
    } else if tail == DATA {
        data(unit, &unit.block).map(Value::Octets)
    } else if tail == ERROR_STATUS {
        // Of blocks that are written, which nobody can here.
        Some(Value::Integer(0))
    } else {
        None
    }
}

/// `None` where it is none of these objects.
pub fn set(unit: &mut Unit, tail: &[u32], value: &Value, only_look: bool) -> Option<Result<(), Refused>> {
    if tail != CONTROL {
        return None;
    }
    match unit.config.blocks {
        Blocks::Right | Blocks::Shifted => {}
        Blocks::Refuses => return Some(Err(Refused::NotWritable)),
        Blocks::None => return Some(Err(Refused::NoSuchName)),
    }
    let Value::Octets(control) = value else { return Some(Err(Refused::BadValue)) };
    if data(unit, control).is_none() {
        return Some(Err(Refused::BadValue));
    }
    if !only_look {
        unit.block.clone_from(control);
    }
    Some(Ok(()))
}

/// The block that `control` wants; `None` where there is none such.
fn data(unit: &Unit, control: &[u8]) -> Option<Vec<u8>> {
    let rows = rows(unit, control)?;
    let mut octets = control.to_vec();
    octets.extend([1, u8::try_from(rows.len()).ok()?]);
    for (mut numbers, rest) in rows {
        if unit.config.blocks == Blocks::Shifted {
            numbers.rotate_right(1);
        }
        octets.extend(numbers.into_iter().chain(rest));
    }
    Some(octets)
}

/// Of each row the numbers of one octet at its begin, and what follows. What the unit has no object for is what units come with.
fn rows(unit: &Unit, control: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let number = |tail: &[u32]| match mib::get(unit, 0, &mib::under(&ASC, tail)) {
        Some(Value::Integer(number)) => u8::try_from(number).unwrap_or(u8::MAX),
        Some(Value::Counter(_) | Value::Ticks(_) | Value::Octets(_)) | None => 0,
    };
    let phase = |phase: u32| {
        let [walk, clear, green, most, yellow, red] =
            [2, 3, 4, 6, 8, 9].map(|column| number(&[1, 2, 1, column, phase]));
        let reduction = [10, 0, 10, 0, 15, 0, 0];
        let begin = [walk, clear, green, 30, most, 60, yellow, red, 20, 0, 30].into_iter().chain(reduction);
        // Startup in green with walk; options, ring, and no phase beside it.
        (begin.chain([3]).collect::<Vec<u8>>(), vec![0, 1, 1, 0])
    };
    let from = |first: u8, count: u8| {
        let last = first.checked_add(count.checked_sub(1)?)?;
        Some((first..=last).map(u32::from))
    };
    match *control {
        [0, 0x00, first @ 1..=16, count @ 1..=16] => {
            let phases = from(first, count)?;
            (first + count <= 17).then(|| phases.map(phase).collect())
        }
        [0, 0x03, pattern, 1] => {
            let pattern = u32::from(pattern);
            mib::get(unit, 0, &mib::under(&ASC, &[4, 7, 1, 4, pattern]))?;
            let columns = [2, 3, 4, 5].map(|column| number(&[4, 7, 1, column, pattern]));
            Some(vec![(columns.to_vec(), Vec::new())])
        }
        [0, 0x04, table, 1, first @ 1..=16, count @ 1..=16] => {
            let cell = |phase| {
                let cells = [3, 4].map(|column| number(&[4, 9, 1, column, table.into(), phase]));
                ([cells[0], cells[1], 0].to_vec(), Vec::new())
            };
            Some(from(first, count)?.map(cell).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn unit(blocks: &str) -> Unit {
        let config: Config = toml::from_str(&format!(
            "[[unit]]\nlisten = \"127.0.0.1:0\"\ncommunity = \"c\"\nyellow_s = 3\nall_red_s = 2\nped_clear_s = 6\n\
             stages = [{{ green_s = 20, phases = [2], peds = [2] }}, {{ green_s = 15, phases = [4] }}]\nbackup_s = 3\n\
             blocks = \"{blocks}\"\n"
        ))
        .unwrap();
        Unit::new(config.units.into_iter().next().unwrap(), 0)
    }

    #[track_caller]
    fn check(blocks: &str, control: &[u8], want: &str) {
        let mut unit = unit(blocks);
        let set = set(&mut unit, &CONTROL, &Value::Octets(control.to_vec()), false);
        let told = match (set, get(&unit, &DATA)) {
            (Some(Ok(())), Some(Value::Octets(octets))) => {
                octets.iter().map(|octet| format!("{octet:02x}")).collect()
            }
            (set, _) => format!("{set:?}"),
        };
        assert_eq!(told, want);
    }

    #[test]
    fn blocks_have_what_single_objects_have() {
        let two = "00000201 0101 0506051e143c1e1414001e0a000a000f0000030001 0100";
        check("right", &[0, 0x00, 2, 1], &two.replace(' ', ""));
        let shifted = "00000201 0101 030506051e143c1e1414001e0a000a000f00000001 0100";
        check("shifted", &[0, 0x00, 2, 1], &shifted.replace(' ', ""));
        check("right", &[0, 0x03, 1, 1], "0003010101012d000101");
        check("right", &[0, 0x04, 1, 1, 4, 1], "0004010104010101140400");
        for odd in [&[0, 0x00, 2][..], &[0, 0x00, 9, 9], &[0, 0x03, 7, 1], &[1, 0x00, 2, 1], &[]] {
            check("right", odd, "Some(Err(BadValue))");
        }
        check("refuses", &[0, 0x00, 2, 1], "Some(Err(NotWritable))");
        check("none", &[0, 0x00, 2, 1], "Some(Err(NoSuchName))");
        assert_eq!((get(&unit("none"), &DATA), objects(&unit("none")).len()), (None, 0));
    }
}
