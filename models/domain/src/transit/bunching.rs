//! Buses that run as one with the bus ahead: told while it is so, and withdrawn where reports that came late show that it never was.
//!
//! Only what was told of a bus whose day was made anew, or on a way that it drove, is asked for again: a day has thousands of findings
//! and remade buses, and a look must not cost their product.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::as_one::{Asked, Drives, Way, way_of};
use super::day::BusDay;
use super::finding::{Finding, Held, TransitEvent};
use super::headway::Rung;
use super::plan::DayPlan;
use crate::event::Phase;
use crate::ids::VehicleId;
use crate::units::{DurationMs, UtcMillis};

/// Buses that run as one for so long are told of.
const BUNCHED_FOR: DurationMs = DurationMs(60_000);

#[derive(Debug, Clone, Default)]
pub struct Bunching {
    held: BTreeMap<VehicleId, Held>,
    /// Those of this day that ended: reports may be later still.
    over: Vec<TransitEvent>,
    /// Withdrawn while they were told to hold: not begun again on the same run, until the ladder itself says that it is over or what
    /// comes late bears them out after all.
    refused: BTreeMap<VehicleId, TransitEvent>,
    /// Buses whose days were made anew, and the ways that they drove before and by now: what was told of these may not be so.
    doubted: BTreeSet<VehicleId>,
    doubted_ways: BTreeSet<Way>,
}

impl Bunching {
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Goes on with what was told before a restart, or remembers it where it is over.
    pub fn resume(&mut self, bus: VehicleId, event: TransitEvent) {
        match event.phase {
            Phase::Begun | Phase::Moment | Phase::Figure => self.held.entry(bus).or_default().resume(event),
            Phase::Ended => self.over.push(event),
        }
    }

    /// Does not begin again what was withdrawn before a restart while it was told to hold; unless the bus ran as one since, as far as
    /// that was resumed.
    pub fn refuse(&mut self, bus: VehicleId, withdrawn: TransitEvent) {
        let is_later =
            |told: &TransitEvent| told.vehicle.as_ref() == Some(&bus) && told.began > withdrawn.began;
        let holds = self.held.get(&bus).is_some_and(|held| held.begun().any(is_later));
        let was = self.over.iter().any(is_later);
        let refused = self.refused.get(&bus).is_some_and(is_later);
        if !(holds || was || refused) {
            self.refused.insert(bus, withdrawn);
        }
    }

    /// The day of a bus was made anew, which drove these ways before or by now: the next look asks of what was told of it, or on
    /// them, whether it was so.
    pub fn doubt(&mut self, vehicle: &VehicleId, ways: impl IntoIterator<Item = Way>) {
        self.doubted.insert(vehicle.clone());
        self.doubted_ways.extend(ways);
    }

    /// Begun or ended since last asked; `withdrawn` are those that never were.
    pub fn look(
        &mut self,
        ladder: &[Rung],
        (days, plans): (&BTreeMap<VehicleId, BusDay>, &[Arc<DayPlan>]),
        now: UtcMillis,
        withdrawn: &mut Vec<TransitEvent>,
    ) -> Vec<TransitEvent> {
        let mut news = self.judge(ladder, days, now);
        let asked = self.take_doubted(&news, plans, now);
        if asked.is_empty() {
            return news;
        }
        let drives = Drives::of(days, plans, &asked);
        // Of what was not asked for nobody knows anything new.
        let never = |told: &TransitEvent, until| asked.has(told) && !drives.bear_out(told, until);
        self.refused.retain(|_, refused| !asked.has(refused) || never(refused, now));
        self.held.retain(|vehicle, held| {
            let Some(begun) = held.begun().find(|begun| never(begun, now)).cloned() else { return true };
            news.retain(|event| !is_same(event, &begun));
            self.refused.insert(vehicle.clone(), begun.clone());
            withdrawn.push(begun);
            false
        });
        self.over.retain(|ended| {
            let was = !never(ended, ended.at);
            if !was {
                withdrawn.push(ended.clone());
            }
            was
        });
        news.retain(|event| {
            let was = event.phase != Phase::Ended || !never(event, event.at);
            if !was {
                withdrawn.push(event.clone());
            } else if event.phase == Phase::Ended {
                self.over.push(event.clone());
            }
            was
        });
        news
    }

    /// What is to be asked for: what ends now, and what was doubted since this was last asked.
    fn take_doubted(&mut self, news: &[TransitEvent], plans: &[Arc<DayPlan>], now: UtcMillis) -> Asked {
        let (buses, ways) = (std::mem::take(&mut self.doubted), std::mem::take(&mut self.doubted_ways));
        let mut asked = Asked::default();
        for event in news.iter().filter(|event| event.phase == Phase::Ended) {
            asked.add(event, way_of(plans, event), event.at);
        }
        if buses.is_empty() {
            return asked;
        }
        let open = self.held.values().flat_map(Held::begun).chain(self.refused.values());
        let open = open.map(|event| (event, now));
        for (event, until) in open.chain(self.over.iter().map(|event| (event, event.at))) {
            let way = way_of(plans, event);
            let of_bus = event.vehicle.as_ref().is_some_and(|bus| buses.contains(bus));
            if of_bus || way.is_some_and(|way| ways.contains(&way)) {
                asked.add(event, way, until);
            }
        }
        asked
    }

    /// What holds now, as buses are seen now.
    fn judge(
        &mut self,
        ladder: &[Rung],
        days: &BTreeMap<VehicleId, BusDay>,
        now: UtcMillis,
    ) -> Vec<TransitEvent> {
        let mut news = Vec::new();
        let of = |vehicle: &VehicleId, rung: Option<&Rung>| TransitEvent {
            finding: Finding::Bunching,
            phase: Phase::Moment,
            began: now,
            at: now,
            vehicle: Some(vehicle.clone()),
            place: days.get(vehicle).and_then(|day| day.bus.last.as_ref()).map(|o| o.seen.position),
            run: rung.map(|r| (r.line.feed.clone(), r.run.clone())),
            stop: None,
            value: rung.and_then(Rung::behind).map(DurationMs::seconds),
        };
        let on_ladder: BTreeSet<&VehicleId> = ladder.iter().map(|rung| &rung.vehicle).collect();
        let gone = self.held.keys().filter(|vehicle| !on_ladder.contains(vehicle));
        for vehicle in gone.cloned().collect::<Vec<_>>() {
            if let Some(mut held) = self.held.remove(&vehicle) {
                held.judge(Some(false), BUNCHED_FOR, of(&vehicle, None), &mut news);
            }
        }
        for rung in ladder {
            let holds = rung.is_bunched().or(rung.ahead_timetabled.is_none().then_some(false));
            if holds == Some(false) {
                self.refused.remove(&rung.vehicle);
            }
            let holds = holds.filter(|holds| !(*holds && self.is_refused(rung)));
            let held = self.held.entry(rung.vehicle.clone()).or_default();
            held.judge(holds, BUNCHED_FOR, of(&rung.vehicle, Some(rung)), &mut news);
        }
        news
    }

    /// Whether it is what was withdrawn of this bus; once it is over, or the bus does something else, it is forgotten.
    fn is_refused(&mut self, rung: &Rung) -> bool {
        let Some(refused) = self.refused.get(&rung.vehicle) else { return false };
        let run = refused.run.as_ref();
        let same = run.is_some_and(|(feed, run)| *feed == rung.line.feed && *run == rung.run);
        if !same {
            self.refused.remove(&rung.vehicle);
        }
        same
    }
}

fn is_same(one: &TransitEvent, other: &TransitEvent) -> bool {
    one.vehicle == other.vehicle && one.began == other.began
}

#[cfg(test)]
#[path = "bunching_tests.rs"]
mod tests;
