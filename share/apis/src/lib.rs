// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Typed, blocking clients for the core services that the toolkit talks to. Each service is a module: a struct with a
//! method per call, the types of its objects, and a `ROUTES` table of every call it can make.
//!
//! Answers are facts: unknown fields are kept in `rest`, absent and null are the same, unknown words have an arm, and
//! an odd entry of a list is set apart (see [`Listed`]). What would confuse or kill a real server is refused before it is
//! sent ([`ErrorKind::Invalid`]).
//!
//! ```no_run
//! use apis::vmapi::{ListState, VmFilter};
//! use apis::{ApiError, Client, Endpoint, Options, Uuid, Vmapi};
//!
//! fn main() -> Result<(), ApiError> {
//!     let options = Options::new("triton-inventory/0.1.0", Uuid::new_v4());
//!     let endpoint = Endpoint::new("vmapi", "http://vmapi.dc1.example.com");
//!     let vmapi = Vmapi::new(Client::new(&endpoint, &options)?);
//!     if vmapi.ping()?.healthy() {
//!         let filter = VmFilter { state: Some(ListState::Active), ..VmFilter::default() };
//!         for vm in &vmapi.list_vms(&filter)? {
//!             assert!(!vm.is_destroyed());
//!         }
//!     }
//!     Ok(())
//! }
//! ```

pub mod answer;
mod check;
pub mod cnapi;
pub mod error;
pub mod error_body;
pub mod http;
pub mod imgapi;
pub mod job;
mod lenient;
mod names;
pub mod napi;
mod paging;
pub mod papi;
pub mod route;
pub mod sapi;
pub mod vmapi;
mod words;
pub mod workflow;

pub use answer::{Answer, Listed, Misread, Tagged};
pub use error::{ApiError, CallName, ErrorKind};
pub use error_body::{ErrorBody, FieldError};
pub use http::{Client, Endpoint, Options};
pub use route::{AnyRoute, Route};

pub use cnapi::Cnapi;
pub use imgapi::Imgapi;
pub use napi::Napi;
pub use papi::Papi;
pub use sapi::Sapi;
pub use vmapi::Vmapi;
pub use workflow::Workflow;

pub use uuid::Uuid;

/// Every call of every service, by the service's name.
pub const ROUTES: [(&str, &[&dyn AnyRoute]); 7] = [
    ("cnapi", cnapi::ROUTES),
    ("imgapi", imgapi::ROUTES),
    ("napi", napi::ROUTES),
    ("papi", papi::ROUTES),
    ("sapi", sapi::ROUTES),
    ("vmapi", vmapi::ROUTES),
    ("workflow", workflow::ROUTES),
];
