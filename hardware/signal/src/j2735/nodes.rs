//! Where a lane runs, in `MapData` of SAE J2735: its nodes, and what is said of them.

use rasn::prelude::*;

use super::map::SpeedLimits;
use super::{Regional, RegionalExtension};

/// `NodeListXY`
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum Nodes {
    Set(NodeSet),
    Computed(ComputedLane),
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("2..=63"))]
pub struct NodeSet(pub SequenceOf<Node>);

/// `NodeXY`
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct Node {
    pub delta: Offset,
    pub attributes: Option<NodeAttributes>,
}

/// `NodeOffsetPointXY`: centimetres east and north of the node before, in as few bits as they need.
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(choice, automatic_tags)]
pub enum Offset {
    Xy1(Xy10),
    Xy2(Xy11),
    Xy3(Xy12),
    Xy4(Xy13),
    Xy5(Xy14),
    Xy6(Xy16),
    LatLon(LatLonNode),
    Regional(RegionalExtension),
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct Xy10 {
    #[rasn(value("-512..=511"))]
    pub x: i16,
    #[rasn(value("-512..=511"))]
    pub y: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct Xy11 {
    #[rasn(value("-1024..=1023"))]
    pub x: i16,
    #[rasn(value("-1024..=1023"))]
    pub y: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct Xy12 {
    #[rasn(value("-2048..=2047"))]
    pub x: i16,
    #[rasn(value("-2048..=2047"))]
    pub y: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct Xy13 {
    #[rasn(value("-4096..=4095"))]
    pub x: i16,
    #[rasn(value("-4096..=4095"))]
    pub y: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct Xy14 {
    #[rasn(value("-8192..=8191"))]
    pub x: i16,
    #[rasn(value("-8192..=8191"))]
    pub y: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct Xy16 {
    pub x: i16,
    pub y: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct LatLonNode {
    #[rasn(value("-1799999999..=1800000001"))]
    pub lon: i32,
    #[rasn(value("-900000000..=900000001"))]
    pub lat: i32,
}

/// `NodeAttributeSetXY`
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct NodeAttributes {
    pub here: Option<HereAttributes>,
    pub disabled: Option<SegmentAttributes>,
    pub enabled: Option<SegmentAttributes>,
    pub data: Option<LaneData>,
    /// Centimetres.
    #[rasn(value("-512..=511"))]
    pub width: Option<i16>,
    /// Decimetres.
    #[rasn(value("-512..=511"))]
    pub elevation: Option<i16>,
    pub regional: Option<Regional>,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=8"))]
pub struct HereAttributes(pub SequenceOf<HereAttribute>);

/// `NodeAttributeXY`
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(enumerated)]
#[non_exhaustive]
pub enum HereAttribute {
    Reserved = 0,
    StopLine = 1,
    RoundedCapStyleA = 2,
    RoundedCapStyleB = 3,
    MergePoint = 4,
    DivergePoint = 5,
    DownstreamStopLine = 6,
    DownstreamStartNode = 7,
    ClosedToTraffic = 8,
    SafeIsland = 9,
    CurbPresentAtStepOff = 10,
    HydrantPresent = 11,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=8"))]
pub struct SegmentAttributes(pub SequenceOf<SegmentAttribute>);

/// `SegmentAttributeXY`
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(enumerated)]
#[non_exhaustive]
pub enum SegmentAttribute {
    Reserved = 0,
    DoNotBlock = 1,
    WhiteLine = 2,
    MergingLaneLeft = 3,
    MergingLaneRight = 4,
    CurbOnLeft = 5,
    CurbOnRight = 6,
    LoadingZoneOnLeft = 7,
    LoadingZoneOnRight = 8,
    TurnOutPointOnLeft = 9,
    TurnOutPointOnRight = 10,
    AdjacentParkingOnLeft = 11,
    AdjacentParkingOnRight = 12,
    AdjacentBikeLaneOnLeft = 13,
    AdjacentBikeLaneOnRight = 14,
    SharedBikeLane = 15,
    BikeBoxInFront = 16,
    TransitStopOnLeft = 17,
    TransitStopOnRight = 18,
    TransitStopInLane = 19,
    SharedWithTrackedVehicle = 20,
    SafeIsland = 21,
    LowCurbsPresent = 22,
    RumbleStripPresent = 23,
    AudibleSignalingPresent = 24,
    AdaptiveTimingPresent = 25,
    RfSignalRequestPresent = 26,
    PartialCurbIntrusion = 27,
    TaperToLeft = 28,
    TaperToRight = 29,
    TaperToCenterLine = 30,
    ParallelParking = 31,
    HeadInParking = 32,
    FreeParking = 33,
    TimeRestrictionsOnParking = 34,
    CostToPark = 35,
    MidBlockCurbPresent = 36,
    UnevenPavementPresent = 37,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=8"))]
pub struct LaneData(pub SequenceOf<LaneDatum>);

/// `LaneDataAttribute`
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum LaneDatum {
    #[rasn(value("-150..=150"))]
    PathEndPointAngle(i16),
    LaneCrownPointCenter(i8),
    LaneCrownPointLeft(i8),
    LaneCrownPointRight(i8),
    #[rasn(value("-180..=180"))]
    LaneAngle(i16),
    SpeedLimits(SpeedLimits),
    Regional(Regional),
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ComputedLane {
    pub of: u8,
    pub x: DrivenOffset,
    pub y: DrivenOffset,
    #[rasn(value("0..=28800"))]
    pub rotate: Option<u16>,
    #[rasn(value("-2048..=2047"))]
    pub scale_x: Option<i16>,
    #[rasn(value("-2048..=2047"))]
    pub scale_y: Option<i16>,
    pub regional: Option<Regional>,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(choice, automatic_tags)]
pub enum DrivenOffset {
    #[rasn(value("-2047..=2047"))]
    Small(i16),
    #[rasn(value("-32767..=32767"))]
    Large(i16),
}
