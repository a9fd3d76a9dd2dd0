//! Sessions: a random token for the caller, its SHA-256 in the store, over after one shift.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use control_center_store::{Store, StoreError};
use hardware_ports::Clock;
use models_domain::{DurationMs, UtcMillis};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::passwords::random_bytes;
use super::rights::{self, Scope};

/// How soon a stream notices that its session was ended by another process.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

pub struct Sessions {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    life: DurationMs,
    ended: Notify,
}

/// Who asks. Put into each request by the guard.
#[derive(Clone)]
pub struct Session {
    pub user: String,
    /// Where this user may command signals.
    pub signals: Scope,
    /// Where this user may have signals mended.
    pub maintenance: Scope,
    /// May give trackers of buses orders.
    pub trackers: bool,
    pub expires: UtcMillis,
    token_hash: [u8; 32],
}

impl Sessions {
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>, hours: u32) -> Self {
        let life = DurationMs(i64::from(hours) * 3_600_000);
        Self { store, clock, life, ended: Notify::new() }
    }

    /// A new session: the token and when it ends.
    ///
    /// # Errors
    /// When the store or the system's random source fails.
    pub async fn begin(&self, user: &str) -> anyhow::Result<(String, UtcMillis)> {
        let token = URL_SAFE_NO_PAD.encode(random_bytes::<32>()?);
        let now = self.clock.now();
        let expires = now + self.life;
        self.store.add_session(&hash(&token), user, now, expires).await?;
        Ok((token, expires))
    }

    /// The session of a token, unless it ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, token: &str) -> Result<Option<Session>, StoreError> {
        let token_hash = hash(token);
        let row = self.store.session(&token_hash, self.clock.now()).await?;
        let Some(row) = row else { return Ok(None) };
        // Read anew for every call: a right that was taken is gone at once.
        let grants = self.store.grants(&row.user).await?;
        let signals = Scope::of(&grants, rights::COMMAND_SIGNALS);
        let maintenance = Scope::of(&grants, rights::MAINTAIN_SIGNALS);
        let trackers = grants.contains(&rights::trackers());
        let (user, expires) = (row.user, row.expires);
        Ok(Some(Session { user, signals, maintenance, trackers, expires, token_hash }))
    }

    /// # Errors
    /// [`StoreError`].
    pub async fn end(&self, session: &Session) -> Result<(), StoreError> {
        self.store.end_session(&session.token_hash).await?;
        self.ended.notify_waiters();
        Ok(())
    }

    /// Returns when the session is over: signed out, expired, or its user got a new password.
    pub async fn over(&self, session: &Session) {
        loop {
            let ended = self.ended.notified();
            let now = self.clock.now();
            match self.store.session(&session.token_hash, now).await {
                Ok(Some(_)) => {}
                Ok(None) => return,
                // Not known now; the time limit holds anyhow.
                Err(_) if now < session.expires => {}
                Err(_) => return,
            }
            let left = u64::try_from(session.expires.since(now).0).unwrap_or(0);
            tokio::select! {
                () = ended => {}
                () = tokio::time::sleep(LOOK_AGAIN.min(Duration::from_millis(left))) => {}
            }
        }
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
