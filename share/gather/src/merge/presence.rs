// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Whether a zone that anybody speaks of is there. Its machine is the best witness; a zone that is gone without SAPI's being told
//! was not taken away on purpose.

use documents::Uuid;

use super::instances::{Claim, Heap, Trust, first, seen};
use crate::facts::RawFacts;

/// Where a zone is.
#[derive(PartialEq, Eq)]
pub enum Presence {
    /// On its machine, as far as anybody says.
    There,
    /// Its machine no longer has it, or VMAPI says that it is destroyed; SAPI has it as an instance all the same, and restore data
    /// has what it was made from.
    OnlyOnRecord,
    /// Nobody has it any more.
    Nowhere,
}

pub(super) fn presence(
    raw: &RawFacts,
    heap: &Heap,
    uuid: Uuid,
    claims: &[Claim],
    warnings: &mut Vec<String>,
) -> Presence {
    let has = |trust| claims.iter().any(|claim| claim.trust == trust);
    let name = || {
        let alias = first(claims, |zone| zone.alias.clone());
        alias.unwrap_or_else(|| uuid.to_string())
    };
    let is_destroyed = heap.destroyed.contains(&uuid);
    if has(Trust::Machine) {
        if is_destroyed {
            warnings.push(format!(
                "{} ({uuid}) is destroyed, VMAPI says, but its machine has it",
                name()
            ));
        }
        return Presence::There;
    }
    let server = seen(claims).find_map(|claim| claim.zone.server);
    let looked = server.and_then(|server| raw.machine(server));
    let is_missing = looked.is_some_and(|machine| machine.zones.is_some());
    let on_record = has(Trust::Sapi) || has(Trust::RestoreSapi);
    match (is_destroyed || is_missing, on_record && has(Trust::Restore)) {
        (false, _) => Presence::There,
        (true, true) => {
            warnings.push(format!(
                "{} ({uuid}) is gone from its server, and SAPI still has it as an instance",
                name()
            ));
            Presence::OnlyOnRecord
        }
        // VMAPI tells of a zone before its machine lists it; without restore data there is nothing to make of it.
        (true, false) if !is_destroyed && (has(Trust::Sapi) || has(Trust::Vmapi)) => {
            Presence::There
        }
        (true, false) => {
            if has(Trust::Sapi) {
                warnings.push(format!(
                    "{} ({uuid}) is destroyed, VMAPI says, but SAPI still has its record",
                    name()
                ));
            }
            Presence::Nowhere
        }
    }
}
