package klaviyo

import (
	"time"

	"github.com/weir-data/weir/destinations"
)

// revision is the pinned version of the API. A revision is supported for two years after its
// release (developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy).
const (
	revision = "2026-07-15"
	sunset   = "2028-07-15"
	baseURL  = "https://a.klaviyo.com"
)

// Limits of the endpoints, from their reference pages: bulk_import_profiles,
// remove_profiles_from_list, get_profiles_for_list and get_errors_for_bulk_import_profiles_job.
const (
	importRows     = 10_000
	importBytes    = 5_000_000
	importRowBytes = 100_000
	removeRows     = 1_000
	pageRows       = 100
)

// bucket is shared by imports and by changes of list membership: both have tier M limits.
const bucket = "import"

// Destination is Klaviyo. The zero value is ready.
type Destination struct{}

// Spec describes Klaviyo.
func (Destination) Spec() destinations.Spec {
	limits := destinations.Limits{
		Rows: importRows, Bytes: importBytes, RowBytes: importRowBytes,
		Concurrency: 2,
		Rates: []destinations.Rate{
			{N: 10, Per: time.Second, Bucket: bucket},
			{N: 150, Per: time.Minute, Bucket: bucket},
		},
		UniqueIDs: true,
		Timeout:   2 * time.Minute,
	}
	return destinations.Spec{
		Type:       "klaviyo",
		Kind:       destinations.Email,
		Title:      "Klaviyo",
		Docs:       "https://developers.klaviyo.com/en/v2026-07-15/reference/api_overview",
		APIVersion: revision,
		Sunset:     sunset,
		Proof:      "sandbox",
		Hosts:      []string{"a.klaviyo.com"},
		Settings: []destinations.Setting{
			{Name: "api_key", Type: destinations.String, Required: true, Secret: true,
				Doc: "Private API key with the scopes lists:read, lists:write, profiles:read and profiles:write."},
			{Name: "base_url", Type: destinations.String, Host: true, Default: baseURL,
				Doc: "Where the API is; change it only for a proxy."},
		},
		Objects: []destinations.Object{
			{
				Name:        "profile",
				Title:       "Profile: a person and what is known of them; consent and lists stay as they are",
				Ops:         []destinations.Op{destinations.Upsert, destinations.Clear},
				Identifiers: identifiers(), Fields: fields(), OpenFields: true,
				Limits: limits, GroupBy: destinations.ByOp,
				Granularity: destinations.PerRow, Idempotent: true, Queued: true, NullClears: true,
				RemovalNeedsMatch: true,
				Listed:            true,
				Permanent:         permanent(),
			},
			{
				Name:        "list",
				Title:       "List: who is on it; fields go to the profile, and nobody is subscribed or unsubscribed",
				Ops:         []destinations.Op{destinations.Add, destinations.Remove},
				Target:      true,
				Identifiers: identifiers(), Fields: fields(), OpenFields: true,
				Limits: limits, GroupBy: destinations.ByOp,
				Granularity: destinations.PerRow, Idempotent: true, Queued: true, NullClears: true,
				RemovalNeedsMatch: true,
				Listed:            true,
				Permanent:         permanent(),
			},
		},
	}
}

// identifying lists the identifiers in the order in which people are looked up by them.
var identifying = []string{"email", "phone_number", "external_id"}

func identifiers() []destinations.Identifier {
	return []destinations.Identifier{
		{Name: "email", Normalise: "email.basic", AnyOf: "who", Doc: "Email address."},
		{Name: "phone_number", Normalise: "phone.e164", AnyOf: "who", Doc: "Phone number with its country code, as in +33639980001."},
		{Name: "external_id", AnyOf: "who", Doc: "Your own id of the person, at most 255 characters."},
	}
}

// permanent lists the codes that say the value itself is wrong: no retry can mend them.
func permanent() []string { return []string{"invalid", "too_large", "too_long", "unsupported_value"} }

// standard lists the attributes that Klaviyo has of its own, in the order they are documented.
// All other fields are custom properties.
var standard = []destinations.Field{
	{Name: "email", Doc: "Email address, when people are matched by something else."},
	{Name: "phone_number", Doc: "Phone number in E.164, when people are matched by something else."},
	{Name: "external_id", Doc: "Your own id, when people are matched by something else."},
	{Name: "first_name", Doc: "First name."},
	{Name: "last_name", Doc: "Last name."},
	{Name: "organization", Doc: "Company that the person works for."},
	{Name: "locale", Doc: "Language and country, as in en-US."},
	{Name: "title", Doc: "Job title."},
	{Name: "image", Doc: "URL of a picture."},
}

// located lists the parts of the attribute `location`.
var located = []destinations.Field{
	{Name: "address1", Doc: "First line of the street address."},
	{Name: "address2", Doc: "Second line of the street address."},
	{Name: "city", Doc: "City."},
	{Name: "country", Doc: "Country."},
	{Name: "region", Doc: "State or province."},
	{Name: "zip", Doc: "Postal code."},
	{Name: "timezone", Doc: "Time zone, as in Europe/Paris."},
	{Name: "latitude", Doc: "Latitude; four decimals are enough."},
	{Name: "longitude", Doc: "Longitude; four decimals are enough."},
}

func fields() []destinations.Field {
	var out []destinations.Field
	for _, list := range [][]destinations.Field{standard, located} {
		for _, f := range list {
			f.Type = destinations.String
			if f.Name != "latitude" && f.Name != "longitude" {
				out = append(out, f)
				continue
			}
			f.Type = destinations.Tree
			out = append(out, f)
		}
	}
	return out
}
