//! The rest of what steering reads: a queue's counters, and who else acts on the router.

use std::time::Duration;

use async_trait::async_trait;

use super::call::Call;
use super::reply::Row;
use super::value::encode;
use super::{QUEUES, RouterOsRest, counters};
use crate::{Counters, Error, Operation, Rival, SteeringRouter};

/// Longest time for reading the counters: they are evidence only while they are fresh.
const COUNTERS_LIMIT: Duration = Duration::from_secs(2);
/// Longest time for reading who else acts.
const OWNERS_LIMIT: Duration = Duration::from_secs(10);

/// A menu whose items act by themselves.
struct Menu {
    name: &'static str,
    listing: &'static str,
    /// What tells an item to a person, the first that is there.
    names: &'static [&'static str],
    /// Where an item says what it does.
    sources: &'static [&'static str],
}

const MENUS: [Menu; 3] = [
    Menu {
        name: "tool/netwatch",
        listing: "/tool/netwatch?.proplist=.id,name,host,disabled,up-script,down-script,test-script",
        names: &["name", "host", ".id"],
        sources: &["up-script", "down-script", "test-script"],
    },
    Menu {
        name: "system/scheduler",
        listing: "/system/scheduler?.proplist=.id,name,disabled,on-event",
        names: &["name", ".id"],
        sources: &["on-event"],
    },
    Menu {
        name: "system/script",
        listing: "/system/script?.proplist=.id,name,source",
        names: &["name", ".id"],
        sources: &["source"],
    },
];

#[async_trait]
impl SteeringRouter for RouterOsRest {
    async fn download_counters(&self) -> Result<Counters, Error> {
        let queue = &self.queues.download;
        let call = Call::new(Operation::ReadCounters, self.timeout.min(COUNTERS_LIMIT));
        let name = encode(queue.name().as_str());
        let path = format!(
            "{QUEUES}?name={name}&.proplist=.id,name,disabled,invalid,bytes,packets,dropped,queued-bytes,queued-packets"
        );
        let found = queue.locate(self.list(&call, &path).await?, &call)?;
        Ok(counters(&found.row))
    }

    async fn rivals(&self, comments: &[String]) -> Result<Vec<Rival>, Error> {
        let call = Call::new(Operation::ReadOwners, self.timeout.min(OWNERS_LIMIT));
        let mut rivals = Vec::new();
        for menu in &MENUS {
            let rows = self.list(&call, menu.listing).await?;
            let acting = rows.iter().filter(|row| !row.flag("disabled"));
            rivals.extend(acting.filter_map(|row| menu.rival(row, comments)));
        }
        Ok(rivals)
    }
}

impl Menu {
    fn rival(&self, row: &Row, comments: &[String]) -> Option<Rival> {
        let object = comments
            .iter()
            .filter(|comment| !comment.is_empty())
            .find(|comment| {
                let texts = self.sources.iter().filter_map(|source| row.text(source));
                texts
                    .into_iter()
                    .any(|text| text.contains(comment.as_str()))
            })?;
        let name = self.names.iter().find_map(|name| row.text(name));
        Some(Rival::new(
            self.name,
            name.unwrap_or_default(),
            object.clone(),
        ))
    }
}
