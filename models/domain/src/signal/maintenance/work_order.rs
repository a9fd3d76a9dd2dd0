//! A work order: what people may do with it, and what the hall hears of the fault that it is for.

use super::fault::Fault;
use crate::units::{DurationMs, UtcMillis};

/// A fault that is there so long after it was said to be mended is not mended.
const STILL_AFTER: DurationMs = DurationMs(10 * 60_000);
/// One that begins anew within this time was not mended for good.
pub const BACK_WITHIN: DurationMs = DurationMs(7 * 86_400_000);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody has taken it on.
    Open,
    Taken,
    Done,
    Cancelled,
}

impl State {
    pub const ALL: [State; 4] = [State::Open, State::Taken, State::Done, State::Cancelled];

    /// Short stable name for tables and the record.
    pub fn name(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Taken => "taken",
            State::Done => "done",
            State::Cancelled => "cancelled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Somebody has to do something yet.
    pub fn is_open(self) -> bool {
        match self {
            State::Open | State::Taken => true,
            State::Done | State::Cancelled => false,
        }
    }

    /// Where a step leads; `None`: it is not possible here.
    pub fn after(self, step: Step) -> Option<State> {
        match (self, step) {
            // Another may take over what somebody has.
            (State::Open | State::Taken, Step::Take) => Some(State::Taken),
            (State::Taken, Step::GiveBack) => Some(State::Open),
            (_, Step::Note) => Some(self),
            (State::Open | State::Taken, Step::Done) => Some(State::Done),
            (State::Open | State::Taken, Step::Cancel) => Some(State::Cancelled),
            (State::Done | State::Cancelled, Step::Reopen) => Some(State::Open),
            (State::Open, Step::GiveBack | Step::Reopen)
            | (State::Taken, Step::Reopen)
            | (State::Done | State::Cancelled, Step::Take | Step::GiveBack | Step::Done | Step::Cancel) => {
                None
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Take,
    GiveBack,
    Note,
    Done,
    Cancel,
    Reopen,
}

impl Step {
    pub const ALL: [Step; 6] =
        [Step::Take, Step::GiveBack, Step::Note, Step::Done, Step::Cancel, Step::Reopen];

    /// Short stable name for tables and the record.
    pub fn name(self) -> &'static str {
        match self {
            Step::Take => "take",
            Step::GiveBack => "give_back",
            Step::Note => "note",
            Step::Done => "done",
            Step::Cancel => "cancel",
            Step::Reopen => "reopen",
        }
    }

    /// Whether it says nothing without words: what was done, why not, what is known.
    pub fn needs_note(self) -> bool {
        match self {
            Step::Note | Step::Done | Step::Cancel | Step::Reopen => true,
            Step::Take | Step::GiveBack => false,
        }
    }
}

/// How soon a fault is to be mended, by its priority.
pub fn due_in(priority: u8) -> DurationMs {
    let hours = match priority {
        0 | 1 => 4,
        2 => 24,
        3.. => 7 * 24,
    };
    DurationMs(hours * 3_600_000)
}

/// Since when a work order is done; `None` while it is open or when it was cancelled.
pub type Done = Option<UtcMillis>;

/// What the hall hears of a work order's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    There {
        since: UtcMillis,
    },
    /// Last there then.
    Gone {
        at: UtcMillis,
    },
    /// Said to be mended, and it is not.
    StillThere {
        since: UtcMillis,
    },
    CameBack {
        at: UtcMillis,
    },
    /// The hall never heard of one: somebody saw it.
    SeenByPeople,
}

/// `last`: of one that is done the first fault of the part that began within a week after, else the last before, and when it was over.
/// `heard_since`: since when the controller is heard without a break; while it is away nobody knows whether it was mended.
pub fn verdict(
    done: Done,
    last: Option<(&Fault, Option<UtcMillis>)>,
    heard_since: Option<UtcMillis>,
    now: UtcMillis,
) -> Verdict {
    let Some((fault, ended)) = last else { return Verdict::SeenByPeople };
    let since = fault.began;
    let Some(done) = done else {
        return ended.map_or(Verdict::There { since }, |at| Verdict::Gone { at });
    };
    if since > done && since.since(done) <= BACK_WITHIN {
        return Verdict::CameBack { at: since };
    }
    match ended {
        Some(at) => Verdict::Gone { at },
        None if since > done => Verdict::Gone { at: done },
        None if heard_since.is_some_and(|heard| now.since(done.max(heard)) >= STILL_AFTER) => {
            Verdict::StillThere { since }
        }
        None => Verdict::There { since },
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::{FaultKind, Part};
    use super::*;

    #[test]
    fn steps_and_where_they_lead() {
        let table: Vec<String> = State::ALL
            .into_iter()
            .map(|state| {
                let steps = Step::ALL
                    .into_iter()
                    .filter_map(|step| state.after(step).map(|to| format!("{}>{}", step.name(), to.name())));
                format!("{}: {}", state.name(), steps.collect::<Vec<_>>().join(" "))
            })
            .collect();
        assert_eq!(
            table,
            [
                "open: take>taken note>open done>done cancel>cancelled",
                "taken: take>taken give_back>open note>taken done>done cancel>cancelled",
                "done: note>done reopen>open",
                "cancelled: note>cancelled reopen>open",
            ]
        );
    }

    #[test]
    fn what_is_heard_of_the_fault() {
        const MIN: i64 = 60_000;
        let heard = |done: Option<i64>,
                     last: Option<(i64, Option<i64>)>,
                     heard: Option<i64>,
                     now: i64,
                     want: Verdict| {
            let part = Part { kind: FaultKind::Lamp, name: "SG1".into() };
            let fault = |began| Fault {
                part: part.clone(),
                codes: Vec::new(),
                text: String::new(),
                priority: 2,
                began: UtcMillis(began),
            };
            let last = last.map(|(began, ended)| (fault(began), ended.map(UtcMillis)));
            let told = last.as_ref().map(|(fault, ended)| (fault, *ended));
            assert_eq!(
                verdict(done.map(UtcMillis), told, heard.map(UtcMillis), UtcMillis(now)),
                want,
                "{done:?} {last:?}"
            );
        };
        let check = |done, last, now, want| heard(done, last, Some(0), now, want);
        let at = UtcMillis;
        check(None, None, 5, Verdict::SeenByPeople);
        check(None, Some((1, None)), 5, Verdict::There { since: at(1) });
        check(None, Some((1, Some(3))), 5, Verdict::Gone { at: at(3) });
        check(Some(2), Some((1, None)), 3, Verdict::There { since: at(1) });
        check(Some(2), Some((1, None)), 2 + 10 * MIN, Verdict::StillThere { since: at(1) });
        // Nobody hears of it, or not for long enough.
        heard(Some(2), Some((1, None)), None, 60 * MIN, Verdict::There { since: at(1) });
        heard(Some(2), Some((1, None)), Some(55 * MIN), 60 * MIN, Verdict::There { since: at(1) });
        check(Some(2), Some((1, Some(3))), 2 + 10 * MIN, Verdict::Gone { at: at(3) });
        check(Some(2), Some((4, None)), 5, Verdict::CameBack { at: at(4) });
        check(Some(2), Some((4, Some(6))), 9, Verdict::CameBack { at: at(4) });
        let week = 7 * 86_400_000;
        check(Some(2), Some((3 + week, None)), 4 + week, Verdict::Gone { at: at(2) });
    }
}
