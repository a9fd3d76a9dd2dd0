//! How much of its gateway a camera gets: domain <-> wire.

use models_domain::DurationMs;
use models_domain::effort::{Effort, Priority};
use models_domain::ladder::{MissEstimate, Rung, Why};

use super::BadMessage;
use crate::v1;

pub fn effort_to_wire(effort: &Effort) -> v1::Effort {
    let rung = match effort.rung {
        Rung::Watch => v1::Rung::Watch,
        Rung::KeyFrames => v1::Rung::KeyFrames,
        Rung::Full => v1::Rung::Full,
    };
    let why = match effort.why {
        Some(Why::Pinned) => v1::RungWhy::Pinned,
        Some(Why::Learning) => v1::RungWhy::Learning,
        Some(Why::Quiet) => v1::RungWhy::Quiet,
        Some(Why::Stirred) => v1::RungWhy::Stirred,
        Some(Why::Followed) => v1::RungWhy::Followed,
        Some(Why::Audit) => v1::RungWhy::Audit,
        None => v1::RungWhy::LookedAt,
    };
    let priority = match effort.priority {
        Priority::Health => v1::Priority::Health,
        Priority::Incident => v1::Priority::Incident,
        Priority::Counting => v1::Priority::Counting,
    };
    v1::Effort {
        rung: rung.into(),
        why: why.into(),
        priority: priority.into(),
        share: effort.share,
        shed: effort.shed,
        missed: effort.missed.map(|missed| v1::Missed {
            share: missed.share,
            low: missed.low,
            high: missed.high,
            audited_ms: missed.audited.0,
            found: missed.found,
        }),
    }
}

/// # Errors
/// [`BadMessage`] when one of its words is not known.
pub fn effort_from_wire(m: &v1::Effort) -> Result<Effort, BadMessage> {
    let unknown = |field, value: i32| Err(BadMessage::new(field, format!("{value} is not known")));
    let rung = match v1::Rung::try_from(m.rung) {
        Ok(v1::Rung::Watch) => Rung::Watch,
        Ok(v1::Rung::KeyFrames) => Rung::KeyFrames,
        Ok(v1::Rung::Full) => Rung::Full,
        Ok(v1::Rung::Unspecified) | Err(_) => return unknown("effort.rung", m.rung),
    };
    let why = match v1::RungWhy::try_from(m.why) {
        Ok(v1::RungWhy::Pinned) => Some(Why::Pinned),
        Ok(v1::RungWhy::Learning) => Some(Why::Learning),
        Ok(v1::RungWhy::Quiet) => Some(Why::Quiet),
        Ok(v1::RungWhy::Stirred) => Some(Why::Stirred),
        Ok(v1::RungWhy::Followed) => Some(Why::Followed),
        Ok(v1::RungWhy::Audit) => Some(Why::Audit),
        Ok(v1::RungWhy::LookedAt) => None,
        Ok(v1::RungWhy::Unspecified) | Err(_) => return unknown("effort.why", m.why),
    };
    let priority = match v1::Priority::try_from(m.priority) {
        Ok(v1::Priority::Health) => Priority::Health,
        Ok(v1::Priority::Incident) => Priority::Incident,
        Ok(v1::Priority::Counting) => Priority::Counting,
        Ok(v1::Priority::Unspecified) | Err(_) => return unknown("effort.priority", m.priority),
    };
    let missed = m.missed.as_ref().map(|missed| MissEstimate {
        share: missed.share,
        low: missed.low,
        high: missed.high,
        audited: DurationMs(missed.audited_ms),
        found: missed.found,
    });
    Ok(Effort { rung, why, priority, share: m.share, shed: m.shed, missed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let missed =
            MissEstimate { share: 0.008, low: 0.003, high: 0.013, audited: DurationMs(60_000), found: 3 };
        let mut effort = Effort {
            rung: Rung::Watch,
            why: Some(Why::Quiet),
            priority: Priority::Incident,
            share: 0.5,
            shed: 12,
            missed: Some(missed),
        };
        let whys = [Why::Pinned, Why::Learning, Why::Quiet, Why::Stirred, Why::Followed, Why::Audit];
        for why in whys.map(Some).into_iter().chain([None]) {
            for rung in [Rung::Watch, Rung::KeyFrames, Rung::Full] {
                for priority in [Priority::Health, Priority::Incident, Priority::Counting] {
                    (effort.why, effort.rung, effort.priority) = (why, rung, priority);
                    assert_eq!(effort_from_wire(&effort_to_wire(&effort)).as_ref(), Ok(&effort));
                }
            }
        }
        let err = effort_from_wire(&v1::Effort { rung: 9, ..effort_to_wire(&effort) }).unwrap_err();
        assert_eq!(err.to_string(), "effort.rung: 9 is not known");
    }
}
