//! Short texts without allocation.

use core::fmt;

use arrayvec::ArrayString;

/// Longest text, in bytes.
const CAPACITY: usize = 120;

/// Why a zone changed, as a text of at most 120 bytes that lives without a heap.
///
/// ```
/// # use wanctl_storage::ReasonText;
/// let reason = ReasonText::format(format_args!("RTT delta {:.1}ms", 25.34));
/// assert_eq!(reason.as_str(), "RTT delta 25.3ms");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ReasonText(ArrayString<CAPACITY>);

impl ReasonText {
    /// Prints `reason`, cut off at the last whole character that fits. Allocates nothing itself.
    #[must_use]
    pub fn format(reason: impl fmt::Display) -> Self {
        let mut text = Truncating {
            text: ArrayString::new(),
            full: false,
        };
        // The only error is the one that `Truncating` reports to stop the formatting early.
        let _full = fmt::write(&mut text, format_args!("{reason}"));
        Self(text.text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for ReasonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for ReasonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Takes what fits and refuses everything after the first cut.
struct Truncating {
    text: ArrayString<CAPACITY>,
    full: bool,
}

impl fmt::Write for Truncating {
    fn write_str(&mut self, fragment: &str) -> fmt::Result {
        if self.full {
            return Err(fmt::Error);
        }
        if self.text.try_push_str(fragment).is_ok() {
            return Ok(());
        }
        self.full = true;
        for character in fragment.chars() {
            if self.text.try_push(character).is_err() {
                break;
            }
        }
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fits_is_kept_whole() {
        let text = "x".repeat(CAPACITY);
        assert_eq!(ReasonText::format(&text).as_str(), text);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = format!("{}ä tail", "x".repeat(CAPACITY - 1));
        assert_eq!(
            ReasonText::format(text).as_str(),
            "x".repeat(CAPACITY - 1).as_str()
        );
    }

    #[test]
    fn nothing_follows_a_cut() {
        let long = "ä".repeat(CAPACITY);
        let text = ReasonText::format(format_args!("x{long}{}", "y"));
        assert_eq!(text.as_str(), format!("x{}", "ä".repeat(59)));
    }
}
