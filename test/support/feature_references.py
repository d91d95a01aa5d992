"""Scores of features by NumPy and scikit-learn: `python3 feature_references.py INPUT.json` prints them as JSON."""

import json
import sys
from pathlib import Path

import numpy as np
from scipy.special import logsumexp
from sklearn.covariance import EmpiricalCovariance
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

SHRINKAGE = 0.01


def shrunk(covariance):
    """The covariance plus a hundredth of its mean diagonal."""
    width = len(covariance)
    return covariance + SHRINKAGE * np.trace(covariance) / width * np.eye(width)


def squared_distances(x, mean, covariance):
    estimate = EmpiricalCovariance()
    estimate.location_ = mean
    estimate._set_covariance(covariance)
    return estimate.mahalanobis(x)


def gaussian(rows):
    estimate = EmpiricalCovariance().fit(rows)
    return estimate.location_, shrunk(estimate.covariance_)


def relative_mahalanobis(rows, labels, x):
    classes = np.unique(labels)
    means = {c: rows[labels == c].mean(axis=0) for c in classes}
    centred = np.concatenate([rows[labels == c] - means[c] for c in classes])
    within = shrunk(centred.T @ centred / len(rows))
    nearest = np.min([squared_distances(x, means[c], within) for c in classes], axis=0)
    return nearest - squared_distances(x, *gaussian(rows))


def boundaries(rows, weights, x):
    """fDBD: distances to the decision boundaries of the predicted class, over the distance to the mean feature."""
    scores = []
    for feature in x:
        logits = weights @ feature
        top = int(np.argmax(logits))
        distances = [
            abs((weights[top] - weights[c]) @ feature) / np.linalg.norm(weights[top] - weights[c])
            for c in range(len(weights))
            if c != top
        ]
        scores.append(-np.mean(distances) / np.linalg.norm(feature - rows.mean(axis=0)))
    return np.array(scores)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def neighbours(bank, neighbour, x):
    found = NearestNeighbors(n_neighbors=neighbour, algorithm="brute").fit(unit(bank)).kneighbors(unit(x))[0]
    return found[:, neighbour - 1]


def virtual_logit(rows, logits, x, x_logits):
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    principal = round(0.5 * rows.shape[1])
    residual = vectors[:, np.argsort(-values)[principal:]]
    scale = logits.max(axis=1).sum() / np.linalg.norm(rows @ residual, axis=1).sum()
    return scale * np.linalg.norm(x @ residual, axis=1) - logsumexp(x_logits, axis=1)


def main():
    given = json.loads(Path(sys.argv[1]).read_text())
    rows, x, weights = (np.array(given[name]) for name in ("rows", "x", "weights"))
    labels = np.array(given["labels"])
    found = {
        "mahalanobis": squared_distances(x, *gaussian(rows)),
        "relativeMahalanobis": relative_mahalanobis(rows, labels, x),
        "boundaries": boundaries(rows, weights, x),
        "neighbours": neighbours(rows[: given["bank"]], given["neighbour"], x),
        "virtualLogit": virtual_logit(rows, rows @ weights.T, x, x @ weights.T),
        "eigenvalues": PCA().fit(rows).explained_variance_ * (len(rows) - 1) / len(rows),
    }
    print(json.dumps({name: values.tolist() for name, values in found.items()}))


main()
