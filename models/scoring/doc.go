// Package scoring reads models that were trained elsewhere into one form that can be computed
// anywhere: terms of a regression, or trees over features, then a link.
//
// It reads
//
//	regressions  weir's own small JSON: type, intercept, coefficients, means and scales
//	XGBoost      what Booster.save_model writes to a file that ends in .json
//	LightGBM     what Booster.dump_model returns, as JSON
//
// A model that cannot be computed as its library would is an *Unfit, which says why and what to do.
package scoring
