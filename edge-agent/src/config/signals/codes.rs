//! A site's security codes, those whose place they are to take, and what is done with code 1: its clock.

use std::time::Duration;

use hardware_signal::{SecurityCode, SecurityCodes, SecurityLevel};
use toml::Spanned;

use super::SignalSite;
use crate::config::reader::Section;

/// What to do where anybody may dial as the site.
const FOR_ANYBODY: &str = "is not for a site that anybody may speak for, who would be given its security codes: name the site's \
                           address in allow_from, or ask for certificates (sites_ca in [signals.tls])";

/// `is_known`: nobody but the site itself can dial as the site.
pub(super) fn read(site: &mut Section<'_, '_>, is_known: bool) -> SecurityCodes {
    SecurityCodes {
        one: code(site, SecurityLevel::One, is_known),
        two: code(site, SecurityLevel::Two, is_known),
    }
}

/// Orders carry the code of level 2. A city whose controllers cannot be told apart is not refused for it.
pub(super) fn warning(site: &SignalSite, is_known: bool) -> Option<String> {
    site.codes.two.as_ref().filter(|_| !is_known)?;
    Some(format!(
        "[[signals.site]] {}: {} is sent with every order to whoever dials as this site, and anybody may: whoever does learns it. \
         Name the site's address in allow_from, or ask for certificates (sites_ca in [signals.tls])",
        site.site_id,
        SecurityLevel::Two.key()
    ))
}

/// How far its clock may be off before it is set.
pub(super) fn clock(site: &mut Section<'_, '_>, codes: &SecurityCodes, is_known: bool) -> Option<Duration> {
    if !site.has("set_clock_beyond_s") {
        return None;
    }
    if !is_known {
        site.problem(&site.span(), "set_clock_beyond_s", FOR_ANYBODY);
    }
    if codes.one.is_none() {
        let what = "is missing: a controller's clock is set with it";
        site.problem(&site.span(), SecurityLevel::One.key(), what);
    }
    Some(Duration::from_secs_f64(site.number("set_clock_beyond_s", 1.0..=3_600.0, 2.0)))
}

fn code(site: &mut Section<'_, '_>, level: SecurityLevel, is_known: bool) -> Option<SecurityCode> {
    let now = one(site, level.key());
    let before = one(site, level.key_before());
    if let Some(before) = before.as_ref().filter(|_| !is_known) {
        site.problem(&before.span(), level.key_before(), FOR_ANYBODY);
    }
    let Some(now) = now else {
        if let Some(before) = before {
            let what = format!("is for a new {}, which is missing", level.key());
            site.problem(&before.span(), level.key_before(), what);
        }
        return None;
    };
    if let Some(same) = before.as_ref().filter(|before| before.get_ref() == now.get_ref()) {
        let what = format!("is the same as {}: nothing is to be changed", level.key());
        site.problem(&same.span(), level.key_before(), what);
    }
    Some(SecurityCode { now: now.into_inner(), before: before.map(Spanned::into_inner) })
}

fn one(site: &mut Section<'_, '_>, key: &'static str) -> Option<Spanned<String>> {
    // What is wrong with it must not be told by repeating it.
    site.optional_with(key, |text| match text {
        "" => Err("is empty".to_owned()),
        text => Ok(text.to_owned()),
    })
}
