//! Room of the house; see README.md.
