//! The conversation with a controller that is a table of values: no sockets, and time as the test says.

use std::time::Duration;

use hardware_ports::sink::SignalReport;
use models_domain::{JunctionId, UtcMillis};

use super::table::{Table, scalars};
use super::*;
use crate::controllers::ntcip::objects::{
    ACTIVE_DETECTORS, COORD_PATTERN_STATUS, DETECTOR_OCCUPANCY, DETECTOR_VOLUME, MAX_PHASES,
    MAX_VEHICLE_DETECTORS, SYS_UP_TIME, UNIT_BACKUP_TIME, UNIT_FLASH_STATUS, VOLUME_OCCUPANCY_PERIOD,
    VOLUME_OCCUPANCY_SEQUENCE, Value,
};
use crate::controllers::{Access, DialSettings, Synchrony, Value as Typed};

/// 2027-01-15T08:00:00Z, in seconds.
pub(super) const START_S: i64 = 1_800_000_000;

pub(super) struct House {
    pub(super) asker: Asker,
    pub(super) table: Table,
    /// By how much the gateway's own clock is ahead, and what the system says of it.
    pub(super) ours_ahead_ms: i64,
    pub(super) synchrony: Synchrony,
    elapsed_ms: u64,
    told: Vec<String>,
    datagrams: usize,
}

impl House {
    pub(super) fn new(change: impl FnOnce(&mut DialSettings, &mut Table)) -> Self {
        let mut settings = DialSettings {
            junction: JunctionId::new("a").unwrap(),
            access: Access::Community { v1: false, community: "public".into() },
            poll: Duration::from_millis(100),
            groups: ["phase 2", "phase 4"].map(str::to_owned).into(),
            backup: None,
            clock_off_max: None,
            all_red_preempt: None,
            layout: None,
            blocks: false,
            first_number: 7,
        };
        let mut table = Table::new(scalars());
        change(&mut settings, &mut table);
        let synchrony = Synchrony::Synchronised;
        let at = At { utc: UtcMillis(START_S * 1_000), elapsed: Duration::ZERO, synchrony };
        let asker = Asker::new(at, settings);
        Self { asker, table, ours_ahead_ms: 0, synchrony, elapsed_ms: 0, told: vec![], datagrams: 0 }
    }

    fn at(&self) -> At {
        let utc = UtcMillis(START_S * 1_000 + self.ours_ahead_ms + self.elapsed_ms as i64);
        At { utc, elapsed: Duration::from_millis(self.elapsed_ms), synchrony: self.synchrony }
    }

    /// Lets time pass; each datagram is answered at once.
    pub(super) fn run(&mut self, ms: u64) -> Vec<String> {
        let until = self.elapsed_ms + ms;
        let mut rounds = 0;
        while self.elapsed_ms <= until {
            rounds += 1;
            assert!(
                rounds < 10_000,
                "it asks without end: {:?}",
                &self.table.asked[self.table.asked.len() - 5..]
            );
            if self.actions() {
                continue;
            }
            let next = u64::try_from(self.asker.poll_timeout().as_millis()).unwrap();
            if next > until {
                break;
            }
            self.elapsed_ms = self.elapsed_ms.max(next);
            self.asker.handle_timeout(self.at());
        }
        self.elapsed_ms = until;
        std::mem::take(&mut self.told)
    }

    fn actions(&mut self) -> bool {
        let mut any = false;
        while let Some(action) = self.asker.poll() {
            any = true;
            let line = match action {
                Action::Send(datagram) => {
                    self.datagrams += 1;
                    let v1 = matches!(self.asker.settings.access, Access::Community { v1: true, .. });
                    if let Some(answer) = self.table.answer(v1, &datagram) {
                        self.asker.receive(self.at(), &answer);
                    }
                    continue;
                }
                Action::Keep(SignalReport::Groups { groups, .. }) => format!("groups {}", groups.groups),
                Action::Keep(SignalReport::Now { now, .. }) => {
                    format!("{:?} {:?} {:?}", now.mode, now.plan, now.plan_forced)
                }
                Action::Keep(SignalReport::Alarm { alarm, .. }) => {
                    format!("alarm {} {}", alarm.code, alarm.active)
                }
                Action::Keep(SignalReport::Detectors { readings, .. }) => {
                    let told = readings.iter().map(|(number, r)| {
                        format!("{number}: {} {}", r.vehicles.unwrap(), r.occupancy.unwrap())
                    });
                    format!("detectors {}", told.collect::<Vec<_>>().join(", "))
                }
                Action::Keep(
                    SignalReport::Link { .. }
                    | SignalReport::Stage { .. }
                    | SignalReport::Aggregated { .. }
                    | SignalReport::Changes { .. },
                ) => {
                    unreachable!("the shell tells links, and 1202 no stages and no changes")
                }
                Action::Identified { .. } | Action::Close { .. } => unreachable!("of those that dial in"),
                Action::Up { remark } => format!("up {remark}"),
                Action::Down { reason } => format!("down {reason}"),
                Action::Answered { answer, .. } => format!("{answer:?}"),
                Action::Warn(text) => format!("warn {text}"),
            };
            self.told.push(line);
        }
        any
    }

    pub(super) fn plan(&mut self, plan: i64) {
        let values = vec![("pattern".to_owned(), Typed::Integer(plan))];
        let what = Asked::Command { code: "systemPatternControl".into(), component: None, values };
        self.asker.order(Order { number: 1, what });
    }
}

#[test]
fn up_then_lamps_mode_and_plan_and_then_only_what_changes() {
    let mut house = House::new(|_, _| {});
    assert_eq!(house.run(3_000), ["up ", "groups 4B", "Some(Normal) Some(1) Some(false)"]);
    let [red, yellow, green, ..] = Numbering::Bits8.phase_status();
    house.table.set(&green.row(1), 0);
    house.table.set(&yellow.row(1), 2);
    assert_eq!(house.run(100), ["groups NB"]);
    house.table.set(&yellow.row(1), 0);
    house.table.set(&red.row(1), 2 | 8);
    house.table.set(&COORD_PATTERN_STATUS.var(), 3);
    assert_eq!(house.run(1_500), ["groups BB", "Some(Normal) Some(3) Some(false)"]);
    house.table.set(&UNIT_FLASH_STATUS.var(), 3);
    assert_eq!(house.run(300), ["groups cc", "Some(Flash) Some(3) Some(false)"]);
    let before = house.datagrams;
    house.run(10_000);
    assert!((100..=116).contains(&(house.datagrams - before)), "{} in 10 s", house.datagrams - before);
}

#[test]
fn small_units_are_asked_for_less_and_old_ones_not_for_what_they_lack() {
    let mut house = House::new(|settings, table| {
        settings.access = Access::Community { v1: true, community: "public".into() };
        (table.v1, table.variables_max) = (true, 3);
    });
    assert_eq!(house.run(2_000), ["up ", "groups 4B", "Some(Normal) Some(1) Some(false)"]);
    house.table.asked.clear();
    house.run(300);
    // Half of eight was too big again. Three colours and whether it flashes; which phases are on it lacks.
    assert_eq!(&house.table.asked[..2], ["get 2", "get 2"]);
}

#[test]
fn sixteen_phases_as_v4_has_them() {
    let mut house = House::new(|settings, table| {
        settings.groups = ["phase 2", "phase 16"].map(str::to_owned).into();
        let [red, yellow, green, ..] = Numbering::Octets16.phase_status();
        for (column, octets) in [(red, [0, 0x80]), (yellow, [0, 0]), (green, [2, 0])] {
            table.values.insert(column.row(1).oid().to_vec(), Value::Octets(octets.into()));
        }
        // The same numbers are v4's phase control, of which nothing is set.
        for column in Numbering::Bits8.phase_status() {
            table.values.insert(column.row(1).oid().to_vec(), Value::Octets(vec![0, 0]));
        }
    });
    assert_eq!(house.run(2_000)[..2], ["up ", "groups 4B"]);
}

#[test]
fn a_lamp_that_is_not_there_is_said() {
    let mut house = House::new(|settings, _| settings.groups.push("overlap 1".to_owned()));
    let lacking = "up signal groups are missing: the controller has no overlapStatusGroupReds.1, \
                   overlapStatusGroupYellows.1, overlapStatusGroupGreens.1";
    assert_eq!(house.run(500)[..2], [lacking, "groups 4B-"]);
    let mut other = House::new(|_, table| table.values.retain(|oid, _| oid == SYS_UP_TIME.var().oid()));
    let why = "down it speaks SNMP but has none of NTCIP 1202's objects: is it the signal controller?";
    assert_eq!(other.run(500), [why]);
}

#[test]
fn an_order_is_set_again_and_again_until_it_is_taken_back() {
    let mut house = House::new(|_, _| {});
    house.run(1_000);
    house.plan(3);
    assert_eq!(house.run(50), ["Done"]);
    let sets = |house: &House| house.table.asked.iter().filter(|asked| asked.starts_with("set")).count();
    assert_eq!(sets(&house), 1);
    house.run(9_500);
    assert_eq!(sets(&house), 4, "every 3 s of a backup time of 9 s");
    house.plan(0);
    assert_eq!(house.run(50), ["Done"]);
    house.run(9_500);
    assert_eq!(sets(&house), 5);
    let mut without = House::new(|_, table| table.set(&UNIT_BACKUP_TIME.var(), 0));
    without.run(1_000);
    without.plan(3);
    assert!(without.run(50)[0].starts_with("Refused(\"the controller's unitBackupTime is 0"));
    let mut given = House::new(|settings, table| {
        table.set(&UNIT_BACKUP_TIME.var(), 0);
        settings.backup = Some(Duration::from_secs(12));
    });
    given.run(1_000);
    given.plan(3);
    assert_eq!(given.run(50), ["Done"]);
    assert_eq!(given.table.values.get(UNIT_BACKUP_TIME.var().oid()), Some(&Value::Number(12)));
}

#[test]
fn silence_is_told_with_what_becomes_of_orders() {
    let mut house = House::new(|_, _| {});
    house.run(1_000);
    house.plan(3);
    house.run(50);
    house.table.silent = true;
    let told = house.run(5_000);
    assert_eq!(
        told,
        ["down no answer for 3 s; what was ordered ends in the controller within its backup time of 9 s"]
    );
    house.plan(4);
    assert_eq!(house.run(10), [r#"Refused("the link to the controller is not up")"#]);
    // Back within the backup time: the order goes on being held.
    house.table.silent = false;
    house.table.asked.clear();
    assert_eq!(house.run(3_000)[..2], ["up ", "groups 4B"]);
    assert!(house.table.asked.iter().any(|asked| asked == "set 1"));
    // Away for longer: not ordered again by itself.
    house.table.silent = true;
    house.run(30_000);
    house.table.silent = false;
    house.table.asked.clear();
    let told = house.run(6_000);
    assert!(told[0].contains("is on its own plan again"), "{told:?}");
    assert!(!house.table.asked.iter().any(|asked| asked.starts_with("set")));
}

#[test]
fn a_restart_ends_what_was_ordered() {
    let mut house = House::new(|_, _| {});
    house.run(1_000);
    house.plan(3);
    house.run(50);
    house.table.set(&SYS_UP_TIME.var(), 3);
    let told = house.run(1_500);
    assert_eq!(told, ["warn the controller was started anew; what was ordered is over"]);
    house.table.asked.clear();
    house.run(10_000);
    assert!(!house.table.asked.iter().any(|asked| asked.starts_with("set")));
}

#[test]
fn mode_and_plan_are_asked_when_somebody_wants_to_know() {
    let mut house = House::new(|_, _| {});
    house.run(1_050);
    house.table.set(&COORD_PATTERN_STATUS.var(), 2);
    house.asker.order(Order { number: 4, what: Asked::Now });
    let told = house.run(20);
    assert!(told[1].starts_with("Now(ControllerNow { mode: Some(Normal), plan: Some(2)"), "{told:?}");
    house.asker.order(Order { number: 5, what: Asked::AggregatedStatus });
    assert!(house.run(10)[0].starts_with("Refused"));
}

/// Whatever comes, at whatever moment: no panic, and the conversation goes on.
#[test]
fn garbage_is_left_aside() {
    let mut house = House::new(|_, _| {});
    house.run(500);
    let answer = house.asker.snmp.write(9, &Request::Get(vec![MAX_PHASES.var()])).unwrap();
    let at = house.at();
    for length in 0..answer.len() {
        house.asker.receive(at, &answer[..length]);
        for value in [0, 0x7f, 0x80, 0xff] {
            let mut changed = answer.clone();
            changed[length] = value;
            house.asker.receive(at, &changed);
        }
    }
    let [_, _, green, ..] = Numbering::Bits8.phase_status();
    house.run(10);
    house.table.set(&green.row(1), 0);
    assert!(house.run(300).contains(&"groups -B".to_owned()));
}

#[test]
fn counts_are_read_when_an_interval_is_over() {
    let mut house = House::new(|_, table| {
        for (object, number) in [
            (MAX_VEHICLE_DETECTORS, 2),
            (VOLUME_OCCUPANCY_SEQUENCE, 7),
            (VOLUME_OCCUPANCY_PERIOD, 30),
            (ACTIVE_DETECTORS, 2),
        ] {
            table.set(&object.var(), number);
        }
        for (detector, volume, occupancy) in [(1, 5, 20), (2, 9, 100)] {
            table.set(&DETECTOR_VOLUME.row(detector), volume);
            table.set(&DETECTOR_OCCUPANCY.row(detector), occupancy);
        }
    });
    assert!(!house.run(12_000).iter().any(|told| told.starts_with("detectors")));
    house.table.set(&VOLUME_OCCUPANCY_SEQUENCE.var(), 8);
    assert_eq!(house.run(12_000), ["detectors 1: 5 0.1, 2: 9 0.5"]);
}
