"""The figures of src/metrics by other people's libraries: `python3 metric_references.py INPUT.json` prints them as JSON.

scikit-learn, SciPy, NumPy and torchmetrics as they are. torch-uncertainty's metrics are read from their own files, without its package, which
imports torchvision and plotting libraries that no figure needs. MAPIE is installed without what it requires for regression alone.
"""

import importlib
import importlib.util
import json
import sys
import types
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import torch
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import RAPSConformityScore
from scipy import integrate, optimize, special, stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import _TemperatureScaling
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score, roc_curve
from sklearn.preprocessing import StandardScaler
from torchmetrics.functional.classification import multiclass_calibration_error

BINS = 15


def hollow_torch_uncertainty():
    """torch-uncertainty's packages without what their own files import; what its metrics would draw with is left out."""
    for plotting in ("matplotlib", "matplotlib.figure", "matplotlib.pyplot", "matplotlib.ticker", "seaborn"):
        sys.modules[plotting] = MagicMock()
    root = Path(importlib.util.find_spec("torch_uncertainty").origin).parent
    for package in ("", ".metrics", ".metrics.classification", ".metrics.classification.calibration"):
        module = types.ModuleType(f"torch_uncertainty{package}")
        module.__path__ = [str(root / package.strip(".").replace(".", "/"))]
        sys.modules[module.__name__] = module


def torch_uncertainty(name):
    """A module of torch-uncertainty's classification metrics."""
    return importlib.import_module(f"torch_uncertainty.metrics.classification.{name}")


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are its input."""

    def __init__(self, classes=2):
        self.classes_ = np.arange(classes)

    def fit(self, *_):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, probabilities):
        return np.asarray(probabilities)

    def predict(self, probabilities):
        return np.argmax(probabilities, axis=1)


def specials(x, pairs):
    return {
        "digamma": special.digamma(x).tolist(),
        "logGamma": special.gammaln(x).tolist(),
        "logRising": [float(special.gammaln(a + n) - special.gammaln(a)) for a, n in pairs],
    }


def scores(probabilities, logits, alpha):
    strength = alpha.sum(1, keepdims=True)
    expected = (probabilities * (special.digamma(strength + 1) - special.digamma(alpha + 1))).sum(1)
    classes = probabilities.shape[1]
    return {
        "entropy": (stats.entropy(probabilities, axis=1) / np.log(classes)).tolist(),
        "energy": (-special.logsumexp(logits, axis=1)).tolist(),
        "expectedEntropy": (expected / np.log(classes)).tolist(),
    }


def beta_entropies(pairs):
    """Mean entropy of the coins that a Beta draws, by quadrature, over ln 2."""

    def mean(a, b):
        density = stats.beta(a, b).pdf
        value, _ = integrate.quad(lambda q: density(q) * stats.entropy([q, 1 - q]), 0, 1, epsabs=1e-12, epsrel=1e-10)
        return value / np.log(2)

    return [mean(a, b) for a, b in pairs]


def brier_parts(probabilities, labels):
    """Murphy's parts over classes against the rest, in bins of equal width that are closed above."""
    reliability = resolution = uncertainty = 0.0
    for c, p in enumerate(probabilities.T):
        came = (labels == c).astype(float)
        uncertainty += came.mean() * (1 - came.mean())
        bins = np.digitize(p, np.arange(1, BINS) / BINS, right=True)
        for b in np.unique(bins):
            inside = bins == b
            reliability += inside.mean() * (p[inside].mean() - came[inside].mean()) ** 2
            resolution += inside.mean() * (came[inside].mean() - came.mean()) ** 2
    return {"reliability": reliability, "resolution": resolution, "uncertainty": uncertainty}


def calibration(probabilities, labels):
    p, y = torch.tensor(probabilities), torch.tensor(labels)
    confidence, correct = p.max(1).values, (p.argmax(1) == y).double()
    adaptive = torch_uncertainty("calibration.adaptive_calibration_error")
    classwise = torch_uncertainty("calibration.classwise_calibration_error").ClasswiseCalibrationError
    metric = classwise(num_classes=p.shape[1], num_bins=BINS)
    metric.set_dtype(torch.float64)
    metric.update(p, y)
    return {
        "negativeLogLikelihood": log_loss(labels, probabilities),
        "brierScore": brier_score_loss(labels, probabilities, scale_by_half=False),
        "expectedCalibrationError": float(multiclass_calibration_error(p, y, num_classes=p.shape[1], n_bins=BINS)),
        "equalMassCalibrationError": float(adaptive._ace_compute(confidence, correct, BINS)),
        "classwiseCalibrationError": float(metric.compute()),
        "brier": brier_parts(probabilities, labels),
    }


def detection(score, positive):
    rates, recalls, _ = roc_curve(positive, score, drop_intermediate=False)
    tied = torch_uncertainty("fpr")._fprx_compute(torch.tensor(score), torch.tensor(positive).int(), 0.95, 1)
    assert np.isclose(rates[np.argmax(recalls >= 0.95)], float(tied))
    return {
        "auroc": roc_auc_score(positive, score),
        "averagePrecision": average_precision_score(positive, score),
        "falsePositiveRate": float(tied),
    }


def selective(probabilities, labels):
    """Of the top probability. AURC and AUGRC are the sums of torch-uncertainty's formulas over its curve (its trapezoids are another rule)."""
    curves = torch_uncertainty("risk_coverage")
    p, y = torch.tensor(probabilities), torch.tensor(labels)

    def updated(metric):
        metric.update(p, y)
        return metric

    risks = updated(curves.AURC()).partial_compute().numpy()
    coverage = np.arange(1, len(risks) + 1) / len(risks)
    errors = int(round(risks[-1] * len(risks)))
    best = np.maximum(0, np.arange(1, len(risks) + 1) - (len(risks) - errors)) / np.arange(1, len(risks) + 1)
    return {
        "aurc": float(risks.mean()),
        "excessAurc": float(risks.mean() - best.mean()),
        "augrc": float((risks * coverage).mean()),
        "coverageAt5Risk": float(updated(curves.CovAt5Risk()).compute()),
        "riskAt80Coverage": float(updated(curves.RiskAt80Cov()).compute()),
    }


def votes(probabilities, alpha, counts):
    shares = counts / counts.sum(1, keepdims=True)
    # SciPy's are of the counts whatever their order; ours of the votes one after another.
    orders = special.gammaln(counts.sum(1) + 1) - special.gammaln(counts + 1).sum(1)
    pairs = list(zip(counts, probabilities, alpha))
    return {
        "divergence": stats.entropy(shares, probabilities, axis=1).tolist(),
        "totalVariation": (np.abs(shares - probabilities).sum(1) / 2).tolist(),
        "logLikelihood": (np.array([stats.multinomial.logpmf(n, n.sum(), p) for n, p, _ in pairs]) - orders).tolist(),
        "dirichletLogLikelihood": (
            np.array([stats.dirichlet_multinomial.logpmf(n, a, n.sum()) for n, _, a in pairs]) - orders
        ).tolist(),
    }


def conformal(fit_probabilities, fit_labels, probabilities, coverage):
    """Sets by LAC (our THR); scores and randomised sets by APS with the uniform numbers that it draws; RAPS' penalty."""
    classes = probabilities.shape[1]

    def sets(method, **params):
        classifier = SplitConformalClassifier(Given(classes), coverage, method, prefit=True, random_state=7)
        classifier.conformalize(fit_probabilities, fit_labels)
        _, found = classifier.predict_set(probabilities, conformity_score_params=params)
        return classifier._mapie_classifier, found[:, :, 0].astype(int).tolist()

    lac, lac_sets = sets("lac")
    aps, aps_sets = sets("aps", include_last_label="randomized")
    cutoff = np.argmax(np.argsort(-fit_probabilities, axis=1) == fit_labels[:, None], axis=1) + 1
    plain = aps.conformity_scores_.reshape(-1, 1)
    penalised = RAPSConformityScore._regularize_conformity_score(np.array([2]), 0.1, plain, cutoff)
    return {
        "thr": {"threshold": float(lac.conformity_score_function_.quantiles_[0]), "sets": lac_sets},
        "aps": {
            "fitUniforms": np.random.RandomState(7).uniform(size=len(fit_probabilities)).tolist(),
            "uniforms": np.random.RandomState(7).uniform(size=len(probabilities)).tolist(),
            "scores": aps.conformity_scores_.ravel().tolist(),
            "threshold": float(aps.conformity_score_function_.quantiles_[0]),
            "sets": aps_sets,
        },
        "raps": penalised.ravel().tolist(),
    }


def vector_scaling(logits, labels, ridge):
    """The same objective by SciPy's BFGS, its gradient from PyTorch's autograd."""
    z, y = torch.tensor(logits), torch.tensor(labels)
    classes = z.shape[1]
    start = np.concatenate([np.ones(classes), np.zeros(classes)])

    def objective(theta):
        t = torch.tensor(theta, requires_grad=True)
        loss = torch.nn.functional.cross_entropy(z * t[:classes] + t[classes:], y)
        loss = loss + ridge / 2 * ((t - torch.tensor(start)) ** 2).sum()
        loss.backward()
        return loss.item(), t.grad.numpy()

    found = optimize.minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 10_000})
    return found.x.tolist()


def line(loss):
    """The minimum by the logarithm of a scale."""
    found = optimize.minimize_scalar(lambda s: loss(np.exp(s)), bounds=(-6, 6), method="bounded", options={"xatol": 1e-12})
    return float(np.exp(found.x))


def scaling(logits, labels, alpha, counts, ridge):
    evidence = alpha - 1

    def of_evidence(scale):
        scaled = 1 + scale * evidence
        return log_loss(labels, scaled / scaled.sum(1, keepdims=True))

    def of_strength(scale):
        return -sum(stats.dirichlet_multinomial.logpmf(n, scale * a, n.sum()) for n, a in zip(counts, alpha))

    return {
        "temperature": 1 / float(_TemperatureScaling().fit(logits, labels).beta_),
        "vector": vector_scaling(logits, labels, ridge),
        "evidence": line(of_evidence),
        "strength": line(of_strength),
    }


def logistic(features, positive, ridge):
    scaler = StandardScaler().fit(features)
    model = LogisticRegression(C=1 / ridge, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    model.fit(scaler.transform(features), positive)
    return {
        "weights": model.coef_[0].tolist(),
        "bias": float(model.intercept_[0]),
        "risks": model.predict_proba(scaler.transform(features))[:, 1].tolist(),
    }


if __name__ == "__main__":
    hollow_torch_uncertainty()
    given = json.loads(Path(sys.argv[1]).read_text())
    p, z, y = np.array(given["probabilities"]), np.array(given["logits"]), np.array(given["labels"])
    a, n = np.array(given["alpha"]), np.array(given["votes"])
    tied, errors = np.array(given["tied"]), p.argmax(1) != y
    half = len(p) // 2
    print(
        json.dumps(
            {
                "specials": specials(np.array(given["positive"]), given["rising"]),
                "scores": scores(p, z, a),
                "betaEntropies": beta_entropies(given["betas"]),
                "calibration": calibration(p, y),
                "detection": detection(tied, errors),
                "selective": selective(p, y),
                "spearman": float(stats.spearmanr(tied, stats.entropy(np.sort(n, axis=1), axis=1)).statistic),
                "votes": votes(p, a, n),
                "percentiles": np.percentile(tied, [2.5, 97.5]).tolist(),
                "conformal": conformal(p[:half], y[:half], p[half:], given["coverage"]),
                "scaling": scaling(z, y, a, n, given["ridge"]),
                "logistic": logistic(np.array(given["features"]), errors, given["ridge"]),
            }
        )
    )
