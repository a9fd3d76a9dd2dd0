//! `edge-agent models list`: shipped networks, and the layouts that a city's own may have.

use std::io::Write;

use models_vision::layouts;
use models_vision::manifest::{DEFAULT, Manifest, SHIPPED};

pub fn run() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "Networks:")?;
    for (name, _) in SHIPPED {
        let manifest = Manifest::shipped(name)?;
        let default = if *name == DEFAULT { "  (the default)" } else { "" };
        writeln!(out, "  {name}{default}: {}", manifest.licence)?;
        for one in &manifest.measured {
            writeln!(out, "      {} {} on {}: {}", one.metric, one.value, one.data, one.how)?;
        }
    }
    writeln!(out, "Layouts of output tensors:")?;
    for layout in layouts::ALL {
        writeln!(out, "  {}: {}", layout.name, layout.reads)?;
    }
    Ok(())
}
