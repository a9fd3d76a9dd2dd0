//! What a supervisor wants to be told without asking again: of each value how often, and whether on change. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::components::Component;
use crate::counting::is_count;

/// Between two counts, when nobody said.
const COUNT_MS: i64 = 60_000;

/// A value that is asked for: code and name.
pub type Name = (String, String);

/// Told values by component.
pub type Told = BTreeMap<Component, Vec<(Name, Option<Value>)>>;

#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub component: Component,
    pub name: Name,
    interval_ms: Option<i64>,
    on_change: bool,
    last: Option<Value>,
    /// When it was told last (milliseconds of the machine): its interval, and counts, begin there.
    pub since_ms: i64,
}

/// They outlive the link, not a restart.
#[derive(Debug, Default)]
pub struct Subscriptions(Vec<Item>);

impl Subscriptions {
    /// Takes the `sS` of a StatusSubscribe. Which of them were not active as they are now: they are told at once.
    pub fn subscribe(&mut self, component: Component, wanted: &Value, at_ms: i64) -> Vec<Name> {
        let mut fresh = Vec::new();
        for one in wanted.as_array().into_iter().flatten() {
            let Some(name) = name(one) else { continue };
            let count = is_count(&name.0);
            let interval_ms = interval_ms(one).or(count.then_some(COUNT_MS));
            // Before core 3.1.5 an interval of 0 alone means "on change".
            let on_change = !count && one["sOc"].as_bool().unwrap_or(interval_ms.is_none());
            let known = self.0.iter_mut().find(|item| item.component == component && item.name == name);
            match known {
                Some(item) if item.interval_ms == interval_ms && item.on_change == on_change => continue,
                Some(item) => (item.interval_ms, item.on_change) = (interval_ms, on_change),
                None => {
                    let name = name.clone();
                    let item = Item { component, name, interval_ms, on_change, last: None, since_ms: at_ms };
                    self.0.push(item);
                }
            }
            fresh.push(name);
        }
        fresh
    }

    /// Forgets the `sS` of a StatusUnsubscribe.
    pub fn unsubscribe(&mut self, component: Component, unwanted: &Value) {
        for name in unwanted.as_array().into_iter().flatten().filter_map(name) {
            self.0.retain(|item| item.component != component || item.name != name);
        }
    }

    /// A value was told just now for another reason.
    pub fn told(&mut self, component: Component, name: &Name, value: Option<&Value>) {
        let same = |item: &&mut Item| item.component == component && item.name == *name;
        if let Some(item) = self.0.iter_mut().find(same) {
            item.last = value.cloned();
        }
    }

    /// Whether anybody wants a value of S0001.
    pub fn has_groups(&self) -> bool {
        self.0.iter().any(|item| item.name.0 == GROUPS)
    }

    /// What is to be told now, but for S0001 on change.
    pub fn due(&mut self, at_ms: i64, mut value: impl FnMut(&Item) -> Option<Value>) -> Told {
        let mut told = Told::new();
        let mut changed: Vec<(Component, String)> = Vec::new();
        for item in &mut self.0 {
            let timely = item.interval_ms.is_some_and(|interval| at_ms - item.since_ms >= interval);
            let watched = item.on_change && item.name.0 != GROUPS;
            if !timely && !watched {
                continue;
            }
            let now = value(item);
            if timely || now != item.last {
                if !timely && item.name.0 == FORECAST {
                    changed.push((item.component, item.name.0.clone()));
                }
                item.since_ms = at_ms;
                item.last.clone_from(&now);
                told.entry(item.component).or_default().push((item.name.clone(), now));
            }
        }
        self.complete(&changed, &mut told);
        told
    }

    /// The values of S0001 in one picture, when one that is wanted on change has changed (milliseconds of the machine).
    pub fn groups(
        &mut self,
        at_ms: i64,
        mut value: impl FnMut(&str) -> Option<Value>,
    ) -> Vec<(Name, Option<Value>)> {
        let mut all: Vec<(&mut Item, Option<Value>)> = Vec::new();
        for item in self.0.iter_mut().filter(|item| item.name.0 == GROUPS) {
            let now = value(&item.name.1);
            all.push((item, now));
        }
        if !all.iter().any(|(item, now)| item.on_change && *now != item.last) {
            return Vec::new();
        }
        let tell = |(item, now): (&mut Item, Option<Value>)| {
            // "If updateRate and sendOnChange=true are combined, the updateRate timer is reset when the value changes."
            if item.on_change && now != item.last {
                item.since_ms = at_ms;
            }
            item.last.clone_from(&now);
            (item.name.clone(), now)
        };
        all.into_iter().map(tell).collect()
    }

    /// A forecast goes whole, since its values describe one moment.
    fn complete(&self, changed: &[(Component, String)], told: &mut Told) {
        for item in self.0.iter().filter(|item| item.name.0 == FORECAST) {
            let of =
                changed.iter().any(|(component, code)| *component == item.component && *code == item.name.0);
            let list = told.entry(item.component).or_default();
            if of && !list.iter().any(|(name, _)| *name == item.name) {
                list.push((item.name.clone(), item.last.clone()));
            }
        }
        told.retain(|_, list| !list.is_empty());
    }
}

const GROUPS: &str = "S0001";
const FORECAST: &str = "S0025";

/// The interval of a wanted value, which may have decimals; `None`: 0, or none.
fn interval_ms(one: &Value) -> Option<i64> {
    let seconds = one["uRt"].as_str()?.parse::<f64>().ok().filter(|s| (0.001..1e9).contains(s))?;
    Some((seconds * 1000.0) as i64)
}

/// "It is not valid to set updateRate=0 and sendOnChange=false since it means that no subscription updates will be sent."
pub fn is_pointless(one: &Value) -> bool {
    one["sOc"] == false && interval_ms(one).is_none()
}

/// Code and name of a wanted value.
pub fn name(one: &Value) -> Option<Name> {
    Some((one["sCI"].as_str()?.to_owned(), one["n"].as_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(text: &str) -> Value {
        let one = |text: &str| {
            let (name, rest) = text.split_once('=').unwrap();
            let (code, name) = name.split_once('.').unwrap();
            match rest.split_once('/') {
                Some((interval, on)) => {
                    json!({ "sCI": code, "n": name, "uRt": interval, "sOc": on == "change" })
                }
                None => json!({ "sCI": code, "n": name, "uRt": rest }),
            }
        };
        text.split(' ').map(one).collect()
    }

    fn words(told: &Told) -> String {
        let one = |(name, value): &(Name, Option<Value>)| {
            format!("{}.{}={}", name.0, name.1, value.clone().unwrap())
        };
        told.values().flatten().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn on_change_at_intervals_and_both() {
        let mut all = Subscriptions::default();
        let main = Component::Controller;
        let text = wanted("S0003.inputstatus=0/change S0014.status=10/no S0028.status=0");
        assert_eq!(all.subscribe(main, &text, 0).len(), 3);
        assert_eq!(all.subscribe(main, &text, 5).len(), 0, "active already");
        for name in [("S0003", "inputstatus"), ("S0028", "status")] {
            all.told(main, &(name.0.into(), name.1.into()), Some(&json!(0)));
        }
        let mut at = |at_ms: i64, value: i64| words(&all.due(at_ms, |_| Some(json!(value))));
        assert_eq!(at(1_000, 0), "");
        assert_eq!(at(2_000, 1), "S0003.inputstatus=1 S0028.status=1");
        assert_eq!(at(9_999, 1), "");
        assert_eq!(at(10_000, 1), "S0014.status=1");
        assert_eq!(at(20_000, 2), "S0003.inputstatus=2 S0014.status=2 S0028.status=2");
        let faster = wanted("S0014.status=5/no");
        assert_eq!(all.subscribe(main, &faster, 21_000).len(), 1, "the interval is another one");
        all.unsubscribe(main, &wanted("S0003.inputstatus=0 S0028.status=0"));
        assert_eq!(words(&all.due(25_000, |_| Some(json!(9)))), "S0014.status=9");
    }

    #[test]
    fn what_changed_is_not_told_again_until_a_whole_interval_later() {
        let mut all = Subscriptions::default();
        all.subscribe(Component::Controller, &wanted("S0003.inputstatus=2.5/change"), 0);
        let mut at = |at_ms: i64, value: i64| words(&all.due(at_ms, |_| Some(json!(value))));
        assert_eq!(at(1_000, 1), "S0003.inputstatus=1");
        assert_eq!([at(2_500, 1), at(3_499, 1)], ["", ""]);
        assert_eq!(at(3_500, 1), "S0003.inputstatus=1");
        let pointless = |text: &str| is_pointless(&wanted(text)[0]);
        assert!(pointless("S0003.inputstatus=0/no") && !pointless("S0003.inputstatus=0"));
        assert!(!pointless("S0003.inputstatus=0/change") && !pointless("S0003.inputstatus=0.5/no"));
    }

    #[test]
    fn counts_come_at_intervals_that_begin_where_the_last_ended() {
        let mut all = Subscriptions::default();
        all.subscribe(Component::Controller, &wanted("S0205.vehicles=60/change S0205.start=0/change"), 1_000);
        let mut at = |at_ms: i64| words(&all.due(at_ms, |item| Some(json!(item.since_ms))));
        assert_eq!([at(60_999), at(61_000), at(61_001)], ["", "S0205.vehicles=1000 S0205.start=1000", ""]);
        assert_eq!(at(150_000), "S0205.vehicles=61000 S0205.start=61000");
    }

    #[test]
    fn groups_and_forecasts_go_whole() {
        let mut all = Subscriptions::default();
        let text = wanted("S0001.signalgroupstatus=0/change S0001.stage=0/change S0001.cyclecounter=60/no");
        all.subscribe(Component::Controller, &text, 0);
        let picture = |groups: &str| {
            let groups = groups.to_owned();
            move |name: &str| Some(if name == "signalgroupstatus" { json!(groups) } else { json!(1) })
        };
        assert_eq!(all.groups(1_000, picture("1B")).len(), 3);
        assert_eq!(all.groups(2_000, picture("1B")).len(), 0);
        assert_eq!(all.groups(3_000, picture("4B")).len(), 3);
        assert!(all.has_groups());
        assert_eq!(words(&all.due(60_000, |_| Some(json!(7)))), "S0001.cyclecounter=7");
        all.subscribe(
            Component::Group(1),
            &wanted("S0025.ToGConfidence=0/change S0025.minToGEstimate=0/change"),
            0,
        );
        assert_eq!(all.due(0, |_| Some(json!(1)))[&Component::Group(1)].len(), 2);
        let told = all.due(1, |item| Some(json!(if item.name.1 == "ToGConfidence" { 1 } else { 2 })));
        assert_eq!(words(&told), "S0025.minToGEstimate=2 S0025.ToGConfidence=1");
    }

    #[test]
    fn groups_that_changed_are_not_told_again_until_a_whole_interval_later() {
        let mut all = Subscriptions::default();
        let text = wanted("S0001.signalgroupstatus=5/change S0001.cyclecounter=5/no S0001.stage=5/change");
        all.subscribe(Component::Controller, &text, 0);
        let picture = |name: &str| Some(json!(name.len()));
        let stages = |name: &str| Some(json!(if name == "stage" { 2 } else { name.len() }));
        assert_eq!(all.groups(1_000, picture).len(), 3);
        // Only the stage changes: the interval of no other begins anew.
        assert_eq!(all.groups(3_000, stages).len(), 3);
        let mut at = |at_ms: i64| words(&all.due(at_ms, |item| stages(&item.name.1)));
        assert_eq!([at(4_999), at(5_000), at(5_999)], ["", "S0001.cyclecounter=12", ""]);
        assert_eq!([at(6_000), at(7_999)], ["S0001.signalgroupstatus=17", ""]);
        assert_eq!(at(8_000), "S0001.stage=2");
    }
}
