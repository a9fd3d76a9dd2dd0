# Sourced by what starts our programs: zenoh reads and writes a TLS connection on one thread, as the service files have it and why.
export ZENOH_RUNTIME=${ZENOH_RUNTIME:-(rx: (handover: tx))}
