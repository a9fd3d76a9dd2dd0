//! A controller that is a table of values, for the conversation's tests.

use std::collections::BTreeMap;

use snmp2::{MessageType, Pdu};

use crate::controllers::ntcip::ber;
use crate::controllers::ntcip::objects::{
    ASC_BLOCK_DATA, ASC_BLOCK_GET_CONTROL, COORD_PATTERN_STATUS, MAX_PHASES, Numbering, PATTERN_CYCLE_TIME,
    PATTERN_OFFSET_TIME, PATTERN_SEQUENCE_NUMBER, PATTERN_SPLIT_NUMBER, PHASE_MAXIMUM_1, PHASE_MINIMUM_GREEN,
    PHASE_PEDESTRIAN_CLEAR, PHASE_RED_CLEAR, PHASE_WALK, PHASE_YELLOW_CHANGE, SPLIT_MODE, SPLIT_TIME,
    SYS_UP_TIME, SYSTEM_PATTERN_CONTROL, UNIT_BACKUP_TIME, UNIT_CONTROL_STATUS, UNIT_FLASH_STATUS, Value,
    Var,
};

/// What a controller makes of block objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocks {
    None,
    Right,
    /// The numbers of each row one octet further, the last one first.
    Shifted,
    /// They can be read, but nobody may choose.
    Refuses,
    /// The block that some other system has chosen meanwhile.
    Others,
    /// Chance, begun with this.
    Nonsense(u64),
}

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
    pub blocks: Blocks,
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
            blocks: Blocks::None,
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
        let asked: Vec<(Vec<u8>, Option<Value>)> = pdu
            .varbinds
            .clone()
            .map(|(oid, value)| {
                let set = match value {
                    snmp2::Value::Integer(number) => Some(Value::Number(number)),
                    snmp2::Value::Counter32(number) => Some(Value::Number(number.into())),
                    snmp2::Value::OctetString(octets) => Some(Value::Octets(octets.to_vec())),
                    _ => None,
                };
                (oid.as_bytes().to_vec(), set)
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
        if asked.iter().any(|(oid, _)| oid.as_slice() == ASC_BLOCK_DATA.var().oid()) {
            self.fill_block();
        }
        let chooses = |oid: &[u8]| oid == ASC_BLOCK_GET_CONTROL.var().oid();
        let closed = matches!(self.blocks, Blocks::None | Blocks::Refuses);
        let mut error = (0, 0);
        let mut binds = Vec::new();
        if asked.len() > self.variables_max {
            error = (1, 0);
        }
        for (index, (oid, set)) in (1..).zip(&asked) {
            match set {
                Some(_) if closed && chooses(oid) => error = (if self.v1 { 2 } else { 17 }, index),
                Some(value) => drop(self.values.insert(oid.clone(), value.clone())),
                None => {}
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

    fn fill_block(&mut self) {
        let data = ASC_BLOCK_DATA.var();
        match self.block() {
            Some(block) => drop(self.values.insert(data.oid().to_vec(), Value::Octets(block))),
            None => drop(self.values.remove(data.oid())),
        }
    }

    /// What `ascBlockData` is, by what was chosen (§3.2, §3.5, §3.6).
    fn block(&self) -> Option<Vec<u8>> {
        let Some(Value::Octets(control)) = self.values.get(ASC_BLOCK_GET_CONTROL.var().oid()) else {
            return None;
        };
        let (control, rows) = match (self.blocks, control.as_slice()) {
            (Blocks::None | Blocks::Refuses, _) => return None,
            (Blocks::Others, _) => (vec![0, 0x03, 99, 1], self.rows(&[0, 0x03, 99, 1])?),
            (Blocks::Right | Blocks::Shifted | Blocks::Nonsense(_), chosen) => {
                (chosen.to_vec(), self.rows(chosen)?)
            }
        };
        let mut octets = control;
        octets.extend([1, u8::try_from(rows.len()).unwrap()]);
        for (mut numbers, rest) in rows {
            if self.blocks == Blocks::Shifted {
                numbers.rotate_right(1);
            }
            octets.extend(numbers.into_iter().chain(rest));
        }
        if let Blocks::Nonsense(seed) = self.blocks {
            let mut chance = 0x9e37_79b9_7f4a_7c15_u64 ^ seed;
            octets.truncate(seed as usize % 12);
            for _ in 0..seed % 89 {
                chance ^= chance << 13;
                chance ^= chance >> 7;
                chance ^= chance << 17;
                octets.push(chance.to_le_bytes()[0]);
            }
        }
        Some(octets)
    }

    /// Of each row the numbers of one octet at its begin, and what follows.
    fn rows(&self, control: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        let number = |var: Var| match self.values.get(var.oid()) {
            Some(Value::Number(number)) => u8::try_from(*number).unwrap(),
            Some(Value::Octets(_) | Value::Missing) | None => 0,
        };
        let phase = |phase: u32| {
            let [walk, clear, green, most, yellow, red] = [
                PHASE_WALK,
                PHASE_PEDESTRIAN_CLEAR,
                PHASE_MINIMUM_GREEN,
                PHASE_MAXIMUM_1,
                PHASE_YELLOW_CHANGE,
                PHASE_RED_CLEAR,
            ]
            .map(|column| number(column.row(phase)));
            let begin =
                vec![walk, clear, green, 30, most, 50, yellow, red, 20, 0, 30, 10, 0, 10, 0, 15, 0, 0, 3];
            (begin, vec![2, 1, 1, 2, 5, 6])
        };
        let from = |first: u8, count: u8| (first..).take(count.into()).map(u32::from);
        Some(match *control {
            [0, 0x00, first, count] => from(first, count).map(phase).collect(),
            [0, 0x03, pattern, 1] => {
                let columns =
                    [PATTERN_CYCLE_TIME, PATTERN_OFFSET_TIME, PATTERN_SPLIT_NUMBER, PATTERN_SEQUENCE_NUMBER];
                vec![(columns.map(|column| number(column.row(pattern.into()))).to_vec(), Vec::new())]
            }
            [0, 0x04, table, 1, first, count] => {
                let cells =
                    |phase| [SPLIT_TIME, SPLIT_MODE].map(|column| number(column.cell(table.into(), phase)));
                from(first, count).map(|phase| ([&cells(phase)[..], &[1][..]].concat(), Vec::new())).collect()
            }
            _ => return None,
        })
    }
}
