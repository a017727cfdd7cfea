package syncs

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
	"time"
)

// NewRun makes the id of a run: its time in UTC and six random characters. Ids sort by time, can
// be read, and are safe in file names and table names.
func NewRun(now time.Time) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	tail := strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))[:6]
	return now.UTC().Format("20060102_150405_") + tail
}
