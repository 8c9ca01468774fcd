// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Files of the world: what lies on a headnode's key, root's ssh keys, and in the zones' datasets.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::boot::copy_key;
use super::{CANARY, PLATFORM, id, images, zones};
use crate::lab::Lab;
use crate::machine::MARKER;
use crate::model::Dc;

/// Writes everything; a lab whose world can't be written says so and goes on, and whoever misses a file will name it.
pub fn furnish(lab: &Arc<Lab>) {
    let hosts: Vec<(String, bool)> = lab
        .dc()
        .hosts
        .values()
        .map(|host| (host.name.clone(), host.headnode))
        .collect();
    for (host, headnode) in &hosts {
        let outcome = datasets(lab, host)
            .and_then(|()| keys(lab, host, &hosts))
            .and_then(|()| match headnode {
                true => usbkey(lab, host),
                false => compute_node(lab, host),
            })
            .and_then(|()| setup_json(lab, host, *headnode))
            .and_then(|()| tools(lab, host));
        if let Err(error) = outcome {
            eprintln!("lab: furnishing {host}: {error}");
        }
    }
}

pub(super) fn write(path: &Path, text: impl AsRef<[u8]>, mode: u32) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// A folder for every dataset, and what the services keep in theirs.
fn datasets(lab: &Lab, host: &str) -> io::Result<()> {
    let stores: Vec<(String, String)> = {
        let dc = lab.dc();
        let found = dc.hosts.get(host);
        let all = found.into_iter().flat_map(|host| host.datasets.iter());
        all.map(|(name, dataset)| (name.clone(), dataset.store.clone()))
            .collect()
    };
    for (name, store) in stores {
        let files = lab.dataset_files(host, &store);
        fs::create_dir_all(&files)?;
        let of = |alias: &str| name == format!("zones/{}/data", id(&format!("vm {alias}")));
        if of("imgapi0") {
            for image in images::names(&lab.dc()) {
                let uuid = id(&format!("image {image}")).to_string();
                let path = files
                    .join("imgapi/images")
                    .join(&uuid[..3])
                    .join(&uuid)
                    .join("file0");
                write(&path, images::file(&image), 0o644)?;
            }
            write(
                &files.join("imgapi/etc/imgapi.config.json"),
                "{\"mode\":\"dc\"}\n",
                0o644,
            )?;
        }
        for alias in ["cloudapi0", "cmon0", "docker0", "ufds0"] {
            if of(alias) {
                write(
                    &files.join("tls/cert.pem"),
                    format!("certificate of {alias}\n"),
                    0o644,
                )?;
                write(
                    &files.join("tls/key.pem"),
                    format!("{CANARY}tls-key-{alias}\n"),
                    0o600,
                )?;
            }
        }
    }
    Ok(())
}

/// Each headnode's key opens root on the others.
fn keys(lab: &Lab, host: &str, hosts: &[(String, bool)]) -> io::Result<()> {
    let public = |name: &str| {
        format!(
            "ssh-ed25519 AAAA{} root@{name}\n",
            id(&format!("key {name}")).simple()
        )
    };
    let host_key = lab.host_path(host, "/var/ssh/ssh_host_ed25519_key.pub");
    write(&host_key, public(&format!("host {host}")), 0o644)?;
    let folder = lab.host_path(host, "/root/.ssh");
    write(
        &folder.join("id_ed25519"),
        format!("{CANARY}private-key-{host}\n"),
        0o600,
    )?;
    write(&folder.join("id_ed25519.pub"), public(host), 0o644)?;
    let others = hosts
        .iter()
        .filter(|(name, headnode)| *headnode && name != host);
    let authorized: String = others.map(|(name, _)| public(name)).collect();
    write(&folder.join("authorized_keys"), authorized, 0o600)
}

fn usbkey(lab: &Lab, host: &str) -> io::Result<()> {
    let (dc, domain, owner, binders, admin_ip) = {
        let dc = lab.dc();
        let binders = zones::binders(&dc).join(",");
        let ip = dc
            .hosts
            .get(host)
            .map(|host| host.admin_ip.to_string())
            .unwrap_or_default();
        (
            dc.name.clone(),
            dc.dns_domain.clone(),
            dc.admin_owner,
            binders,
            ip,
        )
    };
    let config = format!(
        "coal=false\n\
         swap=0.25x\n\
         binder_admin_ips={binders}\n\
         sapi_admin_ips=10.99.99.21\n\
         sapi_domain=sapi.{dc}.{domain}\n\
         assets_admin_ip=10.99.99.50\n\
         region_name='{dc}'\n\
         datacenter_name='{dc}'\n\
         datacenter_company_name=\"Example & Co\"\n\
         datacenter_location='Elsewhere, here'\n\
         admin_nic=00:50:56:00:00:00\n\
         admin_ip={admin_ip}\n\
         admin_netmask=255.255.255.0\n\
         admin_network=10.99.99.0\n\
         dns_resolvers=8.8.8.8,8.8.4.4\n\
         dns_domain={domain}\n\
         root_shadow='{CANARY}root-shadow'\n\
         ufds_is_master=true\n\
         ufds_ldap_root_pw={CANARY}ufds-ldap-root-pw\n\
         ufds_admin_pw={CANARY}ufds-admin-pw\\ 1\n\
         ufds_admin_uuid={owner}\n\
         hostname={host}\n"
    );
    let key = lab.key(host);
    write(&key.join(MARKER), "", 0o644)?;
    write(&key.join("config"), config, 0o600)?;
    write(
        &key.join("config.inc/generic"),
        "initial_script=scripts/headnode.sh\n",
        0o644,
    )?;
    boot_files(&key)?;
    let copy = lab.host_path(host, "/usbkey");
    for (path, text) in EXTRA {
        write(&copy.join("extra").join(path), text, 0o644)?;
    }
    let node_config = node_config(&lab.dc());
    write(&copy.join("extra/joysetup/node.config"), node_config, 0o644)?;
    // headnode.sh has added its firewall rules.
    write(
        &lab.host_path(host, "/var/fw/.default_rules_setup"),
        "2\n",
        0o644,
    )?;
    copy_key(&key, &copy, true)
}

/// Files of `/usbkey/extra`, by names that matter and with contents that nobody looks at.
const EXTRA: [(&str, &str); 6] = [
    ("agents/agents-release-20260312.sh", "# agents\n"),
    ("dockerlogger/dockerlogger.sh", "# dockerlogger\n"),
    ("joysetup/agentsetup.sh", "# agentsetup.sh\n"),
    ("joysetup/cn_tools.tar.gz", "cn_tools"),
    ("joysetup/joysetup.sh", "# joysetup.sh\n"),
    ("sdcadm/sdcadm.sh", SDCADM),
];

const SDCADM: &str = "# the sdcadm that is deployed\n";

const LOADER_CONF: &str = include_str!("../../../fixtures/platform/loader.conf");

/// What a headnode boots from.
fn boot_files(key: &Path) -> io::Result<()> {
    let platform = format!("os/{PLATFORM}/platform/i86pc");
    for path in [
        "boot/loader64.efi",
        "boot/ipxe.lkrn",
        "scripts/headnode.sh",
        "scripts/joysetup.sh",
        "tools.tar.gz",
        "cn_tools.tar.gz",
        "version",
        &format!("{platform}/kernel/amd64/unix"),
        &format!("{platform}/amd64/boot_archive"),
        &format!("{platform}/amd64/boot_archive.hash"),
    ] {
        write(&key.join(path), format!("{path}\n"), 0o644)?;
    }
    write(&key.join("sdcadm-install.sh"), SDCADM, 0o755)?;
    write(&key.join("boot/loader.conf"), LOADER_CONF, 0o644)
}

/// A compute node that may become a headnode has a key, whose loader goes to the network.
fn compute_node(lab: &Lab, host: &str) -> io::Result<()> {
    let dc = lab.dc();
    let node_config = node_config(&dc);
    let customers = dc.hosts.get(host).is_some_and(|host| !host.vms.is_empty());
    drop(dc);
    let path = lab.host_path(host, "/opt/smartdc/config/node.config");
    write(&path, node_config, 0o600)?;
    if customers {
        return Ok(());
    }
    let key = lab.key(host);
    write(&key.join(MARKER), "", 0o644)?;
    for path in ["boot/loader64.efi", "boot/ipxe.lkrn", "version"] {
        write(
            &key.join(path),
            "of the year that it was set up in\n",
            0o644,
        )?;
    }
    let to_network = LOADER_CONF.replace("ipxe=\"false\"", "ipxe=\"true\"");
    write(&key.join("boot/loader.conf"), to_network, 0o644)
}

/// What compute nodes are configured by (shortened).
pub(super) fn node_config(dc: &Dc) -> String {
    let binders = zones::binders(dc).join(",");
    format!(
        "datacenter_name='{}'\ndns_domain='{}'\nassets_admin_ip='10.99.99.50'\nbinder_admin_ips='{binders}'\n",
        dc.name, dc.dns_domain
    )
}

/// headnode.sh links the tools of the sdc zone into the global zone.
fn tools(lab: &Lab, host: &str) -> io::Result<()> {
    let sdc = {
        let dc = lab.dc();
        let mut vms = dc
            .hosts
            .get(host)
            .into_iter()
            .flat_map(|host| host.vms.values());
        vms.find(|vm| vm.role() == Some("sdc")).map(|vm| vm.uuid)
    };
    let Some(sdc) = sdc else { return Ok(()) };
    let link = lab.host_path(host, "/opt/smartdc/sdc");
    if let Some(folder) = link.parent() {
        fs::create_dir_all(folder)?;
    }
    symlink(format!("/zones/{sdc}/root/opt/smartdc/sdc"), link)
}

fn setup_json(lab: &Lab, host: &str, headnode: bool) -> io::Result<()> {
    let node_type = if headnode { "headnode" } else { "computenode" };
    let text = json!({
        "node_type": node_type, "current_state": "setup_complete", "seen_states": ["setup_complete"], "complete": true,
        "last_updated": "2026-02-13T17:20:00Z",
    });
    write(
        &lab.host_path(host, "/var/lib/setup.json"),
        text.to_string(),
        0o400,
    )
}
