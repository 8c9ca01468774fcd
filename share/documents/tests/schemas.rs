// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The JSON Schemas in share/schema are those of the types. `WRITE_SCHEMAS=1 cargo test -p documents` writes them anew.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use schemars::Schema;

fn check(name: &str, schema: Schema) {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../schema"))
        .join(format!("{name}.schema.json"));
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    if std::env::var_os("WRITE_SCHEMAS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{} has drifted from its type; WRITE_SCHEMAS=1 writes it anew",
        path.display()
    );
}

#[test]
fn the_schema_of_the_inventory_is_current() {
    check("inventory", schemars::schema_for!(documents::Inventory));
}

#[test]
fn the_schema_of_the_plan_is_current() {
    check("plan", schemars::schema_for!(documents::Plan));
}

#[test]
fn the_schema_of_the_event_is_current() {
    check("event", schemars::schema_for!(documents::Event));
}

#[test]
fn the_schema_of_restore_data_is_current() {
    check("restore-data", schemars::schema_for!(documents::Generation));
    check(
        "restore-points",
        schemars::schema_for!(documents::restore_data::RestorePoints),
    );
}
