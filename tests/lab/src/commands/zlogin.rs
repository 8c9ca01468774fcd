// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `zlogin -Q ZONE COMMAND`: the few programs that the product runs inside core zones.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use sha1::Digest;
use uuid::Uuid;

use crate::call::Call;
use crate::commands::manatee_adm;
use crate::lab::Lab;
use crate::model::MorayObject;
use crate::{http, physics};

/// What runs a program in a zone, with the words that follow it.
type Program = fn(&Arc<Lab>, &mut Call, Uuid, &[&str]) -> i32;

/// The programs that are there, and the role of the zones that have them.
pub const PROGRAMS: [(&str, &str, Program); 8] = [
    (
        "/opt/smartdc/moray/node_modules/moray/bin/getobject",
        "moray",
        get_object,
    ),
    (
        "/opt/smartdc/moray/node_modules/moray/bin/putobject",
        "moray",
        put_object,
    ),
    (
        "/opt/smartdc/moray/node_modules/moray/bin/delobject",
        "moray",
        delete_object,
    ),
    ("/usr/bin/curl", "cloudapi", curl),
    ("/usr/bin/curl", "cns", curl),
    ("/usr/bin/curl", "prometheus", curl),
    ("/opt/smartdc/imgapi/bin/imgapiadm", "imgapi", check_files),
    (
        "/opt/smartdc/manatee/node_modules/.bin/manatee-adm",
        "manatee",
        manatee_adm::run,
    ),
];

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
    let found = zone.parse::<Uuid>().ok().and_then(|zone| {
        let dc = lab.dc();
        let vm = dc.hosts.get(&call.host)?.vms.get(&zone)?;
        let role = vm.role().unwrap_or_default().to_owned();
        Some((zone, role, vm.state == "running"))
    });
    let (zone, role) = match found {
        Some((zone, role, true)) => (zone, role),
        Some((zone, ..)) => {
            let line =
                format!("zlogin: login allowed only to running zones ({zone} is 'installed').");
            return call.fail(1, line);
        }
        None => return call.fail(1, format!("zlogin: zone '{zone}' unknown")),
    };
    // zlogin joins its words and hands them to a shell in the zone: take the line apart as that would.
    let words = shell_words(&command.join(" "));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // A shell that reads the profile, and then becomes what its further words say.
    let words = match words[..] {
        [
            "/usr/bin/bash",
            "-c",
            ". /root/.bashrc; exec \"$0\" \"$@\"",
            ..,
        ] => words[3..].to_vec(),
        _ => words,
    };
    // A tool may be started by its own node, with variables set before.
    let words: Vec<&str> = words
        .into_iter()
        .skip_while(|word| {
            word.ends_with("/env") || word.contains("=") || word.ends_with("/bin/node")
        })
        .collect();
    let Some((program, rest)) = words.split_first() else {
        return 0;
    };
    let mut programs = PROGRAMS.iter();
    match programs.find(|(path, at, _)| path == program && *at == role) {
        Some((_, _, run)) => run(lab, call, zone, rest),
        None => {
            let line = format!("/bin/sh: {program}: not found");
            call.fail(127, line)
        }
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

/// Bucket and key that a tool of node-moray is called with, and its options that have a value.
struct Asked<'a> {
    tool: &'static str,
    bucket: &'a str,
    key: &'a str,
    options: BTreeMap<&'a str, &'a str>,
}

impl<'a> Asked<'a> {
    fn read(call: &mut Call, tool: &'static str, args: &[&'a str]) -> Result<Asked<'a>, i32> {
        let mut options = BTreeMap::new();
        let mut plain = Vec::new();
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            match *arg {
                "-s" => {}
                "-d" | "-e" => {
                    options.insert(*arg, rest.next().copied().unwrap_or_default());
                }
                other => plain.push(other),
            }
        }
        match plain[..] {
            [bucket, key] => Ok(Asked {
                tool,
                bucket,
                key,
                options,
            }),
            _ => Err(call.fail(1, format!("usage: {tool} [OPTIONS] BUCKET KEY"))),
        }
    }

    /// The tools say their name and the error's message, and nothing of its class.
    fn fails(&self, call: &mut Call, message: impl std::fmt::Display) -> i32 {
        call.fail(1, format!("{}: {message}", self.tool))
    }

    /// The object is not there, or not even its bucket.
    fn absent(&self, lab: &Lab, call: &mut Call) -> i32 {
        let Asked { bucket, key, .. } = *self;
        let known = lab.dc().moray.buckets.contains_key(bucket);
        let message = if known {
            format!("{bucket}::{key} does not exist")
        } else {
            format!("{bucket} does not exist")
        };
        self.fails(call, message)
    }
}

fn get_object(lab: &Arc<Lab>, call: &mut Call, _: Uuid, args: &[&str]) -> i32 {
    let asked = match Asked::read(call, "getobject", args) {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    let object = lab.dc().moray.get(asked.bucket, asked.key).cloned();
    match object {
        Some(object) => {
            call.out(format!("{}\n", shown(asked.bucket, asked.key, &object)));
            0
        }
        None => asked.absent(lab, call),
    }
}

fn put_object(lab: &Arc<Lab>, call: &mut Call, _: Uuid, args: &[&str]) -> i32 {
    let asked = match Asked::read(call, "putobject", args) {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    let Ok(value) = serde_json::from_str(asked.options.get("-d").unwrap_or(&"{}")) else {
        return call.fail(1, "SyntaxError: Unexpected token in JSON");
    };
    let Asked { bucket, key, .. } = asked;
    let now = lab.now_ms();
    // One lock for the comparison and the write: moray does both in one transaction.
    let mut dc = lab.dc();
    if !dc.moray.buckets.contains_key(bucket) {
        drop(dc);
        return asked.absent(lab, call);
    }
    let etag = dc.moray.get(bucket, key).map(|object| object.etag.clone());
    match asked.options.get("-e") {
        Some(expected) if etag.as_deref() != Some(*expected) => {
            drop(dc);
            let was = etag.as_deref().unwrap_or("null");
            let message = format!(
                "{bucket}::{key} was expected to have etag \"{expected}\", but was \"{was}\""
            );
            asked.fails(call, message)
        }
        _ => {
            dc.moray.put(bucket, key, value, now);
            0
        }
    }
}

fn delete_object(lab: &Arc<Lab>, call: &mut Call, _: Uuid, args: &[&str]) -> i32 {
    let asked = match Asked::read(call, "delobject", args) {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    let gone = lab.dc().moray.delete(asked.bucket, asked.key);
    match gone {
        Some(_) => 0,
        None => asked.absent(lab, call),
    }
}

fn shown(bucket: &str, key: &str, object: &MorayObject) -> String {
    let shown = json!({
        "bucket": bucket, "key": key, "value": object.value, "_id": object.id, "_etag": object.etag,
        "_mtime": object.mtime, "_txn_snap": null, "_count": null,
    });
    format!("{shown:#}")
}

/// Asks a server of the zone itself; cloudapi's is behind the zone's haproxy.
fn curl(lab: &Arc<Lab>, call: &mut Call, zone: Uuid, args: &[&str]) -> i32 {
    let url = args.last().copied().unwrap_or_default();
    let mut parts = url.splitn(4, '/').skip(2);
    let (server, path) = (parts.next().unwrap_or_default(), parts.next());
    let path = path.map(|path| format!("/{path}")).unwrap_or_default();
    let port = server
        .split_once(':')
        .and_then(|(_, port)| port.parse().ok());
    let fails_on_errors = args
        .iter()
        .any(|arg| arg.starts_with('-') && !arg.starts_with("--") && arg.contains('f'));
    let ip = {
        let dc = lab.dc();
        dc.hosts
            .get(&call.host)
            .and_then(|host| host.vms.get(&zone))
            .and_then(|vm| vm.admin_ip())
    };
    match ip.map(|ip| http::get((ip, port.unwrap_or(80)).into(), "127.0.0.1", &path)) {
        Some(Ok((status, _))) if fails_on_errors && status >= 400 => {
            let line = format!("curl: (22) The requested URL returned error: {status}");
            call.fail(22, line)
        }
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
fn check_files(lab: &Arc<Lab>, call: &mut Call, zone: Uuid, args: &[&str]) -> i32 {
    if args.first() != Some(&"check-files") {
        return call.fail(1, "imgapiadm: error: the lab knows only check-files");
    }
    let simple = args.contains(&"-s");
    let images: Vec<Value> = {
        let dc = lab.dc();
        let all = dc.moray.list("imgapi_images").into_iter();
        let all = all.map(|image| image.value.clone());
        all.filter(|image| image["files"][0]["stor"] == "local")
            .collect()
    };
    let Some(files) = physics::zone_files(lab, &call.host, zone) else {
        return call.fail(1, "imgapiadm: error: no dataset is mounted on /data");
    };
    let mut bad = 0;
    for image in images {
        let uuid = image["uuid"].as_str().unwrap_or_default();
        let folder = files.join("imgapi/images").join(&uuid[..3]);
        let path = folder.join(uuid).join("file0");
        if let Some(reason) = fault(&path, &image["files"][0], simple) {
            call.out(format!(
                "Image: {uuid}\nState: error\nReason: {reason}\nSee: the manifest\n"
            ));
            bad += 1;
        }
    }
    bad
}

/// How an image's file differs from what its manifest says.
fn fault(path: &Path, manifest: &Value, simple: bool) -> Option<String> {
    let Ok(content) = std::fs::read(path) else {
        return Some("no file".to_owned());
    };
    if manifest["size"].as_u64() != u64::try_from(content.len()).ok() {
        return Some(format!("{} bytes", content.len()));
    }
    let digest = sha1::Sha1::digest(&content);
    let sum: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let differs = !simple && manifest["sha1"] != sum.as_str();
    differs.then(|| format!("sha1 {sum}"))
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
