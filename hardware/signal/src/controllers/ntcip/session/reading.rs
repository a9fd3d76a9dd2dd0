//! Variables that are read together, in as many questions as the controller needs for them.

use std::collections::{BTreeSet, VecDeque};

use crate::controllers::ntcip::objects::{Values, Var};

/// What a reading is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// What is asked once: backup time, zone, detectors.
    Facts,
    /// Whether the phases are where v02 has them, or where v4 has them.
    PhasesV02,
    PhasesV4,
    Lamps,
    Unit,
    /// Volume and occupancy of the detectors.
    Counts,
    /// Times of phases and the pattern, then its splits: slowly, between the others.
    Settings,
}

#[derive(Debug)]
pub struct Reading {
    pub what: What,
    left: VecDeque<Var>,
    pub got: Values,
}

impl Reading {
    pub fn new(what: What, vars: impl IntoIterator<Item = Var>) -> Self {
        Self { what, left: vars.into_iter().collect(), got: Values::default() }
    }

    /// The next variables to ask for; none when all is read that the controller has.
    pub fn next(&mut self, most: usize, missing: &BTreeSet<Vec<u8>>) -> Vec<Var> {
        self.left.retain(|var| !missing.contains(var.oid()));
        let count = most.max(1).min(self.left.len());
        self.left.drain(..count).collect()
    }

    /// They were not told: to be asked for again, first.
    pub fn put_back(&mut self, vars: Vec<Var>) {
        vars.into_iter().rev().for_each(|var| self.left.push_front(var));
    }
}
