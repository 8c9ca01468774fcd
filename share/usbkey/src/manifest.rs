// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What is on a key: each file's path, size, mode and SHA-256, as sorted NDJSON.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Content, Error, Tree, folded};

/// One line of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub path: String,
    pub size: u64,
    /// Permission bits in octal; `null` from a disk image, as FAT keeps none.
    pub mode: Option<String>,
    pub sha256: String,
}

/// Entries by folded path, which is their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest(BTreeMap<String, Entry>);

impl Manifest {
    pub fn of_tree(tree: &Tree) -> Result<Manifest, Error> {
        let mut manifest = Manifest::default();
        for (path, item) in tree.iter() {
            let failed = |error| Error::file("read", path, error);
            let (size, sha256) = digest(&mut item.open()?).map_err(failed)?;
            manifest.add(Entry {
                path: path.to_owned(),
                size,
                mode: match item.content {
                    Content::Runs { .. } => None,
                    _ => Some(format!("{:04o}", item.mode)),
                },
                sha256,
            })?;
        }
        Ok(manifest)
    }

    /// Reads NDJSON; an empty one is no manifest.
    pub fn parse(reader: impl BufRead, from: &str) -> Result<Manifest, Error> {
        let mut manifest = Manifest::default();
        for (number, line) in reader.lines().enumerate() {
            let line = line.map_err(|error| Error::file("read", from, error))?;
            let entry = serde_json::from_str(&line).map_err(|error| {
                Error::Bad(format!("{from}, line {}: no manifest: {error}", number + 1))
            })?;
            manifest.add(entry)?;
        }
        match manifest.0.is_empty() {
            true => Err(Error::Bad(format!("{from} is empty: no manifest"))),
            false => Ok(manifest),
        }
    }

    pub(crate) fn add(&mut self, entry: Entry) -> Result<(), Error> {
        let path = entry.path.clone();
        match self.0.insert(folded(&path), entry) {
            None => Ok(()),
            Some(other) => Err(Error::Bad(format!(
                "{path} and {} are one file on a key, whose names have no case",
                other.path
            ))),
        }
    }

    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for entry in self.0.values() {
            serde_json::to_writer(&mut *out, entry)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// What of it is at paths that are wanted.
    pub fn only(mut self, wanted: impl Fn(&str) -> bool) -> Manifest {
        self.0.retain(|_, entry| wanted(&entry.path));
        self
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.values()
    }

    /// By the path that FAT would find it by.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.0.get(&folded(path))
    }
}

/// How many bytes there are, and their SHA-256 in hex.
pub(crate) fn digest(reader: &mut dyn Read) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((size, hex(&hash.finalize()))),
            Ok(count) => {
                hash.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Item;

    #[test]
    fn a_manifest_is_sorted_ndjson_that_reads_back_as_it_was() {
        let mut tree = Tree::default();
        for path in ["os/B", "LICENSE", ".joyliveusb"] {
            tree.add(path, Item::of_bytes(b"abc".to_vec(), 0o644, 0))
                .unwrap();
        }
        let manifest = Manifest::of_tree(&tree).unwrap();
        let mut text = Vec::new();
        manifest.write(&mut text).unwrap();
        let lines: Vec<&str> = std::str::from_utf8(&text).unwrap().lines().collect();
        assert_eq!(
            lines[0],
            r#"{"path":".joyliveusb","size":3,"mode":"0644","sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}"#
        );
        assert!(lines[1].contains("LICENSE") && lines[2].contains("os/B"));
        assert_eq!(Manifest::parse(&text[..], "x").unwrap(), manifest);
    }

    #[test]
    fn an_empty_or_foreign_manifest_is_refused_with_its_line() {
        assert!(Manifest::parse(&b""[..], "m").is_err());
        let error = Manifest::parse(&b"{\"path\":\"a\"}\n"[..], "m").unwrap_err();
        assert!(error.to_string().starts_with("m, line 1"), "{error}");
    }
}
