//! Nothing: this package pins sources.
