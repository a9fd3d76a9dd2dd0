//! Says in the log at which stop lines of emergency routes no green can be ordered, before somebody needs it: the hall's file names
//! junctions and groups, and gateways tell which there are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use models_domain::signal::order::Orderable;
use models_domain::signal::route::Pass;

use crate::hall::Hall;

/// Gateways tell their junctions once they are there.
const EVERY: Duration = Duration::from_secs(60);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    let mut said = BTreeSet::new();
    loop {
        tokio::time::sleep(EVERY).await;
        for route in &hall.emergency_routes {
            for pass in &route.passes {
                let known = hall.view.junction(&pass.junction);
                let can = known.as_ref().map(|junction| junction.info.can.as_ref());
                let Some(why) = misfit(pass, can) else { continue };
                let line = format!("emergency route {:?}: junction {}: {why}", route.id, pass.junction);
                if !said.contains(&line) {
                    tracing::warn!("{line}; no green can be ordered for a vehicle there");
                    said.insert(line);
                }
            }
        }
    }
}

/// Why a stop line cannot be green. `can`: what may be ordered of its junction, `None` where no gateway tells the junction.
fn misfit(pass: &Pass, can: Option<Option<&Orderable>>) -> Option<String> {
    let Some(can) = can else { return Some("no gateway has told of it".to_owned()) };
    let Some(can) = can else { return Some("its gateway's configuration has no groups for it".to_owned()) };
    let (group, known) = (usize::from(pass.group) + 1, can.layout.groups.len());
    (group > known).then(|| format!("its gateway's configuration has no group {group}, only 1 to {known}"))
}

#[cfg(test)]
mod tests {
    use models_domain::signal::plan::{Group, GroupKind, Layout, Limits};
    use models_domain::{DurationMs, Meters};

    use super::*;

    #[test]
    fn what_gateways_do_not_know_is_said() {
        let pass = |group| Pass { junction: "j".parse().unwrap(), at: Meters(0.0), group };
        let (kind, time) = (GroupKind::Vehicle, DurationMs(5_000));
        let group = Group { kind, green_min: time, clearance: time, red_max: time };
        let layout = Layout::new(vec![group; 2], Limits::default());
        let can = Orderable { layout, plans: Vec::new(), all_red: false };
        let said = |group, can| misfit(&pass(group), can).unwrap_or_default();
        assert_eq!(said(0, None), "no gateway has told of it");
        assert_eq!(said(0, Some(None)), "its gateway's configuration has no groups for it");
        assert_eq!(said(1, Some(Some(&can))), "");
        assert_eq!(said(2, Some(Some(&can))), "its gateway's configuration has no group 3, only 1 to 2");
    }
}
