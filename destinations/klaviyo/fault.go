package klaviyo

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/destinations/rest"
)

// problem is one error in the shape of JSON:API
// (developers.klaviyo.com/en/docs/rate_limits_and_error_handling).
type problem struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Source struct {
		Pointer   string `json:"pointer"`
		Parameter string `json:"parameter"`
	} `json:"source"`
}

func problems(r *rest.Response) []problem {
	if r == nil {
		return nil
	}
	var body struct {
		Errors []problem `json:"errors"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return nil // not in the vendor's shape: the status alone speaks
	}
	return body.Errors
}

// authCodes are the codes of a key that is missing, wrong or not allowed. Some arrive with
// status 400 (developers.klaviyo.com/en/reference/api_overview, Authentication).
var authCodes = map[string]bool{
	"not_authenticated": true, "authentication_failed": true, "permission_denied": true,
	"invalid_api_key": true, "missing_api_key": true,
}

// vendorFault classifies the errors whose status misleads.
func vendorFault(r *rest.Response) *destinations.Fault {
	for _, p := range problems(r) {
		switch {
		case r.Status < 400 || r.Status >= 500:
		case authCodes[p.Code]:
			return &destinations.Fault{Class: destinations.Refused, Code: p.Code, Text: p.Detail}
		case strings.Contains(strings.ToLower(p.Code+" "+p.Source.Parameter), "revision"):
			return &destinations.Fault{Class: destinations.Config, Code: p.Code, Text: p.Detail}
		case r.Status == http.StatusBadRequest && strings.HasPrefix(p.Source.Pointer, "/data/relationships/lists"):
			return &destinations.Fault{Class: destinations.Gone, Code: p.Code, Text: "the list no longer exists"}
		}
	}
	return nil
}

// general is what a title looks like that is about no person in particular.
var general = regexp.MustCompile(`^[A-Za-z][A-Za-z ,._'-]{0,79}$`)

// words returns a title that can be shown, or "".
func words(title string) string {
	if general.MatchString(title) {
		return title
	}
	return ""
}

// reason gives the code and the general words of the first error. Details are shown only where
// no person is behind them, since they may repeat what was sent.
func reason(r *rest.Response) (code, text string) {
	ps := problems(r)
	if len(ps) == 0 {
		return "", ""
	}
	text = words(ps[0].Title)
	switch r.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		text = ps[0].Detail
	}
	if code = ps[0].Code; !general.MatchString(code) {
		code = ""
	}
	return code, text
}

// throttled says which bucket a throttled write exhausted.
func throttled(err error) error {
	var f *destinations.Fault
	if errors.As(err, &f) && f.Class == destinations.Throttled {
		f.Bucket = bucket
	}
	return err
}

var pointed = regexp.MustCompile(`^/data/(?:attributes/profiles/data/)?(\d+)(?:/|$)`)

// row returns the index in the call that a pointer names, such as 17 for
// "/data/attributes/profiles/data/17/attributes/email".
func row(pointer string) (int, bool) {
	m := pointed.FindStringSubmatch(pointer)
	if m == nil {
		return 0, false
	}
	i, err := strconv.Atoi(m[1])
	return i, err == nil
}

// verdict is the rejection that a problem means for one row. The detail is left out: it may
// repeat the value.
func (p problem) verdict() destinations.Result {
	why := words(p.Title)
	if why == "" {
		why = "Klaviyo refuses the row"
	}
	if i := strings.LastIndex(p.Source.Pointer, "/attributes/"); i >= 0 {
		if name := p.Source.Pointer[i+len("/attributes/"):]; attribute.MatchString(name) {
			why = strings.TrimRight(why, ".") + ": " + name
		}
	}
	code := p.Code
	if !general.MatchString(code) {
		code = "rejected"
	}
	return rejected(code, why)
}

var attribute = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_/]{0,60}$`)

// blame turns the refusal of an import into verdicts. The vendor checks all profiles before it
// takes any: when its errors name rows, those are rejected and the others, which were not
// imported either, are sent again. A refusal that names no row is the engine's to bisect.
func (im imports) blame(res *rest.Response, err error, out destinations.Outcome) (destinations.Outcome, error) {
	var f *destinations.Fault
	if !errors.As(err, &f) || f.Class != destinations.BadBatch {
		return destinations.Outcome{}, err
	}
	found := false
	for _, p := range problems(res) {
		i, ok := row(p.Source.Pointer)
		if !ok || i >= len(im.index) {
			return destinations.Outcome{}, err
		}
		at := im.index[i]
		if _, taken := out.Rows[at]; !taken {
			out.Rows[at] = p.verdict()
		}
		found = true
	}
	if !found {
		return destinations.Outcome{}, err
	}
	out.Rest = destinations.Result{Status: destinations.Later, Reason: "the whole call was refused because of other rows"}
	return out, nil
}
