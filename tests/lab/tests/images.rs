// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Images travel between headnodes as they really do: by IMGAPI, found by name, with its files, origin first.

// What the tests share is test code too, though clippy sees only the tests themselves as such.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Output;

use lab::running::{Options, Running};
use lab::world::id;

struct Scene {
    lab: Running,
    _temp: tempfile::TempDir,
}

fn scene() -> Scene {
    let temp = tempfile::Builder::new()
        .prefix("images ")
        .tempdir()
        .unwrap();
    let product = temp.path().join("product");
    std::fs::create_dir_all(product.join("bin")).unwrap();
    let mut options = Options::new(temp.path().join("lab"), product);
    options.timings.scale = 0.01;
    let lab = Running::start(&options).unwrap_or_else(|error| panic!("{error}"));
    Scene { lab, _temp: temp }
}

impl Scene {
    fn run(&self, host: &str, script: &str) -> Output {
        self.lab.script(host, script, b"").unwrap()
    }

    #[track_caller]
    fn fails(&self, host: &str, script: &str, words: &str) {
        let output = self.run(host, script);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{script} succeeded");
        assert!(said.contains(words), "{script}: {said}");
    }
}

#[test]
fn an_image_comes_from_imgapi_while_that_answers_and_has_its_file() {
    let scene = scene();
    let (cloudapi, vmapi) = (id("image cloudapi"), id("image vmapi"));
    let get = format!("imgadm get {cloudapi}");
    assert_eq!(scene.run("headnode2", &get).status.code(), Some(3));
    let import = scene.run("headnode2", &format!("imgadm import -q {cloudapi}"));
    let said = String::from_utf8_lossy(&import.stderr).into_owned();
    assert!(import.status.success(), "{said}");
    assert!(scene.run("headnode2", &get).status.success());

    scene.fails(
        "headnode2",
        &format!("imgadm import -q {}", id("image of nobody")),
        "(ActiveImageNotFound)",
    );

    // A file that is not what its manifest says is not installed.
    let file = format!(
        "/zones/{}/root/data/imgapi/images/{}/{vmapi}/file0",
        id("vm imgapi0"),
        &vmapi.to_string()[..3]
    );
    let damaged = scene.run(
        "headnode0",
        &format!("printf x | dd of={file} conv=notrunc"),
    );
    assert!(damaged.status.success());
    let import = format!("imgadm import -q {vmapi}");
    scene.fails("headnode2", &import, "sha1 expected to be");

    scene.lab.kill_host("headnode0").unwrap();
    scene.fails("headnode2", &import, "imgadm import: error");
    assert_eq!(
        scene
            .run("headnode2", &format!("imgadm get {vmapi}"))
            .status
            .code(),
        Some(3)
    );
}
