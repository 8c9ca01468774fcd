// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The catalogue's files are whole, strict and true to each other.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod common;

use std::collections::BTreeSet;

use common::{SERVICES, catalogue, catalogue_files, row};
use contract::Row;
use contract::row::{PluginUse, Restore, SyncUse};
use documents::{Health, read};
use serde_json::{Value, json};

/// Core services of a datacenter, and the agents.
const ALL: [&str; 34] = [
    "adminui",
    "agents",
    "amon",
    "amonredis",
    "assets",
    "binder",
    "ca",
    "cloudapi",
    "cmon",
    "cnapi",
    "cns",
    "dhcpd",
    "docker",
    "fwapi",
    "grafana",
    "imgapi",
    "kbmapi",
    "logarchiver",
    "mahi",
    "manatee",
    "manta",
    "moray",
    "napi",
    "nat",
    "papi",
    "portolan",
    "prometheus",
    "rabbitmq",
    "sapi",
    "sdc",
    "ufds",
    "vmapi",
    "volapi",
    "workflow",
];

#[test]
fn there_is_a_file_for_every_core_service_and_no_other() {
    let files: Vec<String> = catalogue_files().into_keys().collect();
    assert_eq!(files, ALL);
}

#[test]
fn a_file_is_named_after_the_service_it_describes() {
    for (file, row) in catalogue() {
        assert_eq!(file, row.service);
    }
}

#[test]
fn a_file_is_written_as_the_type_writes_it() {
    for (file, bytes) in catalogue_files() {
        let written = serde_json::to_string_pretty(&row(&file, &bytes)).unwrap() + "\n";
        let found = String::from_utf8(bytes).unwrap();
        assert_eq!(
            found, written,
            "{file}.json: order of keys or layout differs"
        );
    }
}

#[test]
fn an_unknown_field_is_refused_with_its_path() {
    let files = catalogue_files();
    let spoilt = |service: &str, at: &str| {
        let mut value: Value = serde_json::from_slice(&files[service]).unwrap();
        value.pointer_mut(at).unwrap()["prot"] = json!(80);
        read::typed::<Row>("service row", "", value)
            .unwrap_err()
            .to_string()
    };
    for (service, at, path) in [
        ("vmapi", "", "prot"),
        ("sapi", "/delegate_dataset", "delegate_dataset.prot"),
        ("sapi", "/nics/0", "nics[0].prot"),
        ("sapi", "/health", "health"),
    ] {
        let refused = spoilt(service, at);
        assert!(refused.contains(path), "{refused}");
        assert!(refused.contains("unknown field `prot`"), "{refused}");
    }
}

#[test]
fn needs_name_services_of_the_catalogue() {
    let rows = catalogue();
    for row in rows.values() {
        for need in &row.needs {
            assert!(rows.contains_key(need), "{} needs {need}", row.service);
        }
    }
}

#[test]
fn no_service_needs_itself_by_way_of_others() {
    let rows = catalogue();
    let mut waiting: BTreeSet<&str> = rows.keys().map(String::as_str).collect();
    loop {
        let before = waiting.len();
        let open = waiting.clone();
        waiting.retain(|name| {
            rows[*name]
                .needs
                .iter()
                .any(|need| open.contains(need.as_str()))
        });
        if waiting.len() == before {
            break;
        }
    }
    assert_eq!(waiting, BTreeSet::new(), "these wait for each other");
}

#[test]
fn what_asks_sapi_at_first_boot_needs_it() {
    for row in catalogue().values() {
        // sapi asks itself; binder is there before it.
        let before_sapi = ["sapi", "binder"].contains(&row.service.as_str());
        if row.first_boot_fetches_config
            && matches!(row.restore, Restore::Replace {})
            && !before_sapi
        {
            assert!(row.needs.contains(&"sapi".to_owned()), "{}", row.service);
        }
    }
}

#[test]
fn every_row_says_where_its_facts_come_from() {
    for row in catalogue().values() {
        assert!(!row.sources.is_empty(), "{}", row.service);
        for source in &row.sources {
            assert!(source.contains(": "), "{}: {source}", row.service);
        }
        assert!(row.summary.ends_with('.'), "{}", row.service);
    }
}

#[test]
fn a_plugin_is_required_exactly_where_one_is_shipped() {
    let rows = catalogue();
    let required = rows
        .values()
        .filter(|row| row.plugin == PluginUse::Required)
        .map(|row| row.service.as_str());
    assert_eq!(required.collect::<Vec<_>>(), SERVICES);
    assert!(rows.values().all(|row| row.plugin != PluginUse::Optional));
}

#[test]
fn data_that_is_not_synced_without_need_can_be_made_anew_or_is_none() {
    for row in catalogue().values() {
        let Some(dataset) = &row.delegate_dataset else {
            continue;
        };
        assert!(dataset.mountpoint.starts_with('/'), "{}", row.service);
        if dataset.sync == SyncUse::Useful {
            assert!(dataset.regenerates.is_some(), "{}", row.service);
        }
    }
}

#[test]
fn members_of_a_cluster_rejoin_and_are_never_copied() {
    let rows = catalogue();
    for service in ["binder", "manatee"] {
        let row = &rows[service];
        assert!(matches!(row.restore, Restore::Rejoin { .. }), "{service}");
        let sync = row.delegate_dataset.as_ref().map(|dataset| dataset.sync);
        assert_eq!(sync, Some(SyncUse::Never), "{service}");
    }
}

#[test]
fn a_health_check_over_http_reads_the_body() {
    for row in catalogue().values() {
        match &row.health {
            Health::Http { path, expect, .. } => {
                assert!(path.starts_with('/'), "{}", row.service);
                assert!(
                    !expect.is_empty(),
                    "{}: a status proves little",
                    row.service
                );
            }
            Health::ZoneCommand { argv, .. } => {
                assert!(argv[0].starts_with('/'), "{}", row.service);
            }
            Health::Smf {} => {}
        }
    }
}

#[test]
fn a_replaced_service_has_exactly_one_primary_nic() {
    for row in catalogue().values() {
        if matches!(row.restore, Restore::Replace {}) {
            let primary = row.nics.iter().filter(|nic| nic.primary).count();
            assert_eq!(primary, 1, "{}", row.service);
            assert!(
                row.nics.iter().any(|nic| nic.tag == "admin"),
                "{}",
                row.service
            );
        }
    }
}
