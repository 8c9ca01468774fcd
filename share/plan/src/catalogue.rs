// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The catalogue: one row of facts per core service, refined by its plugin.

use std::collections::BTreeMap;

use contract::row::PluginUse;
use contract::{Plugins, Row};
use documents::DocumentError;
use documents::read;

#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    rows: BTreeMap<String, Row>,
    /// Services that must not be planned, and why.
    faults: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CatalogueError {
    #[error("{file}: {source}")]
    Unreadable { file: String, source: DocumentError },
    #[error("{file}: describes the service \"{service}\", so it should be named {service}.json")]
    Misnamed { file: String, service: String },
    #[error("the service catalogue is empty; is the installation whole?")]
    Empty,
}

impl Catalogue {
    /// Reads rows from the contents of `<service>.json` files.
    pub fn from_files(files: Vec<(String, Vec<u8>)>) -> Result<Catalogue, CatalogueError> {
        let mut rows = BTreeMap::new();
        for (file, bytes) in files {
            let row = read::json("service row", &bytes)
                .and_then(|value| read::typed::<Row>("service row", "", value))
                .map_err(|source| CatalogueError::Unreadable {
                    file: file.clone(),
                    source,
                })?;
            let stem = file
                .rsplit('/')
                .next()
                .and_then(|name| name.strip_suffix(".json"));
            if stem != Some(row.service.as_str()) {
                return Err(CatalogueError::Misnamed {
                    file,
                    service: row.service,
                });
            }
            rows.insert(row.service.clone(), row);
        }
        if rows.is_empty() {
            return Err(CatalogueError::Empty);
        }
        Ok(Catalogue {
            rows,
            faults: BTreeMap::new(),
        })
    }

    pub fn from_rows(rows: Vec<Row>) -> Catalogue {
        let rows = rows
            .into_iter()
            .map(|row| (row.service.clone(), row))
            .collect();
        Catalogue {
            rows,
            faults: BTreeMap::new(),
        }
    }

    /// Lets each row's plugin refine it. A missing or broken plugin is a fault of its service where the row requires one;
    /// elsewhere a broken one is a fault too, since its quirks are not known.
    pub fn refined(&self, plugins: &dyn Plugins) -> Catalogue {
        let mut refined = Catalogue::default();
        for (service, row) in &self.rows {
            let answer = match row.plugin {
                PluginUse::None => Ok(None),
                PluginUse::Optional | PluginUse::Required => plugins.refinement(service),
            };
            let row = match answer {
                Ok(Some(refinement)) => row.clone().refined(refinement),
                Ok(None) => {
                    if row.plugin == PluginUse::Required {
                        let text = format!(
                            "its plugin is not installed, and it must not be planned without it; \
                             put {service}.so into the plugin folder (`triton-plugin check`)"
                        );
                        refined.faults.insert(service.clone(), text);
                    }
                    row.clone()
                }
                Err(fault) => {
                    refined.faults.insert(
                        service.clone(),
                        format!(
                            "its plugin gave no usable answer ({}); see `triton-plugin check`",
                            fault.why
                        ),
                    );
                    row.clone()
                }
            };
            refined.rows.insert(service.clone(), row);
        }
        refined
    }

    pub fn row(&self, service: &str) -> Option<&Row> {
        self.rows.get(service)
    }

    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// Why a service must not be planned, if so.
    pub fn fault(&self, service: &str) -> Option<&str> {
        self.faults.get(service).map(String::as_str)
    }
}
