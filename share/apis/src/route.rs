// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A route is one call of a service, as a constant: method, path, and how its answer is read. A request is a route with
//! its blanks filled in. Every call that the toolkit can make stands in a `ROUTES` table.

use std::fmt::Display;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answer::{self, Answer, Listed, Misread};
use crate::error::{CallName, ErrorKind};
use crate::error_body::ErrorBody;

/// One call of a service.
pub struct Route<T> {
    /// As in the service's documentation: `ListInstances`.
    pub name: &'static str,
    pub method: &'static str,
    /// With `:blanks`: `/instances/:uuid`.
    pub path: &'static str,
    /// For routes that share a path: the value of `?action=`.
    pub action: Option<&'static str>,
    /// How long to wait for an answer, where the client's own patience is not enough.
    pub patience: Option<Duration>,
    /// Statuses besides 2xx whose body is read as an answer: 304, or a ping that says with a 500 that it is ill.
    also: &'static [u16],
    read: fn(&Answer) -> Result<T, Misread>,
    misfits: fn(&T) -> usize,
}

impl<T> Route<T> {
    pub const fn new(
        name: &'static str,
        method: &'static str,
        path: &'static str,
        read: fn(&Answer) -> Result<T, Misread>,
    ) -> Route<T> {
        Route {
            name,
            method,
            path,
            action: None,
            patience: None,
            also: &[],
            read,
            misfits: no_misfits,
        }
    }

    pub const fn action(mut self, action: &'static str) -> Route<T> {
        self.action = Some(action);
        self
    }

    /// For calls that answer only when the work is done.
    pub const fn minutes(mut self, minutes: u64) -> Route<T> {
        self.patience = Some(Duration::from_secs(minutes * 60));
        self
    }

    pub const fn also(mut self, statuses: &'static [u16]) -> Route<T> {
        self.also = statuses;
        self
    }

    /// Reads an answer: the value, or what went wrong.
    pub fn decode(&self, answer: &Answer) -> Result<T, ErrorKind> {
        let accepted = (200..300).contains(&answer.status) || self.also.contains(&answer.status);
        if !accepted {
            return Err(ErrorKind::Answered(Box::new(ErrorBody::read(answer))));
        }
        (self.read)(answer).map_err(|misread| {
            if answer.status >= 400 {
                // An ill ping with another body is an ordinary error.
                return ErrorKind::Answered(Box::new(ErrorBody::read(answer)));
            }
            ErrorKind::Undecodable {
                status: answer.status,
                json_path: misread.json_path,
                why: misread.why,
            }
        })
    }

    /// Fills the blanks of the path, in order.
    pub fn at(&self, blanks: &[&dyn Display]) -> Request<'_, T> {
        let mut blanks = blanks.iter();
        let mut segments = Vec::new();
        let mut invalid = None;
        for part in self.path.split('/').skip(1) {
            let Some(blank) = part.strip_prefix(':') else {
                segments.push(part.to_owned());
                continue;
            };
            let segment = blanks.next().map(ToString::to_string).unwrap_or_default();
            if let Some(why) = unfit_for_a_path(&segment) {
                invalid.get_or_insert((blank.to_owned(), why.to_owned()));
            }
            segments.push(segment);
        }
        let mut query = Vec::new();
        if let Some(action) = self.action {
            query.push(("action".to_owned(), action.to_owned()));
        }
        Request {
            route: self,
            segments,
            query,
            headers: Vec::new(),
            body: None,
            patience: self.patience,
            invalid,
        }
    }
}

impl<T: DeserializeOwned> Route<T> {
    pub const fn get(name: &'static str, path: &'static str) -> Route<T> {
        Route::new(name, "GET", path, answer::json)
    }

    pub const fn put(name: &'static str, path: &'static str) -> Route<T> {
        Route::new(name, "PUT", path, answer::json)
    }

    pub const fn post(name: &'static str, path: &'static str) -> Route<T> {
        Route::new(name, "POST", path, answer::json)
    }
}

impl<T: DeserializeOwned> Route<Listed<T>> {
    pub const fn list(name: &'static str, path: &'static str) -> Route<Listed<T>> {
        let mut route = Route::new(name, "GET", path, answer::list);
        route.misfits = count_misfits;
        route
    }
}

/// What `decode` gives, whatever the route's type: how many entries of a list could not be read.
pub trait AnyRoute: Sync {
    fn name(&self) -> &'static str;
    fn method(&self) -> &'static str;
    fn path(&self) -> &'static str;
    fn action(&self) -> Option<&'static str>;
    fn digest(&self, answer: &Answer) -> Result<usize, ErrorKind>;
}

impl<T> AnyRoute for Route<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn method(&self) -> &'static str {
        self.method
    }

    fn path(&self) -> &'static str {
        self.path
    }

    fn action(&self) -> Option<&'static str> {
        self.action
    }

    fn digest(&self, answer: &Answer) -> Result<usize, ErrorKind> {
        self.decode(answer).map(|value| (self.misfits)(&value))
    }
}

/// A route, filled in.
pub struct Request<'r, T> {
    pub(crate) route: &'r Route<T>,
    /// Not yet percent-encoded.
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) patience: Option<Duration>,
    /// First thing found wrong; such a request is never sent.
    pub(crate) invalid: Option<(String, String)>,
}

impl<T> Request<'_, T> {
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn query_if(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Display) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub fn header_if(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// How long to wait for the answer, in place of the route's own.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Takes the outcome of a check: a failed one keeps the request from being sent.
    pub fn check(mut self, outcome: Result<(), (String, String)>) -> Self {
        if let Err(wrong) = outcome {
            self.invalid.get_or_insert(wrong);
        }
        self
    }

    pub(crate) fn path(&self) -> String {
        format!("/{}", self.segments.join("/"))
    }

    pub(crate) fn call_name(&self, service: &str, at: &str) -> CallName {
        CallName {
            service: service.to_owned(),
            at: at.to_owned(),
            method: self.route.method.to_owned(),
            path: self.path(),
        }
    }
}

/// Everything else is percent-encoded; these would change which object is meant even so.
fn unfit_for_a_path(segment: &str) -> Option<&'static str> {
    if segment.is_empty() {
        Some("is empty, and would name the whole collection")
    } else if segment == "." || segment == ".." {
        Some("would leave its place in the path")
    } else if segment.chars().any(char::is_control) {
        Some("holds a control character")
    } else {
        None
    }
}

fn no_misfits<T>(_: &T) -> usize {
    0
}

fn count_misfits<T>(listed: &Listed<T>) -> usize {
    listed.misfits.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const THING: Route<Value> = Route::get("GetThing", "/things/:name/parts/:part");
    const ILL: Route<Value> = Route::get("Ping", "/ping").also(&[500]);

    #[test]
    fn blanks_are_filled_in_order() {
        assert_eq!(THING.at(&[&"a", &7]).path(), "/things/a/parts/7");
    }

    #[test]
    fn a_missing_or_dotted_blank_keeps_the_request_from_being_sent() {
        for bad in ["", ".", "..", "a\nb"] {
            let request = THING.at(&[&bad, &"x"]);
            assert_eq!(
                request.invalid.map(|(field, _)| field).as_deref(),
                Some("name")
            );
        }
        assert!(THING.at(&[&"x"]).invalid.is_some());
        assert!(THING.at(&[&"x", &"..."]).invalid.is_none());
    }

    #[test]
    fn an_ill_ping_is_an_answer_but_another_500_is_an_error() {
        let ill = Answer::new(500, &[], "{\"storAvailable\":false}");
        assert!(ILL.decode(&ill).is_ok());
        let page = Answer::new(500, &[], "<html>");
        assert!(matches!(ILL.decode(&page), Err(ErrorKind::Answered(_))));
    }

    #[test]
    fn a_success_with_a_strange_body_is_undecodable() {
        let answer = Answer::new(200, &[], "welcome to nginx");
        assert!(matches!(
            THING.decode(&answer),
            Err(ErrorKind::Undecodable { status: 200, .. })
        ));
    }
}
