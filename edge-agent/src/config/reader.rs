//! Reads a TOML tree key by key and remembers every problem with its line, so that all are told at once.

use std::cell::RefCell;
use std::ops::Range;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What `read` makes of a text: it gives `None` only where it told a problem.
///
/// # Errors
/// Every problem of the text at once, as `line 7: cameras.camera.url: …`.
pub fn read<'t, T>(
    text: &'t str,
    read: impl for<'p> FnOnce(Section<'p, 't>) -> Option<T>,
) -> Result<T, Vec<String>> {
    let problems = Problems::new(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for err in errors {
        problems.add(&err.span().unwrap_or(0..0), err.message());
    }
    let made = read(Section::root(table, &problems));
    let problems = problems.into_texts();
    match made {
        Some(made) if problems.is_empty() => Ok(made),
        Some(_) | None => Err(problems),
    }
}

/// Everything wrong with one file, in the order of its lines.
pub struct Problems<'t> {
    text: &'t str,
    found: RefCell<Vec<(usize, String)>>,
}

impl<'t> Problems<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, found: RefCell::default() }
    }

    pub fn add(&self, at: &Range<usize>, what: impl Into<String>) {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        self.found.borrow_mut().push((line, what.into()));
    }

    /// Sorted by line.
    fn into_texts(self) -> Vec<String> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(line, _)| *line);
        found.into_iter().map(|(line, what)| format!("line {line}: {what}")).collect()
    }
}

/// One table being read. Keys that nobody asked for are a problem when it is dropped.
pub struct Section<'p, 't> {
    /// Dotted path from the root; empty for the root itself.
    path: String,
    span: Range<usize>,
    table: DeTable<'t>,
    problems: &'p Problems<'t>,
    known: Vec<&'static str>,
}

impl<'p, 't> Section<'p, 't> {
    fn root(table: Spanned<DeTable<'t>>, problems: &'p Problems<'t>) -> Self {
        Self { path: String::new(), span: 0..0, table: table.into_inner(), problems, known: Vec::new() }
    }

    /// Where the section begins.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub fn problem(&self, at: &Range<usize>, key: &str, what: impl std::fmt::Display) {
        self.problems.add(at, format!("{}: {what}", self.named(key)));
    }

    /// A value that may be missing, as whatever parses from its text.
    pub fn optional<T: FromStr>(&mut self, key: &'static str) -> Option<Spanned<T>>
    where
        T::Err: std::fmt::Display,
    {
        self.optional_with(key, |text| text.parse().map_err(|e: T::Err| e.to_string()))
    }

    /// The same, parsed by `parse`.
    pub fn optional_with<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Spanned<T>> {
        let value = self.take(key)?;
        let span = value.span();
        let read = scalar(value.get_ref()).and_then(|text| parse(&text));
        match read {
            Ok(read) => Some(Spanned::new(span, read)),
            Err(why) => {
                self.problem(&span, key, why);
                None
            }
        }
    }

    /// A value that must be there.
    pub fn required<T: FromStr>(&mut self, key: &'static str) -> Option<Spanned<T>>
    where
        T::Err: std::fmt::Display,
    {
        self.require(key);
        self.optional(key)
    }

    pub fn required_with<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Spanned<T>> {
        self.require(key);
        self.optional_with(key, parse)
    }

    /// A number within bounds, or `default`.
    pub fn number(&mut self, key: &'static str, within: std::ops::RangeInclusive<f64>, default: f64) -> f64 {
        let parse = |text: &str| match text.replace('_', "").parse::<f64>() {
            Ok(number) if within.contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(format!("{text} is not within {} to {}", within.start(), within.end())),
        };
        self.optional_with(key, parse).map_or(default, Spanned::into_inner)
    }

    /// `[lat, lon]` in degrees.
    pub fn pair(&mut self, key: &'static str) -> Option<Spanned<(f64, f64)>> {
        let value = self.take(key)?;
        let span = value.span();
        let numbers = value.get_ref().as_array().map(|a| {
            a.iter().filter_map(|v| scalar(v.get_ref()).ok()?.parse::<f64>().ok()).collect::<Vec<_>>()
        });
        if let Some([a, b]) = numbers.as_deref() {
            return Some(Spanned::new(span, (*a, *b)));
        }
        self.problem(&span, key, "must be two numbers, such as [21.0245, 105.8576]");
        None
    }

    /// A list of texts, each read by `FromStr`; missing is empty.
    pub fn list<T: FromStr>(&mut self, key: &'static str) -> Vec<T>
    where
        T::Err: std::fmt::Display,
    {
        let Some(value) = self.take(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.problem(&value.span(), key, "must be a list of texts");
            return Vec::new();
        };
        let mut read = Vec::new();
        for item in items {
            match scalar(item.get_ref()).and_then(|t| t.parse().map_err(|e: T::Err| e.to_string())) {
                Ok(one) => read.push(one),
                Err(why) => self.problem(&item.span(), key, why),
            }
        }
        read
    }

    /// A table that may be missing.
    pub fn section(&mut self, key: &'static str) -> Option<Section<'p, 't>> {
        let value = self.take(key)?;
        self.as_section(key, value)
    }

    /// `[[key]]` tables; missing is none.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'p, 't>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(items) => {
                items.into_iter().filter_map(|item| self.as_section(key, item)).collect()
            }
            _ => {
                self.problem(&span, key, format!("must be written as [[{}]]", self.named(key)));
                Vec::new()
            }
        }
    }

    /// Every key of a table of texts that the file itself names.
    pub fn pairs<T>(&mut self, parse: impl Fn(&str) -> Result<T, String>) -> Vec<(String, T)> {
        let mut read = Vec::new();
        for (key, value) in std::mem::take(&mut self.table) {
            match scalar(value.get_ref()).and_then(|text| parse(&text)) {
                Ok(one) => read.push((key.get_ref().to_string(), one)),
                Err(why) => self.problem(&value.span(), key.get_ref(), why),
            }
        }
        read
    }

    /// A value of any kind, for others to read.
    pub fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn require(&mut self, key: &'static str) {
        if !self.table.contains_key(key) {
            self.problem(&self.span.clone(), key, "is missing");
        }
    }

    fn as_section(&self, key: &str, value: Spanned<DeValue<'t>>) -> Option<Section<'p, 't>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => {
                let (path, problems) = (self.named(key), self.problems);
                Some(Section { path, span, table, problems, known: Vec::new() })
            }
            _ => {
                self.problem(&span, key, format!("must be a section, written as [{}]", self.named(key)));
                None
            }
        }
    }

    fn named(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

impl Drop for Section<'_, '_> {
    fn drop(&mut self) {
        for key in self.table.keys() {
            let known = self.known.join(", ");
            self.problem(&key.span(), key.get_ref(), format!("is not known here; known are {known}"));
        }
    }
}

/// Texts, numbers and booleans as their text.
fn scalar(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(yes) => Ok(yes.to_string()),
        other => Err(format!("a {} is not wanted here", other.type_str())),
    }
}
