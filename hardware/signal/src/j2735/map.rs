//! `MapData` of SAE J2735: where an intersection's lanes are, and which signal group lets whom into which.

use rasn::prelude::*;

use super::nodes::Nodes;
use super::{Name, Reference, Regional, RegionalExtension};

/// `MapData`, message 18.
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct MapData {
    #[rasn(value("0..=527040"))]
    pub minute: Option<u32>,
    #[rasn(value("0..=127"))]
    pub revision: u8,
    pub layer: Option<Layer>,
    #[rasn(value("0..=100"))]
    pub layer_id: Option<u8>,
    pub intersections: Option<Geometries>,
    pub roads: Option<Roads>,
    pub parameters: Option<Parameters>,
    pub restrictions: Option<Restrictions>,
    pub regional: Option<Regional>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(enumerated)]
#[non_exhaustive]
pub enum Layer {
    None = 0,
    MixedContent = 1,
    GeneralMapData = 2,
    IntersectionData = 3,
    CurveData = 4,
    RoadwaySectionData = 5,
    ParkingAreaData = 6,
    SharedLaneData = 7,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=32"))]
pub struct Geometries(pub SequenceOf<Geometry>);

/// `IntersectionGeometry`
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct Geometry {
    pub name: Option<Name>,
    pub id: Reference,
    #[rasn(value("0..=127"))]
    pub revision: u8,
    pub reference: Position,
    /// Centimetres.
    #[rasn(value("0..=32767"))]
    pub lane_width: Option<u16>,
    pub speed_limits: Option<SpeedLimits>,
    pub lanes: Lanes,
    pub preempt: Option<ControlZones>,
    pub regional: Option<Regional>,
}

/// `Position3D`, in ten-millionths of a degree and decimetres.
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct Position {
    #[rasn(value("-900000000..=900000001"))]
    pub lat: i32,
    #[rasn(value("-1799999999..=1800000001"))]
    pub lon: i32,
    #[rasn(value("-4096..=61439"))]
    pub elevation: Option<i32>,
    pub regional: Option<Regional>,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=9"))]
pub struct SpeedLimits(pub SequenceOf<SpeedLimit>);

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct SpeedLimit {
    pub kind: SpeedLimitKind,
    /// In units of 0.02 m/s.
    #[rasn(value("0..=8191"))]
    pub speed: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(enumerated)]
#[non_exhaustive]
pub enum SpeedLimitKind {
    Unknown = 0,
    School = 1,
    SchoolWithChildren = 2,
    Construction = 3,
    VehicleMin = 4,
    VehicleMax = 5,
    VehicleNightMax = 6,
    TruckMin = 7,
    TruckMax = 8,
    TruckNightMax = 9,
    TrailerMin = 10,
    TrailerMax = 11,
    TrailerNightMax = 12,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=255"))]
pub struct Lanes(pub SequenceOf<Lane>);

/// `GenericLane`
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct Lane {
    pub id: u8,
    pub name: Option<Name>,
    #[rasn(value("0..=15"))]
    pub ingress: Option<u8>,
    #[rasn(value("0..=15"))]
    pub egress: Option<u8>,
    pub attributes: LaneAttributes,
    pub maneuvers: Option<Maneuvers>,
    pub nodes: Nodes,
    pub connects_to: Option<Connections>,
    pub overlays: Option<Overlays>,
    pub regional: Option<Regional>,
}

/// `AllowedManeuvers`: straight, left, right, U-turn, left on red, right on red, lane change, no stopping, yield, go with
/// halt, caution, reserved.
pub type Maneuvers = FixedBitString<12>;

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct LaneAttributes {
    /// `LaneDirection`: ingress, egress.
    pub direction: FixedBitString<2>,
    /// `LaneSharing`
    pub shared_with: FixedBitString<10>,
    pub kind: LaneKind,
    pub regional: Option<RegionalExtension>,
}

/// `LaneTypeAttributes`
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum LaneKind {
    Vehicle(VehicleLane),
    Crosswalk(FixedBitString<16>),
    BikeLane(FixedBitString<16>),
    Sidewalk(FixedBitString<16>),
    Median(FixedBitString<16>),
    Striping(FixedBitString<16>),
    TrackedVehicle(FixedBitString<16>),
    Parking(FixedBitString<16>),
}

/// `LaneAttributes-Vehicle`: 8 bits, or more in later lists.
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("8", extensible))]
pub struct VehicleLane(pub BitString);

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=16"))]
pub struct Connections(pub SequenceOf<Connection>);

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct Connection {
    pub to: ConnectingLane,
    pub remote: Option<Reference>,
    pub signal_group: Option<u8>,
    pub user_class: Option<u8>,
    pub id: Option<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct ConnectingLane {
    pub lane: u8,
    pub maneuver: Option<Maneuvers>,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=5"))]
pub struct Overlays(pub SequenceOf<u8>);

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=32"))]
pub struct ControlZones(pub SequenceOf<ControlZone>);

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ControlZone {
    pub zone: RegionalExtension,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=32"))]
pub struct Roads(pub SequenceOf<Road>);

/// `RoadSegment`
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct Road {
    pub name: Option<Name>,
    pub id: Reference,
    #[rasn(value("0..=127"))]
    pub revision: u8,
    pub reference: Position,
    #[rasn(value("0..=32767"))]
    pub lane_width: Option<u16>,
    pub speed_limits: Option<SpeedLimits>,
    pub lanes: Lanes,
    pub regional: Option<Regional>,
}

/// `DataParameters`
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct Parameters {
    pub method: Option<LongName>,
    pub agency: Option<LongName>,
    pub checked: Option<LongName>,
    pub geoid: Option<LongName>,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=255"))]
pub struct LongName(pub Ia5String);

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=254"))]
pub struct Restrictions(pub SequenceOf<Restriction>);

/// `RestrictionClassAssignment`
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct Restriction {
    pub id: u8,
    pub users: RestrictedUsers,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=16"))]
pub struct RestrictedUsers(pub SequenceOf<RestrictedUser>);

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum RestrictedUser {
    Basic(BasicUser),
    Regional(Regional),
}

/// `RestrictionAppliesTo`
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(enumerated)]
#[non_exhaustive]
pub enum BasicUser {
    None = 0,
    EquippedTransit = 1,
    EquippedTaxis = 2,
    EquippedOther = 3,
    EmissionCompliant = 4,
    EquippedBicycle = 5,
    WeightCompliant = 6,
    HeightCompliant = 7,
    Pedestrians = 8,
    SlowMovingPersons = 9,
    WheelchairUsers = 10,
    VisualDisabilities = 11,
    AudioDisabilities = 12,
    OtherUnknownDisabilities = 13,
}
