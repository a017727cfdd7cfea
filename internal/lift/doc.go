// Package lift says how much better one group of people did than another, and how sure that is,
// from counts and sums. It is pure: the sums are made in the warehouse.
//
// Everything is two-sided with a confidence of 95 %. The methods:
//
//   - a share of people: the interval of the difference is the hybrid of two score intervals,
//     method 10 of Newcombe, R., Interval estimation for the difference between independent
//     proportions: comparison of eleven methods, Statistics in Medicine 17, 1998, over those of
//     Wilson, E., Probable inference, the law of succession, and statistical inference, 1927. It
//     holds at small numbers and at shares near 0, where the textbook's interval does not. The test
//     is the score test with a pooled share.
//   - a ratio of shares: Katz, D., Baptista, J., Azen, S. and Pike, M., Obtaining confidence
//     intervals for the risk ratio in cohort studies, Biometrics 34, 1978: the logarithm of the
//     ratio, by the delta method.
//   - a mean: Welch, B., on Student's problem when several different population variances are
//     involved, Biometrika 34, 1947, with the degrees of freedom of Satterthwaite.
//   - a ratio of means: Fieller, E., Some problems in interval estimation, Journal of the Royal
//     Statistical Society B 16, 1954.
package lift
