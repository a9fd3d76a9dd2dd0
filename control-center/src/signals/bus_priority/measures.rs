//! What green for buses gave and cost, reckoned when the others have had their turn again: from what the store has of the lamps.

use control_center_store::{BusPriorityRow, MeasuredPriority};
use models_domain::signal::GroupSet;
use models_domain::signal::bus_priority::measured::{AFTER, BEFORE, measure};
use models_domain::signal::corridor::Window;

use super::super::history;
use crate::hall::Hall;

/// So many are reckoned with one look.
const AT_ONCE: u32 = 4;

/// Reckons what can be told of those that ended long enough ago.
///
/// # Errors
/// When the store fails.
pub async fn step(hall: &Hall) -> anyhow::Result<()> {
    let before = hall.clock.now() - AFTER;
    for row in hall.store.unmeasured_bus_priorities(before, AT_ONCE).await? {
        let measured = one(hall, &row).await?;
        hall.store.measure_bus_priority(row.id, &measured).await?;
    }
    Ok(())
}

async fn one(hall: &Hall, row: &BusPriorityRow) -> anyhow::Result<MeasuredPriority> {
    let ended = row.ended.unwrap_or(row.asked);
    let window = Window { from: row.asked - BEFORE, to: ended + AFTER };
    let changes = history::changes(hall, &row.junction, window).await?;
    let layout = hall.view.junction(&row.junction).and_then(|known| known.info.can).map(|can| can.layout);
    let setups = hall.priorities.all.iter().map(|priority| &priority.setup);
    let mut approaches = setups.filter(|setup| setup.id == row.priority).flat_map(|setup| &setup.approaches);
    let groups = approaches.find(|approach| approach.name == row.approach).map(|approach| approach.groups);
    let (Some(layout), Some(groups)) = (layout, groups) else { return Ok(unknown()) };
    let Some(own) = groups.iter().next() else { return Ok(unknown()) };
    let against = groups.iter().fold(GroupSet::EMPTY, |all, group| all.or(&layout.conflicts(group)));
    let others: Vec<_> =
        against.iter().map(|group| (group, history::shown(&changes, group, window))).collect();
    let got = measure(&history::shown(&changes, own, window), &others, (row.asked, ended));
    Ok(MeasuredPriority {
        gain: got.gain.name().to_owned(),
        gained: got.gained,
        others: got.red,
        usual: got.usual,
        group: got.group.map_or(0, |group| u16::from(group) + 1),
    })
}

/// Nothing can be told: the junction or the approach is not in the configuration any more.
fn unknown() -> MeasuredPriority {
    let zero = models_domain::DurationMs(0);
    MeasuredPriority { gain: "unknown".to_owned(), gained: zero, others: zero, usual: zero, group: 0 }
}
