// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `bootparams`: what the loader told the kernel.

use std::sync::Arc;

use crate::call::Call;
use crate::lab::Lab;
use crate::world::PLATFORM;

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    let headnode = {
        let dc = lab.dc();
        match dc.hosts.get(&call.host) {
            Some(host) => host.headnode,
            None => return 1,
        }
    };
    if headnode {
        call.out("headnode=true\n");
    }
    call.out(format!(
        "console=text\nos_console=text\nsmt_enabled=true\nplatform-version={PLATFORM}\n"
    ));
    0
}
