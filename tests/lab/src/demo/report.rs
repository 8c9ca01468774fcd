// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the demo found, as a short table for a person or one JSON line for a machine.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::path::Path;
use crate::error::{Attempted, Result};

#[derive(Default)]
pub struct Report {
    pub services: Vec<ServiceLine>,
    /// Files planted, and those that did not come back as they were.
    pub files: usize,
    pub damaged: Vec<String>,
    /// What IMGAPI's own check of its image files found wrong.
    pub images: Vec<String>,
    pub inconsistencies: Vec<String>,
    pub destroys: Vec<String>,
    pub path: Path,
    pub up_seconds: f64,
    /// What it took to make headnodes of compute nodes, where that was done.
    pub setup_seconds: Option<f64>,
    pub sync_seconds: f64,
    pub restore_seconds: f64,
    pub total_seconds: f64,
}

pub struct ServiceLine {
    pub service: String,
    /// Alias of the instance that was lost.
    pub lost: String,
    /// From the power cut to a healthy answer; absent when it did not come back.
    pub back: Option<Duration>,
    /// From the last sync to the power cut.
    pub data_age: Duration,
    pub trouble: Option<String>,
}

impl ServiceLine {
    fn restored(&self) -> bool {
        self.back.is_some() && self.trouble.is_none()
    }
}

/// From the first event to the one that says a service works.
pub fn back_after(events: &[Value], service: &str) -> Option<Duration> {
    let at = |event: &Value| event["at"].as_str()?.parse::<jiff::Timestamp>().ok();
    let began = events.first().and_then(at)?;
    let healthy = format!("{service}/healthy");
    let done = events
        .iter()
        .find(|e| e["event"] == "step-done" && e["step"] == healthy.as_str())?;
    at(done)?.duration_since(began).try_into().ok()
}

/// What the steps found that have IMGAPI check its image files; one that was not done says nothing good.
pub fn images_at_fault(events: &[Value]) -> Vec<String> {
    let of = |step: &str| {
        let told = events.iter().rfind(|event| {
            event["step"] == step
                && (event["event"] == "step-done" || event["event"] == "step-failed")
        });
        match told {
            Some(event) if event["event"] == "step-done" => None,
            Some(event) => Some(format!("{step}: {}", event["error"])),
            None => Some(format!("{step} was not done")),
        }
    };
    ["imgapi/check-files", "imgapi/check-contents"]
        .into_iter()
        .filter_map(of)
        .collect()
}

impl Report {
    pub fn good(&self) -> bool {
        !self.services.is_empty()
            && self.services.iter().all(ServiceLine::restored)
            && self.damaged.is_empty()
            && self.images.is_empty()
            && self.inconsistencies.is_empty()
            && self.destroys.is_empty()
    }

    pub fn print(&self, as_json: bool) -> Result<()> {
        for trouble in self.troubles() {
            eprintln!("demo: {trouble}");
        }
        let text = if as_json {
            format!("{}\n", self.verdict())
        } else {
            self.table()
        };
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .attempted("printing the verdict")
    }

    pub fn troubles(&self) -> Vec<String> {
        let of_services = self.services.iter().filter_map(|line| {
            line.trouble
                .as_ref()
                .map(|trouble| format!("{}: {trouble}", line.service))
        });
        of_services
            .chain(self.damaged.iter().cloned())
            .chain(self.images.iter().map(|fault| format!("images: {fault}")))
            .chain(
                self.inconsistencies
                    .iter()
                    .map(|text| format!("inconsistent: {text}")),
            )
            .chain(self.destroys.iter().map(|call| format!("destroys: {call}")))
            .collect()
    }

    fn verdict(&self) -> Value {
        let restored = self.services.iter().filter(|line| line.restored()).count();
        let seconds = |value: f64| (value * 10.0).round() / 10.0;
        let mut verdict = json!({
            "kind": "triton.demo/1",
            "lost": self.services.len(),
            "restored": restored,
            "failed": self.services.len() - restored,
            "data_intact": self.files > 0 && self.damaged.is_empty(),
            "images_at_fault": self.images.len(),
            "inconsistencies": self.inconsistencies.len(),
            "destroys": self.destroys.len(),
            "critical_path_seconds": seconds(self.path.critical),
            "serial_seconds": seconds(self.path.serial),
            "seconds": {
                "up": seconds(self.up_seconds),
                "sync": seconds(self.sync_seconds),
                "restore": seconds(self.restore_seconds),
                "total": seconds(self.total_seconds),
            },
        });
        if let Some(setup) = self.setup_seconds {
            verdict["seconds"]["setup"] = json!(seconds(setup));
        }
        verdict
    }

    fn table(&self) -> String {
        let mut text = format!(
            "{:<12} {:<13} {:<16} {}\n",
            "SERVICE", "LOST", "BACK AFTER", "DATA AS OF"
        );
        for line in &self.services {
            let back = match (&line.back, &line.trouble) {
                (Some(after), None) => format!("{:.1} s", after.as_secs_f64()),
                _ => "not back".to_owned(),
            };
            let age = format!("{:.1} s before the loss", line.data_age.as_secs_f64());
            text.push_str(&format!(
                "{:<12} {:<13} {:<16} {}\n",
                line.service, line.lost, back, age
            ));
        }
        text.push_str(&format!(
            "\n{} of {} files are back byte for byte, {} images are at fault; SAPI, VMAPI, NAPI, CNAPI, DNS and the machines disagree in {} \
             points;\n{} calls took data away. binder, manatee and moray go on with two of three members.\n",
            self.files - self.damaged.len(),
            self.files,
            self.images.len(),
            self.inconsistencies.len(),
            self.destroys.len(),
        ));
        text.push_str(&format!(
            "\nCritical path, {:.1} s ({:.1} s for all steps one after the other, {:.1} s by the clock):\n",
            self.path.critical, self.path.serial, self.path.wall
        ));
        // What took no time to speak of is left out.
        for (step, seconds) in self
            .path
            .steps
            .iter()
            .filter(|(_, seconds)| *seconds >= 0.05)
        {
            text.push_str(&format!("  {step:<24} {seconds:>5.1} s\n"));
        }
        text.push_str(&format!(
            "Seconds: datacenter up {:.1}, {}sync {:.1}, restore {:.1}, all {:.1}.\n",
            self.up_seconds,
            self.setup_seconds
                .map(|setup| format!("headnodes made {setup:.1}, "))
                .unwrap_or_default(),
            self.sync_seconds,
            self.restore_seconds,
            self.total_seconds
        ));
        text
    }
}
