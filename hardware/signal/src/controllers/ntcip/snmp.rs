//! SNMP v1, v2c and v3 (RFC 1157, 1901, 3414): requests to datagrams, datagrams to answers. Pure but for the salts of v3,
//! which `snmp2` draws itself. Of `snmp2` the reading and the security of v3 are used, not its sessions: those own a socket
//! and are one answer behind for ever after one that came late.

use snmp2::v3::{Auth, AuthErrorKind, AuthProtocol, Cipher, Security};
use snmp2::{Error, MessageType, Pdu, Value as Wire};

use super::ber::{self, COUNTER, INTEGER, NULL, OBJECT, OCTETS, SEQUENCE};
use super::objects::{GLOBAL_TIME, Value, Values, Var};
use crate::controllers::{Access, Digest};

/// Longest datagram that is taken, in bytes (RFC 3417 wants 484 at least).
const DATAGRAM_MAX: i64 = 65_507;

/// GetRequest and SetRequest (RFC 3416 §3).
const GET: u8 = 0xa0;
const SET: u8 = 0xa3;

/// The engine id of templates that never leave the house.
const NOBODY: &[u8] = b"nobody";

#[derive(Debug, Clone)]
pub enum Request {
    Get(Vec<Var>),
    Set(Vec<(Var, Value)>),
}

/// What a datagram says.
#[derive(Debug)]
pub enum Heard {
    Answer {
        number: i32,
        /// RFC 3416 §3: 0 is none, 1 tooBig, 2 noSuchName …
        error: u32,
        /// Of the variable it is about, from 1.
        index: u32,
        values: Values,
    },
    /// The controller's engine is known now, or its time: what was asked is to be sent again.
    Again,
    /// Why it takes no question of ours.
    Denied(String),
}

pub struct Snmp {
    access: Access,
    /// For v3: the keys, and what is known of the controller's engine.
    security: Option<Security>,
}

impl Snmp {
    pub fn new(access: Access) -> Self {
        let security = security(&access);
        Self { access, security }
    }

    /// The datagram that asks `request`; with v3 the first asks who the controller is (RFC 3414 §4).
    ///
    /// # Errors
    /// When the keys do not fit together.
    pub fn write(&self, number: i32, request: &Request) -> Result<Vec<u8>, String> {
        let inner = write_request(number, request);
        let Some(security) = &self.security else {
            let (version, community) = match &self.access {
                Access::Community { v1: true, community } => (0, community.as_bytes()),
                Access::Community { v1: false, community } => (1, community.as_bytes()),
                Access::User { .. } | Access::Broadcast { .. } => (3, &[][..]),
            };
            let parts = [ber::integer(INTEGER, version), ber::tlv(OCTETS, &[community]), inner];
            return Ok(ber::tlv(SEQUENCE, &[&parts[0], &parts[1], &parts[2]]));
        };
        if security.engine_id().is_empty() {
            return Ok(template(number, b"", &write_request(number, &Request::Get(Vec::new()))));
        }
        let template = template(number, NOBODY, &inner);
        let fits = |err: Error| format!("SNMPv3: {err}");
        let nobody = Security::new(b"", b"").with_auth(Auth::NoAuthNoPriv).with_engine_id(NOBODY);
        let mut nobody = nobody.map_err(fits)?;
        let pdu = Pdu::from_bytes_with_security(&template, Some(&mut nobody)).map_err(fits)?;
        pdu.to_bytes_with_security(Some(security)).map_err(fits)
    }

    /// # Errors
    /// Why it is no answer; it may be anybody's.
    pub fn read(&mut self, datagram: &[u8]) -> Result<Heard, String> {
        let own = datagram.to_vec();
        let denied = self.security.is_some().then(|| report(datagram)).flatten();
        let read = Pdu::from_bytes_with_security(&own, self.security.as_mut());
        let pdu = match read {
            Ok(pdu) => pdu,
            Err(Error::AuthUpdated | Error::AuthFailure(AuthErrorKind::EngineTimeMismatch)) => {
                return Ok(Heard::Again);
            }
            Err(Error::AuthFailure(AuthErrorKind::EngineIdMismatch)) => {
                // Another unit answers at this address: it is asked anew who it is.
                self.security = security(&self.access);
                return Ok(Heard::Again);
            }
            Err(err) => {
                return denied.map_or_else(|| Err(err.to_string()), |why| Ok(Heard::Denied(why.to_owned())));
            }
        };
        match pdu.message_type {
            MessageType::Response => {}
            // Authenticated: that the time is another one; it was taken over.
            MessageType::Report => {
                return Ok(denied.map_or(Heard::Again, |why| Heard::Denied(why.to_owned())));
            }
            MessageType::GetRequest
            | MessageType::GetNextRequest
            | MessageType::GetBulkRequest
            | MessageType::SetRequest
            | MessageType::InformRequest
            | MessageType::Trap
            | MessageType::TrapV1 => return Err("a message that is no answer".to_owned()),
        }
        let mut values = Values::default();
        for (oid, value) in pdu.varbinds.clone() {
            values.insert(oid.as_bytes().to_vec(), read_value(&value));
        }
        Ok(Heard::Answer { number: pdu.req_id, error: pdu.error_status, index: pdu.error_index, values })
    }
}

fn security(access: &Access) -> Option<Security> {
    let Access::User { name, auth, privacy } = access else { return None };
    let (digest, password) =
        auth.as_ref().map_or((Digest::Sha1, ""), |(digest, word)| (*digest, word.as_str()));
    let protocol = match digest {
        Digest::Md5 => AuthProtocol::Md5,
        Digest::Sha1 => AuthProtocol::Sha1,
        Digest::Sha256 => AuthProtocol::Sha256,
    };
    let auth = match (auth, privacy) {
        (None, _) => Auth::NoAuthNoPriv,
        (Some(_), None) => Auth::AuthNoPriv,
        (Some(_), Some(word)) => {
            Auth::AuthPriv { cipher: Cipher::Aes128, privacy_password: word.as_bytes().to_vec() }
        }
    };
    Some(Security::new(name.as_bytes(), password.as_bytes()).with_auth_protocol(protocol).with_auth(auth))
}

/// What a report of RFC 3414 §5 says that asking again does not mend; it comes in the clear.
fn report(datagram: &[u8]) -> Option<&'static str> {
    let counter = |last: u8| [0x2b, 6, 1, 6, 3, 15, 1, 1, last];
    [
        (1, "it does not offer this kind of security (usmStatsUnsupportedSecLevels)"),
        (3, "it does not know the SNMPv3 user (usmStatsUnknownUserNames)"),
        (5, "the SNMPv3 user's password is another one (usmStatsWrongDigests)"),
        (6, "the SNMPv3 user's privacy password is another one (usmStatsDecryptionErrors)"),
    ]
    .into_iter()
    .find_map(|(last, why)| datagram.windows(9).any(|nine| nine == counter(last)).then_some(why))
}

/// A v3 message without security.
fn template(number: i32, engine: &[u8], pdu: &[u8]) -> Vec<u8> {
    let (empty, zero) = (ber::tlv(OCTETS, &[]), ber::integer(INTEGER, 0));
    let engine = ber::tlv(OCTETS, &[engine]);
    let user = ber::tlv(SEQUENCE, &[&engine, &zero, &zero, &empty, &empty, &empty]);
    let header = [
        ber::integer(INTEGER, number.into()),
        ber::integer(INTEGER, DATAGRAM_MAX),
        // Reportable.
        ber::tlv(OCTETS, &[&[4]]),
        ber::integer(INTEGER, 3),
    ];
    let header = ber::tlv(SEQUENCE, &[&header[0], &header[1], &header[2], &header[3]]);
    let scoped = ber::tlv(SEQUENCE, &[&engine, &empty, pdu]);
    ber::tlv(SEQUENCE, &[&ber::integer(INTEGER, 3), &header, &ber::tlv(OCTETS, &[&user]), &scoped])
}

fn write_request(number: i32, request: &Request) -> Vec<u8> {
    let bind = |var: &Var, value: Vec<u8>| ber::tlv(SEQUENCE, &[&ber::tlv(OBJECT, &[var.oid()]), &value]);
    let (tag, binds): (u8, Vec<u8>) = match request {
        Request::Get(vars) => (GET, vars.iter().flat_map(|var| bind(var, ber::tlv(NULL, &[]))).collect()),
        Request::Set(all) => {
            (SET, all.iter().flat_map(|(var, value)| bind(var, write_value(var, value))).collect())
        }
    };
    let zero = ber::integer(INTEGER, 0);
    ber::tlv(tag, &[&ber::integer(INTEGER, number.into()), &zero, &zero, &ber::tlv(SEQUENCE, &[&binds])])
}

fn write_value(var: &Var, value: &Value) -> Vec<u8> {
    match value {
        // The one object we set that is no INTEGER (NTCIP 1201 §2.4.1: Counter).
        Value::Number(number) if var.oid() == GLOBAL_TIME.var().oid() => ber::integer(COUNTER, *number),
        Value::Number(number) => ber::integer(INTEGER, *number),
        Value::Octets(octets) => ber::tlv(OCTETS, &[octets]),
        Value::Missing => ber::tlv(NULL, &[]),
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "a foreign enum; what is no value here is none")]
fn read_value(value: &Wire<'_>) -> Value {
    match value {
        Wire::Integer(number) => Value::Number(*number),
        Wire::Counter32(number) | Wire::Unsigned32(number) | Wire::Timeticks(number) => {
            Value::Number((*number).into())
        }
        Wire::OctetString(octets) => Value::Octets(octets.to_vec()),
        _ => Value::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::super::objects::{SYS_UP_TIME, UNIT_BACKUP_TIME};
    use super::*;

    fn v2c() -> Snmp {
        Snmp::new(Access::Community { v1: false, community: "public".into() })
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// As Debian's `snmpget -v2c -c public -d` sends it, but for the number.
    #[test]
    fn a_get_as_others_send_it() {
        let asked = v2c().write(0x0102, &Request::Get(vec![SYS_UP_TIME.var()])).unwrap();
        assert_eq!(
            hex(&asked),
            "302702010104067075626c6963a01a02020102020100020100300e300c06082b060102010103000500"
        );
    }

    #[test]
    fn answers_and_garbage() {
        let mut snmp = v2c();
        let set = Request::Set(vec![(UNIT_BACKUP_TIME.var(), Value::Number(300))]);
        let mut datagram = snmp.write(7, &set).unwrap();
        assert!(snmp.read(&datagram).is_err(), "our own question is no answer");
        let at = datagram.iter().position(|byte| *byte == SET).unwrap();
        datagram[at] = 0xa2;
        let Ok(Heard::Answer { number: 7, error: 0, values, .. }) = snmp.read(&datagram) else { panic!() };
        assert_eq!(values.number(UNIT_BACKUP_TIME), Some(300));
        for length in 0..datagram.len() {
            assert!(!matches!(snmp.read(&datagram[..length]), Ok(Heard::Answer { error: 1.., .. })));
        }
    }

    /// Every octet of a v3 message changed in turn, and every beginning of it: errors or nothing, never a panic.
    #[test]
    fn garbage_never_panics_with_v3() {
        let access = Access::User {
            name: "hanoi".into(),
            auth: Some((Digest::Sha1, "long enough".into())),
            privacy: Some("long enough too".into()),
        };
        let request = Request::Get(vec![SYS_UP_TIME.var()]);
        let mut snmp = Snmp::new(access.clone());
        let discovery = snmp.write(1, &request).unwrap();
        let report = template(1, b"engine", &write_request(1, &Request::Get(vec![])));
        assert!(matches!(snmp.read(&report), Ok(Heard::Again)));
        let whole = snmp.write(1, &request).unwrap();
        assert!(whole.len() > discovery.len());
        for datagram in [&discovery, &report, &whole] {
            for index in 0..datagram.len() {
                let _ = snmp.read(&datagram[..index]);
                for value in [0, 1, 0x7f, 0x80, 0x84, 0xff] {
                    let mut changed = datagram.clone();
                    changed[index] = value;
                    let _ = snmp.read(&changed);
                }
            }
        }
    }

    #[test]
    fn secrets_are_shown_nowhere() {
        let access = Access::User {
            name: "hanoi".into(),
            auth: Some((Digest::Sha1, "geheim!!".into())),
            privacy: None,
        };
        let community = Access::Community { v1: true, community: "geheim".into() };
        assert!(!format!("{access:?} {community:?}").contains("geheim"));
    }
}
