//! Faults of every controller that the hall knows: looked at every few seconds, kept as they begin and end.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use control_center_core::city::{City, Junction};
use control_center_store::{FaultRow, StoreError};
use models_domain::event::Link;
use models_domain::signal::maintenance::{Away, Fault, Health, News, Observed, Part};
use models_domain::{DurationMs, JunctionId, UtcMillis};

use crate::hall::Hall;

/// Losses of a controller count for the stability of its link for so long.
const LOSSES_OF: DurationMs = DurationMs(3_600_000);

#[derive(Default)]
pub struct Healths {
    by_junction: Mutex<BTreeMap<JunctionId, Health>>,
}

impl Healths {
    /// What is wrong with every controller that has a fault, the worst first.
    pub fn faults(&self) -> BTreeMap<JunctionId, Vec<Fault>> {
        let all = self.lock();
        let faults = all
            .iter()
            .map(|(id, health)| (id.clone(), health.faults().into_iter().cloned().collect::<Vec<_>>()));
        faults.filter(|(_, faults)| !faults.is_empty()).collect()
    }

    /// The fault of one part, if it is there.
    pub fn fault(&self, junction: &JunctionId, part: &Part) -> Option<Fault> {
        let all = self.lock();
        all.get(junction)?.faults().into_iter().find(|fault| fault.part == *part).cloned()
    }

    /// Since when a controller is heard without a break; `None` while it is away.
    pub fn heard_since(&self, junction: &JunctionId) -> Option<UtcMillis> {
        self.lock().get(junction)?.heard_since()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<JunctionId, Health>> {
        self.by_junction.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Goes on from what is kept.
///
/// # Errors
/// [`StoreError`].
pub async fn restore(hall: &Hall) -> Result<(), StoreError> {
    let now = hall.clock.now();
    let mut by_junction: BTreeMap<JunctionId, (Vec<Fault>, Vec<UtcMillis>)> = BTreeMap::new();
    for FaultRow { junction, fault, .. } in hall.store.open_faults().await? {
        by_junction.entry(junction).or_default().0.push(fault);
    }
    for FaultRow { junction, fault, .. } in hall.store.losses(None, now - LOSSES_OF).await? {
        by_junction.entry(junction).or_default().1.push(fault.began);
    }
    let health = |(open, losses)| Health::resume(open, losses, now);
    *hall.healths.lock() = by_junction.into_iter().map(|(id, known)| (id, health(known))).collect();
    Ok(())
}

/// One look at every controller. `settled`: the gateways had the time to come back since the hall began; before that one that is away
/// says nothing.
///
/// # Errors
/// [`StoreError`]; what is known must then be read from the store again.
pub async fn step(hall: &Hall, settled: bool) -> Result<(), StoreError> {
    let now = hall.clock.now();
    let news = hall.view.read(|city| look(&mut hall.healths.lock(), city, now, settled));
    if news.is_empty() {
        return Ok(());
    }
    hall.store.keep_faults(&news).await
}

fn look(
    all: &mut BTreeMap<JunctionId, Health>,
    city: &City,
    now: UtcMillis,
    settled: bool,
) -> Vec<(JunctionId, News)> {
    let mut told = Vec::new();
    for (id, junction) in &city.junctions {
        let alive = city.gateways.get(&junction.gateway).is_some_and(|gateway| gateway.alive);
        if !alive && !settled {
            continue;
        }
        let health = all.entry(id.clone()).or_default();
        let news = health.step(now, &observed(junction, alive));
        told.extend(news.into_iter().map(|news| (id.clone(), news)));
    }
    // One that its gateway tells no more is nobody's to mend.
    let gone = all.extract_if(.., |id, _| settled && !city.junctions.contains_key(id));
    for (id, health) in gone {
        let ended =
            health.faults().into_iter().map(|fault| News::Ended { part: fault.part.clone(), at: now });
        told.extend(ended.map(|news| (id.clone(), news)));
    }
    told
}

fn observed(junction: &Junction, alive: bool) -> Observed<'_> {
    let away = match (alive, junction.info.state.link) {
        (false, _) => Some(Away::Gateway),
        (true, Link::Up) => None,
        (true, Link::Connecting | Link::Down) => Some(Away::Controller),
    };
    Observed { away, alarms: junction.listed_alarms().collect(), clock_ahead: junction.info.now.clock_ahead }
}

#[cfg(test)]
mod tests {
    use control_center_core::city::{GatewayState, JunctionInfo};
    use models_domain::GatewayId;
    use models_domain::event::LinkState;
    use models_domain::signal::SignalAlarm;
    use models_domain::signal::maintenance::FaultKind;

    use super::*;

    fn pole() -> GatewayId {
        "pole".parse().unwrap()
    }

    fn told(city: &mut City, at: i64, link: Link, alarms: &[&str], junctions: &[&str]) {
        let alarm = |code: &&str| SignalAlarm {
            code: (*code).into(),
            component: "SG1".into(),
            active: true,
            acknowledged: false,
            suspended: false,
            priority: 2,
            description: String::new(),
        };
        let junction = |id: &&str| JunctionInfo {
            id: id.parse().unwrap(),
            name: String::new(),
            position: None,
            state: LinkState { link, reason: String::new() },
            groups: String::new(),
            changes: Vec::new(),
            now: Default::default(),
            aggregated: None,
            order: 0,
            ending: String::new(),
            can: None,
            handles_alarms: false,
            alarms: Some(alarms.iter().map(alarm).collect()),
        };
        let junctions = junctions.iter().map(junction).collect();
        let state = GatewayState {
            at: UtcMillis(at),
            waiting: 0,
            keeps_nothing: false,
            cameras: Vec::new(),
            junctions,
        };
        city.presence(&pole(), true, UtcMillis(at));
        city.state(&pole(), state, UtcMillis(at));
    }

    /// Looks every five seconds from `from` to `to`, in seconds.
    fn watch(
        all: &mut BTreeMap<JunctionId, Health>,
        city: &City,
        (from, to): (i64, i64),
        settled: bool,
    ) -> Vec<String> {
        let looks = (from..=to).step_by(5);
        let news = looks.flat_map(|s| look(all, city, UtcMillis(s * 1_000), settled));
        news.map(|(id, news)| match news {
            News::Began(fault) => format!("{id} began {} {}", fault.part.kind.name(), fault.codes.join("+")),
            News::Changed(fault) => format!("{id} changed {}", fault.codes.join("+")),
            News::Ended { part, .. } => format!("{id} ended {}", part.kind.name()),
        })
        .collect()
    }

    #[test]
    fn faults_as_gateways_and_controllers_come_and_go() {
        let (mut city, mut all) = (City::default(), BTreeMap::new());
        told(&mut city, 0, Link::Up, &["A0202"], &["a", "b"]);
        assert_eq!(watch(&mut all, &city, (0, 10), false), ["a began lamp A0202", "b began lamp A0202"]);
        told(&mut city, 15_000, Link::Down, &[], &["a", "b"]);
        let lost = ["a began link controller", "b began link controller"];
        assert_eq!(watch(&mut all, &city, (15, 60), true), lost);
        city.presence(&pole(), false, UtcMillis(65_000));
        assert_eq!(watch(&mut all, &city, (65, 70), true), ["a changed gateway", "b changed gateway"]);
        told(&mut city, 75_000, Link::Up, &["A0202"], &["a", "b"]);
        assert_eq!(watch(&mut all, &city, (75, 200), true), ["a ended link", "b ended link"]);
        // What its gateway tells no more is nobody's to mend.
        told(&mut city, 205_000, Link::Up, &["A0202"], &["b"]);
        assert_eq!(watch(&mut all, &city, (205, 210), false), Vec::<String>::new());
        assert_eq!(watch(&mut all, &city, (215, 300), true), ["a ended lamp"]);
        assert_eq!(all.keys().map(JunctionId::as_str).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn a_hall_that_begins_waits_for_its_gateways() {
        let mut city = City::default();
        told(&mut city, 0, Link::Up, &["A0202"], &["a"]);
        city.presence(&pole(), false, UtcMillis(1_000));
        let open = watch(&mut BTreeMap::new(), &city, (0, 25), false);
        assert_eq!(open, Vec::<String>::new(), "nothing is said of a gateway that is not back yet");
        let fault = Fault {
            part: Part { kind: FaultKind::Lamp, name: "SG1".into() },
            codes: vec!["A0202".into()],
            text: String::new(),
            priority: 2,
            began: UtcMillis(-9_000_000),
        };
        let resumed = Health::resume(vec![fault.clone()], [], UtcMillis(0));
        let mut all = [("a".parse().unwrap(), resumed)].into();
        assert_eq!(watch(&mut all, &city, (0, 25), false), Vec::<String>::new());
        told(&mut city, 30_000, Link::Up, &["A0202"], &["a"]);
        assert_eq!(watch(&mut all, &city, (30, 300), true), Vec::<String>::new());
        let known = all.values().next().unwrap().faults();
        assert_eq!(known, [&fault]);
    }
}
