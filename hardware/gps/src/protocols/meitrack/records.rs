//! Meitrack's binary records, little-endian: CCC of fixed layout, CCE of numbered values.

use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis};

use super::super::bytes::{Reader, Short};
use super::super::kept::Kept;
use super::super::{Fix, Told};

/// 2000-01-01 in Unix seconds.
const YEAR_2000: i64 = 946_684_800;
/// Bytes of a CCC record that are known; newer devices may add to them.
const RECORD: usize = 52;

/// Event 1 is the button for help, or whatever else is wired to the first input.
const HELP: u16 = 1;
const POWER_BACK: u16 = 22;
/// Behind its power a vehicle's switches come on: in both recordings of event 1 power came back a second before it, and the input
/// stays on.
const STARTING_MS: i64 = 3_000;

/// What the vehicle tells by an event of `at`; `power_back` is when its power last came back.
fn told(event: Option<u16>, at: UtcMillis, power_back: &mut Option<UtcMillis>) -> Told {
    if event == Some(POWER_BACK) {
        *power_back = Some(at);
    }
    let starting = power_back.is_some_and(|back| (0..=STARTING_MS).contains(&(at.0 - back.0)));
    Told { sos: event == Some(HELP) && !starting, ..Told::default() }
}

/// Version (2), length of a record (2), records still stored (4), then the records. Also gives how many they are: the device
/// repeats those that are not counted in the answer.
pub(super) fn fixed(body: &[u8], power_back: &mut Option<UtcMillis>) -> Result<(Kept<Fix>, usize), String> {
    let mut reader = Reader::new(body);
    reader.take(2)?;
    let length = usize::from(reader.u16_le()?).max(RECORD);
    reader.take(4)?;
    let (mut kept, mut count) = (Kept::default(), 0);
    while let Ok(record) = reader.take(length) {
        count += 1;
        kept.take(fixed_one(&mut Reader::new(record), power_back));
    }
    Ok((kept, count))
}

/// Event (1), latitude, longitude (4, millionths), time (4), validity, satellites, signal (1), speed in km/h, course, HDOP,
/// height (2).
fn fixed_one(reader: &mut Reader<'_>, power_back: &mut Option<UtcMillis>) -> Result<Fix, String> {
    let event = u16::from(reader.u8()?);
    let (lat, lon, seconds) = (reader.i32_le()?, reader.i32_le()?, reader.u32_le()?);
    let (valid, _, _) = (reader.u8()?, reader.u8()?, reader.u8()?);
    let (kmh, course, _) = (reader.u16_le()?, reader.u16_le()?, reader.u16_le()?);
    let altitude = reader.u16_le()?.cast_signed();
    let at = time(seconds);
    let told = told(Some(event), at, power_back);
    Ok(Fix {
        told,
        speed: MetersPerSecond::from_kmh(f64::from(kmh)),
        course: Some(Degrees(f64::from(course))),
        altitude: Some(Meters(f64::from(altitude))),
        valid: valid == 1,
        ..Fix::at(at, f64::from(lat) / 1e6, f64::from(lon) / 1e6)?
    })
}

fn time(seconds: u32) -> UtcMillis {
    UtcMillis((YEAR_2000 + i64::from(seconds)) * 1000)
}

/// Records still stored (4), number of records (2); each with its length (2).
pub(super) fn by_number(body: &[u8], power_back: &mut Option<UtcMillis>) -> Result<Kept<Fix>, String> {
    let mut reader = Reader::new(body);
    reader.take(4)?;
    let mut kept = Kept::default();
    for _ in 0..reader.u16_le()? {
        let length = usize::from(reader.u16_le()?);
        // The last one may be cut off in a recording.
        let record = reader.take(length.min(reader.len()))?;
        match Values::read(record).map(|values| values.fix(power_back)) {
            Ok(None) => {}
            Ok(Some(place)) => kept.take(place),
            Err(short) => kept.take(Err(short.into())),
        }
    }
    Ok(kept)
}

#[derive(Default)]
struct Values {
    event: Option<u16>,
    valid: Option<u8>,
    kmh: u16,
    course: Option<u16>,
    altitude: Option<i16>,
    lat: Option<i32>,
    lon: Option<i32>,
    seconds: Option<u32>,
}

impl Values {
    /// Number of the record (2); then values of 1, 2 and 4 bytes, each group with its count.
    fn read(record: &[u8]) -> Result<Self, Short> {
        let mut reader = Reader::new(record);
        reader.take(2)?;
        let mut values = Self::default();
        values.groups(&mut reader)?;
        Ok(values)
    }

    fn groups(&mut self, reader: &mut Reader<'_>) -> Result<(), Short> {
        for _ in 0..reader.u8()? {
            match (id(reader)?, reader.u8()?) {
                (0x01, value) => self.event = Some(u16::from(value)),
                (0x05, value) => self.valid = Some(value),
                _ => {}
            }
        }
        for _ in 0..reader.u8()? {
            match (id(reader)?, reader.u16_le()?) {
                (0x08, value) => self.kmh = value,
                (0x09, value) => self.course = Some(value),
                (0x0b, value) => self.altitude = Some(value.cast_signed()),
                (0x40, value) => self.event = Some(value),
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

    /// `None` of a record that tells no place.
    fn fix(self, power_back: &mut Option<UtcMillis>) -> Option<Result<Fix, String>> {
        let at = self.seconds.map(time);
        let told = at.map(|at| told(self.event, at, power_back)).unwrap_or_default();
        let (lat, lon) = (f64::from(self.lat?) / 1e6, f64::from(self.lon?) / 1e6);
        let at = at.ok_or_else(|| "a place without a time".to_owned());
        let whole = |fix: Fix| Fix {
            told,
            speed: MetersPerSecond::from_kmh(f64::from(self.kmh)),
            course: self.course.map(|course| Degrees(f64::from(course))),
            altitude: self.altitude.map(|meters| Meters(f64::from(meters))),
            valid: self.valid != Some(0),
            ..fix
        };
        Some(at.and_then(|at| Fix::at(at, lat, lon)).map(whole))
    }
}

/// One byte, or two when the first is fe.
fn id(reader: &mut Reader<'_>) -> Result<u16, Short> {
    match reader.u8()? {
        0xfe => Ok(0xfe00 | u16::from(reader.u8()?)),
        id => Ok(u16::from(id)),
    }
}
