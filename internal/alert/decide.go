package alert

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/syncs"
)

// Topics of a sync that have a state.
const (
	topicStatus = "status"
	topicResync = "resync"
	topicSize   = "size"

	topicReload = "reload" // of the project, whose sync is ""
)

// refused is the state of a project whose files changed and are not gone by.
const refused = "refused"

// floor is how many people there must be before a share of them says something.
const floor = 100

// least is how many earlier runs make a usual size.
const least = 3

// Rule is what one alert tells.
type Rule struct {
	On         []string // Failed, Held, …
	SizeChange int      // share in hundredths of a percent
}

func (r Rule) tells(event string) bool { return slices.Contains(r.On, event) }

// State is what was last told of one topic of a sync; "" is that it is well.
type State struct {
	Sync, Topic, State string
	Since              time.Time
}

// Seen is what came of one sync.
type Seen struct {
	Sync   string
	Append bool          // the sync sends messages: there is nothing to write again
	Report *syncs.Report // nil if it did not begin
	// Failure says why it did not begin, where there is no report; syncs with an equal one are told
	// in one message. Its text and that of the report hold no value of a row.
	Failure Failure
	Sizes   []int64 // of its earlier runs that ended well, newest first
	Before  bool    // it ended well before
	Group   string  // what the failure is about, such as a build
}

// Failure is why syncs did not begin.
type Failure struct{ Code, Text, Fix string }

// Notice is a message to send and what is then known to be told. Without a message the states are
// recorded right away.
type Notice struct {
	Message *Message
	States  []State
}

// About says whose runs are told.
type About struct {
	Project, Target string
	Now             time.Time
}

// Decide returns what an alert has to tell of what was seen, after what it told before, in the
// order of seen.
func Decide(about About, rule Rule, told []State, seen []Seen) []Notice {
	d := &deciding{about: about, rule: rule, told: map[[2]string]State{}}
	for _, t := range told {
		d.told[[2]string{t.Sync, t.Topic}] = t
	}
	for _, s := range seen {
		d.status(s)
		if s.Report != nil && s.Report.Tally != nil {
			d.resync(s)
			d.size(s)
		}
	}
	for i := range d.out {
		if m := d.out[i].Message; m != nil {
			m.ID = m.id()
		}
	}
	return d.out
}

type deciding struct {
	about About
	rule  Rule
	told  map[[2]string]State
	out   []Notice
}

func (d *deciding) message(event string, s Seen) *Message {
	m := &Message{Event: event, Project: d.about.Project, Target: d.about.Target, Syncs: []string{s.Sync}, At: d.about.Now.UTC()}
	if r := s.Report; r != nil {
		c := r.Counts
		m.Run, m.Counts = r.Run, &c
	}
	return m
}

// change records a state, with a message unless it is nil.
func (d *deciding) change(s Seen, topic, state string, m *Message) {
	st := State{Sync: s.Sync, Topic: topic, State: state, Since: d.about.Now}
	if m != nil {
		for i := range d.out { // one message where they say the same
			if o := d.out[i].Message; o != nil && o.Run == "" && m.Run == "" && o.Event == m.Event && o.Code == m.Code && o.Text == m.Text {
				o.Syncs = append(o.Syncs, s.Sync)
				o.Title = fmt.Sprintf("%d syncs %s", len(o.Syncs), verb[m.Event])
				o.Command = "weir status"
				d.out[i].States = append(d.out[i].States, st)
				return
			}
		}
	}
	d.out = append(d.out, Notice{Message: m, States: []State{st}})
}

// verb is what syncs did, in a title.
var verb = map[string]string{Failed: "failed", Recovered: "are well again"}

// noun is what a sync recovered from.
var noun = map[string]string{Failed: "failures", Held: "being held", Degraded: "degraded runs"}

// status tells how a run ended, if it ended otherwise than was last told.
func (d *deciding) status(s Seen) {
	was := d.told[[2]string{s.Sync, topicStatus}]
	now := Failed
	if s.Report != nil {
		switch s.Report.Status {
		case syncs.OK:
			now = ""
		case syncs.Degraded:
			if now = Degraded; !d.rule.tells(Degraded) {
				now = ""
			}
		case syncs.Held:
			now = Held
		case syncs.Failed:
		default:
			return
		}
	}
	if now == was.State || now != "" && !d.rule.tells(now) {
		return
	}
	var m *Message
	switch now {
	case "":
		if d.rule.tells(Recovered) {
			m = d.message(Recovered, s)
			m.Run, m.Counts = "", nil // those that failed together are told together
			m.Title, m.Text = s.Sync+" is well again", fmt.Sprintf("The last run was ok, after %s since %s.", noun[was.State], was.Since.UTC().Format("2006-01-02 15:04 UTC"))
			m.Command = "weir status --select " + s.Sync
		}
	case Failed:
		m = d.failed(s)
	case Held:
		m = d.message(Held, s)
		m.Title, m.Code, m.Text, m.Fix = s.Sync+" is held by a guard", s.Report.Code, s.Report.Error, s.Report.Fix
		for _, h := range s.Report.Holds[min(1, len(s.Report.Holds)):] {
			m.Text += "; " + h.What
		}
		m.Command = "weir plan --select " + s.Sync
	case Degraded:
		m = d.message(Degraded, s)
		m.Title, m.Text = s.Sync+" ended degraded", "Not everything was sent: "+why(s.Report)
		m.Code, m.Fix = s.Report.Code, s.Report.Fix
		if s.Report.Error != "" {
			m.Text += ". " + s.Report.Error
		}
		if m.Fix == "" {
			m.Fix = "what was refused is tried again by later runs"
		}
		m.Command = "weir runs rejects " + s.Sync
		if s.Report.Counts.InDoubt > 0 {
			m.Command = "weir runs show " + m.Run
		}
	}
	d.change(s, topicStatus, now, m)
}

func (d *deciding) failed(s Seen) *Message {
	m := d.message(Failed, s)
	m.Title = s.Sync + " failed"
	if r := s.Report; r != nil {
		m.Code, m.Text, m.Fix, m.Command = r.Code, r.Error, r.Fix, "weir runs show "+r.Run
		return m
	}
	m.Code, m.Text, m.Fix, m.Command = s.Failure.Code, s.Failure.Text, s.Failure.Fix, "weir status --select "+s.Sync
	return m
}

// Reading is what came of reading a project again whose files changed.
type Reading struct {
	Findings int    // what is wrong with the files
	First    string // the first of these, with its place and without anybody's data
	Failure  Failure
}

// DecideReading returns what an alert has to tell of a project that was read again, after what it
// told before: that weir goes on with the project as it was, since the files are not in order, with
// r; that they are again, where r is nil.
func DecideReading(about About, rule Rule, told []State, r *Reading) []Notice {
	var was State
	for _, t := range told {
		if t.Sync == "" && t.Topic == topicReload {
			was = t
		}
	}
	d := &deciding{about: about, rule: rule}
	m := &Message{Event: Reload, Project: about.Project, Target: about.Target, Syncs: []string{}, At: about.Now.UTC()}
	switch {
	case r == nil && was.State == "", r != nil && (was.State != "" || !rule.tells(Reload)):
		return nil
	case r == nil && !rule.tells(Recovered):
		m = nil
	case r == nil:
		m.Event, m.Title = Recovered, "the changed project is in use"
		m.Text = "Its files were read, after they were refused since " + was.Since.UTC().Format("2006-01-02 15:04 UTC") + "."
		m.Command = "weir status"
	default:
		m.Title, m.Code, m.Command = "the changed project is refused", r.Failure.Code, "weir validate"
		m.Text = "Syncs go on as the project was before. "
		switch r.Findings {
		case 0:
			m.Text += r.Failure.Text
		case 1:
			m.Text += r.First
		default:
			m.Text += number(int64(r.Findings)) + " findings, the first: " + r.First
		}
		m.Fix = "mend the files, which are then read again by themselves"
	}
	d.change(Seen{}, topicReload, map[bool]string{true: refused}[r != nil], m)
	if m != nil {
		m.ID = m.id()
	}
	return d.out
}

// why says what kept rows of a degraded run from being sent.
func why(r *syncs.Report) string {
	var parts []string
	for _, x := range []struct {
		n    int64
		name string
	}{{r.Counts.Rejected, "rejected"}, {r.Counts.Invalid, "invalid"}, {r.Counts.Due, "due"}, {r.Counts.InDoubt, "in doubt"}} {
		if x.n > 0 {
			parts = append(parts, number(x.n)+" "+x.name)
		}
	}
	text := strings.Join(parts, ", ")
	codes := slices.SortedFunc(maps.Keys(r.Rejects), func(a, b string) int {
		if r.Rejects[a] != r.Rejects[b] {
			return int(min(1, max(-1, r.Rejects[b]-r.Rejects[a])))
		}
		return strings.Compare(a, b)
	})
	if len(codes) > 3 {
		codes = codes[:3]
	}
	for i, c := range codes {
		codes[i] = number(r.Rejects[c]) + " × " + c
	}
	if len(codes) > 0 {
		text += " (" + strings.Join(codes, ", ") + ")"
	}
	return text
}

// resync tells that a run wrote everybody again, and why.
func (d *deciding) resync(s Seen) {
	r, t := s.Report, s.Report.Tally
	if !d.rule.tells(Resync) || s.Append || r.Counts.Delivered+r.Counts.Accepted == 0 && t.Added+t.Updated > 0 {
		return // nothing was written yet: the next run tells
	}
	writes := t.Added + t.Updated
	state, reason := "", ""
	switch {
	case writes == 0:
	case t.Ledger == 0 && !s.Before:
		state, reason = "first_run", "This is its first run."
	case t.Ledger == 0:
		state, reason = "reset", "Its ledger is empty: it was reset, or the warehouse was."
	case 10*t.Updated < 9*(t.Updated+t.Unchanged):
	case t.Mapping:
		state, reason = "mapping", "The mapping of its fields changed."
	case t.Updated >= floor:
		state, reason = "all", "Every row changed, or weir sync full asked for it."
	}
	if state == d.told[[2]string{s.Sync, topicResync}].State {
		return
	}
	if state == "" {
		d.change(s, topicResync, "", nil)
		return
	}
	m := d.message(Resync, s)
	m.Title, m.Code = s.Sync+" wrote everybody again", "alerts."+state
	if state == "first_run" {
		m.Title = s.Sync + " wrote everybody"
	}
	m.Text = fmt.Sprintf("%s %s rows are written, %s are as they should be.", reason, number(writes), number(t.Unchanged))
	m.Command = "weir runs show " + r.Run
	d.change(s, topicResync, state, m)
}

// size tells that a sync is about far more or far fewer people than usual.
func (d *deciding) size(s Seen) {
	if !d.rule.tells(SizeChange) || len(s.Sizes) < least {
		return
	}
	usual, now := median(s.Sizes), s.Report.Tally.Desired
	state, share := "", int64(0)
	if max(usual, now) >= floor {
		if share = 10000; usual > 0 {
			share = (now - usual) * 10000 / usual
		}
		switch {
		case share > int64(d.rule.SizeChange):
			state = "grew"
		case -share > int64(d.rule.SizeChange):
			state = "shrank"
		}
	}
	if state == d.told[[2]string{s.Sync, topicSize}].State {
		return
	}
	if state == "" {
		d.change(s, topicSize, "", nil)
		return
	}
	m := d.message(SizeChange, s)
	m.Size = &Size{Usual: usual, Now: now}
	m.Title, m.Code = s.Sync+" "+state, "alerts."+state
	if usual > 0 {
		m.Title += fmt.Sprintf(" by %d%%", max(share, -share)/100)
	}
	m.Text = fmt.Sprintf("It is about %s people now, and was about %s: the median of its last %d runs.", number(now), number(usual), len(s.Sizes))
	m.Fix = "see whether a source or a rule changed"
	m.Command = "weir plan --select " + s.Sync
	d.change(s, topicSize, state, m)
}

// median is the middle one; of an even number the lower of both.
func median(list []int64) int64 {
	list = slices.Sorted(slices.Values(list))
	return list[(len(list)-1)/2]
}
