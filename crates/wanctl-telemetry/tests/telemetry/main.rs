//! What a client of the endpoints sees: the texts, byte for byte, and real HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod exposition;
mod fixture;
mod golden;
mod http;
