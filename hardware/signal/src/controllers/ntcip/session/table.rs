//! A controller that is a table of values, for the conversation's tests.

use std::collections::BTreeMap;

use snmp2::{MessageType, Pdu};

use crate::controllers::ntcip::ber;
use crate::controllers::ntcip::objects::{
    COORD_PATTERN_STATUS, MAX_PHASES, Numbering, SYS_UP_TIME, SYSTEM_PATTERN_CONTROL, UNIT_BACKUP_TIME,
    UNIT_CONTROL_STATUS, UNIT_FLASH_STATUS, Value, Var,
};

/// A controller.
pub struct Table {
    pub values: BTreeMap<Vec<u8>, Value>,
    /// Answers v1: one thing that it has not, and nothing is told.
    pub v1: bool,
    pub variables_max: usize,
    pub silent: bool,
    /// Questions with this variable are left unanswered.
    pub deaf_to: Option<Vec<u8>>,
    /// Questions with this variable fail, as those to a unit that is busy do.
    pub busy_with: Option<Vec<u8>>,
    pub asked: Vec<String>,
    /// How often each variable was asked for.
    pub times_asked: BTreeMap<Vec<u8>, usize>,
}

pub fn scalars() -> Vec<(Var, i64)> {
    let [red, yellow, green, ..] = Numbering::Bits8.phase_status();
    [
        (MAX_PHASES, 8),
        (UNIT_BACKUP_TIME, 9),
        (SYS_UP_TIME, 5_000),
        (UNIT_FLASH_STATUS, 2),
        (UNIT_CONTROL_STATUS, 6),
        (COORD_PATTERN_STATUS, 1),
        (SYSTEM_PATTERN_CONTROL, 0),
    ]
    .map(|(object, number)| (object.var(), number))
    .into_iter()
    .chain([(red.row(1), 8), (yellow.row(1), 0), (green.row(1), 2)])
    .collect()
}

impl Table {
    pub fn new(values: impl IntoIterator<Item = (Var, i64)>) -> Self {
        let mut table = Self {
            values: BTreeMap::new(),
            v1: false,
            variables_max: 99,
            silent: false,
            deaf_to: None,
            busy_with: None,
            asked: Vec::new(),
            times_asked: BTreeMap::new(),
        };
        for (var, number) in values {
            table.set(&var, number);
        }
        table
    }

    pub fn times(&self, var: &Var) -> usize {
        self.times_asked.get(var.oid()).copied().unwrap_or(0)
    }

    pub fn set(&mut self, var: &Var, number: i64) {
        self.values.insert(var.oid().to_vec(), Value::Number(number));
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "a foreign enum, of which two kinds are set")]
    pub fn answer(&mut self, v1: bool, datagram: &[u8]) -> Option<Vec<u8>> {
        let pdu = Pdu::from_bytes(datagram).unwrap();
        let asked: Vec<(Vec<u8>, Option<i64>)> = pdu
            .varbinds
            .clone()
            .map(|(oid, value)| {
                let number = match value {
                    snmp2::Value::Integer(number) => Some(number),
                    snmp2::Value::Counter32(number) => Some(number.into()),
                    _ => None,
                };
                (oid.as_bytes().to_vec(), number)
            })
            .collect();
        let kind = if pdu.message_type == MessageType::SetRequest { "set" } else { "get" };
        self.asked.push(format!("{kind} {}", asked.len()));
        for (oid, _) in &asked {
            *self.times_asked.entry(oid.clone()).or_default() += 1;
        }
        let is_deaf = |oid: &Vec<u8>| self.deaf_to.as_ref() == Some(oid);
        if self.silent || asked.iter().any(|(oid, _)| is_deaf(oid)) {
            return None;
        }
        let mut error = (0, 0);
        let mut binds = Vec::new();
        if asked.len() > self.variables_max {
            error = (1, 0);
        }
        for (index, (oid, set)) in (1..).zip(&asked) {
            if let Some(number) = set {
                self.values.insert(oid.clone(), Value::Number(*number));
            }
            if self.busy_with.as_ref() == Some(oid) {
                error = (5, index);
            }
            let value = match self.values.get(oid) {
                Some(Value::Number(number)) => ber::integer(ber::INTEGER, *number),
                Some(Value::Octets(octets)) => ber::tlv(ber::OCTETS, &[octets]),
                Some(Value::Missing) | None => {
                    if self.v1 && error.0 == 0 {
                        error = (2, index);
                    }
                    vec![0x80, 0]
                }
            };
            binds.extend(ber::tlv(ber::SEQUENCE, &[&ber::tlv(ber::OBJECT, &[oid]), &value]));
        }
        let number = |number: i64| ber::integer(ber::INTEGER, number);
        let binds = ber::tlv(ber::SEQUENCE, &[&binds]);
        let response =
            ber::tlv(0xa2, &[&number(pdu.req_id.into()), &number(error.0), &number(error.1), &binds]);
        let version = number(i64::from(!v1));
        Some(ber::tlv(ber::SEQUENCE, &[&version, &ber::tlv(ber::OCTETS, &[b"public"]), &response]))
    }
}
