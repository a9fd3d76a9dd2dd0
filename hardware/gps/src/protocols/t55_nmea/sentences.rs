//! The sentences that carry positions: RMC, GGA, RMA of NMEA 0183, and those of single makers.

use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis};

use super::super::text::{degrees_minutes, full_date, number, optional, pairs, signed};
use super::super::when::{Zone, fields, utc};
use super::super::{Fix, Told};
use super::is_name;

pub(super) enum Read {
    Nothing(&'static str),
    /// The device where the sentence names it, and the position.
    Position(Option<String>, Box<Fix>),
}

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

pub(super) fn read(zone: Zone, sentence: &str, now: UtcMillis) -> Result<Read, String> {
    let parts: Vec<&str> = sentence.split([',', '*']).map(str::trim).collect();
    let line = Line { parts: &parts, now };
    let kind = parts[0];
    match kind {
        "QZE" => line.qze(zone),
        "$TRCCR" => line.trccr(zone),
        "$PUBX" if line.part(1) == "00" => line.pubx(),
        "$ID" => line.tagged(zone),
        _ if kind.len() == 6 && kind.starts_with('$') && kind.ends_with("RMC") => line.rmc(),
        _ if kind.len() == 6 && kind.starts_with('$') && kind.ends_with("GGA") => line.gga(),
        _ if kind.len() == 6 && kind.starts_with('$') && kind.ends_with("RMA") => line.rma(),
        _ if kind.starts_with('$') => Ok(Read::Nothing("sentence without a position")),
        _ => Err(format!(
            "{:?} is not a sentence of a receiver",
            sentence.chars().take(20).collect::<String>()
        )),
    }
}

struct Line<'a> {
    parts: &'a [&'a str],
    now: UtcMillis,
}

impl Line<'_> {
    fn part(&self, at: usize) -> &str {
        self.parts.get(at).copied().unwrap_or("")
    }

    /// Latitude, N or S, longitude, E or W from there on; `None` when they are left out.
    fn place(&self, at: usize) -> Result<Option<(f64, f64)>, String> {
        if self.part(at).is_empty() || self.part(at + 2).is_empty() {
            return Ok(None);
        }
        let lat = degrees_minutes(self.part(at), self.part(at + 1))?;
        Ok(Some((lat, degrees_minutes(self.part(at + 2), self.part(at + 3))?)))
    }

    /// Where the sentence has a time and no date: the day that brings it nearest to now.
    fn time_of_day(&self, text: &str) -> Result<UtcMillis, String> {
        let [hour, minute, second] = pairs(text)?;
        let (year, [month, day, ..]) = fields(self.now);
        let at = utc(Zone::UTC, [year, u16::from(month), u16::from(day), hour, minute, second])?.0;
        let nearest = [at - DAY, at, at + DAY].into_iter().min_by_key(|at| at.abs_diff(self.now.0));
        Ok(UtcMillis(nearest.unwrap_or(at)))
    }

    /// Time, validity, place, knots, course, date. Some devices add satellites, their IMEI, the ignition and more behind the
    /// checksum.
    fn rmc(&self) -> Result<Read, String> {
        let Some((lat, lon)) = self.place(3)? else { return Ok(Read::Nothing("no position in it")) };
        let [hour, minute, second] = pairs(self.part(1))?;
        let [day, month, year] = pairs(self.part(9))?;
        let at = utc(Zone::UTC, [year, month, day, hour, minute, second])?;
        let fix = Fix {
            speed: MetersPerSecond::from_knots(optional(self.part(7)).unwrap_or(0.0).max(0.0)),
            course: optional(self.part(8)).map(Degrees),
            valid: self.part(2) == "A",
            ..Fix::at(at, lat, lon)?
        };
        let is_imei = |at: &usize| self.part(*at).len() == 15 && is_name(self.part(*at));
        let at = (10..self.parts.len()).find(is_imei);
        let told = at.map(|at| self.ignition(at + 1)).unwrap_or_default();
        Ok(Read::Position(at.map(|at| self.part(at).to_owned()), Box::new(Fix { told, ..fix })))
    }

    fn ignition(&self, at: usize) -> Told {
        let engine_on = match self.part(at) {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        };
        Told { engine_on, ..Told::default() }
    }

    /// Time, place, quality (0 invalid), satellites, HDOP, height.
    fn gga(&self) -> Result<Read, String> {
        let Some((lat, lon)) = self.place(2)? else { return Ok(Read::Nothing("no position in it")) };
        let fix = Fix::at(self.time_of_day(self.part(1))?, lat, lon)?;
        let altitude = optional(self.part(9)).map(Meters);
        Ok(Read::Position(None, Box::new(Fix { altitude, valid: self.part(6) != "0", ..fix })))
    }

    /// Validity, place, two empty fields, knots, course; no time at all.
    fn rma(&self) -> Result<Read, String> {
        let Some((lat, lon)) = self.place(2)? else { return Ok(Read::Nothing("no position in it")) };
        let fix = Fix {
            speed: MetersPerSecond::from_knots(optional(self.part(8)).unwrap_or(0.0).max(0.0)),
            course: optional(self.part(9)).map(Degrees),
            valid: self.part(1) == "A",
            ..Fix::at(self.now, lat, lon)?
        };
        Ok(Read::Position(None, Box::new(fix)))
    }

    /// u-blox: time, place, height, state (NF no fix), accuracies, km/h, course; a reserved field that some devices put their
    /// name into.
    fn pubx(&self) -> Result<Read, String> {
        let Some((lat, lon)) = self.place(3)? else { return Ok(Read::Nothing("no position in it")) };
        let fix = Fix {
            speed: MetersPerSecond::from_kmh(optional(self.part(11)).unwrap_or(0.0).max(0.0)),
            course: optional(self.part(12)).map(Degrees),
            altitude: optional(self.part(7)).map(Meters),
            valid: self.part(8) != "NF",
            ..Fix::at(self.time_of_day(self.part(2))?, lat, lon)?
        };
        let name = Some(self.part(19)).filter(|name| is_name(name));
        Ok(Read::Position(name.map(ToOwned::to_owned), Box::new(fix)))
    }

    /// Date and time, validity, latitude and longitude in degrees, knots, course, height.
    fn trccr(&self, zone: Zone) -> Result<Read, String> {
        let fix = Fix {
            speed: MetersPerSecond::from_knots(number(self.part(5))?.max(0.0)),
            course: optional(self.part(6)).map(Degrees),
            altitude: optional(self.part(7)).map(Meters),
            valid: self.part(2) == "A",
            ..Fix::at(utc(zone, full_date(self.part(1))?)?, number(self.part(3))?, number(self.part(4))?)?
        };
        Ok(Read::Position(None, Box::new(fix)))
    }

    /// IMEI, event, ddmmyyyy, time, latitude, longitude, km/h, course, validity, ignition.
    fn qze(&self, zone: Zone) -> Result<Read, String> {
        let [day, month, century, year] = pairs(self.part(3))?;
        let [hour, minute, second] = pairs(self.part(4))?;
        let at = utc(zone, [century * 100 + year, month, day, hour, minute, second])?;
        let fix = Fix {
            speed: MetersPerSecond::from_kmh(number(self.part(7))?.max(0.0)),
            course: optional(self.part(8)).map(Degrees),
            valid: self.part(9) == "A",
            told: self.ignition(10),
            ..Fix::at(at, number(self.part(5))?, number(self.part(6))?)?
        };
        Ok(Read::Position(Some(self.part(1).to_owned()).filter(|name| is_name(name)), Box::new(fix)))
    }

    /// The IMEI, then pairs of a tag and its value: D date, T time, La and Lo with their letters, H course, V knots, GPSET
    /// validity.
    fn tagged(&self, zone: Zone) -> Result<Read, String> {
        let value =
            |tag: &str| self.parts.iter().position(|part| *part == tag).map(|at| (self.part(at + 1), at + 1));
        let text = |tag: &str| value(tag).map_or("", |(text, _)| text);
        let angle = |tag: &str| -> Option<f64> {
            let (text, at) = value(tag)?;
            signed(number(text).ok()?, self.part(at + 1))
        };
        let (Some(lat), Some(lon)) = (angle("La"), angle("Lo")) else {
            return Ok(Read::Nothing("no position in it"));
        };
        let ([day, month, year], [hour, minute, second]) = (pairs(text("D"))?, pairs(text("T"))?);
        let at = utc(zone, [year, month, day, hour, minute, second])?;
        // V is a letter of validity first and a speed later.
        let knots = self.parts.windows(2).filter(|pair| pair[0] == "V").find_map(|pair| optional(pair[1]));
        let fix = Fix {
            speed: MetersPerSecond::from_knots(knots.unwrap_or(0.0).max(0.0)),
            course: optional(text("H")).map(Degrees),
            valid: text("GPSET") == "A",
            ..Fix::at(at, lat, lon)?
        };
        Ok(Read::Position(Some(self.part(1).to_owned()).filter(|name| is_name(name)), Box::new(fix)))
    }
}
