//! The components of a site: the controller, its signal groups, its detector logics.

use crate::config::Site;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    Controller,
    /// From 0: `HN+AG0101=001SG003` is 2.
    Group(usize),
    /// From 0: `HN+AG0101=001DL003` is 2.
    Detector(usize),
}

impl Component {
    /// The component called `name`; `None`: the site has no such.
    pub fn of(site: &Site, name: &str) -> Option<Self> {
        if name == site.component {
            return Some(Self::Controller);
        }
        let rest = name.strip_prefix(base(site))?;
        let index = |digits: &str, count: usize| {
            let number: usize = digits.parse().ok()?;
            number.checked_sub(1).filter(|index| *index < count)
        };
        if let Some(digits) = rest.strip_prefix("=001SG") {
            index(digits, site.groups.len()).map(Self::Group)
        } else {
            index(rest.strip_prefix("=001DL")?, site.detectors).map(Self::Detector)
        }
    }

    /// Everything that the site consists of.
    pub fn all(site: &Site) -> impl Iterator<Item = Self> {
        let groups = (0..site.groups.len()).map(Self::Group);
        std::iter::once(Self::Controller).chain(groups).chain((0..site.detectors).map(Self::Detector))
    }

    /// What it is in a ComponentList.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Controller => "main",
            Self::Group(_) => "signal_group",
            Self::Detector(_) => "detector_logic",
        }
    }

    /// For people.
    pub fn title(self) -> String {
        match self {
            Self::Controller => "Controller".to_owned(),
            Self::Group(index) => format!("Signal group {}", index + 1),
            Self::Detector(index) => format!("Detector logic {}", index + 1),
        }
    }

    pub fn name(self, site: &Site) -> String {
        match self {
            Self::Controller => site.component.clone(),
            Self::Group(index) => format!("{}=001SG{:03}", base(site), index + 1),
            Self::Detector(index) => format!("{}=001DL{:03}", base(site), index + 1),
        }
    }
}

fn base(site: &Site) -> &str {
    site.component.split_once('=').map_or(site.site_id.as_str(), |(base, _)| base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn names_there_and_back() {
        let street = include_str!("../../../../deploy/config/street-signals.toml");
        let site = Config::parse(street).unwrap().sites.remove(0);
        for (name, want) in [
            ("HN+AG0101=001TC000", Some(Component::Controller)),
            ("HN+AG0101=001SG003", Some(Component::Group(2))),
            ("HN+AG0101=001DL004", Some(Component::Detector(3))),
            ("HN+AG0101=001SG007", None),
            ("HN+AG0101=001DL005", None),
            ("HN+AG0101=001SG000", None),
            ("HN+AG0102=001SG001", None),
            ("", None),
        ] {
            let got = Component::of(&site, name);
            assert_eq!(got, want, "{name}");
            assert!(got.is_none_or(|component| component.name(&site) == name), "{name}");
        }
        let all: Vec<Component> = Component::all(&site).collect();
        assert_eq!((all.len(), all[0], all[10]), (11, Component::Controller, Component::Detector(3)));
        assert!(all.iter().all(|component| Component::of(&site, &component.name(&site)) == Some(*component)));
    }
}
