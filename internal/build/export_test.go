package build

import "time"

// Beats sets how often a lease is renewed.
func (b *Builder) Beats(every time.Duration) *Builder {
	b.beat = every
	return b
}
