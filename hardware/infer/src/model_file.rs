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
             run deploy/setup to make it anew, or, when it is a network of your own and the right one, write what was found into its \
             manifest"
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

/// What to do about a file that ONNX Runtime refuses with that text; begins with "; ", and is empty when nobody knows.
pub fn remedy(refusal: &str) -> &'static str {
    let says = |part: &str| refusal.to_ascii_lowercase().contains(part);
    if says("external data") || says("external initializer") || says("model_path must not be empty") {
        "; its weights lie in another file: write graph and weights into one (torch.onnx.export with external_data=False, or \
         onnx.save after onnx.load)"
    } else if says("is under development") || says("unsupported model ir version") {
        "; it is newer than the library: export it with opset 17, or run a newer ONNX Runtime"
    } else if says("not a registered function/op") || says("no op registered for") {
        "; it uses operators that ONNX Runtime has not: export it without plugins, and without suppression of its own"
    } else if says("could not find an implementation") {
        "; an operator has no arithmetic for these numbers on the processor: export it with 32-bit floats (half=False)"
    } else if says("protobuf parsing failed") {
        "; it is cut off or no ONNX file: fetch or export it again"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of ONNX Runtime 1.31.
    #[test]
    fn what_is_known_about_a_refusal_is_told() {
        for (refusal, want) in [
            (
                "Initializer::Initializer: model_path must not be empty. Ensure that a path is provided",
                "external_data=False",
            ),
            ("External data path: our.onnx.data", "into one"),
            (
                "ONNX Runtime only *guarantees* support … Opset 27 is under development and support for this is limited",
                "opset 17",
            ),
            ("Unsupported model IR version: 14, max supported IR version: 13", "opset 17"),
            ("Fatal error: TRT:EfficientNMS_TRT(-1) is not a registered function/op", "without plugins"),
            ("NOT_IMPLEMENTED : Could not find an implementation for Conv(11) node", "half=False"),
            ("INVALID_PROTOBUF : Load model failed:Protobuf parsing failed.", "export it again"),
        ] {
            assert!(remedy(refusal).starts_with("; ") && remedy(refusal).contains(want), "{refusal}");
        }
        assert_eq!(remedy("out of memory"), "");
    }
}
