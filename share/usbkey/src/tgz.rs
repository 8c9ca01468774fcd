// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A key as a compressed tar: written so that the same files give the same bytes, and read back as a manifest.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use tar::{Builder, EntryType, Header};

use crate::gzip::ParallelGzip;
use crate::manifest::digest;
use crate::{Entry, Error, Manifest, Tree};

/// How an archive is compressed.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// 1 (fast) to 9 (small).
    pub level: u32,
    pub threads: usize,
}

/// Writes the tree as `./path` entries in the order of their paths, folders before what is in them, everything root's.
pub fn write_tgz<W: Write + Send + 'static>(
    tree: &Tree,
    out: W,
    effort: Effort,
) -> Result<W, Error> {
    let failed = |error| Error::file("write", "the archive", error);
    let gzip = ParallelGzip::new(out, effort.level, effort.threads);
    let mut archive = Builder::new(io::BufWriter::with_capacity(256 * 1024, gzip));
    let mut folders = BTreeSet::new();
    for (path, item) in tree.iter() {
        for folder in above(path) {
            if folders.insert(folder.to_owned()) {
                let mut header = header(EntryType::Directory, 0, 0o755, tree.newest());
                let named = format!("./{folder}/");
                archive
                    .append_data(&mut header, named, io::empty())
                    .map_err(failed)?;
            }
        }
        let mut header = header(EntryType::Regular, item.size, item.mode, item.modified);
        archive
            .append_data(&mut header, format!("./{path}"), item.open()?)
            .map_err(|error| Error::file("archive", path, error))?;
    }
    let buffered = archive.into_inner().map_err(failed)?;
    let gzip = buffered
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    gzip.finish().map_err(failed)
}

/// The folders that a path lies in, the outermost first.
pub(crate) fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

fn header(kind: EntryType, size: u64, mode: u32, modified: i64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(u64::try_from(modified).unwrap_or_default());
    header
}

/// What is in a compressed tar, without unpacking it anywhere.
pub fn manifest_of_tgz(reader: impl Read, from: &str) -> Result<Manifest, Error> {
    let mut manifest = Manifest::default();
    each_file(reader, from, |path, mode, content| {
        let failed = |error| Error::file("read", format!("{path} in {from}"), error);
        let (size, sha256) = digest(content).map_err(failed)?;
        manifest.add(Entry {
            path: path.to_owned(),
            size,
            mode: Some(format!("{mode:04o}")),
            sha256,
        })
    })?;
    Ok(manifest)
}

/// Unpacks the files of a compressed tar into a folder that was empty, and that nobody else may look into.
pub fn unpack_tgz(reader: impl Read, from: &str, folder: &Path) -> Result<(), Error> {
    each_file(reader, from, |path, mode, content| {
        let to = folder.join(path);
        let failed = |error| Error::file("unpack", &to, error);
        fs::create_dir_all(to.parent().unwrap_or(folder)).map_err(failed)?;
        let mut file = File::create_new(&to).map_err(failed)?;
        io::copy(content, &mut file).map_err(failed)?;
        fs::set_permissions(&to, Permissions::from_mode(mode)).map_err(failed)
    })
}

/// Plain files by their plain paths; others are left out with a warning.
fn each_file(
    reader: impl Read,
    from: &str,
    mut what: impl FnMut(&str, u32, &mut dyn Read) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = |error| Error::file("read the archive", from, error);
    let mut archive = tar::Archive::new(MultiGzDecoder::new(reader));
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        match entry.header().entry_type() {
            EntryType::Directory => continue,
            EntryType::Regular => {}
            _ => {
                let path = entry.path().map_err(failed)?.display().to_string();
                tracing::warn!("{path} in {from} is no plain file and is left out");
                continue;
            }
        }
        let path = plain(&entry.path().map_err(failed)?, from)?;
        let mode = entry.header().mode().map_err(failed)? & 0o7777;
        what(&path, mode, &mut entry)?;
    }
    Ok(())
}

/// `./a/b` as `a/b`. A path that leads out of the archive is refused.
fn plain(path: &Path, from: &str) -> Result<String, Error> {
    use std::path::Component;
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) if name.to_str().is_some() => {
                names.extend(name.to_str());
            }
            _ => {
                let path = path.display();
                return Err(Error::Bad(format!(
                    "{from} holds {path}, which no key's archive does"
                )));
            }
        }
    }
    Ok(names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Item, diff};

    #[test]
    fn an_archive_has_the_manifest_of_its_tree_and_the_same_bytes_each_time() {
        let mut tree = Tree::default();
        let long = format!("boot/{}/loader.conf", "very-long-name-".repeat(12));
        for path in [
            ".joyliveusb",
            "LICENSE",
            "os/20260313T002414Z/platform/unix",
            &long,
        ] {
            let content = path.as_bytes().repeat(1000);
            tree.add(path, Item::of_bytes(content, 0o640, 1_700_000_000))
                .unwrap();
        }
        let effort = |threads| Effort { level: 6, threads };
        let one = write_tgz(&tree, Vec::new(), effort(1)).unwrap();
        assert!(one == write_tgz(&tree, Vec::new(), effort(2)).unwrap());
        let manifest = manifest_of_tgz(&one[..], "x").unwrap();
        assert_eq!(
            diff(&manifest, &Manifest::of_tree(&tree).unwrap(), true),
            []
        );
    }

    #[test]
    fn an_archive_that_was_cut_short_is_no_archive() {
        let mut tree = Tree::default();
        tree.add("a", Item::of_bytes(vec![7; 100_000], 0o644, 0))
            .unwrap();
        let whole = write_tgz(
            &tree,
            Vec::new(),
            Effort {
                level: 1,
                threads: 1,
            },
        )
        .unwrap();
        assert!(manifest_of_tgz(&whole[..whole.len() / 2], "x").is_err());
    }

    #[test]
    fn an_archive_unpacks_to_the_tree_that_it_was_made_of() {
        let mut tree = Tree::default();
        tree.add("scripts/a.sh", Item::of_bytes(b"#!".to_vec(), 0o750, 0))
            .unwrap();
        let effort = Effort {
            level: 1,
            threads: 1,
        };
        let archive = write_tgz(&tree, Vec::new(), effort).unwrap();
        let folder = tempfile::tempdir().unwrap();
        unpack_tgz(&archive[..], "x", folder.path()).unwrap();
        let unpacked = Manifest::of_tree(&Tree::of_folder(folder.path()).unwrap()).unwrap();
        assert_eq!(
            diff(&unpacked, &Manifest::of_tree(&tree).unwrap(), true),
            []
        );
    }

    #[test]
    fn a_path_that_leads_out_of_an_archive_is_refused() {
        for path in ["../x", "/x", "./a/../../x"] {
            assert!(plain(Path::new(path), "x").is_err(), "{path}");
        }
        assert_eq!(plain(Path::new("./a/b"), "x").unwrap(), "a/b");
    }
}
