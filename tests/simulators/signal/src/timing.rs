//! What may be changed of the plans: offsets, cycles, dynamic bands, and which plan runs when. Pure.

use std::collections::BTreeMap;

use crate::args::dashed;
use crate::config::Site;
use crate::plan::MINIMUM_GREEN_S;

const DAY_MIN: i64 = 24 * 60;

/// The highest number of a dynamic band.
const BAND_MAX: u8 = 10;

/// The highest number of a time table.
const TABLE_MAX: u8 = 12;

/// One switch of a time table: plan (0: none), hour, minute.
type Switch = [u8; 3];

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Timing {
    /// Seconds, by plan (M0015).
    offsets: BTreeMap<u8, u32>,
    /// Seconds, by plan (M0018).
    cycles: BTreeMap<u8, u32>,
    /// Band and seconds, by plan (M0014).
    bands: BTreeMap<u8, BTreeMap<u8, u8>>,
    /// Minutes without a supervisor after which the bands are no more; 0: never (M0023).
    pub bands_timeout_min: i64,
    /// The time table of each day, Monday first (M0016).
    week: [u8; 7],
    /// By number (M0017).
    tables: BTreeMap<u8, Vec<Switch>>,
}

impl Default for Timing {
    /// Plan 1 always.
    fn default() -> Self {
        Self {
            offsets: BTreeMap::new(),
            cycles: BTreeMap::new(),
            bands: BTreeMap::new(),
            bands_timeout_min: 0,
            week: [1; 7],
            tables: BTreeMap::from([(1, vec![[1, 0, 0]])]),
        }
    }
}

impl Timing {
    /// `site` as it runs under `plan`.
    pub fn under(&self, site: &Site, plan: u8) -> Site {
        let mut own = site.under(plan);
        if let Some(offset) = self.offsets.get(&plan) {
            own.offset_s = *offset;
        }
        if let Some(cycle) = self.cycles.get(&plan) {
            own = with_cycle(&own, *cycle).unwrap_or(own);
        }
        if let Some(bands) = self.bands.get(&plan) {
            bands.iter().for_each(|(band, seconds)| widen(&mut own, *band, u32::from(*seconds)));
        }
        own
    }

    /// # Errors
    /// When there is no such plan, or it is no such text.
    pub fn set_bands(&mut self, site: &Site, plan: u8, text: &str) -> Result<(), String> {
        has_plan(site, plan)?;
        let mut bands = Vec::new();
        for part in text.split(',') {
            let [band, seconds] = dashed(part)?;
            if !(1..=BAND_MAX).contains(&band) || seconds > 99 {
                return Err(format!("{part:?} is not a band from 1 to {BAND_MAX} and up to 99 s"));
            }
            bands.push((band, seconds));
        }
        self.bands.entry(plan).or_default().extend(bands);
        Ok(())
    }

    pub fn forget_bands(&mut self) {
        self.bands.clear();
    }

    /// # Errors
    /// When there is no such plan.
    pub fn set_offset(&mut self, site: &Site, plan: u8, offset_s: u8) -> Result<(), String> {
        has_plan(site, plan)?;
        self.offsets.insert(plan, offset_s.into());
        Ok(())
    }

    /// # Errors
    /// When there is no such plan, or its greens do not fit into the cycle.
    pub fn set_cycle(&mut self, site: &Site, plan: u8, cycle_s: u8) -> Result<(), String> {
        has_plan(site, plan)?;
        with_cycle(&site.under(plan), cycle_s.into())
            .ok_or_else(|| format!("the minimum greens of plan {plan} do not fit into {cycle_s} s"))?;
        self.cycles.insert(plan, cycle_s.into());
        Ok(())
    }

    /// # Errors
    /// When it is no such text. Days that are not named keep their table.
    pub fn set_week(&mut self, text: &str) -> Result<(), String> {
        let mut week = self.week;
        for part in text.split(',') {
            let [day, table] = dashed(part)?;
            let slot = week.get_mut(usize::from(day)).filter(|_| table <= TABLE_MAX);
            *slot.ok_or_else(|| format!("{part:?} is not a day from 0 to 6 and a time table"))? = table;
        }
        self.week = week;
        Ok(())
    }

    /// # Errors
    /// When it is no such text, or names a plan that is not there. Tables that are not named stay.
    pub fn set_tables(&mut self, site: &Site, text: &str) -> Result<(), String> {
        let mut tables: BTreeMap<u8, Vec<Switch>> = BTreeMap::new();
        for part in text.split(',') {
            let [table, plan, hour, minute] = dashed(part)?;
            if !(1..=TABLE_MAX).contains(&table) || hour > 23 || minute > 59 {
                return Err(format!("{part:?} is not a time table, a plan and a time of day"));
            }
            if plan > 0 {
                has_plan(site, plan)?;
            }
            tables.entry(table).or_default().push([plan, hour, minute]);
        }
        tables.values_mut().for_each(|switches| switches.sort_by_key(|switch| (switch[1], switch[2])));
        self.tables.extend(tables);
        Ok(())
    }

    /// The plan that the time tables have for a local time (milliseconds): that of the last switch, a week ago at most.
    pub fn plan_at(&self, local_ms: i64) -> Option<u8> {
        let minutes = local_ms.div_euclid(60_000);
        let (today, minute) = (minutes.div_euclid(DAY_MIN), minutes.rem_euclid(DAY_MIN));
        let switches = |day: i64| {
            // 1970 began on a Thursday.
            let table = self.week[(day + 3).rem_euclid(7) as usize];
            self.tables.get(&table).map(Vec::as_slice).unwrap_or_default()
        };
        let at = |switch: &Switch| i64::from(switch[1]) * 60 + i64::from(switch[2]);
        let last = switches(today).iter().rev().find(|switch| at(switch) <= minute);
        let last = last.or_else(|| (1..=7).find_map(|ago| switches(today - ago).last()))?;
        (last[0] > 0).then_some(last[0])
    }

    /// S0023: plan, band, seconds.
    pub fn bands_text(&self) -> String {
        let of_plan = |(plan, bands): (&u8, &BTreeMap<u8, u8>)| {
            bands.iter().map(|(band, seconds)| format!("{plan}-{band}-{seconds}")).collect::<Vec<_>>()
        };
        self.bands.iter().flat_map(of_plan).collect::<Vec<_>>().join(",")
    }

    /// S0024: plan, offset.
    pub fn offsets_text(&self, site: &Site) -> String {
        of_plans(site, |plan| format!("{plan}-{}", self.under(site, plan).offset_s))
    }

    /// S0028: plan, cycle.
    pub fn cycles_text(&self, site: &Site) -> String {
        of_plans(site, |plan| format!("{plan:02}-{}", self.under(site, plan).cycle_s()))
    }

    /// S0026: day, time table.
    pub fn week_text(&self) -> String {
        let day = |(day, table): (usize, &u8)| format!("{day}-{table}");
        self.week.iter().enumerate().map(day).collect::<Vec<_>>().join(",")
    }

    /// S0027: time table, plan, hour, minute.
    pub fn tables_text(&self) -> String {
        let of_table = |(table, switches): (&u8, &Vec<Switch>)| {
            let one = |[plan, hour, minute]: &Switch| format!("{table}-{plan}-{hour}-{minute}");
            switches.iter().map(one).collect::<Vec<_>>()
        };
        self.tables.iter().flat_map(of_table).collect::<Vec<_>>().join(",")
    }
}

fn of_plans(site: &Site, text: impl Fn(u8) -> String) -> String {
    site.plan_numbers().into_iter().map(text).collect::<Vec<_>>().join(",")
}

/// # Errors
/// When there is none.
pub fn has_plan(site: &Site, plan: u8) -> Result<(), String> {
    if site.plan_numbers().contains(&plan) { Ok(()) } else { Err(format!("there is no plan {plan}")) }
}

fn least_green_s(site: &Site) -> u32 {
    site.walk_clear_s + MINIMUM_GREEN_S
}

/// The greens made longer or shorter alike; `None`: one would be shorter than its minimum.
fn with_cycle(site: &Site, cycle_s: u32) -> Option<Site> {
    let mut own = site.clone();
    let more = i64::from(cycle_s) - i64::from(site.cycle_s());
    let count = i64::try_from(own.stages.len()).ok()?;
    for (index, stage) in (0..).zip(&mut own.stages) {
        let part = more.div_euclid(count) + i64::from(index < more.rem_euclid(count));
        stage.green_s = u32::try_from(i64::from(stage.green_s) + part).ok()?;
    }
    own.stages.iter().all(|stage| stage.green_s >= least_green_s(site)).then_some(own)
}

/// A band is longer green for the stage of its number, taken from the next one as far as that has it to give.
fn widen(site: &mut Site, band: u8, seconds: u32) {
    let (least, count) = (least_green_s(site), site.stages.len());
    let index = usize::from(band) - 1;
    if index >= count || count < 2 {
        return;
    }
    let next = &mut site.stages[(index + 1) % count];
    let taken = seconds.min(next.green_s.saturating_sub(least));
    next.green_s -= taken;
    site.stages[index].green_s += taken;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn site() -> Site {
        let street = include_str!("../../../../deploy/config/street-signals.toml");
        Config::parse(street).unwrap().sites.remove(0)
    }

    fn greens(timing: &Timing, plan: u8) -> Vec<u32> {
        timing.under(&site(), plan).stages.iter().map(|stage| stage.green_s).collect()
    }

    #[test]
    fn cycles_bands_and_offsets_change_what_runs() {
        let (site, mut timing) = (site(), Timing::default());
        assert_eq!(
            (greens(&timing, 1), timing.cycles_text(&site).as_str()),
            (vec![32, 28], "01-70,02-75,03-75")
        );
        timing.set_cycle(&site, 1, 75).unwrap();
        assert_eq!(
            (greens(&timing, 1), timing.cycles_text(&site).as_str()),
            (vec![35, 30], "01-75,02-75,03-75")
        );
        timing.set_bands(&site, 1, "1-6,3-9").unwrap();
        timing.set_bands(&site, 1, "2-1").unwrap();
        assert_eq!((greens(&timing, 1), timing.bands_text().as_str()), (vec![40, 25], "1-1-6,1-2-1,1-3-9"));
        // The other stage keeps its minimum green and the time to clear.
        timing.set_bands(&site, 1, "1-99").unwrap();
        assert_eq!(greens(&timing, 1), [51, 14]);
        timing.forget_bands();
        assert_eq!(greens(&timing, 1), [35, 30]);
        timing.set_offset(&site, 2, 99).unwrap();
        assert_eq!(timing.offsets_text(&site), "1-0,2-99,3-0");
        for wrong in ["", "0-1", "11-1", "1-100", "1", "1-1,"] {
            assert!(timing.set_bands(&site, 1, wrong).is_err(), "{wrong}");
        }
        assert!(timing.set_cycle(&site, 1, 30).is_err() && timing.set_offset(&site, 9, 1).is_err());
    }

    #[test]
    fn the_last_switch_holds() {
        let (site, mut timing) = (site(), Timing::default());
        timing.set_tables(&site, "2-3-16-30,2-2-6-0,2-0-22-0").unwrap();
        timing.set_week("0-2,6-5").unwrap();
        assert_eq!(timing.week_text(), "0-2,1-1,2-1,3-1,4-1,5-1,6-5");
        assert_eq!(timing.tables_text(), "1-1-0-0,2-2-6-0,2-3-16-30,2-0-22-0");
        // 5 January 1970 was a Monday.
        let at = |day: i64, hour: i64| timing.plan_at((day * 24 + hour) * 3_600_000);
        assert_eq!(
            [at(4, 5), at(4, 6), at(4, 17), at(4, 23), at(5, 0)],
            [Some(1), Some(2), Some(3), None, Some(1)]
        );
        // Sunday's table is empty: Saturday's last switch goes on.
        assert_eq!(at(10, 12), Some(1));
        for wrong in ["", "13-1-0-0", "1-9-0-0", "1-1-24-0", "1-1-0"] {
            assert!(timing.set_tables(&site, wrong).is_err(), "{wrong}");
        }
        assert!(timing.set_week("7-1").is_err() && timing.set_week("0-13").is_err());
    }
}
