// Package purchases says what people's purchases so far tell of those to come. It is pure.
//
// Whether and how often somebody will buy again is BG/NBD: people buy at a rate of their own,
// drop out after any purchase with a probability of their own, rates have a gamma distribution
// over people and probabilities a beta distribution (Fader, Hardie and Lee, "Counting Your
// Customers the Easy Way: An Alternative to the Pareto/NBD Model", 2005). What a purchase will be
// worth is Gamma-Gamma: values vary around a mean of each person's own, whose distribution over
// people is known (Fader and Hardie, "The Gamma-Gamma Model of Monetary Value", 2013). Both are
// fitted by maximum likelihood, which gives the same numbers for the same counts on every machine.
//
// Times are in weeks. A history is the number of repeat purchases, the time from the first to the
// last purchase, and the time from the first to now.
package purchases
