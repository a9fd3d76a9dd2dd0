//! Passwords: random ones, argon2id hashes, and how often somebody may try.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use control_center_core::limits::Limits;
use tokio::sync::Semaphore;

pub const NAME_MAX: usize = 64;
pub const PASSWORD_MAX: usize = 256;

/// Without letters and digits that are mistaken for each other: 31 of them, so 20 make 99 bits.
const ALPHABET: &[u8; 31] = b"abcdefghijkmnpqrstuvwxyz2345678";
/// Each hash takes 19 MiB and a core for some 20 ms: so many at once, so many may wait.
const AT_ONCE: usize = 2;
const WAITING: usize = 32;
const REMEMBERED: usize = 10_000;

/// A new password: four groups of five.
///
/// # Errors
/// When the system gives no random bytes.
pub fn random() -> anyhow::Result<String> {
    let mut letters = Vec::with_capacity(20);
    while letters.len() < 20 {
        let byte = random_bytes::<1>()?[0];
        // Of 256 values the last 8 would favour some letters.
        if byte < 248 {
            letters.push(ALPHABET[usize::from(byte) % ALPHABET.len()]);
        }
    }
    let groups: Vec<_> = letters.chunks(5).map(String::from_utf8_lossy).collect();
    Ok(groups.join("-"))
}

/// # Errors
/// When the system gives no random bytes.
pub fn random_bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| anyhow!("asking the system for random bytes: {e}"))?;
    Ok(bytes)
}

/// argon2id with a random salt, in PHC form. Slow on purpose.
///
/// # Errors
/// When the system gives no random bytes.
pub fn hash(password: &str) -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    Ok(hash.map_err(|e| anyhow!("hashing a password: {e}"))?.to_string())
}

fn fits(password: &str, hash: &str) -> bool {
    Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

/// Why nobody was let in.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// Wait so long before the next try.
    TooOften(Duration),
    /// Too many others are signing in at this moment.
    Busy,
}

/// Checks passwords, not too often and not too many at once.
pub struct Passwords {
    working: Arc<Semaphore>,
    waiting: Semaphore,
    /// Hash of nobody's password: an unknown name takes as long as a known one.
    nobody: String,
    /// By name and network: whoever tries wrong passwords keeps out himself, not the user.
    by_name: Mutex<Limits<(String, IpAddr)>>,
    by_address: Mutex<Limits<IpAddr>>,
}

impl Passwords {
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            working: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Semaphore::new(WAITING),
            nobody: hash(&random()?)?,
            by_name: Mutex::new(Limits::new(5, Duration::from_secs(20), REMEMBERED)),
            by_address: Mutex::new(Limits::new(20, Duration::from_secs(10), REMEMBERED)),
        })
    }

    /// Counts a try of `name` from `address` at `now` (monotonic), whether or not there is such a user.
    ///
    /// # Errors
    /// [`Refused::TooOften`].
    pub fn may_try(&self, name: &str, address: IpAddr, now: Duration) -> Result<(), Refused> {
        lock(&self.by_address).take(now, &network(address)).map_err(Refused::TooOften)?;
        lock(&self.by_name).take(now, &(name.to_owned(), network(address))).map_err(Refused::TooOften)
    }

    /// The try was a good one and does not count.
    pub fn was_right(&self, name: &str, address: IpAddr, now: Duration) {
        lock(&self.by_address).give_back(now, &network(address));
        lock(&self.by_name).give_back(now, &(name.to_owned(), network(address)));
    }

    /// Whether `password` is the one of `hash`; `None` for an unknown user takes as long.
    ///
    /// # Errors
    /// [`Refused::Busy`].
    pub async fn check(&self, password: String, hash: Option<String>) -> Result<bool, Refused> {
        let _place = self.waiting.try_acquire().map_err(|_| Refused::Busy)?;
        let working = self.working.clone().acquire_owned().await.map_err(|_| Refused::Busy)?;
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let checked = tokio::task::spawn_blocking(move || {
            // Held by the work itself: a caller who goes away does not make room for another.
            let _working = working;
            fits(&password, &hash)
        });
        let right = checked.await.context("checking a password").unwrap_or(false);
        Ok(right && known)
    }
}

/// One household has many IPv6 addresses: their first 64 bits count.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_passwords_are_long_and_differ() {
        let (a, b) = (random().unwrap(), random().unwrap());
        assert_eq!(a.len(), 23);
        assert_ne!(a, b);
    }

    #[tokio::test]
    async fn only_the_right_password_fits() {
        let passwords = Passwords::new().unwrap();
        let hash = hash("right").unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert_eq!(passwords.check("right".into(), Some(hash.clone())).await, Ok(true));
        assert_eq!(passwords.check("wrong".into(), Some(hash)).await, Ok(false));
        assert_eq!(passwords.check("right".into(), None).await, Ok(false));
        assert_eq!(passwords.check("right".into(), Some("damaged".into())).await, Ok(false));
    }

    #[test]
    fn tries_are_counted_per_name_and_per_network() {
        let passwords = Passwords::new().unwrap();
        let here: IpAddr = "2001:db8:1:2::1".parse().unwrap();
        let now = Duration::from_secs(1);
        let tries =
            |name: &str, from: IpAddr| (0..50).filter(|_| passwords.may_try(name, from, now).is_ok()).count();
        assert_eq!(tries("admin", here), 5);
        assert!(passwords.may_try("other", "2001:db8:1:2:ffff::9".parse().unwrap(), now).is_err());
        assert!(passwords.may_try("other", "192.0.2.1".parse().unwrap(), now).is_ok());
    }
}
