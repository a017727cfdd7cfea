package models

import (
	"testing"
	"time"
)

func TestValue(t *testing.T) {
	for _, c := range []struct {
		tag, in string
		typ     Type
		text    string
		err     string
	}{
		{"!!str", "hi", Text, "hi", ""},
		{"!!int", "42", Integer, "42", ""},
		{"!!int", "+42", Integer, "42", ""},
		{"!!int", "0", Integer, "0", ""},
		{"!!int", "-7", Integer, "-7", ""},
		{"!!int", "0123", "", "", `"0123" starts with a zero; write it in quotes if it is text, without the zero if it is a number`},
		{"!!int", "0x1F", "", "", `"0x1F" is not a whole number of up to 64 bits in base 10`},
		{"!!int", "9223372036854775808", "", "", `"9223372036854775808" is not a whole number of up to 64 bits in base 10`},
		{"!!float", "1.50", Number, "1.50", ""},
		{"!!float", "1e3", Number, "1e3", ""},
		{"!!float", ".inf", "", "", `".inf" is not a finite number`},
		{"!!bool", "True", Boolean, "true", ""},
		{"!!timestamp", "2026-01-31", Date, "2026-01-31", ""},
		{"!!timestamp", "2026-01-31T10:00:00+01:00", Timestamp, "2026-01-31T09:00:00Z", ""},
		{"!!timestamp", "2026-01-31 10:00:00.123456", Timestamp, "2026-01-31T10:00:00.123456Z", ""},
		{"!!timestamp", "2026-1-31", "", "", `"2026-1-31" is not a date or an RFC 3339 time`},
		{"!!null", "null", "", "", "null is not a value; use exists: false"},
		{"!!binary", "aGk=", "", "", "a value must be text, a number, true, false, a date or a time"},
	} {
		var v Value
		err := v.UnmarshalScalar(c.tag, c.in)
		switch {
		case c.err != "":
			if err == nil || err.Error() != c.err {
				t.Errorf("%s %s: error %v, want %s", c.tag, c.in, err, c.err)
			}
		case err != nil || v.Type != c.typ || v.Text != c.text:
			t.Errorf("%s %s: %+v, %v", c.tag, c.in, v, err)
		}
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "12h": 12 * time.Hour, "30m": 30 * time.Minute, "45s": 45 * time.Second, "0d": 0} {
		var d Duration
		if err := d.UnmarshalText([]byte(in)); err != nil || time.Duration(d) != want {
			t.Errorf("%s: %v, %v", in, d, err)
		}
		var again Duration
		if err := again.UnmarshalText([]byte(d.String())); err != nil || again != d {
			t.Errorf("%s: %s reads back as %v, %v", in, d, again, err)
		}
	}
	for _, in := range []string{"", "90", "d", "1.5d", "-1d", "90 d", "9999999d", "999999w", "1y"} {
		if err := new(Duration).UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q is read", in)
		}
	}
}

func TestPercent(t *testing.T) {
	for in, want := range map[string]int{"20%": 2000, "0%": 0, "100%": 10000, "2.5%": 250, "0.01%": 1} {
		var p Percent
		if err := p.UnmarshalText([]byte(in)); err != nil || p.BasisPoints != want || !p.Set {
			t.Errorf("%s: %+v, %v", in, p, err)
		}
		var again Percent
		if err := again.UnmarshalText([]byte(p.String())); err != nil || again != p {
			t.Errorf("%s: %s reads back as %+v, %v", in, p, again, err)
		}
	}
	for _, in := range []string{"", "20", "0.2", "101%", "-1%", "1.234%", "20 %"} {
		if err := new(Percent).UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q is read", in)
		}
	}
	if p := (Percent{}); p.Or(7) != 7 || p.String() != "" {
		t.Error("an unset share has a value")
	}
}
