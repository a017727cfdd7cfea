package compile

// Normalised lets tests ask for a normal form.
var Normalised = normalised
