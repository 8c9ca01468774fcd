// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The files that say how a guest is built. They are part of this program, so that what it finds in the cache is known
//! to be made by the same recipe.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Attempted, Result};

/// A file of the recipe: its name and text.
type Ingredient = (&'static str, &'static str);

const PACKAGES: Ingredient = ("packages.sh", include_str!("../guest/packages.sh"));

/// What the kernel and the ZFS modules depend on. A change here costs minutes.
const KERNEL: [Ingredient; 2] = [
    ("kernel.sh", include_str!("../guest/kernel.sh")),
    ("kernel.config", include_str!("../guest/kernel.config")),
];

/// What the RAM disk depends on besides. A change here costs seconds.
const IMAGE: [Ingredient; 4] = [
    ("image.sh", include_str!("../guest/image.sh")),
    ("init", include_str!("../guest/init")),
    ("sshd_config", include_str!("../guest/sshd_config")),
    ("shim.rs", include_str!("../guest/shim.rs")),
];

/// Packages that the kernel is built from; all others go into the RAM disk.
const SOURCES: [&str; 2] = ["linux-source-", "zfs-dkms"];

/// Digest of the kernel's recipe.
pub fn kernel() -> String {
    digest(KERNEL.iter().map(|(_, text)| *text))
}

/// Digest of the whole recipe.
pub fn image() -> String {
    let all = KERNEL.iter().chain(&IMAGE).chain([&PACKAGES]);
    digest(all.map(|(_, text)| *text))
}

/// Digests of the versions (lines of `package version`) of the kernel's packages and of all packages.
pub fn versions(list: &str) -> (String, String) {
    let of_kernel = |line: &&str| SOURCES.iter().any(|source| line.starts_with(source));
    (digest(list.lines().filter(of_kernel)), digest(list.lines()))
}

/// Writes the files into `folder`, where the scripts expect each other.
pub fn write_into(folder: &Path) -> Result<()> {
    for (name, text) in KERNEL.iter().chain(&IMAGE).chain([&PACKAGES]) {
        let path = folder.join(name);
        let mode = fs::Permissions::from_mode(0o755);
        fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, mode))
            .attempted(format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Twelve hex digits that stand for the texts, in their order.
fn digest<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    let bytes = hash.finalize();
    bytes
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_openssh_makes_a_new_image_of_the_same_kernel() {
        let list = "linux-source-6.1 6.1.1-1\nopenssh-server 1:9.2\nzfs-dkms 2.1.11-1\n";
        let (kernel, all) = versions(list);
        let (same_kernel, other) = versions(&list.replace("9.2", "9.3"));
        assert_eq!(kernel, same_kernel);
        assert_ne!(all, other);
        assert_ne!(versions(&list.replace("6.1.1-1", "6.1.2-1")).0, kernel);
    }

    #[test]
    fn where_one_text_ends_and_the_next_begins_is_part_of_the_digest() {
        assert_ne!(
            digest(["ab", "c"].into_iter()),
            digest(["a", "bc"].into_iter())
        );
        assert_eq!(digest(["ab"].into_iter()).len(), 12);
    }
}
