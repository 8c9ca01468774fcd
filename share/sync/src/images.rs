// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Images that the source's core zones need, and that this headnode lacks: installed while IMGAPI is up, since a restore may
//! have to do without it.

use std::collections::BTreeSet;

use documents::Uuid;
use serde_json::Value;
use tracing::info;

use crate::error::SyncError;
use crate::results::ImageResult;
use crate::transport::Pool;

/// Manifests of the images of these zones and of the images they are made from, origins first. `zones` are VM records.
pub fn needed(zones: &[Value], manifests: &[Value]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let mut needed = Vec::new();
    for zone in zones {
        let mut chain = Vec::new();
        let mut next = uuid(&zone["image_uuid"]);
        while let Some(image) = next.filter(|image| seen.insert(*image)) {
            let manifest = manifests.iter().find(|m| uuid(&m["uuid"]) == Some(image));
            next = manifest.and_then(|manifest| uuid(&manifest["origin"]));
            chain.extend(manifest.cloned());
        }
        needed.extend(chain.into_iter().rev());
    }
    needed
}

/// Whether all of `needed` are among these.
pub fn are_there(needed: &[Value], here: &[Uuid]) -> bool {
    let mut needed = needed.iter().filter_map(|manifest| uuid(&manifest["uuid"]));
    needed.all(|image| here.contains(&image))
}

/// Installs those of `needed` that are missing here. One that fails is told of, and the rest goes on.
pub fn install(pool: &dyn Pool, needed: &[Value]) -> Result<Vec<ImageResult>, SyncError> {
    let mut here: BTreeSet<Uuid> = pool.images()?.into_iter().collect();
    let mut results = Vec::new();
    for manifest in needed {
        let Some(image) = uuid(&manifest["uuid"]).filter(|image| here.insert(*image)) else {
            continue;
        };
        let name = |field: &str| manifest[field].as_str().unwrap_or_default().to_owned();
        info!(%image, name = name("name"), "installing an image");
        results.push(ImageResult {
            image,
            name: format!("{}@{}", name("name"), name("version")),
            why: pool.import_image(image).err().map(|e| e.to_string()),
        });
    }
    Ok(results)
}

/// Images of `needed` that are not here.
pub fn missing(pool: &dyn Pool, needed: &[Value]) -> Result<Vec<Uuid>, SyncError> {
    let here = pool.images()?;
    Ok(needed
        .iter()
        .filter_map(|manifest| uuid(&manifest["uuid"]))
        .filter(|image| !here.contains(image))
        .collect())
}

fn uuid(value: &Value) -> Option<Uuid> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_origin_comes_before_what_is_made_from_it_and_once_only() {
        let [origin, imgapi, sapi] = [1u128, 2, 3].map(Uuid::from_u128);
        let manifests = [
            json!({"uuid": imgapi, "origin": origin}),
            json!({"uuid": sapi, "origin": origin}),
            json!({"uuid": origin}),
        ];
        let zones = [json!({"image_uuid": imgapi}), json!({"image_uuid": sapi})];
        let order: Vec<Option<Uuid>> = needed(&zones, &manifests)
            .iter()
            .map(|manifest| uuid(&manifest["uuid"]))
            .collect();
        assert_eq!(order, [Some(origin), Some(imgapi), Some(sapi)]);
    }

    #[test]
    fn images_that_are_their_own_origin_or_not_there_do_no_harm() {
        let image = Uuid::from_u128(1);
        let zones = [
            json!({"image_uuid": image}),
            json!({"image_uuid": Uuid::from_u128(9)}),
            json!({}),
        ];
        assert_eq!(
            needed(&zones, &[json!({"uuid": image, "origin": image})]).len(),
            1
        );
    }
}
