//! `EventBatch` made of events that are already encoded, as they lie on the pole's disk.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::v1::EventBatch;

/// The same bytes as encoding an [`EventBatch`] of the decoded events, without decoding them.
pub fn batch_of_encoded(boot: u64, oldest_kept: u64, events: &[Vec<u8>]) -> Vec<u8> {
    /// `EventBatch.events` in event.proto.
    const EVENTS: u32 = 3;
    let mut bytes = EventBatch { boot, oldest_kept, events: Vec::new() }.encode_to_vec();
    for event in events {
        encode_key(EVENTS, WireType::LengthDelimited, &mut bytes);
        encode_varint(event.len() as u64, &mut bytes);
        bytes.extend_from_slice(event);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::Event;

    #[test]
    fn equals_the_plain_encoding() {
        let events: Vec<_> = (1..=300).map(|seq| Event { seq, at_ms: -7, body: None }).collect();
        let encoded: Vec<_> = events.iter().map(Message::encode_to_vec).collect();
        let want = EventBatch { boot: 9, oldest_kept: 1, events }.encode_to_vec();
        assert_eq!(batch_of_encoded(9, 1, &encoded), want);
    }
}
