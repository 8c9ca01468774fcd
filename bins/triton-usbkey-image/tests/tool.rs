// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The tool as an operator meets it: what it prints, where, and how it exits.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/platform");

fn fixture(name: &str) -> String {
    format!("{FIXTURES}/{name}")
}

/// A root with a headnode's key mounted, foldcased, and its copy.
struct Headnode {
    root: TempDir,
}

impl Headnode {
    fn new() -> Headnode {
        let root = tempfile::tempdir().unwrap();
        let headnode = Headnode { root };
        let mut loader = vec![0x90; 5000];
        let words = [0x1bad_b002_u32, 3, 0_u32.wrapping_sub(0x1bad_b002 + 3)];
        for (at, word) in words.iter().enumerate() {
            loader[512 + at * 4..][..4].copy_from_slice(&word.to_le_bytes());
        }
        let conf = fs::read(fixture("loader.conf")).unwrap();
        for (path, bytes) in [
            (".joyliveusb", &b""[..]),
            ("banner", b"Triton"),
            ("boot/gptzfsboot", &loader),
            ("boot/loader.conf", &conf),
            ("boot/loader64.efi", b"efi"),
            ("boot/pmbr", &[0xcc; 512]),
            ("cn_tools.tar.gz", b"cn tools"),
            ("config", b"hostname=headnode0"),
            ("config.inc/generic", b"install_agents=true\n"),
            ("images/x.imgfile", b"an image of a core zone"),
            ("private/root.password.20260313t002414z", b"secret"),
            (
                "os/20260313t002414z/platform/i86pc/amd64/boot_archive",
                &[7; 70_000],
            ),
            ("scripts/headnode.sh", b"#!/bin/bash\n"),
            ("tools.tar.gz", b"tools"),
        ] {
            headnode.put(&format!("mnt/usbkey/{path}"), bytes);
        }
        headnode.put(
            "usbkey/extra/sdcadm/sdcadm.sh",
            b"#!/bin/bash\n# the deployed one\n",
        );
        let config = fs::read(fixture("usbkey-config.txt")).unwrap();
        headnode.put("usbkey/config", &config);
        headnode
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn tool(&self, words: &[&str]) -> Command {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_triton-usbkey-image"));
        tool.arg("-R").arg(self.root.path()).args(words);
        tool.current_dir(self.root.path()).stdin(Stdio::null());
        tool
    }

    fn run(&self, words: &[&str]) -> Output {
        self.tool(words).output().unwrap()
    }

    fn done(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {text}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const SMALL: [&str; 4] = ["--format", "img", "--size", "400000000"];

#[test]
fn an_archive_and_an_image_of_one_key_hold_the_same_and_so_does_what_went_down_a_pipe() {
    let headnode = Headnode::new();
    headnode.done(&["build", "mnt/usbkey", "-o", "a.tgz"]);
    headnode.done(&[&["build", "mnt/usbkey", "-o", "a.img"][..], &SMALL].concat());
    assert_eq!(headnode.done(&["diff", "a.tgz", "a.img"]), "");
    let about = headnode.path("a.img").metadata().unwrap();
    assert_eq!(about.len(), 400_000_000);
    assert!(about.blocks() * 512 < 16_000_000, "an image has holes");

    for (format, file) in [(&["--format", "tgz"][..], "a.tgz"), (&SMALL[..], "a.img")] {
        let mut words = vec!["build", "mnt/usbkey"];
        words.extend(format);
        let mut build = headnode
            .tool(&words)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let piped = headnode
            .tool(&["diff", "-", file])
            .stdin(build.stdout.take().unwrap())
            .output()
            .unwrap();
        assert_eq!(piped.status.code(), Some(0), "{}", said(&piped));
        assert!(build.wait().unwrap().success());
    }

    let into = File::create(headnode.path("b.img")).unwrap();
    let words = [&["build", "mnt/usbkey"][..], &SMALL].concat();
    assert!(
        headnode
            .tool(&words)
            .stdout(into)
            .status()
            .unwrap()
            .success()
    );
    assert!(headnode.path("b.img").metadata().unwrap().blocks() * 512 < 16_000_000);
    assert!(fs::read(headnode.path("a.img")).unwrap() == fs::read(headnode.path("b.img")).unwrap());
}

#[test]
fn a_medium_has_what_a_secondary_headnode_needs_and_boots_by_itself() {
    let headnode = Headnode::new();
    let config = ["config", "--networking", &fixture("networking-cn2.json")];
    let config = [
        &config[..],
        &["--binder", "10.99.99.11,10.99.99.51", "-o", "cn2.config"],
    ];
    assert_eq!(headnode.done(&config.concat()), "");
    let mode = headnode.path("cn2.config").metadata().unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    let networking = fixture("networking-cn2.json");
    let own = [
        "--config",
        "cn2.config",
        "--networking",
        &networking,
        "-o",
        "cn2.tgz",
    ];
    headnode.done(&[&["build", "mnt/usbkey"][..], &own].concat());
    let manifest = headnode.done(&["manifest", "cn2.tgz"]);
    let lines: Vec<serde_json::Value> = manifest
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let has = |path: &str| lines.iter().find(|line| line["path"] == path);
    for path in [
        "boot/networking.json",
        "config.inc/generic",
        "os/20260313T002414Z/platform/i86pc/amd64/boot_archive",
    ] {
        assert!(has(path).is_some(), "{path} is in {manifest}");
    }
    assert_eq!(
        has("private/root.password.20260313T002414Z").unwrap()["mode"],
        "0600"
    );
    assert!(has("images/x.imgfile").is_none());

    let unpacked = headnode.path("unpacked");
    fs::create_dir(&unpacked).unwrap();
    let tar = Command::new("tar")
        .arg("-xzf")
        .arg(headnode.path("cn2.tgz"))
        .arg("-C")
        .arg(&unpacked)
        .status();
    assert!(tar.unwrap().success());
    let read = |path: &str| fs::read_to_string(unpacked.join(path)).unwrap();
    assert!(read("boot/loader.conf").contains("\nipxe=\"false\"\n"));
    assert!(read("boot/loader.conf").contains("headnode=\"true\"\n"));
    assert!(read("config").ends_with("\nhostname=cn2\n"));
    assert!(read("sdcadm-install.sh").contains("the deployed one"));
    assert_eq!(headnode.done(&["diff", "unpacked", "cn2.tgz"]), "");
}

#[test]
fn media_that_differ_are_told_file_by_file_with_exit_1() {
    let headnode = Headnode::new();
    let manifest = headnode.done(&["manifest", "mnt/usbkey"]);
    headnode.put("before", manifest.as_bytes());
    assert_eq!(headnode.done(&["diff", "before", "mnt/usbkey"]), "");
    headnode.put("mnt/usbkey/banner", b"Joyent");
    headnode.put("mnt/usbkey/extra", b"new");
    let output = headnode.run(&["diff", "before", "mnt/usbkey", "-o", "path,what"]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(lines, ["PATH WHAT", "banner content", "extra only in B"]);
}

#[test]
fn what_is_no_medium_is_refused_and_leaves_nothing_behind() {
    let headnode = Headnode::new();
    fs::create_dir(headnode.path("empty")).unwrap();
    headnode.put("text", &[b'x'; 40_000]);
    let before = fs::read_dir(headnode.root.path()).unwrap().count();
    for (words, code, why) in [
        (&["manifest", "empty"][..], 2, "is the key mounted"),
        (&["manifest", "text"], 2, "text is no image of a key"),
        (&["manifest", "-"], 2, "standard input is empty"),
        (&["manifest", "missing"], 2, "No such file"),
        (&["diff", "-", "-"], 2, "only one of the two"),
        (&["build", "empty", "-o", "x"], 2, "no whole key"),
        (&["build", "mnt/usbkey", "-o", "text"], 3, "stays as it is"),
        (
            &[
                "build",
                "mnt/usbkey",
                "--platform",
                "20990101T000000Z",
                "-o",
                "x",
            ],
            2,
            "has 20260313T002414Z",
        ),
        (
            &[
                "build",
                "mnt/usbkey",
                "--config",
                "mnt/usbkey/config",
                "-o",
                "x",
            ],
            2,
            "no datacenter_name",
        ),
        (
            &[
                "build",
                "mnt/usbkey",
                "--pool",
                "zones",
                "--format",
                "img",
                "-o",
                "x",
            ],
            2,
            "of a boot dataset",
        ),
        (
            &["build", "mnt/usbkey", "--size", "9", "-o", "x"],
            2,
            "of a disk image",
        ),
    ] {
        let output = headnode.run(words);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{words:?}: {}",
            said(&output)
        );
        assert!(said(&output).contains(why), "{words:?}: {}", said(&output));
        assert!(output.stdout.is_empty(), "{words:?}");
    }
    assert_eq!(fs::read_dir(headnode.root.path()).unwrap().count(), before);
}

#[test]
fn a_config_of_another_datacenter_is_refused() {
    let headnode = Headnode::new();
    let other = fs::read_to_string(fixture("usbkey-config.txt")).unwrap();
    headnode.put("west", other.replace("\"coal\"", "west").as_bytes());
    let sysinfo = fixture("sysinfo-cn.json");
    let words = ["config", "--sysinfo", &sysinfo, "--binder", "10.99.99.11"];
    let output = headnode.run(&[&words[..], &["--from", "west"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("datacenter coal, and the config of west"));
    assert!(headnode.done(&words).ends_with("\nhostname=cn2\n"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let headnode = Headnode::new();
    for words in [
        [&["build", "mnt/usbkey"][..], &SMALL].concat(),
        vec!["build", "mnt/usbkey"],
    ] {
        let mut build = headnode
            .tool(&words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(build.stdout.take());
        let output = build.wait_with_output().unwrap();
        assert_eq!(
            (output.status.code(), said(&output).as_str()),
            (Some(0), "")
        );
    }
}

#[test]
fn write_puts_what_differs_on_a_key_and_keeps_what_was_there() {
    let headnode = Headnode::new();
    headnode.put("new/scripts/headnode.sh", b"#!/bin/bash\n# newer\n");
    headnode.put("new/banner", b"Triton");
    let words = ["write", "new", "--to", "mnt/usbkey"];
    let plan = headnode.done(&[&words[..], &["--plan"]].concat());
    assert!(
        plan.contains(r#""files":["scripts/headnode.sh"]"#),
        "{plan}"
    );
    let unasked = headnode.run(&words);
    assert_eq!(unasked.status.code(), Some(3), "{}", said(&unasked));

    let done = headnode.done(&[&words[..], &["--yes"]].concat());
    assert!(done.contains(r#""same":1"#), "{done}");
    let key = |path: &str| fs::read_to_string(headnode.path("mnt/usbkey").join(path)).unwrap();
    assert_eq!(key("scripts/headnode.sh"), "#!/bin/bash\n# newer\n");
    let parked = fs::read_dir(headnode.path("mnt/usbkey")).unwrap().flatten();
    let parked: Vec<PathBuf> = parked
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains("parked-"))
        .collect();
    let old = fs::read_to_string(parked[0].join("scripts/headnode.sh")).unwrap();
    assert_eq!(old, "#!/bin/bash\n");
}

#[test]
fn write_refuses_what_is_no_key() {
    let headnode = Headnode::new();
    headnode.put("new/banner", b"Triton");
    headnode.put("folder/x", b"");
    let words = ["write", "new", "--to", "folder", "--yes"];
    let output = headnode.run(&words);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains(".joyliveusb"), "{}", said(&output));
    assert!(!headnode.path("folder/banner").exists());
}
