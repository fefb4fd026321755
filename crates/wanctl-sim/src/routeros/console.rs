//! The verbs of the REST interface and the console commands behind them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::QueueMeter;
use super::query::{Selection, comma_list};
use super::reply::{Refusal, Reply, ReplyBody, ShownItem};
use super::schema::{QUEUE_TREE, Shape};
use super::store::{Item, Menu, Store};

/// Bytes in one packet, to make a packet counter out of a byte counter.
const PACKET_BYTES: u64 = 1_500;

/// An HTTP verb that the device understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Print.
    Get,
    /// Add.
    Put,
    /// Set.
    Patch,
    /// Remove.
    Delete,
    /// Any command.
    Post,
}

impl Verb {
    /// Whether it may change the configuration. Every command but `print` counts as such.
    pub(super) fn writes(self, path: &[String]) -> bool {
        match self {
            Self::Get => false,
            Self::Put | Self::Patch | Self::Delete => true,
            Self::Post => path.last().is_none_or(|word| word != "print"),
        }
    }
}

/// A request, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What is to be done.
    pub verb: Verb,
    /// The words of the path below `/rest`.
    pub path: Vec<String>,
    /// The pairs of the URL query, decoded.
    pub query: Vec<(String, String)>,
    /// The JSON body; `Null` without one.
    pub body: Value,
}

impl Request {
    /// A request without query; `path` is what follows `/rest/`.
    #[must_use]
    pub fn new(verb: Verb, path: &str, body: Value) -> Self {
        Self {
            verb,
            path: path
                .split('/')
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect(),
            query: Vec::new(),
            body,
        }
    }
}

/// Live counters of a queue by its name.
pub(super) type Meters<'m> = &'m dyn Fn(&str) -> Option<QueueMeter>;

/// Carries out a request.
pub(super) fn execute(
    store: &mut Store,
    request: &Request,
    meters: Meters<'_>,
) -> Result<Reply, Refusal> {
    let (menu, rest) = store.locate(&request.path)?;
    let mut console = Console {
        store,
        menu,
        meters,
    };
    match (request.verb, rest) {
        (Verb::Get, []) => console.print(&Selection::from_url(&request.query)),
        (Verb::Get, [selector]) => console.print_one(selector, &request.query),
        (Verb::Put, []) => console.add(&request.body),
        (Verb::Patch, [selector]) => console.patch(selector, &request.body),
        (Verb::Delete, [selector]) => console.delete(selector),
        (Verb::Post, [command]) => console.command(command, &request.body),
        (Verb::Post, []) => Err(Refusal::bad_request("no such command")),
        (Verb::Patch | Verb::Delete, []) => Err(Refusal::bad_identifier()),
        (_, [word, ..]) => Err(Refusal::no_menu(word)),
    }
}

/// One menu of the store, open for commands.
struct Console<'s> {
    store: &'s mut Store,
    menu: usize,
    meters: Meters<'s>,
}

impl Console<'_> {
    fn print(&self, selection: &Selection) -> Result<Reply, Refusal> {
        let menu = self.store.menu(self.menu)?;
        let shown = menu
            .items
            .iter()
            .map(|item| show(menu, item, self.meters))
            .filter(|item| selection.chooses(item))
            .map(|item| selection.show(item));
        Ok(Reply::ok(match menu.schema.shape {
            Shape::List { .. } => ReplyBody::List(shown.collect()),
            Shape::Singleton => ReplyBody::Item(shown.last().unwrap_or_default()),
        }))
    }

    fn print_one(&self, selector: &str, query: &[(String, String)]) -> Result<Reply, Refusal> {
        let menu = self.store.menu(self.menu)?;
        if COMMANDS.contains(&selector) {
            return Err(Refusal::bad_request("no such command"));
        }
        let index = menu.resolve(selector)?;
        let item = menu.items.get(index).ok_or_else(Refusal::not_found)?;
        let shown = show(menu, item, self.meters);
        Ok(Reply::ok(ReplyBody::Item(
            Selection::from_url(query).show(shown),
        )))
    }

    fn add(&mut self, body: &Value) -> Result<Reply, Refusal> {
        let index = self.add_item(body)?;
        let item = self.shown(index)?;
        Ok(Reply {
            status: 201,
            body: ReplyBody::Item(item),
        })
    }

    fn add_item(&mut self, body: &Value) -> Result<usize, Refusal> {
        let schema = self.store.menu(self.menu)?.schema;
        if schema.shape == Shape::Singleton {
            return Err(Refusal::bad_request("no such command"));
        }
        let written = self.store.check(schema, &members(body)?)?;
        self.store.menu_mut(self.menu)?.add(written)
    }

    fn patch(&mut self, selector: &str, body: &Value) -> Result<Reply, Refusal> {
        let menu = self.store.menu(self.menu)?;
        if menu.schema.shape == Shape::Singleton {
            return Err(Refusal::bad_identifier());
        }
        let index = menu.resolve(selector)?;
        self.write(&[index], &members(body)?)?;
        Ok(Reply::ok(ReplyBody::Item(self.shown(index)?)))
    }

    fn delete(&mut self, selector: &str) -> Result<Reply, Refusal> {
        let index = self.store.menu(self.menu)?.resolve(selector)?;
        self.store.menu_mut(self.menu)?.remove(index);
        Ok(Reply {
            status: 204,
            body: ReplyBody::Nothing,
        })
    }

    fn command(&mut self, command: &str, body: &Value) -> Result<Reply, Refusal> {
        let mut arguments = members(body)?;
        match command {
            "print" => return self.print(&print_arguments(body)?),
            "add" => {
                let index = self.add_item(body)?;
                let id = self.shown(index)?.remove(".id").unwrap_or_default();
                let ret = ShownItem::from([("ret".to_owned(), id)]);
                return Ok(Reply::ok(ReplyBody::Item(ret)));
            }
            "reset-counters-all" => self.reset_counters(&self.everything()?)?,
            "set" | "enable" | "disable" | "remove" | "reset-counters" => {
                let chosen = self.chosen(&mut arguments)?;
                self.change(command, &chosen, &arguments)?;
            }
            other => return Err(Refusal::no_menu(other)),
        }
        Ok(Reply::ok(ReplyBody::List(Vec::new())))
    }

    fn change(
        &mut self,
        command: &str,
        chosen: &[usize],
        arguments: &BTreeMap<String, String>,
    ) -> Result<(), Refusal> {
        let disabled = |value: &str| BTreeMap::from([("disabled".to_owned(), value.to_owned())]);
        match command {
            "enable" => self.write(chosen, &disabled("false")),
            "disable" => self.write(chosen, &disabled("true")),
            "reset-counters" => self.reset_counters(chosen),
            "remove" => self.remove(chosen),
            _ => self.write(chosen, arguments),
        }
    }

    /// Writes the same values into each chosen item.
    fn write(
        &mut self,
        chosen: &[usize],
        values: &BTreeMap<String, String>,
    ) -> Result<(), Refusal> {
        let schema = self.store.menu(self.menu)?.schema;
        let written = self.store.check(schema, values)?;
        let menu = self.store.menu_mut(self.menu)?;
        for index in chosen {
            menu.set(*index, written.clone())?;
        }
        Ok(())
    }

    fn remove(&mut self, chosen: &[usize]) -> Result<(), Refusal> {
        let menu = self.store.menu_mut(self.menu)?;
        let mut chosen = chosen.to_vec();
        chosen.sort_unstable();
        chosen.dedup();
        for index in chosen.into_iter().rev() {
            menu.remove(index);
        }
        Ok(())
    }

    fn reset_counters(&mut self, chosen: &[usize]) -> Result<(), Refusal> {
        let meters = self.meters;
        let menu = self.store.menu_mut(self.menu)?;
        for index in chosen {
            if let Some(item) = menu.items.get_mut(*index) {
                item.bytes_at_reset = meters(item.text("name")).map_or(0, |m| m.bytes.get());
            }
        }
        Ok(())
    }

    fn everything(&self) -> Result<Vec<usize>, Refusal> {
        Ok((0..self.store.menu(self.menu)?.items.len()).collect())
    }

    /// The items that `.id` or `numbers` name; takes them out of the arguments.
    fn chosen(&self, arguments: &mut BTreeMap<String, String>) -> Result<Vec<usize>, Refusal> {
        let menu = self.store.menu(self.menu)?;
        if menu.schema.shape == Shape::Singleton {
            return Ok(vec![0]);
        }
        let names = arguments
            .remove(".id")
            .or_else(|| arguments.remove("numbers"));
        let names = names.ok_or_else(|| Refusal::bad_request("missing =.id="))?;
        comma_list(&names)
            .iter()
            .map(|name| menu.resolve(name))
            .collect()
    }

    fn shown(&self, index: usize) -> Result<ShownItem, Refusal> {
        let menu = self.store.menu(self.menu)?;
        let item = menu.items.get(index).ok_or_else(Refusal::not_found)?;
        Ok(show(menu, item, self.meters))
    }
}

/// Words that are commands, not names of items.
const COMMANDS: [&str; 8] = [
    "add",
    "disable",
    "enable",
    "print",
    "remove",
    "reset-counters",
    "reset-counters-all",
    "set",
];

/// An item with its live counters. CAKE's drops never reach `dropped`.
fn show(menu: &Menu, item: &Item, meters: Meters<'_>) -> ShownItem {
    let mut shown = menu.shown(item);
    if menu.schema.path == QUEUE_TREE
        && let Some(meter) = meters(item.text("name"))
    {
        let bytes = meter.bytes.get().saturating_sub(item.bytes_at_reset);
        let queued = meter.queued.get();
        for (name, value) in [
            ("bytes", bytes),
            ("packets", bytes / PACKET_BYTES),
            ("queued-bytes", queued),
            ("queued-packets", queued.div_ceil(PACKET_BYTES)),
        ] {
            shown.insert(name.to_owned(), value.to_string());
        }
    }
    shown
}

/// The members of a body as texts; lists become comma lists.
fn members(body: &Value) -> Result<BTreeMap<String, String>, Refusal> {
    let object = match body {
        Value::Null => return Ok(BTreeMap::new()),
        Value::Object(object) => object,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(Refusal::bad_request("expected a JSON object"));
        }
    };
    object
        .iter()
        .map(|(name, value)| Ok((name.clone(), text(value)?)))
        .collect()
}

fn text(value: &Value) -> Result<String, Refusal> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Array(parts) => {
            let parts: Result<Vec<_>, _> = parts.iter().map(text).collect();
            Ok(parts?.join(","))
        }
        Value::Null | Value::Object(_) => Err(Refusal::bad_request("expected a JSON string")),
    }
}

fn print_arguments(body: &Value) -> Result<Selection, Refusal> {
    let shown = body.get(".proplist").map(text).transpose()?;
    let words: Vec<String> = match body.get(".query") {
        None => Vec::new(),
        Some(Value::Array(words)) => words.iter().map(text).collect::<Result<_, _>>()?,
        Some(word) => vec![text(word)?],
    };
    Selection::from_words(&words, shown.as_deref().map(comma_list))
}
