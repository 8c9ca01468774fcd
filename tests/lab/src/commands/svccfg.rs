// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `svccfg import MANIFEST`: what SMF checks of a manifest before it takes it over. Its services start with the next boot.

use std::fs;
use std::sync::Arc;

use crate::call::Call;
use crate::lab::Lab;

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    let args = call.args.clone();
    let [verb, path] = &args[..] else {
        return call.fail(2, "svccfg: the lab knows only svccfg import MANIFEST");
    };
    if verb != "import" {
        return call.fail(2, "svccfg: the lab knows only svccfg import MANIFEST");
    }
    let text = fs::read_to_string(lab.host_path(&call.host, path)).unwrap_or_default();
    match text.contains("<service_bundle ") && text.trim_end().ends_with("</service_bundle>") {
        true => 0,
        false => call.fail(1, format!("svccfg: couldn't parse document \"{path}\"")),
    }
}
