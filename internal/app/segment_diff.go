package app

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/models"
)

// DiffOptions say between which times people are compared.
type DiffOptions struct {
	Since string // a build's number, a time, a date, or how long ago: 7d. Defaults to the build before
	Limit int    // how many people are shown of each kind. Defaults to 10
}

// SegmentDiff is who entered and left a segment between two times.
type SegmentDiff struct {
	Segment  string          `json:"segment"`
	Entity   string          `json:"entity"`
	Timezone string          `json:"timezone"`
	From     BuildMoment     `json:"from"`
	To       BuildMoment     `json:"to"`
	Before   int64           `json:"before"`
	After    int64           `json:"after"`
	Entered  int64           `json:"entered"`
	Left     int64           `json:"left"`
	Merged   int64           `json:"merged"` // of those who left: their profile was merged into another one
	Came     int64           `json:"came_and_went"`
	Moves    []MoveCount     `json:"moves"` // by build, or by day if there are many; the oldest first
	ByDay    bool            `json:"by_day,omitempty"`
	Traits   []PreviewTrait  `json:"traits"`
	Joined   []PreviewPerson `json:"joined"` // a sample, masked
	Gone     []PreviewPerson `json:"gone"`
}

// BuildMoment is the time of a build; Build is "" for another time.
type BuildMoment struct {
	Build string    `json:"build,omitempty"`
	At    time.Time `json:"at"`
}

// MoveCount is how many entered and left by one build, or on one day.
type MoveCount struct {
	Build   string    `json:"build,omitempty"`
	At      time.Time `json:"at"`
	Entered int64     `json:"entered"`
	Left    int64     `json:"left"`
}

// maxMoves is how many builds are listed; more are put together by day.
const maxMoves = 30

// DiffSegment says who entered and left a segment since a time, by the history of the build in
// force.
func (a *App) DiffSegment(ctx context.Context, name string, o DiffOptions) (*SegmentDiff, error) {
	seg, err := a.segmentNamed(name)
	if err != nil {
		return nil, err
	}
	if o.Limit <= 0 {
		o.Limit = 10
	}
	out := &SegmentDiff{Segment: name, Entity: seg.Entity, Timezone: a.p.Timezone.String(), Moves: []MoveCount{}, Traits: []PreviewTrait{}, Joined: []PreviewPerson{}, Gone: []PreviewPerson{}}
	err = a.onSegment(ctx, seg, func(l *lookup) error {
		builds, err := build.List(ctx, l.s, a.w, seg.Entity)
		if err != nil {
			return err
		}
		out.To = BuildMoment{l.in.Build.ID, l.in.AsOf}
		if out.From, err = since(o.Since, builds, out.To.At, a.p.Timezone); err != nil {
			return err
		}
		return l.moved(ctx, out, seg, builds, int64(o.Limit))
	})
	return out, err
}

var agoRE = regexp.MustCompile(`^\d{1,6}[wdhms]$`)

// since reads from when on people are compared.
func since(text string, builds []build.Published, to time.Time, zone *time.Location) (BuildMoment, error) {
	of := func(b build.Published) BuildMoment { return BuildMoment{b.ID, b.AsOf} }
	if text == "" {
		if len(builds) < 2 {
			return BuildMoment{}, &Error{Kind: Refused, Code: "segments.no_history", Message: "there is one build only, and nothing before it to compare with", Fix: "build again, or say since when: --since 2026-01-31"}
		}
		return of(builds[len(builds)-2]), nil
	}
	if i := slices.IndexFunc(builds, func(b build.Published) bool { return b.ID == text }); i >= 0 {
		return of(builds[i]), nil
	}
	at := time.Time{}
	var d models.Duration
	switch {
	case agoRE.MatchString(text) && d.UnmarshalText([]byte(text)) == nil:
		at = to.Add(-time.Duration(d))
	default:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
			if t, err := time.ParseInLocation(layout, text, zone); err == nil {
				at = t.UTC().Truncate(time.Microsecond)
				break
			}
		}
	}
	if at.IsZero() {
		return BuildMoment{}, &Error{Kind: Refused, Code: "segments.since", Message: fmt.Sprintf("%q is neither a build of the entity nor a time", text), Fix: "give a build's number, a date such as 2026-01-31, a time, or how long ago: 7d"}
	}
	if !at.Before(to) {
		return BuildMoment{}, &Error{Kind: Refused, Code: "segments.since", Message: "that is not before the build in force, which is as of " + to.In(zone).Format("2006-01-02 15:04"), Fix: "give an earlier time, or build first: weir build"}
	}
	m := BuildMoment{At: at}
	for _, b := range builds {
		if b.AsOf.Equal(at) {
			m.Build = b.ID
		}
	}
	return m, nil
}

// moved reads the movements, and samples of who moved.
func (l *lookup) moved(ctx context.Context, out *SegmentDiff, seg *models.Segment, builds []build.Published, limit int64) error {
	from, to := out.From.At, out.To.At
	err := l.each(ctx, compile.Moves(seg.Entity, l.in.Build, seg.Name, from, to), func(row cells) error {
		out.Before, out.After, out.Entered, out.Left, out.Merged, out.Came = row.int(0), row.int(1), row.int(2), row.int(3), row.int(4), row.int(5)
		return nil
	})
	if err != nil {
		return err
	}
	err = l.each(ctx, compile.MovesByTime(seg.Entity, l.in.Build, seg.Name, from, to), func(row cells) error {
		at := row.time(1)
		if n := len(out.Moves); n == 0 || !out.Moves[n-1].At.Equal(*at) {
			m := MoveCount{At: *at}
			for _, b := range builds {
				if b.AsOf.Equal(*at) {
					m.Build = b.ID
				}
			}
			out.Moves = append(out.Moves, m)
		}
		m := &out.Moves[len(out.Moves)-1]
		if row.text(0) == compile.MoveEntered {
			m.Entered = row.int(2)
		} else {
			m.Left = row.int(2)
		}
		return nil
	})
	if err != nil {
		return err
	}
	out.byDay(l.a.p.Timezone)
	return l.movers(ctx, out, seg, limit)
}

// byDay puts the movements of many builds together by local date.
func (d *SegmentDiff) byDay(zone *time.Location) {
	if len(d.Moves) <= maxMoves {
		return
	}
	d.ByDay = true
	var days []MoveCount
	for _, m := range d.Moves {
		y, mo, day := m.At.In(zone).Date()
		at := time.Date(y, mo, day, 0, 0, 0, 0, zone).UTC()
		if n := len(days); n == 0 || !days[n-1].At.Equal(at) {
			days = append(days, MoveCount{At: at})
		}
		days[len(days)-1].Entered += m.Entered
		days[len(days)-1].Left += m.Left
	}
	d.Moves = days
}

// movers reads samples of who entered and who left.
func (l *lookup) movers(ctx context.Context, out *SegmentDiff, seg *models.Segment, limit int64) error {
	have, err := l.s.Columns(ctx, l.in.Build.Table(l.in.Entity, compile.Profiles))
	if err != nil {
		return err
	}
	var shown []string
	for _, t := range l.a.shownTraits(seg) {
		for _, c := range have {
			if c.Name == t {
				shown = append(shown, t)
			}
		}
	}
	types := l.traitTypes(shown)
	for i, t := range shown {
		tags := l.in.Model.Tags(seg.Entity, t)
		out.Traits = append(out.Traits, PreviewTrait{Name: t, Type: string(types[i]), PII: tags, Masked: len(tags) > 0})
	}
	for _, kind := range []string{compile.MoveEntered, compile.MoveLeft} {
		into := &out.Joined
		if kind == compile.MoveLeft {
			into = &out.Gone
		}
		err := l.each(ctx, compile.MovedProfiles(l.in, seg.Name, kind, out.From.At, out.To.At, shown, limit), func(row cells) error {
			p := PreviewPerson{ProfileID: row.text(0), Values: []any{}}
			for i, t := range out.Traits {
				v, _ := masked(t.PII, plain(row[1+i], types[i]))
				p.Values = append(p.Values, v)
			}
			*into = append(*into, p)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
