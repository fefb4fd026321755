//! JSON as the Python wanctl writes it, so that labels of both compare equal as text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Encodes with `", "` and `": "` between the parts, keys in the order of `value`, everything
/// outside printable ASCII as `\uXXXX`, and floats as Python prints them.
pub(crate) fn encode(value: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::with_capacity(128);
    value.serialize(&mut Serializer::with_formatter(&mut bytes, PythonStyle))?;
    String::from_utf8(bytes).map_err(|error| serde::ser::Error::custom(error.to_string()))
}

struct PythonStyle;

impl Formatter for PythonStyle {
    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        separate(writer, first)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        separate(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut units = [0; 2];
        for character in fragment.chars() {
            if matches!(character, ' '..='~') {
                write!(writer, "{character}")?;
                continue;
            }
            for unit in character.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(python_float(value).as_bytes())
    }
}

fn separate<W: ?Sized + Write>(writer: &mut W, first: bool) -> io::Result<()> {
    if first {
        Ok(())
    } else {
        writer.write_all(b", ")
    }
}

/// The shortest text that reads back as `value`: decimal from 0.0001 up to 10^16, scientific
/// with a signed exponent of at least two digits outside.
fn python_float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    match exponent.parse::<i32>() {
        Ok(small @ ..-4) => format!("{mantissa}e-{:02}", small.unsigned_abs()),
        Ok(large @ 16..) => format!("{mantissa}e+{large:02}"),
        Ok(-4..16) | Err(_) => format!("{value:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_printed_as_python_prints_them() {
        for (value, text) in [
            (25.0, "25.0"),
            (0.1, "0.1"),
            (-0.0, "-0.0"),
            (0.0001, "0.0001"),
            (0.000_012, "1.2e-05"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1e300, "1e+300"),
        ] {
            assert_eq!(python_float(value), text);
        }
    }

    #[test]
    fn everything_outside_printable_ascii_is_escaped() {
        let text = "a\"\\/\n\t\u{8}\u{1}\u{7f}é€😀";
        assert_eq!(
            encode(&text).unwrap(),
            r#""a\"\\/\n\t\b\u0001\u007f\u00e9\u20ac\ud83d\ude00""#
        );
    }

    #[test]
    fn parts_are_separated_by_a_comma_and_a_space() {
        assert_eq!(encode(&[[1, 2], [3, 4]]).unwrap(), "[[1, 2], [3, 4]]");
    }
}
