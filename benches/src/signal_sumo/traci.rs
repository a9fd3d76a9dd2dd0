//! SUMO's Traffic Control Interface over TCP: the few commands that a signal controller needs.
//!
//! Every message is a length and commands; every answer a status for each command, then its values
//! (SUMO documentation, "TraCI/Protocol").

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, bail, ensure};

const SIMULATION_STEP: u8 = 0x02;
const CLOSE: u8 = 0x7f;
const GET_TRAFFIC_LIGHT: u8 = 0xa2;
const GET_LANE: u8 = 0xa3;
const GET_JUNCTION: u8 = 0xa9;
const SET_TRAFFIC_LIGHT: u8 = 0xc2;
const SUBSCRIBE_AROUND_JUNCTION: u8 = 0x89;
const VEHICLES: u8 = 0xa4;

const ID_LIST: u8 = 0x00;
const LIGHT_STATE: u8 = 0x20;
const LIGHT_LINKS: u8 = 0x27;
const LIGHT_PROGRAM: u8 = 0x29;
const LIGHT_PROGRAMS: u8 = 0x2b;
const LANE_LINKS: u8 = 0x33;
const LANE_SPEED_MAX: u8 = 0x41;
const LANE_LENGTH: u8 = 0x44;

const VEHICLE_SPEED: u8 = 0x40;
const VEHICLE_LANE: u8 = 0x51;
const VEHICLE_POSITION: u8 = 0x56;
const VEHICLE_WAITING: u8 = 0x7a;
const VEHICLE_CLASS: u8 = 0x49;

const STRING: u8 = 0x0c;

/// More than any answer has; a longer one is a fault.
const ANSWER_MAX: usize = 256 << 20;

/// A value as SUMO types it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Integer(i32),
    Double(f64),
    Text(String),
    Texts(Vec<String>),
    Compound(Vec<Value>),
    /// Of a type that nothing here looks at.
    Other,
}

/// One vehicle at the end of a step.
#[derive(Debug, Clone, Default)]
pub struct Vehicle {
    pub id: String,
    pub lane: String,
    pub position_m: f64,
    pub speed_mps: f64,
    /// How long it has stood, without a break.
    pub waiting_s: f64,
    pub class: String,
}

/// One way out of a lane.
#[derive(Debug, Clone)]
pub struct Follow {
    pub lane: String,
    /// To others, and no light says when.
    pub gives_way: bool,
}

pub struct Traci {
    stream: TcpStream,
}

impl Traci {
    pub fn new(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nodelay(true).context("making the connection quick")?;
        Ok(Self { stream })
    }

    /// From now on every step tells of all vehicles: those around any junction, however far.
    pub fn watch_vehicles_everywhere(&mut self) -> anyhow::Result<()> {
        let junction =
            texts(self.get(GET_JUNCTION, ID_LIST, "")?)?.into_iter().find(|id| !id.starts_with(':'));
        let junction = junction.context("the network has no junction")?;
        let mut body = Vec::new();
        // From the beginning to the end of time, and everywhere.
        for number in [-1.0e9_f64, 1.0e9] {
            body.extend_from_slice(&number.to_be_bytes());
        }
        text(&mut body, &junction);
        body.push(VEHICLES);
        body.extend_from_slice(&1.0e7_f64.to_be_bytes());
        let variables = [VEHICLE_SPEED, VEHICLE_LANE, VEHICLE_POSITION, VEHICLE_WAITING, VEHICLE_CLASS];
        body.push(variables.len() as u8);
        body.extend_from_slice(&variables);
        self.ask(SUBSCRIBE_AROUND_JUNCTION, &body).map(drop)
    }

    /// One step; all vehicles after it.
    pub fn step(&mut self) -> anyhow::Result<Vec<Vehicle>> {
        let answer = self.ask(SIMULATION_STEP, &0.0_f64.to_be_bytes())?;
        let mut reader = Reader(&answer);
        let mut vehicles = Vec::new();
        for _ in 0..reader.integer()? {
            reader.command_header()?;
            reader.text()?;
            reader.byte()?;
            let variables = reader.byte()?;
            for _ in 0..reader.integer()? {
                let mut vehicle = Vehicle { id: reader.text()?, ..Vehicle::default() };
                for _ in 0..variables {
                    let variable = reader.byte()?;
                    ensure!(reader.byte()? == 0, "SUMO does not tell variable {variable:#x}");
                    match (variable, reader.value()?) {
                        (VEHICLE_SPEED, Value::Double(speed)) => vehicle.speed_mps = speed,
                        (VEHICLE_LANE, Value::Text(lane)) => vehicle.lane = lane,
                        (VEHICLE_POSITION, Value::Double(position)) => vehicle.position_m = position,
                        (VEHICLE_WAITING, Value::Double(waiting)) => vehicle.waiting_s = waiting,
                        (VEHICLE_CLASS, Value::Text(class)) => vehicle.class = class,
                        (_, other) => bail!("variable {variable:#x} of a vehicle is {other:?}"),
                    }
                }
                vehicles.push(vehicle);
            }
        }
        Ok(vehicles)
    }

    pub fn lights(&mut self) -> anyhow::Result<Vec<String>> {
        texts(self.get(GET_TRAFFIC_LIGHT, ID_LIST, "")?)
    }

    pub fn program(&mut self, light: &str) -> anyhow::Result<String> {
        let Value::Text(program) = self.get(GET_TRAFFIC_LIGHT, LIGHT_PROGRAM, light)? else {
            bail!("the program of {light} is no text");
        };
        Ok(program)
    }

    /// All programs of a traffic light, as SUMO nests them.
    pub fn programs(&mut self, light: &str) -> anyhow::Result<Value> {
        self.get(GET_TRAFFIC_LIGHT, LIGHT_PROGRAMS, light)
    }

    /// By link index: `[incoming lane, outgoing lane, lane within the junction]` of each connection.
    pub fn links(&mut self, light: &str) -> anyhow::Result<Vec<Vec<Vec<String>>>> {
        let Value::Compound(parts) = self.get(GET_TRAFFIC_LIGHT, LIGHT_LINKS, light)? else {
            bail!("the links of {light} are no compound");
        };
        let mut parts = parts.into_iter();
        let Some(Value::Integer(count)) = parts.next() else {
            bail!("{light} does not say how many links it has")
        };
        let mut links = Vec::new();
        for _ in 0..count {
            let Some(Value::Integer(connections)) = parts.next() else {
                bail!("{light}: a link without a count")
            };
            links.push(
                (0..connections)
                    .map(|_| texts(parts.next().context("a connection")?))
                    .collect::<Result<_, _>>()?,
            );
        }
        Ok(links)
    }

    pub fn show(&mut self, light: &str, state: &str) -> anyhow::Result<()> {
        let mut body = vec![LIGHT_STATE];
        text(&mut body, light);
        body.push(STRING);
        text(&mut body, state);
        self.ask(SET_TRAFFIC_LIGHT, &body).map(drop)
    }

    pub fn lanes(&mut self) -> anyhow::Result<Vec<String>> {
        texts(self.get(GET_LANE, ID_LIST, "")?)
    }

    pub fn lane_length_m(&mut self, lane: &str) -> anyhow::Result<f64> {
        self.lane_number(lane, LANE_LENGTH)
    }

    pub fn lane_speed_mps(&mut self, lane: &str) -> anyhow::Result<f64> {
        self.lane_number(lane, LANE_SPEED_MAX)
    }

    /// Where `lane` leads to.
    pub fn lane_follows(&mut self, lane: &str) -> anyhow::Result<Vec<Follow>> {
        let Value::Compound(parts) = self.get(GET_LANE, LANE_LINKS, lane)? else {
            bail!("the links of lane {lane} are no compound");
        };
        // A count, then eight values a link: the lane it leads to, the one within the junction, three flags, its state.
        let links = parts.get(1..).unwrap_or_default().chunks(8);
        let leads_to = |link: &[Value]| match link {
            [Value::Text(lane), _, _, _, _, Value::Text(state), ..] => {
                Some(Follow { lane: lane.clone(), gives_way: matches!(state.as_str(), "m" | "s" | "w") })
            }
            _ => None,
        };
        Ok(links.filter_map(leads_to).collect())
    }

    pub fn close(&mut self) -> anyhow::Result<()> {
        self.ask(CLOSE, &[]).map(drop)
    }

    fn lane_number(&mut self, lane: &str, variable: u8) -> anyhow::Result<f64> {
        let Value::Double(number) = self.get(GET_LANE, variable, lane)? else {
            bail!("variable {variable:#x} of lane {lane} is no number");
        };
        Ok(number)
    }

    fn get(&mut self, domain: u8, variable: u8, object: &str) -> anyhow::Result<Value> {
        let mut body = vec![variable];
        text(&mut body, object);
        let answer = self.ask(domain, &body)?;
        let mut reader = Reader(&answer);
        reader.command_header()?;
        reader.byte()?;
        reader.text()?;
        reader.value()
    }

    /// Sends one command; what follows its status.
    fn ask(&mut self, command: u8, body: &[u8]) -> anyhow::Result<Vec<u8>> {
        let length = body.len() + 2;
        let mut message = Vec::with_capacity(length + 9);
        if let Ok(short) = u8::try_from(length) {
            message.extend_from_slice(&(4 + length as u32).to_be_bytes());
            message.push(short);
        } else {
            message.extend_from_slice(&(8 + length as u32).to_be_bytes());
            message.push(0);
            message.extend_from_slice(&(4 + length as u32).to_be_bytes());
        }
        message.push(command);
        message.extend_from_slice(body);
        self.stream.write_all(&message).context("asking SUMO")?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).context("hearing SUMO; has it ended by itself?")?;
        let length = u32::from_be_bytes(length) as usize;
        ensure!((4..ANSWER_MAX).contains(&length), "SUMO answers {length} bytes");
        let mut answer = vec![0; length - 4];
        self.stream.read_exact(&mut answer).context("hearing SUMO")?;
        let mut reader = Reader(&answer);
        reader.command_header()?;
        let status = reader.byte()?;
        let said = reader.text()?;
        ensure!(status == 0, "SUMO refuses command {command:#x}: {said}");
        Ok(reader.0.to_vec())
    }
}

fn texts(value: Value) -> anyhow::Result<Vec<String>> {
    let Value::Texts(texts) = value else { bail!("SUMO answers {value:?} where texts were asked for") };
    Ok(texts)
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Reads typed values off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> anyhow::Result<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count).context("SUMO's answer is cut off")?;
        self.0 = rest;
        Ok(head)
    }

    fn byte(&mut self) -> anyhow::Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn integer(&mut self) -> anyhow::Result<i32> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into()?))
    }

    fn count(&mut self) -> anyhow::Result<usize> {
        usize::try_from(self.integer()?).context("a negative count")
    }

    fn double(&mut self) -> anyhow::Result<f64> {
        Ok(f64::from_be_bytes(self.take(8)?.try_into()?))
    }

    fn text(&mut self) -> anyhow::Result<String> {
        let length = self.count()?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    /// The length and the number of a command; the number.
    fn command_header(&mut self) -> anyhow::Result<u8> {
        if self.byte()? == 0 {
            self.integer()?;
        }
        self.byte()
    }

    fn value(&mut self) -> anyhow::Result<Value> {
        Ok(match self.byte()? {
            0x07 | 0x08 => {
                self.byte()?;
                Value::Other
            }
            0x09 => Value::Integer(self.integer()?),
            0x0b => Value::Double(self.double()?),
            STRING => Value::Text(self.text()?),
            0x0e => {
                let count = self.count()?;
                Value::Texts((0..count).map(|_| self.text()).collect::<Result<_, _>>()?)
            }
            0x0f => {
                let count = self.count()?;
                Value::Compound((0..count).map(|_| self.value()).collect::<Result<_, _>>()?)
            }
            0x10 => {
                let count = self.count()?;
                self.take(count.saturating_mul(8))?;
                Value::Other
            }
            unknown => bail!("SUMO answers a value of the unknown type {unknown:#x}"),
        })
    }
}
