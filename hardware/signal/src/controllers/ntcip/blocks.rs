//! Blocks of a unit's settings (§2.12, §3): how one is asked for, and what its octets tell. Pure.
//!
//! `ascBlockData` is packed by the octet encoding rules (NTCIP 1102). A sequence is its elements, one after the other (§2.3.8). A whole
//! number of at most 255 is one octet, as is an enumerated one, and one of at most 65535 is two, the high one first (§2.3.2, §2.3.3). A
//! string of octets has its length before it (§2.3.6). Rows have their number before them, and that has its own length before it
//! (§2.3.9). A block begins with what was asked for.
//!
//! Whether a unit packs it so shows when it is held against single objects; here is only read what fits to the last octet.

use std::collections::BTreeSet;

use super::objects::{
    Object, PATTERN_CYCLE_TIME, PATTERN_OFFSET_TIME, PATTERN_SEQUENCE_NUMBER, PATTERN_SPLIT_NUMBER,
    PHASE_MAXIMUM_1, PHASE_MINIMUM_GREEN, PHASE_PEDESTRIAN_CLEAR, PHASE_RED_CLEAR, PHASE_WALK,
    PHASE_YELLOW_CHANGE, SPLIT_MODE, SPLIT_TIME, Var,
};

/// Phases of one block: so many are well within the 484 octets that a unit's `ascBlockData` may have (§2.12.2).
const ROWS_MAX: u32 = 8;

/// ascBlockDataType (§3.1): blocks of the standard, none of a maker's own.
const STANDARD: u8 = 0x00;

/// ascBlockDataID (§3.1).
const PHASES: u8 = 0x00;
const PATTERNS: u8 = 0x03;
const SPLITS: u8 = 0x04;

/// One element of a row.
#[derive(Debug, Clone, Copy)]
enum Field {
    /// One octet, which is asked for as a single object too.
    Told(Object),
    /// What nobody asks for here: one octet, two, or a string of them.
    Octet,
    Two,
    Octets,
}

/// phaseWalk to phaseConcurrency (§3.2), in the order of their columns (§2.2.2).
const PHASE: [Field; 22] = [
    Field::Told(PHASE_WALK),
    Field::Told(PHASE_PEDESTRIAN_CLEAR),
    Field::Told(PHASE_MINIMUM_GREEN),
    // Passage.
    Field::Octet,
    Field::Told(PHASE_MAXIMUM_1),
    // Maximum 2.
    Field::Octet,
    Field::Told(PHASE_YELLOW_CHANGE),
    Field::Told(PHASE_RED_CLEAR),
    // Red revert, added initial, maximum initial.
    Field::Octet,
    Field::Octet,
    Field::Octet,
    // Time and cars before reduction, time to reduce, reduce by, minimum gap.
    Field::Octet,
    Field::Octet,
    Field::Octet,
    Field::Octet,
    Field::Octet,
    // Limit and step of the dynamic maximum, startup.
    Field::Octet,
    Field::Octet,
    Field::Octet,
    // Options, ring, concurrency.
    Field::Two,
    Field::Octet,
    Field::Octets,
];

/// §3.5, in the order of the columns (§2.5.7).
const PATTERN: [Field; 4] = [
    Field::Told(PATTERN_CYCLE_TIME),
    Field::Told(PATTERN_OFFSET_TIME),
    Field::Told(PATTERN_SPLIT_NUMBER),
    Field::Told(PATTERN_SEQUENCE_NUMBER),
];

/// §3.6, in the order of the columns (§2.5.9); the last says whether the phase is coordinated.
const SPLIT: [Field; 3] = [Field::Told(SPLIT_TIME), Field::Told(SPLIT_MODE), Field::Octet];

/// What one question for a block is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// `count` phases from `first` on.
    Phases { first: u8, count: u8 },
    /// One pattern.
    Pattern(u8),
    /// Of one table of splits, `count` phases from `first` on.
    Splits { table: u8, first: u8, count: u8 },
}

/// Blocks with these phases, each within eight that share a row of lamps.
pub fn of_phases(phases: &BTreeSet<u32>) -> Vec<Block> {
    ranges(phases).map(|(first, count)| Block::Phases { first, count }).collect()
}

/// Blocks with the splits of these phases; none where no block can have such a table.
pub fn of_splits(table: u32, phases: &BTreeSet<u32>) -> Vec<Block> {
    let Ok(table) = u8::try_from(table) else { return Vec::new() };
    ranges(phases).map(|(first, count)| Block::Splits { table, first, count }).collect()
}

/// First and how many.
fn ranges(phases: &BTreeSet<u32>) -> impl Iterator<Item = (u8, u8)> + use<> {
    let row = |phase: u32| phase.saturating_sub(1) / ROWS_MAX;
    let mut found: Vec<(u32, u32)> = Vec::new();
    for phase in phases.iter().copied() {
        match found.last_mut() {
            Some((first, last)) if row(*first) == row(phase) => *last = phase,
            Some(_) | None => found.push((phase, phase)),
        }
    }
    found
        .into_iter()
        .filter_map(|(first, last)| Some((u8::try_from(first).ok()?, u8::try_from(last - first + 1).ok()?)))
}

impl Block {
    /// What `ascBlockGetControl` is to be set to (§2.12.1): type, number of the block, and of each index its first and how many.
    pub fn control(self) -> Vec<u8> {
        match self {
            Block::Phases { first, count } => vec![STANDARD, PHASES, first, count],
            Block::Pattern(pattern) => vec![STANDARD, PATTERNS, pattern, 1],
            Block::Splits { table, first, count } => vec![STANDARD, SPLITS, table, 1, first, count],
        }
    }

    /// Whether it has this variable.
    pub fn tells(self, var: &Var) -> bool {
        let told = self.fields().iter().filter_map(|field| match field {
            Field::Told(object) => Some(*object),
            Field::Octet | Field::Two | Field::Octets => None,
        });
        told.flat_map(|object| self.rows().map(move |row| self.var(object, row)))
            .any(|own| own.oid() == var.oid())
    }

    /// What `ascBlockData` tells of the objects that are asked for by themselves too.
    ///
    /// # Errors
    /// Why it is not this block, packed as the standard has it.
    pub fn read(self, octets: &[u8]) -> Result<Vec<(Var, i64)>, String> {
        let control = self.control();
        let Some(rest) = octets.strip_prefix(control.as_slice()) else {
            let begin = &octets[..octets.len().min(control.len())];
            return Err(format!(
                "the block begins with {}, and {} was asked for",
                in_hex(begin),
                in_hex(&control)
            ));
        };
        let mut rest = Rest(rest);
        let (count, rows) = (rest.count()?, self.rows());
        if count != rows.len() {
            return Err(format!("the block has {count} rows instead of {}", rows.len()));
        }
        let mut told = Vec::new();
        for row in rows {
            for field in self.fields() {
                match field {
                    Field::Told(object) => told.push((self.var(*object, row), i64::from(rest.one()?))),
                    Field::Octet => rest.skip(1)?,
                    Field::Two => rest.skip(2)?,
                    Field::Octets => {
                        let length = rest.length()?;
                        rest.skip(length)?;
                    }
                }
            }
        }
        match rest.0.len() {
            0 => Ok(told),
            more => Err(format!("the block is {more} octets too long")),
        }
    }

    fn fields(self) -> &'static [Field] {
        match self {
            Block::Phases { .. } => &PHASE,
            Block::Pattern(_) => &PATTERN,
            Block::Splits { .. } => &SPLIT,
        }
    }

    /// Phases, or the one pattern.
    fn rows(self) -> std::ops::Range<u32> {
        let (first, count) = match self {
            Block::Phases { first, count } | Block::Splits { first, count, .. } => (first, count),
            Block::Pattern(pattern) => (pattern, 1),
        };
        u32::from(first)..u32::from(first) + u32::from(count)
    }

    fn var(self, object: Object, row: u32) -> Var {
        match self {
            Block::Phases { .. } | Block::Pattern(_) => object.row(row),
            Block::Splits { table, .. } => object.cell(table.into(), row),
        }
    }
}

/// What is left of a block's octets.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("the block ends within a row")?;
        self.0 = rest;
        Ok(taken)
    }

    fn skip(&mut self, length: usize) -> Result<(), String> {
        self.take(length).map(|_| ())
    }

    fn one(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?.iter().fold(0, |_, octet| *octet))
    }

    /// A whole number without bounds, its length before it.
    fn count(&mut self) -> Result<usize, String> {
        let length = usize::from(self.one()?);
        if !(1..=2).contains(&length) {
            return Err(format!("the number of the block's rows has {length} octets"));
        }
        Ok(number(self.take(length)?))
    }

    /// Of what follows: one octet, or how many octets it has, with the highest bit set.
    fn length(&mut self) -> Result<usize, String> {
        match self.one()? {
            short @ 0..=0x7f => Ok(short.into()),
            long @ 0x81..=0x82 => Ok(number(self.take(usize::from(long & 0x7f))?)),
            odd @ (0x80 | 0x83..) => Err(format!("a length of {odd:#04x} within the block")),
        }
    }
}

fn number(octets: &[u8]) -> usize {
    octets.iter().fold(0, |number, octet| number << 8 | usize::from(*octet))
}

fn in_hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Phases 2 and 3.
    const TWO_PHASES: &str = "00000202 0102 \
                              070c051e28322814 14001e0a000a000f0000 03 0201 01 020506 \
                              0000041428320f0a 14001e0a000a000f0000 02 8001 02 00";
    const ONE_PATTERN: &str = "00030901 0101 5a0a0502";
    /// Table 5, phases 4 to 6.
    const SPLITS_OF_3: &str = "000405010403 0103 190400 1e0201 140700";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: String = hex.split_whitespace().collect();
        (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    fn examples() -> [(Block, Vec<u8>); 3] {
        [
            (Block::Phases { first: 2, count: 2 }, bytes(TWO_PHASES)),
            (Block::Pattern(9), bytes(ONE_PATTERN)),
            (Block::Splits { table: 5, first: 4, count: 3 }, bytes(SPLITS_OF_3)),
        ]
    }

    #[track_caller]
    fn check(block: Block, octets: &[u8], want: &str) {
        let text = match block.read(octets) {
            Ok(told) => told.iter().map(|(var, n)| format!("{var}={n}")).collect::<Vec<_>>().join(" "),
            Err(why) => why,
        };
        assert_eq!(text, want);
    }

    #[test]
    fn each_block_tells_what_single_objects_tell() {
        let [phases, pattern, splits] = examples();
        check(
            phases.0,
            &phases.1,
            "phaseWalk.2=7 phasePedestrianClear.2=12 phaseMinimumGreen.2=5 phaseMaximum1.2=40 phaseYellowChange.2=40 \
             phaseRedClear.2=20 phaseWalk.3=0 phasePedestrianClear.3=0 phaseMinimumGreen.3=4 phaseMaximum1.3=40 \
             phaseYellowChange.3=15 phaseRedClear.3=10",
        );
        check(
            pattern.0,
            &pattern.1,
            "patternCycleTime.9=90 patternOffsetTime.9=10 patternSplitNumber.9=5 patternSequenceNumber.9=2",
        );
        check(
            splits.0,
            &splits.1,
            "splitTime.5.4=25 splitMode.5.4=4 splitTime.5.5=30 splitMode.5.5=2 splitTime.5.6=20 splitMode.5.6=7",
        );
        for (block, octets) in examples() {
            assert!(block.read(&octets).unwrap().iter().all(|(var, _)| block.tells(var)), "{block:?}");
            assert!(octets.starts_with(&block.control()), "{block:?}");
        }
        assert!(!phases.0.tells(&PHASE_WALK.row(4)) && !splits.0.tells(&SPLIT_TIME.cell(6, 4)));
    }

    #[test]
    fn phases_are_asked_for_in_eights() {
        let of = |phases: &[u32]| of_phases(&phases.iter().copied().collect());
        assert_eq!(of(&[2, 4, 8]), [Block::Phases { first: 2, count: 7 }]);
        let two = [Block::Phases { first: 8, count: 1 }, Block::Phases { first: 9, count: 8 }];
        assert_eq!(of(&[8, 9, 16]), two);
        assert!(of(&[]).is_empty());
        assert_eq!(of_splits(7, &[3].into()), [Block::Splits { table: 7, first: 3, count: 1 }]);
        assert!(of_splits(256, &[3].into()).is_empty());
    }

    #[test]
    fn nothing_but_the_whole_block_is_read() {
        for (block, octets) in examples() {
            for length in 0..octets.len() {
                assert!(block.read(&octets[..length]).is_err(), "{block:?}: {length} octets");
            }
            assert!(block.read(&[&octets[..], &[0][..]].concat()).is_err(), "{block:?}: one more");
            // Another system has asked for another one in between.
            let other = Block::Pattern(77);
            assert!(other.read(&octets).unwrap_err().contains("00 03 4d 01 was asked for"), "{block:?}");
        }
        let phases = Block::Phases { first: 2, count: 2 };
        let mut octets = bytes(TWO_PHASES);
        octets[5] = 1;
        check(phases, &octets, "the block has 1 rows instead of 2");
        check(Block::Pattern(9), &bytes("00030901 5a0a0502"), "the number of the block's rows has 90 octets");
        check(Block::Pattern(9), &bytes("00030901 020001 5a0a0502 00"), "the block is 1 octets too long");
    }

    /// Every octet as every other one, everything one octet further, and nonsense: no panic, and what is read is an octet.
    #[test]
    fn garbage_is_no_block_or_numbers_of_one() {
        let survives = |block: Block, octets: &[u8]| {
            if let Ok(told) = block.read(octets) {
                assert!(told.iter().all(|(_, number)| (0..=255).contains(number)), "{block:?} {octets:?}");
            }
        };
        for (block, octets) in examples() {
            for index in 0..octets.len() {
                for value in 0..=u8::MAX {
                    let mut changed = octets.clone();
                    changed[index] = value;
                    survives(block, &changed);
                    changed.insert(index, value);
                    survives(block, &changed);
                    changed.pop();
                    survives(block, &changed);
                }
            }
        }
        // xorshift: chance that is the same at every run.
        let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..20_000_usize {
            let (block, octets) = examples()[round % 3].clone();
            let mut nonsense = octets[..round % 9].to_vec();
            for _ in 0..round % 97 {
                chance ^= chance << 13;
                chance ^= chance >> 7;
                chance ^= chance << 17;
                nonsense.push(chance.to_le_bytes()[0]);
            }
            survives(block, &nonsense);
        }
    }
}
