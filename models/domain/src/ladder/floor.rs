//! What a stream costs when nothing moves, learned from seconds in which nothing did.
//!
//! For each span its median and its spread; both forget what is older than two minutes, so dusk is followed. How much the
//! bytes shrink with each step of the quantiser is learned too: by theory they halve every six, but pure noise is lost
//! faster, and by night that is most of the picture.

use std::collections::VecDeque;

use super::stir::{Cost, SPANS};

/// Seconds that are remembered, and the fewest to know the floor.
const SECONDS: usize = 120;
const SECONDS_MIN: usize = 8;
/// H.264 §8.5.8, H.265 §8.6.3: the quantiser's step doubles every 6, and with it, roughly, the bytes halve.
const SLOPE: f32 = std::f32::consts::LN_2 / 6.0;
const SLOPE_MAX: f32 = 0.5;
/// How strongly theory is believed: as this many seconds in which the quantiser varied by 1.
const SLOPE_BELIEF: f32 = 4.0;
/// A spread below this is luck, natural logarithm; intra pictures vary less.
const SPREAD_MIN: f32 = 0.005;
const SPREAD_MIN_INTRA: f32 = 0.001;
/// So many seconds in a row this far off, in spreads, and the floor is another one now.
const FAR: f32 = 3.0;
const FAR_SECONDS: usize = 4;
/// The same of seconds that nobody looked at, and only far below: a lamp that takes the noise away, another bit rate. What moves
/// adds bytes, so nothing hides in fewer of them; until the floor has followed, it would. It takes twice as many each time: between two
/// levels that take turns it must not follow to and fro.
const SUNK_SECONDS: usize = SECONDS_MIN;

/// How sure it is that nothing moved in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quiet {
    /// Its pictures were looked at.
    Seen,
    /// It did not stir enough to be looked at.
    Unseen,
}

#[derive(Debug, Clone)]
pub(super) struct Floor {
    seconds: VecDeque<[Cost; SPANS]>,
    slope: f32,
    median: [f32; SPANS],
    spread: [f32; SPANS],
    /// The newest seconds in a row that were far off, on one side.
    far: Vec<[Cost; SPANS]>,
    /// So many of them that nobody looked at let it follow downwards.
    sunk: usize,
}

impl Default for Floor {
    fn default() -> Self {
        Self {
            seconds: VecDeque::new(),
            slope: SLOPE,
            median: [0.0; SPANS],
            spread: [SPREAD_MIN; SPANS],
            far: Vec::new(),
            sunk: SUNK_SECONDS,
        }
    }
}

impl Floor {
    pub fn is_known(&self) -> bool {
        self.seconds.len() >= SECONDS_MIN
    }

    /// What the logarithm of the bytes loses with each step of the quantiser.
    pub fn slope(&self) -> f32 {
        self.slope
    }

    /// How far above the floor a second is, in spreads, over the span where it is farthest of the first `spans`; of intra
    /// pictures, whose size tells what they show and not what moves, how far off.
    pub fn above(&self, second: &[Cost; SPANS], spans: usize, intra: bool) -> f32 {
        let off = (0..spans.min(SPANS)).map(|i| self.off(second, i));
        off.map(|off| if intra { off.abs() } else { off }).fold(f32::MIN, f32::max)
    }

    /// One second in which nothing moved. Whether the floor is another one now.
    pub fn learn(&mut self, second: &[Cost; SPANS], quiet: Quiet, intra: bool) -> bool {
        let off = if self.is_known() { self.off(second, 0) } else { 0.0 };
        let before = self.far.last().map_or(off, |last| self.off(last, 0));
        let (tells, enough) = match quiet {
            Quiet::Seen => (true, FAR_SECONDS),
            Quiet::Unseen => (off < 0.0 && !intra, self.sunk),
        };
        if off.abs() <= FAR || off * before <= 0.0 || !tells {
            self.far.clear();
        } else {
            self.far.push(*second);
        }
        let is_news = self.far.len() >= enough;
        if is_news {
            // The light went on, the gain went up: what was before says nothing any more.
            self.seconds = self.far.drain(..).collect();
            if quiet == Quiet::Unseen {
                self.sunk = (2 * self.sunk).min(SECONDS / 2);
            }
        } else {
            if self.seconds.len() >= SECONDS {
                self.seconds.pop_front();
            }
            self.seconds.push_back(*second);
        }
        self.fit_slope();
        let least = if intra { SPREAD_MIN_INTRA } else { SPREAD_MIN };
        for i in 0..SPANS {
            let mut levels: Vec<f32> = self.seconds.iter().map(|s| s[i].level(self.slope)).collect();
            self.median[i] = median(&mut levels);
            levels.iter_mut().for_each(|level| *level = (*level - self.median[i]).abs());
            // Of a normal distribution its standard deviation. The tail is left out: it may be motion that was not seen.
            self.spread[i] = (1.4826 * median(&mut levels)).max(least);
        }
        is_news
    }

    fn off(&self, second: &[Cost; SPANS], span: usize) -> f32 {
        (second[span].level(self.slope) - self.median[span]) / self.spread[span]
    }

    /// Least squares over the seconds that are not far off, drawn towards theory.
    fn fit_slope(&mut self) {
        let near = |s: &&[Cost; SPANS]| !self.is_known() || self.off(s, 0).abs() <= FAR;
        let kept: Vec<Cost> = self.seconds.iter().filter(near).map(|s| s[0]).collect();
        let count = kept.len().max(1) as f32;
        let mean = |of: fn(&Cost) -> f32| kept.iter().map(of).sum::<f32>() / count;
        let (bytes, qp) = (mean(|c| c.bytes), mean(|c| c.qp));
        let together = kept.iter().map(|c| (c.qp - qp) * (c.bytes - bytes)).sum::<f32>();
        let alone = kept.iter().map(|c| (c.qp - qp).powi(2)).sum::<f32>();
        self.slope = ((SLOPE_BELIEF * SLOPE - together) / (SLOPE_BELIEF + alone)).clamp(SLOPE, SLOPE_MAX);
    }
}

fn median(values: &mut [f32]) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}
