#!/usr/bin/env bash
# Builds the guests' kernel and ZFS modules.
#
#   kernel.sh DEBS WORK OUT
#
# DEBS holds what packages.sh fetched, WORK is scratch (1 GB, worth nothing afterwards), OUT receives `linux`, an
# ordinary program, and `modules/` with the stripped modules and `order`, the order to load them in.
set -euo pipefail

recipe=$(cd "$(dirname "$0")" && pwd)
debs=$1 work=$2 out=$3
mkdir -p "$work" "$out/modules"
jobs=$(nproc)
started=$SECONDS
stage() { echo "rig: $((SECONDS - started)) s: $*"; }

stage "unpacking the sources"
mkdir -p "$work/tools" "$work/packages"
for deb in "$debs"/*.deb; do
    case ${deb##*/} in
    linux-source* | zfs-dkms*) dpkg-deb -x "$deb" "$work/packages" ;;
    bc_* | bison_* | cpio_* | flex_* | kmod_* | libfl2_* | libkmod2_* | libsigsegv2_* | m4_* | make_*)
        dpkg-deb -x "$deb" "$work/tools" ;;
    esac
done
# The tools run from where they lie: nothing is installed on this machine.
ln -sf kmod "$work/tools/bin/modinfo"
export PATH="$work/tools/usr/bin:$work/tools/bin:$PATH"
export LD_LIBRARY_PATH="$work/tools/usr/lib/x86_64-linux-gnu:$work/tools/lib/x86_64-linux-gnu"
export M4="$work/tools/usr/bin/m4" BISON_PKGDATADIR="$work/tools/usr/share/bison"

# Only what a UML build reads: other processors' code stays packed. (Their Kconfig files are read by name.)
mkdir -p "$work/linux"
tarball=$(echo "$work"/packages/usr/src/linux-source-*.tar.xz)
top=$(basename "$tarball" .tar.xz)
left_out=(--exclude="$top/tools/testing/*" --exclude="$top/Documentation/*/*")
for arch in alpha arc arm arm64 csky hexagon ia64 loongarch m68k microblaze mips nios2 openrisc parisc powerpc riscv \
    s390 sh sparc xtensa; do
    left_out+=(--exclude="$top/arch/$arch/*.[chS]" --exclude="$top/arch/$arch/*.dts*")
done
tar -C "$work/linux" -xf "$tarball" --strip-components=1 "${left_out[@]}"
cp -a "$work"/packages/usr/src/zfs-2* "$work/zfs"

stage "configuring the kernel"
export ARCH=um KBUILD_BUILD_USER=rig KBUILD_BUILD_HOST=rig
cd "$work/linux"
make -s KCONFIG_ALLCONFIG="$recipe/kernel.config" allnoconfig
release=$(make -s kernelrelease)

stage "compiling Linux $release for user mode"
make -s -j"$jobs" linux modules >"$work/kernel.log" 2>&1 || {
    tail -n 30 "$work/kernel.log" >&2
    exit 1
}

stage "fitting ZFS to user mode"
cd "$work/zfs"
# User mode has no kernel-side saving of vector registers, so every SIMD path goes: the headers that choose them...
sed -i 's/^#if defined(__x86)$/#if defined(__x86) \&\& !defined(CONFIG_UML)/' \
    include/os/linux/kernel/linux/simd.h include/os/linux/kernel/linux/simd_x86.h
sed -i 's/defined(__x86_64)/(defined(__x86_64) \&\& !defined(CONFIG_UML))/' \
    module/icp/algs/aes/aes_impl.c module/icp/include/aes/aes_impl.h module/icp/algs/modes/gcm.c
sed -i 's/defined(__x86_64__) && defined(HAVE_AVX)/!defined(CONFIG_UML) \&\& &/' module/icp/include/modes/modes.h
# ...and UML renames setjmp in C only; lua's assembler file has to follow.
sed -i '/^\$(MODULE)-objs += setjmp\/setjmp.o/a asflags-y += -Dsetjmp=kernel_setjmp -Dlongjmp=kernel_longjmp' \
    module/lua/Makefile.in
./configure --prefix=/usr --with-config=kernel --with-linux="$work/linux" --with-linux-obj="$work/linux" \
    >"$work/zfs.log" 2>&1 || {
    tail -n 30 "$work/zfs.log" >&2
    exit 1
}
# ...and what configure found the compiler able to do.
sed -i -E 's,^#define HAVE_(SSE[0-9_]*|SSSE3|AVX[0-9A-Z]*|AES|PCLMULQDQ|MOVBE|BMI2|XSAVE[A-Z]*|SIMD) 1$,/* not in user mode: HAVE_\1 */,' \
    zfs_config.h

stage "compiling ZFS"
make -s -j"$jobs" >>"$work/zfs.log" 2>&1 || {
    tail -n 30 "$work/zfs.log" >&2
    exit 1
}

stage "collecting"
strip -o "$out/linux" "$work/linux/linux"
# Modules in the order of their needs.
: >"$out/modules/order"
take() {
    local module=$1 file need
    file=$(find "$work/zfs/module" -maxdepth 2 -name "$module.ko")
    [ -n "$file" ] && [ ! -e "$out/modules/$module.ko" ] || return 0
    for need in $(modinfo -F depends "$file" | tr , ' '); do take "$need"; done
    strip --strip-debug -o "$out/modules/$module.ko" "$file"
    echo "$module.ko" >>"$out/modules/order"
}
take zfs
[ -e "$out/modules/zfs.ko" ] || { echo "rig: the ZFS build left no zfs.ko; see $work/zfs.log" >&2; exit 1; }
echo "$release" >"$out/release"
stage "done"
