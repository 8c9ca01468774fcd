// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `reboot`: returns, and the machine goes down a moment later.

use std::sync::Arc;

use crate::call::Call;
use crate::lab::Lab;
use crate::machine;

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    machine::reboot(lab, &call.host);
    0
}
