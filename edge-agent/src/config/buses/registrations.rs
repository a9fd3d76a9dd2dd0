//! `[[buses.ufms_to.company]]`, `driver` and `vehicle`: what the directorate is told before any position.
//!
//! They hold names of persons: a value that is wrong is not repeated where it may be one.

use std::collections::{BTreeMap, BTreeSet};

use hardware_gps::protocols::ufms::{RegCompany, RegDriver, RegVehicle, Registrations, VehicleType};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use toml::Spanned;

use crate::config::reader::Section;

/// Letters of what something is called by, and of other texts.
const NAME_MAX: usize = 64;
const TEXT_MAX: usize = 256;
/// Digits of a telephone number are at most 15 (E.164), of a card 20.
const SIM_MAX: usize = 20;

pub(super) fn read(to: &mut Section<'_, '_>, plate_by_device: &BTreeMap<String, String>) -> Registrations {
    let (company_names, companies) = each(to, "company", name, company);
    let (driver_names, drivers) = each(to, "driver", name, driver);
    let plate = |text: &str| plate(text, plate_by_device);
    let (_, vehicles) =
        each(to, "vehicle", plate, |one, plate| vehicle(one, plate, &driver_names, &company_names));
    Registrations { companies, drivers, vehicles }
}

/// Every `[[key]]`, and by what they are called, which stands under `key` too. What is wrong is told, and leaves a gap.
fn each<T>(
    to: &mut Section<'_, '_>,
    key: &'static str,
    called: impl Fn(&str) -> Result<String, String>,
    read: impl Fn(&mut Section<'_, '_>, String) -> T,
) -> (BTreeSet<String>, Vec<T>) {
    let (mut names, mut all) = (BTreeSet::new(), Vec::new());
    for mut one in to.sections(key) {
        let name = one.required_with(key, &called);
        if let Some(name) = &name
            && !names.insert(name.get_ref().clone())
        {
            one.problem(&name.span(), key, "is told twice");
        }
        all.push(read(&mut one, name.map(Spanned::into_inner).unwrap_or_default()));
    }
    (names, all)
}

fn company(one: &mut Section<'_, '_>, company: String) -> RegCompany {
    let mut told = |key: &'static str| one.optional_with(key, text).map(Spanned::into_inner);
    RegCompany { company, name: told("name"), address: told("address"), tel: told("tel") }
}

fn driver(one: &mut Section<'_, '_>, driver: String) -> RegDriver {
    let issue = one.optional_with("datetime_issue", seconds);
    let expire = one.optional_with("datetime_expire", seconds);
    if let (Some(issue), Some(expire)) = (&issue, &expire)
        && expire.get_ref() <= issue.get_ref()
    {
        one.problem(&expire.span(), "datetime_expire", "is not after datetime_issue");
    }
    let mut told = |key: &'static str| one.optional_with(key, text).map(Spanned::into_inner);
    RegDriver {
        driver,
        name: told("name"),
        datetime_issue: issue.map(Spanned::into_inner),
        datetime_expire: expire.map(Spanned::into_inner),
        reg_place: told("reg_place"),
        license: told("license"),
    }
}

fn vehicle(
    one: &mut Section<'_, '_>,
    vehicle: String,
    drivers: &BTreeSet<String>,
    companies: &BTreeSet<String>,
) -> RegVehicle {
    let kind = one.optional::<VehicleType>("vehicle_type").map_or(VehicleType::Bus, Spanned::into_inner);
    let driver = one.required_with("driver", |text| listed(text, drivers, "driver"));
    let company = one.required_with("company", |text| listed(text, companies, "company"));
    let device_model_no = one.optional_with("device_model_no", number).map(Spanned::into_inner);
    let sim = one.optional_with("sim", sim).map(Spanned::into_inner);
    let datetime = one.optional_with("datetime", seconds).map(Spanned::into_inner);
    let mut told = |key: &'static str| one.optional_with(key, text).map(Spanned::into_inner);
    RegVehicle {
        vehicle,
        vehicle_type: kind.number(),
        driver: driver.map(Spanned::into_inner).unwrap_or_default(),
        company: company.map(Spanned::into_inner).unwrap_or_default(),
        device_model_no,
        device_model: told("device_model"),
        device_id: told("device_id"),
        sim,
        datetime,
        vin: told("vin"),
    }
}

/// A vehicle under another name than its positions would be one that never moves.
fn plate(text: &str, plate_by_device: &BTreeMap<String, String>) -> Result<String, String> {
    let plate = name(text)?;
    if plate_by_device.values().any(|known| *known == plate) {
        return Ok(plate);
    }
    Err(format!("{plate:?} is the plate of no tracker in [buses.ufms_to.plates]"))
}

/// Where the file tells any of them, this one is among them; where it tells none, others have.
fn listed(text: &str, names: &BTreeSet<String>, key: &str) -> Result<String, String> {
    let name = name(text)?;
    if names.is_empty() || names.contains(&name) {
        return Ok(name);
    }
    Err(format!("no [[buses.ufms_to.{key}]] is called so"))
}

fn name(text: &str) -> Result<String, String> {
    one_line(text, NAME_MAX)
}

fn text(text: &str) -> Result<String, String> {
    one_line(text, TEXT_MAX)
}

fn one_line(text: &str, letters_max: usize) -> Result<String, String> {
    let sound = text.trim() == text && !text.contains(char::is_control);
    if sound && (1..=letters_max).contains(&text.chars().count()) {
        return Ok(text.to_owned());
    }
    Err(format!("must be 1 to {letters_max} letters on one line, without spaces around them"))
}

fn number(text: &str) -> Result<i32, String> {
    let number = text.replace('_', "").parse::<i32>().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| format!("{text} is not a whole number from 0 to {}", i32::MAX))
}

fn sim(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if (1..=SIM_MAX).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err(format!("must be 1 to {SIM_MAX} digits, such as \"0912345678\""))
}

/// Unix seconds, which the interface counts in 32 bits.
fn seconds(text: &str) -> Result<i32, String> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok();
    let seconds = at.and_then(|at| i32::try_from(at.unix_timestamp()).ok()).filter(|seconds| *seconds > 0);
    seconds.ok_or_else(|| {
        format!(
            "{text:?} is not a time from 1970 to 2038 with its zone, such as \"2026-01-31T00:00:00+07:00\""
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reader;

    fn parse(text: &str) -> Result<Registrations, Vec<String>> {
        let plates = ["29B12345", "29B12346"].map(|plate| (format!("of {plate}"), plate.to_owned()));
        let plates = BTreeMap::from(plates);
        reader::read(text, |mut root| Some(super::read(&mut root, &plates)))
    }

    #[track_caller]
    fn check(text: &str, want: &[&str]) {
        assert_eq!(parse(text).unwrap_err(), want);
    }

    #[test]
    fn every_field() {
        let read = parse(
            "[[vehicle]]\nvehicle = \"29B12345\"\nvehicle_type = \"contract\"\ndriver = \"0100\"\ncompany = \"X\"\n\
             device_model_no = 1\ndevice_model = \"M1\"\ndevice_id = \"D1\"\nsim = \"0900000000\"\n\
             datetime = \"2016-12-17T19:53:54+07:00\"\nvin = \"VIN01\"\n\
             [[vehicle]]\nvehicle = \"29B12346\"\ndriver = \"0100\"\ncompany = \"X\"\n\
             [[driver]]\ndriver = \"0100\"\nname = \"Nguyễn Văn A\"\ndatetime_issue = \"2004-09-17T00:00:00Z\"\n\
             datetime_expire = \"2032-10-21T20:47:14+07:00\"\nreg_place = \"Hà Nội\"\nlicense = \"D\"\n\
             [[company]]\ncompany = \"X\"\nname = \"Transerco\"\naddress = \"Hà Nội\"\ntel = \"(024) 0000 000\"\n",
        );
        let (some, text) = (|text: &str| Some(text.to_owned()), |text: &str| text.to_owned());
        let bare = RegVehicle {
            vehicle: text("29B12346"),
            vehicle_type: 200,
            driver: text("0100"),
            company: text("X"),
            ..RegVehicle::default()
        };
        let full = RegVehicle {
            vehicle: text("29B12345"),
            vehicle_type: 300,
            device_model_no: Some(1),
            device_model: some("M1"),
            device_id: some("D1"),
            sim: some("0900000000"),
            datetime: Some(1_481_979_234),
            vin: some("VIN01"),
            ..bare.clone()
        };
        let driver = RegDriver {
            driver: text("0100"),
            name: some("Nguyễn Văn A"),
            datetime_issue: Some(1_095_379_200),
            datetime_expire: Some(1_981_979_234),
            reg_place: some("Hà Nội"),
            license: some("D"),
        };
        let company = RegCompany {
            company: text("X"),
            name: some("Transerco"),
            address: some("Hà Nội"),
            tel: some("(024) 0000 000"),
        };
        let (companies, drivers, vehicles) = (vec![company], vec![driver], vec![full, bare]);
        assert_eq!(read, Ok(Registrations { companies, drivers, vehicles }));
        assert_eq!(parse(""), Ok(Registrations::default()));
    }

    #[test]
    fn whom_others_registered_need_not_be_told() {
        let read =
            parse("[[vehicle]]\nvehicle = \"29B12345\"\ndriver = \"0100\"\ncompany = \"X\"\n").unwrap();
        assert_eq!((read.vehicles.len(), read.drivers.len(), read.companies.len()), (1, 0, 0));
    }

    #[test]
    fn every_problem_at_once_with_its_line() {
        check(
            "[[company]]\ncompany = \"X\"\ntel = \"\"\n[[company]]\nname = \"Y\"\n[[company]]\ncompany = \"X\"\n\
             [[driver]]\ndriver = \" 0100\"\nlicence = \"D\"\n\
             [[driver]]\ndriver = \"0200\"\ndatetime_issue = \"2026-01-31T00:00:00Z\"\ndatetime_expire = \"2026-01-31T07:00:00+07:00\"\n\
             [[driver]]\ndriver = \"0300\"\nname = \"A\\nB\"\ndatetime_issue = \"2026-01-31\"\ndatetime_expire = \"2038-01-20T00:00:00Z\"\n\
             [[vehicle]]\nvehicle = \"29B-12345\"\nvehicle_type = \"tram\"\ndriver = \"0400\"\ncompany = \"X\"\n\
             [[vehicle]]\nvehicle = \"29B12345\"\ncompany = \"Z\"\ndevice_model_no = -1\nsim = \"0900 000 000\"\n",
            &[
                "line 3: company.tel: must be 1 to 256 letters on one line, without spaces around them",
                "line 4: company.company: is missing",
                "line 7: company.company: is told twice",
                "line 9: driver.driver: must be 1 to 64 letters on one line, without spaces around them",
                "line 10: driver.licence: is not known here; known are driver, datetime_issue, datetime_expire, name, reg_place, license",
                "line 14: driver.datetime_expire: is not after datetime_issue",
                "line 17: driver.name: must be 1 to 256 letters on one line, without spaces around them",
                "line 18: driver.datetime_issue: \"2026-01-31\" is not a time from 1970 to 2038 with its zone, such as \"2026-01-31T00:00:00+07:00\"",
                "line 19: driver.datetime_expire: \"2038-01-20T00:00:00Z\" is not a time from 1970 to 2038 with its zone, such as \"2026-01-31T00:00:00+07:00\"",
                "line 21: vehicle.vehicle: \"29B-12345\" is the plate of no tracker in [buses.ufms_to.plates]",
                "line 22: vehicle.vehicle_type: \"tram\" is not known; known are passenger, bus, contract, tourism, container",
                "line 23: vehicle.driver: no [[buses.ufms_to.driver]] is called so",
                "line 25: vehicle.driver: is missing",
                "line 27: vehicle.company: no [[buses.ufms_to.company]] is called so",
                "line 28: vehicle.device_model_no: -1 is not a whole number from 0 to 2147483647",
                "line 29: vehicle.sim: must be 1 to 20 digits, such as \"0912345678\"",
            ],
        );
    }
}
