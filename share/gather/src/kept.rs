// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Restore data of this headnode, as facts: the newest whole generation of each server, and the restore points.

use documents::inventory::Source;
use sync::Store;

use crate::facts::{Kept, RawFacts};
use crate::machines::account;

/// Reads it all into `raw`. What is damaged is a source that did not answer.
pub fn read(store: &Store, raw: &mut RawFacts) {
    let folder = store.folder().display().to_string();
    let servers = match store.servers() {
        Ok(servers) => servers,
        Err(error) => {
            let why = error.to_string();
            raw.sources
                .push(account("restore-data", &folder, Some(&why)));
            return;
        }
    };
    for server in servers {
        let asked = store.of(server).display().to_string();
        let name = format!("restore-data/{server}");
        match store.newest(server) {
            Ok(newest) => {
                for fault in newest.faults {
                    raw.warnings.push(fault.to_string());
                }
                let source = match &newest.generation {
                    Some(generation) => Source {
                        at: generation.description.taken_at,
                        ..account(&generation.source_name(), &asked, None)
                    },
                    None => {
                        let why = "there is no whole generation of its records".to_owned();
                        account(&name, &asked, Some(&why))
                    }
                };
                raw.sources.push(source);
                raw.kept.extend(newest.generation.iter().map(Kept::from));
            }
            Err(error) => {
                let why = error.to_string();
                raw.sources.push(account(&name, &asked, Some(&why)));
            }
        }
        points(store, server, raw);
    }
}

fn points(store: &Store, server: documents::Uuid, raw: &mut RawFacts) {
    let zones = match store.zones_with_points(server) {
        Ok(zones) => zones,
        Err(error) => return raw.warnings.push(error.to_string()),
    };
    for vm in zones {
        match store.points(server, vm) {
            Ok(points) => raw.points.push(points),
            Err(error) => raw
                .warnings
                .push(format!("{error}; its restore points are not offered")),
        }
    }
}
