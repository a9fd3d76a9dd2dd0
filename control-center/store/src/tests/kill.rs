//! SIGKILL in the middle of writing: what was said to be stored is there, once, and nothing else is half there.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{commit, crossing, new, open};
use models_domain::Class;

const CHILD: &str = "NGATU_STORE_TEST_CHILD";
const ME: &str = "tests::kill::nothing_said_to_be_stored_is_lost_and_nothing_is_doubled";

/// The writer that will be killed: goes on from the progress, says each commit after it is done.
async fn write_for_ever(folder: &Path) {
    let store = open(folder).await;
    let mut next = store.progress().await.unwrap().first().map_or(1, |(_, _, seq)| seq + 1);
    loop {
        let events = (next..next + 50).map(|seq| new(1, seq, 0, crossing("c-1", Class::Car))).collect();
        store.store(&commit(events)).await.unwrap();
        next += 50;
        println!("stored {}", next - 1);
    }
}

#[tokio::test]
async fn nothing_said_to_be_stored_is_lost_and_nothing_is_doubled() {
    if let Some(folder) = std::env::var_os(CHILD) {
        write_for_ever(Path::new(&folder)).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut said = 0;
    for round in 1..=6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", ME, "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let stored = lines
            .map_while(Result::ok)
            .filter_map(|l| Some(l.split_once("stored ")?.1.parse::<u64>().unwrap()));
        for seq in stored.take(5 * round) {
            said = seq;
        }
        // SIGKILL, most likely inside a transaction.
        child.kill().unwrap();
        child.wait().unwrap();

        let store = open(dir.path()).await;
        let row: (i64, i64, i64, i64) = sqlx::query_as(
            "SELECT count(*), count(DISTINCT seq), max(seq), (SELECT count(*) FROM line_crossing) FROM event",
        )
        .fetch_one(store.readers())
        .await
        .unwrap();
        let progress = store.progress().await.unwrap()[0].2.cast_signed();
        assert_eq!(row, (progress, progress, progress, progress), "round {round}");
        assert!(progress.cast_unsigned() >= said, "{progress} stored, {said} said");
        store.close().await;
    }
}
