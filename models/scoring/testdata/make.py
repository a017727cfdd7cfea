"""Trains small models on invented data and writes them with inputs and the libraries' own
predictions: NAME.json is the model, NAME.csv has its features, the raw sum and the prediction.

    python -m venv venv && venv/bin/pip install numpy==2.4.6 xgboost==3.2.0 lightgbm==4.7.0
    venv/bin/python make.py
"""

import json
import os

import lightgbm as lgb
import numpy as np
import xgboost as xgb

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ["orders", "spent", "days_since", "opened"]
rng = np.random.default_rng(20260601)


def people(n):
    """Invented customers: counts, money to the cent, days, and a share; a tenth is absent."""
    x = np.column_stack([
        rng.poisson(3, n).astype(float),
        np.round(rng.gamma(2.0, 40.0, n), 2),
        rng.integers(0, 400, n).astype(float),
        np.round(rng.random(n), 3),
    ])
    x[rng.random(x.shape) < 0.1] = np.nan
    full = np.nan_to_num(x, nan=1.0)
    raw = 0.4 * full[:, 0] + 0.01 * full[:, 1] - 0.012 * full[:, 2] + 1.5 * full[:, 3] + 0.3 * np.sin(full[:, 1])
    return x, raw


X, RAW = people(3000)
BUYS = (rng.random(len(RAW)) < 1 / (1 + np.exp(-RAW))).astype(int)
WORTH = np.round(20 * np.exp(0.2 * RAW) + rng.gamma(1.0, 5.0, len(RAW)), 2)


def inputs(thresholds):
    """People the model has not seen, and each threshold itself and its neighbours in 32 and 64
    bits, where a comparison in the wrong precision takes the other branch."""
    x, _ = people(60)
    rows = [x, np.full((1, 4), np.nan), np.zeros((1, 4))]
    base = np.array([2.0, 60.0, 100.0, 0.5])
    for f, t in thresholds[:: max(1, len(thresholds) // 14)][:14]:
        t32 = np.float32(t)
        low, high = np.nextafter(t32, np.float32(-np.inf)), np.nextafter(t32, np.float32(np.inf))
        for v in [float(t), float(t32), np.nextafter(float(t), -np.inf), np.nextafter(float(t), np.inf), float(low), float(high),
                  (float(low) + float(t32)) / 2, np.nextafter((float(low) + float(t32)) / 2, -np.inf), np.nextafter((float(low) + float(t32)) / 2, np.inf)]:
            row = base.copy()
            row[f] = v
            rows.append(row.reshape(1, -1))
    return np.vstack(rows)


def write(name, model, x, raw, predicted):
    with open(os.path.join(HERE, name + ".json"), "w") as f:
        json.dump(model, f, separators=(",", ":"))
    with open(os.path.join(HERE, name + ".csv"), "w") as f:
        f.write(",".join(NAMES) + ",raw,predicted\n")
        for row, r, p in zip(x, raw, predicted):
            f.write(",".join("" if np.isnan(v) else repr(float(v)) for v in row) + f",{float(r)!r},{float(p)!r}\n")


def slim(model):
    """Leaves out what nothing is computed from, so that the files stay small."""
    learner = model["learner"]
    booster = learner["gradient_booster"]
    trees = booster["gbtree"]["model"]["trees"] if booster["name"] == "dart" else booster["model"]["trees"]
    for t in trees:
        for key in ["base_weights", "loss_changes", "sum_hessian", "parents"]:
            t.pop(key, None)
    return model


def xg(name, y, rounds=12, names=NAMES, **params):
    params = {"max_depth": 4, "eta": 0.3, "seed": 1, "nthread": 1, **params}
    booster = xgb.train(params, xgb.DMatrix(X, label=y, feature_names=names), num_boost_round=rounds)
    model = json.loads(booster.save_raw("json"))
    booster_part = model["learner"]["gradient_booster"]
    trees = (booster_part["gbtree"]["model"] if booster_part["name"] == "dart" else booster_part["model"])["trees"]
    thresholds = [(f, c) for t in trees for f, c, left in zip(t["split_indices"], t["split_conditions"], t["left_children"]) if left >= 0]
    x = inputs(thresholds)
    d = xgb.DMatrix(x, feature_names=names)
    write(name, slim(model), x, booster.predict(d, output_margin=True), booster.predict(d))


def splits(node):
    if "split_feature" in node:
        yield node["split_feature"], node["threshold"]
        yield from splits(node["left_child"])
        yield from splits(node["right_child"])


def thin(node):
    for key in ["split_gain", "internal_value", "internal_weight", "internal_count", "leaf_weight", "leaf_count", "split_index", "leaf_index"]:
        node.pop(key, None)
    for side in ["left_child", "right_child"]:
        if side in node:
            thin(node[side])


def lg(name, y, rounds=12, data=None, **params):
    params = {"num_leaves": 12, "min_data_in_leaf": 20, "seed": 1, "num_threads": 1, "deterministic": True, "verbosity": -1, **params}
    train = X if data is None else data
    booster = lgb.train(params, lgb.Dataset(train, label=y, feature_name=NAMES), num_boost_round=rounds)
    model = booster.dump_model()
    thresholds = [s for t in model["tree_info"] for s in splits(t["tree_structure"])]
    x = inputs(thresholds)
    raw, predicted = booster.predict(x, raw_score=True), booster.predict(x)
    if model["average_output"]:
        raw = raw / rounds  # the library gives the sum, and makes its prediction of the mean
    for t in model["tree_info"]:
        thin(t["tree_structure"])
    for key in ["feature_infos", "feature_importances", "pandas_categorical"]:
        model.pop(key, None)
    write(name, model, x, raw, predicted)


xg("xgb_logistic", BUYS, objective="binary:logistic", base_score=0.3)
xg("xgb_squared", WORTH, rounds=6, objective="reg:squarederror", names=None)
xg("xgb_gamma", WORTH, rounds=4, objective="reg:gamma", base_score=20)
xg("xgb_dart", BUYS, rounds=8, objective="binary:logistic", booster="dart", rate_drop=0.4)
xg("xgb_forest", BUYS, rounds=2, objective="binary:logistic", num_parallel_tree=4, subsample=0.6, eta=1)
lg("lgb_binary", BUYS, objective="binary")
lg("lgb_sigmoid", BUYS, rounds=4, objective="binary", sigmoid=2.5)
lg("lgb_regression", WORTH, rounds=6, objective="regression")
lg("lgb_poisson", WORTH, rounds=4, objective="poisson")
lg("lgb_forest", BUYS, rounds=5, objective="binary", boosting="rf", bagging_freq=1, bagging_fraction=0.6)
lg("lgb_zero", BUYS, rounds=4, objective="binary", zero_as_missing=True)
lg("lgb_nomissing", BUYS, rounds=4, data=np.nan_to_num(X, nan=1.0), objective="binary")
