#!/usr/bin/env bash
# Writes result objects of made-up reports and has dciodvfy of dicom3tools validate every capture.
#
# usage: check_results.sh WRITE_RESULTS_PROGRAM DCIODVFY
set -euo pipefail
write_results=$1
dciodvfy=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$write_results" "$folder" > /dev/null
checked=0
for object in "$folder"/*.dcm; do
    status=0
    "$dciodvfy" "$object" > "$folder/said" 2>&1 || status=$?
    if [ "$status" != 0 ] || grep --quiet '^Error' "$folder/said"; then
        cat "$folder/said"
        echo "not valid: $(basename "$object")"
        exit 1
    fi
    checked=$((checked + 1))
done
[ "$checked" -ge 10 ]
echo "$checked captures are valid"
