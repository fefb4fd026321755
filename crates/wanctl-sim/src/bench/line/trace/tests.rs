use proptest::prelude::*;
use wanctl_types::{Bps, Millis, PerDirection};

use super::super::super::generate::Upstream;
use super::super::super::{Buffer, Line};
use super::*;

const RTT: Millis = Millis::saturating(25.0);

fn read(text: &str) -> Result<Vec<f64>, LineError> {
    bins(LineTrace::Download, text)
}

fn message(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

fn near(given: &[f64], expected: &[f64]) -> bool {
    let pairs = given.iter().zip(expected);
    given.len() == expected.len()
        && pairs
            .into_iter()
            .all(|(a, b)| (a - b).abs() <= 1e-9 * b.abs())
}

#[test]
fn bins_of_a_tenth_of_a_second_stay_what_they_are() {
    let text = "time_s,capacity_mbps\n0.0,0.720\n0.1,1.440\n0.2,0\n0.3,3\n";
    assert_eq!(read(text).unwrap(), [0.72, 1.44, 0.0, 3.0]);
}

#[test]
fn headings_comments_and_any_line_end_are_let_pass() {
    for text in [
        "0,1\n0.1,2",
        "\u{feff}time_s,capacity_mbps\r\n0,1\r\n0.1,2\r\n",
        "seconds , rate\r0 , 1\r0.1 , 2\r",
        "# measured at home\n\n0,1\n# and later\n0.1,2\n\n",
    ] {
        assert_eq!(read(text).unwrap(), [1.0, 2.0], "{text:?}");
    }
}

#[test]
fn other_steps_are_averaged_over_each_bin() {
    let fine = read("0,1\n0.05,3\n0.1,5\n0.15,7\n").unwrap();
    assert!(near(&fine, &[2.0, 6.0]), "{fine:?}");
    let coarse = read("0,1\n0.2,3\n").unwrap();
    assert!(near(&coarse, &[1.0, 1.0, 3.0, 3.0]), "{coarse:?}");
    let uneven = read("0,10\n0.25,20\n").unwrap();
    assert!(near(&uneven, &[10.0, 10.0, 15.0, 20.0, 20.0]), "{uneven:?}");
}

#[test]
fn the_first_time_is_the_start_and_a_single_value_is_a_bin() {
    assert_eq!(read("1700000000.0,4\n1700000000.1,5").unwrap(), [4.0, 5.0]);
    assert_eq!(read("-3,4").unwrap(), [4.0]);
}

#[test]
fn mistakes_are_told_with_their_line() {
    for (text, expected) in [
        (
            "",
            "the download trace has no values; a line is `seconds,Mbit/s`",
        ),
        (
            "time_s,capacity_mbps\n",
            "the download trace has no values; a line is `seconds,Mbit/s`",
        ),
        (
            "0\n",
            "line 1 of the download trace has 1 column(s) instead of 2",
        ),
        (
            "0,1\n0.1,2,3\n",
            "line 2 of the download trace has 3 column(s) instead of 2",
        ),
        (
            "0,1\n0.1,x\n",
            "line 2 of the download trace: the value is not a finite number: \"x\"",
        ),
        (
            "a,b\nc,d\n",
            "line 2 of the download trace: the time is not a finite number: \"c\"",
        ),
        (
            "0,NaN\n",
            "line 1 of the download trace: the value is not a finite number: \"NaN\"",
        ),
        (
            "nan,nan\n",
            "line 1 of the download trace: the time is not a finite number: \"nan\"",
        ),
        (
            "0,inf\n",
            "line 1 of the download trace: the value is not a finite number: \"inf\"",
        ),
        (
            "1e999,1\n",
            "line 1 of the download trace: the time is not a finite number: \"1e999\"",
        ),
        (
            "\n0,1\n0.1,-2\n",
            "line 3 of the download trace: -2 Mbit/s is not from 0 to 1000000",
        ),
        (
            "0,2e6\n",
            "line 1 of the download trace: 2000000 Mbit/s is not from 0 to 1000000",
        ),
        (
            "0,1\n0.1,1\n0.1,1\n",
            "line 3 of the download trace: time 0.1 s does not come after 0.1 s",
        ),
        (
            "0,1\n0.2,1\n0.1,1\n",
            "line 3 of the download trace: time 0.1 s does not come after 0.2 s",
        ),
        (
            "0,1\n1e-9,1\n",
            "line 2 of the download trace: time 0.000000001 s does not come after 0 s",
        ),
        (
            "0,1\n90000,1\n",
            "line 2 of the download trace: at 90000 s it is longer than 24 hours",
        ),
        (
            "0,0\n0.1,0\n",
            "the download trace is zero from beginning to end",
        ),
    ] {
        assert_eq!(message(text), expected, "{text:?}");
    }
}

#[test]
fn a_delay_of_zero_is_no_delay() {
    let error = bins(LineTrace::Delay, "0.00,12\n0.01,0\n").unwrap_err();
    let expected = "line 2 of the delay trace: 0 ms is not above 0 and up to 10000";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_line_has_what_its_traces_say() {
    let line = Line::from_csv("0,40\n0.1,80", Some("0,5\n1,15"), RTT, Upstream::DropFront).unwrap();
    assert_eq!(line.capacity.download, [40, 80].map(Bps::from_mbps));
    assert_eq!(line.capacity.upload.len(), 20);
    assert_eq!(line.mean(), PerDirection::new(60, 10).map(Bps::from_mbps));
    assert!(matches!(line.buffer.upload, Buffer::DropFront { .. }));
    let line = line
        .with_one_way_csv("0.00,12\n0.05,14\n0.10,9\n0.15,9")
        .unwrap();
    assert_eq!(line.base_rtt, [26.0, 18.0].map(Millis::saturating));
}

#[test]
fn an_unknown_upload_is_a_tenth_but_never_next_to_nothing() {
    let upload = |text| {
        let line = Line::from_csv(text, None, RTT, Upstream::TailDrop).unwrap();
        line.capacity.upload
    };
    assert_eq!(upload("0,200"), [Bps::from_mbps(20)]);
    assert_eq!(upload("0,2"), [Bps::from_mbps(1)]);
}

fn steps() -> impl Strategy<Value = Vec<(u32, f64)>> {
    prop::collection::vec((1_u32..400, 0.0..1e4_f64), 1..60)
}

/// Values that hold for so many milliseconds each, as text. The last value holds as long as the
/// one before it.
fn text_of(steps: &[(u32, f64)]) -> String {
    let ends = steps.iter().scan(0, |end, (length, value)| {
        let start = *end;
        *end += length;
        Some((start, value))
    });
    let lines = ends.map(|(at, value)| format!("{}.{:03},{value}", at / 1_000, at % 1_000));
    let lines: Vec<_> = lines.collect();
    format!("time_s,capacity_mbps\n{}\n", lines.join("\n"))
}

proptest! {
    #[test]
    fn a_line_carries_as_much_as_its_trace(mut steps in steps()) {
        steps[0].1 += 1.0;
        let count = steps.len();
        steps[count - 1].0 = if count > 1 { steps[count - 2].0 } else { 100 };
        let each = steps.iter().map(|(length, value)| f64::from(*length) * value);
        let wanted: f64 = each.sum();
        let length: u32 = steps.iter().map(|(length, _)| length).sum();
        let bins = read(&text_of(&steps)).unwrap();
        prop_assert_eq!(u32::try_from(bins.len()).unwrap(), length.div_ceil(100));
        let starts = (0..length).step_by(100);
        let carried: f64 = bins
            .iter()
            .zip(starts)
            .map(|(value, start)| value * f64::from((length - start).min(100)))
            .sum();
        prop_assert!((carried - wanted).abs() <= 1e-9 * wanted, "{} for {}", carried, wanted);
        let most = steps.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        prop_assert!(bins.iter().all(|value| (0.0..=most * (1.0 + 1e-12)).contains(value)));
    }

    #[test]
    fn bins_survive_being_written_and_read(values in prop::collection::vec(0.001..1e5_f64, 1..200)) {
        let steps: Vec<_> = values.iter().map(|value| (100, *value)).collect();
        let bins = read(&text_of(&steps)).unwrap();
        prop_assert!(near(&bins, &values));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-0-9a-fint.,eE+#\r\n ]{0,200}") {
        match Line::from_csv(&text, None, RTT, Upstream::TailDrop) {
            Ok(line) => prop_assert!(!line.capacity.download.is_empty()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
