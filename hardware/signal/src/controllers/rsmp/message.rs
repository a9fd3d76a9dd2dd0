//! Messages of a site, RSMP core 3.1.2 to 3.3.0, read leniently: any bytes give a message or a reason. Never panics.

use models_domain::UtcMillis;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Longest message id that is echoed; the standard's are UUIDs of 36 characters.
const MESSAGE_ID_MAX: usize = 64;

/// A packet that is no message; `id` when it could be read nevertheless, so that the refusal can name it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Malformed {
    pub id: Option<String>,
    pub reason: String,
}

/// A message from a site.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// Empty for acknowledgements, which are not acknowledged themselves.
    pub id: String,
    pub body: Body,
}

/// Unknown fields are left out: the standard adds some with each version.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Ack(Acknowledged),
    NotAck(Acknowledged),
    Version(VersionRequest),
    Watchdog(WatchdogTime),
    AggregatedStatus(AggregatedStatus),
    Alarm(Alarm),
    /// `StatusResponse` and `StatusUpdate`: the same content, asked for or subscribed to.
    Status(Status),
    CommandResponse(CommandAnswer),
    ComponentList(ComponentList),
    /// Messages that only a supervisor sends.
    NotForUs(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Acknowledged {
    #[serde(rename = "oMId")]
    pub id: String,
    #[serde(default, rename = "rea")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VersionRequest {
    #[serde(rename = "RSMP")]
    pub core: Vec<CoreVersion>,
    #[serde(rename = "siteId")]
    pub sites: Vec<SiteId>,
    /// Until core 3.2.2; from 3.3.0 on only for old supervisors.
    #[serde(default, rename = "SXL")]
    pub sxl: Option<String>,
    /// From core 3.3.0 on.
    #[serde(default, rename = "SXLS")]
    pub sxls: Vec<Sxl>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreVersion {
    pub vers: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteId {
    #[serde(rename = "sId")]
    pub id: String,
}

/// A signal exchange list: what codes such as S0001 mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sxl {
    pub name: String,
    pub version: String,
}

/// What a site consists of, from core 3.3.0 on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ComponentList {
    pub components: Vec<ListedComponent>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ListedComponent {
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WatchdogTime {
    #[serde(rename = "wTs")]
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AggregatedStatus {
    #[serde(default, rename = "cId")]
    pub component: String,
    /// Eight: local control, no communication, faults of high, medium, low priority, in use, idle, not connected.
    #[serde(rename = "se", deserialize_with = "bits")]
    pub states: Vec<bool>,
    /// Functional position.
    #[serde(default, rename = "fP")]
    pub position: Option<String>,
    /// Functional state.
    #[serde(default, rename = "fS")]
    pub state: Option<String>,
}

/// In core 3.1.2 they are texts.
fn bits<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<bool>, D::Error> {
    let bit = |value: serde_json::Value| match value {
        serde_json::Value::Bool(bit) => Some(bit),
        serde_json::Value::String(text) => text.to_ascii_lowercase().parse().ok(),
        serde_json::Value::Null
        | serde_json::Value::Number(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => None,
    };
    let bits = Vec::<serde_json::Value>::deserialize(from)?.into_iter().map(bit);
    bits.collect::<Option<_>>().ok_or_else(|| D::Error::custom("se must be true or false"))
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Alarm {
    #[serde(rename = "cId")]
    pub component: String,
    #[serde(rename = "aCId")]
    pub code: String,
    /// The maker's own text, such as `Lamp error #14`.
    #[serde(default, rename = "xACId")]
    pub external: Option<String>,
    #[serde(rename = "aSp")]
    pub specialization: String,
    #[serde(rename = "ack")]
    pub acknowledged: String,
    #[serde(rename = "aS")]
    pub active: String,
    #[serde(rename = "sS")]
    pub suspended: String,
    #[serde(rename = "aTs")]
    pub at: Timestamp,
    #[serde(rename = "pri")]
    pub priority: String,
    #[serde(default, rename = "rvs")]
    pub values: Vec<AlarmValue>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AlarmValue {
    #[serde(rename = "n")]
    pub name: String,
    #[serde(rename = "v")]
    pub value: Scalar,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Status {
    #[serde(rename = "cId")]
    pub component: String,
    #[serde(rename = "sTs")]
    pub at: Timestamp,
    #[serde(rename = "sS")]
    pub values: Vec<StatusValue>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StatusValue {
    #[serde(rename = "sCI")]
    pub code: String,
    #[serde(rename = "n")]
    pub name: String,
    #[serde(default, rename = "s")]
    pub value: serde_json::Value,
    #[serde(rename = "q")]
    pub quality: Quality,
}

/// `CommandResponse`: the values in force after a command.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CommandAnswer {
    #[serde(rename = "cId")]
    pub component: String,
    #[serde(rename = "rvs")]
    pub values: Vec<CommandValue>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CommandValue {
    #[serde(rename = "cCI")]
    pub code: String,
    #[serde(rename = "n")]
    pub name: String,
    #[serde(default, rename = "v")]
    pub value: serde_json::Value,
    /// `recent`, `old`, `undefined` or `unknown`.
    #[serde(default)]
    pub age: String,
}

impl CommandValue {
    /// The site has such a component and such a command.
    pub fn is_known(&self) -> bool {
        !matches!(self.age.as_str(), "undefined" | "unknown")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    Recent,
    /// Buffered while the link was down.
    Old,
    /// The component does not exist.
    Undefined,
    Unknown,
}

impl Quality {
    /// Whether there is a value at all.
    pub fn is_told(self) -> bool {
        match self {
            Quality::Recent | Quality::Old => true,
            Quality::Undefined | Quality::Unknown => false,
        }
    }
}

/// A value as text; numbers of equipment that forgets the quotes are taken too, lists are not looked into.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "serde_json::Value")]
pub struct Scalar(pub Option<String>);

impl From<serde_json::Value> for Scalar {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        Self(match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        })
    }
}

/// A point in time as a site writes it: `2015-06-08T11:49:03.293Z`; other fractions and offsets are read as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Timestamp(pub UtcMillis);

impl TryFrom<String> for Timestamp {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let at = OffsetDateTime::parse(&text, &Rfc3339)
            .map_err(|_| format!("{:?} is no time", text.chars().take(40).collect::<String>()))?;
        let ms = i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).map_err(|e| e.to_string())?;
        Ok(Self(UtcMillis(ms)))
    }
}

/// Reads one packet.
///
/// # Errors
/// [`Malformed`] with a text for `MessageNotAck`; never longer than a line.
pub fn decode(packet: &[u8]) -> Result<Incoming, Malformed> {
    let refuse = |id: Option<&str>, reason: String| {
        Err(Malformed {
            id: id.map(str::to_owned),
            reason: reason.chars().filter(|c| !c.is_control()).take(200).collect(),
        })
    };
    let value: serde_json::Value = match serde_json::from_slice(packet) {
        Ok(value) => value,
        Err(err) => return refuse(None, format!("not JSON: {err}")),
    };
    let text = |name: &str| value.get(name).and_then(|field| field.as_str());
    let id = text("mId").filter(|id| (1..=MESSAGE_ID_MAX).contains(&id.len())).map(str::to_owned);
    if text("mType") != Some("rSMsg") {
        return refuse(id.as_deref(), "mType must be \"rSMsg\"".to_owned());
    }
    let Some(kind) = text("type").map(str::to_owned) else {
        return refuse(id.as_deref(), "type is missing".to_owned());
    };
    let body = match body(&kind, value) {
        Ok(body) => body,
        Err(reason) => return refuse(id.as_deref(), reason),
    };
    match (&body, id) {
        (Body::Ack(_) | Body::NotAck(_), _) => Ok(Incoming { id: String::new(), body }),
        (_, Some(id)) => Ok(Incoming { id, body }),
        (_, None) => {
            refuse(None, format!("{kind}: mId is missing or longer than {MESSAGE_ID_MAX} characters"))
        }
    }
}

fn body(kind: &str, value: serde_json::Value) -> Result<Body, String> {
    fn read<T: serde::de::DeserializeOwned>(kind: &str, value: serde_json::Value) -> Result<T, String> {
        serde_json::from_value(value).map_err(|err| format!("{kind}: {err}"))
    }
    Ok(match kind {
        "MessageAck" => Body::Ack(read(kind, value)?),
        "MessageNotAck" => Body::NotAck(read(kind, value)?),
        "Version" => Body::Version(read(kind, value)?),
        "Watchdog" => Body::Watchdog(read(kind, value)?),
        "AggregatedStatus" => Body::AggregatedStatus(read(kind, value)?),
        "Alarm" => Body::Alarm(read(kind, value)?),
        "StatusResponse" | "StatusUpdate" => Body::Status(read(kind, value)?),
        "CommandResponse" => Body::CommandResponse(read(kind, value)?),
        "ComponentList" => Body::ComponentList(read(kind, value)?),
        "AggregatedStatusRequest" => Body::NotForUs("AggregatedStatusRequest"),
        "StatusRequest" => Body::NotForUs("StatusRequest"),
        "StatusSubscribe" => Body::NotForUs("StatusSubscribe"),
        "StatusUnsubscribe" => Body::NotForUs("StatusUnsubscribe"),
        "CommandRequest" => Body::NotForUs("CommandRequest"),
        unknown => {
            return Err(format!("Unknown packet type: {}", unknown.chars().take(40).collect::<String>()));
        }
    })
}
