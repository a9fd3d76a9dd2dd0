//! A hall and some agents, each with its share of the junctions.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::site::component;
use crate::programs;
use crate::started::{Hall, Started, free_port};
use crate::usage::used;

/// All programs; they end when this is dropped.
pub struct Place {
    started: Started,
    addresses: Vec<SocketAddr>,
    /// Where the page is, and who may see it.
    pub page: String,
    pub password: String,
}

/// CPU seconds used so far.
pub struct UsedSoFar {
    pub agents_s: f64,
    pub hall_s: f64,
    pub this_s: f64,
}

impl Place {
    /// # Errors
    /// When a program is missing or does not start.
    pub fn start(folder: &Path, junctions: usize, agents: usize) -> anyhow::Result<Self> {
        let mut started = Started::new(folder);
        let hall = started.hall(Command::new(programs::beside("control-center")?))?;
        let addresses = (0..agents).map(|number| {
            let own = (0..junctions).filter(|index| index % agents == number);
            agent(&mut started, &hall, &format!("pole-{number}"), own)
        });
        let addresses = addresses.collect::<anyhow::Result<_>>()?;
        Ok(Self { started, addresses, page: hall.page, password: hall.password })
    }

    /// Where a junction dials.
    pub fn address_of(&self, index: usize) -> SocketAddr {
        self.addresses[index % self.addresses.len()]
    }

    /// # Errors
    /// When a program cannot be looked at.
    pub fn used(&self) -> anyhow::Result<UsedSoFar> {
        let mut sum = UsedSoFar { agents_s: 0.0, hall_s: 0.0, this_s: used(std::process::id())?.cpu_s };
        for (name, used) in self.started.used()? {
            *(if name == "hall" { &mut sum.hall_s } else { &mut sum.agents_s }) += used.cpu_s;
        }
        Ok(sum)
    }

    /// # Errors
    /// When one of them has ended.
    pub fn alive(&mut self) -> anyhow::Result<()> {
        self.started.alive()
    }

    /// The ends of the logs.
    pub fn said(&self) -> String {
        self.started.said()
    }

    /// Ends all in order.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.started.stop().await
    }
}

/// Starts an agent for these junctions; where they dial.
fn agent(
    started: &mut Started,
    hall: &Hall,
    name: &str,
    own: impl Iterator<Item = usize>,
) -> anyhow::Result<SocketAddr> {
    let address = free_port()?;
    let mut text = started.gateway(name, hall)?;
    writeln!(text, "[signals]\nlisten = \"{address}\"")?;
    for index in own {
        let component = component(index);
        writeln!(
            text,
            "[[signals.site]]\nsite_id = \"HN+{index}\"\ncomponent = \"{component}\"\njunction = \"j{index}\"\n\
             name = \"Nút {index}\"\nposition = [21.02, 105.85]"
        )?;
    }
    started.agent(name, Command::new(programs::beside("edge-agent")?), &text)?;
    Ok(address)
}
