//! From a file or a text to a configuration.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::assemble::assemble;
use crate::config::WanConfig;
use crate::diagnostic::{Code, Diagnostic, Position};
use crate::effective::Effective;
use crate::reader::{self, MAX_BYTES, Section};
use crate::report::{Report, Sink};
use crate::resolve::resolve;
use crate::schema::AUTORATE;

/// A configuration that can be used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The typed configuration.
    pub config: WanConfig,
    /// What its author should know.
    pub warnings: Vec<Diagnostic>,
    /// Every setting in effect and where it comes from.
    pub effective: Effective,
}

/// Reads the configuration of one WAN from a file.
///
/// `env` looks up environment variables for `${NAME}` in the password; a daemon passes
/// `std::env::var(name).ok()`.
///
/// # Errors
///
/// Everything that is wrong with the file, in one [`Report`].
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Report> {
    let source = path.display().to_string();
    match read(path) {
        Ok(text) => parse(&source, &text, env),
        Err(finding) => {
            let mut sink = Sink::new(&source);
            sink.push(*finding);
            Err(sink.fail())
        }
    }
}

/// Reads the configuration of one WAN from a text; `source` is what messages call it.
///
/// # Errors
///
/// As [`load()`].
pub fn parse(
    source: &str,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Report> {
    let mut sink = Sink::new(source);
    let Some(root) = reader::read(text, &mut sink) else {
        if !sink.has_errors() {
            sink.push(empty());
        }
        return Err(sink.fail());
    };
    let Some(section) = root_section(&root, &mut sink) else {
        return Err(sink.fail());
    };
    let effective = resolve(AUTORATE, section, env, &mut sink);
    let config = assemble(source, &effective, &mut sink);
    match config {
        Some(config) if !sink.has_errors() => Ok(Loaded {
            config,
            warnings: sink.finish()?,
            effective,
        }),
        Some(_) | None => Err(sink.fail()),
    }
}

fn root_section<'r>(root: &'r reader::Node, sink: &mut Sink) -> Option<&'r Section> {
    if root.is_null() {
        sink.push(empty());
        return None;
    }
    let Some(section) = root.section() else {
        let message = format!(
            "the file must hold keys and values; it holds {}",
            root.noun()
        );
        sink.push(Diagnostic::new(Code::Root, message).at(root.at));
        return None;
    };
    let has = |key: &str| section.entries.contains_key(key);
    if has("topology") && !has("continuous_monitoring") {
        let message = "this file configures steering, not the control of one WAN";
        let finding = Diagnostic::new(Code::Root, message).at(root.at);
        sink.push(finding.help("a rate-control file has a section `continuous_monitoring`"));
        return None;
    }
    Some(section)
}

pub(crate) fn empty() -> Diagnostic {
    Diagnostic::new(Code::Root, "the file is empty")
        .at(Position::START)
        .help("start from one of the examples, such as cable.yaml")
}

pub(crate) fn read(path: &Path) -> Result<String, Box<Diagnostic>> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large.
    let limit = u64::try_from(MAX_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let file = File::open(path).map_err(|error| unreadable("opened", &error))?;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable("read", &error))?;
    if bytes.len() > MAX_BYTES {
        return Err(reader::too_large().into());
    }
    String::from_utf8(bytes).map_err(|error| not_utf8(&error).into())
}

fn unreadable(verb: &str, error: &io::Error) -> Box<Diagnostic> {
    Diagnostic::new(Code::Read, format!("the file cannot be {verb}: {error}")).into()
}

fn not_utf8(error: &std::string::FromUtf8Error) -> Diagnostic {
    let offset = error.utf8_error().valid_up_to();
    let before = error.as_bytes().get(..offset).unwrap_or_default();
    Diagnostic::new(Code::Encoding, "the file is not UTF-8 text")
        .at(Position::after(&String::from_utf8_lossy(before)))
        .help("save it as UTF-8; is this the right file?")
}
