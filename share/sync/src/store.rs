// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Reading the restore data of this headnode. Nothing is believed before its digest was checked, and a generation that is not
//! whole is as good as none.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use documents::restore_data::{Generation, POINTS_KIND, Part, PartFile, RestorePoints};
use documents::{Digest, SecretRef, Uuid, read};
use serde_json::Value;

use crate::error::SyncError;
use crate::files;

/// The name of what a generation says about itself. Written last.
pub const DESCRIPTION: &str = "generation.json";
/// Folders that are not generations yet, and never will be if the run that made them is over.
pub const PARTIAL: &str = ".partial-";
const POINTS: &str = "points";

/// The folder `/var/sdcadm/svc-restore-data` of a headnode.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// A generation of which every file is there and is what its digest says.
#[derive(Debug, Clone)]
pub struct WholeGeneration {
    pub description: Generation,
    contents: BTreeMap<String, Vec<u8>>,
}

/// The newest whole generation of a server, and what was wrong with newer ones.
#[derive(Debug, Default)]
pub struct Newest {
    pub generation: Option<WholeGeneration>,
    pub faults: Vec<SyncError>,
}

impl Store {
    pub fn new(folder: impl Into<PathBuf>) -> Store {
        Store {
            folder: folder.into(),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn of(&self, server: Uuid) -> PathBuf {
        self.folder.join(server.to_string())
    }

    /// Servers that there is restore data of, in order.
    pub fn servers(&self) -> Result<Vec<Uuid>, SyncError> {
        Ok(names_in(&self.folder)?
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect())
    }

    /// Names of a server's generations, oldest first.
    pub fn generations(&self, server: Uuid) -> Result<Vec<String>, SyncError> {
        Ok(names_in(&self.of(server))?
            .into_iter()
            .filter(|name| name != POINTS && !name.starts_with('.'))
            .collect())
    }

    /// The newest generation of which every file passes; a damaged one is told of, and the one before it is taken.
    pub fn newest(&self, server: Uuid) -> Result<Newest, SyncError> {
        let mut newest = Newest::default();
        for name in self.generations(server)?.iter().rev() {
            match WholeGeneration::read(&self.of(server).join(name)) {
                Ok(generation) => {
                    newest.generation = Some(generation);
                    break;
                }
                Err(fault) => newest.faults.push(fault),
            }
        }
        Ok(newest)
    }

    /// The recorded restore points of a zone; none when there is no record.
    pub fn points(&self, server: Uuid, vm: Uuid) -> Result<RestorePoints, SyncError> {
        let path = self.points_file(server, vm);
        match fs::read(&path) {
            Ok(bytes) => {
                read::restore_points(&bytes).map_err(|source| SyncError::Document { path, source })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(RestorePoints {
                kind: POINTS_KIND.to_owned(),
                server,
                vm,
                points: Vec::new(),
            }),
            Err(error) => Err(SyncError::file("read", &path)(error)),
        }
    }

    /// Zones of a server that restore points are recorded of.
    pub fn zones_with_points(&self, server: Uuid) -> Result<Vec<Uuid>, SyncError> {
        Ok(names_in(&self.of(server).join(POINTS))?
            .iter()
            .filter_map(|name| name.strip_suffix(".json")?.parse().ok())
            .collect())
    }

    /// Records restore points. Only for snapshots that are proven whole.
    pub fn record_points(&self, points: &RestorePoints) -> Result<(), SyncError> {
        let path = self.points_file(points.server, points.vm);
        files::make_private_folder(&self.of(points.server).join(POINTS))?;
        let bytes = serde_json::to_vec(points)
            .map_err(|error| SyncError::command(format!("write {}", path.display()), error))?;
        files::replace(&path, &bytes)
    }

    fn points_file(&self, server: Uuid, vm: Uuid) -> PathBuf {
        self.of(server).join(POINTS).join(format!("{vm}.json"))
    }
}

impl WholeGeneration {
    /// Reads a generation, and checks each of its files.
    fn read(folder: &Path) -> Result<WholeGeneration, SyncError> {
        let path = folder.join(DESCRIPTION);
        let damaged = |path: &Path, why: String| SyncError::Damaged {
            path: path.to_owned(),
            why,
        };
        let bytes = fs::read(&path)
            .map_err(|error| damaged(folder, format!("{DESCRIPTION} can't be read: {error}")))?;
        let description = read::generation(&bytes).map_err(|source| SyncError::Document {
            path: path.clone(),
            source,
        })?;
        let mut contents = BTreeMap::new();
        for file in &description.files {
            let reference = description.secret(file);
            let path = folder.join(&file.path);
            if !reference.stays_inside() {
                return Err(damaged(
                    &path,
                    "its path leads out of the generation".to_owned(),
                ));
            }
            let bytes = fs::read(&path).map_err(|error| damaged(&path, error.to_string()))?;
            if Digest::of_bytes(&bytes) != file.digest {
                return Err(damaged(&path, "it is not what its digest says".to_owned()));
            }
            contents.insert(file.path.clone(), bytes);
        }
        Ok(WholeGeneration {
            description,
            contents,
        })
    }

    /// The checked content of a file.
    pub fn bytes(&self, file: &PartFile) -> &[u8] {
        self.contents.get(&file.path).map_or(&[], Vec::as_slice)
    }

    /// The content of a file as JSON; null where it is none, which is a fault of the tool that wrote it.
    pub fn json(&self, file: &PartFile) -> Value {
        serde_json::from_slice(self.bytes(file)).unwrap_or_default()
    }

    /// The files of a part with their content.
    pub fn part(&self, part: Part) -> impl Iterator<Item = (&PartFile, Value)> {
        self.description
            .of_part(part)
            .map(|file| (file, self.json(file)))
    }

    /// How other documents refer to the file of this path.
    pub fn secret(&self, path: &str) -> Option<SecretRef> {
        let file = self.description.file(path)?;
        Some(self.description.secret(file))
    }

    /// `restore-data/<server>/<generation>`, as [`documents::inventory::Learnt`] names it.
    pub fn source_name(&self) -> String {
        format!(
            "restore-data/{}/{}",
            self.description.server, self.description.generation
        )
    }
}

/// Names in a folder, sorted; none when there is no such folder.
fn names_in(folder: &Path) -> Result<Vec<String>, SyncError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(SyncError::file("list", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(SyncError::file("list", folder))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
