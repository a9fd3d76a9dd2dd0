//! One record as bytes: a short head that most questions are answered from, then the track as `ngatu.v1.TrackRow`.
//!
//! `version u8 | class u8 | colour u8, 255 is none | 0 | camera's CRC-32 u32 | began i64 | ended i64 | TrackRow`, little endian.

use models_domain::archive::{Colour, TrackQuery, TrackRecord};
use models_domain::{CameraId, Class, UtcMillis};
use models_wire::convert::tracks::record_to_wire;
use models_wire::v1;
use prost::Message;

const VERSION: u8 = 1;
const HEAD: usize = 24;
const NO_COLOUR: u8 = 255;

/// What stands in the head of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub class: Class,
    pub colour: Option<Colour>,
    pub camera: u32,
    pub began: UtcMillis,
    pub ended: UtcMillis,
}

pub fn encode(number: u64, record: &TrackRecord) -> Vec<u8> {
    let row = record_to_wire(number, record);
    let mut bytes = Vec::with_capacity(HEAD + row.encoded_len());
    bytes.extend([VERSION, record.class as u8, record.colour.map_or(NO_COLOUR, |c| c as u8), 0]);
    bytes.extend(camera_mark(&record.camera).to_le_bytes());
    bytes.extend(record.began.0.to_le_bytes());
    bytes.extend(record.ended.0.to_le_bytes());
    bytes.extend(row.encode_to_vec());
    bytes
}

/// `None` for a record of another version, or damage that the checksum let through.
pub fn head(bytes: &[u8]) -> Option<Head> {
    let head = bytes.get(..HEAD)?;
    let number = |at: usize| Some(i64::from_le_bytes(head[at..at + 8].try_into().ok()?));
    Some(Head {
        class: *Class::ALL.get(usize::from(head[1])).filter(|_| head[0] == VERSION)?,
        colour: match head[2] {
            NO_COLOUR => None,
            known => Some(*Colour::ALL.get(usize::from(known))?),
        },
        camera: u32::from_le_bytes(head[4..8].try_into().ok()?),
        began: UtcMillis(number(8)?),
        ended: UtcMillis(number(16)?),
    })
}

/// `None` as for [`head`].
pub fn row(bytes: &[u8]) -> Option<v1::TrackRow> {
    v1::TrackRow::decode(bytes.get(HEAD..)?).ok()
}

/// The cameras of a question, as they stand in heads.
pub fn camera_marks(query: &TrackQuery) -> Vec<u32> {
    let mut marks: Vec<u32> = query.cameras.iter().map(camera_mark).collect();
    marks.sort_unstable();
    marks
}

fn camera_mark(camera: &CameraId) -> u32 {
    crc32fast::hash(camera.as_str().as_bytes())
}
