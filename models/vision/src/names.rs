//! Class names that a model file carries in its metadata, as Ultralytics' exports do: `{0: 'person', 1: 'bicycle'}`.

use models_domain::Class;

/// The key under which they stand in the model's metadata.
pub const KEY: &str = "names";

/// Numbers and names, in the order of the text; what is no such pair is passed over.
pub fn read(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = &rest[begin..];
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (number, after) = digits.split_at(end);
        rest = after;
        // JSON has its numbers in quotes.
        let after = after.strip_prefix(['"', '\'']).unwrap_or(after);
        let Some(value) = after.trim_start().strip_prefix(':').map(str::trim_start) else { continue };
        let Some(quote) = value.chars().next().filter(|c| ['"', '\''].contains(c)) else { continue };
        let Some((name, after)) = value[1..].split_once(quote) else { continue };
        if let Ok(number) = number.parse() {
            found.push((number, name.to_owned()));
        }
        rest = after;
    }
    found
}

/// The class of ours that bears the name; "motorbike" is what Pascal VOC and many cities' labels say.
pub fn class(name: &str) -> Option<Class> {
    let name = name.trim().to_ascii_lowercase();
    if name == "motorbike" { Some(Class::Motorcycle) } else { name.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &[(usize, &str)]) {
        let read = read(text);
        let read: Vec<_> = read.iter().map(|(number, name)| (*number, name.as_str())).collect();
        assert_eq!(read, want);
    }

    #[test]
    fn names_are_read_as_exports_write_them() {
        let all = [(0, "person"), (1, "xe máy"), (10, "car 2: old")];
        check("{0: 'person', 1: 'xe máy', 10: 'car 2: old'}", &all);
        check(r#"{"0": "person", "1":"xe máy", "10" : "car 2: old"}"#, &all);
        check(r#"{0: "driver's bus"}"#, &[(0, "driver's bus")]);
        for nothing in [
            "",
            "{}",
            "['car', 'bus']",
            "{0: }",
            "{0: 'car",
            "{99999999999999999999999: 'car'}",
            "3:",
            "3: é",
        ] {
            check(nothing, &[]);
        }
    }

    #[test]
    fn ours_are_known_by_name() {
        assert_eq!(
            [" Motorbike", "BUS", "van"].map(class),
            [Some(Class::Motorcycle), Some(Class::Bus), None]
        );
    }
}
