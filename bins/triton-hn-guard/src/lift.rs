// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `lift`: a server that was declared dead was repaired, and may run again what it has.

use apply::{World, WorldOptions};
use cli::{Common, Exit, Failure, confirm, output};
use documents::Uuid;
use platform::{Canceller, Host};
use quorum::{Fence, copies};
use sync::trust::Trust;

use crate::arguments::Lift;

const PRODUCT: &str = concat!("triton-hn-guard/", env!("CARGO_PKG_VERSION"));

pub fn run(common: &Common, arguments: &Lift) -> Result<Exit, Failure> {
    let host = Host::local(&common.root);
    let fence = known(&host, &arguments.server)?;
    let question = format!(
        "{fence} is lifted. Of these, {} runs the old ones again beside the new ones if it still has them:\n{}lift it?",
        fence.hostname,
        fence
            .replaced
            .iter()
            .map(|vm| format!("  {} ({}), replaced by {}\n", vm.alias, vm.old, vm.new))
            .collect::<String>()
    );
    confirm::confirm(&question, arguments.yes)?;
    let options = WorldOptions {
        root: common.root.clone(),
        product: PRODUCT.to_owned(),
        urls: Vec::new(),
        canceller: Canceller::new(),
        known: Default::default(),
    };
    let world = World::here(options, Uuid::new_v4()).map_err(Failure::failed)?;
    let peers = Trust::of(&host).peers().map_err(Failure::failed)?;
    let keepers: Vec<Uuid> = peers
        .iter()
        .map(|peer| peer.server)
        .filter(|server| *server != fence.server)
        .collect();
    let (lifted, failed) =
        apply::lift(&world, fence.server, PRODUCT, &keepers).map_err(Failure::refused)?;
    output::json_line(&lifted)?;
    for why in &failed {
        tracing::error!(
            "a copy of the fence still stands: {why}; lift it again when that headnode answers"
        );
    }
    Ok(match failed.is_empty() {
        true => Exit::Done,
        false => Exit::Partial,
    })
}

/// The standing fence of a server, by this headnode's copies.
fn known(host: &Host, server: &str) -> Result<Fence, Failure> {
    let mut all = copies::all(host).map_err(Failure::failed)?;
    all.retain(Fence::stands);
    let names: Vec<String> = all.iter().map(|fence| fence.hostname.clone()).collect();
    let found = all
        .into_iter()
        .find(|fence| fence.hostname == server || fence.server.to_string() == server);
    found.ok_or_else(|| {
        Failure::bad(format!(
            "no server \"{server}\" is declared dead by what this headnode knows; {}",
            match names.as_slice() {
                [] => "none is".to_owned(),
                names => format!("declared dead: {}", names.join(", ")),
            }
        ))
    })
}
