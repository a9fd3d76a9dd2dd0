//! The unit's settings by block (§2.12): chosen by a setting of `ascBlockGetControl`, then read (annex C.2).
//!
//! How a unit packs its blocks nobody knows beforehand, and a minimum green read at the wrong octet would be believed. So a block is
//! read beside the single objects first, and believed afterwards only as to what those have told: where it tells the same again it
//! saves asking for them, and where it tells something else they are asked for once more, and it is held against them anew. A unit
//! whose block ever tells something else than its single objects, or that refuses, has none or is silent, is asked for no other.
//!
//! Nobody else's settings are in the way: one question is under way at a time, orders go before all of this, nothing is chosen
//! while an order is held, and no answer is waited for beyond the next look at the lamps. `ascBlockGetControl` is no part of what the
//! unit's backup time is for (§2.4.3). Other systems choose blocks by the same object: a block says which it is, so theirs is not
//! taken for ours.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::hear::in_words;
use super::own::PACE;
use super::{Asker, Job};
use crate::controllers::At;
use crate::controllers::ntcip::blocks::Block;
use crate::controllers::ntcip::objects::{ASC_BLOCK_DATA, ASC_BLOCK_GET_CONTROL, Value, Values, Var};
use crate::controllers::ntcip::snmp::Request;

/// After so long a block is held against single objects once more.
const BELIEVED_FOR: Duration = Duration::from_secs(24 * 3_600);

/// A unit that is started anew within so long after a question for a block is not asked for one again: it may have been that.
const BLAMED_FOR: Duration = Duration::from_secs(300);

/// Whether this unit is asked for blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stand {
    #[default]
    Open,
    /// Until it is started anew.
    Closed,
    ClosedForGood,
}

/// A block of the running reading.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    block: Block,
    /// What it tells is not asked for by itself.
    believed: bool,
}

/// Where the reading of blocks stands.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    stand: Stand,
    /// Since the link began: until when each is believed (`At::elapsed`), by what it is chosen with.
    believed_until: BTreeMap<Vec<u8>, Duration>,
    /// Of the running reading, to be read after what is asked for by itself.
    left: VecDeque<Wanted>,
    /// The unit was told that the first of them is meant.
    is_chosen: bool,
    /// When the last question for one went out (`At::elapsed`).
    asked_at: Option<Duration>,
}

impl Blocks {
    /// The unit may be another.
    pub(super) fn begin(&mut self) {
        self.stop();
        self.believed_until.clear();
    }

    pub(super) fn start(&mut self, now: Duration, blocks: Vec<Block>) {
        self.stop();
        for block in blocks {
            let believed = self.believed_until.get(&block.control()).is_some_and(|until| now < *until);
            self.left.push_back(Wanted { block, believed });
        }
    }

    /// Whether a block that is believed is to tell it.
    pub(super) fn tells(&self, var: &Var) -> bool {
        self.left.iter().any(|wanted| wanted.believed && wanted.block.tells(var))
    }

    pub(super) fn stop(&mut self) {
        self.left.clear();
        self.is_chosen = false;
    }
}

impl Asker {
    /// `blocks`, where the configuration lets the unit be set for them, the unit is good for them, and no order is held.
    pub(super) fn if_allowed(&self, blocks: Vec<Block>) -> Vec<Block> {
        let may = self.settings.blocks && self.own.blocks.stand == Stand::Open && self.held.is_empty();
        if may { blocks } else { Vec::new() }
    }

    /// What blocks were to tell in this reading is asked for by itself.
    pub(super) fn leave_blocks(&mut self) {
        let left = std::mem::take(&mut self.own.blocks.left);
        self.own.blocks.stop();
        for wanted in left.into_iter().filter(|wanted| wanted.believed) {
            self.own.ask_singly(wanted.block);
        }
    }

    /// Chooses the next block, or asks for the one that was chosen.
    pub(super) fn next_of_blocks(&mut self, at: At) -> Option<(Request, Job)> {
        let block = self.own.blocks.left.front()?.block;
        self.own.blocks.asked_at = Some(at.elapsed);
        if self.own.blocks.is_chosen {
            return Some((Request::Get(vec![ASC_BLOCK_DATA.var()]), Job::ReadBlock));
        }
        let control = (ASC_BLOCK_GET_CONTROL.var(), Value::Octets(block.control()));
        Some((Request::Set(vec![control]), Job::ChooseBlock))
    }

    pub(super) fn block_chosen(&mut self, at: At, error: (u32, u32)) {
        if error.0 != 0 {
            let why = format!("it does not let ascBlockGetControl be set ({})", in_words(error.0));
            return self.distrust(at, &why);
        }
        self.own.blocks.is_chosen = true;
        // One question between two looks at the lamps.
        self.own.next_at = self.lamps_at;
    }

    pub(super) fn block_read(&mut self, at: At, error: (u32, u32), values: &Values) {
        self.own.blocks.is_chosen = false;
        let Some(Wanted { block, believed }) = self.own.blocks.left.front().copied() else { return };
        if error.0 != 0 {
            let why = format!("it does not tell ascBlockData ({})", in_words(error.0));
            return self.distrust(at, &why);
        }
        let told = match values.get(&ASC_BLOCK_DATA.var()) {
            Some(Value::Octets(octets)) => block.read(octets),
            Some(Value::Number(_) | Value::Missing) | None => Err("it has no ascBlockData".to_owned()),
        };
        match told {
            Ok(told) if believed => self.take_block(block, &told),
            Ok(told) => self.hold_against_singles(at, block, &told),
            Err(why) => self.distrust(at, &why),
        }
    }

    pub(super) fn block_unanswered(&mut self, at: At) {
        let object = if self.own.blocks.is_chosen { ASC_BLOCK_DATA } else { ASC_BLOCK_GET_CONTROL };
        let why = format!("no answer about {} came before lamps were to be looked at again", object.name);
        self.distrust(at, &why);
    }

    /// What single objects have told before, and is still so. Where it is not, they are asked: a block by itself is never believed.
    fn take_block(&mut self, block: Block, told: &[(Var, i64)]) {
        let known = |var: &Var| self.own.known.number_of(var);
        if told.iter().any(|(var, number)| known(var).is_some_and(|known| known != *number)) {
            self.own.blocks.believed_until.remove(&block.control());
            if let Some(first) = self.own.blocks.left.front_mut() {
                first.believed = false;
            }
            return self.own.ask_singly(block);
        }
        let same: Vec<(Var, i64)> = told.iter().filter(|(var, _)| known(var).is_some()).cloned().collect();
        if let Some(reading) = self.own.reading() {
            for (var, number) in same {
                reading.got.insert(var.oid().to_vec(), Value::Number(number));
            }
        }
        self.own.blocks.left.pop_front();
    }

    /// The single objects of this reading were told just before.
    fn hold_against_singles(&mut self, at: At, block: Block, told: &[(Var, i64)]) {
        let Some(reading) = self.own.reading() else { return };
        let mut both = 0;
        let mut differs = None;
        for (var, number) in told {
            match reading.got.number_of(var) {
                Some(single) if single == *number => both += 1,
                Some(single) => {
                    differs.get_or_insert_with(|| {
                        format!("{var} is {single} by itself and {number} in the block")
                    });
                }
                None => {}
            }
        }
        if let Some(why) = differs {
            return self.distrust(at, &why);
        }
        if both > 0 {
            self.own.blocks.believed_until.insert(block.control(), at.elapsed + BELIEVED_FOR);
        }
        self.own.blocks.left.pop_front();
    }

    /// No block is asked for any more; what they were to tell is asked for by itself.
    fn distrust(&mut self, at: At, why: &str) {
        if self.own.blocks.stand == Stand::Open {
            self.own.blocks.stand = Stand::Closed;
        }
        self.own.next_at = at.elapsed + PACE;
        self.leave_blocks();
        self.warn(format!("the controller's settings are read by single objects and not by block: {why}"));
    }

    /// What was known of its blocks is over, and one that did not answer them may do so now.
    pub(super) fn blocks_after_restart(&mut self, at: At) {
        let blocks = &mut self.own.blocks;
        blocks.believed_until.clear();
        let blamed = blocks.asked_at.is_some_and(|asked| at.elapsed < asked + BLAMED_FOR);
        let before = blocks.stand;
        blocks.stand = match (before, blamed) {
            (Stand::ClosedForGood, _) | (_, true) => Stand::ClosedForGood,
            (Stand::Open | Stand::Closed, false) => Stand::Open,
        };
        if before != self.own.blocks.stand && self.own.blocks.stand == Stand::ClosedForGood {
            self.leave_blocks();
            let minutes = BLAMED_FOR.as_secs() / 60;
            self.warn(format!(
                "the controller was started anew within {minutes} minutes of a question for a block of settings: it is asked for none any more"
            ));
        }
    }
}
