//! Arguments of a command, read with a reason when they are none.

use serde_json::Value;
use time::{Date, Month, PrimitiveDateTime, Time};

/// The values of one command code in a CommandRequest.
pub struct Args<'a>(pub Vec<&'a Value>);

impl<'a> Args<'a> {
    /// As it was sent.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.0.iter().find(|argument| argument["n"] == name).map(|argument| &argument["v"])
    }

    pub fn find(&self, name: &str) -> Option<&'a str> {
        self.value(name).and_then(Value::as_str)
    }

    /// # Errors
    /// When it is missing.
    pub fn text(&self, name: &str) -> Result<&'a str, String> {
        self.find(name).ok_or_else(|| format!("{name} is missing"))
    }

    /// # Errors
    /// When it is missing, no number, or not from `least` to `most`.
    pub fn number(&self, name: &str, least: i64, most: i64) -> Result<i64, String> {
        let number = self.text(name)?.parse::<i64>().ok();
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("{name} is out of range"))
    }

    /// A number from 0 on; 0 when it is left out.
    ///
    /// # Errors
    /// When it is there, and no number or beyond `most`.
    pub fn number_or_0(&self, name: &str, most: i64) -> Result<i64, String> {
        self.value(name).map_or(Ok(0), |_| self.number(name, 0, most))
    }

    /// A number from `least` to 255.
    ///
    /// # Errors
    /// As [`Args::number`].
    pub fn small(&self, name: &str, least: u8) -> Result<u8, String> {
        let number = self.number(name, least.into(), u8::MAX.into())?;
        u8::try_from(number).map_err(|_| format!("{name} is out of range"))
    }

    /// # Errors
    /// When it is neither True nor False.
    pub fn flag(&self, name: &str) -> Result<bool, String> {
        match self.text(name)? {
            "True" => Ok(true),
            "False" => Ok(false),
            _ => Err(format!("{name} must be True or False")),
        }
    }

    /// JSON's own true or false, which M0024 alone has.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn bare_flag(&self, name: &str) -> Result<bool, String> {
        let flag = self.value(name).and_then(Value::as_bool);
        flag.ok_or_else(|| format!("{name} must be true or false, and no text"))
    }

    /// The moment of an M0104 (milliseconds, UTC).
    ///
    /// # Errors
    /// When it is none.
    pub fn date_ms(&self) -> Result<i64, String> {
        let year =
            i32::try_from(self.number("year", 0, 9999)?).map_err(|_| "year is out of range".to_owned())?;
        let month =
            Month::try_from(self.small("month", 1)?).map_err(|_| "month is out of range".to_owned())?;
        let date = Date::from_calendar_date(year, month, self.small("day", 1)?);
        let time = Time::from_hms(self.small("hour", 0)?, self.small("minute", 0)?, self.small("second", 0)?);
        let (Ok(date), Ok(time)) = (date, time) else { return Err("there is no such date".to_owned()) };
        Ok(PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp() * 1000)
    }
}

/// Whether a CommandRequest has one command code alone.
pub fn is_of_one_command(message: &Value) -> bool {
    let mut codes = message["arg"].as_array().into_iter().flatten().map(|argument| &argument["cCI"]);
    let first = codes.next();
    codes.all(|code| Some(code) == first)
}

/// `a-b-c` as numbers, as many as `N`.
///
/// # Errors
/// When it is none.
pub fn dashed<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let numbers: Option<Vec<u8>> = text.split('-').map(|number| number.trim().parse().ok()).collect();
    numbers
        .and_then(|all| all.try_into().ok())
        .ok_or_else(|| format!("{text:?} is not {N} numbers with dashes"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_none_says_so() {
        let all =
            ["year=2020", "month=9", "day=29", "hour=17", "minute=29", "second=51", "on=True", "off=no"];
        let pair = |text: &&str| {
            let (name, value) = text.split_once('=').unwrap();
            json!({ "n": name, "v": value })
        };
        let mut values: Vec<Value> = all.iter().map(pair).collect();
        assert_eq!(Args(values.iter().collect()).date_ms(), Ok(1_601_400_591_000));
        let args = Args(values.iter().collect());
        assert_eq!(
            (args.flag("on"), args.flag("off").is_err(), args.flag("x").is_err()),
            (Ok(true), true, true)
        );
        assert_eq!(args.number("day", 1, 28).unwrap_err(), "day is out of range");
        assert_eq!((args.number_or_0("day", 29), args.number_or_0("x", 29)), (Ok(29), Ok(0)));
        assert_eq!(args.number_or_0("day", 28).unwrap_err(), "day is out of range");
        values[6]["v"] = true.into();
        let args = Args(values.iter().collect());
        assert_eq!((args.bare_flag("on"), args.flag("on").is_err()), (Ok(true), true));
        assert!(args.bare_flag("off").is_err() && args.bare_flag("x").is_err());
        values[2]["v"] = "31".into();
        assert_eq!(Args(values.iter().collect()).date_ms().unwrap_err(), "there is no such date");
        assert_eq!(
            (dashed("1-2-3"), dashed::<2>("1-2-3").is_err(), dashed::<2>("1-x").is_err()),
            (Ok([1, 2, 3]), true, true)
        );
    }
}
