//! A model's bytes, read once and checked before anything looks into them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Larger files are no detectors of ours; reading stops there.
const MAX_BYTES: u64 = 1 << 30;

/// The file's bytes, whose hash is `sha256` (lower-case hexadecimal).
///
/// # Errors
/// A text that names the file, what was expected, what was found, and the remedy.
pub fn read(path: &Path, sha256: &str) -> Result<Vec<u8>, String> {
    let (bytes, found) = hashed(path)?;
    if found == sha256 {
        Ok(bytes)
    } else {
        let file = path.display();
        Err(format!(
            "{file} is not the file that the manifest describes: expected sha256 {sha256}, found {found}; \
             run deploy/setup to make it anew"
        ))
    }
}

/// The file's bytes and their hash.
///
/// # Errors
/// A text that names the file and the remedy.
pub fn hashed(path: &Path) -> Result<(Vec<u8>, String), String> {
    let file = path.display();
    let mut bytes = Vec::new();
    let source = File::open(path).map_err(|err| format!("opening {file}: {err}; run deploy/setup"))?;
    source
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|err| format!("reading {file}: {err}; run deploy/setup"))?;
    let hash = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    Ok((bytes, hash))
}
