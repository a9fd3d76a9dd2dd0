//! Messages of ours, written strictly as the JSON schemas of RSMP core 3.1.5 to 3.3.0 want them.

use models_domain::UtcMillis;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::message::{CoreVersion, SiteId, Sxl};

const TIMESTAMP: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A message of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
pub enum Outgoing {
    MessageAck {
        #[serde(rename = "oMId")]
        id: String,
    },
    MessageNotAck {
        #[serde(rename = "oMId")]
        id: String,
        #[serde(rename = "rea")]
        reason: String,
    },
    /// Until core 3.2.2.
    Version {
        #[serde(rename = "mId")]
        id: String,
        #[serde(rename = "RSMP")]
        core: [CoreVersion; 1],
        #[serde(rename = "siteId")]
        sites: [SiteId; 1],
        #[serde(rename = "SXL")]
        sxl: String,
    },
    /// From core 3.3.0 on.
    #[serde(rename = "Version")]
    VersionResponse {
        #[serde(rename = "mId")]
        id: String,
        step: &'static str,
        #[serde(rename = "RSMP")]
        core: [CoreVersion; 1],
        #[serde(rename = "supervisorId")]
        supervisor: String,
        #[serde(rename = "SXLS")]
        sxls: Vec<Sxl>,
        #[serde(rename = "receiveAlarms")]
        receive_alarms: bool,
    },
    Watchdog {
        #[serde(rename = "mId")]
        id: String,
        #[serde(rename = "wTs")]
        at: String,
    },
    StatusRequest {
        #[serde(rename = "mId")]
        id: String,
        #[serde(flatten)]
        about: About,
        #[serde(rename = "sS")]
        what: Vec<StatusName>,
    },
    StatusSubscribe {
        #[serde(rename = "mId")]
        id: String,
        #[serde(flatten)]
        about: About,
        #[serde(rename = "sS")]
        what: Vec<Subscription>,
    },
    StatusUnsubscribe {
        #[serde(rename = "mId")]
        id: String,
        #[serde(flatten)]
        about: About,
        #[serde(rename = "sS")]
        what: Vec<StatusName>,
    },
    CommandRequest {
        #[serde(rename = "mId")]
        id: String,
        #[serde(flatten)]
        about: About,
        #[serde(rename = "arg")]
        arguments: Vec<CommandArgument>,
    },
    Alarm {
        #[serde(rename = "mId")]
        id: String,
        #[serde(flatten)]
        about: About,
        #[serde(flatten)]
        alarm: AlarmName,
    },
    /// From core 3.1.5 on.
    AggregatedStatusRequest {
        #[serde(rename = "mId")]
        id: String,
        #[serde(flatten)]
        about: About,
    },
}

/// One argument of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandArgument {
    #[serde(rename = "cCI")]
    pub code: &'static str,
    #[serde(rename = "cO")]
    pub command: &'static str,
    #[serde(rename = "n")]
    pub name: &'static str,
    #[serde(rename = "v")]
    pub value: serde_json::Value,
}

/// An alarm, and what is to be done with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmName {
    #[serde(rename = "aCId")]
    pub code: String,
    #[serde(rename = "xACId")]
    pub external: String,
    #[serde(rename = "aSp")]
    pub step: &'static str,
    #[serde(rename = "aTs", skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// The component a request is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    #[serde(rename = "ntsOId")]
    nts_object: &'static str,
    #[serde(rename = "xNId")]
    external_nts: &'static str,
    #[serde(rename = "cId")]
    component: String,
}

impl About {
    pub fn component(component: String) -> Self {
        Self { nts_object: "", external_nts: "", component }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusName {
    #[serde(rename = "sCI")]
    pub code: &'static str,
    #[serde(rename = "n")]
    pub name: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subscription {
    #[serde(flatten)]
    pub status: StatusName,
    /// Seconds between two updates; 0: none but those on change.
    #[serde(rename = "uRt")]
    pub interval_s: String,
    /// From core 3.1.5 on; before, an interval of 0 alone means "on change".
    #[serde(rename = "sOc", skip_serializing_if = "Option::is_none")]
    pub on_change: Option<bool>,
}

impl Outgoing {
    /// The number an acknowledgement must name; `None` for acknowledgements.
    pub fn id(&self) -> Option<&str> {
        match self {
            Outgoing::MessageAck { .. } | Outgoing::MessageNotAck { .. } => None,
            Outgoing::Version { id, .. }
            | Outgoing::VersionResponse { id, .. }
            | Outgoing::Watchdog { id, .. }
            | Outgoing::StatusRequest { id, .. }
            | Outgoing::StatusSubscribe { id, .. }
            | Outgoing::StatusUnsubscribe { id, .. }
            | Outgoing::CommandRequest { id, .. }
            | Outgoing::Alarm { id, .. }
            | Outgoing::AggregatedStatusRequest { id, .. } => Some(id),
        }
    }

    /// What it is called in texts for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Outgoing::MessageAck { .. } => "MessageAck",
            Outgoing::MessageNotAck { .. } => "MessageNotAck",
            Outgoing::Version { .. } | Outgoing::VersionResponse { .. } => "Version",
            Outgoing::Watchdog { .. } => "Watchdog",
            Outgoing::StatusRequest { .. } => "StatusRequest",
            Outgoing::StatusSubscribe { .. } => "StatusSubscribe",
            Outgoing::StatusUnsubscribe { .. } => "StatusUnsubscribe",
            Outgoing::CommandRequest { .. } => "CommandRequest",
            Outgoing::Alarm { .. } => "Alarm",
            Outgoing::AggregatedStatusRequest { .. } => "AggregatedStatusRequest",
        }
    }

    /// JSON without its form feed.
    pub fn encode(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Packet<'a> {
            #[serde(rename = "mType")]
            kind: &'static str,
            #[serde(flatten)]
            body: &'a Outgoing,
        }
        // Text-keyed structs of text cannot fail to serialise.
        serde_json::to_vec(&Packet { kind: "rSMsg", body: self }).unwrap_or_default()
    }
}

/// The time as RSMP wants it written; times that no calendar has become 1970.
pub fn timestamp(at: UtcMillis) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(TIMESTAMP)
        .unwrap_or_else(|_| "1970-01-01T00:00:00.000Z".to_owned())
}
