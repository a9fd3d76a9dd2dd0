//! Security codes: what a controller wants to hear with a command before it takes it. They are nobody's to read.

use std::fmt;

/// Which of a controller's two codes; each command of the signal exchange list for traffic light controllers names the one it
/// needs ("Security code 1", "Security code 2").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecurityLevel {
    /// For the controller's clock.
    One,
    /// For everything that changes what the junction does.
    Two,
}

impl SecurityLevel {
    pub const ALL: [SecurityLevel; 2] = [SecurityLevel::One, SecurityLevel::Two];

    /// Where the gateway's configuration has it.
    pub fn key(self) -> &'static str {
        match self {
            SecurityLevel::One => "security_code_1",
            SecurityLevel::Two => "security_code",
        }
    }

    /// Where the gateway's configuration has the code whose place it is to take.
    pub fn key_before(self) -> &'static str {
        match self {
            SecurityLevel::One => "security_code_1_before",
            SecurityLevel::Two => "security_code_before",
        }
    }
}

impl fmt::Display for SecurityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SecurityLevel::One => "1",
            SecurityLevel::Two => "2",
        })
    }
}

/// One code.
#[derive(Clone, PartialEq, Eq)]
pub struct SecurityCode {
    pub now: String,
    /// What it was until now: the controller is told to change it (RSMP M0103).
    pub before: Option<String>,
}

impl SecurityCode {
    pub fn new(now: impl Into<String>) -> Self {
        Self { now: now.into(), before: None }
    }
}

impl fmt::Debug for SecurityCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.before.is_some() { "a code, to be changed" } else { "a code" })
    }
}

/// The codes of one controller, as far as they are configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecurityCodes {
    pub one: Option<SecurityCode>,
    pub two: Option<SecurityCode>,
}

impl SecurityCodes {
    pub fn of(&self, level: SecurityLevel) -> Option<&SecurityCode> {
        match level {
            SecurityLevel::One => self.one.as_ref(),
            SecurityLevel::Two => self.two.as_ref(),
        }
    }

    /// `text` without the codes, also as they are written between quotes: a controller may repeat what it was told.
    pub fn hide(&self, text: &str) -> String {
        let codes = SecurityLevel::ALL.into_iter().filter_map(|level| self.of(level));
        let codes = codes.flat_map(|code| [Some(&code.now), code.before.as_ref()]).flatten();
        let mut written: Vec<String> =
            codes.flat_map(|code| [code.clone(), code.escape_debug().to_string()]).collect();
        // One may be part of another, which would not be found any more.
        written.sort_by_key(|code| std::cmp::Reverse(code.len()));
        let written = written.iter().filter(|code| !code.is_empty());
        written.fold(text.to_owned(), |text, code| text.replace(code.as_str(), "***"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_shown_nowhere() {
        let two = SecurityCode { before: Some("alt".into()), ..SecurityCode::new("geheim") };
        let codes = SecurityCodes { one: Some(SecurityCode::new("1111")), two: Some(two) };
        let shown = format!("{codes:?}");
        assert_eq!(shown, "SecurityCodes { one: Some(a code), two: Some(a code, to be changed) }");
        assert_eq!(codes.hide("geheim is not alt, nor 1111"), "*** is not ***, nor ***");
        let of = |one: &str, two: &str| {
            let [one, two] = [one, two].map(|code| Some(SecurityCode::new(code)));
            SecurityCodes { one, two }
        };
        for (one, two, told, want) in [
            ("1", "2133", "2133 is wrong", "*** is wrong"),
            ("2133", "1", "1 and 2133 are wrong", "*** and *** are wrong"),
            ("a\"b", "c", r#"invalid type: string "a\"b""#, r#"invalid type: string "***""#),
            ("", "2222", "2222", "***"),
        ] {
            assert_eq!(of(one, two).hide(told), want);
        }
        assert_eq!(SecurityCodes::default().hide("as it is"), "as it is");
        assert_eq!(codes.of(SecurityLevel::One), Some(&SecurityCode::new("1111")));
    }
}
