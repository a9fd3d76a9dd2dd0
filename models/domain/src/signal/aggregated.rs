//! What a controller says of its whole state (RSMP core, "Aggregated status messages").

/// The eight bits in the standard's order, and what else it says; several may be set at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Aggregated {
    /// Somebody has taken it out of remote control, such as at the cabinet.
    pub local_mode: bool,
    /// It does not reach something it needs.
    pub no_communication: bool,
    /// Its service stands still.
    pub high_priority_fault: bool,
    /// Its service is restricted.
    pub medium_priority_fault: bool,
    /// Something is to be mended that nobody in the street notices.
    pub low_priority_fault: bool,
    /// Connected, and in use.
    pub in_use: bool,
    /// Connected, and at rest.
    pub idle: bool,
    pub not_connected: bool,
    /// Functional position and functional state, in the maker's words; empty where it has none.
    pub position: String,
    pub state: String,
}
