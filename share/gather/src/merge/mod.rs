// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Making one inventory of all that was heard. Pure: no command, network or clock. Live APIs are believed first, then the
//! machines themselves, then restore data; contradictions and odd records become warnings, never a crash.

mod instances;
mod nics;
mod points;
mod presence;
mod servers;
mod world;

use documents::Inventory;
use documents::inventory::{Datacenter, KIND, Learnt};
use documents::restore_data::Part;
use serde_json::Map;

use crate::facts::RawFacts;
use crate::record;

pub fn merge(raw: RawFacts) -> Inventory {
    let mut warnings = raw.warnings.clone();
    let dc = datacenter(&raw, &mut warnings);
    let servers = servers::all(&raw, &mut warnings);
    let (instances, other_vms) = instances::all(&raw, dc.admin_owner, &mut warnings);
    instances::warn_of_strays(&instances, &servers, &mut warnings);
    let networks = world::networks(&raw, &mut warnings);
    let services = world::services(&raw);
    let images = world::images(&raw);
    let restore_points = points::existing(&raw, &mut warnings);
    let reserved = world::reserved(&raw, dc.sapi_app);
    let zk_servers = world::zk_servers(&raw);
    let fences = world::fences(&raw);
    let mut sources = raw.sources;
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    warnings.sort();
    warnings.dedup();
    Inventory {
        kind: KIND.to_owned(),
        taken_at: raw.taken_at,
        taken_on: raw.taken_on,
        dc,
        sources,
        servers,
        services,
        instances,
        other_vms,
        networks,
        images,
        restore_points,
        reserved,
        zk_servers,
        fences,
        warnings,
        rest: Map::new(),
    }
}

/// Which datacenter this is: this headnode's configuration, completed by SAPI and by restore data.
fn datacenter(raw: &RawFacts, warnings: &mut Vec<String>) -> Datacenter {
    let kept = raw.kept_newest_first();
    let from_kept = kept.first();
    let config = raw.config.as_ref().map(|config| &config.what);
    let pick = |own: Option<&String>, kept: Option<String>| {
        own.cloned().or(kept.filter(|text| !text.is_empty()))
    };
    let name = pick(
        config.and_then(|c| c.datacenter.as_ref()),
        from_kept.map(|kept| kept.dc.name.clone()),
    )
    .or_else(|| {
        let sysinfo = raw.machine(raw.taken_on)?.sysinfo.as_ref()?;
        sysinfo.datacenter_name.clone()
    });
    let dns_domain = pick(
        config.and_then(|c| c.dns_domain.as_ref()),
        from_kept.map(|kept| kept.dc.dns_domain.clone()),
    );
    let live = raw.sapi.as_ref().and_then(|sapi| sapi.what.application);
    let known = kept.iter().find_map(|kept| {
        let record = kept.part(Part::SapiApplication).next();
        kept.dc
            .sapi_app
            .or_else(|| record.and_then(|file| record::uuid(&file.content, "uuid")))
    });
    if let (Some(live), Some(known)) = (live, known)
        && live != known
    {
        warnings.push(format!(
            "SAPI's application sdc is {live}, and the restore data is of {known}: \
             is this restore data of another datacenter?"
        ));
    }
    for (what, missing) in [
        ("datacenter_name", name.is_none()),
        ("dns_domain", dns_domain.is_none()),
    ] {
        if missing {
            warnings.push(format!(
                "{what} is not known: /usbkey/config does not have it, and no restore data does"
            ));
        }
    }
    let learnt = match (&raw.config, from_kept) {
        (Some(config), _) => Learnt::new(&config.from, config.at),
        (None, Some(kept)) => Learnt::new(&kept.from, kept.taken_at),
        (None, None) => Learnt::new("nobody", raw.taken_at),
    };
    Datacenter {
        name: name.unwrap_or_default(),
        dns_domain: dns_domain.unwrap_or_default(),
        admin_owner: config
            .and_then(|config| config.admin_owner)
            .or_else(|| kept.iter().find_map(|kept| kept.dc.admin_owner)),
        sapi_app: live.or(known),
        learnt,
    }
}
