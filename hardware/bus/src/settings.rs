//! Who listens, who dials, with which certificate; and zenoh's configuration made of it.

use std::path::{Path, PathBuf};

use hardware_ports::bus::BusError;

use crate::access::Access;
use crate::tls;

/// How one program takes part in the bus.
#[derive(Debug, Clone)]
pub struct BusSettings {
    pub role: Role,
    pub tls: TlsFiles,
}

#[derive(Debug, Clone)]
pub enum Role {
    /// A whole router in this process: every pole dials it. `listen` is HOST:PORT; port 0 takes a free one.
    Hall { listen: String, access: Access },
    /// Dials every HOST:PORT of `connect` for ever, also when nobody is there yet, and listens to nobody.
    Pole { connect: Vec<String> },
}

/// PEM files. Both sides show a certificate and take only what `ca` has signed.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// zenoh closes the oldest sessions beyond this: one per gateway (700 in the city) with room for growth.
const MAX_SESSIONS: usize = 4_000;
/// Whoever sends a larger one is hung up on. The largest is a still, of at most 16 MiB; zenoh itself would take 1 GiB.
const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// A pole dials again soon after it lost the hall, which may only have changed its rules, and never less than every 4 s.
const RETRY: &str = "{ period_init_ms: 250, period_max_ms: 4000, period_increase_factor: 2 }";

impl BusSettings {
    /// zenoh's own configuration. No multicast, no gossip: nobody is found, everybody is configured.
    pub(crate) fn to_zenoh(&self) -> Result<zenoh::Config, BusError> {
        let mut config = zenoh::Config::default();
        let mut set = |key: &str, value: String| {
            config
                .insert_json5(key, &value)
                .map_err(|e| BusError::Open(format!("setting {key} to {value}: {e}")))
        };
        set("scouting/multicast/enabled", "false".into())?;
        set("scouting/gossip/enabled", "false".into())?;
        set("scouting/delay", "0".into())?;
        set("adminspace/enabled", "false".into())?;
        set("timestamping/enabled", "false".into())?;
        set("transport/shared_memory/enabled", "false".into())?;
        set("transport/unicast/max_sessions", MAX_SESSIONS.to_string())?;
        set("transport/link/rx/max_message_size", MAX_MESSAGE_BYTES.to_string())?;
        match &self.role {
            Role::Hall { listen, access } => {
                set("mode", text("router"))?;
                set("listen/endpoints", list(std::slice::from_ref(listen)))?;
                if let Some(rules) = access.to_zenoh(&tls::common_name(&self.tls.certificate)?)? {
                    set("access_control", rules.to_string())?;
                }
            }
            Role::Pole { connect } => {
                // A peer that only dials: unlike a client it may start before the router is there.
                set("mode", text("peer"))?;
                set("listen/endpoints", "[]".into())?;
                set("connect/endpoints", list(connect))?;
                set("connect/timeout_ms", "-1".into())?;
                set("connect/exit_on_failure", "false".into())?;
                set("connect/retry", RETRY.into())?;
                set("open/return_conditions/connect_scouted", "false".into())?;
                set("open/return_conditions/declares", "false".into())?;
            }
        }
        set("transport/link/tls/root_ca_certificate", path(&self.tls.ca)?)?;
        set("transport/link/tls/enable_mtls", "true".into())?;
        // The same pair for both directions; zenoh takes the one its role needs.
        set("transport/link/tls/listen_certificate", path(&self.tls.certificate)?)?;
        set("transport/link/tls/listen_private_key", path(&self.tls.key)?)?;
        set("transport/link/tls/connect_certificate", path(&self.tls.certificate)?)?;
        set("transport/link/tls/connect_private_key", path(&self.tls.key)?)?;
        set("transport/link/tls/verify_name_on_connect", "true".into())?;
        Ok(config)
    }
}

fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

fn list(addresses: &[String]) -> String {
    let endpoints = addresses.iter().map(|a| format!("tls/{a}")).collect::<Vec<_>>();
    serde_json::Value::from(endpoints).to_string()
}

/// zenoh passes file names through a list of `key=value;…`: a few characters would split them.
fn path(file: &Path) -> Result<String, BusError> {
    match file.to_str() {
        Some(name) if !name.contains([';', '|', '#', '?']) => Ok(text(name)),
        Some(_) | None => Err(BusError::Open(format!(
            "the file name {} has one of ; | # ? or is not UTF-8; rename it",
            file.display()
        ))),
    }
}
