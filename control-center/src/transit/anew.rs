//! Days of buses made anew: of everything that is believed of them, and of what is thought of all others that day.
//!
//! Whoever else was judged by something that is not so any more is made anew with them: then all are as if everything had come at
//! once and in order. What was thought of a day that is over lies in the store; of today it is made with the buses.

use std::collections::BTreeMap;
use std::sync::Arc;

use control_center_store::{BusNews, Due, Span, Whole};
use models_domain::transit::Fix;
use models_domain::transit::claims::{Claims, Disturbed, OfBus, Record, RunName, Tick};
use models_domain::transit::day::BusDay;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::settle::{Day, Made, Settling};
use models_domain::transit::timetable::{FeedId, RunKey, TripId};
use models_domain::transit::vehicle::Observed;
use models_domain::{DurationMs, UtcMillis, VehicleId};
use time::Date;
use time::macros::format_description;

use super::planned::Planned;
use super::window::Window;
use super::{Live, Transit, call_of, lock, news, observed, window};

/// Buses' days that are to be reckoned anew.
#[derive(Debug, Clone)]
pub struct Anew {
    pub date: Date,
    pub span: Span,
    /// By bus: what made it due.
    pub due: BTreeMap<VehicleId, Vec<Due>>,
    /// All buses begin anew: what is found was told before.
    pub again: bool,
}

/// What a bus reported.
#[derive(Debug, Clone, Default)]
pub struct Reported {
    /// In the order of time.
    pub believed: Vec<Fix>,
    /// What is not believed, and calls for help all the same; of any time.
    pub rejected: Vec<Fix>,
}

/// So far ahead of ours a tracker's clock may be.
const AHEAD: DurationMs = DurationMs(10 * 60_000);

/// Buses are put in that were made anew as far as so long ago, or after so many rounds, each of what was reported in the one before.
const BEHIND: DurationMs = DurationMs(20_000);
const ROUNDS: usize = 20;
/// How long a position may be on its way before it is in the store.
const UNDER_WAY: DurationMs = DurationMs(60_000);

/// Days that are over and lately had a bus made anew. More are let go, the one first that was asked for longest ago.
const FORMER_MAX: usize = 3;

/// A day that is over.
pub struct Former {
    date: Date,
    plans: Option<(Arc<Planned>, Vec<Arc<DayPlan>>)>,
    claims: Claims,
}

/// When each bus passed the first stop of each run that it was told to do.
pub type Passed = BTreeMap<VehicleId, BTreeMap<RunName, UtcMillis>>;

/// What was thought of a bus, as the store keeps it: when, and of each run its feed, service day, trip, start, and all of it.
type Kept = (Vec<Tick>, Vec<(String, String, String, Option<i32>, OfBus)>);

impl Transit {
    /// Makes buses' days anew out of everything that is believed of them, in the order of time, and the days of all whom that
    /// disturbs. Live buses are held up only for as long as putting them in takes; one that cannot be put in, for it has gone far on
    /// meanwhile, is due once more. `reports` gives what a bus reported in a span; `now` reads a clock.
    ///
    /// # Errors
    /// Those of `reports`.
    pub fn reckon<E>(
        &self,
        anew: Anew,
        now: impl Fn() -> UtcMillis,
        mut reports: impl FnMut(&VehicleId, Span) -> Result<Reported, E>,
    ) -> Result<(), E> {
        let planned = self.planned();
        let is_today = planned.day == Some(anew.date);
        let (plans, mut claims) = if is_today {
            (planned.plans.clone(), lock(&self.live).fleet.claims())
        } else {
            self.former(&planned, anew.date)
        };
        let Span { from, to } = anew.span;
        let day = Day { plans: &plans, limits: &self.limits, from, until: to };
        let mut last_by_vehicle: BTreeMap<VehicleId, Vec<Fix>> = BTreeMap::new();
        let mut reports = |vehicle: &VehicleId, from, to| {
            let Reported { believed: fixes, rejected } = reports(vehicle, Span { from, to })?;
            let mut calls: Vec<Observed> = rejected.iter().filter_map(call_of).collect();
            calls.retain(|call| (from..to).contains(&call.seen.at));
            let observed: Vec<Observed> = fixes.iter().map(observed).chain(calls).collect();
            if is_today {
                let last = last_by_vehicle.entry(vehicle.clone()).or_default();
                last.extend(fixes);
                last.drain(..last.len().saturating_sub(window::KEPT));
            }
            Ok::<_, E>(observed)
        };
        let mut settling = Settling::new(day, anew.due.keys().cloned());
        if is_today {
            // Positions come some time after they were measured, and this time is not read again.
            let mut until = now() - UNDER_WAY;
            settling.go_on(until, &mut claims, &mut reports)?;
            // What came while that took its time is in the store; more of it than is remembered of a bus could not be put in.
            for _ in 0..ROUNDS {
                if now().since(until).0 <= BEHIND.0 + UNDER_WAY.0 {
                    break;
                }
                until = now() - UNDER_WAY;
                // Not held for longer than it takes to share them.
                let others = lock(&self.live).fleet.claims();
                claims = settling.among(&claims, others);
                settling.go_on(until, &mut claims, &mut reports)?;
            }
            settling.go_on(to.min(now() + AHEAD), &mut claims, &mut reports)?;
        } else {
            settling.go_on(to, &mut claims, &mut reports)?;
        }
        let mut made = settling.made(&claims);
        // Of a restart: buses that did not report today.
        made.retain(|made| !anew.again || made.day.is_heard());
        // Those that are due are kept last: when not all is kept they are due still, and all is made once more.
        made.sort_by_key(|made| anew.due.contains_key(&made.day.bus.id));
        // Shared with those that others are put into: these would be copied.
        drop(claims);
        if is_today {
            self.put(&planned, anew, made, last_by_vehicle);
        } else {
            self.put_former(&planned, anew, (&plans, made), now());
        }
        Ok(())
    }

    /// Today's, among the buses that went on meanwhile.
    fn put(
        &self,
        planned: &Arc<Planned>,
        mut anew: Anew,
        made: Vec<Made>,
        mut last_by_vehicle: BTreeMap<VehicleId, Vec<Fix>>,
    ) {
        let mut live = lock(&self.live);
        if !Arc::ptr_eq(planned, &lock(&self.planned)) {
            // All of them begin anew on other plans, or their day is over and is due.
            return;
        }
        let Live { fleet, window_by_vehicle, .. } = &mut *live;
        let (claims, mut fit) = (fleet.claims_now(), Vec::new());
        for Made { mut day, mut news, record } in made {
            let vehicle = day.bus.id.clone();
            let mut window = Window::of(&last_by_vehicle.remove(&vehicle).unwrap_or_default());
            let from = day.newest().unwrap_or(anew.span.from);
            let old = window_by_vehicle.get(&vehicle);
            let calls: Vec<Observed> =
                old.map(|old| old.calls_since(from).cloned().collect()).unwrap_or_default();
            let gone_on = fleet.day(&vehicle).and_then(BusDay::newest).filter(|at| from < *at);
            if let Some(gone_on) = gone_on {
                let old = old.and_then(|window| window.since(from));
                let Some(later) = old.filter(|later| later.last().is_some_and(|last| last.at >= gone_on))
                else {
                    lock(&self.disturbed).insert((vehicle.clone(), from));
                    anew.due.remove(&vehicle);
                    continue;
                };
                let reports: Vec<Observed> =
                    later.iter().map(observed).chain(calls.iter().cloned()).collect();
                news.append(day.append_among(&planned.plans, &reports, (&self.limits, Some(claims))));
                window.believed(later);
            } else if !calls.is_empty() {
                news.append(day.append_among(&planned.plans, &calls, (&self.limits, Some(claims))));
            }
            window_by_vehicle.insert(vehicle, window);
            fit.push(Made { day, news, record });
        }
        let told = fleet.replace(fit, |feed, at| planned.habit(feed, at));
        self.disturb(fleet.take_disturbed());
        // While buses are locked: nothing that is found later may come before it.
        for (vehicle, told) in told {
            let settled = anew.due.remove(&vehicle).unwrap_or_default();
            let whole = Some(Whole { vehicle, span: anew.span, over: false, again: anew.again });
            self.unkept.push(BusNews { whole, settled, ..news::of_bus(told, &planned.plans) });
        }
    }

    /// `now`: what was told of that day and never was so is withdrawn then.
    fn put_former(
        &self,
        planned: &Arc<Planned>,
        mut anew: Anew,
        (plans, made): (&[Arc<DayPlan>], Vec<Made>),
        now: UtcMillis,
    ) {
        let over = planned.day.is_none_or(|today| anew.date < today);
        let mut former = lock(&self.former);
        let Some(all) = former.iter_mut().find(|f| f.date == anew.date).map(|f| &mut f.claims) else {
            return;
        };
        let (mut days, mut records) = (Vec::new(), Vec::new());
        for Made { mut day, mut news, record } in made {
            news.events.extend(day.close());
            records.push((day.bus.id.clone(), record, std::mem::take(&mut news.notes)));
            days.push((day, news));
        }
        self.disturb(all.replace(records));
        for (day, told) in days {
            let vehicle = day.bus.id;
            let (claims, settled) =
                (text(all.record(&vehicle)), anew.due.remove(&vehicle).unwrap_or_default());
            let whole = Some(Whole { vehicle, span: anew.span, over, again: anew.again });
            let news = news::of_bus(told, plans);
            self.unkept.push(BusNews { whole, settled, claims, withdrawn_at: now, ..news });
        }
    }

    /// Buses that are to be made anew for what others turned out to do, since last asked.
    pub fn disturbed(&self) -> Vec<(VehicleId, UtcMillis)> {
        std::mem::take(&mut *lock(&self.disturbed)).into_iter().collect()
    }

    /// They could not be made due; the next time.
    pub fn disturbed_still(&self, disturbed: Vec<(VehicleId, UtcMillis)>) {
        lock(&self.disturbed).extend(disturbed);
    }

    pub(super) fn disturb(&self, disturbed: Disturbed) {
        if !disturbed.is_empty() {
            lock(&self.disturbed).extend(disturbed.into_iter().map(|(vehicle, tick)| (vehicle, tick.at())));
        }
    }

    /// Whether what buses did on a day has to come out of the store before one of them is made anew.
    pub fn wants_claims(&self, date: Date) -> bool {
        self.planned().day != Some(date) && !lock(&self.former).iter().any(|f| f.date == date)
    }

    /// What was thought of all buses of a day that is over, out of the store; of whom that is not kept any more, the runs that it
    /// was told to do.
    pub fn remember_claims(&self, date: Date, kept: Vec<(VehicleId, String)>, passed: Passed) {
        let mut claims = Claims::default();
        for (vehicle, kept) in kept {
            match read(&kept) {
                Ok(record) => drop(claims.put(&vehicle, record)),
                Err(err) => tracing::error!("what {vehicle} may have done on {date} is left out: {err}"),
            }
        }
        for (vehicle, runs) in passed {
            if claims.record(&vehicle) == Record::default() {
                let surely = |(run, at)| (run, OfBus::surely(Tick::told(at)));
                claims.put(
                    &vehicle,
                    Record { asked: Vec::new(), runs: runs.into_iter().map(surely).collect() },
                );
            }
        }
        self.keep_former(date, claims);
    }

    pub(super) fn keep_former(&self, date: Date, claims: Claims) {
        let mut former = lock(&self.former);
        former.retain(|f| f.date != date);
        former.push(Former { date, plans: None, claims });
        let too_many = former.len().saturating_sub(FORMER_MAX);
        former.drain(..too_many);
    }

    pub(super) fn former(&self, planned: &Arc<Planned>, date: Date) -> (Vec<Arc<DayPlan>>, Claims) {
        let mut all = lock(&self.former);
        let place = all.iter().position(|f| f.date == date);
        let none = || Former { date, plans: None, claims: Claims::default() };
        let mut former = place.map_or_else(none, |place| all.remove(place));
        let plans = former.plans.take().filter(|(of, _)| Arc::ptr_eq(of, planned));
        let (of, plans) = plans.unwrap_or_else(|| (planned.clone(), planned.plans_around(date)));
        let asked = (plans.clone(), former.claims.clone());
        former.plans = Some((of, plans));
        all.push(former);
        asked
    }
}

pub(super) fn text(record: Record) -> Option<String> {
    let runs = record
        .runs
        .into_iter()
        .map(|((feed, run), of_bus)| (feed.0, run.date.to_string(), run.trip.0, run.start_s, of_bus));
    let kept: Kept = (record.asked, runs.collect());
    serde_json::to_string(&kept).ok()
}

fn read(kept: &str) -> Result<Record, String> {
    let (asked, runs): Kept = serde_json::from_str(kept).map_err(|err| err.to_string())?;
    let mut record = Record { asked, runs: Vec::new() };
    for (feed, date, trip, start_s, of_bus) in runs {
        let date = Date::parse(&date, format_description!("[year]-[month]-[day]"))
            .map_err(|err| format!("{date:?} is no day: {err}"))?;
        record.runs.push(((FeedId(feed), RunKey { date, trip: TripId(trip), start_s }), of_bus));
    }
    Ok(record)
}
