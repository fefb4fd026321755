//! Routes, told apart by their whole comment and moved by their distance.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::RouterOsRest;
use super::call::Call;
use super::reply::{self, Row};
use super::value::ItemId;
use crate::{Error, Operation, Route, RouteChange, Routes};

/// Where routes live.
const ROUTES: &str = "/ip/route";

/// What is asked of each route. A route that is disabled shows no distance, one that is not in use
/// no `active`, one without a comment none.
const LISTING: &str = "/ip/route?.proplist=.id,comment,dst-address,distance,disabled,active";

/// Longest time for one operation on a route, listing included.
const ROUTE_LIMIT: Duration = Duration::from_secs(5);

#[async_trait]
impl Routes for RouterOsRest {
    async fn route(&self, comment: &str) -> Result<Route, Error> {
        let comment = comment.to_owned();
        let call = self.route_call(Operation::FindRoute {
            comment: comment.clone(),
        });
        Ok(self.find_route(&comment, &call).await?.1)
    }

    async fn set_route_distance(&self, comment: &str, distance: u8) -> Result<RouteChange, Error> {
        let call = self.route_call(Operation::SetDistance {
            comment: comment.to_owned(),
            distance,
        });
        let first = self.move_route(comment, distance, &call).await;
        match first {
            Err(Error::StaleId { .. }) => self.move_route(comment, distance, &call).await,
            first => first,
        }
    }
}

impl RouterOsRest {
    fn route_call(&self, operation: Operation) -> Call {
        Call::new(operation, self.timeout.min(ROUTE_LIMIT))
    }

    async fn find_route(&self, comment: &str, call: &Call) -> Result<(ItemId, Route), Error> {
        let what = || format!("route {comment:?} in {ROUTES}");
        let mut matches = self.list(call, LISTING).await?;
        matches
            .retain(|row| !comment.is_empty() && row.text("comment").as_deref() == Some(comment));
        match matches.as_slice() {
            [] => Err(call.not_found(what())),
            [row] => Ok((row.id(call)?, parse(row))),
            several => Err(call.ambiguous(what(), several.iter().map(Row::label).collect())),
        }
    }

    /// Looks the route up, writes if need be, and makes sure.
    async fn move_route(
        &self,
        comment: &str,
        wanted: u8,
        call: &Call,
    ) -> Result<RouteChange, Error> {
        let (id, route) = self.find_route(comment, call).await?;
        let from = distance(&route)?;
        if from == wanted {
            return Ok(RouteChange::AlreadySo);
        }
        let body = json!({ "distance": wanted.to_string() });
        let written = self.patch(call, ROUTES, &id, &body).await;
        let echo = match &written {
            Ok(answer) => reply::rows(answer)
                .ok()
                .and_then(|rows| rows.into_iter().next())
                .map(|row| parse(&row))
                .filter(|route| route.comment == comment && route.distance.is_some()),
            // A refusal does not prove that nothing changed.
            Err(Error::Rejected { .. } | Error::Protocol { .. }) => None,
            Err(error) => return Err(error.clone()),
        };
        let now = match echo {
            Some(route) => route,
            None => self.find_route(comment, call).await?.1,
        };
        let observed = distance(&now)?;
        match written {
            _ if observed == wanted => Ok(RouteChange::Changed { from }),
            Err(refused) => Err(refused),
            Ok(_) => Err(Error::RouteNotApplied {
                comment: comment.to_owned(),
                wanted,
                observed,
            }),
        }
    }
}

fn distance(route: &Route) -> Result<u8, Error> {
    match route.distance {
        Some(distance) if !route.disabled => Ok(distance),
        Some(_) | None => Err(Error::RouteDisabled {
            comment: route.comment.clone(),
        }),
    }
}

fn parse(row: &Row) -> Route {
    Route {
        id: row.text(".id").unwrap_or_default(),
        comment: row.text("comment").unwrap_or_default(),
        destination: row.text("dst-address").unwrap_or_default(),
        distance: row
            .number("distance")
            .and_then(|distance| u8::try_from(distance).ok()),
        disabled: row.flag("disabled"),
        active: row.flag("active"),
    }
}
