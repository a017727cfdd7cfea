package alert

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/syncs"
)

var all = Rule{On: []string{Failed, Held, Degraded, Resync, SizeChange, Recovered}, SizeChange: 3000}

// told is one alert's memory over many runs.
type told struct {
	rule Rule
	mem  map[[2]string]State
	now  time.Time
}

func newTold(r Rule) *told {
	return &told{rule: r, mem: map[[2]string]State{}, now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}
}

// see decides, keeps what is told, and returns the messages.
func (m *told) see(seen ...Seen) []*Message {
	m.now = m.now.Add(5 * time.Minute)
	var out []*Message
	for _, n := range Decide(About{"shop", "prod", m.now}, m.rule, slices.Collect(func(yield func(State) bool) {
		for _, s := range m.mem {
			if !yield(s) {
				return
			}
		}
	}), seen) {
		if n.Message != nil {
			out = append(out, n.Message)
		}
		for _, s := range n.States {
			if m.mem[[2]string{s.Sync, s.Topic}] = s; s.State == "" {
				delete(m.mem, [2]string{s.Sync, s.Topic})
			}
		}
	}
	return out
}

func ran(status syncs.Status) Seen {
	r := &syncs.Report{Run: "r1", Sync: "vip", Status: status, Counts: syncs.Counts{Delivered: 1}, Tally: &syncs.Tally{Ledger: 500, Desired: 500, Updated: 1, Unchanged: 499}}
	switch status {
	case syncs.Failed:
		r.Code, r.Error, r.Fix = "syncs.refused", "the destination refuses the key", "set KLAVIYO_API_KEY"
	case syncs.Held:
		r.Code, r.Error, r.Holds = "syncs.max_removed", "60% would go", []syncs.Hold{{What: "60% would go"}, {What: "the source is old"}}
	case syncs.Degraded:
		r.Counts.Rejected, r.Rejects = 3, map[string]int64{"invalid_email": 2, "x": 1}
	}
	return Seen{Sync: "vip", Report: r, Before: true}
}

func titles(ms []*Message) (out []string) {
	for _, m := range ms {
		out = append(out, m.Title)
	}
	return out
}

// TestOneMessagePerChange walks a sync through its states.
func TestOneMessagePerChange(t *testing.T) {
	for _, c := range []struct {
		name string
		on   []string
		runs []syncs.Status
		want []string // titles, "" for no message
	}{
		{"told once, and once when it is well", all.On, []syncs.Status{syncs.OK, syncs.Failed, syncs.Failed, syncs.Failed, syncs.OK, syncs.OK},
			[]string{"", "vip failed", "", "", "vip is well again", ""}},
		{"every state is told", all.On, []syncs.Status{syncs.Failed, syncs.Held, syncs.Degraded, syncs.Degraded, syncs.OK},
			[]string{"vip failed", "vip is held by a guard", "vip ended degraded", "", "vip is well again"}},
		{"a stopped run says nothing", all.On, []syncs.Status{syncs.Failed, syncs.Stopped, syncs.Failed, syncs.Stopped, syncs.OK},
			[]string{"vip failed", "", "", "", "vip is well again"}},
		{"degraded counts as well where nobody asked", []string{Failed, Recovered}, []syncs.Status{syncs.Degraded, syncs.Failed, syncs.Degraded, syncs.Failed},
			[]string{"", "vip failed", "vip is well again", "vip failed"}},
		{"held is nothing where nobody asked", []string{Failed, Recovered}, []syncs.Status{syncs.Failed, syncs.Held, syncs.Failed, syncs.OK},
			[]string{"vip failed", "", "", "vip is well again"}},
		{"well again is not told where nobody asked", []string{Failed}, []syncs.Status{syncs.Failed, syncs.OK, syncs.Failed},
			[]string{"vip failed", "", "vip failed"}},
	} {
		m := newTold(Rule{On: c.on})
		var got []string
		for _, s := range c.runs {
			got = append(got, strings.Join(titles(m.see(ran(s))), ", "))
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// TestDegradedSaysWhy tells why a run stopped in the middle, where its report does.
func TestDegradedSaysWhy(t *testing.T) {
	s := ran(syncs.Degraded)
	s.Report.Code, s.Report.Error, s.Report.Fix = "syncs.quota", "the day's calls are used up", "it goes on tomorrow"
	got := newTold(all).see(s)
	if len(got) != 1 || got[0].Code != "syncs.quota" || got[0].Fix != "it goes on tomorrow" || got[0].Text != "Not everything was sent: 3 rejected (2 × invalid_email, 1 × x). the day's calls are used up" {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsTold(t *testing.T) {
	for status, want := range map[syncs.Status]*Message{
		syncs.Failed: {Event: Failed, Run: "r1", Title: "vip failed", Text: "the destination refuses the key", Code: "syncs.refused", Fix: "set KLAVIYO_API_KEY", Command: "weir runs show r1", Counts: &syncs.Counts{Delivered: 1}},
		syncs.Held:   {Event: Held, Run: "r1", Title: "vip is held by a guard", Text: "60% would go; the source is old", Code: "syncs.max_removed", Command: "weir plan --select vip", Counts: &syncs.Counts{Delivered: 1}},
		syncs.Degraded: {Event: Degraded, Run: "r1", Title: "vip ended degraded", Text: "Not everything was sent: 3 rejected (2 × invalid_email, 1 × x)", Fix: "what was refused is tried again by later runs",
			Command: "weir runs rejects vip", Counts: &syncs.Counts{Delivered: 1, Rejected: 3}},
	} {
		want.Project, want.Target, want.Syncs, want.At = "shop", "prod", []string{"vip"}, time.Date(2026, 6, 1, 12, 5, 0, 0, time.UTC)
		got := newTold(all).see(ran(status))
		if len(got) != 1 || len(got[0].ID) != 24 {
			t.Fatalf("%s: %+v", status, got)
		}
		got[0].ID = ""
		if d := cmp.Diff(want, got[0]); d != "" {
			t.Errorf("%s (-want +got):\n%s", status, d)
		}
	}
}

// TestTogether tells syncs that a build kept from running in one message, and their recovery in
// one; a sync that fails for a reason of its own is told by itself.
func TestTogether(t *testing.T) {
	m := newTold(all)
	failed := func(sync, text string) Seen { return Seen{Sync: sync, Failure: Failure{"build.busy", text, "wait"}} }
	got := m.see(failed("a", "no disk"), failed("b", "no disk"), failed("c", "no list"))
	if d := cmp.Diff([]string{"2 syncs failed", "c failed"}, titles(got)); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"a", "b"}, got[0].Syncs); d != "" || got[0].Command != "weir status" {
		t.Errorf("%s %s", d, got[0].Command)
	}
	if got := m.see(failed("a", "no disk"), failed("b", "another thing")); got != nil {
		t.Errorf("told again: %v", titles(got))
	}
	well := func(sync string) Seen { s := ran(syncs.OK); s.Sync = sync; return s }
	if d := cmp.Diff([]string{"3 syncs are well again"}, titles(m.see(well("a"), well("b"), well("c")))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestResync(t *testing.T) {
	m := newTold(all)
	run := func(before bool, t syncs.Tally) Seen {
		s := ran(syncs.OK)
		s.Before, s.Report.Tally = before, &t
		s.Report.Counts = syncs.Counts{Added: t.Added, Updated: t.Updated, Delivered: t.Added + t.Updated}
		return s
	}
	usual := syncs.Tally{Ledger: 500, Desired: 500, Updated: 2, Unchanged: 498}
	for i, c := range []struct {
		seen Seen
		want string // the text
	}{
		{run(false, syncs.Tally{Desired: 500, Added: 500}), "This is its first run. 500 rows are written, 0 are as they should be."},
		{run(true, usual), ""},
		{run(true, syncs.Tally{Ledger: 500, Desired: 500, Updated: 500, Mapping: true}), "The mapping of its fields changed. 500 rows are written, 0 are as they should be."},
		{run(true, syncs.Tally{Ledger: 500, Desired: 500, Updated: 490, Unchanged: 10, Mapping: true}), ""}, // the rest of it
		{run(true, usual), ""},
		{run(true, syncs.Tally{Ledger: 500, Desired: 500, Updated: 100, Unchanged: 400, Mapping: true}), ""}, // a fifth is not everybody
		{run(true, syncs.Tally{Ledger: 500, Desired: 500, Updated: 500}), "Every row changed, or weir sync full asked for it. 500 rows are written, 0 are as they should be."},
		{run(true, usual), ""},
		{run(true, syncs.Tally{Ledger: 3, Desired: 3, Updated: 3}), ""}, // three rows change easily
		{run(true, syncs.Tally{Desired: 500, Added: 500}), "Its ledger is empty: it was reset, or the warehouse was. 500 rows are written, 0 are as they should be."},
	} {
		var text string
		if got := m.see(c.seen); len(got) > 0 {
			text = got[0].Text
		}
		if text != c.want {
			t.Errorf("run %d tells %q, want %q", i, text, c.want)
		}
	}
	s := run(true, syncs.Tally{Desired: 500, Added: 500})
	s.Report.Status, s.Report.Counts.Delivered = syncs.Held, 0
	if got := titles(newTold(Rule{On: []string{Resync}}).see(s)); got != nil {
		t.Errorf("a held run wrote nothing, and %v", got)
	}
	s = run(false, syncs.Tally{Desired: 500, Added: 500})
	s.Append = true
	if got := titles(newTold(all).see(s)); got != nil {
		t.Errorf("messages are not written again, and %v", got)
	}
}

func TestSizeChange(t *testing.T) {
	m := newTold(Rule{On: []string{SizeChange}, SizeChange: 3000})
	run := func(now int64, sizes ...int64) Seen {
		s := ran(syncs.OK)
		s.Report.Tally.Desired, s.Sizes = now, sizes
		return s
	}
	for i, c := range []struct {
		seen Seen
		want string // the title
	}{
		{run(130, 100, 100, 100), ""}, // exactly the share
		{run(131, 100, 100, 100), "vip grew by 31%"},
		{run(140, 131, 100, 100, 100), ""}, // still
		{run(125, 140, 131, 100, 100, 100), ""},
		{run(60, 100, 100, 100), "vip shrank by 40%"},
		{run(0, 60, 100, 100, 100, 100), ""},
		{run(100, 0, 60, 100, 100, 100), ""},
		{run(40, 99, 20, 20), ""}, // few people
		{run(400, 0, 0, 0), "vip grew"},
		{run(1, 500, 500), ""}, // too few runs
	} {
		if got := strings.Join(titles(m.see(c.seen)), ", "); got != c.want {
			t.Errorf("run %d tells %q, want %q", i, got, c.want)
		}
	}
}

func TestReading(t *testing.T) {
	about := About{Project: "shop", Target: "prod", Now: time.Date(2026, 5, 2, 8, 0, 0, 0, time.UTC)}
	all := Rule{On: []string{Reload, Recovered}}
	told := []State{{Sync: "", Topic: topicReload, State: refused, Since: about.Now.Add(-time.Hour)}}
	two := &Reading{Findings: 2, First: "weir.yml:3:5: no such trait", Failure: Failure{Code: "project.findings", Text: "2 findings"}}
	for name, c := range map[string]struct {
		rule  Rule
		told  []State
		r     *Reading
		text  string // of the message
		state string
		out   int
	}{
		"refused":            {all, nil, two, "Syncs go on as the project was before. 2 findings, the first: weir.yml:3:5: no such trait", refused, 1},
		"one finding":        {all, nil, &Reading{Findings: 1, First: "weir.yml: x"}, "Syncs go on as the project was before. weir.yml: x", refused, 1},
		"unreadable":         {all, nil, &Reading{Failure: Failure{Text: "no weir.yml"}}, "Syncs go on as the project was before. no weir.yml", refused, 1},
		"still refused":      {all, told, two, "", "", 0},
		"not asked for":      {Rule{On: []string{Failed}}, nil, two, "", "", 0},
		"well as before":     {all, nil, nil, "", "", 0},
		"well again":         {all, told, nil, "Its files were read, after they were refused since 2026-05-02 07:00 UTC.", "", 1},
		"well again, silent": {Rule{On: []string{Reload}}, told, nil, "", "", 1},
	} {
		got := DecideReading(about, c.rule, c.told, c.r)
		if len(got) != c.out {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		if c.out == 0 {
			continue
		}
		m := got[0].Message
		if (m != nil) != (c.text != "") || m != nil && (m.Text != c.text || m.ID == "" || m.Syncs == nil) {
			t.Errorf("%s: %+v", name, m)
		}
		if st := got[0].States; len(st) != 1 || st[0].State != c.state || st[0].Topic != topicReload || st[0].Sync != "" {
			t.Errorf("%s: %+v", name, st)
		}
	}
}
