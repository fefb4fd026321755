//! The whole daemon over loopback sockets keeps the queue at the provider short.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use wanctl_sim::{Demo, DemoMode, DemoRun, Scenario};

#[tokio::test]
async fn a_controlled_download_waits_a_fifth_as_long_as_an_uncontrolled_one() {
    let fixed = run(DemoMode::FixedAtCeiling).await;
    let controlled = run(DemoMode::Controlled).await;
    let [before, after] = [&fixed, &controlled].map(|run| run.added_delay.p95_ms.get());
    assert!(
        before > 5.0 * after,
        "95th percentile: {before} and {after} ms"
    );
    for run in [&fixed, &controlled] {
        assert!(run.recorded_cycles > 0, "{:?} recorded nothing", run.mode);
    }
    assert!(controlled.recorded_transitions > 0);
    assert!(controlled.router_writes > 0);
}

async fn run(mode: DemoMode) -> DemoRun {
    let directory = tempfile::tempdir().unwrap();
    let demo = Demo {
        scenario: Scenario::download(),
        seed: 11,
        speed: 10.0,
    };
    demo.run(mode, directory.path(), None).await.unwrap()
}
