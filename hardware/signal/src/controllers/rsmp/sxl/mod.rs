//! The signal exchange list for traffic light controllers (SXL TLC), 1.0.15 to 1.3.0, as types: what every status tells,
//! what every command takes, and how a value is written on the wire. Pure.

mod commands;
mod statuses;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;

pub use commands::COMMANDS;
pub use statuses::STATUSES;

use super::message::Timestamp;
use super::outgoing::timestamp;
use crate::order::Value;
use crate::security::SecurityLevel;

/// A version of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SxlVersion(u16, u16, u16);

pub const V1_0_15: SxlVersion = SxlVersion(1, 0, 15);
pub const V1_1_0: SxlVersion = SxlVersion(1, 1, 0);
pub const V1_2_1: SxlVersion = SxlVersion(1, 2, 1);
pub const V1_3_0: SxlVersion = SxlVersion(1, 3, 0);

impl SxlVersion {
    /// `1.1` is 1.1.0. A version that cannot be read is taken for the oldest, which asks the least.
    pub fn parse(text: &str) -> Self {
        let mut numbers = text.split('.').map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        match (next(), next(), next()) {
            (Some(major), Some(minor), patch) => Self(major, minor, patch.unwrap_or(0)),
            (None, _, _) | (_, None, _) => V1_0_15,
        }
    }
}

/// What a status or a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// The whole controller, its main component.
    Controller,
    /// One detector logic.
    Detector,
    /// One signal group.
    Group,
}

/// What a value may be. On the wire all are texts but the last two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// A text that is nobody's to read.
    SecurityCode(SecurityLevel),
    Integer {
        min: i64,
        max: i64,
    },
    Boolean,
    OneOf(&'static [&'static str]),
    /// With commas between them.
    Integers {
        min: i64,
        max: i64,
    },
    Booleans,
    Each(&'static [&'static str]),
    Time,
    /// A list of objects (S0005, S0033, S0035), each with these, which every version that has the list wants alike.
    Array(&'static [Argument]),
    /// JSON's own (M0024).
    BareBoolean,
}

/// One value of a status, or one argument of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    pub name: &'static str,
    pub kind: Kind,
    pub since: SxlVersion,
    pub until: SxlVersion,
    /// From which version on it may be left out.
    pub optional: Option<SxlVersion>,
}

/// One status or command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    pub code: &'static str,
    /// RSMP `cO`; empty for statuses.
    pub command: &'static str,
    pub component: Component,
    pub arguments: &'static [Argument],
}

impl Code {
    pub fn status(code: &str) -> Option<&'static Code> {
        STATUSES.iter().find(|known| known.code == code)
    }

    pub fn command(code: &str) -> Option<&'static Code> {
        COMMANDS.iter().find(|known| known.code == code)
    }

    /// The arguments that `version` of the list has.
    pub fn arguments(&self, version: SxlVersion) -> impl Iterator<Item = &'static Argument> {
        self.arguments.iter().filter(move |argument| argument.is_in(version))
    }

    pub fn argument(&self, name: &str) -> Option<&'static Argument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }

    /// Which security code goes with the command, where one does. (M0103 has the old and the new code of the level it changes.)
    pub fn level(&self) -> Option<SecurityLevel> {
        self.arguments.iter().find_map(Argument::level)
    }
}

impl Argument {
    /// The level whose security code it is.
    pub fn level(&self) -> Option<SecurityLevel> {
        if let Kind::SecurityCode(level) = self.kind { Some(level) } else { None }
    }

    /// Lists between the four are counted to the one before.
    pub fn is_in(&self, version: SxlVersion) -> bool {
        let next = [V1_1_0, V1_2_1, V1_3_0].into_iter().find(|known| *known > self.until);
        self.since <= version && next.is_none_or(|next| version < next)
    }

    /// Reads a value as a site sends it; numbers and booleans without their quotes are taken too.
    ///
    /// # Errors
    /// What it should have been, in a line.
    pub fn read(&self, value: &Json) -> Result<Value, String> {
        if let (Kind::Array(arguments), Json::Array(items)) = (self.kind, value) {
            let read = items.iter().map(|item| read_item(arguments, item)).collect::<Result<_, _>>();
            return read.map(Value::Array).map_err(|odd| format!("{}: {odd}", self.name));
        }
        let text = match value {
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            Json::Bool(true) => "True".to_owned(),
            Json::Bool(false) => "False".to_owned(),
            Json::Null | Json::Array(_) | Json::Object(_) => return Err(self.wrong("something else")),
        };
        let items = || text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let read = match self.kind {
            Kind::Text | Kind::SecurityCode(_) => Some(Value::Text(text.clone())),
            Kind::Integer { min, max } => integer_in(text.trim(), min, max).map(Value::Integer),
            Kind::Boolean | Kind::BareBoolean => boolean_of(text.trim()).map(Value::Boolean),
            Kind::OneOf(words) => words.contains(&text.as_str()).then(|| Value::Text(text.clone())),
            Kind::Integers { min, max } => {
                items().map(|item| integer_in(item, min, max)).collect::<Option<_>>().map(Value::Integers)
            }
            Kind::Booleans => items().map(boolean_of).collect::<Option<_>>().map(Value::Booleans),
            Kind::Each(words) => items()
                .map(|item| words.contains(&item).then(|| item.to_owned()))
                .collect::<Option<_>>()
                .map(Value::Texts),
            Kind::Time => Timestamp::try_from(text.clone()).ok().map(|at| Value::Time(at.0)),
            Kind::Array(_) => None,
        };
        read.ok_or_else(|| self.wrong(&quoted(&text)))
    }

    /// The value as the list wants it written.
    ///
    /// # Errors
    /// What it should have been, in a line.
    pub fn write(&self, value: &Value) -> Result<Json, String> {
        let join = |items: Vec<String>| Json::String(items.join(","));
        let written = match value {
            Value::Text(text) => Json::String(text.clone()),
            Value::Integer(number) => Json::String(number.to_string()),
            Value::Boolean(is) if self.kind == Kind::BareBoolean => Json::Bool(*is),
            Value::Boolean(is) => Json::String(written_boolean(*is).to_owned()),
            Value::Texts(items) => join(items.clone()),
            Value::Integers(items) => join(items.iter().map(ToString::to_string).collect()),
            Value::Booleans(items) => join(items.iter().map(|is| written_boolean(*is).to_owned()).collect()),
            Value::Time(at) => Json::String(timestamp(*at)),
            Value::Array(items) => {
                let Kind::Array(arguments) = self.kind else { return Err(self.wrong("a list")) };
                let written = items.iter().map(|item| write_item(arguments, item)).collect::<Result<_, _>>();
                Json::Array(written.map_err(|odd| format!("{}: {odd}", self.name))?)
            }
        };
        // What would not be read back as the same value is not sent.
        let again = self.read(&written)?;
        if again == *value { Ok(written) } else { Err(self.wrong(&format!("{value:?}"))) }
    }

    fn wrong(&self, what: &str) -> String {
        format!("{} must be {}, not {what}", self.name, self.kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Text | Kind::SecurityCode(_) => f.write_str("a text"),
            Kind::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            Kind::Boolean | Kind::BareBoolean => f.write_str("True or False"),
            Kind::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Kind::Integers { min, max } => write!(f, "whole numbers from {min} to {max} with commas"),
            Kind::Booleans => f.write_str("True or False with commas"),
            Kind::Each(words) => write!(f, "words of {} with commas", words.join(", ")),
            Kind::Time => f.write_str("a time such as 2015-06-08T11:49:03.293Z"),
            Kind::Array(_) => f.write_str("a list"),
        }
    }
}

/// One object of a list: all that it must have, and nothing else.
fn read_item(arguments: &[Argument], item: &Json) -> Result<BTreeMap<String, Value>, String> {
    let Json::Object(values) = item else { return Err("each must be an object".to_owned()) };
    let is_known = |name: &str| arguments.iter().any(|argument| argument.name == name);
    if let Some(odd) = values.keys().find(|name| !is_known(name)) {
        return Err(format!("there is no {}", quoted(odd)));
    }
    let read = |argument: &Argument| match values.get(argument.name) {
        Some(value) => Some(argument.read(value).map(|value| (argument.name.to_owned(), value))),
        None if argument.optional.is_some() => None,
        None => Some(Err(format!("{} is missing", argument.name))),
    };
    arguments.iter().filter_map(read).collect()
}

fn write_item(arguments: &[Argument], item: &BTreeMap<String, Value>) -> Result<Json, String> {
    let write = |argument: &Argument| {
        let value = item.get(argument.name)?;
        Some(argument.write(value).map(|written| (argument.name.to_owned(), written)))
    };
    arguments.iter().filter_map(write).collect::<Result<_, _>>().map(Json::Object)
}

/// How it begins, for an error.
fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

fn integer_in(text: &str, min: i64, max: i64) -> Option<i64> {
    text.parse().ok().filter(|number| (min..=max).contains(number))
}

/// Old equipment writes these with any capital letters, or as digits.
fn boolean_of(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") || text == "1" {
        Some(true)
    } else if is("false") || text == "0" {
        Some(false)
    } else {
        None
    }
}

fn written_boolean(is: bool) -> &'static str {
    if is { "True" } else { "False" }
}

const fn code(
    code: &'static str,
    command: &'static str,
    component: Component,
    arguments: &'static [Argument],
) -> Code {
    Code { code, command, component, arguments }
}

const fn argument(name: &'static str, kind: Kind) -> Argument {
    Argument { name, kind, since: V1_0_15, until: V1_3_0, optional: None }
}

impl Argument {
    const fn since(self, since: SxlVersion) -> Self {
        Self { since, ..self }
    }

    const fn until(self, until: SxlVersion) -> Self {
        Self { until, ..self }
    }

    const fn optional_since(self, version: SxlVersion) -> Self {
        Self { optional: Some(version), ..self }
    }
}

const fn text(name: &'static str) -> Argument {
    argument(name, Kind::Text)
}

const fn security(level: SecurityLevel) -> Argument {
    argument("securityCode", Kind::SecurityCode(level))
}

const fn integer(name: &'static str, min: i64, max: i64) -> Argument {
    argument(name, Kind::Integer { min, max })
}

const fn boolean(name: &'static str) -> Argument {
    argument(name, Kind::Boolean)
}

const fn bare_boolean(name: &'static str) -> Argument {
    argument(name, Kind::BareBoolean)
}

const fn one_of(name: &'static str, words: &'static [&'static str]) -> Argument {
    argument(name, Kind::OneOf(words))
}

const fn integers(name: &'static str, min: i64, max: i64) -> Argument {
    argument(name, Kind::Integers { min, max })
}

const fn booleans(name: &'static str) -> Argument {
    argument(name, Kind::Booleans)
}

const fn each(name: &'static str, words: &'static [&'static str]) -> Argument {
    argument(name, Kind::Each(words))
}

const fn time(name: &'static str) -> Argument {
    argument(name, Kind::Time)
}

const fn array(name: &'static str, arguments: &'static [Argument]) -> Argument {
    argument(name, Kind::Array(arguments))
}
