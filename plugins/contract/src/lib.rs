// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a plugin is: the questions it is asked, the answers it gives, and the C interface that carries both as JSON bytes.
//!
//! A plugin knows one core service. It is handed that service's slice of the facts and answers with data; it runs nothing, so
//! it can't half-do anything. The author implements [`ServicePlugin`] in an ordinary crate; a second crate, a cdylib of one
//! line, exports it with [`export_plugin!`].

pub mod abi;
pub mod answer;
pub mod host;
pub mod row;

pub use answer::{Answer, ExtraStep, NewInstance, Question, RestoreAdvice, RestoreFacts};
pub use documents::{self, Expectation, Health};
pub use host::{InProcess, PluginFault, Plugins};
pub use row::{Refinement, Row};

/// One core service's quirks. Every method has a default: a plugin says only what is special.
pub trait ServicePlugin: Send + Sync {
    /// The core service it is about (`imgapi`): the name of its catalogue row and of its file.
    fn service(&self) -> &'static str;

    /// What the service is, where that is more than or other than its catalogue row says.
    fn describe(&self) -> Refinement {
        Refinement::default()
    }

    /// What is special about bringing one lost instance back.
    ///
    /// # Errors
    /// A sentence for the operator, when this instance can't be restored from these facts.
    fn plan_restore(&self, _facts: &RestoreFacts) -> Result<RestoreAdvice, String> {
        Ok(RestoreAdvice::default())
    }
}
