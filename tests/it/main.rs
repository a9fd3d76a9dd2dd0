//! Integration tests: promises about the code, and the house as a whole.
