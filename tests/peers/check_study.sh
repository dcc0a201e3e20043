#!/usr/bin/env bash
# Has dcentvfy compare the images of a study with all its result objects: patient, study and series agree, and nothing is
# referred to that is not there.
#
# usage: check_study.sh DCENTVFY IMAGES_FOLDER RESULTS_FOLDER
set -euo pipefail
said=$("$1" "$2"/*.dcm "$3"/*.dcm 2>&1) || true
count=$(find "$3" -name '*.dcm' | wc -l)
[ "$count" -ge 11 ]
if grep '^Error' <<< "$said"; then
    exit 1
fi
echo "images and $count result objects are one study for dcentvfy"
