//! One written value to the type its row asks for.

mod form;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::Env;
use super::expand::{ExpandError, expand, is_reference};
use crate::diagnostic::{Code, Diagnostic, Position};
use crate::reader::{Content, Node, Reading, Scalar};
use crate::report::Sink;
use crate::schema::{Key, Kind};
use crate::value::{Number, Secret, Value};

/// The value, or `None` with at least one error in `sink` (or for a key nobody looks at).
pub(super) fn convert(key: &Key, node: &Node, env: Env<'_>, sink: &mut Sink) -> Option<Value> {
    let mut convert = Convert {
        key,
        at: node.at,
        sink,
    };
    match key.kind {
        Kind::Ignored | Kind::Sections => None,
        Kind::Hosts => convert.hosts(node),
        Kind::Targets => convert.targets(node),
        Kind::Flag
        | Kind::Integer
        | Kind::Number
        | Kind::Text
        | Kind::Name
        | Kind::Host
        | Kind::Address
        | Kind::Listen
        | Kind::Interface
        | Kind::Path
        | Kind::Secret
        | Kind::Choice(_) => {
            let scalar = convert.scalar(node)?;
            convert.single(scalar, env)
        }
    }
}

/// `""`.
pub(super) fn is_empty(node: &Node) -> bool {
    matches!(&node.content, Content::Scalar(scalar) if scalar.text.is_empty())
}

/// One key being read; `at` is the place of the value, or of the item of a list.
struct Convert<'a> {
    key: &'a Key,
    at: Position,
    sink: &'a mut Sink,
}

impl Convert<'_> {
    fn single(&mut self, scalar: &Scalar, env: Env<'_>) -> Option<Value> {
        match self.key.kind {
            Kind::Flag => self.flag(scalar).map(Value::Flag),
            Kind::Integer => self.integer(scalar).map(Value::Integer),
            Kind::Number => self.number(scalar).map(Value::Number),
            Kind::Secret => self.secret(scalar, env).map(Value::Secret),
            Kind::Choice(words) => self.choice(scalar, words).map(Value::Text),
            Kind::Text => self.formed(scalar, form::line).map(Value::Text),
            Kind::Name => self.formed(scalar, form::name).map(Value::Text),
            Kind::Host => self.formed(scalar, form::host).map(Value::Text),
            Kind::Interface => self.formed(scalar, form::interface).map(Value::Text),
            Kind::Address => self.address(scalar, false).map(Value::Address),
            Kind::Listen => self.address(scalar, true).map(Value::Address),
            Kind::Path => self.path(scalar).map(Value::Path),
            Kind::Hosts | Kind::Targets | Kind::Sections | Kind::Ignored => None,
        }
    }

    fn finding(&self, code: Code, message: impl Into<String>) -> Diagnostic {
        let finding = Diagnostic::new(code, message)
            .at(self.at)
            .key(self.key.path);
        match self.key.allowed() {
            Some(allowed) => finding.allowed(allowed),
            None => finding,
        }
    }

    /// Refuses a value, showing it unless the key holds secrets.
    fn refuse<T>(&mut self, code: Code, message: impl Into<String>, found: &str) -> Option<T> {
        let finding = self.finding(code, message);
        self.sink.push(self.shown(finding, found));
        None
    }

    fn shown(&self, finding: Diagnostic, found: &str) -> Diagnostic {
        let hidden = match self.key.kind {
            Kind::Secret => true,
            // A misplaced `user:password@host`.
            Kind::Host | Kind::Hosts | Kind::Targets => found.contains('@'),
            Kind::Flag
            | Kind::Integer
            | Kind::Number
            | Kind::Text
            | Kind::Name
            | Kind::Address
            | Kind::Listen
            | Kind::Interface
            | Kind::Path
            | Kind::Choice(_)
            | Kind::Sections
            | Kind::Ignored => false,
        };
        finding.found(if hidden { "(hidden)" } else { found })
    }

    fn scalar<'n>(&mut self, node: &'n Node) -> Option<&'n Scalar> {
        match &node.content {
            Content::Scalar(scalar) => Some(scalar),
            Content::List(_) | Content::Section(_) => self.refuse_shape(node),
        }
    }

    fn refuse_shape<T>(&mut self, node: &Node) -> Option<T> {
        let message = format!("{} is wanted, not {}", self.key.kind, node.noun());
        let finding = self.finding(Code::Type, message);
        self.sink.push(finding);
        None
    }

    fn refuse_type<T>(&mut self, scalar: &Scalar) -> Option<T> {
        let noun = match scalar.reading() {
            Reading::Null => "nothing",
            Reading::Flag(_) | Reading::OldFlag(_) => "a truth value",
            Reading::Integer(_) | Reading::Float(_) | Reading::NewFloat(_) => "a number",
            Reading::NotFinite => "an infinity or not a number",
            Reading::Disputed { old, new } => return self.refuse_spelling(scalar, &old, &new),
            Reading::Text => "text",
        };
        let finding = self.finding(
            Code::Type,
            format!("{} is wanted, not {noun}", self.key.kind),
        );
        let finding = self.shown(finding, &scalar.text);
        let finding = if scalar.plain {
            finding
        } else {
            match Reading::of(&scalar.text) {
                Reading::Flag(_) | Reading::Integer(_) | Reading::Float(_) => {
                    finding.help("remove the quotes")
                }
                Reading::Null
                | Reading::OldFlag(_)
                | Reading::NewFloat(_)
                | Reading::NotFinite
                | Reading::Disputed { .. }
                | Reading::Text => finding,
            }
        };
        self.sink.push(finding);
        None
    }

    fn refuse_spelling<T>(&mut self, scalar: &Scalar, old: &str, new: &str) -> Option<T> {
        let finding = self.finding(
            Code::Spelling,
            format!("YAML 1.1 reads this as {old}, YAML 1.2 as {new}"),
        );
        let finding = self
            .shown(finding, &scalar.text)
            .help("write a plain decimal number");
        self.sink.push(finding);
        None
    }

    fn warn_dialect(&mut self, scalar: &Scalar, message: &str, help: &str) {
        let finding = Diagnostic::new(Code::Dialect, message)
            .at(self.at)
            .key(self.key.path);
        self.sink.push(self.shown(finding, &scalar.text).help(help));
    }

    fn flag(&mut self, scalar: &Scalar) -> Option<bool> {
        match scalar.reading() {
            Reading::Flag(flag) => Some(flag),
            Reading::OldFlag(flag) => {
                self.warn_dialect(
                    scalar,
                    "YAML 1.1 reads this as a truth value, YAML 1.2 as text",
                    &format!("write `{flag}`, which is how it is taken"),
                );
                Some(flag)
            }
            Reading::Null
            | Reading::Integer(_)
            | Reading::Float(_)
            | Reading::NewFloat(_)
            | Reading::NotFinite
            | Reading::Disputed { .. }
            | Reading::Text => self.refuse_type(scalar),
        }
    }

    fn integer(&mut self, scalar: &Scalar) -> Option<i64> {
        match scalar.reading() {
            Reading::Integer(integer) => self
                .in_bounds(Number::whole(integer), scalar)
                .map(|_| integer),
            Reading::Float(_) | Reading::NewFloat(_) => {
                self.refuse(Code::Type, "a whole number is wanted", &scalar.text)
            }
            Reading::Null
            | Reading::Flag(_)
            | Reading::OldFlag(_)
            | Reading::NotFinite
            | Reading::Disputed { .. }
            | Reading::Text => self.refuse_type(scalar),
        }
    }

    fn number(&mut self, scalar: &Scalar) -> Option<Number> {
        let number = match scalar.reading() {
            Reading::Integer(integer) => Some(Number::whole(integer)),
            Reading::Float(float) => Number::fraction(float),
            Reading::NewFloat(float) => {
                self.warn_dialect(
                    scalar,
                    "YAML 1.1 reads this as text, YAML 1.2 as a number",
                    &format!("write `{float}`, which is how it is taken"),
                );
                Number::fraction(float)
            }
            Reading::Null
            | Reading::Flag(_)
            | Reading::OldFlag(_)
            | Reading::NotFinite
            | Reading::Disputed { .. }
            | Reading::Text => self.refuse_type(scalar),
        }?;
        self.in_bounds(number, scalar)
    }

    fn in_bounds(&mut self, number: Number, scalar: &Scalar) -> Option<Number> {
        match self.key.bounds {
            Some(bounds) if !bounds.contains(number.get()) => {
                self.refuse(Code::Range, "this is out of range", &scalar.text)
            }
            Some(_) | None => Some(number),
        }
    }

    /// The text of a scalar that both dialects take for text, or nearly.
    fn text<'n>(&mut self, scalar: &'n Scalar) -> Option<&'n str> {
        match scalar.reading() {
            Reading::Text => Some(&scalar.text),
            Reading::OldFlag(_) | Reading::NewFloat(_) | Reading::Disputed { .. } => {
                self.warn_dialect(
                    scalar,
                    "some dialects of YAML read this as something else than text",
                    "put it in quotes",
                );
                Some(&scalar.text)
            }
            Reading::Null
            | Reading::Flag(_)
            | Reading::Integer(_)
            | Reading::Float(_)
            | Reading::NotFinite => {
                let finding = self.finding(Code::Type, "YAML does not read this as text");
                let finding = self.shown(finding, &scalar.text).help("put it in quotes");
                self.sink.push(finding);
                None
            }
        }
    }

    fn formed(&mut self, scalar: &Scalar, check: fn(&str) -> Result<(), String>) -> Option<String> {
        let text = self.text(scalar)?;
        match check(text) {
            Ok(()) => Some(text.to_owned()),
            Err(message) => self.refuse(Code::Format, message, text),
        }
    }

    fn choice(&mut self, scalar: &Scalar, words: &[&str]) -> Option<String> {
        let text = self.text(scalar)?;
        if words.contains(&text) {
            return Some(text.to_owned());
        }
        let finding = self
            .finding(Code::Choice, "this is not one of the choices")
            .found(text)
            .allowed(words.join(", "));
        let near = words
            .iter()
            .find(|word| strsim::jaro_winkler(word, &text.to_lowercase()) >= 0.8);
        self.sink.push(match near {
            Some(word) => finding.help(format!("did you mean `{word}`?")),
            None => finding,
        });
        None
    }

    fn address(&mut self, scalar: &Scalar, localhost: bool) -> Option<IpAddr> {
        let text = self.text(scalar)?;
        if localhost && text == "localhost" {
            return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        match text.parse() {
            Ok(address) => Some(address),
            Err(_) => self.refuse(
                Code::Format,
                "an IPv4 or IPv6 address is wanted, such as 192.168.1.1",
                text,
            ),
        }
    }

    fn path(&mut self, scalar: &Scalar) -> Option<PathBuf> {
        let text = self.formed(scalar, form::path)?;
        if !text.starts_with('/') {
            let finding = Diagnostic::new(
                Code::Path,
                "this path depends on the directory the program is started in",
            );
            self.warn_path(finding.help("write it from the root: `/...`"), &text);
        }
        if text.contains("${") {
            let finding = Diagnostic::new(Code::Path, "variables are not replaced in paths");
            self.warn_path(finding, &text);
        }
        Some(PathBuf::from(text))
    }

    fn warn_path(&mut self, finding: Diagnostic, text: &str) {
        self.sink
            .push(finding.at(self.at).key(self.key.path).found(text));
    }

    /// Numbers are taken as the text they are written with: passwords are made of digits too.
    fn secret(&mut self, scalar: &Scalar, env: Env<'_>) -> Option<Secret> {
        self.sink.hide(&scalar.text);
        if scalar.reading() != Reading::Text {
            self.warn_dialect(
                scalar,
                "YAML does not read this as text",
                "put the password in quotes; it is taken as it is written",
            );
        }
        match expand(&scalar.text, env) {
            Ok(value) => {
                self.sink.hide(&value);
                if value.is_empty() && !scalar.text.is_empty() {
                    self.warn_empty();
                }
                Some(if is_reference(&scalar.text) {
                    Secret::referred(value.into(), scalar.text.clone())
                } else {
                    Secret::new(value.into())
                })
            }
            Err(error) => self.refuse_variable(&error),
        }
    }

    fn warn_empty(&mut self) {
        let finding = Diagnostic::new(
            Code::Password,
            "the environment variable is set but leaves the password empty",
        );
        self.sink.push(finding.at(self.at).key(self.key.path));
    }

    fn refuse_variable<T>(&mut self, error: &ExpandError) -> Option<T> {
        let help = match error {
            ExpandError::Unset { .. } => {
                "set it in the environment of the program, for instance in /etc/wanctl/secrets"
            }
            ExpandError::Unclosed | ExpandError::Name => {
                "write `${NAME}`, or put a password that holds `${` into a variable of its own"
            }
        };
        let finding = self.finding(Code::Variable, error.to_string()).help(help);
        self.sink.push(finding);
        None
    }

    fn list<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.content {
            Content::List(items) => Some(items),
            Content::Scalar(_) | Content::Section(_) => self.refuse_shape(node),
        }
    }

    fn hosts(&mut self, node: &Node) -> Option<Value> {
        let items = self.list(node)?;
        let hosts: Vec<_> = items.iter().map(|item| self.host(item)).collect();
        hosts.into_iter().collect::<Option<_>>().map(Value::Hosts)
    }

    fn host(&mut self, item: &Node) -> Option<String> {
        self.at = item.at;
        let Content::Scalar(scalar) = &item.content else {
            let message = format!("a host name or address is wanted, not {}", item.noun());
            let finding = self.finding(Code::Type, message);
            self.sink.push(finding);
            return None;
        };
        self.formed(scalar, form::host)
    }

    fn targets(&mut self, node: &Node) -> Option<Value> {
        let items = self.list(node)?;
        let targets: Vec<_> = items.iter().map(|item| self.target(item)).collect();
        targets
            .into_iter()
            .collect::<Option<_>>()
            .map(Value::Targets)
    }

    fn target(&mut self, item: &Node) -> Option<(String, u16)> {
        self.at = item.at;
        if let Content::List(pair) = &item.content
            && let [host, port] = pair.as_slice()
        {
            let (host, port) = (self.host(host), self.port(port));
            return Some((host?, port?));
        }
        let finding = self
            .finding(Code::Type, "a pair of host and port is wanted")
            .help("write `[1.1.1.1, 443]`");
        self.sink.push(finding);
        None
    }

    fn port(&mut self, item: &Node) -> Option<u16> {
        self.at = item.at;
        let scalar = self.scalar(item)?;
        if let Reading::Disputed { old, new } = scalar.reading() {
            return self.refuse_spelling(scalar, &old, &new);
        }
        let port = match scalar.reading() {
            Reading::Integer(port) => u16::try_from(port).ok().filter(|port| *port > 0),
            Reading::Null
            | Reading::Flag(_)
            | Reading::OldFlag(_)
            | Reading::Float(_)
            | Reading::NewFloat(_)
            | Reading::NotFinite
            | Reading::Disputed { .. }
            | Reading::Text => None,
        };
        if port.is_none() {
            let finding = self.finding(Code::Range, "a port is wanted");
            let finding = self.shown(finding, &scalar.text).allowed("1 to 65535");
            self.sink.push(finding);
        }
        port
    }
}
