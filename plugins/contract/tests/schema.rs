// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The JSON Schema of a catalogue row in share/schema is that of its type. `WRITE_SCHEMAS=1 cargo test -p contract` writes it anew.

use std::path::PathBuf;

use contract::Row;

#[test]
fn the_schema_of_a_catalogue_row_is_current() {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../share/schema/service.schema.json"
    ));
    let schema = schemars::schema_for!(Row);
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
