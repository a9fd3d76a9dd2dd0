//! The controller itself: runs its plan and its faults, whether anybody is connected or not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::alarms::{Fault, alarm, followed, is_faulty};
use crate::buffer::Buffer;
use crate::clock::utc_ms;
use crate::components::Component;
use crate::config::{Config, GroupKind, Site};
use crate::counting;
use crate::list::V1_3;
use crate::orders::{Mode, Ordered};
use crate::plan::{Shown, shown};
use crate::rsmp::{self, Whole};
use crate::statuses::View;
use crate::subscriptions::Subscriptions;

/// How often the plan is looked at, in seconds of the plan.
const TICK_PLAN_S: f64 = 0.1;

/// A program that was late by more than this was asleep or its clock was set: it goes on from the present.
const CATCH_UP_MAX_PLAN_S: u64 = 3600;

/// First interval of the start-up sequence, in seconds; yellow and all red follow.
const START_UP_S: u64 = 1;

/// One controller, shared by its plan and its link.
pub struct Controller {
    pub config: Config,
    pub site: Site,
    pub state: Mutex<State>,
    /// There is something to send.
    pub news: Notify,
}

pub struct State {
    pub buffer: Buffer,
    pub shown: Shown,
    /// Second of the plan that is shown.
    pub plan_s: u64,
    pub subscriptions: Subscriptions,
    /// Seconds by which the plan is ahead of the clock, for groups that were started.
    pub ahead_s: i64,
    /// Which start-up sequence is shown, and when it began, in seconds of the plan.
    start_up: (u64, u64),
    /// Until when stopped groups that were green show that it ends, in seconds of the plan.
    ending: BTreeMap<usize, u64>,
    pub ordered: Ordered,
    pub link_up: bool,
    /// Since when nobody is there (milliseconds of the machine).
    pub alone_ms: i64,
    /// It restarts, and the link is to be given up.
    pub hang_up: bool,
    /// The last message had no room in the buffer but that of the oldest.
    loses: bool,
    /// The last word about each fault.
    pub alarms: Vec<Value>,
    /// What the aggregated status told last.
    pub whole: Whole,
    /// Whether the supervisor who was there last wants alarms.
    pub wants_alarms: bool,
    pub counts: Counts,
}

#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub struct Counts {
    /// Changes of the signal groups that somebody was subscribed to.
    pub changes: u64,
    /// Of those and of alarms, acknowledged.
    pub acknowledged: u64,
    /// Alarms raised and cleared.
    pub alarms: u64,
    pub connections: u64,
}

impl State {
    /// The site's own time at a time of the machine (milliseconds).
    pub fn site_ms(&self, machine_ms: i64) -> i64 {
        machine_ms + self.ordered.ahead_ms
    }
}

impl Controller {
    pub fn new(config: Config, site: Site, buffer: Buffer) -> Arc<Self> {
        let shown = shown(&site, 0);
        let alarms = Fault::ALL.map(|fault| alarm(&site, fault, false, utc_ms())).into();
        let state = State {
            buffer,
            shown,
            plan_s: 0,
            subscriptions: Subscriptions::default(),
            ahead_s: 0,
            start_up: (0, 0),
            ending: BTreeMap::new(),
            ordered: Ordered { changed_ms: utc_ms(), ..Ordered::default() },
            link_up: false,
            alone_ms: utc_ms(),
            hang_up: false,
            loses: false,
            alarms,
            whole: Whole { faulty: false, in_use: true },
            wants_alarms: true,
            counts: Counts::default(),
        };
        Arc::new(Self { config, site, state: Mutex::new(state), news: Notify::new() })
    }

    /// The state holds plain values that no panic can leave half written.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the plan until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(Duration::from_secs_f64(TICK_PLAN_S / self.config.speed));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => self.tick(utc_ms()),
            }
        }
    }

    fn tick(&self, machine_ms: i64) {
        let plan_s = self.plan_s(machine_ms);
        let mut state = self.state();
        state.ordered.tick(machine_ms);
        self.bands_time_out(&mut state, machine_ms);
        // Every second in its turn, also when this program was late: no state of the plan is left out.
        let late = plan_s.saturating_sub(state.plan_s);
        let first = if (1..=CATCH_UP_MAX_PLAN_S).contains(&late) { state.plan_s + 1 } else { plan_s };
        for second in first..=plan_s {
            self.change(&mut state, second);
        }
        state.plan_s = plan_s;
        self.tell(&mut state, machine_ms);
        let longest_ms = (self.config.priority_max_s * 1000.0) as i64;
        state.ordered.priorities.step(&self.site, machine_ms, longest_ms);
        self.tell_alarms(&mut state, machine_ms);
        if state.ordered.restart {
            // "The controller must also clear all alarms."
            let clear_alarms = self.config.sxl >= V1_3;
            state.ordered = Ordered { clear_alarms, ..state.ordered.restarted() };
            state.subscriptions = Subscriptions::default();
            (state.ahead_s, state.hang_up) = (0, true);
            self.news.notify_one();
        }
        state.buffer.settle();
    }

    /// Dynamic bands are no more when their supervisor was away for too long (M0023).
    fn bands_time_out(&self, state: &mut State, machine_ms: i64) {
        let longest_ms = state.ordered.timing.bands_timeout_min * 60_000;
        if longest_ms > 0 && !state.link_up && machine_ms - state.alone_ms >= longest_ms {
            state.ordered.timing.forget_bands();
        }
    }

    fn tell_alarms(&self, state: &mut State, machine_ms: i64) {
        let site_ms = state.site_ms(machine_ms);
        // What is cleared and still there comes again at the next look.
        let cleared = std::mem::take(&mut state.ordered.clear_alarms);
        let faults =
            if cleared { [false; Fault::ALL.len()] } else { self.faults(&state.ordered, machine_ms) };
        for ((fault, active), index) in Fault::ALL.into_iter().zip(faults).zip(0..) {
            let Some(before) = state.alarms.get_mut(index) else { continue };
            if before["aS"] == if active { "Active" } else { "inActive" } {
                continue;
            }
            *before = followed(before, alarm(&self.site, fault, active, site_ms));
            let now = before.clone();
            if now["sS"] == "Suspended" || !state.wants_alarms {
                continue;
            }
            self.push(state, now);
            state.counts.alarms += 1;
        }
        let whole = self.whole(state);
        if whole != state.whole {
            state.whole = whole;
            self.push(state, rsmp::aggregated_status(&self.site, site_ms, whole));
        }
    }

    /// What the aggregated status tells now. Before list 1.3.0 a site that is dark or flashes is in use too.
    pub fn whole(&self, state: &State) -> Whole {
        let in_use = self.config.sxl < V1_3 || state.ordered.mode == Mode::Normal;
        Whole { faulty: is_faulty(&state.alarms), in_use }
    }

    fn push(&self, state: &mut State, message: Value) {
        let link_up = state.link_up;
        let lost = state.buffer.push(message, link_up);
        if lost && !state.loses {
            let Site { junction, site_id, .. } = &self.site;
            eprintln!(
                "signal-simulator: {junction} ({site_id}): the buffer is full, its oldest messages are lost"
            );
        }
        state.loses = lost;
        self.news.notify_one();
    }

    fn change(&self, state: &mut State, plan_s: u64) {
        let machine_ms = self.utc_ms(plan_s);
        let (plan, _) = state.ordered.plan_now(&self.site, self.config.zone_s, machine_ms);
        let site = state.ordered.timing.under(&self.site, plan);
        let wanted = state.ordered.wanted(&site);
        let second = |ahead: i64| plan_s.saturating_add_signed(ahead);
        let ahead_s = crate::plan::ahead(&site, second(state.ahead_s), &wanted) + state.ahead_s;
        state.ahead_s = ahead_s;
        let mut now = state.ordered.over(&site, shown(&site, second(ahead_s)));
        self.start_up(state, plan_s, &mut now);
        if state.ordered.mode == Mode::Normal && !state.ordered.starting {
            self.stop_groups(state, plan_s, &mut now);
        }
        let changed = state.shown.groups != now.groups;
        if !changed {
            now.changed_ms = state.shown.changed_ms;
        } else if state.subscriptions.has_groups() {
            state.counts.changes += 1;
        }
        let values = state.subscriptions.groups(machine_ms, |name| rsmp::group_value(&now, name));
        state.shown = now;
        if !values.is_empty() {
            let site_ms = state.site_ms(machine_ms);
            let update = rsmp::status(&self.site, Component::Controller, "StatusUpdate", site_ms, values);
            self.push(state, update);
        }
    }

    /// Start-up 1, 2 and 3 of the list, after flash, dark and restart.
    fn start_up(&self, state: &mut State, plan_s: u64, now: &mut Shown) {
        if !state.ordered.starting {
            return;
        }
        if state.start_up.0 != state.ordered.start_ups {
            state.start_up = (state.ordered.start_ups, plan_s);
        }
        let into = plan_s.saturating_sub(state.start_up.1);
        let yellow = START_UP_S + u64::from(self.site.yellow_s);
        let end = yellow + u64::from(self.site.all_red_s).max(1);
        let shows = match into {
            into if into < START_UP_S => "e",
            into if into < yellow => "f",
            into if into < end => "g",
            _ => {
                state.ordered.starting = false;
                return;
            }
        };
        now.groups = shows.repeat(now.groups.chars().count());
    }

    /// A stopped group that is green goes to red by way of yellow or flashing green.
    fn stop_groups(&self, state: &mut State, plan_s: u64, now: &mut Shown) {
        let State { ordered, ending, shown, .. } = state;
        ending.retain(|group, _| ordered.stopped.contains(group));
        let mut groups: Vec<char> = now.groups.chars().collect();
        for (group, was) in shown.groups.chars().enumerate() {
            let (Some(kind), Some(shows)) = (self.site.groups.get(group), groups.get_mut(group)) else {
                continue;
            };
            if !ordered.stopped.contains(&group) {
                continue;
            }
            let (ends, lasts_s) = match kind {
                GroupKind::Vehicle => ('N', self.site.yellow_s),
                GroupKind::Walk => ('9', self.site.walk_clear_s),
            };
            if was == ends && *shows == ends && !ending.contains_key(&group) {
                continue;
            }
            if matches!(was, '1' | '4') {
                ending.entry(group).or_insert(plan_s + u64::from(lasts_s));
            }
            let is_ending = ending.get(&group).is_some_and(|until| plan_s < *until);
            *shows = if is_ending { ends } else { 'B' };
        }
        now.groups = groups.into_iter().collect();
    }

    /// Subscribed values that are due; S0001 is told by [`Controller::change`].
    fn tell(&self, state: &mut State, machine_ms: i64) {
        let mut subscriptions = std::mem::take(&mut state.subscriptions);
        let mut forecasts = BTreeMap::new();
        let due = subscriptions.due(machine_ms, |item| match item.component {
            Component::Group(group) => {
                let times = *forecasts.entry(group).or_insert_with(|| self.forecast(state, group));
                rsmp::forecast_value(times, &item.name.1)
            }
            Component::Controller | Component::Detector(_) => {
                let span = (item.since_ms, machine_ms);
                self.value(state, item.component, (&item.name.0, &item.name.1), span)
            }
        });
        state.subscriptions = subscriptions;
        let site_ms = state.site_ms(machine_ms);
        for (component, values) in due {
            self.push(state, rsmp::status(&self.site, component, "StatusUpdate", site_ms, values));
        }
    }

    /// A value as it is now; counts are of `span` (milliseconds of the machine), which ends now. `None`: it does not know.
    pub fn value(
        &self,
        state: &State,
        component: Component,
        (code, name): (&str, &str),
        span: (i64, i64),
    ) -> Option<Value> {
        if counting::is_count(code) {
            let ahead_ms = state.ordered.ahead_ms;
            return counting::value(&self.site, component, code, name, span, ahead_ms).map(Value::from);
        }
        if code == "S0001" {
            return rsmp::group_value(&state.shown, name);
        }
        if let Component::Group(group) = component {
            return rsmp::forecast_value(self.forecast(state, group), name);
        }
        let view = View {
            config: &self.config,
            site: &self.site,
            ordered: &state.ordered,
            at_ms: span.1,
            faulty: is_faulty(&state.alarms),
        };
        view.value(code, name)
    }

    /// When a group (from 0) goes to green and to red (milliseconds of the site); `None`: an order stands in the plan's way.
    fn forecast(&self, state: &State, group: usize) -> Option<(i64, i64)> {
        if !state.ordered.is_undisturbed(&self.site) {
            return None;
        }
        let (plan, _) = state.ordered.plan_now(&self.site, self.config.zone_s, self.utc_ms(state.plan_s));
        let site = state.ordered.timing.under(&self.site, plan);
        let second = state.plan_s.saturating_add_signed(state.ahead_s);
        let (green, red) = crate::plan::foretold(&site, second, group)?;
        let at = |seconds: u64| state.site_ms(self.utc_ms(state.plan_s + seconds));
        Some((at(green), at(red)))
    }

    fn plan_s(&self, machine_ms: i64) -> u64 {
        (machine_ms as f64 / 1000.0 * self.config.speed) as u64
    }

    /// When a second of the plan begins (milliseconds of the machine).
    pub fn utc_ms(&self, plan_s: u64) -> i64 {
        (plan_s as f64 / self.config.speed * 1000.0) as i64
    }

    /// Which faults are there: of the clock one at a time, in turn, at other moments for each site; of an input as long as it
    /// is on.
    fn faults(&self, ordered: &Ordered, machine_ms: i64) -> [bool; 2] {
        let by_input = self.site.detector_fault_input.is_some_and(|input| ordered.inputs.is_on(input));
        let every_s = self.config.alarm_every_s;
        if every_s <= 0.0 {
            return [by_input, false];
        }
        let shift = self.site.site_id.bytes().map(u64::from).sum::<u64>() as f64 * 7.0;
        let at_s = machine_ms as f64 / 1000.0 + shift;
        let there = at_s % every_s < self.config.alarm_lasts_s;
        let turn = (at_s / every_s) as u64 % 2;
        [by_input || (there && turn == 0), there && turn == 1]
    }
}

#[cfg(test)]
#[path = "street_tests.rs"]
mod tests;
