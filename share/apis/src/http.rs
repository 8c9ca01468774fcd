// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The client under all services: sends a request, and tells apart what can go wrong on the way. Plain HTTP on the
//! admin network, as Triton's core services speak it.

use std::error::Error;
use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::blocking::{Body, RequestBuilder, Response};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Method, Url};
use uuid::Uuid;

use crate::answer::Answer;
use crate::error::{ApiError, CallName, ErrorKind};
use crate::names::Names;
use crate::route::{Request, Route};

/// Where a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `sapi`, `vmapi`...; what errors call it.
    pub service: String,
    /// `http://vmapi.dc1.example.com`
    pub url: String,
}

impl Endpoint {
    pub fn new(service: impl Into<String>, url: impl Into<String>) -> Endpoint {
        Endpoint {
            service: service.into(),
            url: url.into(),
        }
    }
}

/// What all clients of a run have in common.
#[derive(Debug, Clone)]
pub struct Options {
    /// `User-Agent`, such as `triton-inventory/0.1.0`.
    pub product: String,
    /// Sent as `x-request-id` with every request of a run, so that a service's log can be searched for it.
    pub request_id: Uuid,
    pub connect_timeout: Duration,
    /// For the whole of an ordinary request; calls that wait for work have their own.
    pub request_timeout: Duration,
    /// Who is asked for names that the system can't resolve.
    pub binders: Vec<IpAddr>,
}

impl Options {
    pub fn new(product: impl Into<String>, request_id: Uuid) -> Options {
        Options {
            product: product.into(),
            request_id,
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(30),
            binders: Vec::new(),
        }
    }

    pub fn with_binders(mut self, binders: Vec<IpAddr>) -> Options {
        self.binders = binders;
        self
    }
}

/// One service, ready to be asked. Clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    service: String,
    base: Url,
    /// For messages.
    at: String,
    http: reqwest::blocking::Client,
    request_id: Uuid,
    accept_version: Option<&'static str>,
}

impl Client {
    /// Sends nothing yet. Fails on a URL that is no plain `http://` URL of a host.
    pub fn new(endpoint: &Endpoint, options: &Options) -> Result<Client, ApiError> {
        let call = || CallName {
            service: endpoint.service.clone(),
            // A password in it must not reach a log.
            at: match endpoint.url.contains('@') {
                true => "a URL with a user".to_owned(),
                false => format!("'{}'", endpoint.url),
            },
            method: String::new(),
            path: String::new(),
        };
        let invalid = |why: String| {
            let field = "url".to_owned();
            ApiError::new(call(), ErrorKind::Invalid { field, why })
        };
        let base = Url::parse(&endpoint.url).map_err(|e| invalid(format!("is not a URL: {e}")))?;
        if base.scheme() != "http" {
            return Err(invalid("must begin with http://".to_owned()));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(invalid("must not hold a user or a password".to_owned()));
        }
        if base.query().is_some() || base.fragment().is_some() || base.path() != "/" {
            return Err(invalid("must end after host and port".to_owned()));
        }
        let mut builder = reqwest::blocking::Client::builder()
            .user_agent(&options.product)
            .connect_timeout(options.connect_timeout)
            .timeout(options.request_timeout)
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            // Node closes idle sockets; a fresh one costs little on the admin network.
            .pool_idle_timeout(Duration::from_secs(20));
        if !options.binders.is_empty() {
            builder = builder.dns_resolver(Arc::new(Names::new(&options.binders)));
        }
        let at = base.as_str().trim_end_matches('/').to_owned();
        let http = builder.build().map_err(|e| {
            let why = format!("no HTTP client could be made: {}", causes(&e));
            ApiError::new(call(), ErrorKind::Local { why })
        })?;
        Ok(Client {
            service: endpoint.service.clone(),
            base,
            at,
            http,
            request_id: options.request_id,
            accept_version: None,
        })
    }

    /// SAPI alone wants it; CNAPI must never get it.
    pub(crate) fn accept_version(mut self, version: &'static str) -> Client {
        self.accept_version = Some(version);
        self
    }

    pub fn service(&self) -> &str {
        &self.service
    }

    /// The URL that is asked, with the pinned address.
    pub fn asked(&self) -> &str {
        &self.at
    }

    pub fn request_id(&self) -> Uuid {
        self.request_id
    }

    /// Sends a request and reads its answer.
    pub fn send<T>(&self, request: Request<'_, T>) -> Result<T, ApiError> {
        let call = request.call_name(&self.service, &self.at);
        let route: &Route<T> = request.route;
        let answered = self
            .built(request)
            .and_then(|(request, patience)| self.exchange(request, patience));
        answered
            .and_then(|answer| route.decode(&answer))
            .map_err(|kind| self.failed(call, kind))
    }

    /// Sends a file as the body. Ends before the server answers only when the route's time is over.
    pub(crate) fn send_file<T>(
        &self,
        request: Request<'_, T>,
        file: impl Read + Send + 'static,
        size: u64,
    ) -> Result<T, ApiError> {
        let call = request.call_name(&self.service, &self.at);
        let route: &Route<T> = request.route;
        let answered = self.built(request).and_then(|(request, patience)| {
            let request = request
                .header("Content-Type", "application/octet-stream")
                .body(Body::sized(file, size));
            self.exchange(request, patience)
        });
        answered
            .and_then(|answer| route.decode(&answer))
            .map_err(|kind| self.failed(call, kind))
    }

    /// Hands the body of a success over as it arrives; time runs out only when nothing arrives any more.
    pub(crate) fn fetch<T, R>(
        &self,
        request: Request<'_, T>,
        take: impl FnOnce(&mut dyn Read) -> Result<R, ErrorKind>,
    ) -> Result<R, ApiError> {
        let call = request.call_name(&self.service, &self.at);
        let outcome = self.built(request).and_then(|(request, _)| {
            let mut response = request.send().map_err(|e| broken(&e))?;
            if response.status().as_u16() == 200 {
                return take(&mut response);
            }
            let answer = read_whole(response)?;
            Err(ErrorKind::Answered(Box::new(
                crate::error_body::ErrorBody::read(&answer),
            )))
        });
        outcome.map_err(|kind| self.failed(call, kind))
    }

    fn built<T>(
        &self,
        request: Request<'_, T>,
    ) -> Result<(RequestBuilder, Option<Duration>), ErrorKind> {
        if let Some((field, why)) = request.invalid {
            return Err(ErrorKind::Invalid { field, why });
        }
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            // push() percent-encodes whatever would end or leave a segment.
            segments.clear().extend(&request.segments);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let method = match request.route.method {
            "PUT" => Method::PUT,
            "POST" => Method::POST,
            "DELETE" => Method::DELETE,
            _ => Method::GET,
        };
        let mut builder = self
            .http
            .request(method, url)
            .header("Accept", "application/json")
            .header("x-request-id", self.request_id.to_string());
        if let Some(version) = self.accept_version {
            builder = builder.header("Accept-Version", version);
        }
        for (name, value) in request.headers {
            let fit = HeaderValue::from_str(&value).map_err(|_| ErrorKind::Invalid {
                field: name.to_owned(),
                why: "holds characters that no header can hold".to_owned(),
            })?;
            builder = builder.header(HeaderName::from_static(name), fit);
        }
        if let Some(body) = request.body {
            builder = builder.json(&body);
        }
        Ok((builder, request.patience))
    }

    fn exchange(
        &self,
        request: RequestBuilder,
        patience: Option<Duration>,
    ) -> Result<Answer, ErrorKind> {
        let request = match patience {
            Some(patience) => request.timeout(patience),
            None => request,
        };
        let began = Instant::now();
        let response = request.send().map_err(|e| broken(&e))?;
        let path = response.url().path().to_owned();
        let answer = read_whole(response)?;
        tracing::debug!(
            service = %self.service,
            path,
            status = answer.status,
            bytes = answer.body.len(),
            ms = began.elapsed().as_millis() as u64,
            "answered"
        );
        Ok(answer)
    }

    fn failed(&self, call: CallName, kind: ErrorKind) -> ApiError {
        let error = ApiError::new(call, kind);
        tracing::debug!(%error, "call failed");
        error
    }
}

fn read_whole(response: Response) -> Result<Answer, ErrorKind> {
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let body = response.bytes().map_err(|e| broken(&e))?.to_vec();
    Ok(Answer {
        status,
        headers,
        body,
    })
}

/// What kind of break it was. Whatever is neither a failed connect nor a timeout happened after the request left.
fn broken(error: &reqwest::Error) -> ErrorKind {
    let why = causes(error);
    let connecting = error.is_connect();
    if error.is_timeout() || connecting {
        ErrorKind::Unreachable {
            timed_out: error.is_timeout(),
            sent: !connecting,
            why,
        }
    } else if error.is_builder() {
        ErrorKind::Local { why }
    } else {
        ErrorKind::Closed { why }
    }
}

/// The innermost causes in one line. reqwest's own words repeat the URL, which the call's name already tells.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !words.contains(&text) {
            words.push(text);
        }
        next = cause.source();
    }
    if words.is_empty() {
        words.push(error.to_string());
    }
    words.join(": ")
}
