//! An SNMP agent (RFC 1157, 3416, 3414) in front of one unit, with faults of its own.

use std::time::Duration;

use anyhow::{Context, ensure};

use crate::ber::{self, INTEGER, NULL, OCTETS, Reader, SEQUENCE};
use crate::blocks;
use crate::config;
use crate::mib::{self, ASC, Refused, Value};
use crate::unit::Unit;
use crate::usm::{Opened, Usm};

const GET: u8 = 0xa0;
const GET_NEXT: u8 = 0xa1;
pub const RESPONSE: u8 = 0xa2;
const SET: u8 = 0xa3;
const GET_BULK: u8 = 0xa5;

const TOO_BIG: i64 = 1;
const NO_SUCH_NAME: i64 = 2;
const BAD_VALUE: i64 = 3;
const NOT_WRITABLE: i64 = 17;

/// SNMP versions as on the wire.
const V1: i64 = 0;
const V2C: i64 = 1;
const V3: i64 = 3;

const COUNTER: u8 = 0x41;
const TICKS: u8 = 0x43;
const NO_SUCH_OBJECT: u8 = 0x80;
const END_OF_VIEW: u8 = 0x82;

pub struct Agent {
    pub unit: Unit,
    usm: Option<Usm>,
    pub silent: bool,
    pub garbage: bool,
    pub delay: Duration,
    /// More variables than these are too big.
    pub variables_max: Option<usize>,
    /// Objects that it has not after all, below the root of 1202.
    pub lacks: Vec<Vec<u32>>,
    pub answered: u64,
    /// How often somebody said which block is wanted, whether or not that was taken, and was told one.
    pub blocks_wanted: u64,
    pub blocks_told: u64,
}

/// A question, or its answer.
pub struct Pdu {
    pub tag: u8,
    pub number: i64,
    pub error: i64,
    pub index: i64,
    pub binds: Vec<(Vec<u32>, Vec<u8>)>,
}

impl Agent {
    pub fn new(index: usize, config: config::Unit, now_ms: i64) -> Self {
        let usm = config.user.clone().map(|user| Usm::new(index, user));
        Self {
            unit: Unit::new(config, now_ms),
            usm,
            silent: false,
            garbage: false,
            delay: Duration::ZERO,
            variables_max: None,
            lacks: Vec::new(),
            answered: 0,
            blocks_wanted: 0,
            blocks_told: 0,
        }
    }

    /// Datagrams to send, and how much later.
    pub fn answer(&mut self, now_ms: i64, datagram: &[u8]) -> (Vec<Vec<u8>>, Duration) {
        if self.silent {
            return (Vec::new(), Duration::ZERO);
        }
        let Ok(answer) = self.message(now_ms, datagram) else { return (Vec::new(), Duration::ZERO) };
        let mut replies = Vec::new();
        if self.garbage {
            replies.push(b"\x30\x84\xff\xff\xff\xffnoise".to_vec());
            replies.push(answer[..answer.len() / 2].to_vec());
            replies.push(answer.iter().map(|byte| byte ^ 0x55).collect());
        }
        replies.push(answer);
        self.answered += 1;
        (replies, self.delay)
    }

    fn message(&mut self, now_ms: i64, datagram: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut message = Reader(datagram).sequence()?;
        let version = message.integer()?;
        if version == V3 {
            let up_s = self.unit.up_time(now_ms) / 100;
            let mut usm = self.usm.take().context("no user for v3")?;
            usm.engine_now(self.unit.boots, up_s);
            let answer = match usm.open(datagram) {
                Ok(Opened::Asked(asked)) => {
                    let pdu = self.pdu(now_ms, V3, Reader(&asked.pdu));
                    pdu.and_then(|pdu| usm.close(&asked, &pdu.write()))
                }
                Ok(Opened::Report(report)) => Ok(report),
                Err(err) => Err(err),
            };
            self.usm = Some(usm);
            return answer;
        }
        ensure!(version == V1 || version == V2C, "version {version}");
        let community = message.of(OCTETS)?;
        let own = self.unit.config.community.as_ref().context("no community here")?;
        // RFC 1157 §4: nobody is told that the community is wrong.
        ensure!(community == own.as_bytes(), "another community");
        let community = ber::write(OCTETS, community);
        let pdu = self.pdu(now_ms, version, message)?.write();
        Ok(ber::write(SEQUENCE, &[ber::write_integer(INTEGER, version), community, pdu].concat()))
    }

    fn pdu(&mut self, now_ms: i64, version: i64, mut message: Reader<'_>) -> anyhow::Result<Pdu> {
        let asked = Pdu::read(message.any()?)?;
        let mut answer = Pdu { tag: RESPONSE, number: asked.number, error: 0, index: 0, binds: Vec::new() };
        let refuse = |error: i64, index: usize| Pdu {
            tag: RESPONSE,
            number: asked.number,
            error,
            index: i64::try_from(index).unwrap_or(0),
            binds: asked.binds.clone(),
        };
        if self.variables_max.is_some_and(|most| asked.binds.len() > most) {
            return Ok(refuse(TOO_BIG, 0));
        }
        self.count_blocks(&asked);
        match asked.tag {
            GET => {
                for (index, (oid, _)) in asked.binds.iter().enumerate() {
                    match self.get(now_ms, oid) {
                        Some(value) => answer.binds.push((oid.clone(), write_value(&value))),
                        None if version == V1 => return Ok(refuse(NO_SUCH_NAME, index + 1)),
                        None => answer.binds.push((oid.clone(), vec![NO_SUCH_OBJECT, 0])),
                    }
                }
            }
            GET_NEXT | GET_BULK => {
                let (once, repeats) = if asked.tag == GET_BULK {
                    (
                        usize::try_from(asked.error).unwrap_or(0),
                        usize::try_from(asked.index).unwrap_or(0).min(50),
                    )
                } else {
                    (asked.binds.len(), 1)
                };
                for (index, (oid, _)) in asked.binds.iter().enumerate() {
                    let mut at = oid.clone();
                    for _ in 0..if index < once { 1 } else { repeats } {
                        match self.next(now_ms, &at) {
                            Some((next, value)) => {
                                answer.binds.push((next.clone(), write_value(&value)));
                                at = next;
                            }
                            None if version == V1 => return Ok(refuse(NO_SUCH_NAME, index + 1)),
                            None => {
                                answer.binds.push((at.clone(), vec![END_OF_VIEW, 0]));
                                break;
                            }
                        }
                    }
                }
            }
            SET => {
                // All or nothing.
                for only_look in [true, false] {
                    for (index, (oid, value)) in asked.binds.iter().enumerate() {
                        let lacks = self.lacks(oid);
                        let done = match read_value(value) {
                            Some(value) if !lacks => mib::set(&mut self.unit, now_ms, oid, &value, only_look),
                            Some(_) => Err(Refused::NoSuchName),
                            None => Err(Refused::BadValue),
                        };
                        match done {
                            Ok(()) => {}
                            Err(why) => return Ok(refuse(error_status(why, version), index + 1)),
                        }
                    }
                }
                answer.binds = asked.binds;
            }
            other => anyhow::bail!("a message of kind {other:#x}"),
        }
        Ok(answer)
    }

    fn count_blocks(&mut self, asked: &Pdu) {
        let has = |tail: &[u32]| asked.binds.iter().any(|(oid, _)| oid.strip_prefix(&ASC[..]) == Some(tail));
        self.blocks_wanted += u64::from(asked.tag == SET && has(&blocks::CONTROL));
        self.blocks_told += u64::from(asked.tag == GET && has(&blocks::DATA));
    }

    fn lacks(&self, oid: &[u32]) -> bool {
        let tail = oid.strip_prefix(&ASC[..]).unwrap_or_default();
        self.lacks.iter().any(|lacking| tail.starts_with(lacking))
    }

    fn get(&self, now_ms: i64, oid: &[u32]) -> Option<Value> {
        if self.lacks(oid) { None } else { mib::get(&self.unit, now_ms, oid) }
    }

    fn next(&self, now_ms: i64, after: &[u32]) -> Option<(Vec<u32>, Value)> {
        let all = mib::objects(&self.unit).into_iter().filter(|oid| oid.as_slice() > after);
        all.into_iter().find_map(|oid| self.get(now_ms, &oid).map(|value| (oid, value)))
    }
}

impl Pdu {
    fn read((tag, content): (u8, &[u8])) -> anyhow::Result<Self> {
        let mut content = Reader(content);
        let (number, error, index) = (content.integer()?, content.integer()?, content.integer()?);
        let (mut all, mut binds) = (content.sequence()?, Vec::new());
        while !all.0.is_empty() {
            let mut bind = all.sequence()?;
            let oid = ber::object(bind.of(ber::OBJECT)?)?;
            binds.push((oid, bind.0.to_vec()));
        }
        Ok(Self { tag, number, error, index, binds })
    }

    pub fn write(&self) -> Vec<u8> {
        let bind = |(oid, value): &(Vec<u32>, Vec<u8>)| {
            ber::write(SEQUENCE, &[ber::write_object(oid), value.clone()].concat())
        };
        let binds: Vec<u8> = self.binds.iter().flat_map(bind).collect();
        let numbers = [self.number, self.error, self.index].map(|number| ber::write_integer(INTEGER, number));
        ber::write(self.tag, &[numbers.concat(), ber::write(SEQUENCE, &binds)].concat())
    }
}

fn error_status(why: Refused, version: i64) -> i64 {
    match why {
        Refused::NoSuchName => NO_SUCH_NAME,
        Refused::BadValue => BAD_VALUE,
        // RFC 1157 has no word of its own for it.
        Refused::NotWritable if version == V1 => NO_SUCH_NAME,
        Refused::NotWritable => NOT_WRITABLE,
    }
}

fn write_value(value: &Value) -> Vec<u8> {
    match value {
        Value::Integer(number) => ber::write_integer(INTEGER, *number),
        Value::Counter(number) => ber::write_integer(COUNTER, *number),
        Value::Ticks(number) => ber::write_integer(TICKS, *number),
        Value::Octets(octets) => ber::write(OCTETS, octets),
    }
}

fn read_value(bytes: &[u8]) -> Option<Value> {
    let (tag, content) = Reader(bytes).any().ok()?;
    match tag {
        INTEGER => Some(Value::Integer(ber::integer(content).ok()?)),
        COUNTER => Some(Value::Counter(ber::integer(content).ok()?)),
        TICKS => Some(Value::Ticks(ber::integer(content).ok()?)),
        OCTETS => Some(Value::Octets(content.to_vec())),
        NULL => None,
        _ => None,
    }
}
