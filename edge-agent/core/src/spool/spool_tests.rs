//! The spool on a real disk: killed, full, damaged, shared.

use super::*;

const NOW: UtcMillis = UtcMillis(1_000);

fn settings(dir: &Path) -> SpoolSettings {
    SpoolSettings { max_bytes: 4_000, segment_bytes: 300, ..SpoolSettings::new(dir.to_owned()) }
}

fn open(dir: &Path) -> (Spool, Recovered) {
    Spool::open(settings(dir), 0, NOW).unwrap()
}

fn payload(seq: u64) -> Vec<u8> {
    format!("event number {seq}").into_bytes()
}

fn fill(spool: &mut Spool, count: u64) {
    for _ in 0..count {
        let payload = payload(spool.next_seq());
        spool.append(vec![payload]).unwrap();
    }
}

/// Every event of the runs, read back in messages of at most 100 bytes.
fn read_all(spool: &mut Spool, runs: &[Run]) -> Vec<(u64, u64)> {
    let mut all = Vec::new();
    for run in runs {
        let mut from = run.first;
        while from <= run.last {
            let Read::Events(events) = spool.read(run.boot, from, run.last, 100).unwrap() else {
                panic!("{}-{from} is lost", run.boot)
            };
            assert!(events.iter().map(Vec::len).sum::<usize>() <= 100);
            for event in events {
                assert_eq!(event, payload(from));
                all.push((run.boot, from));
                from += 1;
            }
        }
    }
    all
}

fn segment_files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "seg"));
    files.sort();
    files
}

#[test]
fn what_was_kept_is_there_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, recovered) = open(dir.path());
    assert_eq!((spool.boot(), recovered), (1_000, Recovered::default()));
    fill(&mut spool, 40);
    drop(spool);

    let (mut spool, recovered) = open(dir.path());
    assert_eq!(spool.boot(), 1_001, "the clock stands still, the boot does not");
    assert_eq!(recovered.runs, [Run { boot: 1_000, first: 1, last: 40 }]);
    assert_eq!(read_all(&mut spool, &recovered.runs).len(), 40);
    fill(&mut spool, 2);
    drop(spool);

    let (mut spool, recovered) = open(dir.path());
    let want = [Run { boot: 1_000, first: 1, last: 40 }, Run { boot: 1_001, first: 1, last: 2 }];
    assert_eq!(recovered.runs, want);
    assert_eq!(read_all(&mut spool, &want).len(), 42);
}

#[test]
fn what_was_confirmed_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(dir.path());
    fill(&mut spool, 40);
    let before = segment_files(dir.path()).len();
    spool.forget(1_000, 20);
    assert!(segment_files(dir.path()).len() < before);
    assert_eq!(read_all(&mut spool, &[Run { boot: 1_000, first: 21, last: 40 }]).len(), 20);
    spool.note_confirmed();
    drop(spool);

    let (mut spool, recovered) = open(dir.path());
    assert_eq!(recovered.runs, [Run { boot: 1_000, first: 21, last: 40 }]);
    spool.forget(1_000, 40);
    assert_eq!(segment_files(dir.path()), Vec::<PathBuf>::new());
    fill(&mut spool, 1);
    spool.forget(1_001, 1);
    spool.close(true);
    assert_eq!(segment_files(dir.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_full_spool_refuses_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(dir.path());
    let refused = loop {
        let payload = payload(spool.next_seq());
        if let Err(err) = spool.append(vec![payload]) {
            break err.to_string();
        }
    };
    let last = spool.next_seq() - 1;
    assert!(
        refused.contains(&dir.path().display().to_string()) && refused.contains("spool_max_mib"),
        "{refused}"
    );
    spool.forget(1_000, last);
    fill(&mut spool, 1);
    assert_eq!(spool.next_seq(), last + 2);
}

#[test]
fn a_disk_that_refuses_is_named_and_no_number_is_spent() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(dir.path());
    std::fs::remove_dir_all(dir.path()).unwrap();
    let refused = spool.append(vec![payload(1)]).unwrap_err().to_string();
    assert!(
        refused.contains(&dir.path().display().to_string()) && refused.contains("No such file"),
        "{refused}"
    );
    std::fs::create_dir(dir.path()).unwrap();
    assert_eq!(spool.append(vec![payload(1)]), Ok(1));
}

#[test]
fn without_room_for_the_number_of_the_start_what_is_there_is_read_and_nothing_is_numbered() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(dir.path());
    fill(&mut spool, 40);
    drop(spool);
    // Whatever is written there finds no room.
    let fresh = dir.path().join("boot.new");
    std::os::unix::fs::symlink("/dev/full", &fresh).unwrap();
    let left = Run { boot: 1_000, first: 1, last: 40 };
    let (mut spool, recovered) = open(dir.path());
    assert_eq!((spool.boot(), spool.is_numbered(), &recovered.runs[..]), (1_001, false, &[left][..]));
    assert_eq!(read_all(&mut spool, &recovered.runs).len(), 40);
    let files = segment_files(dir.path());
    let refused = spool.append(vec![payload(1)]).unwrap_err().to_string();
    assert!(refused.contains("boot: No space left") && refused.contains("free space"), "{refused}");
    assert_eq!(segment_files(dir.path()), files);
    drop(spool);

    let (mut spool, recovered) = open(dir.path());
    assert_eq!((spool.boot(), &recovered.runs[..]), (1_001, &[left][..]), "no event had the number");
    std::fs::remove_file(&fresh).unwrap();
    fill(&mut spool, 1);
    assert!(spool.is_numbered());
    spool.forget(1_000, 40);
    spool.forget(1_001, 1);
    spool.close(true);
    drop(spool);
    // No file tells of it any more but the one with the number.
    assert_eq!(open(dir.path()).0.boot(), 1_002);
}

#[test]
fn without_room_for_its_folder_nothing_is_kept_until_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let (above, of_late) = (dir.path().join("spool"), dir.path().join("spool/late"));
    // A link to nowhere in its place: the folder cannot be made.
    std::os::unix::fs::symlink(dir.path().join("nowhere"), &above).unwrap();
    let unlocked = || Spool::behind(None, settings(&of_late), 7_000, NOW).unwrap();
    let (mut spool, recovered) = unlocked();
    let (mut other, _) = unlocked();
    assert_eq!((spool.boot(), spool.is_numbered(), recovered), (7_001, false, Recovered::default()));
    spool.number();
    let refused = spool.append(vec![payload(1)]).unwrap_err().to_string();
    assert!(refused.contains("creating") && refused.contains("spool/late"), "{refused}");
    assert!(refused.contains("free space") && !spool.is_numbered(), "{refused}");
    std::fs::remove_file(&above).unwrap();
    fill(&mut spool, 2);
    let mine = Run { boot: 7_001, first: 1, last: 2 };
    assert_eq!((spool.is_numbered(), read_all(&mut spool, &[mine]).len()), (true, 2));

    // A second agent that waited for room too writes nothing, even when the first has ended: their events have the same numbers.
    let mut refused = || other.append(vec![payload(1)]).unwrap_err().to_string();
    assert!(refused().contains("in use"));
    drop(spool);
    assert!(refused().contains("start this one again"));
    drop(other);
    assert_eq!(open(&of_late).1.runs, [mine]);
}

#[test]
fn numbers_that_may_be_on_disk_are_not_given_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(dir.path());
    fill(&mut spool, 2);
    // A file that is open for reading only: it can neither be written nor cut.
    let path = segment_files(dir.path()).remove(0);
    spool.active.as_mut().unwrap().file = Arc::new(File::open(path).unwrap());
    assert!(spool.append(vec![payload(3), payload(4)]).is_err());
    assert_eq!(spool.append(vec![payload(5)]), Ok(5));
    let want = [Run { boot: 1_000, first: 1, last: 2 }, Run { boot: 1_000, first: 5, last: 5 }];
    assert_eq!(read_all(&mut spool, &want).len(), 3);
    drop(spool);
    assert_eq!(open(dir.path()).1.runs, want);
}

#[test]
fn damage_costs_the_record_it_hit_and_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = open(dir.path());
    fill(&mut spool, 40);
    drop(spool);
    let files = segment_files(dir.path());
    let mut bytes = std::fs::read(&files[1]).unwrap();
    bytes[50] ^= 4;
    std::fs::write(&files[1], &bytes).unwrap();
    let last = files.last().unwrap();
    let bytes = std::fs::read(last).unwrap();
    std::fs::write(last, &bytes[..bytes.len() - 3]).unwrap();
    std::fs::write(dir.path().join("boot"), "rubbish").unwrap();

    let (mut spool, recovered) = open(dir.path());
    assert_eq!((recovered.damaged_files, recovered.runs.len()), (1, 2));
    let (a, b) = (recovered.runs[0], recovered.runs[1]);
    assert_eq!((a.first, a.last + 2, b.last), (1, b.first, 39));
    assert_eq!(read_all(&mut spool, &recovered.runs).len(), 38);
    assert!(matches!(spool.read(1_000, a.last + 1, 39, 100).unwrap(), Read::Lost));
    assert_eq!(spool.boot(), 1_001);
}

#[test]
fn two_agents_cannot_share_a_spool() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let refused = Spool::open(settings(dir.path()), 0, NOW).err().unwrap().to_string();
    assert!(refused.contains("in use by another edge-agent") && refused.contains("data_dir"), "{refused}");
    drop(first);
    open(dir.path());
}
