// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The planner's side: what it may ask of plugins, however they were come by.

use std::collections::BTreeMap;

use crate::answer::{Answer, Question, RestoreAdvice, RestoreFacts};
use crate::row::Refinement;
use crate::{ServicePlugin, abi};

/// Why a plugin gave no usable answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("plugin {service}: {why}")]
pub struct PluginFault {
    pub service: String,
    pub why: String,
}

/// A set of plugins, by service. `Ok(None)` means that there is none for the service.
pub trait Plugins {
    /// Asks one plugin one question.
    fn ask(&self, service: &str, question: &Question) -> Result<Option<Answer>, PluginFault>;

    fn refinement(&self, service: &str) -> Result<Option<Refinement>, PluginFault> {
        match self.ask(service, &Question::Describe {})? {
            None => Ok(None),
            Some(Answer::Describe {
                service: named,
                refinement,
            }) if named == service => Ok(Some(*refinement)),
            Some(other) => Err(unfitting(service, "describe", other)),
        }
    }

    fn restore(
        &self,
        service: &str,
        facts: RestoreFacts,
    ) -> Result<Option<RestoreAdvice>, PluginFault> {
        match self.ask(
            service,
            &Question::Restore {
                facts: Box::new(facts),
            },
        )? {
            None => Ok(None),
            Some(Answer::Restore(advice)) => Ok(Some(*advice)),
            Some(other) => Err(unfitting(service, "restore", other)),
        }
    }
}

fn unfitting(service: &str, question: &str, answer: Answer) -> PluginFault {
    let why = match answer {
        Answer::Error(text) => text,
        Answer::Describe { service: named, .. } => {
            format!("asked to {question}, it described \"{named}\"")
        }
        Answer::Restore(_) => format!("asked to {question}, it answered with restore advice"),
    };
    PluginFault {
        service: service.to_owned(),
        why,
    }
}

/// Plugins linked into this program, asked through the same bytes as loaded ones.
#[derive(Default)]
pub struct InProcess {
    plugins: BTreeMap<&'static str, Box<dyn ServicePlugin>>,
}

impl InProcess {
    pub fn new(plugins: Vec<Box<dyn ServicePlugin>>) -> InProcess {
        InProcess {
            plugins: plugins.into_iter().map(|p| (p.service(), p)).collect(),
        }
    }
}

impl Plugins for InProcess {
    fn ask(&self, service: &str, question: &Question) -> Result<Option<Answer>, PluginFault> {
        let Some(plugin) = self.plugins.get(service) else {
            return Ok(None);
        };
        let fault = |why: String| PluginFault {
            service: service.to_owned(),
            why,
        };
        let bytes = serde_json::to_vec(question).map_err(|error| fault(error.to_string()))?;
        let answer = abi::answer(plugin.as_ref(), &bytes);
        serde_json::from_slice(&answer)
            .map(Some)
            .map_err(|error| fault(error.to_string()))
    }
}
