//! The tree of one file.

use std::collections::BTreeMap;

use super::scalar::Reading;
use crate::diagnostic::Position;

/// A value and where it was written. An alias keeps the place of what it refers to.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Section(Section),
}

/// A scalar as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Neither quoted, nor a block, nor tagged as text: its spelling decides its type.
    pub(crate) plain: bool,
}

impl Scalar {
    /// What the spelling means.
    pub(crate) fn reading(&self) -> Reading {
        if self.plain {
            Reading::of(&self.text)
        } else {
            Reading::Text
        }
    }
}

/// The keys of a section.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section {
    pub(crate) entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Where the key stands.
    pub(crate) at: Position,
    pub(crate) value: Node,
}

impl Node {
    /// A plain `~`, `null` or nothing at all.
    pub(crate) fn is_null(&self) -> bool {
        match &self.content {
            Content::Scalar(scalar) => scalar.reading() == Reading::Null,
            Content::List(_) | Content::Section(_) => false,
        }
    }

    pub(crate) const fn section(&self) -> Option<&Section> {
        match &self.content {
            Content::Section(section) => Some(section),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    /// What it is, in words.
    pub(crate) const fn noun(&self) -> &'static str {
        match &self.content {
            Content::Scalar(_) => "a single value",
            Content::List(_) => "a list",
            Content::Section(_) => "a section",
        }
    }

    /// Number of values in it, itself included.
    pub(crate) fn size(&self) -> usize {
        1 + self.children().map(Self::size).sum::<usize>()
    }

    /// Levels of nesting: a scalar has none.
    pub(crate) fn depth(&self) -> usize {
        match &self.content {
            Content::Scalar(_) => 0,
            Content::List(_) | Content::Section(_) => {
                1 + self.children().map(Self::depth).max().unwrap_or(0)
            }
        }
    }

    fn children(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match &self.content {
            Content::Scalar(_) => Box::new(core::iter::empty()),
            Content::List(items) => Box::new(items.iter()),
            Content::Section(section) => {
                Box::new(section.entries.values().map(|entry| &entry.value))
            }
        }
    }
}
