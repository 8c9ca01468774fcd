// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What restify does for all of the servers alike: routes, versions, content types, parameters, the headers of every
//! answer and the shape of every error.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::zone::Zone;
use crate::http::{self, Request, Response};

/// An answer, or the error that ended the request early: both are responses.
pub type Answer = Result<Response, Response>;

/// Method, path with `:parameters`, and what answers there.
pub struct Route(
    pub &'static str,
    pub &'static str,
    pub fn(&Zone, &Ask<'_>) -> Answer,
);

pub struct Service {
    /// The `Server` header.
    pub server: &'static str,
    pub versions: Versions,
    /// HEAD works wherever GET does.
    pub head: bool,
    /// A 406 says so in JSON; SAPI and IMGAPI send it without a body.
    pub explains_406: bool,
    /// CNAPI and PAPI refuse a content type or a body before they set any header of theirs.
    pub headers_late: bool,
    /// The header that echoes the request's id.
    pub request_id: &'static str,
    /// SAPI sends no `x-response-time`.
    pub response_time: bool,
    /// What every route but the ping answers when the service can't work.
    pub unready: fn(&Zone) -> Option<Response>,
    pub routes: &'static [Route],
}

/// What a service makes of `Accept-Version`.
pub enum Versions {
    /// Supports these major versions.
    Majors(&'static [u8]),
    Ignored,
    /// CNAPI finds no route for any version.
    NoRoute,
}

/// The parameters of a path.
type Parameters<'a> = Vec<(&'static str, &'a str)>;

/// A request that found its route.
pub struct Ask<'a> {
    pub request: &'a Request,
    path: Parameters<'a>,
    /// Query and body in one map, as restify merges them; the query wins.
    pub params: Map<String, Value>,
    /// The body alone, when it is an object.
    pub body: Map<String, Value>,
}

impl Ask<'_> {
    /// A parameter of the path.
    pub fn path(&self, name: &str) -> &str {
        self.path
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
            .unwrap_or_default()
    }

    /// A parameter as text: strings as they are, anything else as JSON.
    pub fn text(&self, name: &str) -> Option<String> {
        self.params
            .get(name)
            .filter(|value| !value.is_null())
            .map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
    }

    /// The major version asked for; 1 without a header.
    pub fn version(&self) -> u8 {
        match self.request.header("accept-version") {
            Some("*") => 2,
            Some(version) => major(version).unwrap_or(1),
            None => 1,
        }
    }
}

impl Service {
    /// True when some route answers this method on this path.
    pub fn routes(&self, method: &str, path: &str) -> bool {
        let method = if self.head && method == "HEAD" {
            "GET"
        } else {
            method
        };
        let mut routes = self.routes.iter();
        routes.any(|route| route.0 == method && matched(route.1, path).is_some())
    }

    pub fn answer(&self, zone: &Zone, request: &Request) -> Response {
        let found = self
            .find(request)
            .and_then(|(route, path)| match self.read(request) {
                Err(refused) if self.headers_late => Err(refused),
                read => Ok((route, path, read)),
            });
        let (route, path, read) = match found {
            Ok(found) => found,
            // What ends this early carries neither `Server` nor the request's id.
            Err(refused) => return connected(refused),
        };
        let response = read
            .and_then(|body| self.run(zone, request, route, path, body))
            .unwrap_or_else(|refused| refused);
        self.finished(zone, request, response)
    }

    fn find<'a>(&self, request: &'a Request) -> Result<(&Route, Parameters<'a>), Response> {
        let mut allowed: Vec<&str> = Vec::new();
        for route in self.routes {
            let Some(path) = matched(route.1, &request.path) else {
                continue;
            };
            let head = self.head && route.0 == "GET" && request.method == "HEAD";
            if route.0 != request.method && !head {
                allowed.push(route.0);
                continue;
            }
            let Some(version) = request.header("accept-version") else {
                return Ok((route, path));
            };
            match &self.versions {
                Versions::Ignored => return Ok((route, path)),
                Versions::Majors(majors)
                    if version == "*"
                        || major(version).is_some_and(|major| majors.contains(&major)) =>
                {
                    return Ok((route, path));
                }
                Versions::Majors(_) => {
                    let message =
                        format!("{version} is not supported by {} {}", route.0, request.path);
                    return Err(error(400, "InvalidVersion", &message));
                }
                Versions::NoRoute => allowed.push(route.0),
            }
        }
        if allowed.is_empty() {
            return Err(error(
                404,
                "ResourceNotFound",
                &format!("{} does not exist", request.path),
            ));
        }
        let message = format!("{} is not allowed", request.method);
        Err(error(405, "MethodNotAllowedError", &message).with_header("Allow", allowed.join(", ")))
    }

    /// The body of a request whose answer the caller will understand.
    fn read(&self, request: &Request) -> Result<Map<String, Value>, Response> {
        let accept = request.header("accept").unwrap_or("*/*");
        let kinds = ["json", "*", "text/plain", "octet-stream"];
        if kinds.iter().any(|kind| accept.contains(kind)) {
            return body(request);
        }
        let kinds = "application/json,text/plain,application/octet-stream,application/javascript";
        Err(match self.explains_406 {
            true => error(
                406,
                "NotAcceptableError",
                &format!("Server accepts: {kinds}"),
            ),
            false => Response::empty(406),
        })
    }

    fn run(
        &self,
        zone: &Zone,
        request: &Request,
        route: &Route,
        path: Parameters<'_>,
        body: Map<String, Value>,
    ) -> Answer {
        // Pings tell of it in their own way.
        let unready = Some(self.unready).filter(|_| !route.1.ends_with("ping"));
        if let Some(unready) = unready.and_then(|unready| unready(zone)) {
            return Err(unready);
        }
        let mut params: Map<String, Value> = Map::new();
        for (key, value) in request.query.iter().cloned() {
            params.entry(key).or_insert(Value::String(value));
        }
        for (key, value) in &body {
            params.entry(key.clone()).or_insert_with(|| value.clone());
        }
        let ask = Ask {
            request,
            path,
            params,
            body,
        };
        (route.2)(zone, &ask)
    }

    fn finished(&self, zone: &Zone, request: &Request, mut response: Response) -> Response {
        if request.header("accept") == Some("text/plain") && !response.body.is_empty() {
            response.headers.retain(|(name, _)| name != "Content-Type");
            response = response.with_header("Content-Type", "text/plain");
        }
        let given = ["x-request-id", "request-id"]
            .into_iter()
            .find_map(|name| request.header(name));
        let id = given
            .map(str::to_owned)
            .unwrap_or_else(|| Uuid::new_v4().to_string());
        response = response
            .with_header("Server", self.server)
            .with_header(self.request_id, id);
        if self.response_time {
            response = response.with_header("x-response-time", "1");
        }
        connected(response.with_header("x-server-name", zone.vm.to_string()))
    }
}

fn connected(response: Response) -> Response {
    response
        .with_header("Date", date())
        .with_header("Connection", "keep-alive")
}

/// The parameters of a body: JSON or a form by its content type, nothing otherwise.
fn body(request: &Request) -> Result<Map<String, Value>, Response> {
    let kind = request.header("content-type").unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let form = http::pairs(&String::from_utf8_lossy(&request.body));
        return Ok(form
            .into_iter()
            .map(|(key, value)| (key, Value::String(value)))
            .collect());
    }
    if !kind.starts_with("application/json") || request.body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(body)) => Ok(body),
        Ok(_) => Ok(Map::new()),
        Err(why) => Err(error(
            400,
            "InvalidContent",
            &format!("Invalid JSON: {why}"),
        )),
    }
}

/// The parameters of a path that fits `pattern`.
fn matched<'a>(pattern: &'static str, path: &'a str) -> Option<Parameters<'a>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut found = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(found),
            (Some(wanted), Some(given)) => match wanted.strip_prefix(':') {
                Some(name) if !given.is_empty() => found.push((name, given)),
                None if wanted == given => {}
                _ => return None,
            },
            _ => return None,
        }
    }
}

/// `~2`, `2` and `2.0.0` are all major version 2.
fn major(version: &str) -> Option<u8> {
    version
        .trim_start_matches('~')
        .split('.')
        .next()?
        .parse()
        .ok()
}

fn date() -> String {
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&Timestamp::now())
        .unwrap_or_default()
}

pub fn ok(body: &Value) -> Answer {
    Ok(Response::json(200, body))
}

pub fn always_ready(_: &Zone) -> Option<Response> {
    None
}

pub fn error(status: u16, code: &str, message: &str) -> Response {
    Response::json(status, &json!({ "code": code, "message": message }))
}

/// An error that a handler handed on as it was: it has no code.
pub fn plain_error(status: u16, message: &str) -> Response {
    Response::json(status, &json!({ "message": message }))
}

/// A validation error with its list of fields.
pub fn invalid(status: u16, code: &str, message: &str, errors: Vec<Value>) -> Response {
    Response::json(
        status,
        &json!({ "code": code, "message": message, "errors": errors }),
    )
}

/// Conditional requests with unquoted etags: `None` when the request goes on.
pub fn precondition(ask: &Ask<'_>, etag: &str) -> Option<Response> {
    if let Some(wanted) = ask
        .request
        .header("if-match")
        .filter(|wanted| !["*", etag].contains(wanted))
    {
        let message = format!("if-match '{wanted}' didn't match etag '{etag}'");
        return Some(error(412, "PreconditionFailed", &message));
    }
    let same = ask.request.header("if-none-match") == Some(etag) && ask.request.method != "PUT";
    same.then(|| Response::empty(304))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_matches_only_whole_and_with_filled_parameters() {
        assert_eq!(matched("/vms/:uuid", "/vms/a"), Some(vec![("uuid", "a")]));
        assert_eq!(matched("/vms/:uuid", "/vms/"), None);
        assert_eq!(matched("/vms/:uuid", "/vms/a/b"), None);
        assert_eq!(matched("/vms", "/vms/"), None);
    }
}
