//! Benchmarks of wanctl live in `benches/*.rs` as explicit targets.
