"""Reads measurement reports back with highdicom: the scores and regions that it finds are those of the presentation states.

usage: check_measurements.py FOLDER  (the folders of write_results)
"""
import json
import pathlib
import sys

import pydicom
from highdicom.sr import srread
from pydicom.sr.coding import Code

SCORE = Code("111012", "DCM", "Certainty of Finding")


def check(folder):
    report = json.loads(next(folder.glob("*-report.json")).read_text())["studies"][0]
    scored = [image for image in report["images"] if image["outcome"] == "scored"]
    content = srread(next(folder.glob("*-comprehensive-sr.dcm"))).content
    groups = content.get_planar_roi_measurement_groups() + content.get_image_measurement_groups()
    found = {}
    for group in groups:
        [score] = group.get_measurements(SCORE)
        region = getattr(group, "roi", None)
        if region is None:
            image = group.source_images[0].referenced_sop_instance_uid
            points = None
        else:
            image = region.ContentSequence[0].referenced_sop_instance_uid
            points = [float(value) for point in region.value for value in point]
        found[image] = (float(score.value), points)
    assert len(found) == len(groups) == len(scored), (len(found), len(groups), len(scored))
    states = {}
    for path in folder.glob("*-presentation-state-*.dcm"):
        state = pydicom.dcmread(path)
        image = state.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID
        lines = state.GraphicAnnotationSequence[0].get("GraphicObjectSequence", [])
        states[image] = [[float(value) for value in line.GraphicData] for line in lines]
    for image in scored:
        percent, points = found[image["instance"]]
        assert abs(percent / 100 - image["score"]) < 5.1e-5, (percent, image["score"])
        assert (points in states[image["instance"]]) if points else not states[image["instance"]]
    return len(groups)


def main():
    folders = sorted(path for path in pathlib.Path(sys.argv[1]).iterdir() if path.is_dir())
    groups = {folder.name: check(folder) for folder in folders}
    assert groups["positive"] == 4 and groups["partial"] == 3 and groups["failed"] == 0, groups
    print(f"highdicom reads {sum(groups.values())} measurement groups of {len(groups)} reports")


if __name__ == "__main__":
    main()
