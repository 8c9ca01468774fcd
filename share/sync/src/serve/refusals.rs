// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the answering end refused, one line of JSON each, where the asking end can't reach it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use documents::{Timestamp, Uuid};
use serde_json::json;

/// Below the platform's root; `/var` is persistent.
pub const LOG: &str = "/var/log/triton-sync-refused.log";

/// When the log is this long it is renamed, and the one before it goes: whoever is refused can't fill the disk.
const LONGEST: u64 = 4 * 1024 * 1024;

/// A request is quoted so far.
const QUOTED: usize = 200;

pub struct Refusals {
    path: PathBuf,
    target: Uuid,
    /// `SSH_CONNECTION`'s client, when there is one.
    from: String,
    file: Option<(File, u64)>,
}

impl Refusals {
    pub fn new(path: PathBuf, target: Uuid) -> Refusals {
        let connection = std::env::var("SSH_CONNECTION").unwrap_or_default();
        let from = connection.split(' ').next().unwrap_or_default().to_owned();
        Refusals {
            path,
            target,
            from,
            file: None,
        }
    }

    /// Writes one down. That it can't be written must not keep it from being refused.
    pub fn note(&mut self, asked: &str, why: &str) {
        if let Err(error) = self.write(asked, why) {
            tracing::warn!(
                "{}: {error}; refused all the same: {why}",
                self.path.display()
            );
        }
    }

    fn write(&mut self, asked: &str, why: &str) -> io::Result<()> {
        let quoted: String = asked.chars().take(QUOTED).collect();
        let line = json!({
            "at": Timestamp::now(), "for": self.target, "from": self.from, "asked": quoted, "refused": why,
        })
        .to_string();
        if self.file.as_ref().is_some_and(|(_, size)| *size > LONGEST) {
            self.file = None;
            fs::rename(&self.path, self.path.with_extension("log.0"))?;
        }
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            options.create(true).append(true).mode(0o600);
            let file = options.open(&self.path)?;
            let size = file.metadata()?.len();
            self.file = Some((file, size));
        }
        if let Some((file, size)) = &mut self.file {
            writeln!(file, "{line}")?;
            *size += line.len() as u64 + 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_logged_and_takes_bounded_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refused.log");
        let mut refusals = Refusals::new(path.clone(), Uuid::nil());
        let long = "x".repeat(100_000);
        for _ in 0..20_000 {
            refusals.note(&long, "not allowed");
        }
        let kept = fs::metadata(&path).unwrap().len();
        let old = fs::metadata(path.with_extension("log.0")).unwrap().len();
        assert!(kept > 0 && kept < LONGEST + 1000, "{kept}");
        assert!(old < LONGEST + 1000, "{old}");
        let text = fs::read_to_string(&path).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(line["refused"], "not allowed");
        assert_eq!(line["asked"].as_str().unwrap().len(), QUOTED);
    }
}
