//! The city mix: mostly a quiet street, busy for four minutes in twenty, and the weather of a camera laid over it. Where it is
//! wished for, all traffic stands in the middle of each busy spell, as before a red light: one picture, with a sensor's noise.

use super::clip::{Clip, Quiet};

/// Quiet and busy spells follow each other: a fifth of the time is busy.
const BUSY_S: f64 = 30.0;
const QUIET_S: f64 = 120.0;
/// Entries of the table that noise is drawn from.
const NOISE: usize = 1 << 20;

/// A busy spell with the quiet on both sides of it, in seconds of the stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spell {
    pub from_s: f64,
    pub until_s: f64,
}

/// The spells of a stream of so many seconds; a short one has shorter spells of the same share.
pub fn spells(seconds: f64) -> Vec<Spell> {
    let length = (BUSY_S + QUIET_S).min(seconds);
    let count = (seconds / length).ceil() as usize;
    let spell =
        |n: usize| Spell { from_s: n as f64 * length, until_s: ((n + 1) as f64 * length).min(seconds) };
    (0..count).map(spell).collect()
}

/// What a camera does to what it sees.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// Standard deviation of added noise, in steps of luma.
    pub noise: f64,
    /// Of the picture's light, so much is left.
    pub light: f64,
    /// The picture's light swings by so much, in a minute: automatic exposure, clouds.
    pub swing: f64,
    /// A clock is burnt in that ticks every second.
    pub clock: bool,
}

/// One stream: which picture comes when.
pub struct Mix<'a> {
    clip: &'a Clip,
    plan: Vec<Shot>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shot {
    Picture(usize),
    /// The same again and again: who is in it stands. It has a sensor's noise, as any picture.
    Standing(usize),
    Empty,
}

impl<'a> Mix<'a> {
    /// `seconds` of the clip's street; it begins quiet. In each busy spell everybody stands for `stands` seconds.
    pub fn new(clip: &'a Clip, seconds: f64, stands: f64) -> Self {
        let mut plan = Vec::new();
        let frames = |s: f64| (s * clip.fps as f64).round() as usize;
        let total = frames(seconds);
        // A short mix has shorter spells of the same share.
        let scale = (seconds / (BUSY_S + QUIET_S)).min(1.0);
        let (busy, quiet) = (frames(BUSY_S * scale), frames(QUIET_S * scale));
        let moves = busy.saturating_sub(frames(stands));
        let (mut next, mut turn) = (0, 0);
        while plan.len() < total {
            // The busy spell stands in the middle of its quiet.
            fill_quiet(clip, quiet / 2, turn, &mut plan);
            for number in 0..moves {
                if number == moves / 2 {
                    plan.extend(std::iter::repeat_n(Shot::Standing(next % clip.len()), busy - moves));
                }
                plan.push(Shot::Picture(next % clip.len()));
                next += 1;
            }
            fill_quiet(clip, quiet - quiet / 2, turn + 1, &mut plan);
            turn += 2;
        }
        plan.truncate(total);
        Self { clip, plan }
    }

    /// Hands every picture to `take`, in order.
    ///
    /// # Errors
    /// Those of `take`, at once.
    pub fn play(
        &self,
        weather: &Weather,
        mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let mut noise = Noise::new();
        let mut picture = vec![0; self.clip.size()];
        for (number, shot) in self.plan.iter().enumerate() {
            let made = match (shot, &self.clip.quiet) {
                (Shot::Picture(at), _) => {
                    picture.copy_from_slice(self.clip.picture(*at));
                    0.0
                }
                (Shot::Standing(at), _) => {
                    picture.copy_from_slice(self.clip.picture(*at));
                    self.clip.noise
                }
                (Shot::Empty, Quiet::Made(empty)) => {
                    picture.copy_from_slice(empty);
                    self.clip.noise
                }
                (Shot::Empty, Quiet::Real(_)) => 0.0,
            };
            let second = number as f64 / self.clip.fps as f64;
            let (luma, chroma) = picture.split_at_mut(self.clip.width * self.clip.height);
            let swing = 1.0 + weather.swing * (second / 60.0 * std::f64::consts::TAU).sin();
            light(luma, weather.light * swing);
            noise.add(luma, made.hypot(weather.noise));
            noise.add(chroma, 0.5 * made.hypot(weather.noise));
            if weather.clock {
                clock(luma, self.clip.width, second as usize);
            }
            take(&picture)?;
        }
        Ok(())
    }
}

/// Quiet footage to and fro, so that no cut is seen.
fn fill_quiet(clip: &Clip, count: usize, turn: usize, plan: &mut Vec<Shot>) {
    match &clip.quiet {
        Quiet::Made(_) => plan.extend(std::iter::repeat_n(Shot::Empty, count)),
        Quiet::Real(stretches) => {
            let (from, to) = stretches[turn % stretches.len()];
            let last = (to - from - 1).max(1);
            plan.extend((0..count).map(|i| {
                let i = i % (2 * last);
                Shot::Picture(from + if i <= last { i } else { 2 * last - i })
            }));
        }
    }
}

fn light(luma: &mut [u8], share: f64) {
    if (share - 1.0).abs() < 1e-9 {
        return;
    }
    let table: Vec<u8> =
        (0..256).map(|y| (16.0 + (f64::from(y) - 16.0) * share).round().clamp(0.0, 255.0) as u8).collect();
    for y in luma {
        *y = table[usize::from(*y)];
    }
}

/// Gaussian noise out of a table that is entered at a new place for every picture.
struct Noise {
    table: Vec<f32>,
    state: u64,
}

impl Noise {
    fn new() -> Self {
        let mut noise = Self { table: Vec::new(), state: 0x5eed };
        // The sum of twelve uniform variables is close enough to normal.
        noise.table = (0..NOISE)
            .map(|_| (0..12).map(|_| (noise.draw() >> 40) as f32 / (1_u64 << 24) as f32).sum::<f32>() - 6.0)
            .collect();
        noise
    }

    fn draw(&mut self) -> u64 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.state
    }

    fn add(&mut self, plane: &mut [u8], sigma: f64) {
        if sigma <= 0.0 {
            return;
        }
        let mut at = (self.draw() >> 33) as usize % NOISE;
        for value in plane {
            at = if at + 1 == NOISE { 0 } else { at + 1 };
            let noisy = f32::from(*value) + self.table[at] * sigma as f32 + 0.5;
            *value = noisy.clamp(0.0, 255.0) as u8;
        }
    }
}

/// Rows of 3 x 5 dots for the digits and the colon.
const DIGITS: [[u8; 5]; 11] = [
    [7, 5, 5, 5, 7],
    [2, 6, 2, 2, 7],
    [7, 1, 7, 4, 7],
    [7, 1, 7, 1, 7],
    [5, 5, 7, 1, 1],
    [7, 4, 7, 1, 7],
    [7, 4, 7, 5, 7],
    [7, 1, 1, 1, 1],
    [7, 5, 7, 5, 7],
    [7, 5, 7, 1, 7],
    [0, 2, 0, 2, 0],
];
const DOT: usize = 3;

/// `13:07:42` in white on black, at the upper left corner.
fn clock(luma: &mut [u8], width: usize, second: usize) {
    let (h, m, s) = (13 + second / 3600, second / 60 % 60, second % 60);
    let signs = [h / 10, h % 10, 10, m / 10, m % 10, 10, s / 10, s % 10];
    for row in 0..7 * DOT {
        for column in 0..(signs.len() * 4 + 1) * DOT {
            let (x, y) = (column / DOT, row / DOT);
            let sign = (x > 0).then(|| (x - 1) / 4).and_then(|n| signs.get(n));
            let dot = sign.filter(|_| (1..6).contains(&y)).is_some_and(|sign| {
                let bit = (x - 1) % 4;
                bit < 3 && DIGITS[*sign][y - 1] >> (2 - bit) & 1 == 1
            });
            if let Some(pixel) = luma.get_mut((row + 6) * width + column + 6) {
                *pixel = if dot { 235 } else { 16 };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spell_is_whole() {
        let spell = |from_s, until_s| Spell { from_s, until_s };
        assert_eq!(spells(300.0), [spell(0.0, 150.0), spell(150.0, 300.0)]);
        assert_eq!(spells(120.0), [spell(0.0, 120.0)], "as short as its stream");
        assert_eq!(spells(170.0), [spell(0.0, 150.0), spell(150.0, 170.0)]);
    }

    #[test]
    fn a_fifth_is_busy_and_part_of_it_stands_where_that_is_wished_for() {
        let quiet = Quiet::Made(vec![0; 24]);
        let (name, lines) = ("c".to_owned(), String::new());
        let clip =
            Clip { name, width: 4, height: 4, fps: 2, pictures: vec![0; 24 * 100], lines, quiet, noise: 1.0 };
        let count = |stands| {
            let plan = Mix::new(&clip, 300.0, stands).plan;
            let of = |is: fn(&Shot) -> bool| plan.iter().filter(|shot| is(shot)).count();
            let standing = of(|shot| matches!(shot, Shot::Standing(_)));
            (of(|shot| *shot == Shot::Empty), of(|shot| matches!(shot, Shot::Picture(_))), standing)
        };
        assert_eq!(count(0.0), (480, 120, 0));
        assert_eq!(count(8.0), (480, 88, 32));
        // In the middle of its spell, and it goes on from there.
        let plan = Mix::new(&clip, 150.0, 8.0).plan;
        assert_eq!(plan[119..121], [Shot::Empty, Shot::Picture(0)]);
        assert_eq!(plan[141..143], [Shot::Picture(21), Shot::Standing(22)]);
        assert_eq!(plan[157..159], [Shot::Standing(22), Shot::Picture(22)]);
    }
}
