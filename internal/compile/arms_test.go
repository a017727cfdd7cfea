package compile_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/models"
)

// bucketNumber is 0 to 9,999 by the first 52 bits of SHA-256.
func bucketNumber(key string) int {
	sum := sha256.Sum256([]byte(key))
	return int(binary.BigEndian.Uint64(sum[:8]) >> 12 % 10000)
}

// The numbers that decide arms are the same on every warehouse and for whoever works them out
// elsewhere: here are some of them, as docs/splits.md says how. What warehouses make of such keys
// is held by the function tests of the dialects.
func TestBucketVectors(t *testing.T) {
	for key, want := range map[string]int{"exp1:42": 9237, "exp1:é😀": 2735, "exp1:": 3476} {
		if got := bucketNumber(key); got != want {
			t.Errorf("%q: %d, want %d", key, got, want)
		}
	}
}

// expectedArm is the arm that chance gives a profile; in is the profile's strata, and others the
// members of a stratum who are not held out.
func expectedArm(s *models.Segment, profile string, others []string) string {
	if bucketNumber(s.SaltOf()+":"+profile) < s.Holdout.BasisPoints {
		return compile.ArmHoldout
	}
	if len(s.Split) == 0 {
		return compile.ArmTreatment
	}
	draw := func(p string) int { return bucketNumber(s.SaltOf() + ":split:" + p) }
	at, size := draw(profile), 1
	if len(s.StratifyBy) > 0 {
		slices.SortFunc(others, func(a, b string) int {
			if d := bucketNumber(s.SaltOf()+":order:"+a) - bucketNumber(s.SaltOf()+":order:"+b); d != 0 {
				return d
			}
			return strings.Compare(a, b)
		})
		at, size = slices.Index(others, profile)*10000+draw(others[0]), len(others)
	}
	end := 0
	for _, arm := range s.Split {
		if end += arm.Share.BasisPoints * size; at < end {
			return arm.Name
		}
	}
	return "none"
}

// buckets counts the arms of each segment with a holdout or a split, and those that are not what
// the hash says. It is for builds in which everybody is drawn.
func (c *project) buckets(t testing.TB) string {
	type tally struct {
		n, wrong int
		arms     map[string]int
	}
	tallies := map[string]*tally{}
	assigned := c.w.rows(t, "SELECT segment, arm, profile_id FROM "+c.table(compile.Assignments))
	strata := map[string]map[string][]string{} // segment, values
	values := map[string]string{}              // segment and profile: values
	for i := range c.in.Model.Segments {
		s := &c.in.Model.Segments[i]
		strata[s.Name] = map[string][]string{}
		if len(s.StratifyBy) == 0 {
			continue
		}
		for _, r := range c.w.rows(t, fmt.Sprintf("SELECT profile_id, %s FROM %s", strings.Join(s.StratifyBy, ", "), c.table(compile.Profiles))) {
			values[s.Name+" "+r[0]] = strings.Join(r[1:], "|")
		}
	}
	for _, r := range assigned {
		if s := c.in.Model.Segment(r[0]); s != nil && r[1] != compile.ArmHoldout {
			k := values[s.Name+" "+r[2]]
			strata[s.Name][k] = append(strata[s.Name][k], r[2])
		}
	}
	for _, r := range assigned {
		a := tallies[r[0]]
		if a == nil {
			a = &tally{arms: map[string]int{}}
			tallies[r[0]] = a
		}
		a.n++
		a.arms[r[1]]++
		var want string
		if r[0] == models.UniversalSegment {
			e := c.in.Model.Entity(c.in.Entity)
			want = compile.ArmTreatment
			if bucketNumber(e.SaltOf()+":*:"+r[2]) < e.Holdout.BasisPoints {
				want = compile.ArmHoldout
			}
		} else {
			s := c.in.Model.Segment(r[0])
			want = expectedArm(s, r[2], strata[r[0]][values[r[0]+" "+r[2]]])
		}
		if r[1] != want {
			a.wrong++
		}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tallies)) {
		a := tallies[name]
		fmt.Fprintf(&b, "%s: %d of %d held out, %d wrong\n", name, a.arms[compile.ArmHoldout], a.n, a.wrong)
	}
	return b.String()
}

// lift is what the arms of a segment did: its name, the goal as SOURCE or SOURCE.COLUMN, and
// perhaps "within" and a number of days, or "since" and a date.
func (c *project) lift(t testing.TB, words []string) string {
	t.Helper()
	ask := compile.LiftAsk{Segment: words[0]}
	ask.Source, ask.Column, _ = strings.Cut(words[1], ".")
	if len(words) > 2 {
		var err error
		switch words[2] {
		case "within":
			var days int
			days, err = strconv.Atoi(words[3])
			ask.Within = time.Duration(days) * 24 * time.Hour
		case "since":
			ask.Since, err = time.Parse(time.DateOnly, words[3])
		default:
			t.Fatalf("%q is no window", words[2])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	q, problems := compile.Lift(c.in, ask)
	if len(problems) > 0 {
		return problemText(problems)
	}
	return c.w.table(t, compile.LiftColumns, c.w.render(t, q))
}
