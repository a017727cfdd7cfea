package klaviyo

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
)

// Ensure finds the list called name or creates it. Of several with one name the oldest is
// taken, so that the answer does not change.
func (s *session) Ensure(ctx context.Context, object, name string, _ map[string]any) (string, error) {
	if object != "list" || name == "" {
		return "", &destinations.Fault{Class: destinations.Config, Code: "into", Text: "only a list with a name can be found or made"}
	}
	id, err := s.find(ctx, name)
	if id != "" || err != nil {
		return id, err
	}
	body, err := rest.Encode(map[string]any{"data": map[string]any{"type": "list", "attributes": map[string]any{"name": name}}})
	if err != nil {
		return "", err
	}
	res, err := s.api.Do(ctx, rest.Request{Method: http.MethodPost, Path: "/api/lists", Type: jsonAPI, Body: body})
	if err != nil {
		if res != nil && res.Status == http.StatusConflict {
			// Somebody made it meanwhile.
			if id, again := s.find(ctx, name); id != "" || again != nil {
				return id, again
			}
		}
		return "", err
	}
	var reply struct {
		Data struct{ ID string }
	}
	if err := res.Decode(&reply); err != nil {
		return "", err
	}
	if reply.Data.ID == "" {
		return "", &destinations.Fault{Class: destinations.Ambiguous, Code: "no_list", Text: "the answer names no list"}
	}
	return reply.Data.ID, nil
}

// Find finds the list called name, or "".
func (s *session) Find(ctx context.Context, _, name string) (string, error) { return s.find(ctx, name) }

// find returns the id of the oldest list called exactly name, or "".
func (s *session) find(ctx context.Context, name string) (string, error) {
	var id string
	q := url.Values{"filter": {"equals(name," + quote(name) + ")"}, "fields[list]": {"name"}, "sort": {"created"}}
	err := s.pages(ctx, "/api/lists", q, func(data json.RawMessage) error {
		var page []struct {
			ID         string
			Attributes struct{ Name string }
		}
		if err := json.Unmarshal(data, &page); err != nil {
			return errPage
		}
		for _, l := range page {
			if id == "" && l.Attributes.Name == name {
				id = l.ID
			}
		}
		return nil
	})
	return id, err
}

// quote writes a string for a filter expression (developers.klaviyo.com/en/docs/filtering_).
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// ask is one look-up of up to 100 people by one identifier.
type ask struct {
	by     string // "email", "phone_number" or "external_id"
	values []string
	rows   map[string][]int // by value
	more   string           // further fields to read
}

// maxFilter bounds a filter, in bytes, so that the URL stays within what servers take.
const maxFilter = 4000

// lookups groups rows by the identifier that they are looked up by; more are further fields to
// read, each with a comma before it.
func lookups(b destinations.Batch, rows []int, more string) []ask {
	var done []ask
	open := map[string]*ask{}
	size := map[string]int{}
	for _, i := range rows {
		by, v := who(b.Columns.IDs, b.Rows[i].IDs)
		if by == "" {
			continue
		}
		v = same(by, v)
		a := open[by]
		if a != nil && a.rows[v] == nil && (len(a.values) == pageRows || size[by]+len(v) > maxFilter) {
			done = append(done, *a)
			a = nil
		}
		if a == nil {
			a = &ask{by: by, rows: map[string][]int{}, more: more}
			open[by], size[by] = a, 0
		}
		if a.rows[v] == nil {
			a.values = append(a.values, v)
			size[by] += len(v) + 3
		}
		a.rows[v] = append(a.rows[v], i)
	}
	for _, by := range identifying {
		if a := open[by]; a != nil {
			done = append(done, *a)
		}
	}
	return done
}

func allRows(b destinations.Batch) []int {
	out := make([]int, len(b.Rows))
	for i := range out {
		out[i] = i
	}
	return out
}

// within reports whether a list can be asked for these people. External ids are not among the
// filters of a list's profiles (reference page get_profiles_for_list).
func (a ask) within(list string) bool { return list != "" && a.by != "external_id" }

// request builds the look-up: within a list if it can be, else among all profiles.
func (a ask) request(list string) rest.Request {
	quoted := make([]string, len(a.values))
	for i, v := range a.values {
		quoted[i] = quote(v)
	}
	r := rest.Request{Method: http.MethodGet, Path: "/api/profiles", Query: url.Values{
		"filter":          {"any(" + a.by + ",[" + strings.Join(quoted, ",") + "])"},
		"fields[profile]": {"email,phone_number,external_id" + a.more},
		"page[size]":      {"100"},
	}}
	if a.within(list) {
		r.Path = "/api/lists/" + url.PathEscape(list) + "/profiles"
	}
	return r
}

// found is a profile as a look-up returns it.
type found struct {
	ID         string         `json:"id"`
	Attributes map[string]any `json:"attributes"`
}

// answer performs a look-up and calls each for every row that has a profile.
func (s *session) answer(ctx context.Context, a ask, list string, each func(row int, f found)) error {
	r := a.request(list)
	return s.pages(ctx, r.Path, r.Query, func(data json.RawMessage) error {
		var page []found
		if err := json.Unmarshal(data, &page); err != nil {
			return errPage
		}
		for _, f := range page {
			v, _ := f.Attributes[a.by].(string)
			for _, row := range a.rows[same(a.by, v)] {
				each(row, f)
			}
		}
		return nil
	})
}

// leaving is a row of a removal with its profile id.
type leaving struct {
	row int
	id  string
}

// removals splits a batch into rows whose profile id is known and look-ups for the others.
func removals(b destinations.Batch) (known []leaving, asks []ask) {
	var rest []int
	for i, r := range b.Rows {
		if r.RemoteID != "" {
			known = append(known, leaving{i, r.RemoteID})
		} else {
			rest = append(rest, i)
		}
	}
	return known, lookups(b, rest, "")
}

// removal builds the call that takes up to 1,000 profiles off a list.
func removal(list string, gone []leaving) rest.Request {
	type id struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	}
	data := make([]id, len(gone))
	for i, l := range gone {
		data[i] = id{"profile", l.id}
	}
	body, _ := rest.Encode(map[string]any{"data": data}) // strings always have a form
	return rest.Request{Method: http.MethodDelete, Path: "/api/lists/" + url.PathEscape(list) + "/relationships/profiles", Type: jsonAPI, Body: body}
}

// remove takes people off a list; their profiles and their consent stay as they are. Somebody
// who is not on it is Unchanged.
func (s *session) remove(ctx context.Context, b destinations.Batch) (destinations.Outcome, error) {
	out := destinations.Outcome{Rows: map[int]destinations.Result{}, Rest: destinations.Result{Status: destinations.Unchanged, Reason: "not on the list"}}
	gone, asks := removals(b)
	for i, r := range b.Rows {
		if by, _ := who(b.Columns.IDs, r.IDs); by == "" && r.RemoteID == "" {
			out.Rows[i] = rejected("missing", "no identifier")
		}
	}
	for _, a := range asks {
		err := s.answer(ctx, a, b.Target, func(row int, f found) { gone = append(gone, leaving{row, f.ID}) })
		if err != nil {
			return destinations.Outcome{}, err // nothing was changed yet
		}
	}
	for lo := 0; lo < len(gone); lo += removeRows {
		part := gone[lo:min(lo+removeRows, len(gone))]
		res, err := s.api.Do(ctx, removal(b.Target, part))
		verdict := destinations.Result{Status: destinations.Delivered}
		switch {
		case err == nil:
		case res != nil && res.Status == http.StatusNotFound:
			// Either the list or a profile is not there.
			if err := s.listExists(ctx, b.Target); err != nil {
				return destinations.Outcome{}, err
			}
			if len(part) > 1 {
				return destinations.Outcome{}, &destinations.Fault{Class: destinations.BadBatch, Code: "not_found", Text: "a profile no longer exists"}
			}
			verdict = destinations.Result{Status: destinations.Unchanged, Reason: "the profile no longer exists"}
		case lo == 0:
			return destinations.Outcome{}, throttled(err)
		default:
			return partial(out, gone[lo:], part, throttled(err))
		}
		for _, l := range part {
			verdict.RemoteID = l.id
			out.Rows[l.row] = verdict
		}
	}
	return out, nil
}

// partial is the outcome when some calls of a removal were done and one was not: what is left
// is sent later, and what was in the failed call may have been applied if nobody can tell.
func partial(out destinations.Outcome, left, failed []leaving, err error) (destinations.Outcome, error) {
	f := destinations.AsFault(err)
	switch f.Class {
	case destinations.Throttled, destinations.Transient, destinations.Ambiguous:
	default:
		return destinations.Outcome{}, err // removing again what was removed is harmless
	}
	for _, l := range left {
		out.Rows[l.row] = destinations.Result{Status: destinations.Later, Code: f.Code, RetryAfter: f.RetryAfter}
	}
	if f.Class == destinations.Ambiguous {
		for _, l := range failed {
			out.Rows[l.row] = destinations.Result{Status: destinations.Uncertain, Code: f.Code}
		}
	}
	return out, nil
}

// listExists returns a fault of class Gone if the list is not there.
func (s *session) listExists(ctx context.Context, list string) error {
	_, err := s.api.Do(ctx, rest.Request{Method: http.MethodGet, Path: "/api/lists/" + url.PathEscape(list), Query: url.Values{"fields[list]": {"name"}}})
	return err
}

// Members reads a list back, or all profiles of the account, 100 people a call. Reading is one call to the engine but many to
// the vendor, whose limit is 700 a minute: a full window is waited out here, since starting over
// would meet it again.
func (s *session) Members(ctx context.Context, object, target string, columns destinations.Columns, yield func(ids []any) bool) error {
	q := url.Values{"fields[profile]": {"email,phone_number,external_id"}, "page[size]": {"100"}}
	errStop := errors.New("enough")
	path := "/api/profiles"
	if object == "list" {
		path = "/api/lists/" + url.PathEscape(target) + "/profiles"
	}
	for waits := 0; ; {
		// pages leaves the cursor in q, so that a repeated call goes on where it stopped.
		err := s.pages(ctx, path, q, func(data json.RawMessage) error {
			waits = 0
			var page []found
			if err := json.Unmarshal(data, &page); err != nil {
				return errPage
			}
			for _, f := range page {
				ids := make([]any, len(columns.IDs))
				for j, name := range columns.IDs {
					ids[j] = destinations.Absent
					if v, ok := f.Attributes[name].(string); ok && v != "" {
						ids[j] = same(name, v)
					}
				}
				if !yield(ids) {
					return errStop
				}
			}
			return nil
		})
		var f *destinations.Fault
		switch {
		case err == nil, errors.Is(err, errStop):
			return nil
		case !errors.As(err, &f) || f.Class != destinations.Throttled || waits == 3:
			return err
		}
		waits++
		t := time.NewTimer(min(max(f.RetryAfter, time.Second), time.Minute))
		select {
		case <-ctx.Done():
			t.Stop()
			return err
		case <-t.C:
		}
	}
}
