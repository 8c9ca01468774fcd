// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a sync would send, without taking a snapshot: sizes are what was written since the last restore point.

use std::collections::BTreeMap;

use documents::Uuid;

use crate::error::SyncError;
use crate::images;
use crate::names;
use crate::pull;
use crate::results::{DatasetPreview, How, PREVIEW_KIND, Preview};
use crate::run::Services;
use crate::snapshots::{self, Base};
use crate::transport::{Pool, Source};

pub fn of(
    source: &dyn Source,
    pool: &dyn Pool,
    services: &Services,
    admin: Option<Uuid>,
) -> Result<Preview, SyncError> {
    let zones = pull::core_zones(source.zones()?, admin);
    let needed = images::needed(&zones, &source.images()?);
    let mut wanted = pull::wanted(&zones, services);
    wanted.sort_by(|a, b| (a.importance, &a.service, a.vm).cmp(&(b.importance, &b.service, b.vm)));
    let datasets: Vec<String> = wanted.iter().map(|w| names::delegate(w.vm)).collect();
    let (theirs, sizes, copies) = if wanted.is_empty() {
        Default::default()
    } else {
        let copies = pool.copies(source.server())?.unwrap_or_default().copies;
        (
            source.snapshots(&datasets)?,
            source.sizes(&datasets)?,
            copies,
        )
    };
    let mut previews = Vec::new();
    for (wanted, dataset) in wanted.into_iter().zip(&datasets) {
        let there: Vec<_> = theirs
            .iter()
            .filter(|snapshot| snapshot.dataset == *dataset)
            .cloned()
            .collect();
        let name = names::copy(source.server(), wanted.vm);
        let copy = copies.iter().find(|copy| copy.dataset == name);
        let mut preview = DatasetPreview {
            vm: wanted.vm,
            service: wanted.service,
            importance: wanted.importance,
            how: How::Full,
            base: None,
            bytes: sizes.get(dataset).copied().unwrap_or_default(),
            why: None,
        };
        match snapshots::base(&there, copy) {
            _ if copy.is_some_and(|copy| copy.resume.is_some()) => {
                preview.how = How::Resume;
                preview.why = Some("a receive was cut off and goes on first".to_owned());
            }
            Base::Nothing => (),
            Base::From(base) => {
                let there = there.iter().find(|snapshot| snapshot.guid == base.guid);
                let name = there.map_or(base.name.as_str(), |snapshot| snapshot.name.as_str());
                let named = BTreeMap::from([(dataset.clone(), name.to_owned())]);
                let since = source.since(&named)?;
                preview.bytes = since.first().map_or(0, |since| since.written);
                preview.base = Some(base.name.clone());
                preview.how = match preview.bytes {
                    0 => How::Nothing,
                    _ => How::Incremental,
                };
            }
            Base::Diverged(why) => {
                preview.how = How::Anew;
                preview.why = Some(why);
            }
        }
        previews.push(preview);
    }
    Ok(Preview {
        kind: PREVIEW_KIND,
        source: source.hostname().to_owned(),
        server: source.server(),
        datasets: previews,
        images: images::missing(pool, &needed)?,
        why: None,
    })
}

/// A source of which nothing can be said.
pub fn failed(hostname: &str, server: Uuid, error: &SyncError) -> Preview {
    Preview {
        kind: PREVIEW_KIND,
        source: hostname.to_owned(),
        server,
        datasets: Vec::new(),
        images: Vec::new(),
        why: Some(error.to_string()),
    }
}
