// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! imgapi's plugin gone wrong: it describes itself well and panics when it is asked to plan a restore. For end-to-end tests.

use contract::{RestoreAdvice, RestoreFacts, ServicePlugin};

struct Panics;

impl ServicePlugin for Panics {
    fn service(&self) -> &'static str {
        "imgapi"
    }

    fn plan_restore(&self, facts: &RestoreFacts) -> Result<RestoreAdvice, String> {
        let nics = &facts.lost.nics;
        let beyond = &nics[nics.len()];
        Err(format!("never said: {}", beyond.mac))
    }
}

contract::export_plugin!(Panics);
