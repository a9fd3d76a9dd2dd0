//! One connection of a controller: moves bytes between its socket and its session, reports to the sink.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hardware_ports::sink::{NotKept, SignalReport};
use models_domain::event::{Link, LinkState};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::controllers::{Action, Answer, At, Order, Session};
use crate::links::{Asking, ConnectionNumber, Seat};
use crate::server::Shared;
use crate::tls;

/// A site that does not read its acknowledgements for so long is gone.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// Longest wait for the sink; the site gives up on its acknowledgement after 30 s.
const KEEP_MAX: Duration = Duration::from_secs(15);

/// After the sink refused that a link is down: nothing else comes from this site.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// Orders that wait to be handed to the session; more are refused.
const ORDERS_MAX: usize = 32;

const READ_BYTES: usize = 16 * 1024;

pub(crate) struct Connection {
    number: ConnectionNumber,
    peer: SocketAddr,
    /// Until the site has introduced itself.
    seat: Option<Seat>,
    site: Option<String>,
    /// Whose certificate the other side has shown.
    certificate: Option<String>,
    shared: Arc<Shared>,
    stop: CancellationToken,
    /// A newer connection speaks for the site.
    replaced: CancellationToken,
    orders: mpsc::Receiver<Asking>,
    /// Given to whoever may ask something of the site.
    desk: mpsc::Sender<Asking>,
    orders_taken: u64,
    replies_by_order: BTreeMap<u64, oneshot::Sender<Answer>>,
}

/// Why a connection ends; for people.
struct End(String);

impl Connection {
    pub fn new(
        number: ConnectionNumber,
        peer: SocketAddr,
        seat: Seat,
        shared: Arc<Shared>,
        stop: CancellationToken,
    ) -> Self {
        let (desk, orders) = mpsc::channel(ORDERS_MAX);
        Self {
            number,
            peer,
            seat: Some(seat),
            site: None,
            certificate: None,
            shared,
            stop,
            replaced: CancellationToken::new(),
            orders,
            desk,
            orders_taken: 0,
            replies_by_order: BTreeMap::new(),
        }
    }

    pub async fn run(mut self, stream: TcpStream) {
        // Acknowledgements are small and waited for.
        if let Err(err) = stream.set_nodelay(true) {
            warn!(%err, "the connection stays slow");
        }
        let Some(acceptor) = self.shared.tls.clone() else { return self.speak(stream).await };
        let greeted = tokio::select! {
            () = self.stop.cancelled() => return,
            greeted = tokio::time::timeout(self.shared.session.timing.introduction, acceptor.accept(stream)) => greeted,
        };
        match greeted {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates().and_then(|all| all.first());
                self.certificate = shown.and_then(tls::common_name);
                self.speak(stream).await;
            }
            Ok(Err(err)) => {
                warn!(%err, "a connection whose TLS fails; are the certificates of both sides right?")
            }
            Err(_) => info!("a connection began no TLS in time"),
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin>(mut self, mut stream: S) {
        let mut session = (self.shared.open)(self.at(), self.shared.session.clone());
        let End(reason) = self.talk(&mut stream, session.as_mut()).await;
        let Some(site) = self.site.clone() else {
            info!(reason, "a connection ended before it introduced itself");
            return;
        };
        info!(site, reason, "a site's connection ended");
        let down = LinkState { link: Link::Down, reason };
        // A newer connection of the site ends this: what it tells is the state then.
        let mut told = false;
        while let Err(err) = self.tell(&site, down.clone()).await {
            if !std::mem::replace(&mut told, true) {
                warn!(site, %err, "the state of the link is not kept yet; tried again");
            }
            tokio::select! {
                () = self.stop.cancelled() => return warn!(site, "the state of the link was lost"),
                () = tokio::time::sleep(TELL_AGAIN) => {}
            }
        }
    }

    async fn talk<S>(&mut self, stream: &mut S, session: &mut dyn Session) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            if let Err(end) = self.act(stream, session).await {
                return end;
            }
            let wait = session.poll_timeout().saturating_sub(self.shared.clock.elapsed());
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return End("the adapter was stopped".to_owned()),
                () = self.replaced.cancelled() => return End("a newer connection took over".to_owned()),
                Some(asking) = self.orders.recv() => {
                    self.orders_taken += 1;
                    self.replies_by_order.insert(self.orders_taken, asking.reply);
                    session.order(Order { number: self.orders_taken, what: asking.what });
                }
                () = tokio::time::sleep(wait) => session.handle_timeout(self.at()),
                read = stream.read(&mut buffer) => match read {
                    Ok(0) => return End("the site closed the connection".to_owned()),
                    Ok(length) => session.receive(self.at(), &buffer[..length]),
                    Err(err) => return End(format!("the connection broke: {err}")),
                },
            }
        }
    }

    /// Everything the session wants done. What was acknowledged before a failure is still sent.
    async fn act<S>(&mut self, stream: &mut S, session: &mut dyn Session) -> Result<(), End>
    where
        S: AsyncWrite + Unpin,
    {
        let mut out = Vec::new();
        let mut done = Ok(());
        while let Some(action) = session.poll() {
            done = self.act_once(action, &mut out).await;
            if done.is_err() {
                break;
            }
        }
        if !out.is_empty() {
            match tokio::time::timeout(WRITE_MAX, stream.write_all(&out)).await {
                Ok(Ok(())) => {}
                Ok(Err(err)) => return Err(End(format!("the connection broke: {err}"))),
                Err(_) => return Err(End(format!("the site read nothing for {} s", WRITE_MAX.as_secs()))),
            }
        }
        done
    }

    async fn act_once(&mut self, action: Action, out: &mut Vec<u8>) -> Result<(), End> {
        match action {
            Action::Send(bytes) => out.extend_from_slice(&bytes),
            Action::Keep(report) => self.keep(report).await.map_err(not_kept)?,
            Action::Identified { site } => self.identified(site).await?,
            Action::Up { remark } => {
                if let Some(site) = self.site.clone() {
                    if remark.is_empty() {
                        info!(site, "a site's link is up");
                    } else {
                        warn!(site, remark, "a site's link is up, but");
                    }
                    self.tell(&site, LinkState { link: Link::Up, reason: remark }).await.map_err(not_kept)?;
                }
            }
            Action::Answered { number, answer } => {
                if let Some(reply) = self.replies_by_order.remove(&number) {
                    // Whoever asked may have gone.
                    let _ = reply.send(answer);
                }
            }
            Action::Warn(text) => warn!(site = self.site.as_deref().unwrap_or("unknown"), "{text}"),
            Action::Down { reason } | Action::Close { reason } => return Err(End(reason)),
        }
        Ok(())
    }

    async fn identified(&mut self, site: String) -> Result<(), End> {
        let allowed = self.shared.allow_from_by_site.get(&site);
        if allowed.is_none_or(|from| !from.is_empty() && !from.contains(&self.peer.ip())) {
            warn!(site, "refused: the address is not among the site's allow_from");
            return Err(End(format!("site {site} may not dial from {}", self.peer.ip())));
        }
        if self.shared.wants_certificates && self.certificate.as_ref() != Some(&site) {
            let name = self.certificate.as_deref().unwrap_or("nobody: it has no common name");
            warn!(site, certificate = name, "refused: the certificate is another site's");
            return Err(End(format!("site {site} showed the certificate of {name}")));
        }
        self.shared.desk.links.take(&site, self.number, self.replaced.clone(), self.desk.clone()).await;
        self.site = Some(site);
        self.seat = None;
        Ok(())
    }

    async fn keep(&self, report: SignalReport) -> Result<(), NotKept> {
        match tokio::time::timeout(KEEP_MAX, self.shared.sink.accept(report)).await {
            Ok(kept) => kept,
            Err(_) => Err(NotKept(format!("no answer within {} s", KEEP_MAX.as_secs()))),
        }
    }

    async fn tell(&self, site: &str, state: LinkState) -> Result<(), NotKept> {
        self.shared
            .desk
            .links
            .tell(site, self.number, self.shared.clock.now(), state, self.shared.sink.as_ref())
            .await
    }

    fn at(&self) -> At {
        At::of(self.shared.clock.as_ref())
    }
}

fn not_kept(err: NotKept) -> End {
    End(format!("{err}; the site will send it again"))
}
