package klaviyo

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
)

// clearFor is how long one call may spend on clearing fields, each of which takes a request.
const clearFor = 40 * time.Second

// attributes are those read before clearing.
const attributes = ",first_name,last_name,organization,locale,title,image,location"

// clearFirst clears the standard attributes that rows of an import set to null, where the
// profile still holds a value. It reports false if time ran out first.
func (s *session) clearFirst(ctx context.Context, b destinations.Batch, im imports) (bool, error) {
	if len(im.clears) == 0 {
		return true, nil
	}
	where := places(b.Columns.Fields)
	start := s.now()
	for _, a := range lookups(b, im.clears, attributes) {
		var stale []found
		err := s.answer(ctx, a, "", func(row int, f found) {
			if p, some := emptied(b, row, where, f, false); some {
				stale = append(stale, found{f.ID, p})
			}
		})
		if err != nil {
			return false, err
		}
		for _, f := range stale {
			if s.now().Sub(start) > clearFor {
				return false, nil
			}
			res, err := s.patch(ctx, f, nil)
			if err != nil && (res == nil || res.Status != http.StatusNotFound) {
				return false, err
			}
		}
	}
	return true, nil
}

// wipe clears the mapped fields of people who left. Nobody is created by it: without a profile
// there is nothing to clear.
func (s *session) wipe(ctx context.Context, b destinations.Batch) (destinations.Outcome, error) {
	out := destinations.Outcome{Rows: map[int]destinations.Result{}, Rest: destinations.Result{Status: destinations.Unchanged, Reason: "no such profile"}}
	where := places(b.Columns.Fields)
	start := s.now()
	changed := false
	for i, r := range b.Rows {
		if by, _ := who(b.Columns.IDs, r.IDs); by == "" {
			out.Rows[i] = rejected("missing", "no identifier")
		}
	}
	for _, a := range lookups(b, allRows(b), attributes+",properties") {
		type stale struct {
			row   int
			to    found
			unset []string
		}
		var all []stale
		err := s.answer(ctx, a, "", func(row int, f found) {
			p, some := emptied(b, row, where, f, true)
			var unset []string
			have, _ := f.Attributes["properties"].(map[string]any)
			for j, at := range where {
				if at.in == "properties" && !destinations.IsAbsent(field(b, row, j)) && have[at.name] != nil {
					unset = append(unset, at.name)
				}
			}
			if !some && len(unset) == 0 {
				out.Rows[row] = destinations.Result{Status: destinations.Unchanged, RemoteID: f.ID}
				return
			}
			all = append(all, stale{row, found{f.ID, p}, unset})
		})
		if err != nil {
			return stopped(out, changed, err)
		}
		for _, st := range all {
			if s.now().Sub(start) > clearFor {
				out.Rows[st.row] = destinations.Result{Status: destinations.Later, Reason: "clearing fields one by one takes longer than one call"}
				continue
			}
			res, err := s.patch(ctx, st.to, st.unset)
			switch {
			case err == nil:
				out.Rows[st.row] = destinations.Result{Status: destinations.Delivered, RemoteID: st.to.ID}
				changed = true
			case res != nil && res.Status == http.StatusNotFound:
				out.Rows[st.row] = destinations.Result{Status: destinations.Unchanged, Reason: "the profile no longer exists"}
			default:
				return stopped(out, changed, err)
			}
		}
	}
	return out, nil
}

// stopped ends a batch of single calls at a fault. Clearing again what is clear is harmless, so
// the whole batch can be sent again.
func stopped(out destinations.Outcome, changed bool, err error) (destinations.Outcome, error) {
	f := destinations.AsFault(err)
	if changed && (f.Class == destinations.Throttled || f.Class == destinations.Transient) {
		// Rows without a verdict were not looked at or not cleared.
		out.Rest = destinations.Result{Status: destinations.Later, Code: f.Code, RetryAfter: f.RetryAfter}
		return out, nil
	}
	return destinations.Outcome{}, err
}

// emptied returns the standard attributes of f that row wants cleared and that hold a value,
// set to null, and whether there are any. A Clear wants all its fields cleared, an import those
// that are nil. What identifies the row is never cleared.
func emptied(b destinations.Batch, row int, where []place, f found, all bool) (map[string]any, bool) {
	out := map[string]any{}
	var location map[string]any
	have, _ := f.Attributes["location"].(map[string]any)
	for j, at := range where {
		v := field(b, row, j)
		if destinations.IsAbsent(v) || (v != nil && !all) {
			continue
		}
		switch {
		case at.in == "location" && held(have[at.name]):
			if location == nil {
				location = map[string]any{}
			}
			location[at.name] = nil
		case at.in == "" && held(f.Attributes[at.name]) && !identifies(b, row, at.name):
			out[at.name] = nil
		}
	}
	if location != nil {
		out["location"] = location
	}
	return out, len(out) > 0
}

// field returns a field of a row. Rows of people who leave may come without any: nil, to be
// cleared.
func field(b destinations.Batch, row, j int) any {
	if f := b.Rows[row].Fields; j < len(f) {
		return f[j]
	}
	return nil
}

func held(v any) bool { return v != nil && v != "" }

func identifies(b destinations.Batch, row int, name string) bool {
	for j, id := range b.Columns.IDs {
		if v, ok := b.Rows[row].IDs[j].(string); id == name && ok && v != "" {
			return true
		}
	}
	return false
}

// patch updates one profile (reference page update_profile: null clears, absence leaves alone).
func (s *session) patch(ctx context.Context, f found, unset []string) (*rest.Response, error) {
	type data struct {
		profile
		ID string `json:"id"`
	}
	d := data{profile{Type: "profile", Attributes: f.Attributes}, f.ID}
	if len(unset) > 0 {
		d.Meta = &meta{}
		d.Meta.Patch.Unset = unset
	}
	body, err := rest.Encode(map[string]any{"data": d})
	if err != nil {
		return nil, err
	}
	return s.api.Do(ctx, rest.Request{Method: http.MethodPatch, Path: "/api/profiles/" + url.PathEscape(f.ID), Type: jsonAPI, Body: body, Repeatable: true})
}
