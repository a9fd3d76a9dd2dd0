//! What is remembered of a site from one of its connections to the next, until the program ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::At;
use super::ahead::Ahead;
use crate::security::SecurityLevel;

/// Of one site; a copy is the same memory.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    codes_settled: BTreeSet<SecurityLevel>,
    /// How often each was sent.
    code_tries: BTreeMap<SecurityLevel, u32>,
    clock: ClockMemory,
    /// How many signal groups it told of last.
    groups: usize,
    /// Statuses by which it ever said how it runs.
    modes_told: BTreeSet<String>,
}

/// What was done about the site's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClockMemory {
    /// When it was set last, or tried to (`At::elapsed`).
    pub set_at: Option<Duration>,
    /// How it was before that, until it is looked at again.
    pub was: Option<Ahead>,
    /// So often in a row it could not be set.
    pub failures: u32,
    /// It is off as far as local time may be, until it is right.
    pub is_local: bool,
    /// When that was told last (`At::elapsed`).
    pub local_told: Option<Duration>,
    /// Why ours is no clock to set others by, as it was told last.
    pub ours_told: Option<&'static str>,
    /// Our clock, as it was when all this was learned.
    pub ours: Option<At>,
}

impl Memory {
    /// Whether the controller has said what it makes of the new code, or never will: it is not asked again.
    pub(crate) fn is_code_settled(&self, level: SecurityLevel) -> bool {
        self.open().codes_settled.contains(&level)
    }

    pub(crate) fn settle_code(&self, level: SecurityLevel) {
        self.open().codes_settled.insert(level);
    }

    /// How often the new code was sent before; it is sent once more now.
    pub(crate) fn try_code(&self, level: SecurityLevel) -> u32 {
        let mut open = self.open();
        let tries = open.code_tries.entry(level).or_default();
        let before = *tries;
        *tries = before.saturating_add(1);
        before
    }

    pub(crate) fn with_clock<T>(&self, use_it: impl FnOnce(&mut ClockMemory) -> T) -> T {
        use_it(&mut self.open().clock)
    }

    /// How many signal groups it told of last; 0: of none yet.
    pub(crate) fn groups(&self) -> usize {
        self.open().groups
    }

    pub(crate) fn groups_told(&self, count: usize) {
        self.open().groups = count;
    }

    /// Whether it ever said how it runs by the status `code`: where it does not know that now, it did before.
    pub(crate) fn is_mode_told(&self, code: &str) -> bool {
        self.open().modes_told.contains(code)
    }

    pub(crate) fn mode_told(&self, code: &str) {
        let mut open = self.open();
        if !open.modes_told.contains(code) {
            open.modes_told.insert(code.to_owned());
        }
    }

    fn open(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
