// Package archtest holds the drawing of ARCHITECTURE.md: which package may import which. It has
// tests only. They read the sources themselves, so that a cached result cannot hide a new import.
package archtest
