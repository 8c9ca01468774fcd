// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! IMGAPI, which keeps images: manifests, and the files that compute nodes install zones from.

mod file;
mod objects;

use std::io::{Read, Write};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::answer::{Answer, Listed, Misread};
use crate::check::{self, Checked};
use crate::error::{ApiError, ErrorKind};
use crate::http::Client;
use crate::paging;
use crate::route::{AnyRoute, Route};

pub use objects::{Compression, Image, ImageFile, ImageState, Ping};

const PING: Route<Ping> = Route::get("Ping", "/ping");
const LIST_IMAGES: Route<Listed<Image>> = Route::list("ListImages", "/images");
const GET_IMAGE: Route<Image> = Route::get("GetImage", "/images/:uuid");
const GET_IMAGE_FILE: Route<()> =
    Route::new("GetImageFile", "GET", "/images/:uuid/file", file_came);
const IMPORT: Route<Image> = Route::post("AdminImportImage", "/images/:uuid").action("import");
// A large image over a slow disk.
const ADD_FILE: Route<Image> = Route::put("AddImageFile", "/images/:uuid/file").minutes(60);
const ACTIVATE: Route<Image> = Route::post("ActivateImage", "/images/:uuid").action("activate");

/// Every call that is made to IMGAPI.
pub const ROUTES: &[&dyn AnyRoute] = &[
    &PING,
    &LIST_IMAGES,
    &GET_IMAGE,
    &GET_IMAGE_FILE,
    &IMPORT,
    &ADD_FILE,
    &ACTIVATE,
];

/// Which images to list; the default is the active ones.
#[derive(Debug, Clone, Default)]
pub struct ImageFilter {
    /// All, whatever their state. Public servers give the active ones even so.
    pub all_states: bool,
    pub name: Option<String>,
    pub version: Option<String>,
    pub owner: Option<Uuid>,
    pub public: Option<bool>,
    /// Where files are stored and other fields for admins. Public servers refuse it.
    pub admin_fields: bool,
}

#[derive(Debug, Clone)]
pub struct Imgapi {
    client: Client,
}

impl Imgapi {
    pub fn new(client: Client) -> Imgapi {
        Imgapi { client }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn ping(&self) -> Result<Ping, ApiError> {
        self.client.send(PING.at(&[]))
    }

    /// All pages, to the end, oldest first.
    pub fn list_images(&self, filter: &ImageFilter) -> Result<Listed<Image>, ApiError> {
        let limit = paging::LARGEST;
        let next = |page: &Listed<Image>| page.last().map(|image| image.uuid);
        let mut all = paging::by_marker(limit, next, |marker| {
            let request = LIST_IMAGES
                .at(&[])
                .query_if("state", filter.all_states.then_some("all"))
                .query_if("name", filter.name.as_ref())
                .query_if("version", filter.version.as_ref())
                .query_if("owner", filter.owner)
                .query_if("public", filter.public)
                .query_if("inclAdminFields", filter.admin_fields.then_some(true))
                .query("limit", limit)
                .query_if("marker", marker)
                .check(check::not_empty("name", filter.name.as_deref()))
                .check(check::not_empty("version", filter.version.as_deref()));
            self.client.send(request)
        })?;
        // A page begins with the image that marks it, and with others published in the same moment.
        let mut seen = std::collections::BTreeSet::new();
        all.items.retain(|image| seen.insert(image.uuid));
        Ok(all)
    }

    pub fn get_image(&self, uuid: Uuid) -> Result<Image, ApiError> {
        self.client.send(GET_IMAGE.at(&[&uuid]))
    }

    /// With the fields for admins: where its files are stored.
    pub fn get_image_for_admins(&self, uuid: Uuid) -> Result<Image, ApiError> {
        self.client
            .send(GET_IMAGE.at(&[&uuid]).query("inclAdminFields", "true"))
    }

    /// Copies an image's file as it arrives and verifies it against the manifest; gives its size. What was written is of no
    /// use when this fails.
    pub fn get_image_file(&self, image: &Image, to: &mut dyn Write) -> Result<u64, ApiError> {
        let request = GET_IMAGE_FILE
            .at(&[&image.uuid])
            .check(match image.files.first() {
                Some(file) => check::sha1_hex("files[0].sha1", &file.sha1),
                None => check::wrong("files", "is empty: the image has no file"),
            });
        let expected = image.files.first().cloned();
        self.client.fetch(request, |body| match &expected {
            Some(expected) => file::copy_verified(body, to, expected),
            None => Err(ErrorKind::Local {
                why: "the image has no file".to_owned(),
            }),
        })
    }

    /// Records a manifest under its own UUID, as `sdc-imgadm import` does. Its origin must be there. Without
    /// `check_owner` an owner that UFDS does not know is taken.
    pub fn import_image(
        &self,
        manifest: &Map<String, Value>,
        check_owner: bool,
    ) -> Result<Image, ApiError> {
        let uuid = manifest
            .get("uuid")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let request = IMPORT
            .at(&[&uuid])
            .query_if("skip_owner_check", (!check_owner).then_some("true"))
            .body(json!(manifest))
            .check(check_manifest(manifest));
        self.client.send(request)
    }

    /// Adds the file of an image that is not yet active.
    pub fn add_file(
        &self,
        uuid: Uuid,
        described: &ImageFile,
        file: impl Read + Send + 'static,
    ) -> Result<Image, ApiError> {
        let request = ADD_FILE
            .at(&[&uuid])
            .query_if("compression", described.compression.as_ref())
            .query("sha1", &described.sha1)
            .query_if("storage", described.stor.as_ref())
            .query_if(
                "dataset_guid",
                described.rest.get("dataset_guid").and_then(Value::as_str),
            )
            .check(check_file(described));
        self.client.send_file(request, file, described.size)
    }

    pub fn activate(&self, uuid: Uuid) -> Result<Image, ApiError> {
        self.client.send(ACTIVATE.at(&[&uuid]))
    }
}

/// IMGAPI asserts on these outside of any try: a bad owner ends its process.
fn check_manifest(manifest: &Map<String, Value>) -> Checked {
    for key in ["uuid", "owner"] {
        check::uuid_text(key, manifest.get(key).unwrap_or(&Value::Null))?;
    }
    for key in ["name", "version", "type", "os"] {
        match manifest.get(key).and_then(Value::as_str) {
            Some(text) if !text.is_empty() => {}
            _ => return check::wrong(key, "must be a string that is not empty"),
        }
    }
    if let Some(origin) = manifest.get("origin") {
        check::uuid_text("origin", origin)?;
    }
    for key in ["public", "disabled"] {
        if manifest.get(key).is_some_and(|value| !value.is_boolean()) {
            return check::wrong(key, "must be true or false");
        }
    }
    Ok(())
}

fn check_file(described: &ImageFile) -> Checked {
    check::sha1_hex("sha1", &described.sha1)?;
    if described.size == 0 {
        return check::wrong("size", "is 0, and IMGAPI takes no empty file");
    }
    match &described.compression {
        None => check::wrong("compression", "is missing"),
        Some(Compression::Unknown(word)) => check::wrong(
            "compression",
            format!("is '{word}', and must be gzip, bzip2, xz or none"),
        ),
        Some(_) => match described.stor.as_deref() {
            None | Some("local" | "manta") => Ok(()),
            Some(other) => {
                check::wrong("stor", format!("is '{other}', and must be local or manta"))
            }
        },
    }
}

/// For recorded exchanges; a live file is copied, never held.
fn file_came(answer: &Answer) -> Result<(), Misread> {
    if answer.body.is_empty() {
        return Err(Misread::whole("the body is empty"));
    }
    Ok(())
}
