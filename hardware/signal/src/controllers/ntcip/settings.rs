//! The times, plans and splits that are set in the unit: what is read of them, and what of it has changed since. Pure.
//!
//! What is told of them is what single objects tell. Blocks (§2.12) tell the same at once, and are held against those.

use std::collections::BTreeSet;

use super::blocks::{self, Block};
use super::lamps::Lamp;
use super::objects::{
    PATTERN_CYCLE_TIME, PATTERN_OFFSET_TIME, PATTERN_SEQUENCE_NUMBER, PATTERN_SPLIT_NUMBER, PHASE_MAXIMUM_1,
    PHASE_MINIMUM_GREEN, PHASE_PEDESTRIAN_CLEAR, PHASE_RED_CLEAR, PHASE_WALK, PHASE_YELLOW_CHANGE,
    SPLIT_MODE, SPLIT_TIME, Value, Values, Var,
};

/// Patterns that have a row (§2.5.7.1); what is above is free, or flash.
const PATTERN_MAX: u8 = 253;

/// The phases that the junction's signal groups are, or go with.
fn phases(lamps: &[Lamp]) -> BTreeSet<u32> {
    lamps.iter().filter_map(|lamp| lamp.phase().ok()).map(|(phase, _)| phase).collect()
}

fn with_row(pattern: Option<u8>) -> Option<u8> {
    pattern.filter(|pattern| (1..=PATTERN_MAX).contains(pattern))
}

/// What to ask for of the phases and of the pattern that runs.
pub fn variables(lamps: &[Lamp], pattern: Option<u8>) -> Vec<Var> {
    let times = [
        PHASE_MINIMUM_GREEN,
        PHASE_YELLOW_CHANGE,
        PHASE_RED_CLEAR,
        PHASE_WALK,
        PHASE_PEDESTRIAN_CLEAR,
        PHASE_MAXIMUM_1,
    ];
    let pattern = with_row(pattern).map(|pattern| {
        [PATTERN_CYCLE_TIME, PATTERN_OFFSET_TIME, PATTERN_SPLIT_NUMBER, PATTERN_SEQUENCE_NUMBER]
            .map(|column| column.row(pattern.into()))
    });
    let phases = phases(lamps).into_iter().flat_map(|phase| times.map(|column| column.row(phase)));
    phases.chain(pattern.into_iter().flatten()).collect()
}

/// Blocks that tell all of that.
pub fn in_blocks(lamps: &[Lamp], pattern: Option<u8>) -> Vec<Block> {
    let pattern = with_row(pattern).map(Block::Pattern);
    blocks::of_phases(&phases(lamps)).into_iter().chain(pattern).collect()
}

/// The table of splits that `pattern` uses, by what was read of it.
fn split_table(pattern: Option<u8>, values: &Values) -> Option<u32> {
    let table = values.number_of(&PATTERN_SPLIT_NUMBER.row(pattern?.into()))?;
    u32::try_from(table).ok().filter(|table| *table > 0)
}

/// What to ask for of the splits that `pattern` uses, by what was read of it; nothing where it names no table of them.
pub fn splits(lamps: &[Lamp], pattern: Option<u8>, values: &Values) -> Vec<Var> {
    let Some(table) = split_table(pattern, values) else { return Vec::new() };
    let cells = |phase| [SPLIT_TIME.cell(table, phase), SPLIT_MODE.cell(table, phase)];
    phases(lamps).into_iter().flat_map(cells).collect()
}

/// Blocks that tell all of that.
pub fn splits_in_blocks(lamps: &[Lamp], pattern: Option<u8>, values: &Values) -> Vec<Block> {
    let table = split_table(pattern, values);
    table.map(|table| blocks::of_splits(table, &phases(lamps))).unwrap_or_default()
}

/// Takes over the numbers that `read` has of `vars`. What was another number before, in words: somebody has been at the unit.
pub fn take(known: &mut Values, vars: &[Var], read: &Values) -> Vec<String> {
    let mut changed = Vec::new();
    for var in vars {
        let Some(now) = read.number_of(var) else { continue };
        match known.number_of(var) {
            Some(before) if before != now => changed.push(format!("{var} from {before} to {now}")),
            Some(_) | None => {}
        }
        known.insert(var.oid().to_vec(), Value::Number(now));
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lamps(names: &[&str]) -> Vec<Lamp> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn text(vars: &[Var]) -> String {
        vars.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_phase_is_asked_for_once_and_a_pattern_where_there_is_one() {
        let lamps = lamps(&["phase 4", "ped 4", "overlap 1"]);
        let four = "phaseMinimumGreen.4 phaseYellowChange.4 phaseRedClear.4 phaseWalk.4 phasePedestrianClear.4 \
                    phaseMaximum1.4";
        for pattern in [None, Some(0), Some(254)] {
            assert_eq!(text(&variables(&lamps, pattern)), four, "{pattern:?}");
        }
        let more = " patternCycleTime.3 patternOffsetTime.3 patternSplitNumber.3 patternSequenceNumber.3";
        assert_eq!(text(&variables(&lamps, Some(3))), format!("{four}{more}"));
    }

    #[test]
    fn splits_are_those_of_the_patterns_own_table() {
        let lamps = lamps(&["phase 2", "ped 4"]);
        let mut values = Values::default();
        assert_eq!(text(&splits(&lamps, Some(3), &values)), "");
        values.insert(PATTERN_SPLIT_NUMBER.row(3).oid().to_vec(), Value::Number(7));
        assert_eq!(
            text(&splits(&lamps, Some(3), &values)),
            "splitTime.7.2 splitMode.7.2 splitTime.7.4 splitMode.7.4"
        );
        assert_eq!(text(&splits(&lamps, Some(4), &values)), "");
        values.insert(PATTERN_SPLIT_NUMBER.row(3).oid().to_vec(), Value::Number(0));
        assert_eq!(text(&splits(&lamps, Some(3), &values)), "");
    }

    #[test]
    fn blocks_tell_all_that_is_asked_for() {
        let lamps = lamps(&["phase 2", "ped 4", "phase 12"]);
        let mut values = Values::default();
        values.insert(PATTERN_SPLIT_NUMBER.row(3).oid().to_vec(), Value::Number(7));
        let told = |blocks: &[Block], var: &Var| blocks.iter().any(|block| block.tells(var));
        for pattern in [None, Some(3), Some(254)] {
            let blocks = in_blocks(&lamps, pattern);
            assert!(
                variables(&lamps, pattern).iter().all(|var| told(&blocks, var)),
                "{pattern:?}: {blocks:?}"
            );
        }
        let blocks = splits_in_blocks(&lamps, Some(3), &values);
        assert!(splits(&lamps, Some(3), &values).iter().all(|var| told(&blocks, var)), "{blocks:?}");
        assert!(splits_in_blocks(&lamps, Some(4), &values).is_empty());
    }

    #[test]
    fn what_was_changed_at_the_cabinet_is_told_once() {
        let vars = [PHASE_WALK.row(2), SPLIT_TIME.cell(7, 2)];
        let mut known = Values::default();
        let mut step = |walk: Value, split: i64| {
            let mut read = Values::default();
            read.insert(vars[0].oid().to_vec(), walk);
            read.insert(vars[1].oid().to_vec(), Value::Number(split));
            take(&mut known, &vars, &read).join(", ")
        };
        assert_eq!(step(Value::Number(7), 30), "");
        assert_eq!(step(Value::Number(7), 35), "splitTime.7.2 from 30 to 35");
        assert_eq!(step(Value::Missing, 35), "");
        assert_eq!(step(Value::Number(8), 35), "phaseWalk.2 from 7 to 8");
    }
}
