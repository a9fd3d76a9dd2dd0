//! Records of Teltonika's codecs: time, position, then values of the inputs.

use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis};

use super::super::bytes::{Reader, Short, hex};
use super::super::kept::Kept;
use super::super::{Fix, Told};

/// 2007-01-01 in Unix seconds: codec 7 counts from there.
const YEAR_2007: i64 = 1_167_609_600;

/// The place of a record that tells one, or why it cannot be.
type Place = Option<Result<Fix, String>>;

/// Records as far as they can be read.
#[derive(Default)]
pub(super) struct Records {
    pub kept: Kept<Fix>,
    /// Why nothing can be read from one of them on; it and those behind it are left out.
    pub broken: Option<String>,
    /// The number of them stands behind them again.
    whole: bool,
}

/// All records. One whose position is not on the earth, or whose time is beyond all calendars, is left out: the device would
/// repeat the packet for ever.
///
/// Some devices of codec 8 add values of 16 bytes, and nothing says so but that the records end in the right place then.
pub(super) fn records(codec: u8, count: u8, bytes: &[u8]) -> Records {
    let read = |longest: usize| {
        let (mut reader, mut records) = (Reader::new(bytes), Records::default());
        for n in 0..count {
            let place = if codec == 7 { short(&mut reader) } else { long(codec, longest, &mut reader) };
            match place {
                Ok(place) => place.into_iter().for_each(|place| records.kept.take(place)),
                Err(why) => {
                    (n..count).for_each(|_| records.kept.take(Err(why.clone())));
                    records.broken = Some(why);
                    return records;
                }
            }
        }
        // The number again, and in recordings perhaps the checksum.
        records.whole = matches!(reader.rest(), [again] | [again, _, _, _, _] if *again == count);
        records
    };
    let plain = read(8);
    if plain.whole || codec != 8 {
        return plain;
    }
    let wide = read(16);
    if wide.whole { wide } else { plain }
}

/// Codecs 8, 8E and 16: milliseconds (8), priority (1), longitude, latitude (4, ten millionths), altitude (2), course (2),
/// satellites (1), speed in km/h (2), then the inputs.
fn long(codec: u8, longest: usize, reader: &mut Reader<'_>) -> Result<Place, String> {
    let at = i64::try_from(reader.u64()?).map_err(|_| "a time beyond all calendars".to_owned());
    reader.take(1)?;
    let (lon, lat) = (reader.i32()?, reader.i32()?);
    let (altitude, course, satellites, kmh) = (reader.i16()?, reader.u16()?, reader.u8()?, reader.u16()?);
    let Inputs { speed, told } = inputs(codec, longest, reader)?;
    let kmh = speed.unwrap_or(kmh);
    let place = |at| Fix::at(UtcMillis(at), f64::from(lat) / 1e7, f64::from(lon) / 1e7);
    Ok(Some(at.and_then(place).map(|fix| Fix {
        altitude: Some(Meters(f64::from(altitude))),
        course: Some(Degrees(f64::from(course))),
        speed: MetersPerSecond::from_kmh(f64::from(kmh)),
        valid: satellites != 0,
        told,
        ..fix
    })))
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
fn short(reader: &mut Reader<'_>) -> Result<Place, String> {
    let seconds = i64::from(reader.u32()? & 0x3fff_ffff);
    let mask = reader.u8()?;
    let place =
        if mask & 1 == 0 { None } else { short_position(UtcMillis((YEAR_2007 + seconds) * 1000), reader)? };
    for (bit, size) in [(1, 1), (2, 2), (3, 4)] {
        if mask & 1 << bit != 0 {
            let count = usize::from(reader.u8()?);
            reader.take(count * (1 + size))?;
        }
    }
    Ok(place)
}

/// A mask again: 0 latitude and longitude (floats), 1 altitude, 2 course in 360/256 degree, 3 speed in km/h, 4 satellites,
/// 5 cell, 6 signal, 7 operator.
fn short_position(at: UtcMillis, reader: &mut Reader<'_>) -> Result<Place, String> {
    let mask = reader.u8()?;
    let has = |bit: u8| mask & 1 << bit != 0;
    let mut place = None;
    if has(0) {
        let (lat, lon) = (f32::from_be_bytes(reader.array()?), f32::from_be_bytes(reader.array()?));
        place = Some(Fix::at(at, f64::from(lat), f64::from(lon)));
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
    let whole = |fix: Fix| Fix {
        altitude,
        course,
        speed: MetersPerSecond::from_kmh(f64::from(kmh)),
        valid: satellites != Some(0),
        ..fix
    };
    Ok(place.map(|read| read.map(whole)))
}
