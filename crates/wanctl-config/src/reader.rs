//! YAML text to a tree that remembers where everything stood and how it was written.
//!
//! The tree keeps every scalar as raw text: what `0443` or `yes` means is decided later, by whoever
//! knows which type is wanted. Anchors, aliases and merge keys are resolved here, within limits on
//! size, depth and number of values.

mod build;
mod scalar;
mod tree;

pub(crate) use scalar::Reading;
pub(crate) use tree::{Content, Entry, Node, Scalar, Section};

use saphyr_parser::{Parser, ScanError};

use crate::diagnostic::{Code, Diagnostic, Position};
use crate::report::Sink;

/// Largest file, in bytes: 1 MiB.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting of sections and lists.
pub(crate) const MAX_DEPTH: usize = 64;
/// Most values in a file, each alias counted as often as it is used.
pub(crate) const MAX_NODES: usize = 100_000;

/// Reads one document. Findings go to `sink`; `None` means that nothing can be said about keys.
pub(crate) fn read(text: &str, sink: &mut Sink) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_BYTES {
        sink.push(too_large());
        return None;
    }
    if let Some(finding) = control_character(text) {
        sink.push(finding);
        return None;
    }
    let mut builder = build::Builder::new(sink);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                if builder.feed(event, position(&span.start)).is_break() {
                    return None;
                }
            }
            Err(error) => {
                builder.fail(syntax(&error));
                return None;
            }
        }
    }
    builder.finish()
}

pub(crate) fn too_large() -> Diagnostic {
    Diagnostic::new(Code::Limit, "the file is larger than 1 MiB")
        .help("a configuration has a few kilobytes; is this the right file?")
}

fn position(mark: &saphyr_parser::Marker) -> Position {
    Position {
        line: mark.line().max(1),
        column: mark.col() + 1,
    }
}

fn syntax(error: &ScanError) -> Diagnostic {
    let mut finding = Diagnostic::new(
        Code::Syntax,
        format!(
            "this is not YAML: {}",
            crate::diagnostic::quote(error.info())
        ),
    )
    .at(position(error.marker()));
    if error.info().contains("tab") {
        finding = finding.help("indent with spaces; YAML forbids tabs there");
    }
    finding
}

fn control_character(text: &str) -> Option<Diagnostic> {
    let (index, found) = text
        .char_indices()
        .find(|(_, c)| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}'))?;
    let before = text.get(..index).unwrap_or_default();
    Some(
        Diagnostic::new(Code::Encoding, "a control character stands in the file")
            .at(Position::after(before))
            .found(&found.to_string())
            .help("save the file as plain UTF-8 text"),
    )
}
