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
    /// What else may have been ordered and still be in force when nobody knows of it any more, taken back: beside the own plan,
    /// and harmless where nothing of it is in force.
    pub sweep: fn(&Steering) -> Vec<Asked>,
}

#[async_trait]
impl SignalDesk for OrderDesk {
    async fn put(&self, junction: &JunctionId, wanted: &Wanted, hold: DurationMs) -> Put {
        let Some((steering, translate)) = self.steering(junction) else { return not_steered(junction) };
        let asked = (translate.put)(steering, wanted, hold);
        if *wanted != Wanted::OwnPlan {
            return self.ask_all(junction, asked).await;
        }
        let put = self.ask_back(junction, asked).await;
        if put == Put::Taken && !self.0.is_swept(junction) {
            self.sweep(junction, (translate.sweep)(steering)).await;
        }
        put
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

    /// All of the way back to the own plan, whatever is refused of it: what it shows then is read.
    async fn ask_back(&self, junction: &JunctionId, asked: Result<Vec<Asked>, String>) -> Put {
        let asked = match asked {
            Ok(asked) => asked,
            Err(why) => return Put::Refused(why),
        };
        let mut answers = Vec::new();
        for one in asked {
            let answer = self.ask(junction, one).await;
            let silent = answer == Answer::None;
            answers.push(answer);
            if silent {
                break;
            }
        }
        let (put, refused) = way_back(answers);
        if !refused.is_empty() {
            let refused = refused.join("; ");
            tracing::warn!(%junction, "the controller refused part of the way back to its own plan: {refused}");
        }
        put
    }

    /// Once, since later orders of its own the pole knows. What is refused is none of the way back.
    async fn sweep(&self, junction: &JunctionId, asked: Vec<Asked>) {
        let mut refused = Vec::new();
        for one in asked {
            match self.ask(junction, one).await {
                Answer::Done | Answer::Now(_) => {}
                Answer::Otherwise(why) | Answer::Refused(why) => refused.push(why),
                Answer::None => {
                    return tracing::warn!(
                        %junction,
                        "the controller did not answer as what may have been ordered earlier was taken back; tried \
                         again with the next way back to its own plan"
                    );
                }
            }
        }
        self.0.swept(junction);
        if !refused.is_empty() {
            refused.dedup();
            let refused = refused.join("; ");
            tracing::warn!(
                %junction,
                "of what may have been ordered earlier the controller refused to take back: {refused}"
            );
        }
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

/// What became of it, and why parts of it were refused.
fn way_back(answers: Vec<Answer>) -> (Put, Vec<String>) {
    let (mut taken, mut silent, mut refused) = (false, false, Vec::new());
    for answer in answers {
        match answer {
            Answer::Done | Answer::Now(_) | Answer::Otherwise(_) => taken = true,
            Answer::Refused(why) => refused.push(why),
            Answer::None => silent = true,
        }
    }
    match (silent, taken) {
        (true, _) => (Put::Silent, refused),
        (false, true) => (Put::Taken, refused),
        // It is told to whoever asked.
        (false, false) => (Put::Refused(refused.join("; ")), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_refused_keeps_nobody_from_the_rest_of_the_way_back() {
        let refused = |why: &str| Answer::Refused(why.to_owned());
        let check = |answers: &[Answer], want: Put, why: &[&str]| {
            let why: Vec<String> = why.iter().map(|why| (*why).to_owned()).collect();
            assert_eq!(way_back(answers.to_vec()), (want, why));
        };
        check(&[Answer::Done, Answer::Done], Put::Taken, &[]);
        check(&[refused("no plan is set"), Answer::Done], Put::Taken, &["no plan is set"]);
        check(&[Answer::Otherwise("timeplan is 1".into()), refused("x")], Put::Taken, &["x"]);
        check(&[refused("a"), refused("b")], Put::Refused("a; b".into()), &[]);
        check(&[Answer::Done, Answer::None], Put::Silent, &[]);
    }
}
