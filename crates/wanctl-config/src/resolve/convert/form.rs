//! Forms of text. Whatever reaches a URL, a file name, a label or a log line is matched whole.

use wanctl_types::WanName;

/// Longest line of text, in bytes.
const LINE_MAX: usize = 256;
/// Longest path, in bytes, as the Linux kernel limits it.
const PATH_MAX: usize = 4_095;
/// Longest host name, in bytes.
const HOST_MAX: usize = 256;
/// Longest name of a Linux network interface, in bytes.
const INTERFACE_MAX: usize = 15;

/// Why a text does not have its form.
type Form = Result<(), String>;

pub(super) fn line(text: &str) -> Form {
    filled(text, LINE_MAX)?;
    none_of(text, char::is_control)
}

pub(super) fn name(text: &str) -> Form {
    WanName::new(text)
        .map(drop)
        .map_err(|error| error.to_string())
}

pub(super) fn path(text: &str) -> Form {
    filled(text, PATH_MAX)?;
    none_of(text, char::is_control)
}

pub(super) fn interface(text: &str) -> Form {
    filled(text, INTERFACE_MAX)?;
    none_of(text, |c| {
        c.is_control() || c.is_whitespace() || matches!(c, '/' | ':')
    })
}

/// An address, or a host name of letters, digits and hyphens.
pub(super) fn host(text: &str) -> Form {
    if wanctl_probe::validate_host(text).is_ok() {
        return Ok(());
    }
    filled(text, HOST_MAX)?;
    none_of(text, |c| {
        !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':'))
    })?;
    Err("this is neither an address nor a host name".to_owned())
}

fn filled(text: &str, max: usize) -> Form {
    if text.is_empty() {
        Err("this must not be empty".to_owned())
    } else if text.len() > max {
        Err(format!("this is longer than {max} characters"))
    } else {
        Ok(())
    }
}

fn none_of(text: &str, bad: impl Fn(char) -> bool) -> Form {
    match text.chars().zip(1..).find(|(c, _)| bad(*c)) {
        Some((found, position)) => Err(format!(
            "{found:?} at character {position} is not allowed here"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for good in ["1.1.1.1", "2001:db8::1", "dns.example.com", "a", "x-1.y"] {
            assert_eq!(host(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-f",
            "8.8.8.8; touch x",
            "a..b",
            "a-.b",
            "1.2.3",
            "256.1.1.1",
            "a_b",
            "host\n",
            "fe80::1%eth0",
            "user@host",
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
        assert!(host(&"a".repeat(64)).is_err());
        assert!(host(&"a.".repeat(130)).is_err());
    }

    #[test]
    fn other_forms() {
        assert_eq!(interface("eth0.100"), Ok(()));
        for bad in ["", "a b", "a/b", "sixteen-letters0"] {
            assert!(interface(bad).is_err(), "{bad}");
        }
        assert!(path("/a\nb").is_err());
        assert!(line("").is_err());
        assert!(name("WAN\n").is_err());
    }

    #[test]
    fn the_first_bad_character_is_named_with_its_place() {
        assert_eq!(
            host("8.8.8.8; x").unwrap_err(),
            "';' at character 8 is not allowed here"
        );
    }
}
