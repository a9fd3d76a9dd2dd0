//! Meitrack's binary records, little-endian: CCC of fixed layout, CCE of numbered values.

use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis};

use super::super::Fix;
use super::super::bytes::{Reader, Short};

/// 2000-01-01 in Unix seconds.
const YEAR_2000: i64 = 946_684_800;
/// Bytes of a CCC record that are known; newer devices may add to them.
const RECORD: usize = 52;

/// Version (2), length of a record (2), records still stored (4), then the records.
pub(super) fn fixed(body: &[u8]) -> Result<Vec<Fix>, String> {
    let mut reader = Reader::new(body);
    reader.take(2)?;
    let length = usize::from(reader.u16_le()?).max(RECORD);
    reader.take(4)?;
    let mut fixes = Vec::new();
    while let Ok(record) = reader.take(length) {
        fixes.extend(fixed_one(&mut Reader::new(record))?);
    }
    Ok(fixes)
}

/// Event (1), latitude, longitude (4, millionths), time (4), validity, satellites, signal (1), speed in km/h, course, HDOP,
/// height (2).
fn fixed_one(reader: &mut Reader<'_>) -> Result<Option<Fix>, Short> {
    reader.take(1)?;
    let (lat, lon, seconds) = (reader.i32_le()?, reader.i32_le()?, reader.u32_le()?);
    let (valid, _, _) = (reader.u8()?, reader.u8()?, reader.u8()?);
    let (kmh, course, _) = (reader.u16_le()?, reader.u16_le()?, reader.u16_le()?);
    let altitude = reader.u16_le()?.cast_signed();
    let fix = Fix::at(time(seconds), f64::from(lat) / 1e6, f64::from(lon) / 1e6).ok();
    Ok(fix.map(|fix| Fix {
        speed: MetersPerSecond::from_kmh(f64::from(kmh)),
        course: Some(Degrees(f64::from(course))),
        altitude: Some(Meters(f64::from(altitude))),
        valid: valid == 1,
        ..fix
    }))
}

fn time(seconds: u32) -> UtcMillis {
    UtcMillis((YEAR_2000 + i64::from(seconds)) * 1000)
}

/// Records still stored (4), number of records (2); each with its length (2).
pub(super) fn by_number(body: &[u8]) -> Result<Vec<Fix>, String> {
    let mut reader = Reader::new(body);
    reader.take(4)?;
    let mut fixes = Vec::new();
    for _ in 0..reader.u16_le()? {
        let length = usize::from(reader.u16_le()?);
        // The last one may be cut off in a recording.
        let record = reader.take(length.min(reader.len()))?;
        fixes.extend(Values::read(record).and_then(Values::fix));
    }
    Ok(fixes)
}

#[derive(Default)]
struct Values {
    valid: Option<u8>,
    kmh: u16,
    course: Option<u16>,
    altitude: Option<i16>,
    lat: Option<i32>,
    lon: Option<i32>,
    seconds: Option<u32>,
}

impl Values {
    /// Number of the record (2); then values of 1, 2 and 4 bytes, each group with its count. `None` when it ends before them.
    fn read(record: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(record);
        reader.take(2).ok()?;
        let mut values = Self::default();
        values.groups(&mut reader).ok()?;
        Some(values)
    }

    fn groups(&mut self, reader: &mut Reader<'_>) -> Result<(), Short> {
        for _ in 0..reader.u8()? {
            let (id, value) = (id(reader)?, reader.u8()?);
            if id == 0x05 {
                self.valid = Some(value);
            }
        }
        for _ in 0..reader.u8()? {
            match (id(reader)?, reader.u16_le()?) {
                (0x08, value) => self.kmh = value,
                (0x09, value) => self.course = Some(value),
                (0x0b, value) => self.altitude = Some(value.cast_signed()),
                _ => {}
            }
        }
        for _ in 0..reader.u8()? {
            match (id(reader)?, reader.u32_le()?) {
                (0x02, value) => self.lat = Some(value.cast_signed()),
                (0x03, value) => self.lon = Some(value.cast_signed()),
                (0x04, value) => self.seconds = Some(value),
                _ => {}
            }
        }
        Ok(())
    }

    fn fix(self) -> Option<Fix> {
        let (lat, lon) = (f64::from(self.lat?) / 1e6, f64::from(self.lon?) / 1e6);
        let fix = Fix::at(time(self.seconds?), lat, lon).ok()?;
        Some(Fix {
            speed: MetersPerSecond::from_kmh(f64::from(self.kmh)),
            course: self.course.map(|course| Degrees(f64::from(course))),
            altitude: self.altitude.map(|meters| Meters(f64::from(meters))),
            valid: self.valid != Some(0),
            ..fix
        })
    }
}

/// One byte, or two when the first is fe.
fn id(reader: &mut Reader<'_>) -> Result<u16, Short> {
    match reader.u8()? {
        0xfe => Ok(0xfe00 | u16::from(reader.u8()?)),
        id => Ok(u16::from(id)),
    }
}
