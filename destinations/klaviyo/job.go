package klaviyo

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
)

// jobRef is what is kept of an import job: its id, and the rows that were never part of it.
type jobRef struct {
	ID      string            `json:"id"`
	Sent    int               `json:"sent"`              // rows of the import
	Refused map[int][2]string `json:"refused,omitempty"` // row of the batch: code, reason
}

func codes(refused map[int]destinations.Result) map[int][2]string {
	out := map[int][2]string{}
	for i, r := range refused {
		out[i] = [2]string{r.Code, r.Reason}
	}
	return out
}

// Poll asks how an import job is doing. Once it is complete each failed row gets the vendor's
// error, and the others are Delivered; but only if the vendor's own count of failures agrees,
// since a failure that nobody can place may be any row's.
func (s *session) Poll(ctx context.Context, j destinations.Job, b destinations.Batch) (destinations.Outcome, bool, error) {
	var ref jobRef
	if err := json.Unmarshal(j.Ref, &ref); err != nil || ref.ID == "" {
		return unknown(ref, "bad_reference", "the reference to the import job cannot be read"), true, nil //nolint:nilerr // the rows carry the error
	}
	path := "/api/profile-bulk-import-jobs/" + url.PathEscape(ref.ID)
	res, err := s.api.Do(ctx, rest.Request{Method: http.MethodGet, Path: path})
	if err != nil {
		if res != nil && res.Status == http.StatusNotFound {
			return unknown(ref, "job_not_found", "the import job has expired or was lost"), true, nil
		}
		return destinations.Outcome{}, false, err
	}
	var reply struct {
		Data struct {
			Attributes struct {
				Status string `json:"status"`
				Total  int    `json:"total_count"`
				Failed int    `json:"failed_count"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := res.Decode(&reply); err != nil {
		return destinations.Outcome{}, false, err
	}
	a := reply.Data.Attributes
	switch a.Status {
	case "complete":
	case "cancelled":
		return unknown(ref, "cancelled", "the import job was cancelled at the vendor; some rows may have been taken"), true, nil
	case "queued", "processing":
		return destinations.Outcome{}, false, nil
	default:
		return destinations.Outcome{}, false, &destinations.Fault{Class: destinations.Transient, Code: "status", Text: "the import job has a status that is not documented"}
	}
	out := unknown(ref, "", "")
	out.Rest = destinations.Result{Status: destinations.Delivered}
	p := placer{b: b, ref: ref, out: out}
	if err := p.place(ctx, s, path); err != nil {
		return destinations.Outcome{}, false, err
	}
	failed := len(p.out.Rows) - len(ref.Refused)
	if p.lost > 0 || failed < a.Failed || a.Total != ref.Sent {
		p.out.Rest = destinations.Result{Status: destinations.Uncertain, Code: "unplaced_errors",
			Reason: "the vendor reports failures that it does not give to any row"}
		p.out.Counts = map[string]int{"unplaced_errors": max(p.lost, a.Failed-failed, 0)}
	}
	return p.out, true, nil
}

// unknown is the outcome of a job that says nothing: rows refused beforehand stay refused, the
// others may have been taken.
func unknown(ref jobRef, code, why string) destinations.Outcome {
	out := destinations.Outcome{
		Rows: map[int]destinations.Result{},
		Rest: destinations.Result{Status: destinations.Uncertain, Code: code, Reason: why},
	}
	for i, r := range ref.Refused {
		out.Rows[i] = rejected(r[0], r[1])
	}
	return out
}

// placer gives import errors to rows.
type placer struct {
	b    destinations.Batch
	ref  jobRef
	out  destinations.Outcome
	lost int // errors that fit no row
}

type importError struct {
	problem
	Payload json.RawMessage `json:"original_payload"`
}

// place reads the errors twice at most: first without the people in them, by pointer; and only
// if some pointer names no row, with what was sent, by identifier.
func (p *placer) place(ctx context.Context, s *session, path string) error {
	index := make([]int, 0, len(p.b.Rows)) // of the call
	for i := range p.b.Rows {
		if _, skipped := p.ref.Refused[i]; !skipped {
			index = append(index, i)
		}
	}
	vague := 0
	fields := "code,title,source.pointer"
	err := s.errors(ctx, path, fields, "100", func(e importError) {
		i, ok := row(e.Source.Pointer)
		if !ok || i >= len(index) {
			vague++
			return
		}
		p.reject(index[i], e)
	})
	if err != nil || vague == 0 {
		return err
	}
	byID := p.identifiers(index)
	// A row may have 100 KB, and a page is read whole: 20 is the vendor's default.
	return s.errors(ctx, path, fields+",original_payload", "20", func(e importError) {
		if i, ok := row(e.Source.Pointer); ok && i < len(index) {
			return
		}
		if i, ok := byID.find(e.Payload); ok {
			p.reject(i, e)
			return
		}
		p.lost++
	})
}

func (p *placer) reject(i int, e importError) {
	if _, taken := p.out.Rows[i]; !taken {
		p.out.Rows[i] = e.verdict()
	}
}

// directory finds rows by identifier.
type directory map[[2]string][]int

func (p *placer) identifiers(index []int) directory {
	d := directory{}
	for _, i := range index {
		for j, v := range p.b.Rows[i].IDs {
			if text, ok := v.(string); ok && text != "" {
				k := [2]string{p.b.Columns.IDs[j], same(p.b.Columns.IDs[j], text)}
				d[k] = append(d[k], i)
			}
		}
	}
	return d
}

// find returns the row that a payload came from: the one that all its identifiers lead to.
func (d directory) find(payload json.RawMessage) (int, bool) {
	var flat map[string]any
	if json.Unmarshal(payload, &flat) != nil {
		return 0, false
	}
	if inner, ok := flat["attributes"].(map[string]any); ok {
		flat = inner
	}
	for _, name := range identifying {
		text, ok := flat[name].(string)
		if !ok {
			continue
		}
		if rows := d[[2]string{name, same(name, text)}]; len(rows) == 1 {
			return rows[0], true
		}
	}
	return 0, false
}

// errors reads the import errors of a job, page by page.
func (s *session) errors(ctx context.Context, path, fields, size string, each func(importError)) error {
	q := url.Values{"fields[import-error]": {fields}, "page[size]": {size}}
	return s.pages(ctx, path+"/import-errors", q, func(data json.RawMessage) error {
		var page []struct {
			Attributes importError `json:"attributes"`
		}
		if err := json.Unmarshal(data, &page); err != nil {
			return errPage
		}
		for _, e := range page {
			each(e.Attributes)
		}
		return nil
	})
}

var errPage = &destinations.Fault{Class: destinations.Transient, Code: "bad_json", Text: "a page is not as documented"}

// pages reads a collection page by page. Of a link to the next page only the cursor is used.
func (s *session) pages(ctx context.Context, path string, q url.Values, each func(data json.RawMessage) error) error {
	for {
		res, err := s.api.Do(ctx, rest.Request{Method: http.MethodGet, Path: path, Query: q})
		if err != nil {
			return err
		}
		var page struct {
			Data  json.RawMessage
			Links struct{ Next string }
		}
		if err := res.Decode(&page); err != nil {
			return err
		}
		if err := each(page.Data); err != nil {
			return err
		}
		if page.Links.Next == "" {
			return nil
		}
		next, err := url.Parse(page.Links.Next)
		if err != nil || next.Query().Get("page[cursor]") == "" || next.Query().Get("page[cursor]") == q.Get("page[cursor]") {
			return errPage
		}
		q.Set("page[cursor]", next.Query().Get("page[cursor]"))
	}
}
