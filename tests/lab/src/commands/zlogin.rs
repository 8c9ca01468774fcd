// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `zlogin -Q ZONE COMMAND`: the few programs that the product runs inside core zones.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use crate::call::Call;
use crate::lab::Lab;
use crate::model::MorayObject;
use crate::{http, physics};

/// Where node-moray's tools lie in a moray zone.
const MORAY_TOOLS: &str = "/opt/smartdc/moray/node_modules/moray/bin/";

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    let words: Vec<String> = call
        .args
        .iter()
        .filter(|arg| *arg != "-Q")
        .cloned()
        .collect();
    let Some((zone, command)) = words.split_first() else {
        return call.fail(2, "usage: zlogin [ -dnQCES ] zonename [command [args...] ]");
    };
    let role = zone.parse::<Uuid>().ok().and_then(|zone| {
        let dc = lab.dc();
        let vm = dc.hosts.get(&call.host)?.vms.get(&zone)?;
        (vm.state == "running").then(|| (zone, vm.role().unwrap_or_default().to_owned()))
    });
    let Some((zone, role)) = role else {
        return call.fail(1, format!("zlogin: zone '{zone}' unknown, or not running"));
    };
    // zlogin joins its words and hands them to a shell in the zone: take the line apart as that would.
    let words = shell_words(&command.join(" "));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // A tool may be started by its own node, with variables set before.
    let words: Vec<&str> = words
        .into_iter()
        .skip_while(|word| {
            word.ends_with("/env") || word.contains("=") || word.ends_with("/bin/node")
        })
        .collect();
    match words[..] {
        [tool, ref args @ ..] if tool.starts_with(MORAY_TOOLS) && role == "moray" => {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            moray(lab, call, &tool[MORAY_TOOLS.len()..], &args)
        }
        ["/usr/bin/curl", .., url] if role == "cloudapi" => curl(lab, call, zone, url),
        [tool, "check-files", ..] if tool.ends_with("/imgapiadm") && role == "imgapi" => {
            check_files(lab, call, zone)
        }
        [program, ..] => {
            let line = format!("/bin/sh: {program}: not found");
            call.fail(127, line)
        }
        [] => 0,
    }
}

/// Words of a line as a POSIX shell splits it, for the quotes that the product writes.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let into = word.get_or_insert_default();
                into.extend(chars.by_ref().take_while(|c| *c != '\''));
            }
            '"' => {
                let into = word.get_or_insert_default();
                into.extend(chars.by_ref().take_while(|c| *c != '"'));
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// getobject, putobject and delobject of node-moray.
fn moray(lab: &Arc<Lab>, call: &mut Call, tool: &str, args: &[String]) -> i32 {
    let mut options = std::collections::BTreeMap::new();
    let mut plain = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "-s" => {}
            "-d" | "-e" => {
                options.insert(arg.as_str(), rest.next().cloned().unwrap_or_default());
            }
            other => plain.push(other.to_owned()),
        }
    }
    let [bucket, key] = &plain[..] else {
        return call.fail(2, format!("usage: {tool} [OPTIONS] BUCKET KEY"));
    };
    let now = lab.now_ms();
    let absent = format!("ObjectNotFoundError: {bucket}::{key} does not exist");
    match tool {
        "getobject" => {
            let found = lab
                .dc()
                .moray
                .get(bucket, key)
                .map(|object| shown(bucket, key, object));
            match found {
                Some(text) => {
                    call.out(format!("{text}\n"));
                    0
                }
                None => call.fail(1, absent),
            }
        }
        "putobject" => {
            let Ok(value) = serde_json::from_str(options.get("-d").map_or("{}", String::as_str))
            else {
                return call.fail(1, "SyntaxError: Unexpected token in JSON");
            };
            if let Some(expected) = options.get("-e") {
                let etag = lab
                    .dc()
                    .moray
                    .get(bucket, key)
                    .map(|object| object.etag.clone());
                if etag.as_ref() != Some(expected) {
                    let was = etag.unwrap_or_else(|| "null".to_owned());
                    let line = format!(
                        "EtagConflictError: {bucket}::{key} was expected to have etag \"{expected}\", but was \"{was}\""
                    );
                    return call.fail(1, line);
                }
            }
            lab.dc().moray.put(bucket, key, value, now);
            0
        }
        "delobject" => {
            let gone = lab.dc().moray.delete(bucket, key);
            if gone.is_some() {
                0
            } else {
                call.fail(1, absent)
            }
        }
        other => call.fail(127, format!("/bin/sh: {other}: not found")),
    }
}

fn shown(bucket: &str, key: &str, object: &MorayObject) -> String {
    json!({
        "bucket": bucket, "key": key, "value": object.value, "_id": object.id, "_etag": object.etag,
        "_mtime": object.mtime,
    })
    .to_string()
}

/// What the zone's own haproxy passes on to cloudapi.
fn curl(lab: &Arc<Lab>, call: &mut Call, zone: Uuid, url: &str) -> i32 {
    let path = url
        .splitn(4, '/')
        .nth(3)
        .map(|path| format!("/{path}"))
        .unwrap_or_default();
    let ip = {
        let dc = lab.dc();
        dc.hosts
            .get(&call.host)
            .and_then(|host| host.vms.get(&zone))
            .and_then(|vm| vm.admin_ip())
    };
    match ip.map(|ip| http::get((ip, 80).into(), "127.0.0.1", &path)) {
        Some(Ok((_, body))) => {
            call.out(body);
            0
        }
        _ => call.fail(
            7,
            "curl: (7) Failed to connect to 127.0.0.1 port 443: Connection refused",
        ),
    }
}

/// imgapiadm compares size (and without `-s` content) of each locally stored file with its manifest; it exits with the number
/// of images at fault.
fn check_files(lab: &Arc<Lab>, call: &mut Call, zone: Uuid) -> i32 {
    let images: Vec<(String, Option<u64>)> = {
        let dc = lab.dc();
        let all = dc.moray.list("imgapi_images").into_iter();
        all.filter(|image| image.value["files"][0]["stor"] == "local")
            .map(|image| {
                let uuid = image.value["uuid"].as_str().unwrap_or_default().to_owned();
                (uuid, image.value["files"][0]["size"].as_u64())
            })
            .collect()
    };
    let Some(files) = physics::zone_files(lab, &call.host, zone) else {
        return call.fail(1, "imgapiadm: error: no dataset is mounted on /data");
    };
    let mut bad = 0;
    for (uuid, size) in images {
        let path = files
            .join("imgapi/images")
            .join(&uuid[..3])
            .join(&uuid)
            .join("file0");
        let found = std::fs::metadata(path).map(|found| found.len()).ok();
        if found != size {
            let found = found.map_or("no file".to_owned(), |bytes| format!("{bytes} bytes"));
            call.out(format!(
                "Image: {uuid}\nState: error\nReason: {found}\nSee: the manifest\n"
            ));
            bad += 1;
        }
    }
    bad
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_line_comes_apart_as_a_shell_takes_it() {
        assert_eq!(
            shell_words(r#"a 'b c' d\'e '' "f g""#),
            ["a", "b c", "d'e", "", "f g"]
        );
    }
}
