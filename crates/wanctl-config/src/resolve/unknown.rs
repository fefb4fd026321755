//! Keys that no row describes.

use crate::diagnostic::{Code, Diagnostic, Position, quote};
use crate::reader::{Entry, Section};
use crate::report::Sink;
use crate::schema::{Table, find_in, is_later, is_section};

/// How alike two words must be for a suggestion, 1.0 being the same.
const ALIKE: f64 = 0.8;

/// Warns of every key without a row, and refuses sections that are none.
pub(super) fn check(table: Table, root: &Section, sink: &mut Sink) {
    visit(table, "", root, sink);
}

fn visit(table: Table, parent: &str, section: &Section, sink: &mut Sink) {
    for (name, entry) in &section.entries {
        let path = join(parent, name);
        if name.contains('.') || !(find_in(table, &path).is_some() || is_section(table, &path)) {
            sink.push(unknown(table, parent, name, &path, entry.at));
        } else if is_section(table, &path) {
            descend(table, &path, entry, sink);
        }
    }
}

fn descend(table: Table, path: &str, entry: &Entry, sink: &mut Sink) {
    if let Some(inner) = entry.value.section() {
        visit(table, path, inner, sink);
    } else if !entry.value.is_null() {
        sink.push(
            Diagnostic::new(
                Code::Type,
                format!("a section is wanted here, not {}", entry.value.noun()),
            )
            .at(entry.value.at)
            .key(path)
            .help("put its keys below it, indented"),
        );
    }
}

fn unknown(table: Table, parent: &str, name: &str, path: &str, at: Position) -> Diagnostic {
    let shown = quote(path);
    if is_later(path) {
        return Diagnostic::new(Code::Later, "this key is not in effect here")
            .at(at)
            .key(shown)
            .help("newer versions of the Python wanctl know it; remove it, or keep it for them");
    }
    let finding = Diagnostic::new(Code::Unknown, "nothing reads this key")
        .at(at)
        .key(shown);
    if name.contains('.') && find_in(table, path).is_some() {
        return finding.help("write the sections as nested keys, one per line");
    }
    match suggestion(table, parent, name) {
        Some(better) => finding.help(format!("did you mean `{better}`?")),
        None => finding,
    }
}

/// A sibling that is spelled alike, else the same word in another section.
fn suggestion(table: Table, parent: &str, name: &str) -> Option<String> {
    let sibling = siblings(table, parent)
        .map(|word| (strsim::jaro_winkler(word, name), word))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, word)) = sibling {
        return Some(join(parent, word));
    }
    let elsewhere = table.iter().find(|key| key.leaf() == name);
    elsewhere.map(|key| key.path.to_owned())
}

/// The keys and sections directly below a section.
fn siblings(table: Table, parent: &str) -> impl Iterator<Item = &'static str> {
    table.iter().filter_map(move |key| {
        let below = if parent.is_empty() {
            key.path
        } else {
            key.path.strip_prefix(parent)?.strip_prefix('.')?
        };
        below.split('.').next()
    })
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::AUTORATE;

    #[test]
    fn slips_are_recognised() {
        for (parent, name, better) in [
            ("", "wan_nmae", Some("wan_name")),
            ("router", "pasword", Some("router.password")),
            (
                "continuous_monitoring.download",
                "ceiling",
                Some("continuous_monitoring.download.ceiling_mbps"),
            ),
            (
                "",
                "baseline_rtt_initial",
                Some("continuous_monitoring.baseline_rtt_initial"),
            ),
            ("", "qqqq", None),
        ] {
            assert_eq!(
                suggestion(AUTORATE, parent, name).as_deref(),
                better,
                "{name}"
            );
        }
    }
}
