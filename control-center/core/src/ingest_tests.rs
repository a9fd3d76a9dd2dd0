//! Shuffled, repeated, lost and failed batches: every event is stored once and in order.

use super::*;

fn run(boot: u64) -> Run {
    Run { gateway: "pole-1".parse().unwrap(), boot }
}

fn batch(boot: u64, oldest: u64, seqs: &[u64]) -> Batch<()> {
    Batch { run: run(boot), oldest_kept: Seq(oldest), events: seqs.iter().map(|s| (Seq(*s), ())).collect() }
}

#[track_caller]
fn check(ingest: &mut Ingest, batch: Batch<()>, want: &str) {
    let v = ingest.offer(batch);
    let took = v.take.iter().map(|(s, ())| s.0.to_string()).collect::<Vec<_>>().join(",");
    let lost = v.lost.map(|(a, b)| format!(" lost {}-{}", a.0, b.0)).unwrap_or_default();
    assert_eq!(format!("took [{took}] repeats {} beyond {}{lost}", v.repeats, v.beyond), want);
}

#[test]
fn verdicts() {
    let mut i = Ingest::new([(run(7), Seq(3))]);
    check(&mut i, batch(7, 1, &[1, 2, 3]), "took [] repeats 3 beyond 0");
    check(&mut i, batch(7, 1, &[3, 4, 5]), "took [4,5] repeats 1 beyond 0");
    check(&mut i, batch(7, 1, &[7, 8]), "took [] repeats 0 beyond 2");
    check(&mut i, batch(7, 6, &[8, 6, 7, 7]), "took [6,7,8] repeats 1 beyond 0");
    check(&mut i, batch(9, 1, &[1]), "took [1] repeats 0 beyond 0");
    assert_eq!(i.committed(), [(run(7), Seq(8)), (run(9), Seq(1))]);
    assert_eq!(i.committed(), []);
}

#[test]
fn a_jump_is_taken_only_when_the_pole_forgot_what_is_before() {
    let mut i = Ingest::default();
    check(&mut i, batch(7, 1, &[5, 6]), "took [] repeats 0 beyond 2");
    check(&mut i, batch(7, 5, &[6]), "took [] repeats 0 beyond 1");
    check(&mut i, batch(7, 5, &[5, 6]), "took [5,6] repeats 0 beyond 0 lost 1-4");
    assert_eq!(i.committed(), [(run(7), Seq(6))]);
}

#[test]
fn a_repeat_is_answered_and_a_failure_forgets_what_was_taken() {
    let mut i = Ingest::new([(run(7), Seq(2))]);
    check(&mut i, batch(7, 1, &[1]), "took [] repeats 1 beyond 0");
    assert_eq!(i.committed(), [(run(7), Seq(2))]);
    check(&mut i, batch(7, 1, &[3, 4]), "took [3,4] repeats 0 beyond 0");
    i.failed();
    assert_eq!(i.committed(), []);
    check(&mut i, batch(7, 1, &[3]), "took [3] repeats 0 beyond 0");
    assert_eq!(i.committed(), [(run(7), Seq(3))]);
}

#[test]
fn hostile_numbers_do_not_overflow() {
    let mut i = Ingest::default();
    check(
        &mut i,
        batch(u64::MAX, u64::MAX, &[u64::MAX, 0]),
        "took [18446744073709551615] repeats 1 beyond 0 lost 1-18446744073709551614",
    );
    check(&mut i, batch(u64::MAX, u64::MAX, &[u64::MAX]), "took [18446744073709551615] repeats 0 beyond 0");
}

/// xorshift64*: the same street at every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }
}

/// A pole that keeps all until confirmed, a link that loses, repeats and reorders, a hall that fails and restarts.
#[test]
fn whatever_the_link_does_every_event_is_stored_once_and_in_order() {
    for seed in 1..200 {
        let mut chance = Chance(seed);
        let (mut ingest, mut stored, mut taken) = (Ingest::default(), Vec::new(), Vec::new());
        let (total, mut confirmed) = (40, 0);
        let mut late: Vec<Batch<()>> = Vec::new();
        for _ in 0..20_000 {
            if confirmed == total {
                break;
            }
            let from = confirmed + 1 + chance.below(3);
            let seqs: Vec<u64> = (from..=(from + chance.below(6)).min(total)).collect();
            late.push(batch(7, confirmed + 1, &seqs));
            let pick = usize::try_from(chance.below(late.len() as u64)).unwrap();
            let arrived = if chance.below(3) == 0 { late[pick].clone() } else { late.swap_remove(pick) };
            if late.len() > 8 {
                late.remove(0);
            }
            let verdict = ingest.offer(arrived);
            assert_eq!(verdict.lost, None, "seed {seed}");
            taken.extend(verdict.take.iter().map(|(s, ())| s.0));
            match chance.below(5) {
                0 => {
                    ingest.failed();
                    taken.clear();
                }
                1 => {
                    // Killed: only what is stored is known afterwards.
                    taken.clear();
                    ingest = Ingest::new([(run(7), Seq(stored.len() as u64))]);
                }
                2 => {}
                _ => {
                    stored.append(&mut taken);
                    for (_, seq) in ingest.committed() {
                        // The answer may be lost as well.
                        if chance.below(3) > 0 {
                            confirmed = confirmed.max(seq.0);
                        }
                    }
                }
            }
        }
        assert_eq!(stored, (1..=total).collect::<Vec<_>>(), "seed {seed}");
    }
}
