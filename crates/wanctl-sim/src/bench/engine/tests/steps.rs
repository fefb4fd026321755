//! The length of a step decides nothing.

use super::*;

/// Figures that steps of another length may change by no more than these: ms and a share of the
/// delay, whichever is more, and a share of the capacity.
const DELAY: f64 = 1.0;
const DELAY_SHARE: f64 = 0.15;
const USE: f64 = 0.015;

fn figures_in_steps(scene: &Scene, name: &str, step: Duration) -> (f64, f64) {
    let case = (scene.build)(1);
    let recording = run_case_in_steps(&case, law(name, &case, 1.0).as_mut(), step);
    delay_and_use(&measure(&case, scene.judged, scene.events, &recording))
}

#[test]
fn shorter_steps_give_the_same_figures() {
    // A law that looks at the answers would be told of them at other times; what is checked here
    // is the model.
    for (scene, law) in [
        ("fixed-both", "static"),
        ("aqm-both", "static"),
        ("step-download", "oracle(0.15,0.95)"),
        ("bbr-and-cubic", "static"),
    ] {
        let scene = Scene::named(scene).unwrap();
        let (delay, used) = figures_in_steps(&scene, law, Duration::from_millis(1));
        for micros in [500, 200] {
            let step = Duration::from_micros(micros);
            let (other_delay, other_used) = figures_in_steps(&scene, law, step);
            let tolerance = DELAY.max(delay * DELAY_SHARE);
            assert!(
                (delay - other_delay).abs() <= tolerance && (used - other_used).abs() <= USE,
                "{}: {delay:.2} ms at {used:.3}, in steps of {micros} µs {other_delay:.2} at {other_used:.3}",
                scene.name
            );
        }
    }
}
