//! What a person wants, as commands of the signal exchange list for traffic light controllers. Pure.

use models_domain::DurationMs;
use models_domain::signal::order::Wanted;

use crate::order::{Asked, Value};
use crate::steering::Steering;

/// Longest time-out that M0001 knows, in minutes.
const TIMEOUT_MAX: i64 = 1_440;

pub fn put(steering: &Steering, wanted: &Wanted, hold: DurationMs) -> Result<Vec<Asked>, String> {
    // The controller ends a mode by itself, should nobody be there any more to do it. That is for the whole order, and never renewed:
    // it then goes back to the position before, and a controller that is told the one it is in already may take that for the one
    // before. It would stay in it for ever.
    let minutes = (hold.0 / 60_000 + 1).clamp(1, TIMEOUT_MAX);
    Ok(match wanted {
        Wanted::Plan(plan) => vec![set_plan(true, *plan)],
        Wanted::Groups(groups) => {
            let start = |group| start(steering, group, true);
            groups.iter().map(start).collect::<Result<_, _>>()?
        }
        Wanted::Flash => vec![mode("YellowFlash", minutes)],
        Wanted::Dark => vec![mode("Dark", minutes)],
        Wanted::AllRed => vec![all_red(steering, true)?],
        Wanted::OwnPlan => {
            let red = steering.all_red_input.map(|_| all_red(steering, false)).transpose()?;
            [mode("NormalControl", 0), set_plan(false, 1)].into_iter().chain(red).collect()
        }
    })
}

/// No order for any group, which is what the list has where there is none. Group by group, so not with every way back.
pub fn sweep(steering: &Steering) -> Vec<Asked> {
    steering.groups.iter().map(|component| start_of(component, false)).collect()
}

pub fn release(steering: &Steering, wanted: &Wanted) -> Result<Vec<Asked>, String> {
    Ok(match wanted {
        Wanted::Plan(plan) => vec![set_plan(false, *plan)],
        Wanted::Groups(groups) => {
            let stop = |group| start(steering, group, false);
            groups.iter().map(stop).collect::<Result<_, _>>()?
        }
        Wanted::Flash | Wanted::Dark => vec![mode("NormalControl", 0)],
        Wanted::AllRed => vec![all_red(steering, false)?],
        Wanted::OwnPlan => Vec::new(),
    })
}

/// Without its security code, which the session adds.
fn command(code: &str, component: Option<&str>, values: Vec<(&str, Value)>) -> Asked {
    let values = values.into_iter().map(|(name, value)| (name.to_owned(), value));
    Asked::Command {
        code: code.to_owned(),
        component: component.map(str::to_owned),
        values: values.collect(),
    }
}

fn mode(status: &str, minutes: i64) -> Asked {
    let values = vec![
        ("status", Value::Text(status.to_owned())),
        ("timeout", Value::Integer(minutes)),
        ("intersection", Value::Integer(0)),
    ];
    command("M0001", None, values)
}

fn set_plan(on: bool, plan: u8) -> Asked {
    let values = vec![("status", Value::Boolean(on)), ("timeplan", Value::Integer(plan.into()))];
    command("M0002", None, values)
}

fn all_red(steering: &Steering, on: bool) -> Result<Asked, String> {
    let input =
        steering.all_red_input.ok_or("this controller has no input that makes it show red to everybody")?;
    let values = vec![("status", Value::Boolean(on)), ("input", Value::Integer(input.into()))];
    Ok(command("M0006", None, values))
}

fn start(steering: &Steering, group: u8, on: bool) -> Result<Asked, String> {
    let component = steering.groups.get(usize::from(group));
    let component =
        component.ok_or_else(|| format!("signal group {} has no component", u16::from(group) + 1))?;
    Ok(start_of(component, on))
}

fn start_of(component: &str, on: bool) -> Asked {
    command("M0010", Some(component), vec![("status", Value::Boolean(on))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steering(all_red_input: Option<u8>) -> Steering {
        let groups = vec!["G1".to_owned(), "G2".to_owned()];
        Steering { groups, all_red_input }
    }

    fn text(asked: Result<Vec<Asked>, String>) -> String {
        let one = |asked: Asked| match asked {
            Asked::Command { code, component, values } => {
                let shown = values.iter().map(|(name, value)| format!("{name}={value:?}"));
                format!("{code} {} {}", component.unwrap_or_default(), shown.collect::<Vec<_>>().join(" "))
            }
            other @ (Asked::Alarm { .. } | Asked::AggregatedStatus | Asked::Now) => format!("{other:?}"),
        };
        asked.map_or_else(|err| err, |all| all.into_iter().map(one).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn each_wish_in_the_words_of_the_list() {
        let minute = DurationMs(90_000);
        let put = |wanted: Wanted| text(put(&steering(Some(3)), &wanted, minute));
        let groups = Wanted::Groups([0, 1].into_iter().collect());
        assert_eq!(put(Wanted::Plan(2)), "M0002  status=Boolean(true) timeplan=Integer(2)");
        let flash = "M0001  status=Text(\"YellowFlash\") timeout=Integer(2) intersection=Integer(0)";
        assert_eq!(put(Wanted::Flash), flash);
        assert_eq!(put(Wanted::AllRed), "M0006  status=Boolean(true) input=Integer(3)");
        let start = |n: u8, on: bool| format!("M0010 G{n} status=Boolean({on})");
        assert_eq!(put(groups.clone()), format!("{}; {}", start(1, true), start(2, true)));
        let back = text(release(&steering(None), &groups));
        assert_eq!(back, format!("{}; {}", start(1, false), start(2, false)));
        // Whether anybody remembers what was ordered or not.
        let own = "M0001  status=Text(\"NormalControl\") timeout=Integer(0) intersection=Integer(0); \
                   M0002  status=Boolean(false) timeplan=Integer(1)";
        assert_eq!(put(Wanted::OwnPlan), format!("{own}; M0006  status=Boolean(false) input=Integer(3)"));
        assert_eq!(text(super::put(&steering(None), &Wanted::OwnPlan, minute)), own);
        assert_eq!(text(Ok(sweep(&steering(None)))), back);
        let none = "this controller has no input that makes it show red to everybody";
        assert_eq!(text(super::put(&steering(None), &Wanted::AllRed, minute)), none);
        let ninth = Wanted::Groups([8].into_iter().collect());
        assert_eq!(put(ninth), "signal group 9 has no component");
    }
}
