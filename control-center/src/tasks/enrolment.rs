//! Takes in gateways that were enrolled and cuts off those that were revoked, while the hall runs.
//!
//! The bus is opened anew for each change, for which every gateway loses it for a moment. So a revocation is carried out at
//! once, and enrolments are gathered: until no more of them come, and not sooner than some time after the last change.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::gateways::{Admitted, access, read};
use crate::hall::Hall;

/// How often the list is read: other commands change it.
const EVERY: Duration = Duration::from_secs(1);
/// Between two openings for enrolments alone.
const BETWEEN: Duration = Duration::from_secs(10);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    let mut seen = hall.gateways.now();
    let mut changed: Option<Duration> = None;
    loop {
        tokio::time::sleep(EVERY).await;
        let wanted = read(&hall.store).await.context("looking for gateways that were enrolled or revoked")?;
        let now = hall.gateways.now();
        let at = hall.clock.elapsed();
        let rested = changed.is_none_or(|last| at.saturating_sub(last) >= BETWEEN);
        if wanted != now && (takes_away(&now, &wanted) || (wanted == seen && rested)) {
            change(&hall, &now, wanted.clone()).await?;
            changed = Some(hall.clock.elapsed());
        }
        seen = wanted;
    }
}

/// Whether somebody who may speak now may not any more.
fn takes_away(now: &Admitted, wanted: &Admitted) -> bool {
    now.iter().any(|(gateway, certificate)| wanted.get(gateway) != Some(certificate))
}

async fn change(hall: &Hall, now: &Admitted, wanted: Admitted) -> anyhow::Result<()> {
    for gateway in wanted.keys().filter(|g| !now.contains_key(*g)) {
        tracing::info!(%gateway, "enrolled");
    }
    for (gateway, _) in now.iter().filter(|(g, c)| wanted.get(*g) != Some(*c)) {
        tracing::info!(%gateway, "its certificate is not taken any more");
    }
    let rules = access(&wanted);
    let began = hall.clock.elapsed();
    let gone: Vec<_> = now.keys().filter(|g| !wanted.contains_key(*g)).cloned().collect();
    hall.gateways.change(wanted);
    for gateway in gone {
        hall.view.change(hall.clock.now(), |city| city.cut_off(&gateway));
    }
    hall.router.regrant(rules).await.context("opening the bus with new access rules")?;
    let took = hall.clock.elapsed().saturating_sub(began);
    tracing::info!(?took, "the bus is open with new access rules; the gateways come back by themselves");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_certificate_takes_the_old_one_away() {
        let list = |pairs: &[(&str, &str)]| -> Admitted {
            pairs.iter().map(|(g, c)| (g.parse().unwrap(), (*c).to_owned())).collect()
        };
        let now = list(&[("a", "a.1"), ("b", "b.1")]);
        assert!(!takes_away(&now, &now));
        assert!(!takes_away(&now, &list(&[("a", "a.1"), ("b", "b.1"), ("c", "c.1")])));
        assert!(takes_away(&now, &list(&[("a", "a.1")])));
        assert!(takes_away(&now, &list(&[("a", "a.2"), ("b", "b.1")])));
    }
}
