//! The agent's side of SNMP v3's user-based security (RFC 3414) with HMAC-SHA-96 and AES-128 (RFC 3826).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aes::Aes128;
use anyhow::{Context, ensure};
use cfb_mode::cipher::{AsyncStreamCipher, KeyIvInit};
use hmac::{Hmac, Mac};
use sha1::{Digest, Sha1};

use crate::agent::Pdu;
use crate::ber::{self, INTEGER, OCTETS, Reader, SEQUENCE};
use crate::config::User;

const REPORT: u8 = 0xa8;
const AUTHENTICATED: u8 = 1;
const PRIVATE: u8 = 2;
const DIGEST_BYTES: usize = 12;
/// Engine times may differ by so much, in seconds.
const WINDOW_S: i64 = 150;
const DATAGRAM_MAX: i64 = 65_507;

/// 1.3.6.1.6.3.15.1.1, and what it counts.
const STATISTICS: [u32; 9] = [1, 3, 6, 1, 6, 3, 15, 1, 1];
const UNSUPPORTED_LEVEL: u32 = 1;
const NOT_IN_TIME: u32 = 2;
const UNKNOWN_USER: u32 = 3;
const UNKNOWN_ENGINE: u32 = 4;
const WRONG_DIGEST: u32 = 5;

pub struct Usm {
    engine: Vec<u8>,
    boots: i64,
    time_s: i64,
    user: User,
    auth_key: Option<[u8; 20]>,
    privacy_key: Option<[u8; 20]>,
    salt: u64,
}

/// A question that was let in.
pub struct Asked {
    number: i64,
    flags: u8,
    context: Vec<u8>,
    pub pdu: Vec<u8>,
}

pub enum Opened {
    Asked(Asked),
    /// What to answer instead.
    Report(Vec<u8>),
}

impl Usm {
    pub fn new(index: usize, user: User) -> Self {
        // RFC 3411 §5: an enterprise's number (here that of NEMA's 1206), then text.
        let engine = [&[0x80, 0, 4, 0xb6, 4][..], format!("unit{index}").as_bytes()].concat();
        let key =
            |password: &Option<String>| password.as_ref().map(|word| localized(word.as_bytes(), &engine));
        let (auth_key, privacy_key) = (key(&user.auth_password), key(&user.privacy_password));
        Self { auth_key, privacy_key, engine, boots: 1, time_s: 0, user, salt: 0 }
    }

    pub fn engine_now(&mut self, boots: i64, time_s: i64) {
        (self.boots, self.time_s) = (boots, time_s);
    }

    pub fn open(&mut self, datagram: &[u8]) -> anyhow::Result<Opened> {
        let mut message = Reader(datagram).sequence()?;
        message.integer()?;
        let mut header = message.sequence()?;
        let (number, _most) = (header.integer()?, header.integer()?);
        let flags = *header.of(OCTETS)?.first().context("no flags")?;
        ensure!(header.integer()? == 3, "another security model");
        let parameters = message.of(OCTETS)?;
        let mut user = Reader(parameters).sequence()?;
        let (engine, boots, time) = (user.of(OCTETS)?, user.integer()?, user.integer()?);
        let (name, digest, salt) = (user.of(OCTETS)?, user.of(OCTETS)?, user.of(OCTETS)?);
        if engine != self.engine {
            return self.report((number, name), 0, UNKNOWN_ENGINE);
        }
        if name != self.user.name.as_bytes() {
            return self.report((number, name), 0, UNKNOWN_USER);
        }
        let wanted = self.auth_key.map_or(0, |_| AUTHENTICATED) | self.privacy_key.map_or(0, |_| PRIVATE);
        if flags & (AUTHENTICATED | PRIVATE) != wanted {
            return self.report((number, name), 0, UNSUPPORTED_LEVEL);
        }
        if let Some(key) = &self.auth_key {
            ensure!(digest.len() == DIGEST_BYTES, "a digest of {} bytes", digest.len());
            let at = digest.as_ptr().addr() - datagram.as_ptr().addr();
            let mut blank = datagram.to_vec();
            blank[at..at + DIGEST_BYTES].fill(0);
            if sign(key, &blank)? != digest {
                return self.report((number, name), 0, WRONG_DIGEST);
            }
            if boots != self.boots || (time - self.time_s).abs() > WINDOW_S {
                return self.report((number, name), AUTHENTICATED, NOT_IN_TIME);
            }
        }
        let plain = match &self.privacy_key {
            Some(key) => {
                let mut scoped = message.of(OCTETS)?.to_vec();
                ensure!(salt.len() == 8, "a salt of {} bytes", salt.len());
                let iv = initial(boots, time, salt);
                cfb_mode::Decryptor::<Aes128>::new(key[..16].into(), &iv.into()).decrypt(&mut scoped);
                scoped
            }
            None => message.0.to_vec(),
        };
        let mut scoped = Reader(&plain).sequence()?;
        let (_engine, context) = (scoped.of(OCTETS)?, scoped.of(OCTETS)?.to_vec());
        Ok(Opened::Asked(Asked { number, flags: wanted, context, pdu: scoped.0.to_vec() }))
    }

    pub fn close(&mut self, asked: &Asked, pdu: &[u8]) -> anyhow::Result<Vec<u8>> {
        let name = self.user.name.clone();
        self.write((asked.number, name.as_bytes()), asked.flags, &asked.context, pdu)
    }

    /// In the name under which the question came: whoever asks who the unit is has none yet.
    fn report(&mut self, asked: (i64, &[u8]), flags: u8, counted: u32) -> anyhow::Result<Opened> {
        let oid = STATISTICS.iter().copied().chain([counted, 0]).collect();
        let binds = vec![(oid, ber::write_integer(0x41, 1))];
        let pdu = Pdu { tag: REPORT, number: 0, error: 0, index: 0, binds };
        Ok(Opened::Report(self.write(asked, flags, b"", &pdu.write())?))
    }

    fn write(
        &mut self,
        (number, name): (i64, &[u8]),
        flags: u8,
        context: &[u8],
        pdu: &[u8],
    ) -> anyhow::Result<Vec<u8>> {
        let octets = |bytes: &[u8]| ber::write(OCTETS, bytes);
        let scoped = ber::write(SEQUENCE, &[octets(&self.engine), octets(context), pdu.to_vec()].concat());
        self.salt += 1;
        let salt = self.salt.to_be_bytes();
        let (data, salt) = match &self.privacy_key {
            Some(key) if flags & PRIVATE != 0 => {
                let (mut scoped, iv) = (scoped, initial(self.boots, self.time_s, &salt));
                cfb_mode::Encryptor::<Aes128>::new(key[..16].into(), &iv.into()).encrypt(&mut scoped);
                (octets(&scoped), &salt[..])
            }
            Some(_) | None => (scoped, &[][..]),
        };
        let signs = self.auth_key.filter(|_| flags & AUTHENTICATED != 0);
        let message = |digest: &[u8]| {
            let user = [
                octets(&self.engine),
                ber::write_integer(INTEGER, self.boots),
                ber::write_integer(INTEGER, self.time_s),
                octets(name),
                octets(digest),
                octets(salt),
            ];
            let header = [
                ber::write_integer(INTEGER, number),
                ber::write_integer(INTEGER, DATAGRAM_MAX),
                octets(&[flags]),
                ber::write_integer(INTEGER, 3),
            ];
            let parts = [
                ber::write_integer(INTEGER, 3),
                ber::write(SEQUENCE, &header.concat()),
                octets(&ber::write(SEQUENCE, &user.concat())),
                data.clone(),
            ];
            ber::write(SEQUENCE, &parts.concat())
        };
        match signs {
            Some(key) => Ok(message(&sign(&key, &message(&[0; DIGEST_BYTES]))?)),
            None => Ok(message(&[])),
        }
    }
}

/// RFC 3414 §A.2.2: a megabyte of the password, and the engine.
fn localized(password: &[u8], engine: &[u8]) -> [u8; 20] {
    // Many units of a street have the same password.
    static KEYS: Mutex<BTreeMap<Vec<u8>, [u8; 20]>> = Mutex::new(BTreeMap::new());
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = *keys.entry(password.to_vec()).or_insert_with(|| {
        let million: Vec<u8> = password.iter().copied().cycle().take(1 << 20).collect();
        Sha1::digest(&million).into()
    });
    Sha1::digest([&key[..], engine, &key[..]].concat()).into()
}

fn sign(key: &[u8], message: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut hmac = Hmac::<Sha1>::new_from_slice(key).context("a key")?;
    hmac.update(message);
    Ok(hmac.finalize().into_bytes()[..DIGEST_BYTES].to_vec())
}

/// RFC 3826 §3.1.2.1.
fn initial(boots: i64, time_s: i64, salt: &[u8]) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..4].copy_from_slice(&(boots as u32).to_be_bytes());
    iv[4..8].copy_from_slice(&(time_s as u32).to_be_bytes());
    iv[8..].copy_from_slice(&salt[..8]);
    iv
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3414 §A.3.2.
    #[test]
    fn a_localized_key() {
        let engine = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        let key: String =
            localized(b"maplesyrup", &engine).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(key, "6695febc9288e36282235fc7151f128497b38f3f");
    }
}
