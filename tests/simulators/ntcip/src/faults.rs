//! Faults that come while it runs, a line each.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::agent::Agent;
use crate::lock;

pub fn apply(line: &str, agents: &[Arc<Mutex<Agent>>]) -> anyhow::Result<()> {
    let mut words = line.split_whitespace();
    let (unit, what) = (words.next().context("no unit")?, words.next().context("no fault")?);
    let value = words.next().unwrap_or("");
    ensure!(words.next().is_none(), "too many words");
    if unit == "*" {
        return agents.iter().try_for_each(|agent| one(&mut lock(agent), what, value));
    }
    let index: usize = unit.parse().context("the unit must be a number or *")?;
    one(&mut lock(agents.get(index).context("no such unit")?), what, value)
}

fn one(agent: &mut Agent, what: &str, value: &str) -> anyhow::Result<()> {
    let on = || match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => bail!("on or off"),
    };
    let number = || value.parse::<i64>().context("a number");
    match what {
        "silent" => agent.silent = on()?,
        "garbage" => agent.garbage = on()?,
        "slow" => agent.delay = Duration::from_millis(value.parse()?),
        "toobig" => agent.variables_max = Some(value.parse()?).filter(|most| *most > 0),
        "lacks" => {
            let tail: Result<Vec<u32>, _> = value.split('.').map(str::parse).collect();
            agent.lacks.push(tail.context("numbers and dots")?);
        }
        "restart" => agent.unit.restart(),
        "clock" => agent.unit.clock_off_ms = number()? * 1_000,
        "alarm1" => agent.unit.alarm1 = number()?,
        "detectors" => agent.unit.detector_alarms = number()?,
        "preempt" => agent.unit.street_preempt = Some(value.parse()?).filter(|number| *number > 0),
        "redclear" => agent.unit.red_clear = Some(number()?).filter(|tenths| *tenths >= 0),
        "mmu" => agent.unit.mmu_flash = on()?,
        _ => bail!("no such fault"),
    }
    Ok(())
}
