//! What CI checks besides the tests.

use crate::{gen_code, root};

pub fn run() -> anyhow::Result<()> {
    gen_code::run(true)?;
    root::run("cargo", &["fmt", "--all", "--check"])?;
    root::run("cargo", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
}
