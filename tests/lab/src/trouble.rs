// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What goes wrong in a lab because somebody asked for it: each as it shows on the real platform, until it is mended.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// A trouble, and what it befalls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// A host's pool has no room for a dataset more.
    PoolFull(String),
    /// First boots of a service's zones end in a setup that failed.
    SetupFails(String),
    /// A service's zones boot, and their API never answers.
    NeverAnswers(String),
    /// A service's API does what it is asked to change, and the connection ends before it says so: its server gives up on what
    /// was idle for two minutes.
    EndsBeforeItAnswers(String),
    /// Nobody has the image of this name installed.
    ImageMissing(String),
}

#[derive(Debug, Default)]
pub struct Troubles(Mutex<BTreeSet<Trouble>>);

impl Troubles {
    pub fn make(&self, trouble: Trouble) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.insert(trouble);
    }

    pub fn mend(&self, trouble: &Trouble) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.remove(trouble);
    }

    pub fn there_is(&self, trouble: &Trouble) -> bool {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.contains(trouble)
    }
}
