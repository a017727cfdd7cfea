package models

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Value is a scalar as written in YAML, with its type. Text keeps numbers as they were written,
// so that no digit is lost.
type Value struct {
	Type Type
	Text string
}

// UnmarshalScalar takes a YAML scalar by its short tag ("!!str", "!!int", "!!float", "!!bool",
// "!!timestamp").
func (v *Value) UnmarshalScalar(tag, text string) error {
	v.Text = text
	switch tag {
	case "!!str":
		v.Type = Text
	case "!!int":
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number of up to 64 bits in base 10", text)
		}
		if digits := strings.TrimLeft(text, "+-"); len(digits) > 1 && digits[0] == '0' {
			return fmt.Errorf("%q starts with a zero; write it in quotes if it is text, without the zero if it is a number", text)
		}
		v.Type, v.Text = Integer, strconv.FormatInt(i, 10)
	case "!!float":
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f != f || f-f != 0 {
			return fmt.Errorf("%q is not a finite number", text)
		}
		v.Type = Number
	case "!!bool":
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return fmt.Errorf("%q is not true or false", text)
		}
		v.Type, v.Text = Boolean, strconv.FormatBool(b)
	case "!!timestamp":
		if _, err := time.Parse(time.DateOnly, text); err == nil {
			v.Type = Date
			return nil
		}
		for _, layout := range timeLayouts {
			if t, err := time.Parse(layout, text); err == nil {
				v.Type, v.Text = Timestamp, t.UTC().Format("2006-01-02T15:04:05.999999Z")
				return nil
			}
		}
		return fmt.Errorf("%q is not a date or an RFC 3339 time", text)
	case "!!null":
		return fmt.Errorf("null is not a value; use exists: false")
	default:
		return fmt.Errorf("a value must be text, a number, true, false, a date or a time")
	}
	return nil
}

// Duration is a length of time in YAML: 90d, 12h, 30m, 45s, 2w. A day is 24 hours.
type Duration time.Duration

var durationRE = regexp.MustCompile(`^(\d{1,6})(w|d|h|m|s)$`)

// UnmarshalText reads "90d".
func (d *Duration) UnmarshalText(b []byte) error {
	m := durationRE.FindSubmatch(b)
	if m == nil {
		return fmt.Errorf("%q is not a duration; write a number and w, d, h, m or s, such as 90d", b)
	}
	n, _ := strconv.ParseInt(string(m[1]), 10, 64)
	unit := map[string]time.Duration{"w": 7 * 24 * time.Hour, "d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second}[string(m[2])]
	if n > int64(100*365*24*time.Hour/unit) {
		return fmt.Errorf("%q is more than a hundred years", b)
	}
	*d = Duration(time.Duration(n) * unit)
	return nil
}

// String writes the duration in its largest whole unit.
func (d Duration) String() string {
	t := time.Duration(d)
	for _, u := range []struct {
		s string
		d time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}} {
		if t != 0 && t%u.d == 0 {
			return strconv.FormatInt(int64(t/u.d), 10) + u.s
		}
	}
	return strconv.FormatInt(int64(t/time.Second), 10) + "s"
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Pattern is the regular expression of the written form, for the JSON Schema.
func (Duration) Pattern() string { return durationRE.String() }

// Percent is a share of 0% to 100% in YAML, with up to two decimals. It counts hundredths of a
// percent: 100% is 10,000. Set tells 0% from nothing written.
type Percent struct {
	BasisPoints int
	Set         bool
}

var percentRE = regexp.MustCompile(`^(\d{1,3})(?:\.(\d{1,2}))?%$`)

// UnmarshalText reads "20%".
func (p *Percent) UnmarshalText(b []byte) error {
	m := percentRE.FindSubmatch(b)
	if m == nil {
		return fmt.Errorf("%q is not a share; write a percentage such as 20%%", b)
	}
	n, _ := strconv.Atoi(string(m[1]) + (string(m[2]) + "00")[:2])
	if n > 10000 {
		return fmt.Errorf("%q is more than 100%%", b)
	}
	*p = Percent{BasisPoints: n, Set: true}
	return nil
}

// Pattern is the regular expression of the written form, for the JSON Schema.
func (Percent) Pattern() string { return percentRE.String() }

// String writes the share as UnmarshalText reads it; "" if it was not set.
func (p Percent) String() string {
	if !p.Set {
		return ""
	}
	return strings.TrimSuffix(fmt.Sprintf("%d.%02d", p.BasisPoints/100, p.BasisPoints%100), ".00") + "%"
}

// Or returns the share, or the default if nothing was written.
func (p Percent) Or(basisPoints int) int {
	if p.Set {
		return p.BasisPoints
	}
	return basisPoints
}
