//! `SPAT` of SAE J2735: what the signal groups of intersections show, and when that may change.
//!
//! Names and order are the standard's. `non_exhaustive` marks what the standard may extend ("..."): such messages are read, and
//! what was added is left out.

use rasn::prelude::*;

use super::{Name, Reference, Regional};

/// `SPAT`, message 19.
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct Spat {
    /// `MinuteOfTheYear`
    #[rasn(value("0..=527040"))]
    pub minute: Option<u32>,
    pub name: Option<Name>,
    pub intersections: IntersectionStates,
    pub regional: Option<Regional>,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=32"))]
pub struct IntersectionStates(pub SequenceOf<IntersectionState>);

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct IntersectionState {
    pub name: Option<Name>,
    pub id: Reference,
    #[rasn(value("0..=127"))]
    pub revision: u8,
    /// `IntersectionStatusObject`
    pub status: FixedBitString<16>,
    #[rasn(value("0..=527040"))]
    pub minute: Option<u32>,
    /// `DSecond`: milliseconds within the minute.
    pub millisecond: Option<u16>,
    pub enabled_lanes: Option<EnabledLanes>,
    pub states: Movements,
    pub maneuver_assist: Option<ManeuverAssists>,
    pub regional: Option<Regional>,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=16"))]
pub struct EnabledLanes(pub SequenceOf<u8>);

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=255"))]
pub struct Movements(pub SequenceOf<MovementState>);

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct MovementState {
    pub name: Option<Name>,
    pub signal_group: u8,
    pub events: MovementEvents,
    pub maneuver_assist: Option<ManeuverAssists>,
    pub regional: Option<Regional>,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=16"))]
pub struct MovementEvents(pub SequenceOf<MovementEvent>);

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct MovementEvent {
    pub state: PhaseState,
    pub timing: Option<Timing>,
    pub speeds: Option<AdvisorySpeeds>,
    pub regional: Option<Regional>,
}

/// `MovementPhaseState`
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(enumerated)]
pub enum PhaseState {
    Unavailable = 0,
    Dark = 1,
    StopThenProceed = 2,
    StopAndRemain = 3,
    PreMovement = 4,
    PermissiveMovementAllowed = 5,
    ProtectedMovementAllowed = 6,
    PermissiveClearance = 7,
    ProtectedClearance = 8,
    CautionConflictingTraffic = 9,
}

/// `TimeChangeDetails`; each mark in tenths of a second within this or the next hour.
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct Timing {
    pub start: Option<TimeMark>,
    pub earliest_end: TimeMark,
    pub latest_end: Option<TimeMark>,
    pub likely_end: Option<TimeMark>,
    #[rasn(value("0..=15"))]
    pub confidence: Option<u8>,
    pub next: Option<TimeMark>,
}

/// Up to 35,999; 36,000 is a leap second's, 36,001 is unknown (until 2016), 36,111 unknown since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, value("0..=36111"))]
pub struct TimeMark(pub u16);

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=16"))]
pub struct AdvisorySpeeds(pub SequenceOf<AdvisorySpeed>);

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct AdvisorySpeed {
    pub kind: AdvisorySpeedKind,
    /// Tenths of a metre a second.
    #[rasn(value("0..=500"))]
    pub speed: Option<u16>,
    pub confidence: Option<SpeedConfidence>,
    /// Metres.
    #[rasn(value("0..=10000"))]
    pub distance: Option<u16>,
    pub class: Option<u8>,
    pub regional: Option<Regional>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(enumerated)]
#[non_exhaustive]
pub enum AdvisorySpeedKind {
    None = 0,
    GreenWave = 1,
    EcoDrive = 2,
    Transit = 3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(enumerated)]
pub enum SpeedConfidence {
    Unavailable = 0,
    Within100 = 1,
    Within10 = 2,
    Within5 = 3,
    Within1 = 4,
    Within0_1 = 5,
    Within0_05 = 6,
    Within0_01 = 7,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=16"))]
pub struct ManeuverAssists(pub SequenceOf<ManeuverAssist>);

/// `ConnectionManeuverAssist`
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ManeuverAssist {
    pub connection: u8,
    #[rasn(value("0..=10000"))]
    pub queue_m: Option<u16>,
    #[rasn(value("0..=10000"))]
    pub storage_m: Option<u16>,
    pub wait_on_stop: Option<bool>,
    pub people_seen: Option<bool>,
    pub regional: Option<Regional>,
}
