#!/usr/bin/env bash
# Which Debian packages the guests are made of, and how to get them without touching this machine's own apt.
#
#   packages.sh versions APT          prints "package version", one a line, sorted
#   packages.sh download APT INTO     fetches them all (.deb files) into the folder INTO
#
# APT is a folder of the rig's own: the sources (this machine's entries with `contrib` added, where OpenZFS is
# kept) and the lists that `apt-get update` makes of them.
set -euo pipefail

verb=$1 apt=$2

cannot() { echo "$*" >&2; exit 3; }

# What builds the kernel, beside the C compiler that a Rust developer has. Unpacked, never installed.
tools=(bc bison cpio flex kmod libfl2 libkmod2 libsigsegv2 m4 make)
# What runs in the guests: programs first, then the libraries they need.
guest=(
    busybox-static bash coreutils kmod mbuffer openssh-client openssh-server pv zfsutils-linux zstd
    libacl1 libattr1 libaudit1 libblkid1 libbsd0 libc6 libcap-ng0 libcap2 libcbor0.8 libcom-err2 libcrypt1 libedit2
    libfido2-1 libgcc-s1 libgcrypt20 libgmp10 libgpg-error0 libgssapi-krb5-2 libk5crypto3 libkeyutils1 libkrb5-3
    libkrb5support0 liblz4-1 liblzma5 libmd0 libmhash2 libnsl2 libnvpair3linux libpam0g libpcre2-8-0 libselinux1
    libssl3 libstdc++6 libsystemd0 libtinfo6 libtirpc3 libudev1 libuuid1 libuutil3linux libwrap0 libzfs4linux
    libzpool5linux libzstd1 zlib1g
)

options=(
    -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$apt/sources"
    -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache"
    -o "Acquire::Languages=none" -o "APT::Sandbox::User=root"
)

# The machine's entries, one-line and deb822 alike, with `contrib` wherever `main` stands alone. Entries of other
# vendors (no `main`, or no Debian suite) are left out: they can only fail or confuse.
sources() {
    local from codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [ -n "$codename" ] || cannot "no rig: this Debian does not say its code name in /etc/os-release"
    rm -rf "$apt/sources"
    mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial"
    for from in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -e "$from" ] || continue
        sed -n -E "/^deb /{ / $codename[^ ]* .*\bmain\b/{ s/\bmain\b/main contrib/; s/(contrib.*) contrib/\1/; p } }" "$from"
    done >"$apt/sources/machine.list"
    for from in /etc/apt/sources.list.d/*.sources; do
        [ -e "$from" ] || continue
        grep -q -E "^Suites:.*\b$codename\b" "$from" || continue
        sed -E '/^Components:/{ /\bcontrib\b/! s/\bmain\b/main contrib/ }' "$from" >"$apt/sources/${from##*/}"
    done
    [ -s "$apt/sources/machine.list" ] || rm "$apt/sources/machine.list"
    [ -n "$(ls "$apt/sources")" ] || cannot "no rig: apt has no source for Debian $codename's main component"
}

# The kernel's source package carries its version in its name; `linux-source` names the current one.
kernel_source() {
    apt-cache "${options[@]}" depends linux-source 2>/dev/null | sed -n 's/^ *Depends: //p' | head -n 1
}

all() {
    local kernel
    kernel=$(kernel_source)
    [ -n "$kernel" ] || cannot "no rig: apt offers no kernel source (linux-source)"
    printf '%s\n' "$kernel" zfs-dkms "${tools[@]}" "${guest[@]}" | sort -u
}

case $verb in
versions)
    sources
    apt-get "${options[@]}" update >"$apt/update.log" 2>&1 ||
        cannot "no rig: apt-get update failed: $(grep -m1 -E '^[EW]:' "$apt/update.log")"
    mapfile -t packages < <(all)
    apt-cache "${options[@]}" policy "${packages[@]}" 2>/dev/null |
        sed -n -E -e 's/^([^ ].*):$/\1/; t name' -e 's/^  Candidate: //; t version' -e 'd' -e ':name; h; d' \
            -e ':version; H; g; s/\n/ /p' >"$apt/versions"
    for package in "${packages[@]}"; do
        grep -q "^$package [^(]" "$apt/versions" || cannot "no rig: apt offers no package $package"
    done
    cat "$apt/versions"
    ;;
download)
    into=$3
    mkdir -p "$into"
    mapfile -t packages < <(all)
    cd "$into"
    apt-get "${options[@]}" download "${packages[@]}" >"$apt/download.log" 2>&1 ||
        cannot "no rig: apt-get download failed: $(grep -m1 -E '^[EW]:' "$apt/download.log")"
    ;;
*)
    echo "packages.sh: versions or download, not $verb" >&2
    exit 2
    ;;
esac
