#!/usr/bin/env bash
# Decodes a real mammogram in each lossless transfer syntax that DCMTK writes and compares all pixels with the original.
#
# usage: transcode.sh MAMMOGRAM.dcm PIXEL_DIGEST_PROGRAM
set -euo pipefail
original=$1
digest=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

dcmdrle "$original" "$folder/explicit.dcm"
dcmconv +ti "$folder/explicit.dcm" "$folder/implicit.dcm"
dcmconv +te "$folder/explicit.dcm" "$folder/explicit-again.dcm"
dcmconv +tb "$folder/explicit.dcm" "$folder/big-endian.dcm"
dcmconv +td "$folder/explicit.dcm" "$folder/deflated.dcm"
dcmcrle "$folder/explicit.dcm" "$folder/rle.dcm"
dcmcjpeg +e1 "$folder/explicit.dcm" "$folder/jpeg-lossless-sv1.dcm"
for predictor in 2 4 6 7; do
    dcmcjpeg +el +sv "$predictor" "$folder/explicit.dcm" "$folder/jpeg-lossless-$predictor.dcm"
done
dcmcjpls +el "$folder/explicit.dcm" "$folder/jpeg-ls.dcm"
cp "$original" "$folder/original.dcm"

"$digest" "$folder"/*.dcm | sed "s|$folder/||"
different=$("$digest" "$folder"/*.dcm | cut -d' ' -f1 | sort -u | wc -l)
if [ "$different" != 1 ]; then
    echo "the files do not decode to the same pixels" >&2
    exit 1
fi
echo "$(ls "$folder" | wc -l) files, all pixels equal"
