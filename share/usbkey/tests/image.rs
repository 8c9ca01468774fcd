// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! An image is held to what others make of it: gdisk's and dosfstools' checks, and mtools' copies of its files.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use usbkey::{Effort, Item, Manifest, Sink, Tree, diff, manifest_of_tgz, write_image, write_tgz};

const SIZE: u64 = 600_000_000;

fn loader() -> Vec<u8> {
    let mut bytes = vec![0x90; 70_000];
    let (magic, flags) = (0x1bad_b002_u32, 0x0001_0003_u32);
    let words = [magic, flags, 0_u32.wrapping_sub(magic).wrapping_sub(flags)];
    for (at, word) in words.iter().enumerate() {
        bytes[1024 + 4 * at..][..4].copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

fn key() -> Tree {
    let mut tree = Tree::default();
    let mut add = |path: &str, bytes: Vec<u8>| {
        tree.add(path, Item::of_bytes(bytes, 0o644, 1_773_361_454))
            .unwrap()
    };
    add(".joyliveusb", Vec::new());
    add("LICENSE", b"MPL".to_vec());
    add("boot/pmbr", vec![0xcc; 512]);
    add("boot/gptzfsboot", loader());
    add("boot/loader64.efi", vec![7; 500_001]);
    add(
        "boot/a name with spaces, dots... and \u{fc}n\u{ef}code.conf",
        b"x".to_vec(),
    );
    add(
        "os/20260313T002414Z/platform/i86pc/amd64/boot_archive",
        (0..9_000_000_u32)
            .map(|n| (n.wrapping_mul(n) >> 9) as u8)
            .collect(),
    );
    for n in 0..1000 {
        add(
            &format!("scripts/a-long-name-of-a-script-{n}.sh"),
            format!("script {n}\n").repeat(n).into_bytes(),
        );
    }
    tree
}

fn image(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    write_image(&key(), SIZE, Sink::Sparse(File::create(&path).unwrap())).unwrap();
    path
}

/// Runs a check of another tool's; `None`, said aloud, where that tool is not installed.
fn said(program: &str, args: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(args).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!(
                "skipped: {program} is not installed (apt-get install gdisk dosfstools mtools)"
            );
            return None;
        }
        output => output.unwrap(),
    };
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program}: {text}");
    Some(text)
}

#[test]
fn an_image_reads_back_as_its_tree_and_takes_no_more_room_than_that() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let image = image(folder.path(), "key.img");
    let about = image.metadata().unwrap();
    assert_eq!(about.len(), SIZE);
    assert!(
        about.blocks() * 512 < 2 * key().bytes() + 8_000_000,
        "{} blocks",
        about.blocks()
    );
    let read = Tree::of_image(&image).unwrap();
    assert_eq!(read.get("LICENSE").unwrap().modified, 1_773_361_454);
    let read = Manifest::of_tree(&read).unwrap();
    assert_eq!(diff(&read, &Manifest::of_tree(&key()).unwrap(), true), []);
}

#[test]
fn two_images_of_the_same_files_are_identical_and_so_is_one_that_went_down_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let one = std::fs::read(image(folder.path(), "one.img")).unwrap();
    assert!(one == std::fs::read(image(folder.path(), "two.img")).unwrap());
    let mut piped = Vec::new();
    write_image(&key(), SIZE, Sink::Stream(&mut piped)).unwrap();
    assert!(one == piped);
}

#[test]
fn other_tools_find_no_fault_with_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let image = image(folder.path(), "key.img");
    let name = image.to_str().unwrap();
    if let Some(text) = said("sgdisk", &["-v", name]) {
        assert!(text.contains("No problems found"), "{text}");
    }
    let bytes = std::fs::read(&image).unwrap();
    let sectors = |start: usize, count: usize| &bytes[start * 512..][..count * 512];
    let root = (SIZE / 512 - 33 - 16_384 - 528_384) as usize / 2048 * 2048;
    for (name, content) in [
        ("esp", sectors(2048, 524_288)),
        ("root", sectors(528_384, root)),
    ] {
        let part = folder.path().join(name);
        std::fs::write(&part, content).unwrap();
        said("fsck.fat", &["-n", "-v", part.to_str().unwrap()]);
    }
}

#[test]
fn mtools_copies_the_very_files_out_of_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let image = image(folder.path(), "key.img");
    let from = format!("{}@@{}", image.to_str().unwrap(), 528_384 * 512);
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    if said(
        "mcopy",
        &["-s", "-n", "-m", "-i", &from, "::", out.to_str().unwrap()],
    )
    .is_some()
    {
        let copied = Manifest::of_tree(&Tree::of_folder(&out).unwrap()).unwrap();
        // mtools prints names in the locale of the test, which may be C.
        let plain = |path: &str| path.is_ascii();
        let left: Vec<_> = diff(&copied, &Manifest::of_tree(&key()).unwrap(), false);
        let left: Vec<_> = left
            .iter()
            .filter(|one| plain(&one.path) && !one.path.contains("code.conf"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn gnu_tar_unpacks_an_archive_to_the_same_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let archive = write_tgz(
        &key(),
        Vec::new(),
        Effort {
            level: 6,
            threads: 2,
        },
    )
    .unwrap();
    let file = folder.path().join("usbkey-base.tgz");
    std::fs::write(&file, &archive).unwrap();
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let words = ["-xzpf", file.to_str().unwrap(), "-C", out.to_str().unwrap()];
    if said("tar", &words).is_some() {
        let unpacked = Manifest::of_tree(&Tree::of_folder(&out).unwrap()).unwrap();
        assert_eq!(
            diff(
                &unpacked,
                &manifest_of_tgz(&archive[..], "x").unwrap(),
                true
            ),
            []
        );
    }
}

#[test]
fn a_tree_without_loaders_or_too_large_is_refused_before_a_byte_is_written() {
    let mut out = Vec::new();
    let mut bare = Tree::default();
    bare.add(".joyliveusb", Item::of_bytes(Vec::new(), 0o644, 0))
        .unwrap();
    let error = write_image(&bare, SIZE, Sink::Stream(&mut out)).unwrap_err();
    assert!(error.to_string().contains("boot/gptzfsboot"), "{error}");
    let mut large = key();
    large.put(
        "os/20270101T000000Z/a",
        Item {
            size: SIZE,
            ..Item::of_bytes(Vec::new(), 0o644, 0)
        },
    );
    let error = write_image(&large, SIZE, Sink::Stream(&mut out)).unwrap_err();
    assert!(error.to_string().contains("--size"), "{error}");
    assert!(out.is_empty());
}
