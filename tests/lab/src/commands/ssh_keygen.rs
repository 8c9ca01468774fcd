// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `ssh-keygen -q -t ed25519 -N '' -C COMMENT -f FILE`: a pair that the lab's ssh takes for one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use crate::call::Call;
use crate::lab::Lab;
use crate::world::CANARY;

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    let words: Vec<&str> = call.args.iter().map(String::as_str).collect();
    let ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file] = words[..] else {
        return call.fail(
            1,
            "the lab knows only ssh-keygen -q -t ed25519 -N '' -C COMMENT -f FILE",
        );
    };
    let (comment, private) = (comment.to_owned(), lab.host_path(&call.host, file));
    let public = private.with_extension("pub");
    let key = Uuid::new_v4().simple();
    let made = write(&private, &format!("{CANARY}private-key-{key}\n"), 0o600).and_then(|()| {
        write(
            &public,
            &format!("ssh-ed25519 AAAA{key} {comment}\n"),
            0o644,
        )
    });
    match made {
        Ok(()) => 0,
        Err(error) => call.fail(1, format!("Saving key failed: {error}")),
    }
}

fn write(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}
