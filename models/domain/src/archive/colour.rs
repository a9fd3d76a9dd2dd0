//! Ten colours that people name, out of pixels; "not known" rather than a guess.
//!
//! Borders follow the eleven basic colour terms (Berlin and Kay 1969, without pink, which paint and clothes rarely have)
//! on hue, saturation and value as OpenCV scales them for 8 bits: hue 0..180, the others 0..=255.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    White,
    Grey,
    Black,
    Red,
    Orange,
    Yellow,
    Green,
    Blue,
    Purple,
    Brown,
}

/// Paint this grey is grey, white or black, whatever its hue.
const SATURATION_MIN: u8 = 50;
/// Dark pixels need more of it: their hue is noise.
const SATURATION_MIN_DARK: u8 = 80;
const DARK: u8 = 95;
/// Nothing can be said of the hue of a pixel darker than this.
const BLACK_BELOW: u8 = 55;
const WHITE_FROM: u8 = 170;

impl Colour {
    pub const ALL: [Colour; 10] = [
        Colour::White,
        Colour::Grey,
        Colour::Black,
        Colour::Red,
        Colour::Orange,
        Colour::Yellow,
        Colour::Green,
        Colour::Blue,
        Colour::Purple,
        Colour::Brown,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Colour::White => "white",
            Colour::Grey => "grey",
            Colour::Black => "black",
            Colour::Red => "red",
            Colour::Orange => "orange",
            Colour::Yellow => "yellow",
            Colour::Green => "green",
            Colour::Blue => "blue",
            Colour::Purple => "purple",
            Colour::Brown => "brown",
        }
    }

    /// The name of one pixel.
    pub fn of_hsv(hue: u8, saturation: u8, value: u8) -> Self {
        let least = if value < DARK { SATURATION_MIN_DARK } else { SATURATION_MIN };
        if value < BLACK_BELOW {
            return Colour::Black;
        }
        if saturation < least {
            return match value {
                WHITE_FROM.. => Colour::White,
                DARK.. => Colour::Grey,
                _ if value < 70 => Colour::Black,
                _ => Colour::Grey,
            };
        }
        match hue {
            // Brown is a dark orange.
            5..22 if value < 140 => Colour::Brown,
            0..8 | 171.. => Colour::Red,
            8..20 => Colour::Orange,
            20..36 => Colour::Yellow,
            36..86 => Colour::Green,
            86..131 => Colour::Blue,
            131..171 => Colour::Purple,
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a colour; known are white, grey, black, red, orange, yellow, green, blue, purple, brown"
)]
pub struct UnknownColour(pub String);

impl FromStr for Colour {
    type Err = UnknownColour;
    fn from_str(text: &str) -> Result<Self, UnknownColour> {
        Colour::ALL.into_iter().find(|c| c.name() == text).ok_or_else(|| UnknownColour(text.to_owned()))
    }
}

/// How many pixels of a road user have each colour, in the order of [`Colour::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ColourVotes(pub [u32; Colour::ALL.len()]);

/// Paint and clothes go before what every vehicle has besides: tyres, glass and shadow are black and grey.
const COMMON_WEIGHT: f64 = 0.6;
/// The first colour needs this part of all votes, or there is none to name.
const SHARE_MIN: f64 = 0.3;

impl ColourVotes {
    pub fn vote(&mut self, colour: Colour) {
        self.0[colour as usize] += 1;
    }

    pub fn halve(&mut self) {
        self.0.iter_mut().for_each(|votes| *votes /= 2);
    }

    pub fn add(&mut self, other: &ColourVotes) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_add(theirs);
        }
    }

    /// The colour to name, and its weighted share of all votes, 0..=1; `None` when none stands out.
    pub fn winner(&self) -> Option<(Colour, f32)> {
        let weight = |c: Colour| match c {
            Colour::Black | Colour::Grey => COMMON_WEIGHT,
            Colour::White
            | Colour::Red
            | Colour::Orange
            | Colour::Yellow
            | Colour::Green
            | Colour::Blue
            | Colour::Purple
            | Colour::Brown => 1.0,
        };
        let weighed = Colour::ALL.map(|c| (c, f64::from(self.0[c as usize]) * weight(c)));
        let all: f64 = weighed.iter().map(|(_, votes)| votes).sum();
        let (colour, votes) = weighed.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let share = votes / all;
        (all > 0.0 && share >= SHARE_MIN).then_some((colour, share as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(hsv: [u8; 3], want: Colour) {
        assert_eq!(Colour::of_hsv(hsv[0], hsv[1], hsv[2]), want, "{hsv:?}");
    }

    /// Paints as sRGB, turned to OpenCV's HSV by hand.
    #[test]
    fn paints_have_the_names_people_give_them() {
        check([0, 0, 240], Colour::White);
        check([15, 20, 200], Colour::White); // cream
        check([110, 25, 140], Colour::Grey); // silver in shade
        check([0, 0, 60], Colour::Black);
        check([120, 255, 30], Colour::Black); // too dark to say
        check([178, 200, 170], Colour::Red);
        check([3, 220, 200], Colour::Red);
        check([12, 230, 240], Colour::Orange); // 255 120 20
        check([12, 150, 100], Colour::Brown); // 100 65 41
        check([27, 220, 230], Colour::Yellow); // taxi
        check([60, 180, 120], Colour::Green);
        check([105, 180, 160], Colour::Blue);
        check([145, 120, 130], Colour::Purple);
    }

    #[test]
    fn every_pixel_has_a_name() {
        let mut seen = ColourVotes::default();
        for hue in 0..=255 {
            for saturation in 0..=255 {
                for value in (0..=255).step_by(5) {
                    seen.vote(Colour::of_hsv(hue, saturation, value));
                }
            }
        }
        assert!(seen.0.iter().all(|n| *n > 0), "{seen:?}");
    }

    #[test]
    fn paint_wins_over_tyres_and_glass_and_a_mixture_has_no_name() {
        let of = |pairs: &[(Colour, u32)]| {
            let mut votes = ColourVotes::default();
            pairs.iter().for_each(|(c, n)| votes.0[*c as usize] += n);
            votes.winner().map(|(c, _)| c)
        };
        assert_eq!(of(&[(Colour::Black, 90), (Colour::Grey, 60), (Colour::Red, 75)]), Some(Colour::Red));
        assert_eq!(of(&[(Colour::Black, 200), (Colour::Red, 75)]), Some(Colour::Black));
        let mixed: Vec<_> = Colour::ALL.iter().map(|c| (*c, 10)).collect();
        assert_eq!(of(&mixed), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn colours_by_name() {
        for colour in Colour::ALL {
            assert_eq!(colour.name().parse(), Ok(colour));
        }
        assert!("pink".parse::<Colour>().is_err());
    }
}
