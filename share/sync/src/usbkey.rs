// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a restore needs of `/usbkey`: the configuration itself, and of the large folders what lies in them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use platform::Host;
use serde_json::{Map, Value, json};

use crate::error::SyncError;

/// Configuration is text of some KiB; what is larger is none.
const LARGEST: u64 = 1024 * 1024;

/// `{"files": {path: text}, "folders": {path: [{path, size}...]}}`, paths below `/usbkey`.
pub fn read(host: &Host) -> Result<Value, SyncError> {
    let root = host.path("/usbkey");
    let mut files = Map::new();
    add_file(&root, Path::new("config"), &mut files)?;
    for entry in entries(&root.join("config.inc"))? {
        add_file(&root, &Path::new("config.inc").join(entry.name), &mut files)?;
    }
    let mut folders = Map::new();
    for folder in ["extra", "os"] {
        let mut listed = Vec::new();
        list(&root.join(folder), Path::new(""), &mut listed)?;
        folders.insert(folder.to_owned(), Value::Array(listed));
    }
    Ok(json!({ "files": files, "folders": folders }))
}

struct Entry {
    name: String,
    folder: bool,
    /// Neither a link nor a device.
    plain: bool,
    size: u64,
}

/// What lies in a folder, in order; nothing where there is none.
fn entries(folder: &Path) -> Result<Vec<Entry>, SyncError> {
    let found = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(SyncError::file("list", folder))?,
    };
    let mut entries = Vec::new();
    for entry in found {
        let entry = entry.map_err(SyncError::file("list", folder))?;
        let about = entry.metadata().map_err(SyncError::file("list", folder))?;
        entries.push(Entry {
            name: entry.file_name().to_string_lossy().into_owned(),
            folder: about.is_dir(),
            plain: about.is_file(),
            size: about.len(),
        });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// A text file that is no link: a link could lead anywhere.
fn add_file(root: &Path, path: &Path, files: &mut Map<String, Value>) -> Result<(), SyncError> {
    let whole = root.join(path);
    let about = match fs::symlink_metadata(&whole) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        about => about.map_err(SyncError::file("read", &whole))?,
    };
    if about.is_file() && about.len() <= LARGEST {
        let bytes = fs::read(&whole).map_err(SyncError::file("read", &whole))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.insert(path.display().to_string(), Value::String(text));
        }
    }
    Ok(())
}

fn list(folder: &Path, below: &Path, listed: &mut Vec<Value>) -> Result<(), SyncError> {
    for entry in entries(folder)? {
        let path = below.join(&entry.name);
        if entry.folder {
            list(&folder.join(&entry.name), &path, listed)?;
        } else if entry.plain {
            listed.push(json!({ "path": path.display().to_string(), "size": entry.size }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn configuration_is_read_folders_are_listed_and_links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let key = root.path().join("usbkey");
        fs::create_dir_all(key.join("config.inc")).unwrap();
        fs::create_dir_all(key.join("os/20260101T000000Z")).unwrap();
        fs::write(key.join("config"), "a=1\n").unwrap();
        fs::write(key.join("config.inc/generic"), "b=2\n").unwrap();
        fs::write(key.join("os/20260101T000000Z/unix"), "12345").unwrap();
        fs::write(root.path().join("shadow"), "secret").unwrap();
        symlink(root.path().join("shadow"), key.join("config.inc/link")).unwrap();
        let read = read(&Host::local(root.path())).unwrap();
        assert_eq!(
            read,
            json!({
                "files": {"config": "a=1\n", "config.inc/generic": "b=2\n"},
                "folders": {"extra": [], "os": [{"path": "20260101T000000Z/unix", "size": 5}]},
            })
        );
    }
}
