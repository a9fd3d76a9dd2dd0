//! Positions in JT/T 808 messages. Degrees are millionths, or minutes in BCD in the short report of locks.

use models_domain::geo::LatLon;
use models_domain::{Degrees, Meters, MetersPerSecond};

use super::super::Told;
use super::super::bytes::{Reader, bcd, hex};
use super::super::kept::Kept;
use super::super::when::{Zone, utc, utc_of_bcd};
use super::Fix;

/// Bits of the status word (§8.12, table 24).
const VALID: u32 = 1 << 1;
const SOUTH: u32 = 1 << 2;
const WEST: u32 = 1 << 3;

/// Bits of the alarm word (table 24): the emergency button is pressed.
const EMERGENCY: u32 = 1;
/// Further bits of the status word: the ignition, and doors at the front, in the middle, at the rear and one more; not the
/// driver's own.
const IGNITION: u32 = 1;
const DOORS: u32 = 1 << 13 | 1 << 14 | 1 << 15 | 1 << 17;

/// 0x0200: alarm (4), status (4), latitude (4), longitude (4), altitude in m (2), speed in 0.1 km/h (2), course (2), date in
/// BCD (6), further items. `None` when the device has no time yet.
pub(super) fn standard(zone: Zone, body: &[u8]) -> Result<Option<Fix>, String> {
    let mut body = Reader::new(body);
    let alarm = body.u32()?;
    let fix = full(zone, &mut body)?;
    Ok(fix.map(|fix| Fix { told: Told { sos: alarm & EMERGENCY != 0, ..fix.told }, ..fix }))
}

/// 0x0801 (2013, table 82): number (4), type, format, event, channel (1 each), where it was taken (28), the picture or the sound.
/// Terminals of 2011 leave the place out.
pub(super) fn multimedia(zone: Zone, body: &[u8]) -> Option<Fix> {
    standard(zone, body.get(8..8 + 28)?).ok().flatten()
}

/// From the status to the date.
fn full(zone: Zone, body: &mut Reader<'_>) -> Result<Option<Fix>, String> {
    let place = Place::read(body)?;
    let motion = Motion::read(body)?;
    let date: [u8; 6] = body.array()?;
    if date == [0; 6] {
        return Ok(None);
    }
    Ok(Some(Fix {
        device: None,
        at: utc_of_bcd(zone, date)?,
        position: place.position,
        speed: motion.speed,
        course: Some(motion.course),
        altitude: Some(motion.altitude),
        valid: place.valid,
        told: place.told,
    }))
}

/// 0x0704 (each with a length of two bytes) and 0x0210 (one byte): positions one after the other.
pub(super) fn batch(zone: Zone, body: &[u8], long: bool) -> Kept<Fix> {
    let (mut items, mut kept) = (Reader::new(body), Kept::default());
    while items.len() > 1 {
        match item(&mut items, long).and_then(|item| standard(zone, item)) {
            Ok(Some(fix)) => kept.take(Ok(fix)),
            Ok(None) => {}
            Err(why) => kept.take(Err(why)),
        }
    }
    kept
}

/// One that is cut off reaches to the end.
fn item<'a>(items: &mut Reader<'a>, long: bool) -> Result<&'a [u8], String> {
    let length = if long { usize::from(items.u16()?) } else { usize::from(items.u8()?) };
    Ok(items.take(length.min(items.len()))?)
}

/// 0x0900: what it carries is the maker's own affair; some carry positions.
pub(super) fn transparent(zone: Zone, body: &[u8]) -> Result<Option<Fix>, String> {
    let mut body = Reader::new(body);
    match body.u8()? {
        0x53 | 0x54 => full(zone, &mut body),
        0xf0 => engine(zone, &mut body),
        0xff => {
            let at = utc_of_bcd(zone, body.array()?)?;
            let (lat, lon) = (body.i32()?, body.i32()?);
            let motion = Motion::read(&mut body)?;
            Ok(Some(Fix {
                device: None,
                at,
                position: Fix::on_earth(LatLon::new(millionths(lat), millionths(lon)))?,
                speed: motion.speed,
                course: Some(motion.course),
                altitude: Some(motion.altitude),
                valid: true,
                told: Told::default(),
            }))
        }
        _ => Ok(None),
    }
}

/// Engine data, trouble codes or events with the place they were taken at, but no speed.
fn engine(zone: Zone, body: &mut Reader<'_>) -> Result<Option<Fix>, String> {
    let date: [u8; 6] = body.array()?;
    body.take(2)?;
    match body.u8()? {
        1 => {
            for _ in 0..body.u8()? {
                body.take(2)?;
                let length = body.u8()?;
                body.take(usize::from(length))?;
            }
        }
        2 => {
            for _ in 0..body.u16()? {
                body.take(4)?;
                for _ in 0..body.u16()? {
                    body.take(8)?;
                    let length = body.u16()?;
                    body.take(usize::from(length))?;
                }
            }
        }
        3 => {
            for _ in 0..body.u8()? {
                body.take(1)?;
                let length = body.u8()?;
                body.take(usize::from(length))?;
            }
        }
        _ => return Ok(None),
    }
    let place = Place::read(body)?;
    Ok(Some(Fix {
        device: None,
        at: utc_of_bcd(zone, date)?,
        position: place.position,
        speed: MetersPerSecond(0.0),
        course: None,
        altitude: None,
        valid: place.valid,
        told: Told::default(),
    }))
}

/// 0x5501 and 0x5502 (sent late): day, month, year, time in UTC, then digits: latitude ddmm.mmmm, longitude dddmm.mmmm, flags
/// (bit 0 valid, 1 north, 2 east); speed in knots (BCD), course in 2 degrees.
pub(super) fn short(body: &[u8]) -> Result<Fix, String> {
    let mut body = Reader::new(body);
    let mut date = [0; 6];
    for (field, byte) in date.iter_mut().zip(body.array::<6>()?) {
        *field = u16::from(bcd(byte)?);
    }
    date.swap(0, 2);
    let digits = hex(body.take(9)?);
    let (Ok(lat), Ok(lon), Ok(flags)) =
        (digits[..8].parse::<u32>(), digits[8..17].parse::<u32>(), u8::from_str_radix(&digits[17..], 16))
    else {
        return Err(format!("{digits} is not a position in digits"));
    };
    let degrees = |n: u32, positive: bool| {
        let size = f64::from(n / 1_000_000) + f64::from(n % 1_000_000) / 600_000.0;
        if positive { size } else { -size }
    };
    let position = LatLon::new(degrees(lat, flags & 2 != 0), degrees(lon, flags & 4 != 0));
    Ok(Fix {
        device: None,
        at: utc(Zone::UTC, date)?,
        position: Fix::on_earth(position)?,
        speed: MetersPerSecond::from_knots(f64::from(bcd(body.u8()?)?)),
        course: Some(Degrees(f64::from(body.u8()?) * 2.0)),
        altitude: None,
        valid: flags & 1 != 0,
        told: Told::default(),
    })
}

struct Place {
    position: LatLon,
    valid: bool,
    told: Told,
}

impl Place {
    fn read(body: &mut Reader<'_>) -> Result<Self, String> {
        let status = body.u32()?;
        let mut degrees = |negative: u32| -> Result<f64, String> {
            let size = f64::from(body.u32()?) / 1e6;
            Ok(if status & negative == 0 { size } else { -size })
        };
        let position = LatLon::new(degrees(SOUTH)?, degrees(WEST)?);
        let told = Told {
            doors_open: Some(status & DOORS != 0),
            engine_on: Some(status & IGNITION != 0),
            ..Told::default()
        };
        Ok(Self { position: Fix::on_earth(position)?, valid: status & VALID != 0, told })
    }
}

struct Motion {
    altitude: Meters,
    speed: MetersPerSecond,
    course: Degrees,
}

impl Motion {
    fn read(body: &mut Reader<'_>) -> Result<Self, String> {
        Ok(Self {
            altitude: Meters(f64::from(body.i16()?)),
            speed: MetersPerSecond::from_kmh(f64::from(body.u16()?) / 10.0),
            course: Degrees(f64::from(body.u16()?)),
        })
    }
}

fn millionths(n: i32) -> f64 {
    f64::from(n) / 1e6
}
