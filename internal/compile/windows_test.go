package compile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
)

// when reads a time and a zone: "2026-03-29T10:00:00+02:00 Europe/Paris".
func when(t *testing.T, text string) (time.Time, *time.Location) {
	t.Helper()
	at, where, _ := strings.Cut(text, " ")
	asOf, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation(where)
	if err != nil {
		t.Fatal(err)
	}
	return asOf.UTC(), zone
}

// elsewhen is the project built from nothing at another time, in another zone.
func (c *project) elsewhen(t *testing.T, at string) *project {
	t.Helper()
	c.n++
	other := *c
	other.built = false
	other.in.Previous, other.in.Build = compile.Build{}, compile.Build{Schema: "weir", ID: fmt.Sprint(c.n)}
	other.in.AsOf, other.in.Timezone = when(t, at)
	other.build(t)
	if len(other.found) > 0 {
		t.Fatal(problemText(other.found))
	}
	return &other
}
