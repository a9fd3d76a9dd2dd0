//! Writes the Rust code of `models/wire/proto`, without protoc.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use prost::Message;

use crate::root::root;

const PROTOS: [&str; 6] = [
    "ngatu/v1/event.proto",
    "ngatu/v1/gateway.proto",
    "ngatu/v1/api.proto",
    "ngatu/v1/signal.proto",
    "ngatu/v1/transit.proto",
    "ngatu/v1/maintenance.proto",
];

pub fn run(check: bool) -> anyhow::Result<()> {
    let wire = root().join("models/wire");
    let fresh = root().join("target/xtask-gen");
    fs::create_dir_all(&fresh).with_context(|| format!("making {}", fresh.display()))?;
    generate(&wire.join("proto"), &fresh)?;
    let kept = wire.join("src/gen");
    let (have, want) = (files(&kept)?, files(&fresh)?);
    if check {
        ensure!(
            have == want,
            "models/wire/src/gen is not what the protos say; run `cargo xtask gen` and commit it"
        );
        return Ok(());
    }
    for (name, bytes) in want {
        if have.get(&name) != Some(&bytes) {
            fs::write(kept.join(&name), bytes).with_context(|| format!("writing {}", name.display()))?;
            eprintln!("wrote models/wire/src/gen/{}", name.display());
        }
    }
    Ok(())
}

fn generate(protos: &Path, out: &Path) -> anyhow::Result<()> {
    let set =
        protox::compile(PROTOS, [protos]).map_err(|e| anyhow::anyhow!("compiling the protos: {e:?}"))?;
    fs::write(out.join("descriptors.bin"), set.encode_to_vec()).context("writing the descriptors")?;
    tonic_prost_build::configure()
        .out_dir(out)
        .client_mod_attribute("ngatu.v1", "#[cfg(feature = \"grpc\")]")
        .server_mod_attribute("ngatu.v1", "#[cfg(feature = \"grpc\")]")
        .compile_fds(set)
        .context("generating the code")
}

fn files(folder: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        found.insert(PathBuf::from(entry.file_name()), fs::read(entry.path())?);
    }
    Ok(found)
}
