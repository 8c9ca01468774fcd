#!/usr/bin/env bash
# Fetches the peers that sync is measured beside, with all they need, as a tree that a guest lays over its own root.
#
#   peers.sh APT WORK OUT
#
# APT is the rig's own apt folder (see packages.sh), WORK is scratch. OUT receives `root/` and `versions`. A peer that can't be
# had is named in `missing`, with why.
set -euo pipefail

apt=$1 work=$2 out=$3
mkdir -p "$work/debs/partial" "$out/root"
: >"$work/status"
: >"$out/versions"
: >"$out/missing"

options=(
    -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$apt/sources"
    -o "Dir::State::Lists=$apt/lists" -o "Dir::State::status=$work/status"
    -o "Dir::Cache=$work/cache" -o "Dir::Cache::archives=$work/debs"
    -o "APT::Sandbox::User=root" -o "Debug::NoLocking=1"
)
if apt-get "${options[@]}" -y --download-only --no-install-recommends install sanoid python3 zfsutils-linux \
    >"$work/apt.log" 2>&1; then
    for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$out/root"; done
    echo "syncoid $(dpkg-deb -f "$work"/debs/sanoid_*.deb Version)" >>"$out/versions"
else
    echo "syncoid: apt: $(grep -m1 -E '^[EW]:' "$work/apt.log")" >>"$out/missing"
fi
if python3 -m pip install --quiet --no-compile --target "$out/root/peers/python" zfs-autobackup >"$work/pip.log" 2>&1; then
    version=$(sed -n 's/^Version: //p' "$out"/root/peers/python/zfs_autobackup-*.dist-info/METADATA)
    echo "zfs_autobackup $version" >>"$out/versions"
else
    echo "zfs_autobackup: pip: $(tail -n1 "$work/pip.log")" >>"$out/missing"
fi
# A guest keeps this in memory.
rm -rf "$out"/root/usr/share/{doc,doc-base,locale,man,info,zoneinfo,bash-completion,lintian,bug} "$out/root/var" \
    "$out/root/usr/share/zsh" "$out/root/usr/lib/x86_64-linux-gnu/gconv"
