// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! How far behind the restore points are: from what is recorded here, without asking anybody.

use documents::restore_data::Part;
use documents::{Timestamp, Uuid};
use platform::oneachnode;
use serde::{Deserialize, Serialize};

use crate::error::SyncError;
use crate::pull;
use crate::results::Importance;
use crate::run::Services;
use crate::store::Store;

pub const STATUS_KIND: &str = "triton.sync-status/1";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub kind: String,
    /// Hostname of the headnode that keeps the restore point.
    pub on: String,
    /// Hostname of the headnode whose zone it is.
    pub source: String,
    pub server: Uuid,
    pub vm: Uuid,
    pub service: String,
    pub alias: Option<String>,
    pub importance: Importance,
    /// None: it was never whole here.
    pub as_of: Option<Timestamp>,
    pub lag_seconds: Option<i64>,
    pub bytes: Option<u64>,
    pub snapshot: Option<String>,
    /// The newest whole generation of that headnode's records.
    pub generation: String,
    pub generation_age_seconds: i64,
    /// Neither never whole nor older than the limit.
    pub ok: bool,
}

/// All datasets that are to be synced, by source and service; and what is damaged.
pub fn of(
    store: &Store,
    on: &str,
    services: &Services,
    now: Timestamp,
    limit: i64,
) -> Result<(Vec<Status>, Vec<SyncError>), SyncError> {
    let mut all = Vec::new();
    let mut faults = Vec::new();
    for server in store.servers()? {
        let newest = store.newest(server)?;
        faults.extend(newest.faults);
        let Some(generation) = newest.generation else {
            continue;
        };
        let zones: Vec<_> = generation.part(Part::Vm).map(|(_, zone)| zone).collect();
        let description = &generation.description;
        for wanted in pull::wanted(&zones, services) {
            let recorded = store.points(server, wanted.vm)?;
            let point = recorded.points.last();
            let lag = point.map(|point| now.seconds_since(point.as_of));
            all.push(Status {
                kind: STATUS_KIND.to_owned(),
                on: on.to_owned(),
                source: description.hostname.clone(),
                server,
                vm: wanted.vm,
                service: wanted.service,
                alias: wanted.alias,
                importance: wanted.importance,
                as_of: point.map(|point| point.as_of),
                lag_seconds: lag,
                bytes: point.map(|point| point.bytes),
                snapshot: point.map(|point| point.snapshot.clone()),
                generation: description.generation.clone(),
                generation_age_seconds: now.seconds_since(description.taken_at),
                ok: lag.is_some_and(|lag| lag <= limit),
            });
        }
    }
    sort(&mut all);
    Ok((all, faults))
}

fn sort(all: &mut [Status]) {
    all.sort_by(|a, b| {
        let of_a = (&a.source, a.importance, &a.service, a.vm, &a.on);
        of_a.cmp(&(&b.source, b.importance, &b.service, b.vm, &b.on))
    });
}

/// What several headnodes answered, as `sdc-oneachnode -j` or `-J` prints it, or as the lines themselves. A headnode that did not
/// answer is a fault: nothing is known of what it keeps.
pub fn merged(text: &str) -> Result<(Vec<Status>, Vec<String>), String> {
    let mut all = Vec::new();
    let mut faults = Vec::new();
    if text.trim().is_empty() {
        return Err("the input is empty".to_owned());
    }
    let answers = match text.trim_start().starts_with('[') {
        true => oneachnode::parse_array(text).map_err(|error| error.to_string())?,
        false if text.contains(STATUS_KIND) && !text.contains("\"result\"") => {
            return lines(text, "line").map(|all| (all, faults));
        }
        false => oneachnode::parse_lines(text).map_err(|error| error.to_string())?,
    };
    for answer in answers {
        let host = answer.hostname.unwrap_or_else(|| answer.uuid.to_string());
        match (answer.result, answer.error) {
            (Some(ran), _) if ran.stdout.trim().is_empty() => {
                faults.push(format!("{host}: {}", ran.stderr.trim()));
            }
            (Some(ran), _) => all.extend(lines(&ran.stdout, &host)?),
            (None, error) => {
                let why = error.map(|error| error.message).unwrap_or_default();
                faults.push(format!("{host} did not answer: {why}"));
            }
        }
    }
    sort(&mut all);
    Ok((all, faults))
}

fn lines(text: &str, whose: &str) -> Result<Vec<Status>, String> {
    let read = |(number, line): (usize, &str)| {
        let status: Status = serde_json::from_str(line)
            .map_err(|error| format!("{whose} {}: {error}", number + 1))?;
        match status.kind == STATUS_KIND {
            true => Ok(status),
            false => Err(format!("{whose} {}: kind is not {STATUS_KIND}", number + 1)),
        }
    };
    text.lines().enumerate().map(read).collect()
}

/// For node_exporter's textfile collector.
pub fn prometheus(all: &[Status]) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&Status) -> Option<i64>| {
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
        for status in all {
            if let Some(value) = value(status) {
                text.push_str(&format!("{name}{{{}}} {value}\n", labels(status)));
            }
        }
    };
    gauge(
        "triton_sync_lag_seconds",
        "Age of the data of the newest restore point; absent when there is none.",
        &|status| status.lag_seconds,
    );
    gauge(
        "triton_sync_records_age_seconds",
        "Age of the newest records of that headnode.",
        &|status| Some(status.generation_age_seconds),
    );
    gauge(
        "triton_sync_ok",
        "1 when there is a restore point within the limit.",
        &|status| Some(i64::from(status.ok)),
    );
    text
}

fn labels(status: &Status) -> String {
    let value = |text: &str| {
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    };
    let importance = match status.importance {
        Importance::Required => "required",
        Importance::Useful => "useful",
    };
    format!(
        "source=\"{}\",service=\"{}\",vm=\"{}\",importance=\"{importance}\",on=\"{}\"",
        value(&status.source),
        value(&status.service),
        status.vm,
        value(&status.on)
    )
}

/// True when a restore would lack nothing that it can't do without.
pub fn is_good(all: &[Status]) -> bool {
    all.iter()
        .all(|status| status.ok || status.importance != Importance::Required)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(on: &str, lag: Option<i64>) -> Status {
        Status {
            kind: STATUS_KIND.to_owned(),
            on: on.to_owned(),
            source: "headnode0".to_owned(),
            server: Uuid::from_u128(1),
            vm: Uuid::from_u128(2),
            service: "imgapi".to_owned(),
            alias: None,
            importance: Importance::Required,
            as_of: None,
            lag_seconds: lag,
            bytes: None,
            snapshot: None,
            generation: "20261123T000000Z-0a".to_owned(),
            generation_age_seconds: 9,
            ok: lag.is_some(),
        }
    }

    fn answer(on: &str, lag: Option<i64>) -> serde_json::Value {
        let line = serde_json::to_string(&status(on, lag)).unwrap() + "\n";
        json!({"uuid": Uuid::from_u128(9), "hostname": on, "result": {"exit_status": 0, "stdout": line}})
    }

    #[test]
    fn answers_of_several_headnodes_are_merged_from_either_form() {
        let answers = [answer("headnode2", Some(5)), answer("headnode1", None)];
        let lines: String = answers.iter().map(|answer| format!("{answer}\n")).collect();
        let array = json!(answers).to_string();
        for text in [lines, array] {
            let (all, faults) = merged(&text).unwrap();
            let on: Vec<&str> = all.iter().map(|one| one.on.as_str()).collect();
            assert_eq!((on, faults.len()), (vec!["headnode1", "headnode2"], 0));
            assert!(!is_good(&all));
        }
    }

    #[test]
    fn a_headnode_that_did_not_answer_is_a_fault_and_not_silence() {
        let failed = json!({"uuid": Uuid::from_u128(9), "hostname": "headnode1", "error": {"message": "timeout for host"}});
        let (all, faults) = merged(&format!("{failed}\n")).unwrap();
        assert!(all.is_empty());
        assert_eq!(faults, ["headnode1 did not answer: timeout for host"]);
    }

    #[test]
    fn garbage_and_nothing_are_refused() {
        for text in ["", "\n", "[1]", "{}", "hello"] {
            assert!(merged(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_restore_point_that_never_was_has_no_lag_and_is_not_ok() {
        let text = prometheus(&[status("headnode1", None), status("headnode2", Some(41))]);
        let lags: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("triton_sync_lag_seconds{"))
            .collect();
        assert_eq!(lags.len(), 1);
        assert!(lags[0].contains("on=\"headnode2\"") && lags[0].ends_with(" 41"));
        assert!(text.contains("} 0\n") && text.contains("# TYPE triton_sync_ok gauge"));
    }
}
