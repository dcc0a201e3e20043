#!/usr/bin/env bash
# Sends a real mammogram with DCMTK's storescu in each transfer syntax that DCMTK speaks, and compares what was spooled.
#
# usage: store.sh MAMMOGRAM.dcm RECEIVE_PROGRAM PIXEL_DIGEST_PROGRAM
set -euo pipefail
original=$1
receive=$2
digest=$3
folder=$(mktemp -d)
state=$folder/state

coproc DEVICE { "$receive" "$state"; }
device=$DEVICE_PID
trap 'kill "$device" 2> /dev/null || true; rm -rf "$folder"' EXIT
read -r port <&"${DEVICE[0]}"

echoscu -aet UNIT -aec MAMORU 127.0.0.1 "$port"

# send NAME PROPOSED: gives the file a UID of its own and sends it, proposing its syntax.
sent=0
send() {
    local name=$1 proposed=$2
    dcmodify --no-backup --gen-inst-uid "$folder/$name.dcm"
    storescu -aet UNIT -aec MAMORU "$proposed" 127.0.0.1 "$port" "$folder/$name.dcm"
    sent=$((sent + 1))
}
dcmdrle "$original" "$folder/explicit.dcm"
dcmconv +ti "$folder/explicit.dcm" "$folder/implicit.dcm"
dcmconv +tb "$folder/explicit.dcm" "$folder/big-endian.dcm"
dcmconv +td "$folder/explicit.dcm" "$folder/deflated.dcm"
dcmcrle "$folder/explicit.dcm" "$folder/rle.dcm"
dcmcjpeg +e1 "$folder/explicit.dcm" "$folder/jpeg-lossless.dcm"
dcmcjpls +el "$folder/explicit.dcm" "$folder/jpeg-ls.dcm"
send explicit -xe
send implicit -xi
send big-endian -xb
send deflated -xd
send rle -xr
send jpeg-lossless -xs
send jpeg-ls -xt

spooled=$(find "$state/spool" -maxdepth 1 -name '*.dcm' | wc -l)
pixels=$("$digest" "$folder/explicit.dcm" "$state"/spool/*.dcm | cut -d' ' -f1 | sort -u | wc -l)
if [ "$spooled" != "$sent" ] || [ "$pixels" != 1 ]; then
    echo "sent $sent files, spooled $spooled, with $pixels different sets of pixels" >&2
    exit 1
fi
dcmdump +P TransferSyntaxUID +P SourceApplicationEntityTitle "$state"/spool/*.dcm > /dev/null
echo "$sent files received, all pixels equal"
