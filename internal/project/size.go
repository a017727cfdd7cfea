package project

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Size is a number of bytes in YAML: 100GB, 1.5TB, 512MiB. Without an i a unit is a thousand of the
// one before, with it 1,024.
type Size int64

var sizeRE = regexp.MustCompile(`^(\d{1,12}(?:\.\d{1,6})?) ?(B|KB|MB|GB|TB|PB|KiB|MiB|GiB|TiB|PiB)$`)

// units are those of a Size, each a thousand, or 1,024, of the one before.
var units = []string{"B", "KB", "MB", "GB", "TB", "PB"}

// UnmarshalText reads "100GB".
func (s *Size) UnmarshalText(b []byte) error {
	m := sizeRE.FindStringSubmatch(string(b))
	if m == nil {
		if _, err := strconv.ParseFloat(string(b), 64); err == nil {
			return fmt.Errorf("%q has no unit; write a number and B, KB, MB, GB, TB or PB (thousands), or KiB, MiB, GiB, TiB or PiB (1,024), such as 100GB", b)
		}
		return fmt.Errorf("%q is not a size; write a number and B, KB, MB, GB, TB or PB (thousands), or KiB, MiB, GiB, TiB or PiB (1,024), such as 100GB", b)
	}
	n, _ := strconv.ParseFloat(m[1], 64) // the pattern leaves nothing that is none
	factor := 1000.0
	if strings.Contains(m[2], "i") {
		factor = 1024
	}
	for _, u := range units[1:] {
		if strings.TrimSuffix(m[2], "B") == "" {
			break
		}
		n *= factor
		if u[0] == m[2][0] {
			break
		}
	}
	switch {
	case n < 1:
		return fmt.Errorf("%q is no bytes at all, which would hold everything", b)
	case n > math.MaxInt64/2:
		return fmt.Errorf("%q is more than any warehouse has", b)
	}
	*s = Size(math.Round(n))
	return nil
}

// Pattern is the regular expression of the written form, for the JSON Schema.
func (Size) Pattern() string { return sizeRE.String() }

// String writes the size with up to three digits, in thousands: 1.25 GB.
func (s Size) String() string {
	n := float64(s)
	for i, u := range units {
		if n < 999.5 || i == len(units)-1 {
			if i == 0 {
				return fmt.Sprintf("%d B", s)
			}
			return strconv.FormatFloat(n, 'f', max(0, 2-int(math.Log10(max(n, 1)))), 64) + " " + u
		}
		n /= 1000
	}
	return ""
}
