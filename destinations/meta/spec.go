package meta

import (
	"time"

	"github.com/weir-data/weir/destinations"
)

// version is the pinned version of the Graph API, released on 18 February 2026; sunset is when
// it ends (developers.facebook.com/docs/graph-api/changelog/versions).
const (
	version = "v25.0"
	sunset  = "2028-07-29"
	baseURL = "https://graph.facebook.com"
)

// maxRows is the most that one call takes
// (developers.facebook.com/docs/marketing-api/reference/custom-audience/users).
const maxRows = 10_000

// bucket is the business use case that calls count against.
const bucket = "custom_audience"

// Destination is Meta Ads. The zero value is ready.
type Destination struct{}

// Spec describes Meta custom audiences.
func (Destination) Spec() destinations.Spec {
	return destinations.Spec{
		Type:       "meta_ads",
		Kind:       destinations.Ads,
		Title:      "Meta Ads",
		Docs:       "https://developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences",
		APIVersion: version,
		Sunset:     sunset,
		Proof:      "sandbox",
		Hosts:      []string{"graph.facebook.com"},
		Settings: []destinations.Setting{
			{Name: "access_token", Type: destinations.String, Required: true, Secret: true,
				Doc: "Token of a system user with the permission ads_management for the ad account."},
			{Name: "app_secret", Type: destinations.String, Secret: true,
				Doc: "Secret of the app that the token is for; with it every call carries a proof, which Meta can be told to require."},
			{Name: "ad_account", Type: destinations.String, Required: true, Account: true, Pattern: `(act_)?[0-9]{1,20}`,
				Doc: "Number of the ad account, with or without act_ before it; put it in quotes."},
			{Name: "api_version", Type: destinations.String, Default: version, Pattern: `v[0-9]{1,3}\.[0-9]`,
				Doc: "Version of the Graph API; change it only when this one ends before weir moves on."},
			{Name: "base_url", Type: destinations.String, Host: true, Default: baseURL,
				Doc: "Where the API is; change it only for a proxy."},
		},
		Objects: []destinations.Object{{
			Name:        "audience",
			Title:       "Custom audience: people whom ads are shown to, or not shown to",
			Ops:         []destinations.Op{destinations.Add, destinations.Remove},
			Target:      true,
			Identifiers: identifiers(),
			With: []destinations.Setting{
				{Name: "customer_file_source", Type: destinations.String, Default: "USER_PROVIDED_ONLY",
					Enum: []string{"USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED"},
					Doc:  "Whom the data comes from, declared when the audience is made: the people themselves, partners, or both."},
				{Name: "description", Type: destinations.String,
					Doc: "Description of the audience, given when it is made."},
			},
			Limits: destinations.Limits{
				Rows:        maxRows,
				Concurrency: 2,
				// The limit for accounts with limited access; more is allowed with full access
				// (developers.facebook.com/docs/graph-api/overview/rate-limiting).
				Rates: []destinations.Rate{
					{N: 100, Per: time.Second, Bucket: bucket},
					{N: 5000, Per: time.Hour, Bucket: bucket},
				},
				Timeout: 2 * time.Minute,
			},
			GroupBy:           destinations.ByOp,
			Granularity:       destinations.CountsOnly,
			Idempotent:        true,
			Queued:            true,
			RemovalNeedsMatch: true,
			MinAudience:       100,
			Permanent:         []string{"missing"},
		}},
	}
}

// key is an identifier with the name that the API has for it.
type key struct {
	schema string
	id     destinations.Identifier
}

// sha256hex is how all identifiers are hidden but those that mean nothing to anybody else.
const sha256hex = "sha256.hex"

// keys are the identifiers of a row. One of the first four must be there: the others only help
// to match.
var keys = []key{
	{"EMAIL", destinations.Identifier{Name: "email", Normalise: "meta.email", Hash: sha256hex, AnyOf: "who", Doc: "Email address; sent hashed."}},
	{"PHONE", destinations.Identifier{Name: "phone", Normalise: "meta.phone", Hash: sha256hex, AnyOf: "who", Doc: "Phone number with its country code; sent hashed."}},
	{"EXTERN_ID", destinations.Identifier{Name: "external_id", Normalise: "meta.external_id", AnyOf: "who", Doc: "Your own id of the person; sent as it is. It matches people who were once sent with it and another identifier."}},
	{"MADID", destinations.Identifier{Name: "madid", Normalise: "meta.madid", AnyOf: "who", Doc: "Advertising id of a phone; sent as it is."}},
	{"FN", destinations.Identifier{Name: "first_name", Normalise: "meta.first_name", Hash: sha256hex, Doc: "First name; sent hashed."}},
	{"LN", destinations.Identifier{Name: "last_name", Normalise: "meta.last_name", Hash: sha256hex, Doc: "Last name; sent hashed."}},
	{"FI", destinations.Identifier{Name: "first_initial", Normalise: "meta.first_initial", Hash: sha256hex, Doc: "First letter of the first name; sent hashed."}},
	{"CT", destinations.Identifier{Name: "city", Normalise: "meta.city", Hash: sha256hex, Doc: "City; sent hashed."}},
	{"ST", destinations.Identifier{Name: "state", Normalise: "meta.state", Hash: sha256hex, Doc: "State or province; of the United States the two-letter code. Sent hashed."}},
	{"ZIP", destinations.Identifier{Name: "zip", Normalise: "meta.zip", Hash: sha256hex, Doc: "Postal code; sent hashed."}},
	{"COUNTRY", destinations.Identifier{Name: "country", Normalise: "meta.country", Hash: sha256hex, Doc: "Two-letter country code; sent hashed."}},
	{"DOBY", destinations.Identifier{Name: "birth_year", Normalise: "meta.doby", Hash: sha256hex, Doc: "Year of a date of birth; sent hashed."}},
	{"DOBM", destinations.Identifier{Name: "birth_month", Normalise: "meta.dobm", Hash: sha256hex, Doc: "Month of a date of birth; sent hashed."}},
	{"DOBD", destinations.Identifier{Name: "birth_day", Normalise: "meta.dobd", Hash: sha256hex, Doc: "Day of a date of birth; sent hashed."}},
	{"GEN", destinations.Identifier{Name: "gender", Normalise: "meta.gender", Hash: sha256hex, Doc: "Gender, f or m; sent hashed."}},
}

func identifiers() []destinations.Identifier {
	out := make([]destinations.Identifier, len(keys))
	for i, k := range keys {
		out[i] = k.id
	}
	return out
}
