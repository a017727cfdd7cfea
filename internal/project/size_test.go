package project

import (
	"strings"
	"testing"
)

func TestSize(t *testing.T) {
	for in, want := range map[string]Size{
		"1B": 1, "100GB": 100_000_000_000, "1.5 TB": 1_500_000_000_000, "512MiB": 512 << 20, "1KB": 1000, "1KiB": 1024, "2PiB": 2 << 50, "0.5KB": 500, "3PB": 3_000_000_000_000_000,
	} {
		var s Size
		if err := s.UnmarshalText([]byte(in)); err != nil || s != want {
			t.Errorf("%s: %d, %v, want %d", in, int64(s), err, want)
		}
	}
	for in, want := range map[string]string{
		"100": "no unit", "1e9": "no unit", "lots": "not a size", "100gb": "not a size", "-1GB": "not a size", "0GB": "no bytes", "0.1B": "no bytes", "999999999999PB": "more than", "": "not a size",
	} {
		var s Size
		if err := s.UnmarshalText([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %d, %v, want %s", in, int64(s), err, want)
		}
	}
	for in, want := range map[Size]string{0: "0 B", 999: "999 B", 1000: "1.00 KB", 1_250_000_000: "1.25 GB", 12_340: "12.3 KB", 123_400: "123 KB", 999_900: "1.00 MB", 5_000_000_000_000_000_000: "5000 PB"} {
		if got := in.String(); got != want {
			t.Errorf("%d: %s, want %s", int64(in), got, want)
		}
	}
}
