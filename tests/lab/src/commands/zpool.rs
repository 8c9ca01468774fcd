// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `zpool list -Hp -o COLUMNS`.

use std::sync::Arc;

use crate::call::Call;
use crate::lab::Lab;

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    let columns = match call.args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list", "-Hp", "-o", columns] | ["list", "-Hp", "-o", columns, "zones"] => {
            columns.to_owned()
        }
        _ => return call.fail(2, "usage: list [-Hp] [-o property[,...]] [pool] ..."),
    };
    let size = lab
        .dc()
        .hosts
        .get(&call.host)
        .map_or(0, |host| host.pool_size);
    let cell = |column: &str| match column {
        "name" => "zones".to_owned(),
        "size" => size.to_string(),
        "alloc" | "allocated" => (size / 10).to_string(),
        "free" => (size - size / 10).to_string(),
        "health" => "ONLINE".to_owned(),
        _ => "-".to_owned(),
    };
    let cells: Vec<String> = columns.split(',').map(cell).collect();
    call.out(format!("{}\n", cells.join("\t")));
    0
}
