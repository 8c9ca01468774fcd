#!/usr/bin/env bash
# Makes the RAM disk that guests boot from.
#
#   image.sh DEBS KERNEL WORK OUT
#
# DEBS holds what packages.sh fetched, KERNEL what kernel.sh built, WORK is scratch. OUT receives `initrd` and the key
# pair `key`, `key.pub` that lets the rig into its guests.
set -euo pipefail

recipe=$(cd "$(dirname "$0")" && pwd)
debs=$1 kernel=$2 work=$3 out=$4
root=$work/root
mkdir -p "$root" "$out"

for deb in "$debs"/*.deb; do
    case ${deb##*/} in
    linux-source* | zfs-dkms* | bc_* | bison_* | cpio_* | flex_* | libfl2_* | libsigsegv2_* | m4_* | make_*) ;;
    *) dpkg-deb -x "$deb" "$root" ;;
    esac
done
# A guest's memory holds all of this: what nobody runs stays out.
(
    cd "$root"
    rm -rf usr/share usr/include usr/lib/python3 lib/systemd usr/lib/systemd etc/systemd etc/init.d etc/zfs/zed.d \
        usr/lib/x86_64-linux-gnu/{gconv,perl*,audit,krb5} usr/lib/dracut usr/src lib/udev usr/lib/zfs-linux \
        usr/bin/{kmod,ssh-argv0,dir,vdir,factor,pinky,mbuffer-touch} sbin/{ztest,zdb,zhack,zinject,zed} usr/sbin/zed
    find . -name '*.a' -delete
    mkdir -p proc sys dev run tmp root etc/rig etc/ssh var/empty lib/modules zones share opt usbkey usr/bin usr/sbin
)
for applet in $("$root/bin/busybox" --list); do
    for folder in bin sbin usr/bin usr/sbin; do
        [ ! -e "$root/$folder/$applet" ] && [ ! -L "$root/$folder/$applet" ] || continue 2
    done
    ln -s /bin/busybox "$root/bin/$applet"
done
ln -sf bash "$root/bin/sh"

# zfs, zpool and ssh are called by way of the shim, wherever a program looks for them.
${RUSTC:-rustc} --edition 2024 --crate-name shim -C opt-level=s -C panic=abort -C strip=symbols \
    -C target-feature=+crt-static -o "$work/shim" "$recipe/shim.rs"
install -D -m 755 "$work/shim" "$root/rig/shim"
mkdir -p "$root/rig/real"
for program in sbin/zfs sbin/zpool usr/bin/ssh; do
    mv "$root/$program" "$root/rig/real/"
    ln -s /rig/shim "$root/$program"
    rm -f "$root/usr/$program"
    ln -sf /rig/shim "$root/usr/${program#usr/}"
done

install -m 644 "$kernel"/modules/* "$root/lib/modules/"
install -m 755 "$recipe/init" "$root/init"
install -m 644 "$recipe/sshd_config" "$root/etc/ssh/sshd_config"
cat >"$root/etc/passwd" <<'END'
root:x:0:0:Super-User:/root:/bin/bash
sshd:x:101:65534::/var/empty:/bin/false
nobody:x:65534:65534::/:/bin/false
END
printf 'root:*:19000:0:99999:7:::\n' >"$root/etc/shadow"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files\n' >"$root/etc/nsswitch.conf"
printf '::sysinit:/bin/true\n::restart:/bin/true\n' >"$root/etc/inittab"
ldconfig -r "$root"

ssh-keygen -q -t ed25519 -N '' -C rig -f "$out/key"
install -m 644 "$out/key.pub" "$root/etc/rig/authorized_keys"
(cd "$root" && find . | LC_ALL=C sort | bin/busybox cpio -o -H newc -R 0:0) >"$out/initrd" 2>"$work/cpio.log"
