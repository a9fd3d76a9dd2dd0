//! In whose hands a controller is: what is ordered by machine overrules nobody who took it at its cabinet.

use models_domain::signal::Aggregated;
use models_domain::signal::order::{ControllerNow, Mode};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hands {
    /// Its plan runs, or what was ordered.
    Plan,
    /// Another mode than the plan's shows, or it takes no orders from afar.
    Cabinet,
    /// It has not told.
    Unknown,
}

pub fn hands(aggregated: Option<&Aggregated>, now: &ControllerNow) -> Hands {
    if aggregated.is_some_and(|aggregated| aggregated.local_mode) {
        return Hands::Cabinet;
    }
    match now.mode {
        Some(Mode::Normal) => Hands::Plan,
        Some(Mode::Flash | Mode::Dark | Mode::AllRed | Mode::Manual) => Hands::Cabinet,
        Some(Mode::Unknown) | None => Hands::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_took_it_at_the_cabinet_has_it() {
        let check = |local: Option<bool>, mode: Option<Mode>, want: Hands| {
            let aggregated = local.map(|local_mode| Aggregated { local_mode, ..Aggregated::default() });
            let now = ControllerNow { mode, ..ControllerNow::default() };
            assert_eq!(hands(aggregated.as_ref(), &now), want, "{local:?} {mode:?}");
        };
        for local in [None, Some(false)] {
            check(local, Some(Mode::Normal), Hands::Plan);
            for mode in [Mode::Flash, Mode::Dark, Mode::AllRed, Mode::Manual] {
                check(local, Some(mode), Hands::Cabinet);
            }
            check(local, None, Hands::Unknown);
            check(local, Some(Mode::Unknown), Hands::Unknown);
        }
        check(Some(true), Some(Mode::Normal), Hands::Cabinet);
        check(Some(true), None, Hands::Cabinet);
    }
}
