//! Parser events to a tree.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use saphyr_parser::{Event, ScalarStyle, Tag};

use super::tree::{Content, Entry, Node, Scalar, Section};
use super::{MAX_DEPTH, MAX_NODES};
use crate::diagnostic::{Code, Diagnostic, Position, quote};
use crate::report::Sink;

/// Whether reading goes on.
type Flow = ControlFlow<()>;

pub(super) struct Builder<'s> {
    sink: &'s mut Sink,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
}

/// A list or section whose end has not come yet.
struct Open {
    at: Position,
    anchor: usize,
    body: Body,
}

enum Body {
    List(Vec<Node>),
    Section(OpenSection),
}

#[derive(Default)]
struct OpenSection {
    entries: BTreeMap<String, Entry>,
    merges: Vec<Node>,
    merged_at: Option<Position>,
    pending: Option<Pending>,
}

/// A key whose value has not come yet.
enum Pending {
    Named { name: String, at: Position },
    Merge { at: Position },
    Refused,
}

impl<'s> Builder<'s> {
    pub(super) const fn new(sink: &'s mut Sink) -> Self {
        Self {
            sink,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            root: None,
            documents: 0,
            nodes: 0,
        }
    }

    pub(super) fn feed(&mut self, event: Event<'_>, at: Position) -> Flow {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {
                Flow::Continue(())
            }
            Event::DocumentStart(_) => self.document(at),
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = self.is_plain(style, tag.as_deref(), at);
                let scalar = Scalar {
                    text: text.into_owned(),
                    plain,
                };
                self.count(1, at)?;
                self.place(at, Content::Scalar(scalar), anchor);
                Flow::Continue(())
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", at);
                self.begin(at, anchor, Body::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", at);
                self.begin(at, anchor, Body::Section(OpenSection::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.end();
                Flow::Continue(())
            }
        }
    }

    pub(super) fn fail(&mut self, finding: Diagnostic) {
        self.sink.push(finding);
    }

    pub(super) fn finish(self) -> Option<Node> {
        self.root
    }

    fn stop(&mut self, finding: Diagnostic) -> Flow {
        self.sink.push(finding);
        Flow::Break(())
    }

    fn document(&mut self, at: Position) -> Flow {
        self.documents += 1;
        if self.documents == 1 {
            return Flow::Continue(());
        }
        self.stop(
            Diagnostic::new(Code::Documents, "a second document starts here")
                .at(at)
                .help("one file configures one WAN: remove `---` or split the file"),
        )
    }

    fn alias(&mut self, anchor: usize, at: Position) -> Flow {
        let Some(node) = self.anchors.get(&anchor) else {
            return self.stop(
                Diagnostic::new(Code::Syntax, "this alias refers to a value it is part of").at(at),
            );
        };
        let (size, depth) = (node.size(), node.depth());
        if depth + self.open.len() > MAX_DEPTH {
            return self.stop(too_deep(at));
        }
        self.count(size, at)?;
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Flow::Continue(());
        };
        self.place(node.at, node.content, 0);
        Flow::Continue(())
    }

    fn count(&mut self, more: usize, at: Position) -> Flow {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes <= MAX_NODES {
            return Flow::Continue(());
        }
        self.stop(
            Diagnostic::new(
                Code::Limit,
                format!("the file holds more than {MAX_NODES} values, aliases included"),
            )
            .at(at)
            .help("a configuration has about a hundred; is this the right file?"),
        )
    }

    fn begin(&mut self, at: Position, anchor: usize, body: Body) -> Flow {
        self.count(1, at)?;
        if self.open.len() >= MAX_DEPTH {
            return self.stop(too_deep(at));
        }
        self.open.push(Open { at, anchor, body });
        Flow::Continue(())
    }

    fn end(&mut self) {
        let Some(Open { at, anchor, body }) = self.open.pop() else {
            return;
        };
        let content = match body {
            Body::List(items) => Content::List(items),
            Body::Section(section) => Content::Section(self.close(section)),
        };
        self.place(at, content, anchor);
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, at: Position, content: Content, anchor: usize) {
        let node = Node { at, content };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.body {
            Body::List(items) => items.push(node),
            Body::Section(section) => {
                if let Some(finding) = section.take(node) {
                    self.sink.push(finding);
                }
            }
        }
    }

    /// Explicit keys win over merged ones, earlier merges over later ones.
    fn close(&mut self, open: OpenSection) -> Section {
        let mut entries = open.entries;
        for merged in open.merges {
            let at = merged.at;
            let Content::Section(section) = merged.content else {
                self.sink.push(
                    Diagnostic::new(Code::Key, "`<<` merges sections, and this is none")
                        .at(at)
                        .help("write `<<: *name`, where `&name` marks a section"),
                );
                continue;
            };
            for (name, entry) in section.entries {
                entries.entry(name).or_insert(entry);
            }
        }
        Section { entries }
    }

    fn is_plain(&mut self, style: ScalarStyle, tag: Option<&Tag>, at: Position) -> bool {
        let Some(tag) = tag else {
            return style == ScalarStyle::Plain;
        };
        match (tag.is_yaml_core_schema(), tag.suffix.as_str()) {
            (true, "int" | "float" | "bool" | "null") => true,
            (true, "str") => false,
            _ => {
                self.refuse_tag(tag, at);
                false
            }
        }
    }

    fn check_tag(&mut self, tag: Option<&Tag>, wanted: &str, at: Position) {
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && tag.suffix == wanted)
        {
            self.refuse_tag(tag, at);
        }
    }

    fn refuse_tag(&mut self, tag: &Tag, at: Position) {
        self.sink.push(
            Diagnostic::new(Code::Tag, "this YAML tag means nothing here")
                .at(at)
                .found(&tag.to_string())
                .help("remove the tag"),
        );
    }
}

impl OpenSection {
    /// Takes a key or the value of the pending key; the finding, if there is one.
    fn take(&mut self, node: Node) -> Option<Diagnostic> {
        let Some(pending) = self.pending.take() else {
            let (pending, finding) = self.name(node);
            self.pending = Some(pending);
            return finding;
        };
        match pending {
            Pending::Refused => {}
            Pending::Merge { at } => match node.content {
                Content::List(items) => self.merges.extend(items),
                content @ (Content::Scalar(_) | Content::Section(_)) => {
                    self.merges.push(Node { at, content });
                }
            },
            Pending::Named { name, at } => {
                self.entries.insert(name, Entry { at, value: node });
            }
        }
        None
    }

    fn name(&mut self, node: Node) -> (Pending, Option<Diagnostic>) {
        let at = node.at;
        let Content::Scalar(scalar) = node.content else {
            let finding = Diagnostic::new(Code::Key, "a key must be a single word").at(at);
            return (Pending::Refused, Some(finding));
        };
        if scalar.plain && scalar.text == "<<" {
            let before = self.merged_at.replace(at);
            let finding = before.map(|first| duplicate("<<", first, at));
            return (Pending::Merge { at }, finding);
        }
        if let Some(first) = self.entries.get(&scalar.text) {
            let finding = duplicate(&scalar.text, first.at, at);
            return (Pending::Refused, Some(finding));
        }
        let name = scalar.text;
        (Pending::Named { name, at }, None)
    }
}

fn duplicate(name: &str, first: Position, at: Position) -> Diagnostic {
    let name = quote(name);
    Diagnostic::new(
        Code::Duplicate,
        format!(
            "the key `{name}` stands on line {} and again on line {}",
            first.line, at.line
        ),
    )
    .at(at)
    .help("keep one of the two; the Python wanctl silently takes the last")
}

fn too_deep(at: Position) -> Diagnostic {
    Diagnostic::new(
        Code::Limit,
        format!("sections and lists are nested more than {MAX_DEPTH} deep"),
    )
    .at(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::read;
    use crate::report::Report;

    fn tree(text: &str) -> Result<Node, Report> {
        let mut sink = Sink::new("t");
        let root = read(text, &mut sink);
        sink.finish().map(|_| root.unwrap())
    }

    fn code(text: &str) -> (Code, usize) {
        let report = tree(text).unwrap_err();
        let first = report.errors().next().unwrap();
        (first.code, first.position.unwrap().line)
    }

    fn text(node: &Node, path: &[&str]) -> String {
        let node = path.iter().fold(node, |node, key| {
            &node.section().unwrap().entries[*key].value
        });
        let Content::Scalar(scalar) = &node.content else {
            panic!("{node:?}");
        };
        scalar.text.clone()
    }

    #[test]
    fn places_and_styles_are_kept() {
        let root = tree("a:\n  b: 'x'\n  c: 5\n").unwrap();
        let section = root.section().unwrap().entries["a"]
            .value
            .section()
            .unwrap();
        let b = &section.entries["b"];
        assert_eq!(b.at, Position { line: 2, column: 3 });
        assert_eq!(b.value.at, Position { line: 2, column: 6 });
        assert!(matches!(&b.value.content, Content::Scalar(s) if !s.plain));
    }

    #[test]
    fn merged_keys_yield_to_written_ones_and_to_earlier_merges() {
        let yaml =
            "one: &one {a: 1, b: 1}\ntwo: &two {b: 2, c: 2}\nx:\n  <<: [*one, *two]\n  a: 9\n";
        let root = tree(yaml).unwrap();
        let read = |key| text(&root, &["x", key]);
        assert_eq!([read("a"), read("b"), read("c")], ["9", "1", "2"]);
    }

    #[test]
    fn faults_have_a_code_and_a_line() {
        for (yaml, expected) in [
            ("a: 1\nb: 2\na: 3\n", (Code::Duplicate, 3)),
            ("a: 1\n---\nb: 2\n", (Code::Documents, 2)),
            ("a: !python/object 1\n", (Code::Tag, 1)),
            ("a: 1\n[1, 2]: 3\n", (Code::Key, 2)),
            ("a: 1\nb:\n  <<: 5\n", (Code::Key, 3)),
            ("a: &a [*a]\n", (Code::Syntax, 1)),
            ("a: 1\nb: *nobody\n", (Code::Syntax, 2)),
            ("a:\n\tb: 1\n", (Code::Syntax, 2)),
            ("a: \"x\u{0}\"\n", (Code::Encoding, 1)),
        ] {
            assert_eq!(code(yaml), expected, "{yaml}");
        }
    }

    #[test]
    fn a_duplicate_names_both_lines() {
        let report = tree("a: 1\nb: 2\na: 3\n").unwrap_err();
        let message = &report.errors().next().unwrap().message;
        assert!(message.contains("line 1") && message.contains("line 3"));
    }

    #[test]
    fn depth_is_limited_through_aliases_too() {
        let nest = |inner: &str| format!("{}{inner}{}", "[".repeat(40), "]".repeat(40));
        let yaml = format!("a: &a {}\nb: {}\n", nest("1"), nest("*a"));
        assert_eq!(code(&yaml), (Code::Limit, 2));
    }
}
