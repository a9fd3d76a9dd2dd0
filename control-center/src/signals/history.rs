//! What a junction's groups showed, with the times in which nobody knows.

use control_center_store::{EventRow, ListFilter, PageKey, SignalRow, StoreError};
use models_domain::signal::Aspect;
use models_domain::signal::corridor::{Shown, Window};
use models_domain::{DurationMs, JunctionId, UtcMillis};
use models_wire::v1;
use prost::Message;

use crate::hall::Hall;

/// Changes of a link that are read at a time.
const PAGE: u32 = 100;

/// What was shown from this moment on, until the next change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub at: UtcMillis,
    /// Empty while nobody knows.
    pub groups: String,
    pub cycle_s: Option<u32>,
    pub stage: Option<u32>,
}

/// Changes within `window`, and before them what was in force at its beginning.
///
/// # Errors
/// [`StoreError`].
pub async fn changes(hall: &Hall, junction: &JunctionId, window: Window) -> Result<Vec<Change>, StoreError> {
    let rows = hall.store.signal_changes(junction, window.from, window.to).await?;
    let Some(first) = rows.first().map(|row| row.at) else { return Ok(Vec::new()) };
    let (mut down, mut before) = (Vec::new(), PageKey { at: window.to, id: 0 });
    loop {
        let subject = Some(junction.as_str());
        let filter = ListFilter { kinds: &["signal_state"], subject, before, limit: PAGE };
        let links = hall.store.list(&filter).await?;
        down.extend(links.iter().filter_map(lost));
        match links.last() {
            Some(oldest) if links.len() == PAGE as usize && oldest.key.at >= first => before = oldest.key,
            Some(_) | None => return Ok(joined(rows, down)),
        }
    }
}

/// What one group showed; `group` counts from 0.
pub fn shown(changes: &[Change], group: u8, window: Window) -> Shown {
    let aspect = |change: &Change| {
        let state = change.groups.chars().nth(usize::from(group));
        (change.at, state.map_or(Aspect::Unknown, Aspect::of))
    };
    Shown::of(&changes.iter().map(aspect).collect::<Vec<_>>(), window)
}

/// When the link was found to be down.
fn lost(row: &EventRow) -> Option<UtcMillis> {
    let event = v1::Event::decode(&row.payload[..]).ok()?;
    match event.body {
        Some(v1::event::Body::SignalState(state)) if state.link() != v1::Link::Up => Some(row.key.at),
        _ => None,
    }
}

/// `rows` in order, `lost` in any.
fn joined(rows: Vec<SignalRow>, lost: Vec<UtcMillis>) -> Vec<Change> {
    let nobody_knows = |at| Change { at, groups: String::new(), cycle_s: None, stage: None };
    let first = rows.first().map(|row| row.at);
    let mut all: Vec<Change> =
        lost.into_iter().filter(|at| first.is_some_and(|first| *at >= first)).map(nobody_knows).collect();
    let mut boot = None;
    let mut last = UtcMillis(0);
    for row in rows {
        // An agent that began anew was not running for a while: what it saw last may have ended at any time since.
        if boot.is_some_and(|boot| boot != row.boot) {
            all.push(nobody_knows(last + DurationMs(1)));
        }
        (boot, last) = (Some(row.boot), row.at);
        all.push(Change { at: row.at, groups: row.groups, cycle_s: row.cycle_s, stage: row.stage });
    }
    // A link that comes back tells its groups in the same moment: what is known comes last, and counts.
    all.sort_by_key(|change| (change.at, !change.groups.is_empty()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `5G1 9R1 20G2`: at second 5 group state `G` by boot 1, …; `lost` in seconds.
    #[track_caller]
    fn check(rows: &str, lost: &[i64], want: &str) {
        let row = |word: &str| {
            let at = word.find(|c: char| !c.is_ascii_digit()).unwrap();
            SignalRow {
                at: UtcMillis(word[..at].parse::<i64>().unwrap() * 1_000),
                groups: word[at..=at].into(),
                cycle_s: None,
                stage: None,
                boot: word[at + 1..].parse().unwrap(),
            }
        };
        let rows = rows.split(' ').filter(|word| !word.is_empty()).map(row).collect();
        let lost = lost.iter().map(|s| UtcMillis(s * 1_000)).collect();
        let got: Vec<String> =
            joined(rows, lost).iter().map(|change| format!("{}{}", change.at.0, change.groups)).collect();
        assert_eq!(got.join(" "), want);
    }

    #[test]
    fn nobody_knows_while_the_link_is_down_or_the_agent_is_not_running() {
        check("5G1 9R1", &[], "5000G 9000R");
        check("5G1 9R1 20G1", &[12, 20, 2], "5000G 9000R 12000 20000 20000G");
        check("5G1 9R1 20G2", &[], "5000G 9000R 9001 20000G");
        check("", &[3], "");
    }

    #[test]
    fn a_group_that_is_not_told_is_not_known() {
        let change = |s: i64, groups: &str| Change {
            at: UtcMillis(s * 1_000),
            groups: groups.into(),
            cycle_s: None,
            stage: None,
        };
        let window = |from: i64, to: i64| Window { from: UtcMillis(from * 1_000), to: UtcMillis(to * 1_000) };
        let changes = [change(0, "1B"), change(10, "B1"), change(20, ""), change(25, "B1")];
        let second = shown(&changes, 1, window(0, 30));
        assert_eq!(
            (second.greens, second.unknown),
            (vec![window(10, 20), window(25, 30)], vec![window(20, 25)])
        );
        assert_eq!(shown(&changes, 2, window(0, 30)).unknown, [window(0, 30)]);
    }
}
