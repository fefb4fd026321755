//! The configuration of the device: menus and their items.

use std::collections::BTreeMap;

use super::reply::{Refusal, ShownItem};
use super::schema::{Kind, MENUS, MenuSchema, Presence, RESOURCE, Shape};
use super::value::normalise;

/// How far identifiers jump when the device numbers its items anew.
const RENUMBERING: u64 = 0x100;

/// All menus with their items.
#[derive(Clone, Debug)]
pub(super) struct Store {
    menus: Vec<Menu>,
}

/// One menu with its items.
#[derive(Clone, Debug)]
pub(super) struct Menu {
    pub(super) schema: &'static MenuSchema,
    pub(super) items: Vec<Item>,
    next_id: u64,
}

/// One item: what was written, and the sums that were taken off its counters.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) id: u64,
    pub(super) written: BTreeMap<&'static str, String>,
    /// Bytes already counted when the counters were last reset.
    pub(super) bytes_at_reset: u64,
}

impl Store {
    /// A device with nothing configured; singletons exist.
    pub(super) fn new() -> Self {
        Self {
            menus: MENUS.iter().map(Menu::new).collect(),
        }
    }

    /// The menu that a path leads to or through, and the words left over.
    pub(super) fn locate<'p>(&self, path: &'p [String]) -> Result<(usize, &'p [String]), Refusal> {
        let found = self.menus.iter().enumerate().find_map(|(index, menu)| {
            let words = menu.schema.path.split('/');
            let length = words.clone().count();
            let (head, rest) = path.split_at_checked(length)?;
            words.eq(head).then_some((index, rest))
        });
        found.ok_or_else(|| {
            let known =
                |word: &&String| !MENUS.iter().any(|menu| menu.path.contains(word.as_str()));
            let word = path.iter().find(known).or_else(|| path.last());
            Refusal::no_menu(word.map_or("", String::as_str))
        })
    }

    pub(super) fn menu(&self, index: usize) -> Result<&Menu, Refusal> {
        self.menus.get(index).ok_or_else(Refusal::not_found)
    }

    pub(super) fn menu_mut(&mut self, index: usize) -> Result<&mut Menu, Refusal> {
        self.menus.get_mut(index).ok_or_else(Refusal::not_found)
    }

    pub(super) fn at(&self, path: &str) -> Option<&Menu> {
        self.menus.iter().find(|menu| menu.schema.path == path)
    }

    pub(super) fn at_mut(&mut self, path: &str) -> Option<&mut Menu> {
        self.menus.iter_mut().find(|menu| menu.schema.path == path)
    }

    /// Checks written values against the schema of a menu and brings them into their form.
    pub(super) fn check(
        &self,
        schema: &'static MenuSchema,
        values: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<&'static str, String>, Refusal> {
        let mut checked = BTreeMap::new();
        for (name, value) in values {
            let property = schema
                .property(name)
                .ok_or_else(|| Refusal::unknown_parameter(name))?;
            if let Kind::Reference(path) = property.kind
                && self.at(path).is_none_or(|menu| menu.named(value).is_none())
            {
                return Err(Refusal::no_such_value(name));
            }
            checked.insert(property.name, normalise(property, value)?);
        }
        Ok(checked)
    }

    /// Gives every item another identifier.
    pub(super) fn renumber(&mut self) {
        for menu in &mut self.menus {
            menu.next_id += RENUMBERING;
            for item in &mut menu.items {
                item.id += RENUMBERING;
            }
        }
    }

    /// Takes over the identifiers that follow those of `other`.
    pub(super) fn number_after(&mut self, other: &Self) {
        while self
            .menus
            .iter()
            .zip(&other.menus)
            .any(|(own, theirs)| own.next_id <= theirs.next_id)
        {
            self.renumber();
        }
    }

    /// Counts one accepted change as one written sector of flash memory.
    pub(super) fn wear(&mut self) {
        let resource = self
            .at_mut(RESOURCE)
            .and_then(|menu| menu.items.first_mut());
        let Some(resource) = resource else { return };
        for name in ["write-sect-since-reboot", "write-sect-total"] {
            let sectors: u64 = resource.text(name).parse().unwrap_or(0);
            resource.written.insert(name, (sectors + 1).to_string());
        }
    }
}

impl Menu {
    fn new(schema: &'static MenuSchema) -> Self {
        let (items, next_id) = match schema.shape {
            Shape::List { first_id, .. } => (Vec::new(), first_id),
            Shape::Singleton => (vec![Item::new(0, BTreeMap::new())], 1),
        };
        Self {
            schema,
            items,
            next_id,
        }
    }

    /// Adds an item and returns its position.
    pub(super) fn add(
        &mut self,
        written: BTreeMap<&'static str, String>,
    ) -> Result<usize, Refusal> {
        if self.schema.is_named() {
            let name = written.get("name").map_or("", String::as_str);
            self.refuse_taken(name, None)?;
        }
        self.items.push(Item::new(self.next_id, written));
        self.next_id += 1;
        Ok(self.items.len() - 1)
    }

    /// Writes checked values into the item at `index`.
    pub(super) fn set(
        &mut self,
        index: usize,
        written: BTreeMap<&'static str, String>,
    ) -> Result<(), Refusal> {
        if let Some(name) = written.get("name")
            && self.schema.is_named()
        {
            self.refuse_taken(name, Some(index))?;
        }
        let item = self.items.get_mut(index).ok_or_else(Refusal::not_found)?;
        item.written.extend(written);
        Ok(())
    }

    pub(super) fn remove(&mut self, index: usize) {
        if index < self.items.len() {
            self.items.remove(index);
        }
    }

    /// The position of the item that a selector (`*1A` or a name) means.
    pub(super) fn resolve(&self, selector: &str) -> Result<usize, Refusal> {
        let found = if let Some(hex) = selector.strip_prefix('*') {
            let id = parse_id(hex).ok_or_else(Refusal::bad_identifier)?;
            self.items.iter().position(|item| item.id == id)
        } else if self.schema.is_named() {
            self.named(selector)
        } else {
            return Err(Refusal::bad_request("no such command prefix"));
        };
        found.ok_or_else(Refusal::not_found)
    }

    /// The position of the item of this name.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.items
            .iter()
            .position(|item| item.written.get("name").is_some_and(|own| own == name))
    }

    /// An item as it is shown, counters left at zero.
    pub(super) fn shown(&self, item: &Item) -> ShownItem {
        let mut shown = ShownItem::new();
        if self.schema.shape != Shape::Singleton {
            shown.insert(".id".to_owned(), format!("*{:X}", item.id));
        }
        for property in self.schema.properties {
            let written = item.written.get(property.name);
            let value = written.map_or(property.default, String::as_str);
            let present = match property.presence {
                Presence::Always => true,
                Presence::WhenWritten => written.is_some(),
                Presence::WhenNotEmpty => !value.is_empty(),
                Presence::WhenEnabled => item.text("disabled") != "true",
            };
            if present {
                shown.insert(property.name.to_owned(), value.to_owned());
            }
        }
        shown
    }

    fn refuse_taken(&self, name: &str, own: Option<usize>) -> Result<(), Refusal> {
        let holder = self.named(name);
        if holder.is_none() || holder == own {
            Ok(())
        } else {
            Err(Refusal::bad_request("failure: already have such name"))
        }
    }
}

impl Item {
    const fn new(id: u64, written: BTreeMap<&'static str, String>) -> Self {
        Self {
            id,
            written,
            bytes_at_reset: 0,
        }
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.written.get(name).map_or("", String::as_str)
    }
}

/// Upper-case hexadecimal digits.
fn parse_id(hex: &str) -> Option<u64> {
    let digits = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    if hex.is_empty() || !hex.bytes().all(digits) {
        return None;
    }
    u64::from_str_radix(hex, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::super::schema::{MANGLE, QUEUE_TYPE};
    use super::*;

    #[test]
    fn identifiers_are_upper_case_hexadecimal() {
        assert_eq!(parse_id("1A"), Some(26));
        for bad in ["", "1a", "x", "+1"] {
            assert_eq!(parse_id(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_was_never_written_may_be_absent() {
        let mut store = Store::new();
        let menu = store.at_mut(MANGLE).unwrap();
        let index = menu
            .add(BTreeMap::from([("chain", "prerouting".to_owned())]))
            .unwrap();
        let shown = |menu: &Menu| menu.shown(&menu.items[index]);
        assert!(!shown(menu).contains_key("disabled"));
        assert!(!shown(menu).contains_key("comment"));
        menu.set(index, BTreeMap::from([("disabled", "false".to_owned())]))
            .unwrap();
        assert_eq!(
            shown(menu).get("disabled").map(String::as_str),
            Some("false")
        );
    }

    #[test]
    fn new_identifiers_never_meet_old_ones() {
        let mut store = Store::new();
        let types = store.at_mut(QUEUE_TYPE).unwrap();
        for name in ["a", "b"] {
            types
                .add(BTreeMap::from([("name", name.to_owned())]))
                .unwrap();
        }
        let mut saved = store.clone();
        saved.number_after(&store);
        let ids = |store: &Store| -> Vec<u64> {
            store
                .at(QUEUE_TYPE)
                .unwrap()
                .items
                .iter()
                .map(|item| item.id)
                .collect()
        };
        assert!(ids(&saved).iter().all(|id| !ids(&store).contains(id)));
    }
}
