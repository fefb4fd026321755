//! The port to everything on a router that steering reads or moves.

use async_trait::async_trait;

use crate::{Counters, Error, MangleRules};

/// A router whose default routes can be moved by their distance.
#[async_trait]
pub trait Routes: Send + Sync {
    /// Reads the one route whose comment is exactly `comment`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when no route has it, [`Error::Ambiguous`] when several do, or why the
    /// routes could not be read.
    async fn route(&self, comment: &str) -> Result<Route, Error>;

    /// Gives that route a distance and reads it back. A route that has it already is not written,
    /// and none is ever enabled or disabled.
    ///
    /// # Errors
    ///
    /// As [`Routes::route`]; [`Error::RouteDisabled`] for a route that is switched off,
    /// [`Error::RouteNotApplied`] when it did not follow.
    async fn set_route_distance(&self, comment: &str, distance: u8) -> Result<RouteChange, Error>;
}

/// A router that traffic is steered with.
#[async_trait]
pub trait SteeringRouter: MangleRules + Routes {
    /// Reads the counters of the download queue.
    ///
    /// # Errors
    ///
    /// Why they could not be read.
    async fn download_counters(&self) -> Result<Counters, Error>;

    /// Finds what else on the router changes the rules or routes with these comments by itself:
    /// enabled netwatch entries and schedulers, and scripts.
    ///
    /// # Errors
    ///
    /// Why the router could not be read: then nobody knows.
    async fn rivals(&self, comments: &[String]) -> Result<Vec<Rival>, Error>;
}

/// A route, as far as steering needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The router's id for it; valid until the router renumbers its routes.
    pub id: String,
    /// The whole comment.
    pub comment: String,
    /// Where it leads, such as `0.0.0.0/0`; empty when the router does not say.
    pub destination: String,
    /// How far back it stands; a router says none for a route that is disabled.
    pub distance: Option<u8>,
    /// Whether it is switched off.
    pub disabled: bool,
    /// Whether the router uses it now.
    pub active: bool,
}

impl Route {
    /// Describes a route at this distance that is in use.
    #[must_use]
    pub const fn new(id: String, comment: String, destination: String, distance: u8) -> Self {
        Self {
            id,
            comment,
            destination,
            distance: Some(distance),
            disabled: false,
            active: true,
        }
    }
}

/// What asking for a route's distance came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum RouteChange {
    /// It had another one.
    Changed {
        /// Which.
        from: u8,
    },
    /// It had it already; nothing was written.
    AlreadySo,
}

/// Something on the router that may change the same objects by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rival {
    /// The menu it stands in, such as `tool/netwatch`.
    pub menu: &'static str,
    /// Its name, host or id.
    pub name: String,
    /// The comment of the object it mentions.
    pub object: String,
}

impl Rival {
    /// Describes a rival.
    #[must_use]
    pub const fn new(menu: &'static str, name: String, object: String) -> Self {
        Self { menu, name, object }
    }
}

impl core::fmt::Display for Rival {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { menu, name, object } = self;
        write!(f, "{menu} {name:?} mentions {object:?}")
    }
}
