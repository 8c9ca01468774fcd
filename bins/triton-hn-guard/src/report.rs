// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the guard found, kept for `status`: it outlives the boot that it decided about.

use documents::Timestamp;
use platform::{FileError, Host};
use serde::{Deserialize, Serialize};
use sync::fences::Heard;

use crate::park::Parked;
use crate::verdict::Verdict;

const PATH: &str = "/var/sdcadm/triton-guard.json";
const KIND: &str = "triton.guard/1";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub kind: String,
    pub at: Timestamp,
    pub verdict: Word,
    pub headnodes: Vec<Asked>,
    /// The declaration that counted.
    #[serde(default)]
    pub fence: Option<quorum::Fence>,
    #[serde(default)]
    pub parked: Vec<Parked>,
    /// What a person has to see to.
    #[serde(default)]
    pub notices: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    Dead,
    Clear,
    Unknown,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Asked {
    pub hostname: String,
    pub answered: bool,
    #[serde(default)]
    pub why: Option<String>,
}

impl Report {
    pub fn of(verdict: &Verdict, heard: &[Heard]) -> Report {
        let asked = heard.iter().map(|heard| Asked {
            hostname: heard.hostname.clone(),
            answered: heard.fences.is_ok(),
            why: heard.fences.as_ref().err().map(ToString::to_string),
        });
        Report {
            kind: KIND.to_owned(),
            at: Timestamp::now(),
            verdict: match verdict {
                Verdict::Dead(_) => Word::Dead,
                Verdict::Clear => Word::Clear,
                Verdict::Unknown => Word::Unknown,
            },
            headnodes: asked.collect(),
            fence: match verdict {
                Verdict::Dead(fence) => Some((**fence).clone()),
                _ => None,
            },
            parked: Vec::new(),
            notices: Vec::new(),
        }
    }

    pub fn keep(&self, host: &Host) -> Result<(), FileError> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        host.make_dir_all("/var/sdcadm", 0o755)?;
        host.write_atomic(PATH, &bytes, 0o600)
    }

    /// The last one; none where the guard never ran.
    pub fn last(host: &Host) -> Result<Option<Report>, String> {
        let bytes = host
            .read_if_there(PATH)
            .map_err(|error| error.to_string())?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let report = serde_json::from_slice(&bytes);
        report.map(Some).map_err(|error| format!("{PATH}: {error}"))
    }
}
