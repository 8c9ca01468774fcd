// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! How big the lab is beside the product that it is there for. A simulation that outgrows what it simulates for is a product
//! of its own.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use walkdir::{DirEntry, WalkDir};

use crate::error::{Attempted, Result};
use crate::stage;

/// Folders that make up the product.
const PRODUCT: [&str; 3] = ["share", "bins", "plugins"];

/// Lines of Rust that are not blank. Tests beside the sources are left out on both sides, those in them count on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub lab: usize,
    pub product: usize,
}

impl Size {
    pub fn measure() -> Result<Size> {
        Size::of(&stage::repository()).attempted("counting the lines of the lab and the product")
    }

    fn of(repository: &Path) -> io::Result<Size> {
        let mut product = 0;
        for folder in PRODUCT {
            product += lines_below(&repository.join(folder))?;
        }
        Ok(Size {
            lab: lines_below(&repository.join("tests/lab/src"))?,
            product,
        })
    }

    pub fn json(&self) -> Value {
        json!({ "kind": "triton.lab.size/1", "lab": self.lab, "product": self.product })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the lab has {} lines of Rust, the product {}",
            self.lab, self.product
        )
    }
}

fn lines_below(folder: &Path) -> io::Result<usize> {
    let mut lines = 0;
    for entry in WalkDir::new(folder).into_iter().filter_entry(is_source) {
        let entry = entry?;
        if entry.file_type().is_file() && entry.path().extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(entry.path())?;
            lines += text.lines().filter(|line| !line.trim().is_empty()).count();
        }
    }
    Ok(lines)
}

/// Neither a folder of tests nor what a build left behind.
fn is_source(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    !entry.file_type().is_dir() || (name != "tests" && name != "target")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_tests_and_other_files_do_not_count() {
        let temp = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = temp.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("tests/lab/src/main.rs", "one\n\n   \ntwo\n");
        write("tests/lab/tests/machine_room.rs", "not\ncounted\n");
        write("share/plan/src/lib.rs", "one\n");
        write("share/plan/tests/lost.rs", "not\ncounted\n");
        write("share/services/sapi.json", "{\n}\n");
        write("bins/triton-apply/src/main.rs", "one\n");
        write("plugins/sapi/src/lib.rs", "one\n");
        let size = Size::of(temp.path()).unwrap();
        assert_eq!((size.lab, size.product), (2, 3));
    }
}
