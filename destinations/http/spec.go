package http

import (
	"time"

	"github.com/weir-data/weir/destinations"
)

func init() { destinations.Register(webhook{}) }

type webhook struct{}

// Spec describes the destination.
func (webhook) Spec() destinations.Spec {
	ids := []destinations.Identifier{
		{Name: "email", Normalise: "email.basic", AnyOf: "id", Doc: "Address, trimmed and in lower case."},
		{Name: "phone", Normalise: "phone.e164", AnyOf: "id", Doc: "Number with country code."},
		{Name: "external_id", AnyOf: "id", Doc: "The customer's own id of the person."},
		{Name: "email_sha256", Normalise: "email.basic", Hash: "sha256.hex", AnyOf: "id", Doc: "Hash of the address."},
		{Name: "phone_sha256", Normalise: "phone.e164", Hash: "sha256.hex", AnyOf: "id", Doc: "Hash of the number, with its plus."},
	}
	limits := destinations.Limits{Rows: 500, Bytes: 4 << 20, Concurrency: 4, Timeout: time.Minute}
	return destinations.Spec{
		Type:  "http",
		Kind:  destinations.HTTP,
		Title: "HTTP request",
		Docs:  "https://www.rfc-editor.org/rfc/rfc9110",
		Proof: "sandbox",
		Settings: append([]destinations.Setting{
			{Name: "url", Type: destinations.String, Doc: "URL that requests go to; paths of requests are appended.", Required: true, Account: true, Host: true},
			{Name: "bearer_token", Type: destinations.String, Doc: "Token for `Authorization: Bearer`.", Secret: true},
			{Name: "username", Type: destinations.String, Doc: "Name for basic authentication."},
			{Name: "password", Type: destinations.String, Doc: "Password for basic authentication.", Secret: true},
			{Name: "header_name", Type: destinations.String, Doc: "Header that carries header_value, such as X-Api-Key.", Pattern: `[A-Za-z0-9-]+`},
			{Name: "header_value", Type: destinations.String, Doc: "Secret value of header_name.", Secret: true},
			{Name: "signing_secret", Type: destinations.String, Doc: "Key of the HMAC in X-Signature.", Secret: true},
			{Name: "headers", Type: destinations.Tree, Doc: "More headers, by name; nothing secret."},
			{Name: "check_path", Type: destinations.String, Doc: "Path that answers GET with 2xx if the credential is right."},
			{Name: "answer", Type: destinations.String, Doc: "What a success must look like: any, or json.", Enum: []string{"any", "json"}, Default: "any"},
			{Name: "timeout", Type: destinations.Duration, Doc: "Longest time for one request.", Default: "30s"},
			{Name: "allow_private", Type: destinations.Boolean, Doc: "Whether the host may have a private address, and http may be used.", Default: false},
		}, destinations.RateSettings()...),
		Objects: []destinations.Object{
			{
				Name: "rows", Title: "Rows",
				Ops:         []destinations.Op{destinations.Upsert, destinations.Add, destinations.Remove, destinations.Delete, destinations.Clear},
				Identifiers: ids, OpenFields: true, With: with("upsert", "add", "remove", "delete", "clear"),
				Limits: limits, GroupBy: destinations.ByOp, Granularity: destinations.WholeBatch, Idempotent: true, NullClears: true, RemovalNeedsMatch: true,
			},
			{
				Name: "events", Title: "Events",
				Ops:         []destinations.Op{destinations.Emit},
				Identifiers: ids, OpenFields: true, With: with("emit"),
				Limits: limits, GroupBy: destinations.ByOp, Granularity: destinations.WholeBatch, NullClears: true,
			},
		},
	}
}

func with(ops ...string) []destinations.Setting {
	out := []destinations.Setting{
		{Name: "batch_size", Type: destinations.Integer, Doc: "Rows in one request, at most 500. Defaults to 100. A request that names its row carries one."},
		{Name: "statuses", Type: destinations.Tree, Doc: "What a status means, by its number: ok, reject, retry, uncertain or stop."},
	}
	for _, op := range ops {
		out = append(out, destinations.Setting{Name: op, Type: destinations.Tree,
			Doc: "The request for " + op + ": method, path, query, headers, encoding, row, body."})
	}
	return out
}
