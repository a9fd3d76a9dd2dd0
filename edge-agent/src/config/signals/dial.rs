//! `[[signals.dial]]`: a controller that the pole asks, such as one of NTCIP 1202 over SNMP.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use edge_agent_core::site::JunctionSite;
use hardware_signal::controllers::{Access, Digest};
use hardware_signal::{Dialled, Steering};
use models_domain::JunctionId;
use models_domain::signal::order::Orderable;
use toml::Spanned;

use super::{DialledSite, layout, one_of, position};
use crate::config::Known;
use crate::config::reader::Section;

/// Between two looks at the lamps, in milliseconds.
const POLL_MS: f64 = 100.0;

/// `None` only where a problem was told.
pub(super) fn read(
    one: &mut Section<'_, '_>,
    folder: &Path,
    known: &Known,
    junctions: &mut BTreeSet<JunctionId>,
) -> Option<DialledSite> {
    let here = one.span();
    let controller = one.optional_with("controller", |text| one_of(text, &known.dialled));
    let address = one.required_with("address", |text| match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        Some(_) | None => Err(format!("{text:?} is not HOST:PORT, such as \"192.0.2.7:161\"")),
    });
    let junction = one.required::<JunctionId>("junction");
    let name = one.required::<String>("name");
    let position = position(one);
    let access = access(one, folder);
    let poll = millis(one.number("poll_ms", 20.0..=10_000.0, POLL_MS));
    let backup = one.has("backup_s").then(|| one.number("backup_s", 2.0..=600.0, 10.0));
    let clock = one.has("set_clock_beyond_s").then(|| one.number("set_clock_beyond_s", 1.0..=3_600.0, 2.0));
    let all_red = one.optional::<u8>("all_red_preempt").map(Spanned::into_inner);
    let blocks = one.optional::<bool>("read_by_block").map(Spanned::into_inner);
    let plans: Vec<u8> = one.list("plans");
    let (found, conflicts) = (one.sections("group"), one.sections("conflict"));
    let is_steered = !conflicts.is_empty();
    if !is_steered && (!plans.is_empty() || all_red.is_some()) {
        one.problem(&here, "conflict", "is missing: without it nothing may be ordered of a junction");
    }
    let junction = junction?;
    if !junctions.insert(junction.get_ref().clone()) {
        one.problem(&junction.span(), "junction", "has a controller already");
    }
    if found.is_empty() {
        one.problem(&here, "group", "is missing: which phases are the junction's signal groups?");
        return None;
    }
    let (layout, groups) = layout(one, found, conflicts);
    let can = is_steered.then(|| Orderable { layout, plans, all_red: all_red.is_some() });
    let steering = is_steered.then(|| Steering { groups: groups.clone(), all_red_input: all_red });
    let id = junction.into_inner();
    let dialled = Dialled {
        controller: controller.map_or_else(|| "ntcip".to_owned(), Spanned::into_inner),
        address: address?.into_inner(),
        junction: id.clone(),
        access: access?,
        groups,
        poll,
        backup: backup.map(|seconds| Duration::from_secs(seconds as u64)),
        clock_off_max: clock.map(Duration::from_secs_f64),
        steering,
        layout: can.as_ref().map(|can| can.layout.clone()),
        // Where nothing may be ordered, nothing is set either, unless somebody says so.
        blocks: blocks.unwrap_or(is_steered),
    };
    for problem in dialled.problems() {
        one.problem(&here, "dial", problem);
    }
    let handles_alarms = super::handles_alarms(&dialled.controller);
    let site = JunctionSite { id, name: name?.into_inner(), position, can, handles_alarms };
    Some(DialledSite { site, dialled })
}

fn access(one: &mut Section<'_, '_>, folder: &Path) -> Option<Access> {
    let here = one.span();
    let version = one.optional_with("snmp", |text| one_of(text, &["v1", "v2c", "v3"]));
    let version = version.map_or_else(|| "v2c".to_owned(), Spanned::into_inner);
    let community = secret(one, "community_file", folder);
    let user = one.optional::<String>("user").map(Spanned::into_inner);
    let digest = one.optional_with("auth", |text| one_of(text, &["md5", "sha1", "sha256"]));
    let auth = secret(one, "auth_password_file", folder);
    let privacy = secret(one, "privacy_password_file", folder);
    if version != "v3" {
        if user.is_some() || auth.is_some() || privacy.is_some() || digest.is_some() {
            one.problem(
                &here,
                "user, auth, auth_password_file, privacy_password_file",
                "are for snmp = \"v3\"",
            );
        }
        if community.is_none() {
            one.problem(&here, "community_file", "is missing: SNMP v1 and v2c need a community");
        }
        return Some(Access::Community { v1: version == "v1", community: community?? });
    }
    if community.is_some() {
        one.problem(&here, "community_file", "is for snmp = \"v1\" and \"v2c\"");
    }
    if user.is_none() {
        one.problem(&here, "user", "is missing: SNMP v3 needs a user");
    }
    let digest = match digest.map(Spanned::into_inner).as_deref() {
        Some("md5") => Digest::Md5,
        Some("sha256") => Digest::Sha256,
        Some(_) | None => Digest::Sha1,
    };
    let auth = match auth {
        Some(read) => Some((digest, read?)),
        None => None,
    };
    let privacy = match privacy {
        Some(read) => Some(read?),
        None => None,
    };
    Some(Access::User { name: user?, auth, privacy })
}

/// The first line of the file that `key` names: `Some(None)` where it cannot be read.
fn secret(one: &mut Section<'_, '_>, key: &'static str, folder: &Path) -> Option<Option<String>> {
    let file = one.optional::<PathBuf>(key)?;
    let path = folder.join(file.get_ref());
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(Some(text.trim_end_matches(['\r', '\n']).to_owned())),
        Err(err) => {
            one.problem(&file.span(), key, format!("reading {}: {err}", path.display()));
            Some(None)
        }
    }
}

fn millis(number: f64) -> Duration {
    Duration::from_millis(number as u64)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    #[track_caller]
    fn check(lines: &str, want: bool) {
        let text = format!(
            "[gateway]\nid = \"p\"\ndata_dir = \"d\"\n\
             [hall]\nconnect = \"h:1\"\nca = \"ca.pem\"\ncertificate = \"c.pem\"\nkey = \"k\"\n\
             [signals]\n[[signals.dial]]\naddress = \"192.0.2.7:161\"\njunction = \"a\"\nname = \"A\"\nsnmp = \"v3\"\n\
             user = \"hanoi\"\ngroup = [{{ component = \"phase 2\" }}, {{ component = \"phase 4\" }}]\n{lines}"
        );
        let config = Config::parse(&text, Path::new("/etc/ngatu"), &crate::wiring::known());
        let signals = config.unwrap_or_else(|problems| panic!("{problems:?}")).signals.unwrap();
        assert_eq!(signals.dialled[0].dialled.blocks, want, "{lines}");
    }

    #[test]
    fn only_what_may_be_ordered_is_set_unless_somebody_says_so() {
        const ORDERED: &str = "conflict = [{ groups = [1], with = [2] }]\n";
        check("", false);
        check(ORDERED, true);
        check(&format!("{ORDERED}read_by_block = false\n"), false);
        check("read_by_block = true\n", true);
    }
}
