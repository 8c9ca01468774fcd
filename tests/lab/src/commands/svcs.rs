// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `svcs -xvz ZONE`: nothing when all is well, a paragraph per sick service otherwise.

use std::sync::Arc;

use uuid::Uuid;

use crate::call::Call;
use crate::lab::Lab;

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    let zone = match call.args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["-xvz", zone] => zone.parse::<Uuid>().ok(),
        _ => return call.fail(2, "svcs: the lab knows only svcs -xvz ZONE"),
    };
    let running = zone.is_some_and(|zone| {
        let dc = lab.dc();
        dc.hosts
            .get(&call.host)
            .and_then(|host| host.vms.get(&zone))
            .is_some_and(|vm| vm.state == "running")
    });
    let Some(zone) = zone.filter(|_| running) else {
        return call.fail(1, "svcs: no such zone is running");
    };
    if lab
        .zone_root(&call.host, zone)
        .join("var/svc/setup_failed")
        .exists()
    {
        call.out(
            "svc:/smartdc/mdata:execute (Mdata user-script execution)\n State: maintenance\nReason: Start method \
             exited with $SMF_EXIT_ERR_FATAL.\nImpact: This service is not running.\n",
        );
    }
    0
}
