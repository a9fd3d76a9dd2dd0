//! Some agents, each with its share of the junctions, and a hall where the page is what counts.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use models_domain::GatewayId;

use super::site::component;
use crate::started::{Hall, Started, free_port};
use crate::usage::used;
use crate::{bus_hall, programs};

/// All programs; they end when this is dropped.
pub struct Place {
    started: Started,
    addresses: Vec<SocketAddr>,
}

/// CPU seconds used so far.
pub struct UsedSoFar {
    pub agents_s: f64,
    pub hall_s: f64,
    pub this_s: f64,
}

impl Place {
    /// With a hall of its own.
    ///
    /// # Errors
    /// When a program is missing or does not start.
    pub fn with_hall(
        folder: &Path,
        junctions: usize,
        gateways: &[GatewayId],
    ) -> anyhow::Result<(Self, Hall)> {
        let mut started = Started::new(folder);
        let hall = started.hall(Command::new(programs::beside("control-center")?))?;
        let sections = gateways
            .iter()
            .map(|gateway| started.gateway(gateway.as_str(), &hall))
            .collect::<Result<_, _>>()?;
        Ok((Self::with_agents(started, junctions, gateways, sections)?, hall))
    }

    /// Without a hall: the agents dial `address`, with what [`bus_hall::open`] wrote to `folder`.
    ///
    /// # Errors
    /// When a program is missing or does not start.
    pub fn without_hall(
        folder: &Path,
        junctions: usize,
        gateways: &[GatewayId],
        address: &str,
    ) -> anyhow::Result<Self> {
        let sections = gateways.iter().map(|gateway| bus_hall::gateway(gateway, address)).collect();
        Self::with_agents(Started::new(folder), junctions, gateways, sections)
    }

    /// `sections`: how each gateway dials the hall.
    fn with_agents(
        mut started: Started,
        junctions: usize,
        gateways: &[GatewayId],
        sections: Vec<String>,
    ) -> anyhow::Result<Self> {
        let mut addresses = Vec::new();
        for (number, (gateway, dials)) in gateways.iter().zip(sections).enumerate() {
            let own = (0..junctions).filter(|index| index % gateways.len() == number);
            addresses.push(agent(&mut started, gateway, dials, own)?);
        }
        Ok(Self { started, addresses })
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

/// Starts an agent for these junctions; where they dial. `text`: how it dials the hall.
fn agent(
    started: &mut Started,
    gateway: &GatewayId,
    mut text: String,
    own: impl Iterator<Item = usize>,
) -> anyhow::Result<SocketAddr> {
    let address = free_port()?;
    writeln!(text, "[signals]\nlisten = \"{address}\"")?;
    for index in own {
        let component = component(index);
        writeln!(
            text,
            "[[signals.site]]\nsite_id = \"HN+{index}\"\ncomponent = \"{component}\"\njunction = \"j{index}\"\n\
             name = \"Nút {index}\"\nposition = [21.02, 105.85]"
        )?;
    }
    started.agent(gateway.as_str(), Command::new(programs::beside("edge-agent")?), &text)?;
    Ok(address)
}
