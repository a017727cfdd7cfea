package app

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/syncs"
)

// Rejects are the rows of a sync that were refused for one reason and not taken since.
type Rejects struct {
	Sync        string     `json:"sync"`
	Code        string     `json:"code"`
	Message     string     `json:"message"`     // without what differs from row to row
	Quarantined bool       `json:"quarantined"` // not tried again until what is sent changes, or a person asks
	Rows        int64      `json:"rows"`
	First       *time.Time `json:"first_seen"` // nil if the history does not go back that far
	Last        *time.Time `json:"last_seen"`
	Next        *time.Time `json:"next_try"` // of the first of them; nil where that is never
	Keys        []string   `json:"keys"`     // a few of them
	Fix         string     `json:"fix"`
}

// shownKeys bounds how many keys of a group are listed.
const shownKeys = 3

// Rejects groups the refused and quarantined rows of a sync, or of all that were picked if name is
// empty, by code and by message without what differs from row to row; the most frequent first.
// Keys are ids of profiles, or masked where the sync's rows have keys of their own; reveal shows
// these too.
func (a *App) Rejects(ctx context.Context, name string, reveal bool) ([]Rejects, error) {
	list := a.chosenSyncs()
	if name != "" {
		s, _, err := a.lifeOf(ctx, name)
		if err != nil {
			return nil, err
		}
		list = []*syncs.Sync{s}
	}
	if _, err := a.warehouse(); err != nil {
		return nil, err
	}
	out := []Rejects{}
	for _, s := range list {
		groups := map[rejectKind]*Rejects{}
		people := s.Segment != "" || s.Entity != "" // keys are ids of profiles
		err := a.led.Refused(ctx, s.Name, func(r ledger.Refusal) error {
			k := rejectKind{r.Code, commonWords(r.Reason), r.Quarantined}
			g := groups[k]
			if g == nil {
				g = &Rejects{Sync: s.Name, Code: k.code, Message: k.message, Quarantined: k.quarantined, Keys: []string{}}
				groups[k] = g
			}
			g.add(r, reveal || people)
			return nil
		})
		if err != nil {
			return nil, a.worldly(err)
		}
		for _, g := range groups {
			g.Fix = g.fix(people)
			out = append(out, *g)
		}
	}
	slices.SortFunc(out, func(x, y Rejects) int {
		return cmp.Or(cmp.Compare(x.Sync, y.Sync), cmp.Compare(y.Rows, x.Rows), cmp.Compare(x.Code, y.Code), cmp.Compare(x.Message, y.Message), btoi(x.Quarantined)-btoi(y.Quarantined))
	})
	return out, nil
}

// asksAgain takes back what a destination said of its quota, when a person knows better, and says so;
// "" if it said nothing. Quotas that the project declares are counted, and stay.
func (a *App) asksAgain(ctx context.Context, s *syncs.Sync) (string, error) {
	d := a.p.Destination(s.Destination)
	dest, ok := destinations.Lookup(d.Type)
	if !ok {
		return "", nil
	}
	st, err := a.journal(ctx)
	if err != nil {
		return "", err
	}
	account, now, said := a.account(d, dest.Spec()), time.Now(), time.Time{}
	lessons, err := st.Recall(ctx, account, now)
	if err != nil {
		return "", a.worldly(err)
	}
	for _, l := range lessons {
		if !strings.HasPrefix(l.About, syncs.AboutQuota) {
			continue
		}
		if l.Until.After(said) {
			said = l.Until
		}
		l.Until = now
		if err := st.Learn(ctx, account, l, now); err != nil {
			return "", a.worldly(err)
		}
	}
	if said.IsZero() {
		return "", nil
	}
	return "the next run asks " + d.Name + " again, which said that it takes nothing before " + said.UTC().Format("2006-01-02 15:04 MST"), nil
}

type rejectKind struct {
	code, message string
	quarantined   bool
}

func (g *Rejects) add(r ledger.Refusal, plain bool) {
	g.Rows += r.Rows
	for _, k := range r.Keys {
		if !plain {
			k = maskedKey(k)
		}
		if len(g.Keys) < shownKeys && !slices.Contains(g.Keys, k) {
			g.Keys = append(g.Keys, k)
		}
	}
	g.First, g.Next = earlier(g.First, r.First), earlier(g.Next, r.Next)
	if !r.Last.IsZero() && (g.Last == nil || r.Last.After(*g.Last)) {
		g.Last = &r.Last
	}
}

// earlier is the earlier of two times, of which either may be missing.
func earlier(a *time.Time, b time.Time) *time.Time {
	if b.IsZero() || a != nil && a.Before(b) {
		return a
	}
	return &b
}

// rejectFixes say what mends a refusal of weir's own codes.
var rejectFixes = map[string]string{
	"syncs.cannot_normalise": "correct the value in its source, or the trait that it comes from",
	"syncs.too_large":        "map fewer or shorter fields",
	"syncs.shared_match":     "let identity join the two, or match by a value that each has alone",
}

// fix says what becomes of the rows, and what a person can do.
func (g *Rejects) fix(people bool) string {
	mend := rejectFixes[g.Code]
	if mend == "" {
		mend = "correct what the destination refuses, in the sources or in the mapping of " + g.Sync
	}
	if people && len(g.Keys) > 0 {
		id, _, _ := strings.Cut(g.Keys[0], ":") // without the number of the entry
		mend += " (see one: weir profile get " + id + ")"
	}
	if g.Quarantined {
		return mend + ": a changed row is sent by itself; where nothing changes on this side: weir runs retry " + g.Sync
	}
	return mend + fmt.Sprintf(": tried again by itself with a run from %s on; now: weir runs retry %s", g.Next.UTC().Format("2006-01-02 15:04 MST"), g.Sync)
}

// What differs from row to row in the words of a vendor, with what stands in its place. Quoted
// words go first, since they may hold any of the others.
var varying = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`"[^"]*"|“[^”]*”|'[^' ][^']*'|` + "`[^`]*`"), "“…”"},
	{regexp.MustCompile(`[^\s<>,;:()]+@[^\s<>,;:()]+`), "…@…"},
	{regexp.MustCompile(`\b[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?\b`), "N"},
	{regexp.MustCompile(`[\p{L}0-9][\p{L}0-9_-]*[\p{L}0-9]`), ""}, // see idWord
	{regexp.MustCompile(`\+?\b[0-9][0-9 .,:/()-]*[0-9]\b|\b[0-9]\b`), "N"},
}

var (
	digit  = regexp.MustCompile(`[0-9]`)
	letter = regexp.MustCompile(`\p{L}`)
	// named are words that have digits and are no ids: sha256, iso-8601, and fields such as line_2.
	named = regexp.MustCompile(`(?i)^(?:(?:base|e|h|http|ipv|iso|md|oauth|rfc|sha|tls|utf|v)[-_]?[0-9]{1,4}|\p{L}[\p{L}_]{3,}[0-9])$`)
)

// idWord puts … in place of a word of letters and digits: an id of somebody, or of a request.
func idWord(word string) string {
	if !digit.MatchString(word) || !letter.MatchString(word) || named.MatchString(word) {
		return word
	}
	return "…"
}

// commonWords is a message without what differs from row to row, which also takes out what is
// personal in it. It is at most 200 letters long.
func commonWords(message string) string {
	message = strings.Join(strings.Fields(message), " ")
	for _, v := range varying {
		if v.with == "" {
			message = v.re.ReplaceAllStringFunc(message, idWord)
			continue
		}
		message = v.re.ReplaceAllString(message, v.with)
	}
	if r := []rune(message); len(r) > 200 {
		message = string(r[:200]) + "…"
	}
	return message
}

// phoneLike is what may be a phone number: at least seven digits in a row, or in groups.
var phoneLike = regexp.MustCompile(`\+?\b[0-9](?:[ .()/-]{0,2}[0-9]){6,}\b`)

// nameless is a text without addresses and what may be phone numbers.
func nameless(text string) string {
	return phoneLike.ReplaceAllString(varying[1].re.ReplaceAllString(text, varying[1].with), "N")
}

// maskedKey is a key of the user's own, of which only the end is shown.
func maskedKey(key string) string {
	if strings.Contains(key, "@") {
		return maskedEmail(key)
	}
	if r := []rune(key); len(r) >= 6 {
		return hidden + string(r[len(r)-2:])
	}
	return hidden
}
