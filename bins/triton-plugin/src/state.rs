// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The state of one service's plugin: there and working, not wanted, missing, or broken.

use contract::row::PluginUse;
use contract::{Plugins, Refinement, Row};

#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// It answers; this is how it refines the row.
    Works(Box<Refinement>),
    /// The row says all there is to say, or there is none where one is optional.
    None,
    /// The row requires one and there is none: the service can't be planned.
    RequiredMissing,
    /// It is there and can't be used.
    Broken(String),
}

impl State {
    /// Asks a row's plugin, as the planners do.
    pub fn of(row: &Row, plugins: &dyn Plugins) -> State {
        if row.plugin == PluginUse::None {
            return State::None;
        }
        match plugins.refinement(&row.service) {
            Ok(Some(refinement)) => State::Works(Box::new(refinement)),
            Ok(None) if row.plugin == PluginUse::Required => State::RequiredMissing,
            Ok(None) => State::None,
            Err(fault) => State::Broken(fault.why),
        }
    }

    pub fn word(&self) -> &'static str {
        match self {
            State::Works(_) => "yes",
            State::None => "none",
            State::RequiredMissing => "required-missing",
            State::Broken(_) => "broken",
        }
    }

    /// Why the service can't be planned, if so.
    pub fn fault(&self, service: &str) -> Option<String> {
        match self {
            State::Works(_) | State::None => None,
            State::RequiredMissing => Some(format!(
                "its plugin is required and not installed; put {service}.so into the plugin folder"
            )),
            State::Broken(why) => Some(why.clone()),
        }
    }

    /// The row as the planners see it.
    pub fn refine(self, row: Row) -> Row {
        match self {
            State::Works(refinement) => row.refined(*refinement),
            _ => row,
        }
    }
}
