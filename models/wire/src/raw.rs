//! `EventBatch` with its events still packed: the hall keeps them byte by byte, also those of a newer contract.

use prost::Message;

/// On the wire the same as `ngatu.v1.EventBatch`.
#[derive(Clone, PartialEq, Message)]
pub struct RawEventBatch {
    #[prost(uint64, tag = "1")]
    pub boot: u64,
    #[prost(uint64, tag = "2")]
    pub oldest_kept: u64,
    /// Each one an encoded `ngatu.v1.Event`.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub events: Vec<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1;

    #[test]
    fn is_the_same_message() {
        let event = v1::Event { seq: 3, at_ms: 4, body: None };
        let batch = v1::EventBatch { boot: 1, oldest_kept: 2, events: vec![event.clone(), event.clone()] };
        let raw = RawEventBatch::decode(&batch.encode_to_vec()[..]).unwrap();
        assert_eq!((raw.boot, raw.oldest_kept), (1, 2));
        assert_eq!(raw.events, [event.encode_to_vec(), event.encode_to_vec()]);
    }
}
