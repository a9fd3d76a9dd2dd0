//! When a stream that is only watched is decoded for a moment, to see whether the camera shows what it should.

use std::time::Duration;

use models_domain::ladder::{Rung, UnitFacts, UnitKind};

/// So far apart when all is well: a key frame costs some milliseconds, and hundreds of streams are watched on a core.
const EVERY: Duration = Duration::from_secs(60);
/// So far apart until it is sure what is seen; what lasts is taken as interrupted by pauses of more than 15 s.
const SOON: Duration = Duration::from_secs(4);

pub struct Glances {
    /// `None`: there is nothing to look with.
    due: Option<Duration>,
}

impl Glances {
    pub fn none() -> Self {
        Self { due: None }
    }

    /// `seed` spreads the first ones, so that not all cameras are looked at in the same second.
    pub fn from(now: Duration, seed: u64) -> Self {
        Self { due: Some(now + Duration::from_millis(seed % 60_000)) }
    }

    /// Whether this unit is to be glanced at; the next one is due a while later. On a higher rung it is looked at anyway.
    pub fn unit(&mut self, facts: &UnitFacts, rung: Rung, now: Duration) -> bool {
        let Some(due) = self.due else { return false };
        let is_due = rung == Rung::Watch && facts.kind == UnitKind::Key && now >= due;
        if is_due || rung > Rung::Watch {
            self.due = Some(now + EVERY);
        }
        is_due
    }

    /// The last glance was not sure.
    pub fn soon(&mut self, now: Duration) {
        self.due = self.due.map(|due| due.min(now + SOON));
    }
}

#[cfg(test)]
mod tests {
    use models_domain::UtcMillis;

    use super::*;

    fn facts(kind: UnitKind) -> UnitFacts {
        UnitFacts { at: UtcMillis(0), bytes: 1, kind, qp: None }
    }

    /// Seconds of ten minutes at which a stream with a key frame each two seconds is glanced at.
    fn glanced(rung: impl Fn(u64) -> Rung, unsure: impl Fn(usize) -> bool) -> Vec<u64> {
        let (mut glances, mut at) = (Glances::from(Duration::ZERO, 7_000), Vec::new());
        for second in 0..600 {
            let now = Duration::from_secs(second);
            let kind = if second % 2 == 0 { UnitKind::Key } else { UnitKind::Delta };
            if glances.unit(&facts(kind), rung(second), now) {
                at.push(second);
                if unsure(at.len()) {
                    glances.soon(now);
                }
            }
        }
        at
    }

    #[test]
    fn once_a_minute_and_sooner_until_it_is_sure() {
        let watch = |_| Rung::Watch;
        assert_eq!(glanced(watch, |_| false), [8, 68, 128, 188, 248, 308, 368, 428, 488, 548]);
        assert_eq!(glanced(watch, |n| n <= 3)[..5], [8, 12, 16, 20, 80]);
        // Looked at anyway for a while.
        let busy = |second| if (100..200).contains(&second) { Rung::KeyFrames } else { Rung::Watch };
        assert_eq!(glanced(busy, |_| false)[..4], [8, 68, 260, 320]);
        assert!(!Glances::none().unit(&facts(UnitKind::Key), Rung::Watch, Duration::from_secs(900)));
    }
}
