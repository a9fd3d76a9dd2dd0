//! Who was told of in the log lately: a device that sends rubbish must not fill it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::quiet::{Quiet, cut};

/// Devices that are remembered; with more in a minute, the others are counted only.
const DEVICES: usize = 1024;

/// Shared by all connections: some devices open one for each message.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashMap<String, Quiet>>);

impl Told {
    /// When a line of this device is due: how many there were since its last one, as far as it is remembered. `now` is time since
    /// some fixed moment.
    pub fn due(&self, device: &str, now: Duration) -> Option<u64> {
        // Names of devices may be as long as lines.
        let device = cut(device);
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(quiet) = told.get_mut(device) {
            return quiet.due(now);
        }
        if told.len() >= DEVICES {
            told.retain(|_, quiet| quiet.is_silent(now));
        }
        if told.len() >= DEVICES {
            return None;
        }
        told.entry(device.to_owned()).or_default().due(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_device_and_minute() {
        let (told, second) = (Told::default(), Duration::from_secs);
        let due: Vec<_> = [0, 1, 59, 60, 61].map(|s| told.due("a", second(s))).into();
        assert_eq!(due, [Some(1), None, None, Some(3), None]);
        assert_eq!(told.due("b", second(61)), Some(1));
        let many = (0..2 * DEVICES).filter(|n| told.due(&n.to_string(), second(62)).is_some()).count();
        assert_eq!(many, DEVICES - 2);
        assert_eq!(told.due("c", second(122)), Some(1));
        let long = "d".repeat(200);
        let due = [long.clone(), long.clone() + "e", long + "f"].map(|name| told.due(&name, second(123)));
        assert_eq!(due, [Some(1), None, None]);
    }
}
