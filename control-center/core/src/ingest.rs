//! Which events of a batch are new: per gateway and boot contiguous, every one once, nothing past a hole.
//!
//! A batch goes `offer` → one transaction → `committed` or `failed`. Several batches may share a transaction.

use std::collections::{BTreeMap, BTreeSet};

use models_domain::{GatewayId, Seq};

/// One run of one gateway.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    pub gateway: GatewayId,
    pub boot: u64,
}

/// What arrived: events of one run, of any type `T`, in any order.
#[derive(Debug, Clone)]
pub struct Batch<T> {
    pub run: Run,
    /// The oldest seq that the gateway still keeps. It forgets only what a hall once confirmed.
    pub oldest_kept: Seq,
    pub events: Vec<(Seq, T)>,
}

/// What to do with a batch.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict<T> {
    /// To be stored, in order, without holes but for `lost`.
    pub take: Vec<(Seq, T)>,
    /// Events that were stored or taken before.
    pub repeats: usize,
    /// Events past a hole; the gateway sends them again, with what is missing before them.
    pub beyond: usize,
    /// Confirmed once, kept nowhere any more: a hall forgot them (its database was lost or set back). Both inclusive.
    pub lost: Option<(Seq, Seq)>,
}

/// How far each run is stored and taken. Bounded by the number of runs that the store knows.
#[derive(Debug, Default)]
pub struct Ingest {
    progress: BTreeMap<Run, Progress>,
    /// Runs that were offered since the last commit, repeats too: all are told how far they are stored.
    offered: BTreeSet<Run>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Progress {
    stored: u64,
    taken: u64,
}

impl Ingest {
    /// Goes on from what the store says is stored.
    pub fn new(stored: impl IntoIterator<Item = (Run, Seq)>) -> Self {
        let progress = stored.into_iter().map(|(run, seq)| (run, Progress { stored: seq.0, taken: seq.0 }));
        Self { progress: progress.collect(), offered: BTreeSet::new() }
    }

    /// Takes what follows, drops what is known.
    pub fn offer<T>(&mut self, batch: Batch<T>) -> Verdict<T> {
        let Batch { run, oldest_kept, mut events } = batch;
        self.offered.insert(run.clone());
        let progress = self.progress.entry(run).or_default();
        let mut verdict = Verdict { take: Vec::new(), repeats: 0, beyond: 0, lost: None };
        events.sort_by_key(|(seq, _)| *seq);
        for (seq, event) in events {
            let next = progress.taken.saturating_add(1);
            if seq.0 < next {
                verdict.repeats += 1;
            } else if seq.0 == next {
                progress.taken = seq.0;
                verdict.take.push((seq, event));
            } else if seq == oldest_kept {
                verdict.lost = Some((Seq(next), Seq(seq.0 - 1)));
                progress.taken = seq.0;
                verdict.take.push((seq, event));
            } else {
                verdict.beyond += 1;
            }
        }
        verdict
    }

    /// Everything taken is stored: what to tell each run that was offered since.
    pub fn committed(&mut self) -> Vec<(Run, Seq)> {
        let offered = std::mem::take(&mut self.offered);
        let mut tell = Vec::with_capacity(offered.len());
        for run in offered {
            if let Some(progress) = self.progress.get_mut(&run) {
                progress.stored = progress.taken;
                tell.push((run, Seq(progress.stored)));
            }
        }
        tell
    }

    /// Nothing taken since the last commit is stored: it will be offered again.
    pub fn failed(&mut self) {
        for run in std::mem::take(&mut self.offered) {
            if let Some(progress) = self.progress.get_mut(&run) {
                progress.taken = progress.stored;
            }
        }
    }
}

#[cfg(test)]
#[path = "ingest_tests.rs"]
mod tests;
