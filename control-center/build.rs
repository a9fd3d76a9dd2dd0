//! Makes an empty page where none was built, so that the program compiles without Node.

use std::fs;
use std::path::Path;

const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Ngã Tư</title>\
    <p>The page was not built: run <code>npm ci && npm run build</code> in control-center/web and build again.\n";

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=web/dist");
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/dist");
    for page in ["index.html", "sign-in.html"] {
        if !dist.join(page).exists() {
            fs::create_dir_all(&dist)?;
            fs::write(dist.join(page), NOT_BUILT)?;
        }
    }
    Ok(())
}
