//! Which lamps are a junction's signal groups, and what their bits say, in the characters of RSMP S0001. Pure.

use super::objects::{CHANNEL_STATUS, Numbering, OVERLAP_STATUS, Object, Values, Var};

/// More than any controller has.
const NUMBER_MAX: u32 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Phase,
    Ped,
    Overlap,
    Channel,
}

/// A signal group as the configuration names it: `phase 2`, `ped 2`, `overlap 1` or `channel 12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lamp {
    kind: Kind,
    /// From 1.
    number: u32,
}

impl std::str::FromStr for Lamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} must be \"phase\", \"ped\", \"overlap\" or \"channel\" and a number, such as \"phase 2\""
            )
        };
        let (kind, number) = text.split_once(' ').ok_or_else(wrong)?;
        let kind = match kind {
            "phase" => Kind::Phase,
            "ped" => Kind::Ped,
            "overlap" => Kind::Overlap,
            "channel" => Kind::Channel,
            _ => return Err(wrong()),
        };
        match number.parse() {
            Ok(number @ 1..=NUMBER_MAX) => Ok(Self { kind, number }),
            Ok(_) | Err(_) => Err(wrong()),
        }
    }
}

impl Lamp {
    /// The phase that is to be called and held so that it becomes green; and whether those on foot are meant.
    ///
    /// # Errors
    /// An overlap or channel follows its phases.
    pub fn phase(&self) -> Result<(u32, bool), String> {
        match self.kind {
            Kind::Phase => Ok((self.number, false)),
            Kind::Ped => Ok((self.number, true)),
            Kind::Overlap | Kind::Channel => {
                Err("an overlap or a channel follows its phases and cannot be called itself".to_owned())
            }
        }
    }

    fn row(&self, numbering: Numbering) -> (u32, u32) {
        let per_row = match self.kind {
            Kind::Phase | Kind::Ped => numbering.phases_per_row(),
            Kind::Overlap | Kind::Channel => 8,
        };
        ((self.number - 1) / per_row + 1, (self.number - 1) % per_row)
    }

    /// Red, yellow, green; or don't walk, clearance, walk.
    fn columns(&self, numbering: Numbering) -> [Object; 3] {
        let [red, yellow, green, stand, clear, walk, _] = numbering.phase_status();
        match self.kind {
            Kind::Phase => [red, yellow, green],
            Kind::Ped => [stand, clear, walk],
            Kind::Overlap => OVERLAP_STATUS,
            Kind::Channel => CHANNEL_STATUS,
        }
    }

    fn state(&self, numbering: Numbering, values: &Values) -> char {
        let (row, bit) = self.row(numbering);
        let lit = self
            .columns(numbering)
            .map(|column| values.bits(&column.row(row)).is_some_and(|bits| bits >> bit & 1 == 1));
        match (self.kind, lit) {
            (Kind::Ped, [_, _, true]) => '4',
            (Kind::Ped, [_, true, _]) => '9',
            (Kind::Ped, [true, _, _]) => 'B',
            (_, [false, false, true]) => '4',
            (_, [false, true, false]) => 'N',
            (_, [true, false, false]) => 'B',
            (_, [true, true, false]) => '0',
            // None, or such as no lamp shows.
            (_, _) => '-',
        }
    }
}

/// What to read so that every group's state is known: rows together, so that one answer has one instant of them.
pub fn variables(lamps: &[Lamp], numbering: Numbering) -> Vec<Var> {
    let mut wanted: Vec<(u8, u32, Vec<Object>)> = Vec::new();
    for lamp in lamps {
        let (row, _) = lamp.row(numbering);
        let table = match lamp.kind {
            Kind::Phase | Kind::Ped => 0,
            Kind::Overlap => 1,
            Kind::Channel => 2,
        };
        if !wanted.iter().any(|(known, at, _)| (*known, *at) == (table, row)) {
            wanted.push((table, row, Vec::new()));
        }
        let entry = wanted.iter_mut().find(|(known, at, _)| (*known, *at) == (table, row));
        if let Some((_, _, columns)) = entry {
            let new = lamp.columns(numbering).into_iter();
            let new: Vec<Object> = new.filter(|column| !columns.contains(column)).collect();
            columns.extend(new);
        }
    }
    wanted.sort_by_key(|(table, row, _)| (*table, *row));
    wanted.into_iter().flat_map(|(_, row, columns)| columns.into_iter().map(move |c| c.row(row))).collect()
}

/// One character a group. `flashing`: the unit flashes, whatever its phases do.
pub fn states(lamps: &[Lamp], numbering: Numbering, flashing: bool, values: &Values) -> String {
    let state = |lamp: &Lamp| match (flashing, lamp.kind) {
        (true, Kind::Phase | Kind::Overlap | Kind::Channel) => 'c',
        (true, Kind::Ped) => 'a',
        (false, Kind::Phase | Kind::Ped | Kind::Overlap | Kind::Channel) => lamp.state(numbering, values),
    };
    lamps.iter().map(state).collect()
}

/// The lowest phase that is on, when it is told.
pub fn stage(numbering: Numbering, values: &Values) -> Option<u32> {
    let [.., ons] = numbering.phase_status();
    let bits = values.bits(&ons.row(1))?;
    (bits != 0).then(|| bits.trailing_zeros() + 1)
}

#[cfg(test)]
mod tests {
    use super::super::objects::Value;
    use super::*;

    fn lamps(names: &[&str]) -> Vec<Lamp> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn read(lit: &[(Object, u32, Value)]) -> Values {
        let mut values = Values::default();
        for (object, row, value) in lit {
            values.insert(object.row(*row).oid().to_vec(), value.clone());
        }
        values
    }

    #[test]
    fn a_row_of_eight_is_asked_for_at_once() {
        let names = ["phase 2", "phase 4", "ped 2", "overlap 1", "phase 9"];
        let asked: Vec<String> =
            variables(&lamps(&names), Numbering::Bits8).iter().map(ToString::to_string).collect();
        let phases = |row, columns: &[&str]| -> Vec<String> {
            columns.iter().map(|column| format!("phaseStatusGroup{column}.{row}")).collect()
        };
        let mut want = phases(1, &["Reds", "Yellows", "Greens", "DontWalks", "PedClears", "Walks"]);
        want.extend(phases(2, &["Reds", "Yellows", "Greens"]));
        want.extend(["Reds", "Yellows", "Greens"].map(|column| format!("overlapStatusGroup{column}.1")));
        assert_eq!(asked, want);
    }

    #[test]
    fn bits_become_characters() {
        let lamps = lamps(&["phase 1", "phase 2", "phase 8", "phase 9", "ped 2", "ped 4", "overlap 3"]);
        let [red, yellow, green, stand, clear, walk, ons] = Numbering::Bits8.phase_status();
        let number = Value::Number;
        let values = read(&[
            (red, 1, number(0b1000_0001)),
            (yellow, 1, number(0)),
            (green, 1, number(0b0000_0010)),
            (red, 2, number(0)),
            (yellow, 2, number(1)),
            (green, 2, number(0)),
            // Don't walk flashes in the clearance.
            (stand, 1, number(0b1000)),
            (clear, 1, number(0b1000)),
            (walk, 1, number(0b0010)),
            (OVERLAP_STATUS[0], 1, number(0)),
            (OVERLAP_STATUS[2], 1, number(0b100)),
            (ons, 1, number(0b0010_0010)),
        ]);
        assert_eq!(states(&lamps, Numbering::Bits8, false, &values), "B4BN494");
        assert_eq!(states(&lamps, Numbering::Bits8, true, &values), "ccccaac");
        assert_eq!(stage(Numbering::Bits8, &values), Some(2));
        assert_eq!(states(&lamps, Numbering::Bits8, false, &Values::default()), "-------");
    }

    #[test]
    fn sixteen_in_two_octets() {
        let lamps = lamps(&["phase 1", "phase 8", "phase 9", "phase 16"]);
        let [red, yellow, green, ..] = Numbering::Octets16.phase_status();
        let octets = |low, high| Value::Octets(vec![low, high]);
        let values =
            read(&[(red, 1, octets(1, 1)), (yellow, 1, octets(0x80, 0)), (green, 1, octets(0, 0x80))]);
        assert_eq!(states(&lamps, Numbering::Octets16, false, &values), "BNB4");
        assert_eq!(Numbering::Octets16.write(0x8001), octets(1, 0x80));
    }

    #[test]
    fn names() {
        for wrong in ["phase", "phase 0", "phase 65", "Phase 2", "phase2", "lamp 1", "phase -1"] {
            assert!(wrong.parse::<Lamp>().is_err(), "{wrong}");
        }
        assert!(lamps(&["overlap 1"])[0].phase().is_err());
        assert_eq!(lamps(&["ped 4"])[0].phase(), Ok((4, true)));
    }
}
