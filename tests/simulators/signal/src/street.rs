//! The controller itself: runs its plan and its faults, whether anybody is connected or not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::buffer::Buffer;
use crate::clock::utc_ms;
use crate::config::{Config, Site};
use crate::counting::Countings;
use crate::orders::Ordered;
use crate::plan::{Shown, shown};
use crate::rsmp::{self, Fault};

/// How often the plan is looked at, in seconds of the plan.
const TICK_PLAN_S: f64 = 0.1;

/// A program that was late by more than this was asleep or its clock was set: it goes on from the present.
const CATCH_UP_MAX_PLAN_S: u64 = 3600;

/// When a group goes to green and to red.
pub type Foretold = Option<(i64, i64)>;

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
    /// Names of the S0001 values somebody subscribed to; outlives the link.
    pub subscribed: Option<Vec<String>>,
    /// The other (code, name)s somebody subscribed to, with the values told last.
    pub told: Vec<(String, String, Option<String>)>,
    /// Groups of which somebody wants to know when they go to green and to red (S0025): the names that are wanted, and what was told.
    pub foretold: BTreeMap<usize, (Vec<String>, Foretold)>,
    /// Counts somebody subscribed to; they outlive the link.
    pub countings: Countings,
    /// Seconds by which the plan is ahead of the clock, for groups that were started.
    pub ahead_s: i64,
    pub ordered: Ordered,
    pub link_up: bool,
    /// The last word about each fault.
    pub alarms: Vec<Value>,
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

impl Controller {
    pub fn new(config: Config, site: Site, buffer: Buffer) -> Arc<Self> {
        let shown = shown(&site, 0);
        let alarms = Fault::ALL.map(|fault| rsmp::alarm(&site, fault, false, utc_ms())).into();
        let state = State {
            buffer,
            shown,
            plan_s: 0,
            subscribed: None,
            told: Vec::new(),
            foretold: BTreeMap::new(),
            countings: Countings::new(),
            ahead_s: 0,
            ordered: Ordered::default(),
            link_up: false,
            alarms,
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

    fn tick(&self, utc_ms: i64) {
        let plan_s = self.plan_s(utc_ms);
        let mut state = self.state();
        state.ordered.tick(utc_ms);
        // Every second in its turn, also when this program was late: no state of the plan is left out.
        let late = plan_s.saturating_sub(state.plan_s);
        let first = if (1..=CATCH_UP_MAX_PLAN_S).contains(&late) { state.plan_s + 1 } else { plan_s };
        for second in first..=plan_s {
            self.change(&mut state, second);
        }
        state.plan_s = plan_s;
        self.tell_orders(&mut state, utc_ms);
        self.tell_foretold(&mut state, utc_ms);
        self.tell_counts(&mut state, utc_ms);
        let was_faulty = rsmp::is_faulty(&state.alarms);
        for (index, active) in self.faults(utc_ms).into_iter().enumerate() {
            let want = if active { "Active" } else { "inActive" };
            if state.alarms[index]["aS"] != want {
                let alarm = rsmp::followed(
                    &state.alarms[index],
                    rsmp::alarm(&self.site, Fault::ALL[index], active, utc_ms),
                );
                let (link_up, suspended) = (state.link_up, alarm["sS"] == "Suspended");
                state.alarms[index] = alarm.clone();
                if suspended {
                    continue;
                }
                state.buffer.push(alarm, link_up);
                state.counts.alarms += 1;
                self.news.notify_one();
            }
        }
        let faulty = rsmp::is_faulty(&state.alarms);
        // Told when the link is up again in any case; what is over is nobody's to know.
        if faulty != was_faulty && state.link_up {
            state.buffer.push(rsmp::aggregated_status(&self.site, utc_ms, faulty), true);
            self.news.notify_one();
        }
    }

    fn change(&self, state: &mut State, plan_s: u64) {
        let site = self.site.under(state.ordered.plan.unwrap_or(1));
        let started = &state.ordered.started;
        let second = |ahead: i64| plan_s.saturating_add_signed(ahead);
        let ahead_s = crate::plan::ahead(&site, second(state.ahead_s), started) + state.ahead_s;
        state.ahead_s = ahead_s;
        let now = state.ordered.over(&site, shown(&site, second(ahead_s)));
        let changed = state.shown.groups != now.groups;
        state.shown = now;
        if let Some(names) = state.subscribed.clone().filter(|_| changed) {
            let update = rsmp::groups(&self.site, "StatusUpdate", self.utc_ms(plan_s), &state.shown, &names);
            let link_up = state.link_up;
            state.buffer.push(update, link_up);
            state.counts.changes += 1;
            self.news.notify_one();
        }
    }

    /// Values besides S0001 that changed and that somebody subscribed to.
    fn tell_orders(&self, state: &mut State, utc_ms: i64) {
        let mut changed = Vec::new();
        let State { told, ordered, .. } = state;
        for (code, name, last) in told.iter_mut() {
            let now = ordered.status(&self.site, code, name);
            if now != *last {
                changed.push(serde_json::json!({ "sCI": code, "n": name }));
                *last = now;
            }
        }
        if !changed.is_empty() {
            let asked = serde_json::json!({ "sS": changed });
            let update = rsmp::statuses(&self.site, "StatusUpdate", utc_ms, &state.ordered, &asked);
            let link_up = state.link_up;
            state.buffer.push(update, link_up);
            self.news.notify_one();
        }
    }

    /// When a group (from 0) goes to green and to red (milliseconds); `None`: an order stands in the plan's way.
    pub fn foretell(&self, state: &State, group: usize) -> Foretold {
        if !state.ordered.is_undisturbed(&self.site) {
            return None;
        }
        let site = self.site.under(state.ordered.plan.unwrap_or(1));
        let second = state.plan_s.saturating_add_signed(state.ahead_s);
        let (green, red) = crate::plan::foretold(&site, second, group)?;
        Some((self.utc_ms(state.plan_s + green), self.utc_ms(state.plan_s + red)))
    }

    fn tell_foretold(&self, state: &mut State, utc_ms: i64) {
        let groups: Vec<usize> = state.foretold.keys().copied().collect();
        for group in groups {
            let now = self.foretell(state, group);
            let link_up = state.link_up;
            let Some((names, told)) = state.foretold.get_mut(&group) else { continue };
            if *told == now {
                continue;
            }
            *told = now;
            let update = rsmp::foretold(&self.site, group, "StatusUpdate", utc_ms, now, names);
            state.buffer.push(update, link_up);
            self.news.notify_one();
        }
    }

    fn tell_counts(&self, state: &mut State, utc_ms: i64) {
        let due = |(component, counting): (&String, &mut crate::counting::Counting)| {
            counting.due(&self.site, component, utc_ms)
        };
        let updates: Vec<Value> = state.countings.iter_mut().filter_map(due).collect();
        for update in updates {
            let link_up = state.link_up;
            state.buffer.push(update, link_up);
            self.news.notify_one();
        }
    }

    fn plan_s(&self, utc_ms: i64) -> u64 {
        (utc_ms as f64 / 1000.0 * self.config.speed) as u64
    }

    /// When a second of the plan begins.
    pub fn utc_ms(&self, plan_s: u64) -> i64 {
        (plan_s as f64 / self.config.speed * 1000.0) as i64
    }

    /// Which faults are there: one at a time, in turn, at other moments for each site.
    fn faults(&self, utc_ms: i64) -> [bool; 2] {
        let every_s = self.config.alarm_every_s;
        if every_s <= 0.0 {
            return [false; 2];
        }
        let shift = self.site.site_id.bytes().map(u64::from).sum::<u64>() as f64 * 7.0;
        let at_s = utc_ms as f64 / 1000.0 + shift;
        let there = at_s % every_s < self.config.alarm_lasts_s;
        let turn = (at_s / every_s) as u64 % 2;
        [there && turn == 0, there && turn == 1]
    }
}
