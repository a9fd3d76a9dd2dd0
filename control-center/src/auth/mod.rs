//! Who is asking, and whether they may. Everything is closed but what `guard` names.

pub mod guard;
pub mod passwords;
pub mod rights;
pub mod sessions;
