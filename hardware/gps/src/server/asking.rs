//! What devices are asked on their connections, in their protocols' words.

use std::task::Poll;

use models_domain::DurationMs;

use super::connection::Device;
use super::waiting::{Later, at_once};
use crate::protocols::Source;
use crate::quiet::{cut, line};

/// An order in a datagram is sent again when it was not answered for so long.
const UNANSWERED: DurationMs = DurationMs(60_000);

impl Device<'_> {
    /// What the device is asked, in its protocol's words, as far as it can be sent now: what it may have heard is written down
    /// before, and what it has `answered` behind it.
    pub(super) async fn ask(&mut self, answered: bool) -> Vec<u8> {
        let (Some(device), Some(protocol)) = (&self.session.device, self.protocol) else { return Vec::new() };
        let now = self.shared.clock.now();
        let sent_before = match self.session.source {
            // A datagram may be lost, and no new connection tells so.
            Source::Datagram => self.began.max(now - UNANSWERED),
            Source::Live | Source::Recording => self.began,
        };
        let orders = &self.shared.orders;
        let (due, changed) = orders.due(device, sent_before, now);
        if !changed && !answered {
            return Vec::new();
        }
        let mut encoded = Vec::new();
        for due in due {
            let bytes = match protocol.encode {
                Some(encode) => encode(&self.session, &due.order, due.tag),
                None => Err(format!("{}: nothing can be asked in this protocol", protocol.name)),
            };
            match bytes {
                Ok(bytes) => encoded.push((due, bytes)),
                Err(why) => {
                    let (shown, said) = (cut(device), line(&why));
                    tracing::warn!(
                        protocol = protocol.name,
                        device = shown,
                        "an order cannot be sent: {said}"
                    );
                    orders.failed(&due, &why);
                }
            }
        }
        let (before, orders) = (self.asking.take(), orders.clone());
        let mut asking: Later<Vec<u8>> = Box::pin(async move {
            let mut bytes = match before {
                Some(before) => before.await,
                None => Vec::new(),
            };
            bytes.extend(orders.written(encoded).await);
            bytes
        });
        match at_once(&mut asking).await {
            Poll::Ready(bytes) => bytes,
            Poll::Pending => {
                self.asking = Some(asking);
                Vec::new()
            }
        }
    }
}
