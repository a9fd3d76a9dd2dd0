//! What a person wants, as settings of NTCIP 1202's objects. Pure.

use models_domain::DurationMs;
use models_domain::signal::order::Wanted;

use super::lamps::Lamp;
use super::status::PATTERN_FLASH;
use crate::order::{Asked, Value};
use crate::steering::Steering;

pub const PATTERN: &str = "systemPatternControl";
pub const PHASES: &str = "phaseControlGroup";
pub const PREEMPT: &str = "preemptControlState";

/// systemPatternControl (§2.5.14): the unit's own choice.
const STANDBY: u8 = 0;

pub fn put(steering: &Steering, wanted: &Wanted, _hold: DurationMs) -> Result<Vec<Asked>, String> {
    Ok(match wanted {
        Wanted::Plan(plan) => vec![pattern(*plan)],
        Wanted::Groups(groups) => vec![phases(steering, Some(groups))?],
        Wanted::Flash => vec![pattern(PATTERN_FLASH)],
        Wanted::Dark => return Err("NTCIP 1202 offers no way to make a junction dark".to_owned()),
        Wanted::AllRed => vec![all_red(steering, true)?],
        Wanted::OwnPlan => {
            let red = steering.all_red_input.map(|_| all_red(steering, false)).transpose()?;
            [pattern(STANDBY), phases(steering, None)?].into_iter().chain(red).collect()
        }
    })
}

pub fn release(steering: &Steering, wanted: &Wanted) -> Result<Vec<Asked>, String> {
    Ok(match wanted {
        Wanted::Plan(_) | Wanted::Flash => vec![pattern(STANDBY)],
        Wanted::Groups(_) => vec![phases(steering, None)?],
        Wanted::AllRed => vec![all_red(steering, false)?],
        Wanted::Dark | Wanted::OwnPlan => Vec::new(),
    })
}

/// The own plan takes back everything at once.
pub fn sweep(_: &Steering) -> Vec<Asked> {
    Vec::new()
}

fn command(code: &str, values: Vec<(&str, Value)>) -> Asked {
    let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Asked::Command { code: code.to_owned(), component: None, values }
}

fn pattern(pattern: u8) -> Asked {
    command(PATTERN, vec![("pattern", Value::Integer(pattern.into()))])
}

fn all_red(steering: &Steering, on: bool) -> Result<Asked, String> {
    let number = steering.all_red_input;
    let number = number.ok_or("this controller has no preempt that makes it show red to everybody")?;
    Ok(command(PREEMPT, vec![("preempt", Value::Integer(number.into())), ("on", Value::Boolean(on))]))
}

/// Their phases are called and held, and all other phases of the junction forced off; `None`: nothing is asked of any.
fn phases(steering: &Steering, wanted: Option<&models_domain::signal::GroupSet>) -> Result<Asked, String> {
    let (mut held, mut on_foot, mut off) = (Vec::new(), Vec::new(), Vec::new());
    for (index, name) in (0..=u8::MAX).zip(&steering.groups) {
        let lamp: Lamp = name.parse()?;
        let wants = wanted.is_some_and(|groups| groups.contains(index));
        match lamp.phase() {
            Ok((phase, true)) if wants => {
                held.push(i64::from(phase));
                on_foot.push(i64::from(phase));
            }
            Ok((phase, false)) if wants => held.push(i64::from(phase)),
            Ok((phase, _)) => off.push(i64::from(phase)),
            Err(why) if wants => return Err(format!("signal group {}: {why}", u16::from(index) + 1)),
            Err(_) => {}
        }
    }
    if let Some(beyond) =
        wanted.and_then(|groups| groups.iter().find(|g| usize::from(*g) >= steering.groups.len()))
    {
        return Err(format!("signal group {} has no phase", u16::from(beyond) + 1));
    }
    for phases in [&mut held, &mut on_foot, &mut off] {
        phases.sort_unstable();
        phases.dedup();
    }
    off.retain(|phase| wanted.is_some() && !held.contains(phase));
    let values = [("hold", held), ("ped_call", on_foot), ("force_off", off)];
    Ok(command(PHASES, values.map(|(name, phases)| (name, Value::Integers(phases))).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steering(red: Option<u8>) -> Steering {
        let groups = ["phase 2", "phase 4", "ped 2", "ped 4", "overlap 1"].map(str::to_owned).into();
        Steering { groups, all_red_input: red }
    }

    fn text(asked: Result<Vec<Asked>, String>) -> String {
        let one = |asked: Asked| match asked {
            Asked::Command { code, values, .. } => {
                let shown = values.iter().map(|(name, value)| format!("{name}={value:?}"));
                format!("{code} {}", shown.collect::<Vec<_>>().join(" "))
            }
            other @ (Asked::Alarm { .. } | Asked::AggregatedStatus | Asked::Now) => format!("{other:?}"),
        };
        asked.map_or_else(|err| err, |all| all.into_iter().map(one).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn each_wish_in_the_words_of_1202() {
        let put = |wanted: Wanted| text(put(&steering(Some(3)), &wanted, DurationMs(60_000)));
        let groups = |groups: &[u8]| Wanted::Groups(groups.iter().copied().collect());
        assert_eq!(put(Wanted::Plan(2)), "systemPatternControl pattern=Integer(2)");
        assert_eq!(put(Wanted::Flash), "systemPatternControl pattern=Integer(255)");
        let phases = |held: &str, foot: &str, off: &str| {
            format!(
                "phaseControlGroup hold=Integers([{held}]) ped_call=Integers([{foot}]) force_off=Integers([{off}])"
            )
        };
        assert_eq!(put(groups(&[0])), phases("2", "", "4"));
        assert_eq!(put(groups(&[0, 2])), phases("2", "2", "4"));
        assert_eq!(put(groups(&[3])), phases("4", "4", "2"));
        assert!(put(groups(&[4])).starts_with("signal group 5: an overlap"));
        assert_eq!(put(groups(&[7])), "signal group 8 has no phase");
        assert_eq!(put(Wanted::Dark), "NTCIP 1202 offers no way to make a junction dark");
        assert_eq!(put(Wanted::AllRed), "preemptControlState preempt=Integer(3) on=Boolean(true)");
        let none = "this controller has no preempt that makes it show red to everybody";
        assert_eq!(text(super::put(&steering(None), &Wanted::AllRed, DurationMs(0))), none);
        let back = "preemptControlState preempt=Integer(3) on=Boolean(false)";
        let own = format!("systemPatternControl pattern=Integer(0); {}; {back}", phases("", "", ""));
        assert_eq!(put(Wanted::OwnPlan), own);
        assert_eq!(text(release(&steering(Some(3)), &Wanted::AllRed)), back);
    }
}
