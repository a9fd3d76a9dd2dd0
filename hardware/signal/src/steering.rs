//! From what a person wants to what a controller is asked, for controllers of every kind.

use async_trait::async_trait;
use hardware_ports::signal::{Put, SignalDesk};
use models_domain::signal::AlarmWish;
use models_domain::signal::order::{ControllerNow, Wanted};
use models_domain::{DurationMs, JunctionId};

use crate::desk::OrderDesk;
use crate::order::{Answer, Asked};

/// What is needed to command one controller.
#[derive(Debug, Clone, Default)]
pub struct Steering {
    /// Names of the signal groups, in the order in which their states are reported.
    pub groups: Vec<String>,
    /// The input (RSMP) or preempt (NTCIP) that makes it show red to everybody, where it has one.
    pub all_red_input: Option<u8>,
}

/// One kind of controller's words.
#[derive(Debug, Clone, Copy)]
pub struct Translate {
    /// What to ask one after the other, so that it shows what is wanted.
    pub put: fn(&Steering, &Wanted, DurationMs) -> Result<Vec<Asked>, String>,
    /// What takes it back.
    pub release: fn(&Steering, &Wanted) -> Result<Vec<Asked>, String>,
}

#[async_trait]
impl SignalDesk for OrderDesk {
    async fn put(&self, junction: &JunctionId, wanted: &Wanted, hold: DurationMs) -> Put {
        match self.steering(junction) {
            Some((steering, translate)) => {
                self.ask_all(junction, (translate.put)(steering, wanted, hold)).await
            }
            None => not_steered(junction),
        }
    }

    async fn release(&self, junction: &JunctionId, wanted: &Wanted) -> Put {
        match self.steering(junction) {
            Some((steering, translate)) => {
                self.take_all_back(junction, (translate.release)(steering, wanted)).await
            }
            None => not_steered(junction),
        }
    }

    async fn alarm(&self, junction: &JunctionId, wish: &AlarmWish) -> Put {
        let asked = Asked::Alarm {
            component: wish.component.clone(),
            code: wish.code.clone(),
            external: String::new(),
            step: wish.step.into(),
        };
        match self.ask(junction, asked).await {
            Answer::Done | Answer::Now(_) => Put::Taken,
            Answer::Otherwise(why) | Answer::Refused(why) => Put::Refused(why),
            Answer::None => Put::Silent,
        }
    }

    async fn read(&self, junction: &JunctionId) -> Result<ControllerNow, String> {
        match self.ask(junction, Asked::Now).await {
            Answer::Now(now) => Ok(now),
            Answer::Refused(why) | Answer::Otherwise(why) => Err(why),
            Answer::Done | Answer::None => Err("the controller did not answer".to_owned()),
        }
    }
}

fn not_steered(junction: &JunctionId) -> Put {
    Put::Refused(format!("junction {junction} is not set up to be commanded"))
}

impl OrderDesk {
    /// Asks all, whatever becomes of one of them; what was not taken back is said, and tried again by whoever asked.
    async fn take_all_back(&self, junction: &JunctionId, asked: Result<Vec<Asked>, String>) -> Put {
        let asked = match asked {
            Ok(asked) => asked,
            Err(why) => return Put::Refused(why),
        };
        let mut put = Put::Taken;
        for one in asked {
            match self.ask(junction, one).await {
                Answer::Done | Answer::Now(_) => {}
                Answer::Otherwise(why) | Answer::Refused(why) => put = Put::Refused(why),
                Answer::None => return Put::Silent,
            }
        }
        put
    }

    /// Stops at the first that is not done. What was done before it is taken back by whoever asked.
    async fn ask_all(&self, junction: &JunctionId, asked: Result<Vec<Asked>, String>) -> Put {
        let asked = match asked {
            Ok(asked) => asked,
            Err(why) => return Put::Refused(why),
        };
        let mut before = false;
        for one in asked {
            match self.ask(junction, one).await {
                Answer::Done | Answer::Now(_) => before = true,
                // It is read back anyhow.
                Answer::Otherwise(_) => before = true,
                Answer::Refused(_) if before => return Put::Silent,
                Answer::Refused(why) => return Put::Refused(why),
                Answer::None => return Put::Silent,
            }
        }
        Put::Taken
    }
}
