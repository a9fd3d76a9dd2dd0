//! The objects that are asked for: names and numbers of NTCIP 1202 v02.18, of the time part of NTCIP 1201, and the one of
//! MIB-II that tells a restart.

use std::fmt;

use super::ber;

/// What a controller's answer has for one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// INTEGER, Counter32, Gauge32 or TimeTicks.
    Number(i64),
    Octets(Vec<u8>),
    /// It has no such object.
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// 1.3.6.1.4.1.1206.4.2.1
    Asc,
    /// 1.3.6.1.4.1.1206.4.2.6
    Global,
    /// 1.3.6.1.2.1.1
    System,
}

/// A scalar (its number ends with 0) or the column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    pub name: &'static str,
    root: Root,
    tail: &'static [u32],
}

/// One variable: an object, and its row where it is a column; of a table with two indices also the second.
#[derive(Debug, Clone)]
pub struct Var {
    name: &'static str,
    row: Option<u32>,
    second: Option<u32>,
    oid: Vec<u8>,
}

const fn asc(name: &'static str, tail: &'static [u32]) -> Object {
    Object { name, root: Root::Asc, tail }
}

const fn global(name: &'static str, tail: &'static [u32]) -> Object {
    Object { name, root: Root::Global, tail }
}

pub const SYS_UP_TIME: Object = Object { name: "sysUpTime", root: Root::System, tail: &[3, 0] };
pub const MAX_PHASES: Object = asc("maxPhases", &[1, 1, 0]);
pub const PHASE_WALK: Object = asc("phaseWalk", &[1, 2, 1, 2]);
pub const PHASE_PEDESTRIAN_CLEAR: Object = asc("phasePedestrianClear", &[1, 2, 1, 3]);
pub const PHASE_MINIMUM_GREEN: Object = asc("phaseMinimumGreen", &[1, 2, 1, 4]);
pub const PHASE_MAXIMUM_1: Object = asc("phaseMaximum1", &[1, 2, 1, 6]);
pub const PHASE_YELLOW_CHANGE: Object = asc("phaseYellowChange", &[1, 2, 1, 8]);
pub const PHASE_RED_CLEAR: Object = asc("phaseRedClear", &[1, 2, 1, 9]);
pub const UNIT_BACKUP_TIME: Object = asc("unitBackupTime", &[3, 3, 0]);
pub const UNIT_CONTROL_STATUS: Object = asc("unitControlStatus", &[3, 5, 0]);
pub const UNIT_FLASH_STATUS: Object = asc("unitFlashStatus", &[3, 6, 0]);
pub const UNIT_ALARM_STATUS_2: Object = asc("unitAlarmStatus2", &[3, 7, 0]);
pub const UNIT_ALARM_STATUS_1: Object = asc("unitAlarmStatus1", &[3, 8, 0]);
pub const SHORT_ALARM_STATUS: Object = asc("shortAlarmStatus", &[3, 9, 0]);
pub const COORD_PATTERN_STATUS: Object = asc("coordPatternStatus", &[4, 10, 0]);
pub const COORD_CYCLE_STATUS: Object = asc("coordCycleStatus", &[4, 12, 0]);
pub const SYSTEM_PATTERN_CONTROL: Object = asc("systemPatternControl", &[4, 14, 0]);
pub const PATTERN_CYCLE_TIME: Object = asc("patternCycleTime", &[4, 7, 1, 2]);
pub const PATTERN_OFFSET_TIME: Object = asc("patternOffsetTime", &[4, 7, 1, 3]);
pub const PATTERN_SPLIT_NUMBER: Object = asc("patternSplitNumber", &[4, 7, 1, 4]);
pub const PATTERN_SEQUENCE_NUMBER: Object = asc("patternSequenceNumber", &[4, 7, 1, 5]);
pub const SPLIT_TIME: Object = asc("splitTime", &[4, 9, 1, 3]);
pub const SPLIT_MODE: Object = asc("splitMode", &[4, 9, 1, 4]);
pub const MAX_PREEMPTS: Object = asc("maxPreempts", &[6, 1, 0]);
pub const PREEMPT_STATE: Object = asc("preemptState", &[6, 2, 1, 16]);
pub const PREEMPT_CONTROL_STATE: Object = asc("preemptControlState", &[6, 3, 1, 2]);
pub const MAX_VEHICLE_DETECTORS: Object = asc("maxVehicleDetectors", &[2, 1, 0]);
pub const VOLUME_OCCUPANCY_SEQUENCE: Object = asc("volumeOccupancySequence", &[2, 5, 1, 0]);
pub const VOLUME_OCCUPANCY_PERIOD: Object = asc("volumeOccupancyPeriod", &[2, 5, 2, 0]);
pub const ACTIVE_DETECTORS: Object = asc("activeVolumeOccupancyDetectors", &[2, 5, 3, 0]);
pub const DETECTOR_VOLUME: Object = asc("detectorVolume", &[2, 5, 4, 1, 1]);
pub const DETECTOR_OCCUPANCY: Object = asc("detectorOccupancy", &[2, 5, 4, 1, 2]);
pub const DETECTOR_ALARMS: Object = asc("vehicleDetectorStatusGroupAlarms", &[2, 4, 1, 3]);
pub const ASC_BLOCK_GET_CONTROL: Object = asc("ascBlockGetControl", &[11, 1, 0]);
pub const ASC_BLOCK_DATA: Object = asc("ascBlockData", &[11, 2, 0]);
pub const GLOBAL_TIME: Object = global("globalTime", &[3, 1, 0]);
pub const GLOBAL_LOCAL_TIME_DIFFERENTIAL: Object = global("globalLocalTimeDifferential", &[3, 4, 0]);
pub const CONTROLLER_STANDARD_TIME_ZONE: Object = global("controllerStandardTimeZone", &[3, 5, 0]);

/// Red, yellow, green of phases; don't walk, clearance, walk of those on foot; which phases are on.
const PHASE_STATUS: [Object; 7] = [
    asc("phaseStatusGroupReds", &[1, 4, 1, 2]),
    asc("phaseStatusGroupYellows", &[1, 4, 1, 3]),
    asc("phaseStatusGroupGreens", &[1, 4, 1, 4]),
    asc("phaseStatusGroupDontWalks", &[1, 4, 1, 5]),
    asc("phaseStatusGroupPedClears", &[1, 4, 1, 6]),
    asc("phaseStatusGroupWalks", &[1, 4, 1, 7]),
    asc("phaseStatusGroupPhaseOns", &[1, 4, 1, 10]),
];
/// The same where units of v4 have them.
const PHASE_STATUS_V4: [Object; 7] = [
    asc("phaseStatusGroupReds", &[1, 3, 1, 2]),
    asc("phaseStatusGroupYellows", &[1, 3, 1, 3]),
    asc("phaseStatusGroupGreens", &[1, 3, 1, 4]),
    asc("phaseStatusGroupDontWalks", &[1, 3, 1, 5]),
    asc("phaseStatusGroupPedClears", &[1, 3, 1, 6]),
    asc("phaseStatusGroupWalks", &[1, 3, 1, 7]),
    asc("phaseStatusGroupPhaseOns", &[1, 3, 1, 10]),
];
/// Hold, force off, vehicle call, pedestrian call.
const PHASE_CONTROL: [Object; 4] = [
    asc("phaseControlGroupHold", &[1, 5, 1, 4]),
    asc("phaseControlGroupForceOff", &[1, 5, 1, 5]),
    asc("phaseControlGroupVehCall", &[1, 5, 1, 6]),
    asc("phaseControlGroupPedCall", &[1, 5, 1, 7]),
];
const PHASE_CONTROL_V4: [Object; 4] = [
    asc("phaseControlGroupHold", &[1, 4, 1, 4]),
    asc("phaseControlGroupForceOff", &[1, 4, 1, 5]),
    asc("phaseControlGroupVehCall", &[1, 4, 1, 6]),
    asc("phaseControlGroupPedCall", &[1, 4, 1, 7]),
];
pub const OVERLAP_STATUS: [Object; 3] = [
    asc("overlapStatusGroupReds", &[9, 4, 1, 2]),
    asc("overlapStatusGroupYellows", &[9, 4, 1, 3]),
    asc("overlapStatusGroupGreens", &[9, 4, 1, 4]),
];
pub const CHANNEL_STATUS: [Object; 3] = [
    asc("channelStatusGroupReds", &[8, 4, 1, 2]),
    asc("channelStatusGroupYellows", &[8, 4, 1, 3]),
    asc("channelStatusGroupGreens", &[8, 4, 1, 4]),
];

/// Where a controller has its phases, and how it writes sets of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// 8 phases a row, as a number: bit 0 is the lowest (v02 and v03).
    Bits8,
    /// 16 phases a row, as two octets; the first has the lower eight.
    Octets16,
}

impl Numbering {
    pub fn phase_status(self) -> [Object; 7] {
        match self {
            Numbering::Bits8 => PHASE_STATUS,
            Numbering::Octets16 => PHASE_STATUS_V4,
        }
    }

    pub fn phase_control(self) -> [Object; 4] {
        match self {
            Numbering::Bits8 => PHASE_CONTROL,
            Numbering::Octets16 => PHASE_CONTROL_V4,
        }
    }

    pub fn phases_per_row(self) -> u32 {
        match self {
            Numbering::Bits8 => 8,
            Numbering::Octets16 => 16,
        }
    }

    /// A set of phases of one row, bit 0 the lowest.
    pub fn write(self, bits: u16) -> Value {
        match self {
            Numbering::Bits8 => Value::Number((bits & 0xff).into()),
            Numbering::Octets16 => Value::Octets(bits.to_le_bytes().into()),
        }
    }
}

impl Object {
    /// The variable of a scalar.
    pub fn var(&self) -> Var {
        self.at_row(None, None)
    }

    /// The variable of a column's row, counted from 1.
    pub fn row(&self, row: u32) -> Var {
        self.at_row(Some(row), None)
    }

    /// The same of a table whose rows have two numbers, such as the splits: table of splits, phase.
    pub fn cell(&self, row: u32, second: u32) -> Var {
        self.at_row(Some(row), Some(second))
    }

    fn at_row(&self, row: Option<u32>, second: Option<u32>) -> Var {
        let root: &[u32] = match self.root {
            Root::Asc => &[1, 3, 6, 1, 4, 1, 1206, 4, 2, 1],
            Root::Global => &[1, 3, 6, 1, 4, 1, 1206, 4, 2, 6],
            Root::System => &[1, 3, 6, 1, 2, 1, 1],
        };
        let oid = ber::object(root.iter().chain(self.tail).copied().chain(row).chain(second));
        Var { name: self.name, row, second, oid }
    }
}

impl Var {
    /// The content of its object identifier, as on the wire.
    pub fn oid(&self) -> &[u8] {
        &self.oid
    }
}

impl fmt::Display for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.row.into_iter().chain(self.second).try_for_each(|number| write!(f, ".{number}"))
    }
}

/// What was read, by the object identifiers' contents.
#[derive(Debug, Clone, Default)]
pub struct Values(std::collections::BTreeMap<Vec<u8>, Value>);

impl Values {
    pub fn insert(&mut self, oid: Vec<u8>, value: Value) {
        self.0.insert(oid, value);
    }

    pub fn extend(&mut self, others: Values) {
        self.0.extend(others.0);
    }

    pub fn get(&self, var: &Var) -> Option<&Value> {
        self.0.get(var.oid())
    }

    pub fn number(&self, object: Object) -> Option<i64> {
        self.number_of(&object.var())
    }

    pub fn number_of(&self, var: &Var) -> Option<i64> {
        match self.get(var)? {
            Value::Number(number) => Some(*number),
            Value::Octets(_) | Value::Missing => None,
        }
    }

    /// A row of 8 or 16 bits, bit 0 the lowest, whichever way it is written.
    pub fn bits(&self, var: &Var) -> Option<u16> {
        match self.get(var)? {
            Value::Number(number) => u16::try_from(*number).ok(),
            Value::Octets(octets) => match octets.as_slice() {
                [low] => Some(u16::from(*low)),
                [low, high, ..] => Some(u16::from_le_bytes([*low, *high])),
                [] => None,
            },
            Value::Missing => None,
        }
    }
}
