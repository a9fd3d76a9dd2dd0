//! Records of Teltonika's codecs: time, position, then values of the inputs.

use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis};

use super::super::bytes::{Reader, Short, hex};
use super::super::{Fix, Told};

/// 2007-01-01 in Unix seconds: codec 7 counts from there.
const YEAR_2007: i64 = 1_167_609_600;

/// All records. One whose position is not on the earth is left out: the device would repeat the packet for ever.
///
/// Some devices of codec 8 add values of 16 bytes, and nothing says so but that the records end in the right place then.
pub(super) fn records(codec: u8, count: u8, bytes: &[u8]) -> Result<Vec<Fix>, String> {
    let read = |longest: usize| -> Result<(Vec<Fix>, bool), String> {
        let mut reader = Reader::new(bytes);
        let mut fixes = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            fixes.extend(if codec == 7 { short(&mut reader)? } else { long(codec, longest, &mut reader)? });
        }
        // The number again, and in recordings perhaps the checksum.
        Ok((fixes, matches!(reader.rest(), [again] | [again, _, _, _, _] if *again == count)))
    };
    match read(8) {
        Ok((fixes, true)) => Ok(fixes),
        plain => match read(16) {
            Ok((fixes, true)) if codec == 8 => Ok(fixes),
            _ => plain.map(|(fixes, _)| fixes),
        },
    }
}

/// Codecs 8, 8E and 16: milliseconds (8), priority (1), longitude, latitude (4, ten millionths), altitude (2), course (2),
/// satellites (1), speed in km/h (2), then the inputs.
fn long(codec: u8, longest: usize, reader: &mut Reader<'_>) -> Result<Option<Fix>, String> {
    let at = i64::try_from(reader.u64()?).map_err(|_| "a time beyond all calendars")?;
    reader.take(1)?;
    let (lon, lat) = (reader.i32()?, reader.i32()?);
    let (altitude, course, satellites, kmh) = (reader.i16()?, reader.u16()?, reader.u8()?, reader.u16()?);
    let Inputs { speed, told } = inputs(codec, longest, reader)?;
    let kmh = speed.unwrap_or(kmh);
    Ok(Fix::at(UtcMillis(at), f64::from(lat) / 1e7, f64::from(lon) / 1e7).ok().map(|fix| Fix {
        altitude: Some(Meters(f64::from(altitude))),
        course: Some(Degrees(f64::from(course))),
        speed: MetersPerSecond::from_kmh(f64::from(kmh)),
        valid: satellites != 0,
        told,
        ..fix
    }))
}

/// Number of the value that holds the speed by the source that the device is set to, in km/h. Only of devices that write values
/// of 16 bytes it is taken: of others the speed beside the position is the one of that moment.
const SPEED: u16 = 24;
/// Values by number: ignition (1 byte), alarm button (1), doors by the vehicle's own bus (2, one bit a door), the driver's
/// iButton (8).
const IGNITION: u16 = 239;
const ALARM: u16 = 236;
const DOORS: u16 = 90;
const IBUTTON: u16 = 78;

/// What the inputs say.
#[derive(Default)]
struct Inputs {
    speed: Option<u16>,
    told: Told,
}

impl Inputs {
    fn note(&mut self, id: u16, value: &[u8], longest: usize) {
        match (id, value) {
            (SPEED, &[high, low]) if longest == 16 => {
                self.speed = self.speed.or(Some(u16::from_be_bytes([high, low])));
            }
            (IGNITION, &[on]) => self.told.engine_on = Some(on != 0),
            (ALARM, &[pressed]) => self.told.sos = pressed != 0,
            (DOORS, &[high, low]) => self.told.doors_open = Some(high != 0 || low != 0),
            (IBUTTON, key @ &[_, _, _, _, _, _, _, _]) if *key != [0; 8] => self.told.driver = Some(hex(key)),
            _ => {}
        }
    }
}

/// Values of 1, 2, 4 and 8 bytes, and in codec 8E of any length; each group counts its own.
fn inputs(codec: u8, longest: usize, reader: &mut Reader<'_>) -> Result<Inputs, String> {
    let wide_counts = codec == 0x8e;
    let wide_ids = codec != 8;
    let number = |reader: &mut Reader<'_>, wide: bool| -> Result<usize, Short> {
        if wide { reader.u16().map(usize::from) } else { reader.u8().map(usize::from) }
    };
    number(reader, wide_ids)?;
    if codec == 0x10 {
        // What made the device write the record.
        reader.take(1)?;
    }
    number(reader, wide_counts)?;
    let mut found = Inputs::default();
    for size in [1, 2, 4, 8, 16].into_iter().filter(|size| *size <= longest) {
        let count = number(reader, wide_counts)?;
        let id = if wide_ids { 2 } else { 1 };
        for value in reader.take(count * (id + size))?.chunks_exact(id + size) {
            let (name, value) = value.split_at(id);
            let name = name.iter().fold(0_u16, |name, byte| name << 8 | u16::from(*byte));
            found.note(name, value, longest);
        }
    }
    if codec == 0x8e {
        for _ in 0..reader.u16()? {
            reader.take(2)?;
            let length = usize::from(reader.u16()?);
            reader.take(length)?;
        }
    }
    Ok(found)
}

/// Codec 7: seconds (4), a mask of what follows: 0 position, 1 to 3 values of 1, 2 and 4 bytes.
fn short(reader: &mut Reader<'_>) -> Result<Option<Fix>, String> {
    let seconds = i64::from(reader.u32()? & 0x3fff_ffff);
    let mask = reader.u8()?;
    let fix =
        if mask & 1 == 0 { None } else { short_position(UtcMillis((YEAR_2007 + seconds) * 1000), reader)? };
    for (bit, size) in [(1, 1), (2, 2), (3, 4)] {
        if mask & 1 << bit != 0 {
            let count = usize::from(reader.u8()?);
            reader.take(count * (1 + size))?;
        }
    }
    Ok(fix)
}

/// A mask again: 0 latitude and longitude (floats), 1 altitude, 2 course in 360/256 degree, 3 speed in km/h, 4 satellites,
/// 5 cell, 6 signal, 7 operator.
fn short_position(at: UtcMillis, reader: &mut Reader<'_>) -> Result<Option<Fix>, String> {
    let mask = reader.u8()?;
    let has = |bit: u8| mask & 1 << bit != 0;
    let mut fix = None;
    if has(0) {
        let (lat, lon) = (f32::from_be_bytes(reader.array()?), f32::from_be_bytes(reader.array()?));
        fix = Fix::at(at, f64::from(lat), f64::from(lon)).ok();
    }
    let altitude = if has(1) { Some(Meters(f64::from(reader.u16()?))) } else { None };
    let course = if has(2) { Some(Degrees(f64::from(reader.u8()?) * 360.0 / 256.0)) } else { None };
    let kmh = if has(3) { reader.u8()? } else { 0 };
    let satellites = if has(4) { Some(reader.u8()?) } else { None };
    for (bit, size) in [(5, 4), (6, 1), (7, 4)] {
        if has(bit) {
            reader.take(size)?;
        }
    }
    Ok(fix.map(|fix| Fix {
        altitude,
        course,
        speed: MetersPerSecond::from_kmh(f64::from(kmh)),
        valid: satellites != Some(0),
        ..fix
    }))
}
