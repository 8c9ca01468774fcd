#!/bin/sh
# This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
# If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
#
# vmadm, zfs, zlogin and sysinfo of a headnode whose state is files in the folder `state` beside this script. Kills its parent
# with SIGKILL where the file `kill` (`CALL before|middle|after`) says: before the call has its effect, while `vmadm create`
# is at work, or after. Where there is a file `interrupt`, `vmadm create` has the run interrupted while it is at work.

here=${0%/*}
state=$here/state
command=${0##*/}
for last; do :; done

count=$(($(cat "$here/count" 2>/dev/null || echo 0) + 1))
echo $count > "$here/count"
echo "$command $*" >> "$here/calls"
at='' when=''
test -f "$here/kill" && read -r at when < "$here/kill"

killed() {
    if [ "$count" = "$at" ] && [ "$when" = "$1" ]; then
        rm "$here/kill"
        kill -9 $PPID
    fi
}

# The run takes the file `interrupt` away once it was interrupted; a run that is not there any more never does.
interrupted() {
    test -f "$here/interrupt" && : > "$here/interrupt-now"
    while test -f "$here/interrupt" && kill -0 $PPID; do sleep 0.01; done
}

fail() {
    echo "$1" >&2
    exit 1
}

# A dataset or snapshot as one name of a file.
file() {
    echo "$1" | tr / +
}

property() {
    cat "$state/zfs/$1/$2" 2>/dev/null || echo "$3"
}

do_zfs() {
    case "$*" in
    "list -Hp -t snapshot"*@*)
        guid=$(cat "$state/snap/$(file "$last")" 2>/dev/null) || fail "cannot open '$last': dataset does not exist"
        printf '%s\t%s\t1\t0\t0\t\n' "$last" "$guid";;
    "list -Hp -t snapshot"*)
        test -d "$state/zfs/$(file "$last")" || fail "cannot open '$last': dataset does not exist"
        for one in "$state/snap/$(file "$last")@"*; do
            test -f "$one" && printf '%s@%s\t%s\t1\t0\t0\t\n' "$last" "${one##*@}" "$(cat "$one")"
        done
        true;;
    "list "*)
        of=$(file "$last")
        test -d "$state/zfs/$of" || fail "cannot open '$last': dataset does not exist"
        printf '%s\tfilesystem\t7\t1\t2\t3\t4\t0\t%s\t/data\tno\ton\t%s\t%s\t-\n' \
            "$last" "$(property "$of" origin -)" "$(property "$of" readonly off)" "$(property "$of" zoned off)";;
    "get "*)
        test -d "$state/zfs/$(file "$last")" || fail "cannot open '$last': dataset does not exist"
        printf '%s\tcompression\tlz4\tlocal\n' "$last"
        printf '%s\tmountpoint\t/zones/x\tinherited from zones\n' "$last";;
    "rename "*)
        test -e "$state/zfs/$(file "$3")" && fail "cannot rename '$2': dataset already exists"
        mv "$state/zfs/$(file "$2")" "$state/zfs/$(file "$3")" || exit 1;;
    "clone "*)
        shift
        into=$state/new
        rm -rf "$into" && mkdir "$into"
        while [ "$1" = -o ]; do
            echo "${2#*=}" > "$into/${2%%=*}"
            shift 2
        done
        test -e "$state/zfs/$(file "$2")" && fail "cannot create '$2': dataset already exists"
        echo "$1" > "$into/origin"
        mv "$into" "$state/zfs/$(file "$2")";;
    "set "*) echo "${2#*=}" > "$state/zfs/$(file "$3")/${2%%=*}";;
    *) fail "zfs: unexpected: $*";;
    esac
}

do_vmadm() {
    case "$*" in
    "get "*)
        test -d "$state/vm/$2" || fail "zoneadm: $2: No such zone configured"
        printf '{"uuid":"%s","alias":"%s","state":"%s","datasets":["zones/%s/data"]}\n' \
            "$2" "$(cat "$state/vm/$2/alias")" "$(cat "$state/vm/$2/state")" "$2";;
    create)
        payload=$(cat)
        uuid=$(echo "$payload" | sed 's/.*"uuid":"\([^"]*\)".*/\1/')
        test -d "$state/vm/$uuid" && fail "VM already exists"
        mkdir -p "$state/vm/$uuid"
        echo "$payload" | sed 's/.*"alias":"\([^"]*\)".*/\1/' > "$state/vm/$uuid/alias"
        echo "$payload" > "$state/vm/$uuid/payload"
        echo provisioning > "$state/vm/$uuid/state"
        killed middle
        interrupted
        mkdir "$state/zfs/zones+$uuid+data"
        echo stopped > "$state/vm/$uuid/state"
        echo "Successfully created VM $uuid" >&2;;
    "start "*) echo running > "$state/vm/$2/state";;
    *) fail "vmadm: unexpected: $*";;
    esac
}

# Words joined by spaces, for a shell, as zlogin does it.
do_zlogin() {
    shift 2
    eval "set -- $*"
    case "$4" in
    */getobject)
        test -f "$state/moray/$7" || fail "getobject: $6::$7 does not exist"
        printf '{"bucket":"%s","key":"%s","value":%s,"_etag":"E1"}\n' "$6" "$7" "$(cat "$state/moray/$7")";;
    */putobject) printf '%s\n' "$6" > "$state/moray/$8";;
    */delobject) rm "$state/moray/$6" || exit 1;;
    *) fail "zlogin: unexpected: $*";;
    esac
}

killed before
case "$command" in
sysinfo) echo '{"UUID":"44454c4c-4700-1051-8031-b4c04f334731","Hostname":"headnode1","Datacenter Name":"east-1"}';;
*) "do_$command" "$@";;
esac
result=$?
killed after
exit $result
