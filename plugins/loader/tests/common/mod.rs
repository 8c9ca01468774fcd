// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the loader's tests share: the catalogue's files, the plugins in this process, and the same plugins as libraries.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]
#![allow(dead_code, reason = "each test binary uses its part")]

mod staged;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use contract::{Row, ServicePlugin};
use documents::read;
use loader::Loaded;

pub use staged::SERVICES;

pub fn in_process(service: &str) -> Box<dyn ServicePlugin> {
    match service {
        "cns" => Box::new(cns::Cns),
        "dhcpd" => Box::new(dhcpd::Dhcpd),
        "imgapi" => Box::new(imgapi::Imgapi),
        "sapi" => Box::new(sapi::Sapi),
        "sdc" => Box::new(sdc::Sdc),
        "ufds" => Box::new(ufds::Ufds),
        other => panic!("{other} has no plugin"),
    }
}

/// The same plugins, loaded from their libraries.
pub fn loaded() -> &'static Loaded {
    static LOADED: OnceLock<(tempfile::TempDir, Loaded)> = OnceLock::new();
    let stage = || {
        let dir = staged::plugins();
        let loaded = Loaded::from_dir(dir.path());
        (dir, loaded)
    };
    &LOADED.get_or_init(stage).1
}

/// The contents of every file of the catalogue, by its name without `.json`.
pub fn catalogue_files() -> BTreeMap<String, Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../share/services");
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (stem, fs::read(path).unwrap())
        })
        .collect()
}

pub fn row(file: &str, bytes: &[u8]) -> Row {
    let row = read::json("service row", bytes)
        .and_then(|value| read::typed::<Row>("service row", "", value));
    row.unwrap_or_else(|error| panic!("{file}.json: {error}"))
}

pub fn catalogue() -> BTreeMap<String, Row> {
    catalogue_files()
        .into_iter()
        .map(|(file, bytes)| {
            let row = row(&file, &bytes);
            (file, row)
        })
        .collect()
}
