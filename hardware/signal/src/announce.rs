//! What a junction shows, told to vehicles: SPaT (SAE J2735, UPER) ten times a second, and its MAP once a second. Pure: what
//! is shown and the time come in, datagrams go out. Nobody has signed them: the roadside unit that sends them on the air does.

use std::net::SocketAddr;

use models_domain::signal::order::Mode;
use models_domain::signal::{Aspect, Change, Until};
use models_domain::{DurationMs, JunctionId, UtcMillis};
use rasn::prelude::FixedBitString;

use crate::controllers::spat::{Group, mark_of, minute_and_millisecond};
use crate::j2735::states::{
    IntersectionState, IntersectionStates, MovementEvent, MovementEvents, MovementState, Movements,
    PhaseState, Spat, TimeMark, Timing,
};
use crate::j2735::{self, BadMessage, Message, Reference};

/// Bits of `IntersectionStatusObject`.
const MANUAL: usize = 0;
const FAILURE_FLASH: usize = 2;
const OFF: usize = 9;
const NO_VALID_SPAT: usize = 13;
/// A mark that is no time.
const UNKNOWN: TimeMark = TimeMark(36_111);
/// Farther ahead a mark could be taken for one of the hour before.
const MARKED: DurationMs = DurationMs(50 * 60_000);
/// `MsgCount`
const COUNTS: u8 = 128;

/// A junction that is told of, and to whom.
#[derive(Debug, Clone)]
pub struct Announced {
    pub junction: JunctionId,
    /// The roadside unit, or a multicast group.
    pub to: SocketAddr,
    pub region: Option<u16>,
    pub intersection: u16,
    /// Numbers of the message, in the order in which the controller reports its groups.
    groups: Vec<Group>,
    /// The MAP as it is sent.
    map: Option<Vec<u8>>,
}

impl Announced {
    /// `groups`: as [`crate::controllers`] names those of a SPaT; `map`: a `MessageFrame` in hexadecimal digits.
    ///
    /// # Errors
    /// What is wrong, one line each.
    pub fn new(
        (junction, to): (JunctionId, SocketAddr),
        (region, intersection): (Option<u16>, u16),
        groups: &[String],
        map: Option<&str>,
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut known = Vec::new();
        for name in groups {
            match name.parse::<Group>() {
                Ok(group) if known.iter().any(|one: &Group| one.number() == group.number()) => {
                    problems.push(format!("{name:?}: its number is used twice"));
                }
                Ok(group) => known.push(group),
                Err(why) => problems.push(why),
            }
        }
        if groups.is_empty() {
            problems
                .push("groups: is missing: what are the junction's groups called in the SPaT?".to_owned());
        }
        let map = match map.map(|text| map_of(text, region, intersection)) {
            Some(Ok(bytes)) => Some(bytes),
            Some(Err(why)) => {
                problems.push(format!("map: {why}"));
                None
            }
            None => None,
        };
        if problems.is_empty() {
            return Ok(Self { junction, to, region, intersection, groups: known, map });
        }
        Err(problems)
    }

    /// The MAP, ready to be sent.
    pub fn map(&self) -> Option<&[u8]> {
        self.map.as_deref()
    }
}

fn map_of(text: &str, region: Option<u16>, intersection: u16) -> Result<Vec<u8>, String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |at: usize| digits.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    let bytes = bytes.ok_or("is not made of pairs of hexadecimal digits")?;
    match j2735::decode(&bytes).map_err(|bad| bad.to_string())? {
        Message::Map(map) => {
            let here = |id: &Reference| id.id == intersection && id.region == region;
            let all = map.intersections.map(|all| all.0).unwrap_or_default();
            if all.iter().any(|one| here(&one.id)) {
                return Ok(bytes);
            }
            let ids: Vec<String> = all.iter().map(|one| one.id.id.to_string()).collect();
            Err(format!("tells of intersection {} and not of {intersection} in this region", ids.join(", ")))
        }
        Message::Spat(_) | Message::Other(_) => Err("is no MAP message".to_owned()),
    }
}

/// What the junction shows now.
#[derive(Debug, Clone, Copy)]
pub struct Shows<'a> {
    /// One character a group, as RSMP S0001 has them; empty while the link to the controller is down.
    pub groups: &'a str,
    pub changes: &'a [Option<Change>],
    pub mode: Option<Mode>,
}

/// Makes one junction's messages.
pub struct Announcer {
    announced: Announced,
    revision: u8,
    told: Option<(FixedBitString<16>, Movements)>,
}

impl Announcer {
    pub fn new(announced: Announced) -> Self {
        Self { announced, revision: 0, told: None }
    }

    pub fn announced(&self) -> &Announced {
        &self.announced
    }

    /// The SPaT of this moment. A group that the controller does not tell of is unavailable; greens are told as permissive: that
    /// nobody crosses them is not known.
    ///
    /// # Errors
    /// [`BadMessage`]: never, with what [`Announced::new`] took.
    pub fn spat(&mut self, at: UtcMillis, shows: Shows<'_>) -> Result<Vec<u8>, BadMessage> {
        let mut status = FixedBitString::<16>::default();
        let valid = shows.groups.chars().count() == self.announced.groups.len();
        status.set(MANUAL, shows.mode == Some(Mode::Manual));
        status.set(FAILURE_FLASH, shows.mode == Some(Mode::Flash));
        status.set(OFF, shows.mode == Some(Mode::Dark));
        status.set(NO_VALID_SPAT, !valid);
        let mut letters = shows.groups.chars();
        let movement = |(i, group): (usize, &Group)| {
            let aspect = letters.next().filter(|_| valid).map_or(Aspect::Unknown, Aspect::of);
            let change = shows.changes.get(i).copied().flatten().filter(|_| valid);
            // A driver is not told that his green lasts until red: how long the yellow is, is not known.
            let change = change.filter(|change| change.until == Until::Change);
            let event = MovementEvent {
                state: state(aspect),
                timing: change.map(|change| timing(at, change)),
                speeds: None,
                regional: None,
            };
            MovementState {
                name: None,
                signal_group: group.number(),
                events: MovementEvents(vec![event]),
                maneuver_assist: None,
                regional: None,
            }
        };
        let states = Movements(self.announced.groups.iter().enumerate().map(movement).collect());
        let told = (status, states);
        if self.told.as_ref().is_some_and(|before| *before != told) {
            self.revision = (self.revision + 1) % COUNTS;
        }
        self.told = Some(told.clone());
        let (minute, millisecond) = minute_and_millisecond(at);
        let intersection = IntersectionState {
            name: None,
            id: Reference { region: self.announced.region, id: self.announced.intersection },
            revision: self.revision,
            status: told.0,
            minute: Some(minute),
            millisecond: Some(millisecond),
            enabled_lanes: None,
            states: told.1,
            maneuver_assist: None,
            regional: None,
        };
        let intersections = IntersectionStates(vec![intersection]);
        j2735::encode_spat(&Spat { minute: Some(minute), name: None, intersections, regional: None })
    }
}

fn state(aspect: Aspect) -> PhaseState {
    match aspect {
        Aspect::Red => PhaseState::StopAndRemain,
        Aspect::RedYellow => PhaseState::PreMovement,
        Aspect::Green => PhaseState::PermissiveMovementAllowed,
        Aspect::Yellow | Aspect::FlashingGreen => PhaseState::PermissiveClearance,
        Aspect::FlashingYellow => PhaseState::CautionConflictingTraffic,
        Aspect::FlashingRed => PhaseState::StopThenProceed,
        Aspect::Dark => PhaseState::Dark,
        Aspect::Unknown => PhaseState::Unavailable,
    }
}

/// Marks are of this or the next hour: what lies farther ahead is not known, and what is past tells nothing but "any moment".
fn timing(at: UtcMillis, change: Change) -> Timing {
    let mark = |then: UtcMillis| if then.since(at) < MARKED { mark_of(then) } else { UNKNOWN };
    let ahead = |then: &UtcMillis| *then >= at;
    Timing {
        start: None,
        earliest_end: mark(change.earliest.max(at)),
        latest_end: Some(change.latest.filter(ahead).map_or(UNKNOWN, mark)),
        likely_end: change.likely.filter(ahead).map(mark),
        confidence: None,
        next: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-12-31T23:59:30.250Z.
    const NOW: UtcMillis = UtcMillis(1_798_761_570_250);

    fn announced(groups: &[&str], map: Option<&str>) -> Result<Announced, Vec<String>> {
        let groups: Vec<String> = groups.iter().map(|&name| name.to_owned()).collect();
        let to = "127.0.0.1:1516".parse().unwrap();
        Announced::new(("a".parse().unwrap(), to), (Some(84), 12_111), &groups, map)
    }

    fn told(announcer: &mut Announcer, at: UtcMillis, shows: Shows<'_>) -> String {
        let bytes = announcer.spat(at, shows).unwrap();
        let Message::Spat(spat) = j2735::decode(&bytes).unwrap() else { panic!("no SPaT") };
        let one = &spat.intersections.0[0];
        assert_eq!((one.id.region, one.id.id), (Some(84), 12_111));
        let states = one.states.0.iter().map(|movement| {
            let event = &movement.events.0[0];
            let mark = event.timing.as_ref().map_or(String::new(), |t| format!("@{}", t.earliest_end.0));
            format!("{}={:?}{mark}", movement.signal_group, event.state)
        });
        let bits: Vec<usize> =
            one.status.iter().enumerate().filter(|(_, bit)| **bit).map(|(i, _)| i).collect();
        let (minute, ms) = (one.minute.unwrap(), one.millisecond.unwrap());
        format!("{} {minute}:{ms} {bits:?} {}", one.revision, states.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn what_is_shown_is_told_with_the_time_of_its_change() {
        let mut announcer = Announcer::new(announced(&["group 2", "group 4", "ped 10"], None).unwrap());
        let change =
            Change { earliest: NOW + DurationMs(5_000), latest: None, likely: None, until: Until::Change };
        let changes = [Some(change), None, None];
        let shows = Shows { groups: "1B9", changes: &changes, mode: Some(Mode::Normal) };
        let want = "2=PermissiveMovementAllowed@35752 4=StopAndRemain 10=PermissiveClearance";
        assert_eq!(told(&mut announcer, NOW, shows), format!("0 525599:30250 [] {want}"));
        // Of a green that is only known to be red then nothing is told.
        let until_red = [Some(Change { until: Until::Red, ..change }), None, None];
        let mut other = Announcer::new(announced(&["group 2", "group 4", "ped 10"], None).unwrap());
        let red = Shows { changes: &until_red, ..shows };
        assert!(!told(&mut other, NOW, red).contains("@"), "the yellow before red is no green");
        // A time that is past, or hours ahead, is none.
        let times = |earliest: i64, latest: i64| {
            let change = Change {
                earliest: NOW + DurationMs(earliest),
                latest: Some(NOW + DurationMs(latest)),
                likely: None,
                until: Until::Change,
            };
            let timing = timing(NOW, change);
            (timing.earliest_end.0, timing.latest_end.unwrap().0)
        };
        assert_eq!(times(-60_000, -1), (35_702, 36_111));
        assert_eq!(times(7_200_000, 7_300_000), (36_111, 36_111));
        // The same a moment later is no other message; another lamp is.
        assert_eq!(told(&mut announcer, NOW + DurationMs(100), shows), format!("0 525599:30350 [] {want}"));
        let shows = Shows { groups: "NBB", changes: &[], mode: Some(Mode::Normal) };
        let want = "2=PermissiveClearance 4=StopAndRemain 10=StopAndRemain";
        assert_eq!(told(&mut announcer, NOW, shows), format!("1 525599:30250 [] {want}"));
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let mut announcer = Announcer::new(announced(&["group 2", "group 4"], None).unwrap());
        let none = "2=Unavailable 4=Unavailable";
        let shows = Shows { groups: "", changes: &[], mode: None };
        assert_eq!(told(&mut announcer, NOW, shows), format!("0 525599:30250 [13] {none}"));
        // Another number of groups than the configuration has: whose they are is not known.
        let shows = Shows { groups: "1B1", changes: &[], mode: None };
        assert_eq!(told(&mut announcer, NOW, shows), format!("0 525599:30250 [13] {none}"));
        let shows = Shows { groups: "cc", changes: &[], mode: Some(Mode::Flash) };
        let caution = "2=CautionConflictingTraffic 4=CautionConflictingTraffic";
        assert_eq!(told(&mut announcer, NOW, shows), format!("1 525599:30250 [2] {caution}"));
        let shows = Shows { groups: "bb", changes: &[], mode: Some(Mode::Dark) };
        assert_eq!(told(&mut announcer, NOW, shows), "2 525599:30250 [9] 2=Dark 4=Dark");
        let shows = Shows { groups: "BB", changes: &[], mode: Some(Mode::Manual) };
        let red = "2=StopAndRemain 4=StopAndRemain";
        assert_eq!(told(&mut announcer, NOW, shows), format!("3 525599:30250 [0] {red}"));
    }

    #[test]
    fn wrong_settings_are_named() {
        let wrong = |groups: &[&str], map| announced(groups, map).unwrap_err().join("; ");
        assert_eq!(
            wrong(&[], None),
            "groups: is missing: what are the junction's groups called in the SPaT?"
        );
        assert!(
            wrong(&["ped 2", "group 2", "lane 3"], None)
                .starts_with("\"group 2\": its number is used twice; \"lane 3\" must")
        );
        assert_eq!(wrong(&["group 1"], Some("0g")), "map: is not made of pairs of hexadecimal digits");
        assert_eq!(wrong(&["group 1"], Some("001")), "map: is not made of pairs of hexadecimal digits");
        let spat = Announcer::new(announced(&["group 2"], None).unwrap())
            .spat(NOW, Shows { groups: "1", changes: &[], mode: None })
            .unwrap();
        let hex: String = spat.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(wrong(&["group 1"], Some(&hex)), "map: is no MAP message");
    }
}
