// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What is in the plugin folder: a file `<service>.so` for each service that has a plugin.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Plugin files by service, in the order of their names. Other files are not looked at.
pub fn plugin_files(folder: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if let Some(service) = service_of(&path) {
            files.insert(service.to_owned(), path);
        }
    }
    Ok(files)
}

/// `imgapi` for `.../imgapi.so`; none for hidden files, other endings and names that are not UTF-8.
fn service_of(path: &Path) -> Option<&str> {
    let service = path.file_name()?.to_str()?.strip_suffix(".so")?;
    let hidden = service.is_empty() || service.starts_with('.');
    (!hidden).then_some(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_named_after_its_service() {
        assert_eq!(service_of(Path::new("/p/imgapi.so")), Some("imgapi"));
        for other in ["/p/README", "/p/.so", "/p/.imgapi.so", "/p/imgapi.so.old"] {
            assert_eq!(service_of(Path::new(other)), None, "{other}");
        }
    }
}
