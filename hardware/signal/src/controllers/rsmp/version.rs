//! Which core version and signal exchange list a session speaks ("RSMP/SXL Version", "Communication rejection").

use super::message::{CoreVersion, SiteId, Sxl, VersionRequest};
use super::outgoing::Outgoing;
use super::sxl::SxlVersion;

/// The core versions we speak, oldest first.
const CORE: [Core; 8] = [
    Core(3, 1, 2),
    Core(3, 1, 3),
    Core(3, 1, 4),
    Core(3, 1, 5),
    Core(3, 2, 0),
    Core(3, 2, 1),
    Core(3, 2, 2),
    Core(3, 3, 0),
];

/// The signal exchange list for traffic light controllers; S0001 and its alarms mean the same in every 1.x.
const TLC: &str = "tlc";
const TLC_MAJOR: &str = "1.";

/// A version of RSMP core; `3.2` and `3.2.0` are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Core(u16, u16, u16);

impl Core {
    /// `sOc` in subscriptions came with 3.1.5.
    pub fn has_send_on_change(self) -> bool {
        self >= Core(3, 1, 5)
    }

    /// With 3.1.5 came requests for the aggregated status and for alarms; an older site tells both when it connects.
    pub fn has_requests(self) -> bool {
        self >= Core(3, 1, 5)
    }

    /// 3.3.0 answers a request with a response of another shape.
    fn has_version_steps(self) -> bool {
        self >= Core(3, 3, 0)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|number| number.parse::<u16>().ok());
        let core = Core(numbers.next()??, numbers.next()??, numbers.next().unwrap_or(Some(0))?);
        numbers.next().is_none().then_some(core)
    }
}

impl std::fmt::Display for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What both sides speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    pub core: Core,
    /// As the site spells it.
    pub core_text: String,
    pub sxl: Sxl,
}

impl Common {
    /// Our Version, which names nothing but the choice.
    pub fn answer(self, id: String, supervisor: String, site: String) -> Outgoing {
        let core = [CoreVersion { vers: self.core_text }];
        if self.core.has_version_steps() {
            let sxls = vec![self.sxl];
            Outgoing::VersionResponse { id, step: "Response", core, supervisor, sxls, receive_alarms: true }
        } else {
            Outgoing::Version { id, core, sites: [SiteId { id: site }], sxl: self.sxl.version }
        }
    }
}

/// The highest common core version, and of the site's signal exchange lists for traffic lights the newest that we read.
///
/// # Errors
/// The reason for `MessageNotAck` when there is none in common.
pub fn choose(asked: &VersionRequest) -> Result<Common, String> {
    let common = asked
        .core
        .iter()
        .filter_map(|version| Some((Core::parse(&version.vers)?, version.vers.clone())))
        .filter(|(core, _)| CORE.contains(core))
        .max();
    let Some((core, core_text)) = common else {
        let asked: Vec<&str> = asked.core.iter().take(16).map(|version| version.vers.as_str()).collect();
        let ours: Vec<String> = CORE.iter().map(ToString::to_string).collect();
        return Err(format!(
            "RSMP versions [{}] requested, but only [{}] supported",
            asked.join(","),
            ours.join(",")
        ));
    };
    let mut listed = asked.sxls.iter().filter(|sxl| sxl.name == TLC);
    let readable = listed.clone().filter(|sxl| sxl.version.starts_with(TLC_MAJOR));
    let newest = readable.max_by_key(|sxl| SxlVersion::parse(&sxl.version));
    let named = newest.or_else(|| listed.next()).cloned();
    let sxl = match (named, &asked.sxl) {
        (Some(sxl), _) => sxl,
        (None, Some(version)) if asked.sxls.is_empty() => {
            Sxl { name: TLC.to_owned(), version: version.clone() }
        }
        (None, _) => return Err(format!("no signal exchange list {TLC:?} offered")),
    };
    if !sxl.version.starts_with(TLC_MAJOR) {
        return Err(format!("SXL {TLC} version {:?} requested, but only 1.x supported", sxl.version));
    }
    Ok(Common { core, core_text, sxl })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(core: &[&str], sxl: Option<&str>, sxls: &[(&str, &str)], want: &str) {
        let asked = VersionRequest {
            core: core.iter().map(|vers| CoreVersion { vers: (*vers).to_owned() }).collect(),
            sites: vec![],
            sxl: sxl.map(str::to_owned),
            sxls: sxls
                .iter()
                .map(|(name, version)| Sxl { name: (*name).into(), version: (*version).into() })
                .collect(),
        };
        let got = match choose(&asked) {
            Ok(common) => {
                format!(
                    "core {} ({}) sxl {} {}",
                    common.core, common.core_text, common.sxl.name, common.sxl.version
                )
            }
            Err(reason) => reason,
        };
        assert_eq!(got, want);
    }

    #[test]
    fn the_highest_in_common_wins() {
        check(&["3.1.5", "3.2.2", "3.1.2"], Some("1.1"), &[], "core 3.2.2 (3.2.2) sxl tlc 1.1");
        check(&["3.2"], Some("1.0.15"), &[], "core 3.2.0 (3.2) sxl tlc 1.0.15");
        check(
            &["3.2.0", "9.9.9", "x", "", "3.2.1.7"],
            Some("1.2.1"),
            &[],
            "core 3.2.0 (3.2.0) sxl tlc 1.2.1",
        );
        check(&["3.3.0"], None, &[("x/y", "2.0"), ("tlc", "1.3.0")], "core 3.3.0 (3.3.0) sxl tlc 1.3.0");
        check(&["3.1.2"], Some("1.2.1"), &[("tlc", "1.1.0")], "core 3.1.2 (3.1.2) sxl tlc 1.1.0");
        // The same list in several versions, in any order.
        for sxls in [["2.0", "1.2.1", "1.3.0"], ["1.3.0", "1.2.1", "2.0"]] {
            let sxls = sxls.map(|version| ("tlc", version));
            check(&["3.3.0"], None, &sxls, "core 3.3.0 (3.3.0) sxl tlc 1.3.0");
        }
        let sxls = [("x/y", "1.9"), ("tlc", "1.10"), ("tlc", "1.9")];
        check(&["3.3.0"], None, &sxls, "core 3.3.0 (3.3.0) sxl tlc 1.10");
    }

    #[test]
    fn nothing_in_common_says_what_is() {
        check(
            &["3.1.1", "4.0.0"],
            Some("1.1"),
            &[],
            "RSMP versions [3.1.1,4.0.0] requested, but only [3.1.2,3.1.3,3.1.4,3.1.5,3.2.0,3.2.1,3.2.2,3.3.0] supported",
        );
        check(
            &[],
            Some("1.1"),
            &[],
            "RSMP versions [] requested, but only [3.1.2,3.1.3,3.1.4,3.1.5,3.2.0,3.2.1,3.2.2,3.3.0] supported",
        );
        check(&["3.2.2"], Some("2.0"), &[], "SXL tlc version \"2.0\" requested, but only 1.x supported");
        let newer = [("tlc", "2.0"), ("tlc", "3.0")];
        check(&["3.3.0"], None, &newer, "SXL tlc version \"2.0\" requested, but only 1.x supported");
        check(&["3.2.2"], None, &[], "no signal exchange list \"tlc\" offered");
        check(&["3.2.2"], Some("1.1"), &[("cam", "1.0")], "no signal exchange list \"tlc\" offered");
    }
}
