//! What requests carry, read and checked, with refusals in the API's own shape.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Problem;
use crate::admin::{Checked, PageQuery};

/// A JSON body, every field checked.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + Checked, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Json(body) = Json::<T>::from_request(request, state).await?;
        body.check()?;
        Ok(Self(body))
    }
}

/// What the path names.
#[derive(Debug)]
pub struct PathOf<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(path) = Path::<T>::from_request_parts(parts, state).await?;
        Ok(Self(path))
    }
}

/// What the query says.
#[derive(Debug)]
pub struct QueryOf<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) = Query::<T>::from_request_parts(parts, state).await?;
        Ok(Self(query))
    }
}

/// The number that `after` names; 0 if it is not given.
///
/// # Errors
/// [`Problem`]: bad request.
pub(super) fn number(query: &PageQuery) -> Result<u64, Problem> {
    let Some(after) = &query.after else { return Ok(0) };
    // Beyond, the store could not hold it.
    let number = after.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| Problem::bad_request("after: a number, as `next` gave it"))
}
