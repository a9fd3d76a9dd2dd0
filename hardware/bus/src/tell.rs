//! zenoh tries again in silence and refuses in silence: what a person should know of it is looked for and told here.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::line::{Line, Open};
use crate::probe;

/// How often a side looks that has told of a trouble.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often it looks while nothing is wrong.
const FIRST_LOOK: Duration = Duration::from_secs(2);
/// Looks in a row that find a hall which takes nothing, before it is told: after connecting, its wishes come a little later.
const DEAF_LOOKS: u32 = 3;

/// What a pole looks after.
pub(crate) struct Pole {
    pub line: Arc<Line>,
    pub addresses: Vec<String>,
    pub config: Arc<rustls::ClientConfig>,
    /// The key of the last message that must arrive.
    pub last_key: Arc<Mutex<Option<String>>>,
}

/// What is asked whether anybody wishes what this pole sends. It is kept: zenoh tells the hall of each that is declared.
struct Asked {
    /// The number of its session.
    session: u64,
    publisher: zenoh::pubsub::Publisher<'static>,
}

/// Logs why a pole has no session, or one that takes nothing: once for each new reason, and once when it is well again.
pub(crate) async fn why_not(pole: Pole, closing: CancellationToken) {
    let (mut told, mut deaf, mut asked) = (None, 0, None);
    loop {
        let patience = if told.is_some() { LOOK_EVERY } else { FIRST_LOOK };
        tokio::select! {
            () = closing.cancelled() => return,
            () = tokio::time::sleep(patience) => {}
        }
        let Some(open) = pole.line.peek() else { continue };
        let why = if connected(&open.session).await {
            deaf = if pole.hears_nothing(&open, &mut asked).await { deaf + 1 } else { 0 };
            (deaf >= DEAF_LOOKS).then(|| {
                "the hall is connected and takes nothing from here: the certificate is not enrolled there, was revoked or \
                 replaced, or is another gateway's; make a new one with control-center gateway-certificate"
                    .to_owned()
            })
        } else {
            deaf = 0;
            pole.unreachable().await.map(|why| format!("the hall cannot be reached: {why}"))
        };
        match why {
            Some(why) if told.as_ref() != Some(&why) => {
                tracing::warn!("{why}; events wait on the disk");
                told = Some(why);
            }
            None if told.is_some() && deaf == 0 && connected(&open.session).await => {
                tracing::info!("the hall is reached again");
                told = None;
            }
            Some(_) | None => {}
        }
    }
}

impl Pole {
    async fn unreachable(&self) -> Option<String> {
        let (to, config) = (self.addresses.clone(), self.config.clone());
        let looked = tokio::task::spawn_blocking(move || {
            to.iter().filter_map(|a| probe::probe(a, config.clone()).err()).collect::<Vec<_>>().join("; ")
        });
        Some(looked.await.unwrap_or_default()).filter(|why| !why.is_empty())
    }

    /// Whether nobody wishes what this pole sends. A hall that lets it speak always does.
    async fn hears_nothing(&self, open: &Open, asked: &mut Option<Asked>) -> bool {
        let key = self.last_key.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(key) = key else { return false };
        let same = |asked: &Asked| asked.session == open.number && asked.publisher.key_expr().as_str() == key;
        if !asked.as_ref().is_some_and(same) {
            let Ok(publisher) = open.session.declare_publisher(key).await else { return false };
            *asked = Some(Asked { session: open.number, publisher });
        }
        let Some(asked) = asked else { return false };
        asked.publisher.matching_status().await.is_ok_and(|status| !status.matching())
    }
}

/// Logs each certificate that is connected to the hall and may do nothing there.
pub(crate) async fn strangers(
    line: Arc<Line>,
    access: Arc<Mutex<Access>>,
    own: String,
    closing: CancellationToken,
) {
    let mut told = BTreeSet::new();
    loop {
        tokio::select! {
            () = closing.cancelled() => return,
            () = tokio::time::sleep(FIRST_LOOK) => {}
        }
        let Some(open) = line.peek() else { continue };
        let links: Vec<_> = open.session.info().links().await.collect();
        let access = access.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut here = BTreeSet::new();
        for link in &links {
            let name = link.auth_identifier();
            if name == Some(&own) || access.admits(name) {
                continue;
            }
            let name = name.unwrap_or("(none)").to_owned();
            if !told.contains(&name) {
                tracing::warn!(
                    from = %link.dst(), certificate = name,
                    "a gateway is connected that may do nothing: its certificate is not enrolled, or was revoked or replaced; \
                     control-center gateway-certificate makes a new one"
                );
            }
            here.insert(name);
        }
        told = here;
    }
}

pub(crate) async fn connected(session: &zenoh::Session) -> bool {
    let info = session.info();
    info.routers_zid().await.next().is_some() || info.peers_zid().await.next().is_some()
}
