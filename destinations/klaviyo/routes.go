package klaviyo

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// read decodes a request's body; false means that the answer has been given.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil && err != io.EOF {
		fail(w, http.StatusBadRequest, wrong{Code: "parse_error", Title: "Malformed request.", Detail: "JSON parse error."})
		return false
	}
	return true
}

func (v *vendor) getLists(w http.ResponseWriter, r *http.Request) {
	field, values, ok := filter(w, r, "name", "id")
	if !ok {
		return
	}
	var all []*list
	for _, l := range v.mem.Lists {
		if field == "" || field == "name" && slices.Contains(values, l.Name) || field == "id" && slices.Contains(values, l.ID) {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b *list) int { return strings.Compare(a.ID, b.ID) }) // ids follow creation
	page(w, r, 10, 10, len(all), func(i int) resource { return all[i].resource() })
}

func (l *list) resource() resource {
	return resource{"list", l.ID, map[string]any{"name": l.Name, "created": l.Made.UTC().Format(time.RFC3339)}}
}

func (v *vendor) postList(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Data struct {
			Type       string
			Attributes struct{ Name string }
		}
	}
	if !read(w, r, &in) {
		return
	}
	if in.Data.Type != "list" || in.Data.Attributes.Name == "" {
		fail(w, http.StatusBadRequest, invalid("/data/attributes/name", "'name' is a required field for the resource 'list'."))
		return
	}
	l := &list{ID: v.mem.id("L"), Name: in.Data.Attributes.Name, Made: v.now(), Members: map[string]bool{}}
	v.mem.Lists[l.ID] = l
	answer(w, http.StatusCreated, l.resource())
}

func (v *vendor) getList(w http.ResponseWriter, r *http.Request) {
	if l := v.mem.Lists[r.PathValue("id")]; l != nil {
		answer(w, http.StatusOK, l.resource())
		return
	}
	notFound(w, "list", r.PathValue("id"))
}

func (v *vendor) getListProfiles(w http.ResponseWriter, r *http.Request) {
	l := v.mem.Lists[r.PathValue("id")]
	if l == nil {
		notFound(w, "list", r.PathValue("id"))
		return
	}
	field, values, ok := filter(w, r, "email", "phone_number")
	if !ok {
		return
	}
	all := l.sorted()
	if field != "" {
		all = nil
		for _, id := range v.identified(field, values) {
			if l.Members[id] {
				all = append(all, id)
			}
		}
	}
	page(w, r, 20, 100, len(all), func(i int) resource { return v.mem.People[all[i]].resource(r) })
}

// identified returns the ids of the profiles that have one of the values, sorted.
func (v *vendor) identified(field string, values []string) []string {
	var out []string
	for _, value := range values {
		if id, ok := v.mem.index()[[2]string{field, same(field, value)}]; ok {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (v *vendor) getProfiles(w http.ResponseWriter, r *http.Request) {
	field, values, ok := filter(w, r, "email", "phone_number", "external_id", "id")
	if !ok {
		return
	}
	var all []string
	if field != "" {
		all = v.identified(field, values)
	} else {
		for id := range v.mem.People {
			all = append(all, id)
		}
		slices.Sort(all)
	}
	page(w, r, 20, 100, len(all), func(i int) resource { return v.mem.People[all[i]].resource(r) })
}

// resource shows what the sparse fieldset asks for.
func (p *person) resource(r *http.Request) resource {
	a := map[string]any{}
	for _, k := range strings.Split(r.URL.Query().Get("fields[profile]"), ",") {
		switch k {
		case "location":
			a[k] = p.Location
		case "properties":
			a[k] = p.Properties
		default:
			a[k] = p.Attributes[k]
		}
	}
	return resource{"profile", p.ID, a}
}

func (v *vendor) patchProfile(w http.ResponseWriter, r *http.Request) {
	p := v.mem.People[r.PathValue("id")]
	if p == nil {
		notFound(w, "profile", r.PathValue("id"))
		return
	}
	var in struct{ Data profileIn }
	if !read(w, r, &in) {
		return
	}
	if in.Data.Type != "profile" || in.Data.ID != p.ID {
		fail(w, http.StatusConflict, wrong{Code: "invalid", Title: "Conflict.", Detail: "The type and id of the body must be those of the path."})
		return
	}
	p.merge(in.Data, true)
	v.mem.byID = nil
	answer(w, http.StatusOK, p.resource(r))
}

func (v *vendor) deleteMembers(w http.ResponseWriter, r *http.Request) {
	l := v.mem.Lists[r.PathValue("id")]
	if l == nil {
		notFound(w, "list", r.PathValue("id"))
		return
	}
	var in struct {
		Data []struct{ Type, ID string }
	}
	if !read(w, r, &in) {
		return
	}
	if len(in.Data) == 0 || len(in.Data) > removeRows {
		fail(w, http.StatusBadRequest, invalid("/data", "Between 1 and 1000 profiles may be removed at once."))
		return
	}
	for _, d := range in.Data {
		if d.Type != "profile" || v.mem.People[d.ID] == nil {
			notFound(w, "profile", d.ID)
			return
		}
	}
	for _, d := range in.Data {
		delete(l.Members, d.ID)
	}
	l.order = nil
	w.WriteHeader(http.StatusNoContent)
}

// times of an import, before division by the speed.
const (
	queueTime = 500 * time.Millisecond
	workTime  = time.Second
	rowTime   = 500 * time.Microsecond
)

func (v *vendor) postImport(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > importBytes {
		fail(w, http.StatusRequestEntityTooLarge, wrong{Code: "request_too_large", Title: "Request too large.", Detail: "The payload may have 5 MB."})
		return
	}
	var in struct {
		Data struct {
			Type       string
			Attributes struct {
				Profiles struct{ Data []json.RawMessage }
			}
			Relationships struct {
				Lists struct {
					Data []struct{ Type, ID string }
				}
			}
		}
	}
	if !read(w, r, &in) {
		return
	}
	rows, lists := in.Data.Attributes.Profiles.Data, in.Data.Relationships.Lists.Data
	switch {
	case in.Data.Type != "profile-bulk-import-job":
		fail(w, http.StatusConflict, invalid("/data/type", "The type must be 'profile-bulk-import-job'."))
		return
	case len(rows) == 0 || len(rows) > importRows:
		fail(w, http.StatusBadRequest, invalid("/data/attributes/profiles/data", "Between 1 and 10000 profiles may be imported at once."))
		return
	case len(lists) > 1 || len(lists) == 1 && v.mem.Lists[lists[0].ID] == nil:
		fail(w, http.StatusBadRequest, invalid("/data/relationships/lists/data/0/id", "The list does not exist."))
		return
	}
	var bad []wrong
	for i, raw := range rows {
		if field, detail := malformed(raw); detail != "" {
			bad = append(bad, invalid(fmt.Sprintf("/data/attributes/profiles/data/%d%s", i, field), detail))
		}
	}
	if len(bad) > 0 {
		fail(w, http.StatusBadRequest, bad...)
		return
	}
	div := func(d time.Duration) time.Duration { return time.Duration(float64(d) / v.speed) }
	now := v.now()
	j := &job{ID: v.mem.id("J"), Rows: rows, Total: len(rows)}
	j.At = [3]time.Time{now, now.Add(div(queueTime)), now.Add(div(queueTime + workTime + time.Duration(len(rows))*rowTime))}
	if len(lists) == 1 {
		j.List = lists[0].ID
	}
	v.mem.Jobs[j.ID] = j
	answer(w, http.StatusAccepted, j.resource(now))
}

// malformed is the check that refuses a whole job: what is wrong with a profile, and where.
func malformed(raw json.RawMessage) (field, detail string) {
	var in profileIn
	if json.Unmarshal(raw, &in) != nil || in.Type != "profile" {
		return "", "Not a profile."
	}
	if len(raw) > importRowBytes {
		return "", "A profile may have 100 KB."
	}
	any := false
	for _, k := range []string{"email", "phone_number", "external_id", "id"} {
		s, isText := in.Attributes[k].(string)
		if in.Attributes[k] != nil && !isText {
			return "/attributes/" + k, "Not a string."
		}
		any = any || s != ""
	}
	email, _ := in.Attributes["email"].(string)
	external, _ := in.Attributes["external_id"].(string)
	local, domain, at := strings.Cut(email, "@")
	switch {
	case !any && in.ID == "":
		return "", "One of email, phone_number, external_id or id is required."
	case email != "" && (!at || local == "" || !strings.Contains(domain, ".") || strings.ContainsAny(email, " \t\n")):
		return "/attributes/email", "Invalid email address " + email
	case len([]rune(external)) > 255:
		return "/attributes/external_id", "At most 255 characters."
	}
	return "", ""
}

func (j *job) resource(now time.Time) resource {
	a := map[string]any{
		"status": j.status(now), "created_at": j.At[0].UTC().Format(time.RFC3339), "total_count": j.Total,
		"completed_count": 0, "failed_count": 0, "expires_at": j.At[0].Add(7 * 24 * time.Hour).UTC().Format(time.RFC3339),
	}
	if j.Applied {
		a["completed_count"], a["failed_count"] = j.Total-len(j.Errors), len(j.Errors)
	}
	return resource{"profile-bulk-import-job", j.ID, a}
}

func (v *vendor) getImport(w http.ResponseWriter, r *http.Request) {
	if j := v.mem.Jobs[r.PathValue("id")]; j != nil {
		answer(w, http.StatusOK, j.resource(v.now()))
		return
	}
	notFound(w, "profile-bulk-import-job", r.PathValue("id"))
}

func (v *vendor) getImportErrors(w http.ResponseWriter, r *http.Request) {
	j := v.mem.Jobs[r.PathValue("id")]
	if j == nil {
		notFound(w, "profile-bulk-import-job", r.PathValue("id"))
		return
	}
	fields := strings.Split(r.URL.Query().Get("fields[import-error]"), ",")
	page(w, r, 20, 100, len(j.Errors), func(i int) resource {
		e := j.Errors[i]
		all := map[string]any{"code": "invalid", "title": "Invalid input.", "detail": e.Detail, "source.pointer": "/data", "original_payload": nil}
		if e.Pointed {
			all["source.pointer"] = fmt.Sprintf("/data/attributes/profiles/data/%d/attributes/%s", e.Row, e.Field)
		} else {
			all["original_payload"] = e.Payload
		}
		a := map[string]any{}
		for k, x := range all {
			switch {
			case !slices.Contains(fields, k) && fields[0] != "":
			case k == "source.pointer":
				a["source"] = map[string]any{"pointer": x}
			default:
				a[k] = x
			}
		}
		return resource{"import-error", fmt.Sprintf("%s-%d", j.ID, i), a}
	})
}
