// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a sync says it did: one line per dataset, then one per source.

use documents::{Timestamp, Uuid};
use serde::{Deserialize, Serialize};

use crate::records::Carried;

pub const RESULT_KIND: &str = "triton.sync-result/1";
pub const SUMMARY_KIND: &str = "triton.sync-summary/1";
/// Not a plan: what it would send is only known when it is sent. `triton-apply` refuses it.
pub const PREVIEW_KIND: &str = "triton.sync-preview/1";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A newer restore point is whole here.
    Sent,
    /// Nothing was written since the last one; it is good until now.
    Unchanged,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatasetResult {
    pub kind: &'static str,
    /// Hostname of the headnode it was pulled from.
    pub source: String,
    pub server: Uuid,
    pub vm: Uuid,
    pub service: String,
    pub alias: Option<String>,
    pub importance: Importance,
    /// The newest restore point, as it is now.
    pub snapshot: Option<String>,
    pub guid: Option<String>,
    /// Bytes that went over.
    pub bytes: u64,
    pub seconds: f64,
    /// How old the newest restore point's data is; none when there is no restore point.
    pub lag_seconds: Option<i64>,
    pub outcome: Outcome,
    /// Why it failed, or what was special about it.
    pub why: Option<String>,
}

/// What the loss of a dataset costs. Datasets that are never synced have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Importance {
    Required,
    Useful,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageResult {
    pub image: Uuid,
    pub name: String,
    /// Why it could not be installed here; none when it was.
    pub why: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceSummary {
    pub kind: &'static str,
    pub source: String,
    pub server: Uuid,
    /// The generation that was written.
    pub generation: Option<String>,
    /// Parts that are older than this pull.
    pub carried: Vec<Carried>,
    /// Images that were missing here.
    pub images: Vec<ImageResult>,
    /// Copies of zones that are gone there, kept for as long as was asked for, and removed now.
    pub removed: Vec<String>,
    pub sent: usize,
    pub unchanged: usize,
    pub failed: usize,
    pub bytes: u64,
    pub seconds: f64,
    /// Why nothing, or not all, could be pulled.
    pub why: Option<String>,
    pub at: Timestamp,
}

impl SourceSummary {
    /// True when all that this source has is here, as of this pull.
    pub fn is_whole(&self) -> bool {
        self.why.is_none()
            && self.failed == 0
            && self.carried.is_empty()
            && self.images.iter().all(|image| image.why.is_none())
    }
}

/// What a sync would send.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    pub kind: &'static str,
    pub source: String,
    pub server: Uuid,
    pub datasets: Vec<DatasetPreview>,
    /// Images that would be installed here.
    pub images: Vec<Uuid>,
    /// Why nothing can be said about this source.
    pub why: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatasetPreview {
    pub vm: Uuid,
    pub service: String,
    pub importance: Importance,
    pub how: How,
    /// Snapshot that the copy has, where the send is incremental.
    pub base: Option<String>,
    /// Bytes to be sent, before the stream's own overhead.
    pub bytes: u64,
    pub why: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// All of it.
    Full,
    Incremental,
    /// Nothing was written since the last restore point.
    Nothing,
    /// A receive that was cut off goes on first.
    Resume,
    /// The copy is put aside and all of it sent anew.
    Anew,
}
