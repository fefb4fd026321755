//! All findings of a file, collected before any of them is returned.

use core::fmt;

use crate::diagnostic::{Code, Diagnostic, Severity};

/// Most findings of one severity that are kept; further ones are only counted.
const KEPT: usize = 200;

/// Everything found in one or several files, at least one error among it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    findings: Vec<Diagnostic>,
    dropped: usize,
}

impl Report {
    /// Every finding, errors and warnings, in the order of the file.
    #[must_use]
    pub fn findings(&self) -> &[Diagnostic] {
        &self.findings
    }

    /// The findings that make the file unusable.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.of(Severity::Error)
    }

    /// The findings that do not.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.of(Severity::Warning)
    }

    fn of(&self, severity: Severity) -> impl Iterator<Item = &Diagnostic> {
        self.findings
            .iter()
            .filter(move |finding| finding.severity() == severity)
    }
}

/// Every finding, one blank line apart, then the count.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}\n")?;
        }
        let (errors, warnings) = (self.errors().count(), self.warnings().count());
        write!(f, "{errors} error(s), {warnings} warning(s)")?;
        if self.dropped > 0 {
            write!(f, ", {} more not shown", self.dropped)?;
        }
        Ok(())
    }
}

impl core::error::Error for Report {}

/// Collects findings about one file.
#[derive(Debug)]
pub(crate) struct Sink {
    source: String,
    findings: Vec<Diagnostic>,
    secrets: Vec<String>,
    errors: usize,
    warnings: usize,
    dropped: usize,
}

impl Sink {
    pub(crate) fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            findings: Vec::new(),
            secrets: Vec::new(),
            errors: 0,
            warnings: 0,
            dropped: 0,
        }
    }

    pub(crate) fn push(&mut self, finding: Diagnostic) {
        self.push_from(self.source.clone(), finding);
    }

    pub(crate) fn push_from(&mut self, source: String, mut finding: Diagnostic) {
        let count = match finding.severity() {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count > KEPT {
            self.dropped += 1;
            return;
        }
        finding.source = source;
        self.findings.push(finding);
    }

    /// A text that must not be shown, wherever else in the file it stands.
    pub(crate) fn hide(&mut self, secret: &str) {
        if !secret.is_empty() {
            self.secrets.push(secret.to_owned());
        }
    }

    pub(crate) const fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// The warnings, when there is no error; else everything.
    pub(crate) fn finish(mut self) -> Result<Vec<Diagnostic>, Report> {
        for finding in &mut self.findings {
            conceal(finding, &self.secrets);
        }
        // Stable: files stay in their order, and so do findings of one place.
        self.findings.sort_by_key(|finding| finding.position);
        if self.errors == 0 {
            return Ok(self.findings);
        }
        Err(Report {
            findings: self.findings,
            dropped: self.dropped,
        })
    }

    /// What [`Sink::finish`] gives once something impossible has happened.
    pub(crate) fn fail(mut self) -> Report {
        if !self.has_errors() {
            self.push(
                Diagnostic::new(Code::Root, "the values are valid but do not fit together")
                    .help("this is a defect of the program: please report it with the file"),
            );
        }
        match self.finish() {
            Err(report) => report,
            Ok(findings) => Report {
                findings,
                dropped: 0,
            },
        }
    }
}

/// A shorter secret is hidden only where it is the whole value: `1` would be everywhere.
const WHOLE_ONLY_BELOW: usize = 4;

fn conceal(finding: &mut Diagnostic, secrets: &[String]) {
    let Some(found) = &mut finding.found else {
        return;
    };
    let leaks = secrets.iter().any(|secret| {
        let shown = crate::diagnostic::quote(secret);
        *found == shown
            || (secret.len() >= WHOLE_ONLY_BELOW
                && (found.contains(&shown) || found.contains(secret)))
    });
    if leaks {
        "(hidden)".clone_into(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Position;

    #[test]
    fn a_flood_is_counted_but_not_kept() {
        let mut sink = Sink::new("f");
        for line in 1..=250 {
            sink.push(Diagnostic::new(Code::Type, "x").at(Position { line, column: 1 }));
        }
        let report = sink.finish().unwrap_err();
        assert_eq!(report.errors().count(), 200);
        assert!(
            report.to_string().ends_with("50 more not shown"),
            "{report}"
        );
    }

    #[test]
    fn a_secret_is_hidden_in_every_finding() {
        let mut sink = Sink::new("f");
        sink.push(Diagnostic::new(Code::Format, "bad").found("x hunter2 y"));
        sink.push(Diagnostic::new(Code::Range, "bad").found("12"));
        sink.hide("hunter2");
        sink.hide("1");
        let report = sink.finish().unwrap_err();
        let found: Vec<_> = report.errors().map(|e| e.found.clone().unwrap()).collect();
        assert_eq!(found, ["(hidden)", "12"]);
    }
}
