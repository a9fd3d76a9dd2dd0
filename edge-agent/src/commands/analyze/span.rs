//! Which part of a clip is analysed.

use models_domain::UtcMillis;
use models_domain::ladder::{UnitFacts, UnitKind};

/// From a second of the clip until another. Pure.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    from: UtcMillis,
    until: UtcMillis,
    begun: bool,
}

/// What is to be done with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Outside,
    Within,
    /// Nor does anything after it belong to the span.
    Over,
}

impl Span {
    /// Seconds of the clip; all of it when both are left out.
    pub fn new(from_s: Option<f64>, until_s: Option<f64>) -> Self {
        let at = |s: f64| UtcMillis((s * 1_000.0).round() as i64);
        Self {
            from: from_s.map_or(UtcMillis(i64::MIN), at),
            until: until_s.map_or(UtcMillis(i64::MAX), at),
            begun: from_s.is_none(),
        }
    }

    /// Units in the order of the clip. The first one within is a key frame: nothing before it can be decoded.
    pub fn place(&mut self, facts: &UnitFacts) -> Place {
        self.begun |= facts.at >= self.from && facts.kind == UnitKind::Key;
        match (self.begun, facts.at < self.until) {
            (true, true) => Place::Within,
            // B pictures that are shown earlier may follow any other.
            (_, false) if facts.kind == UnitKind::Key => Place::Over,
            (false, true) | (_, false) => Place::Outside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times of the units that are taken of one each 100 ms, a key frame each second; and of the first from which on none is.
    fn taken(from_s: Option<f64>, until_s: Option<f64>) -> (Vec<i64>, Option<i64>) {
        let mut span = Span::new(from_s, until_s);
        let places = (0..50_i64).map(|n| {
            let kind = if n % 10 == 0 { UnitKind::Key } else { UnitKind::Delta };
            (n * 100, span.place(&UnitFacts { at: UtcMillis(n * 100), bytes: 1_000, kind, qp: None }))
        });
        let places: Vec<_> = places.collect();
        let within = places.iter().filter(|(_, place)| *place == Place::Within).map(|(at, _)| *at);
        (within.collect(), places.iter().find(|(_, place)| *place == Place::Over).map(|(at, _)| *at))
    }

    #[test]
    fn it_begins_with_a_key_frame_and_ends_in_time() {
        let all: Vec<i64> = (0..50).map(|n| n * 100).collect();
        assert_eq!(taken(None, None), (all.clone(), None));
        assert_eq!(taken(Some(1.5), Some(3.0)), (all[20..30].to_vec(), Some(3_000)));
        assert_eq!(taken(Some(2.0), None), (all[20..].to_vec(), None));
        assert_eq!(taken(None, Some(0.3)), (all[..3].to_vec(), Some(1_000)));
    }
}
