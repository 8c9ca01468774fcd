// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The plugins of one folder, each loaded when it is first asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use contract::{Answer, PluginFault, Plugins, Question};

use crate::library::Library;
use platform::trust;

use crate::folder;

/// All plugins of a folder. Making it loads nothing.
pub struct Loaded {
    /// Why the folder can't be used at all: a fault of every service that is asked about.
    unusable: Option<String>,
    plugins: BTreeMap<String, Plugin>,
}

struct Plugin {
    folder: PathBuf,
    path: PathBuf,
    library: OnceLock<Result<Library, String>>,
}

impl Loaded {
    /// The plugins of a folder. What is wrong with folder or files comes out when a service is asked about.
    pub fn from_dir(dir: &Path) -> Loaded {
        let unusable = |why: String| Loaded {
            unusable: Some(why),
            plugins: BTreeMap::new(),
        };
        let folder = match trust::folder(dir) {
            Ok(folder) => folder,
            Err(untrusted) => return unusable(format!("the plugin folder: {untrusted}")),
        };
        let files = match folder::plugin_files(&folder) {
            Ok(files) => files,
            Err(error) => {
                return unusable(format!(
                    "can't list the plugin folder {}: {error}",
                    folder.display()
                ));
            }
        };
        let plugin = |path| Plugin {
            folder: folder.clone(),
            path,
            library: OnceLock::new(),
        };
        Loaded {
            unusable: None,
            plugins: files
                .into_iter()
                .map(|(service, path)| (service, plugin(path)))
                .collect(),
        }
    }

    /// Services that have a plugin file, sorted; broken ones too.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.plugins.keys().map(String::as_str)
    }

    /// Why the folder as a whole can't be used, if so.
    pub fn unusable(&self) -> Option<&str> {
        self.unusable.as_deref()
    }

    /// Asks one plugin one question as it stands, JSON in and JSON out. `Ok(None)` means that the service has none.
    pub fn ask_bytes(
        &self,
        service: &str,
        question: &[u8],
    ) -> Result<Option<Vec<u8>>, PluginFault> {
        let fault = |why: String| PluginFault {
            service: service.to_owned(),
            why,
        };
        if let Some(why) = &self.unusable {
            return Err(fault(why.clone()));
        }
        let Some(plugin) = self.plugins.get(service) else {
            return Ok(None);
        };
        let library = plugin
            .library
            .get_or_init(|| plugin.load(service))
            .as_ref()
            .map_err(|why| fault(why.clone()))?;
        library
            .ask(question)
            .map(Some)
            .map_err(|error| fault(error.to_string()))
    }
}

impl Plugins for Loaded {
    fn ask(&self, service: &str, question: &Question) -> Result<Option<Answer>, PluginFault> {
        let fault = |why| PluginFault {
            service: service.to_owned(),
            why,
        };
        let bytes = serde_json::to_vec(question).map_err(|error| fault(error.to_string()))?;
        match self.ask_bytes(service, &bytes)? {
            None => Ok(None),
            Some(answer) => read_answer(&answer).map(Some).map_err(fault),
        }
    }
}

impl Plugin {
    /// Loads it, and has it say which service it is about: another one's plugin under this name must not be asked anything.
    fn load(&self, service: &str) -> Result<Library, String> {
        let path = trust::file(&self.folder, &self.path).map_err(|error| error.to_string())?;
        let library = Library::open(&path).map_err(|error| error.to_string())?;
        let question = serde_json::to_vec(&Question::Describe {}).map_err(|e| e.to_string())?;
        let answer = library.ask(&question).map_err(|error| error.to_string())?;
        let here = |why: String| format!("{}: {why}", path.display());
        match read_answer(&answer).map_err(here)? {
            Answer::Describe { service: named, .. } if named == service => {
                tracing::debug!(service, path = %path.display(), "plugin loaded");
                Ok(library)
            }
            Answer::Describe { service: named, .. } => Err(here(format!(
                "it describes \"{named}\", so it is not the plugin of {service}; should it be \
                 named {named}.so?"
            ))),
            Answer::Error(text) => Err(here(format!("asked to describe its service: {text}"))),
            Answer::Restore(_) => Err(here(
                "asked to describe its service, it answered with restore advice".to_owned(),
            )),
        }
    }
}

fn read_answer(bytes: &[u8]) -> Result<Answer, String> {
    serde_json::from_slice(bytes).map_err(|error| {
        let start: String = String::from_utf8_lossy(bytes).chars().take(60).collect();
        format!("its answer can't be read ({error}); it begins: {start}")
    })
}
