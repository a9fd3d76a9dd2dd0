//! SAE J2735 (2016 to 2024) as far as SPaT and MAP need it: types of both messages, and unaligned packed encoding (UPER) of
//! them. Pure, and never panics. What regions add is carried as bytes.

pub mod map;
pub mod nodes;
pub mod states;

#[cfg(test)]
mod tests;

use rasn::prelude::*;

use map::MapData;
use states::Spat;

/// `DSRCmsgID`
const MAP: u16 = 18;
const SPAT: u16 = 19;

/// Longer than any datagram that carries one.
pub const MESSAGE_MAX: usize = 8 * 1024;

/// What a frame holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Spat(Spat),
    Map(Box<MapData>),
    /// Another message of the standard, by its number.
    Other(u16),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    #[error("no J2735 message: longer than {MESSAGE_MAX} bytes")]
    TooLong,
    #[error("no J2735 message frame: {0}")]
    Frame(String),
    #[error("a J2735 {0} that cannot be read: {1}")]
    Value(&'static str, String),
    #[error("a J2735 {0} that cannot be written: {1}")]
    Write(&'static str, String),
}

/// # Errors
/// [`BadMessage`] saying what cannot be read.
pub fn decode(bytes: &[u8]) -> Result<Message, BadMessage> {
    if bytes.len() > MESSAGE_MAX {
        return Err(BadMessage::TooLong);
    }
    let frame: MessageFrame = rasn::uper::decode(bytes).map_err(|err| BadMessage::Frame(line(&err)))?;
    let bad = |name| move |err: rasn::error::DecodeError| BadMessage::Value(name, line(&err));
    match frame.id {
        SPAT => rasn::uper::decode(&frame.value).map(Message::Spat).map_err(bad("SPAT")),
        MAP => rasn::uper::decode(&frame.value).map(|map| Message::Map(Box::new(map))).map_err(bad("MAP")),
        other => Ok(Message::Other(other)),
    }
}

/// # Errors
/// [`BadMessage`] when something is outside the standard's bounds.
pub fn encode_spat(spat: &Spat) -> Result<Vec<u8>, BadMessage> {
    encode("SPAT", SPAT, spat)
}

/// # Errors
/// [`BadMessage`] when something is outside the standard's bounds.
pub fn encode_map(map: &MapData) -> Result<Vec<u8>, BadMessage> {
    encode("MAP", MAP, map)
}

fn encode<T: Encode>(name: &'static str, id: u16, message: &T) -> Result<Vec<u8>, BadMessage> {
    let bad = |err: rasn::error::EncodeError| BadMessage::Write(name, line(&err));
    let value = rasn::uper::encode(message).map_err(bad)?.into();
    rasn::uper::encode(&MessageFrame { id, value }).map_err(bad)
}

/// The first line, not too long.
fn line(err: &impl ToString) -> String {
    err.to_string().lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(120).collect()
}

/// `MessageFrame`: every message of J2735. Its value is one of the others, by `id`.
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct MessageFrame {
    #[rasn(value("0..=32767"))]
    pub id: u16,
    pub value: OctetString,
}

/// What a region adds.
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct RegionalExtension {
    pub region: u8,
    pub value: OctetString,
}

#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=4"))]
pub struct Regional(pub SequenceOf<RegionalExtension>);

/// `DescriptiveName`
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(delegate, size("1..=63"))]
pub struct Name(pub Ia5String);

/// `IntersectionReferenceID`
#[derive(Debug, Clone, PartialEq, Eq, AsnType, Decode, Encode)]
#[rasn(automatic_tags)]
pub struct Reference {
    pub region: Option<u16>,
    pub id: u16,
}
