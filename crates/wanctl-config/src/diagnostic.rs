//! What a file got wrong, where, and what to write instead.

use core::fmt;

/// A place in a file, both numbers from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Position {
    /// The first character of a file.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place of the first character after `text`.
    pub(crate) fn after(text: &str) -> Self {
        Self {
            line: text.matches('\n').count() + 1,
            column: text.chars().rev().take_while(|c| *c != '\n').count() + 1,
        }
    }
}

/// Whether a file with this finding can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but probably says something else than its author meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $severity:ident $text:literal,)*) => {
        /// A stable name for a kind of finding. Its text starts with `E-` or `W-`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])+ $name,)* }

        impl Code {
            /// The text that scripts may rely on, such as `E-range`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whether a file with such a finding can be used.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    /// The file cannot be opened or read.
    Read = Error "E-read",
    /// The file is too large, too deep or has too many values.
    Limit = Error "E-limit",
    /// Not UTF-8 text.
    Encoding = Error "E-encoding",
    /// Not YAML.
    Syntax = Error "E-syntax",
    /// A YAML tag that means nothing here.
    Tag = Error "E-tag",
    /// A key that stands twice in one section.
    Duplicate = Error "E-duplicate",
    /// More than one YAML document.
    Documents = Error "E-documents",
    /// The file holds no section at all, or is of another kind.
    Root = Error "E-root",
    /// A key that is not a plain word, or a merge of something that is no section.
    Key = Error "E-key",
    /// A required key is absent.
    Missing = Error "E-missing",
    /// A value of another type than the key wants.
    Type = Error "E-type",
    /// A number that the dialects of YAML read differently.
    Spelling = Error "E-spelling",
    /// A number outside its bounds.
    Range = Error "E-range",
    /// A word that is not one of the choices.
    Choice = Error "E-choice",
    /// A text that does not have the form the key wants.
    Format = Error "E-format",
    /// A reference to an environment variable that cannot be resolved.
    Variable = Error "E-variable",
    /// Two values in the wrong order.
    Order = Error "E-order",
    /// Too few or too many entries of a list.
    Count = Error "E-count",
    /// Two keys or files that claim the same thing.
    Clash = Error "E-clash",
    /// A key nobody knows.
    Unknown = Warning "W-unknown",
    /// A key of the Python wanctl that has no effect here.
    Later = Warning "W-later",
    /// A value that the dialects of YAML read differently.
    Dialect = Warning "W-dialect",
    /// A setting that another one overrules, or that is not used.
    Unused = Warning "W-unused",
    /// A connection that others may read.
    Insecure = Warning "W-insecure",
    /// A baseline or averaging that will not learn what it should.
    Baseline = Warning "W-baseline",
    /// A list of hosts that does not do what it seems to.
    Hosts = Warning "W-hosts",
    /// A password that is empty.
    Password = Warning "W-password",
    /// A path that depends on where the program is started.
    Path = Warning "W-path",
    /// Control that is switched off.
    Disabled = Warning "W-disabled",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One finding about one file.
///
/// Whatever it quotes from the file is escaped and shortened, and never a password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// What kind of finding.
    pub code: Code,
    /// The file, as it was named when it was loaded.
    pub source: String,
    /// Where in the file; `None` when the whole file is meant.
    pub position: Option<Position>,
    /// The dotted path of the key, such as `router.host`.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The value found, as text.
    pub found: Option<String>,
    /// What is allowed instead.
    pub allowed: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            source: String::new(),
            position: None,
            key: None,
            message: message.into(),
            found: None,
            allowed: None,
            help: None,
        }
    }

    pub(crate) fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    pub(crate) fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(crate) fn found(mut self, found: &str) -> Self {
        self.found = Some(quote(found));
        self
    }

    pub(crate) fn allowed(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether the file can be used.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// `error[E-range] cable.yaml:14:19: router.port: ...`, then one indented line each for the value
/// found, what is allowed and what to do.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}] {}", self.severity(), self.code, self.source)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.message)?;
        for (label, text) in [
            ("found", &self.found),
            ("allowed", &self.allowed),
            ("help", &self.help),
        ] {
            if let Some(text) = text {
                write!(f, "\n    {label}: {text}")?;
            }
        }
        Ok(())
    }
}

/// Longest text quoted from a file, in characters.
const QUOTE_MAX: usize = 60;

/// Text from a file made safe to print: escaped, and cut after 60 characters.
pub(crate) fn quote(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(QUOTE_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(QUOTE_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_prints_place_key_and_remedy() {
        let mut finding = Diagnostic::new(Code::Range, "is out of range")
            .at(Position {
                line: 14,
                column: 9,
            })
            .key("router.port")
            .found("70000")
            .allowed("1 to 65535")
            .help("443 is usual");
        finding.source = "cable.yaml".to_owned();
        assert_eq!(
            finding.to_string(),
            "error[E-range] cable.yaml:14:9: router.port: is out of range\n    \
             found: 70000\n    allowed: 1 to 65535\n    help: 443 is usual"
        );
    }

    #[test]
    fn quoted_text_cannot_drive_a_terminal() {
        assert_eq!(quote("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(quote(&"x".repeat(61)).len(), 63);
    }
}
