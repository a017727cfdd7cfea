package klaviyo

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
)

// jsonAPI is the content type of every body in both directions.
const jsonAPI = "application/vnd.api+json"

// session is Klaviyo with a key. It keeps nothing between calls, so it is safe for concurrent
// use.
type session struct {
	api *rest.Client
	now func() time.Time
}

var (
	_ destinations.AudienceManager = (*session)(nil)
	_ destinations.Lister          = (*session)(nil)
	_ destinations.Poller          = (*session)(nil)
	_ destinations.Previewer       = (*session)(nil)
)

// Open prepares a session.
func (Destination) Open(_ context.Context, env destinations.Env) (destinations.Session, error) {
	base, _ := env.Settings["base_url"].(string)
	if base == "" {
		base = baseURL
	}
	api, err := rest.New(env, rest.Options{
		Base: base,
		Auth: func(r *http.Request) error {
			key, err := env.Secret("api_key")
			if err != nil {
				return err
			}
			if key == "" {
				return &destinations.Fault{Class: destinations.Config, Code: "api_key", Text: "api_key is empty"}
			}
			r.Header.Set("Authorization", "Klaviyo-API-Key "+key)
			return nil
		},
		Headers: map[string]string{"revision": revision, "Accept": jsonAPI},
		Fault:   vendorFault,
		Reason:  reason,
		MaxBody: 4 << 20,
		Timeout: time.Minute,
	})
	if err != nil {
		return nil, err
	}
	now := env.Now
	if now == nil {
		now = time.Now
	}
	return &session{api: api, now: now}, nil
}

// Close does nothing: connections belong to the engine.
func (s *session) Close(context.Context) error { return nil }

// Check reads one list and one profile, which proves the key and its scopes for reading. That
// writing is allowed shows only when something is written.
func (s *session) Check(ctx context.Context) error {
	for _, r := range []rest.Request{
		{Method: http.MethodGet, Path: "/api/lists", Query: url.Values{"fields[list]": {"name"}, "page[size]": {"1"}}},
		{Method: http.MethodGet, Path: "/api/profiles", Query: url.Values{"fields[profile]": {"created"}, "page[size]": {"1"}}},
	} {
		if _, err := s.api.Do(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// Write sends one batch. See the package comment for what it calls.
func (s *session) Write(ctx context.Context, b destinations.Batch) (destinations.Outcome, error) {
	if len(b.Rows) == 0 {
		return destinations.Outcome{}, nil
	}
	if err := checkBatch(b); err != nil {
		return destinations.Outcome{}, err
	}
	switch b.Rows[0].Op {
	case destinations.Remove:
		return s.remove(ctx, b)
	case destinations.Clear:
		return s.wipe(ctx, b)
	}
	return s.load(ctx, b)
}

// checkBatch refuses what no request can be made of.
func checkBatch(b destinations.Batch) error {
	spec := Destination{}.Spec()
	o, ok := spec.Object(b.Object)
	if !ok || b.Object == "" {
		return &destinations.Fault{Class: destinations.Config, Code: "object", Text: "klaviyo has no object " + b.Object}
	}
	if !o.Supports(b.Rows[0].Op) {
		return &destinations.Fault{Class: destinations.Config, Code: "op", Text: o.Name + " has no operation " + b.Rows[0].Op.String()}
	}
	if o.Target && b.Target == "" {
		return &destinations.Fault{Class: destinations.Config, Code: "target", Text: "a batch for a list without a list"}
	}
	if len(b.Rows) > o.Limits.Rows {
		return &destinations.Fault{Class: destinations.TooLarge, Code: "rows", Text: "an import job takes 10,000 rows"}
	}
	return nil
}

// load imports the rows of a batch, and puts them on its list if it has one.
func (s *session) load(ctx context.Context, b destinations.Batch) (destinations.Outcome, error) {
	out := destinations.Outcome{Rows: map[int]destinations.Result{}, Rest: destinations.Result{Status: destinations.Accepted}}
	im := encode(b)
	for i, r := range im.refused {
		out.Rows[i] = r
	}
	if len(im.rows) == 0 {
		out.Rest = destinations.Result{Status: destinations.Later} // every row has its own verdict
		return out, nil
	}
	body := im.body(b.Target)
	if len(body) > importBytes {
		return destinations.Outcome{}, &destinations.Fault{Class: destinations.TooLarge, Code: "bytes", Text: "an import job takes 5 MB"}
	}
	if done, err := s.clearFirst(ctx, b, im); err != nil {
		return destinations.Outcome{}, err
	} else if !done {
		// Clearing is repeatable and goes on where it stopped. Nothing was imported.
		out.Rest = destinations.Result{Status: destinations.Later, Reason: "clearing fields one by one takes longer than one call"}
		return out, nil
	}
	res, err := s.api.Do(ctx, rest.Request{Method: http.MethodPost, Path: "/api/profile-bulk-import-jobs", Type: jsonAPI, Body: body})
	if err != nil {
		return im.blame(res, throttled(err), out)
	}
	var reply struct {
		Data struct{ ID string }
	}
	if err := res.Decode(&reply); err != nil {
		return destinations.Outcome{}, err
	}
	if reply.Data.ID == "" {
		return destinations.Outcome{}, &destinations.Fault{Class: destinations.Ambiguous, Code: "no_job", Text: "the answer names no import job"}
	}
	ref, err := json.Marshal(jobRef{ID: reply.Data.ID, Sent: len(im.rows), Refused: codes(im.refused)})
	if err != nil {
		return destinations.Outcome{}, err
	}
	out.Job = &destinations.Job{Ref: ref, After: pollEvery(len(im.rows)), Until: 6 * time.Hour}
	return out, nil
}

// pollEvery is how long an import of n rows is left alone: long enough not to spend the rate
// limit on asking.
func pollEvery(n int) time.Duration {
	return min(max(time.Duration(n/500)*time.Second, 2*time.Second), 30*time.Second)
}

// Preview returns the import of a batch, or the look-up and removal of those it removes. What
// depends on an answer is left out: removals of people whose profile id is not known yet.
func (s *session) Preview(ctx context.Context, b destinations.Batch) ([]*http.Request, error) {
	if len(b.Rows) == 0 {
		return nil, nil
	}
	if err := checkBatch(b); err != nil {
		return nil, err
	}
	var all []rest.Request
	switch b.Rows[0].Op {
	case destinations.Remove:
		known, asks := removals(b)
		for _, a := range asks {
			all = append(all, a.request(b.Target))
		}
		for lo := 0; lo < len(known); lo += removeRows {
			all = append(all, removal(b.Target, known[lo:min(lo+removeRows, len(known))]))
		}
	case destinations.Clear:
		for _, a := range lookups(b, allRows(b), attributes+",properties") {
			all = append(all, a.request(""))
		}
	default:
		if im := encode(b); len(im.rows) > 0 {
			all = append(all, rest.Request{Method: http.MethodPost, Path: "/api/profile-bulk-import-jobs", Type: jsonAPI, Body: im.body(b.Target)})
		}
	}
	var out []*http.Request
	for _, r := range all {
		req, err := s.api.Build(ctx, r)
		if err != nil {
			return nil, err
		}
		out = append(out, req)
	}
	return out, nil
}
