//! Lock and state.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wanctl_types::WanName;

use super::Desk;
use crate::config::Files;
use crate::diagnostic::{Code, Diagnostic};
use crate::schema::key;

pub(super) fn files(name: &WanName, desk: &mut Desk<'_>) -> Option<Files> {
    let values = desk.values;
    if values.refused(&key::LOCK_FILE) || values.refused(&key::STATE_FILE) {
        return None;
    }
    let lock = values.path(&key::LOCK_FILE);
    let state_file = values
        .path(&key::STATE_FILE)
        .unwrap_or_else(|| state_file(name, lock.as_deref()));
    let lock_file = lock.unwrap_or_else(|| PathBuf::from(format!("/run/wanctl/{name}.lock")));
    if lock_file == state_file {
        let message = "lock_file and state_file are the same file";
        desk.report(&key::STATE_FILE, Diagnostic::new(Code::Clash, message));
        return None;
    }
    Some(Files {
        state_file,
        lock_file,
        lock_timeout: Duration::from_secs(values.integer(&key::LOCK_TIMEOUT)?),
    })
}

/// Beside a lock file that was chosen, as the Python wanctl has it; else where it outlives a
/// restart of the machine.
fn state_file(name: &WanName, lock: Option<&Path>) -> PathBuf {
    match lock.and_then(|lock| Some((lock, lock.file_stem()?))) {
        Some((lock, stem)) => {
            let mut file = stem.to_owned();
            file.push("_state.json");
            lock.with_file_name(file)
        }
        None => PathBuf::from(format!("/var/lib/wanctl/{name}_state.json")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_lies_beside_a_chosen_lock() {
        let name = WanName::new("cable").unwrap();
        for (lock, state) in [
            (Some("/run/wanctl/x.lock"), "/run/wanctl/x_state.json"),
            (Some("/run/a.b.lock"), "/run/a.b_state.json"),
            (Some("/run/plain"), "/run/plain_state.json"),
            (None, "/var/lib/wanctl/cable_state.json"),
        ] {
            assert_eq!(state_file(&name, lock.map(Path::new)), Path::new(state));
        }
    }
}
