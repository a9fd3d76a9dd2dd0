//! One list of tracks out of the answers of many gateways, and the place in it that a next page goes on from.
//!
//! Newest first by the end of the track; tracks that ended in the same millisecond by gateway, then by number.

use std::fmt;
use std::str::FromStr;

use models_domain::archive::Cursor;
use models_domain::{GatewayId, UtcMillis};

/// The last track of a page, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub ended: UtcMillis,
    pub gateway: GatewayId,
    pub number: u64,
}

impl Place {
    /// Where the list of one gateway goes on after this place.
    pub fn for_gateway(&self, gateway: &GatewayId) -> Cursor {
        let number = match gateway.cmp(&self.gateway) {
            // Its tracks of that millisecond come after.
            std::cmp::Ordering::Less => u64::MAX,
            std::cmp::Ordering::Equal => self.number,
            // They came before.
            std::cmp::Ordering::Greater => 0,
        };
        Cursor { ended: self.ended, number }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.ended.0, self.number, self.gateway)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not one of mine")]
pub struct BadPlace;

impl FromStr for Place {
    type Err = BadPlace;
    fn from_str(text: &str) -> Result<Self, BadPlace> {
        let mut words = text.splitn(3, '.');
        let mut word = || words.next().ok_or(BadPlace);
        Ok(Self {
            ended: UtcMillis(word()?.parse().map_err(|_| BadPlace)?),
            number: word()?.parse().map_err(|_| BadPlace)?,
            gateway: word()?.parse().map_err(|_| BadPlace)?,
        })
    }
}

/// What one gateway answered: its rows with their places, and whether it has more after them.
pub struct Answer<T> {
    pub gateway: GatewayId,
    pub rows: Vec<(Cursor, T)>,
    pub more: bool,
}

/// A page of the whole list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub rows: Vec<(GatewayId, T)>,
    /// Where the next page goes on; `None` when there is none.
    pub next: Option<Place>,
}

/// The newest `limit` of all. Every gateway was asked for as many, so none of these is missing unless a gateway is.
pub fn page<T>(answers: Vec<Answer<T>>, limit: usize) -> Page<T> {
    let mut more = answers.iter().any(|answer| answer.more);
    let mut all: Vec<(Place, T)> = Vec::new();
    for Answer { gateway, rows, .. } in answers {
        let placed = rows.into_iter().map(|(c, row)| {
            let place = Place { ended: c.ended, gateway: gateway.clone(), number: c.number };
            (place, row)
        });
        all.extend(placed);
    }
    all.sort_by(|a, b| b.0.cmp(&a.0));
    more |= all.len() > limit;
    all.truncate(limit);
    let next = all.last().filter(|_| more).map(|(place, _)| place.clone());
    Page { rows: all.into_iter().map(|(place, row)| (place.gateway, row)).collect(), next }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn gateway(name: &str) -> GatewayId {
        name.parse().unwrap()
    }

    /// Three poles that answer as real ones do, whatever the place: (ended, number).
    fn street() -> BTreeMap<GatewayId, Vec<Cursor>> {
        let of = |ends: &[i64]| {
            let mut all: Vec<Cursor> =
                (1..).zip(ends).map(|(number, e)| Cursor { ended: UtcMillis(*e), number }).collect();
            all.sort_by(|a, b| b.cmp(a));
            all
        };
        let poles = [("a", of(&[5, 5, 9, 1])), ("b", of(&[5, 7, 5, 5])), ("c", of(&[5, 9, 9]))];
        poles.into_iter().map(|(name, rows)| (gateway(name), rows)).collect()
    }

    #[test]
    fn pages_of_any_length_are_the_whole_list_without_doubles() {
        let street = street();
        let mut whole: Vec<Place> = Vec::new();
        for (gateway, rows) in &street {
            let place = |c: &Cursor| Place { ended: c.ended, gateway: gateway.clone(), number: c.number };
            whole.extend(rows.iter().map(place));
        }
        whole.sort_by(|a, b| b.cmp(a));
        for limit in 1..=12 {
            let (mut seen, mut after): (Vec<Place>, Option<Place>) = (Vec::new(), None);
            loop {
                let answers = street.iter().map(|(gateway, rows)| {
                    let from = after.as_ref().map(|place| place.for_gateway(gateway));
                    let left: Vec<_> = rows.iter().filter(|c| from.is_none_or(|f| **c < f)).collect();
                    let rows = left.iter().take(limit).map(|c| (**c, **c)).collect();
                    Answer { gateway: gateway.clone(), rows, more: left.len() > limit }
                });
                let page = page(answers.collect(), limit);
                assert!(page.rows.len() <= limit);
                seen.extend(page.rows.into_iter().map(|(gateway, c)| Place {
                    ended: c.ended,
                    gateway,
                    number: c.number,
                }));
                // The place goes to the page and back as text.
                after = page.next.map(|place| place.to_string().parse().unwrap());
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, whole, "by {limit}");
        }
    }

    #[test]
    fn foreign_places_are_refused() {
        for text in ["", "1", "1.2", "1.2.", "1.2.A b", "x.2.a", "1.-2.a", "1.2.a.b"] {
            assert_eq!(text.parse::<Place>(), Err(BadPlace), "{text}");
        }
        assert_eq!("-1.2.a".parse::<Place>().unwrap().to_string(), "-1.2.a");
    }
}
