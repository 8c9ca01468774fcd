// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Files of this host: below the alternate root, written as a whole or not at all.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use platform::{Host, SshTarget};

#[test]
fn the_platform_s_paths_lie_below_the_alternate_root() {
    let host = Host::local("/alt root");
    assert_eq!(host.path("/var/sdcadm"), Path::new("/alt root/var/sdcadm"));
    assert_eq!(
        host.path("/var/../../../etc/shadow"),
        Path::new("/alt root/etc/shadow")
    );
    assert_eq!(Host::local("/").path("/usbkey"), Path::new("/usbkey"));
}

#[test]
fn a_file_is_replaced_as_a_whole_and_has_its_mode() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::local(root.path());
    host.make_dir_all("/var/sdcadm/restore data", 0o700)
        .unwrap();
    let folder = root.path().join("var/sdcadm/restore data");
    assert_eq!(
        fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
        0o700
    );

    host.write_atomic("/var/sdcadm/restore data/vm.json", b"old", 0o644)
        .unwrap();
    let old = fs::metadata(folder.join("vm.json")).unwrap().ino();
    host.write_atomic("/var/sdcadm/restore data/vm.json", b"new", 0o600)
        .unwrap();
    let new = fs::metadata(folder.join("vm.json")).unwrap();
    assert_ne!(old, new.ino());
    assert_eq!(new.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        host.read("/var/sdcadm/restore data/vm.json").unwrap(),
        b"new"
    );
    assert_eq!(host.list("/var/sdcadm/restore data").unwrap(), ["vm.json"]);
}

#[test]
fn a_write_that_fails_leaves_the_old_file_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::local(root.path());
    // A folder in the way: the rename fails after the temporary file was written.
    host.make_dir_all("/a/b", 0o755).unwrap();
    let error = host.write_atomic("/a", b"x", 0o600).unwrap_err();
    assert!(error.to_string().starts_with("could not write "), "{error}");
    assert_eq!(host.list("/").unwrap(), ["a"]);
}

#[test]
fn a_file_that_is_not_there_is_told_apart_from_one_that_cannot_be_read() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::local(root.path());
    assert!(host.read("/x").unwrap_err().is_absent());
    assert_eq!(host.read_if_there("/x").unwrap(), None);
    assert!(!host.exists("/x").unwrap());
    host.make_dir_all("/x", 0o755).unwrap();
    assert!(host.exists("/x").unwrap());
    assert!(!host.read_if_there("/x").unwrap_err().is_absent());
}

#[test]
fn files_are_renamed_and_removed() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::local(root.path());
    host.write_atomic("/a", b"x", 0o600).unwrap();
    host.rename("/a", "/b").unwrap();
    assert_eq!(host.list("/").unwrap(), ["b"]);
    host.remove_file("/b").unwrap();
    assert!(host.remove_file("/b").unwrap_err().is_absent());
}

#[test]
fn another_host_s_files_are_not_listed_renamed_or_removed() {
    let host = Host::ssh(SshTarget {
        server_name: "headnode1".to_owned(),
        address: [10, 99, 99, 8].into(),
        identity: None,
        known_hosts: None,
    });
    let error = host.remove_file("/usbkey/config").unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not remove /usbkey/config on headnode1: this is done only on the host that the tool runs on; run the tool there"
    );
    assert!(host.list("/usbkey").is_err());
    assert!(host.rename("/usbkey/config", "/usbkey/other").is_err());
}
