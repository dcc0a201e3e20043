"""Checks the trainer's figures, curves and calibration against scikit-learn on random predictions.

usage: check_evaluation.py EVALUATE FOLDER

EVALUATE is the example `evaluate` of the crate evaluation. The sets have ties, unequal breasts, rare positives, saturated
scores and hundreds of patients; seeds are fixed.
"""

import csv
import json
import pathlib
import subprocess
import sys

import numpy
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression
from scipy.optimize import minimize_scalar

TOLERANCE = 1e-9
BINS = 15


def sigmoid(logit):
    return 1 / (1 + numpy.exp(-logit))


def predictions(random, patients, prevalence, decimals, spread):
    rows = []
    for patient in range(patients):
        for laterality in "LR":
            label = int(random.random() < prevalence)
            mean = random.normal(1.5 * label - 0.8, 1.0) * spread
            for view in ["CC", "MLO", "MLO", "CC"][: random.integers(1, 5)]:
                logit = round(float(mean + random.normal(0, spread)), decimals)
                rows.append((patient, laterality, view, len(rows), patient % 2, patient % 5, "ABCD"[patient % 4], label, logit))
    return rows


def write(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow("patient_id laterality view image_id site machine density label logit".split())
        writer.writerows(rows)


def calibration_error(score, label, weight):
    bins = numpy.searchsorted(numpy.arange(1, BINS) / BINS, score)
    gaps = [abs(numpy.sum((weight * (label - score))[bins == index])) for index in range(BINS)]
    return sum(gaps) / weight.sum()


def expected(score, label, weight, threshold):
    called = score >= threshold
    arguments = {"sample_weight": weight, "zero_division": numpy.nan}
    positive = label == 1
    soft = (weight * score)[positive].sum()
    precision, recall = soft / (weight * score).sum(), soft / weight[positive].sum()
    return {
        "auc": metrics.roc_auc_score(label, score, sample_weight=weight),
        "average_precision": metrics.average_precision_score(label, score, sample_weight=weight),
        "precision": metrics.precision_score(label, called, **arguments),
        "recall": metrics.recall_score(label, called, **arguments),
        "specificity": metrics.recall_score(label, called, pos_label=0, **arguments),
        "f1": metrics.f1_score(label, called, **arguments),
        "probabilistic_f1": 2 * precision * recall / (precision + recall),
        "brier": metrics.brier_score_loss(label, score, sample_weight=weight),
        "calibration_error": calibration_error(score, label, weight),
    }


def close(ours, theirs, what, tolerance=TOLERANCE):
    if ours is None or theirs is None or numpy.isnan(theirs):
        assert ours is None and (theirs is None or numpy.isnan(theirs)), f"{what}: {ours} {theirs}"
        return
    assert abs(ours - theirs) <= tolerance * max(1, abs(theirs)), f"{what}: {ours} {theirs}"


def check_level(report, score, label, breast_share, name):
    """Weights of the balanced draw: 1 / (2 N) with the N prediction ids of the class, to a sum of 1."""
    breasts = numpy.bincount(label, weights=breast_share)
    balanced = 1 / breasts[label]
    sets = {"natural": numpy.ones(len(score)), "balanced": balanced / balanced.sum()}
    for prevalence, weight in sets.items():
        ours = report[prevalence]
        theirs = expected(score, label, weight, report["threshold"])
        for metric, value in theirs.items():
            close(ours["estimates"][metric]["value"], value, f"{name} {prevalence} {metric}")
        cells = metrics.confusion_matrix(label, score >= report["threshold"], sample_weight=weight).ravel()
        for cell, value in zip(["true_negative", "false_positive", "false_negative", "true_positive"], cells):
            close(ours["confusion"][cell], value, f"{name} {prevalence} {cell}")
    false_positive, true_positive, _ = metrics.roc_curve(label, score, drop_intermediate=False)
    ours = numpy.array([(point["false_positive_rate"], point["true_positive_rate"]) for point in report["roc"]])
    assert numpy.allclose(ours, numpy.stack([false_positive, true_positive], 1), atol=TOLERANCE), f"{name} ROC"
    precision, recall, _ = metrics.precision_recall_curve(label, score)
    ours = numpy.array([(point["precision"], point["recall"]) for point in report["precision_recall"]])[::-1]
    theirs = numpy.stack([precision, recall], 1)[:-1]
    assert numpy.allclose(ours, theirs, atol=TOLERANCE), f"{name} precision and recall"


def aggregate(scores, way):
    if way == "reference":
        return 1 - (1 - numpy.mean(scores**2)) ** len(scores)
    return {"mean": numpy.mean, "max": numpy.max}[way](scores)


def check_bootstrap(report, score, label, patient):
    """The same method with NumPy's draws: ends agree as far as both numbers of resamples let them."""
    random = numpy.random.default_rng(11)
    rows = [numpy.flatnonzero(patient == one) for one in numpy.unique(patient)]
    values = []
    for _ in range(1000):
        drawn = numpy.concatenate([rows[one] for one in random.integers(0, len(rows), len(rows))])
        values.append(metrics.roc_auc_score(label[drawn], score[drawn]))
    interval = report["natural"]["estimates"]["auc"]["interval"]
    ends = numpy.percentile(values, [2.5, 97.5])
    width = ends[1] - ends[0]
    close(interval["low"], ends[0], "bootstrap low", 0.12 * width)
    close(interval["high"], ends[1], "bootstrap high", 0.12 * width)


def check(evaluate, folder, rows, bootstrap):
    write(folder / "predictions.csv", rows)
    subprocess.run([evaluate, folder / "predictions.csv", folder], check=True)
    result = json.loads((folder / "evaluation.json").read_text())
    label = numpy.array([row[7] for row in rows])
    logit = numpy.array([row[8] for row in rows])
    patient = numpy.array([row[0] for row in rows])
    breast = numpy.array([2 * row[0] + (row[1] == "R") for row in rows])
    score = sigmoid(logit)
    images = result["evaluation"]["images"]
    check_level(images, score, label, 1 / numpy.bincount(breast)[breast], "images")
    ids = numpy.unique(breast)
    breast_label = numpy.array([label[breast == one][0] for one in ids])
    for report in result["evaluation"]["breasts"]:
        way = report["level"]["breast"]
        breast_score = numpy.array([aggregate(score[breast == one], way) for one in ids])
        # Sums in another order must not make or break ties.
        check_level(report, breast_score, breast_label, numpy.ones(len(ids)), way)
    for group in images["groups"]:
        column = {"site": 4, "machine": 5, "view": 2, "density": 6}[group["by"]]
        chosen = numpy.array([str(row[column]) == group["name"] for row in rows])
        close(group["figures"]["estimates"]["auc"]["value"], metrics.roc_auc_score(label[chosen], score[chosen]), "group")
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(score, label).predict(score)
    assert numpy.allclose(result["isotonic_applied"], isotonic, atol=1e-7), "isotonic"
    loss = lambda power: numpy.mean(numpy.logaddexp(0, numpy.where(label == 1, -1, 1) * logit * numpy.exp(power)))
    best = minimize_scalar(loss, bounds=(-8, 8), method="bounded", options={"xatol": 1e-12})
    close(result["temperature"]["temperature"], numpy.exp(-best.x), "temperature", 1e-6)
    if bootstrap:
        check_bootstrap(images, score, label, patient)
    return len(rows), images["natural"]["estimates"]["auc"]["value"]


def main() -> None:
    evaluate, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    random = numpy.random.default_rng(2022)
    # patients, prevalence, decimals of the logit (few: ties), spread (wide: scores near 0 and 1)
    for index, shape in enumerate([(400, 0.2, 6, 1.0), (60, 0.5, 1, 1.0), (800, 0.02, 6, 1.0), (150, 0.3, 0, 2.0), (200, 0.3, 6, 5.0)]):
        count, auc = check(evaluate, folder, predictions(random, *shape), bootstrap=index == 0)
        print(f"{count} images as scikit-learn, AUC {auc:.4f}")


if __name__ == "__main__":
    main()
