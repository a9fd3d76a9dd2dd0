//! Which units of a stream are decoded: keeps the newest groups of pictures, and picks out of them what the rung asks for.
//!
//! Pure: told of units and rungs, it hands out work for a decoder. On the way up the work begins with the kept key frame,
//! so that the moments before the trigger are seen too; pictures that were seen already are only decoded again.

use std::collections::VecDeque;
use std::time::Duration;

use hardware_ports::units::AccessUnit;
use models_domain::ladder::{LOOK_BACK, Rung, UnitKind};
use models_domain::{DurationMs, UtcMillis};

/// Most that is kept of a stream. A camera whose groups of pictures are larger is seen from its next key frame on.
const KEPT_BYTES: usize = 6 << 20;
const KEPT_FOR: DurationMs = DurationMs(60_000);
/// Work that waited longer than this was overtaken by the street.
const BEHIND: Duration = Duration::from_secs(3);

/// What is to be done with a stream's units, oldest first.
#[derive(Default)]
pub struct Climb {
    /// The first one is a key frame.
    kept: VecDeque<Kept>,
    /// Number and time of the key frames among them.
    keys: VecDeque<(u64, UtcMillis)>,
    bytes: usize,
    todo: VecDeque<Queued>,
    /// Number of the unit to come: another one means that units are missing.
    next: Option<u64>,
    /// The last unit handed out for the stream's own decoder, which is open then.
    fed: Option<u64>,
    /// Everything up to this unit was seen, or is seen by what stands in `todo`.
    seen_to: Option<u64>,
    /// Nothing can be decoded before the next key frame.
    blind: bool,
    /// Nothing is decoded before the next key frame, because the machine was behind.
    overtaken: bool,
    dropped: u64,
}

struct Kept {
    number: u64,
    unit: AccessUnit,
}

struct Queued {
    work: Work,
    since: Duration,
}

/// One thing to do with a decoder.
#[derive(Debug, Clone)]
pub enum Work {
    /// Decode this key frame by itself and look at it.
    Alone(AccessUnit),
    /// Decode this key frame by itself, and look only at whether the camera shows what it should.
    Glance(AccessUnit),
    /// Go on with it in the stream's own decoder, which a key frame begins anew, and look at the picture.
    Look(AccessUnit),
    /// The same for a picture that need not be looked at: others are made of it.
    Pass(AccessUnit),
    /// The stream's own decoder is not needed any more.
    Close,
}

impl Work {
    fn is_begin(&self) -> bool {
        match self {
            Work::Alone(_) | Work::Glance(_) => true,
            Work::Look(unit) | Work::Pass(unit) => unit.facts.kind == UnitKind::Key,
            Work::Close => false,
        }
    }
}

impl Climb {
    pub fn new() -> Self {
        Self { blind: true, ..Self::default() }
    }

    /// The next unit of the stream, to be treated on `rung`. `now`: a clock that only tells how long work waits.
    pub fn unit(&mut self, unit: AccessUnit, rung: Rung, now: Duration) {
        let number = unit.number;
        if self.next.is_some_and(|next| next != number) {
            self.lost();
        }
        self.next = Some(number + 1);
        let is_key = unit.facts.kind == UnitKind::Key;
        if is_key {
            (self.blind, self.overtaken) = (false, false);
        }
        if self.blind {
            return;
        }
        self.keep(number, &unit);
        match rung {
            Rung::Watch => self.close(now),
            Rung::KeyFrames => {
                self.close(now);
                if is_key {
                    // Those before it may still be wanted, so it is not `seen_to`.
                    self.push(Work::Alone(unit), now);
                }
            }
            Rung::Full => self.full(number, unit, now),
        }
        self.catch_up(now);
    }

    /// Nobody is to come back to what was told of so far, if its time comes again: it was others' turn.
    pub fn leave_behind(&mut self) {
        self.seen_to = self.next.map(|next| next - 1);
    }

    /// A glance at a key frame that was just told of and is not decoded otherwise.
    pub fn glance(&mut self, unit: AccessUnit, now: Duration) {
        if !self.blind {
            self.push(Work::Glance(unit), now);
        }
    }

    /// Whether nothing can be decoded before the next key frame.
    pub fn is_blind(&self) -> bool {
        self.blind
    }

    /// Packets are missing: what follows cannot be decoded before the next key frame.
    pub fn lost(&mut self) {
        self.blind = true;
        self.fed = None;
        self.forget();
    }

    /// The stream is over: another one of the same camera may follow.
    pub fn end(&mut self, now: Duration) {
        self.lost();
        (self.next, self.seen_to) = (None, None);
        self.push(Work::Close, now);
    }

    /// The oldest work, and how long it has waited.
    pub fn take(&mut self, now: Duration) -> Option<(Work, Duration)> {
        let first = self.todo.pop_front()?;
        Some((first.work, now.saturating_sub(first.since)))
    }

    pub fn has_work(&self) -> bool {
        !self.todo.is_empty()
    }

    /// Pictures that were to be decoded and were not, since the last call: the machine was behind.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn full(&mut self, number: u64, unit: AccessUnit, now: Duration) {
        if self.overtaken {
            self.dropped += 1;
            self.seen_to = Some(number);
            return;
        }
        let goes_on = self.fed.is_some_and(|fed| fed + 1 == number);
        if goes_on {
            self.fed = Some(number);
            self.seen_to = Some(number);
            return self.push(Work::Look(unit), now);
        }
        let from = unit.facts.at.0 - LOOK_BACK.0;
        let looked_at = |kept: &Kept| {
            kept.number == number
                || (self.seen_to.is_none_or(|to| kept.number > to) && kept.unit.facts.at.0 >= from)
        };
        let first = self.kept.iter().position(looked_at);
        let is_key = |kept: &Kept| kept.unit.facts.kind == UnitKind::Key;
        // Nothing kept where its group of pictures is too large: then the next key frame begins.
        let Some(begin) = first.and_then(|first| self.kept.iter().take(first + 1).rposition(is_key)) else {
            return;
        };
        let work: Vec<Work> = self
            .kept
            .iter()
            .skip(begin)
            .map(|kept| match looked_at(kept) {
                true => Work::Look(kept.unit.clone()),
                false => Work::Pass(kept.unit.clone()),
            })
            .collect();
        work.into_iter().for_each(|work| self.push(work, now));
        self.fed = Some(number);
        self.seen_to = Some(number);
    }

    fn close(&mut self, now: Duration) {
        self.overtaken = false;
        if self.fed.take().is_some() {
            self.push(Work::Close, now);
        }
    }

    fn push(&mut self, work: Work, since: Duration) {
        self.todo.push_back(Queued { work, since });
    }

    fn keep(&mut self, number: u64, unit: &AccessUnit) {
        let (is_key, at) = (unit.facts.kind == UnitKind::Key, unit.facts.at);
        if !is_key && self.kept.is_empty() {
            return;
        }
        if is_key {
            self.keys.push_back((number, at));
        }
        self.bytes += unit.data.len();
        self.kept.push_back(Kept { number, unit: unit.clone() });
        loop {
            let full = self.bytes > KEPT_BYTES;
            match self.keys.get(1).copied() {
                Some((second, began)) if full || at.since(began) >= LOOK_BACK => {
                    self.keys.pop_front();
                    while let Some(first) = self.kept.pop_front_if(|kept| kept.number < second) {
                        self.bytes -= first.unit.data.len();
                    }
                }
                None if full || self.age() > KEPT_FOR => return self.forget(),
                Some(_) | None => return,
            }
        }
    }

    fn age(&self) -> DurationMs {
        match (self.kept.front(), self.kept.back()) {
            (Some(first), Some(last)) => last.unit.facts.at.since(first.unit.facts.at),
            (Some(_) | None, _) => DurationMs(0),
        }
    }

    fn forget(&mut self) {
        self.kept.clear();
        self.keys.clear();
        self.bytes = 0;
    }

    /// Newest wins: when the oldest work has waited too long, what came before the last key frame is left, or everything
    /// until the next one.
    fn catch_up(&mut self, now: Duration) {
        let waited = self.todo.front().map_or(Duration::ZERO, |q| now.saturating_sub(q.since));
        if waited <= BEHIND {
            return;
        }
        let keep_from = self.todo.iter().rposition(|q| q.work.is_begin()).filter(|i| *i > 0);
        let left = self.todo.drain(..keep_from.unwrap_or(self.todo.len()));
        let (mut pictures, mut closed) = (0, false);
        for queued in left {
            match queued.work {
                Work::Alone(_) | Work::Look(_) => pictures += 1,
                Work::Pass(_) | Work::Glance(_) => {}
                Work::Close => closed = true,
            }
        }
        self.dropped += pictures;
        if keep_from.is_none() && self.fed.take().is_some() {
            self.overtaken = true;
            closed = true;
            // Nor is there a way back to what is kept of it.
            self.seen_to = self.kept.back().map(|newest| newest.number);
        }
        if closed {
            self.todo.push_front(Queued { work: Work::Close, since: now });
        }
    }
}

#[cfg(test)]
#[path = "climb_tests.rs"]
mod tests;
