package project

import (
	"context"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

// fakeKind stands for the embedded warehouse: only its settings matter here.
type fakeKind struct{}

func (fakeKind) Name() string             { return "duckdb" }
func (fakeKind) Dialect() dialect.Dialect { return nil }
func (fakeKind) TellsNoBytes()            {}
func (fakeKind) Settings() []warehouse.Setting {
	return []warehouse.Setting{
		{Name: "path", Doc: "the database file", Required: true},
		{Name: "schema", Doc: "schema of weir's own tables", Default: "weir"},
		{Name: "memory", Doc: "most memory used"},
		{Name: "token", Doc: "access token", Secret: true},
	}
}
func (fakeKind) Open(warehouse.Config) (warehouse.Warehouse, error) { return nil, nil }

// limitedKind stands for a warehouse that can neither be synced from nor compare texts.
type limitedKind struct{ fakeKind }

func (limitedKind) Name() string { return "limited" }
func (limitedKind) Limits() warehouse.Limits {
	return warehouse.Limits{Syncs: "it has no transactions", Similarity: "it has no function for it"}
}

// fake is a destination with a Spec and nothing else.
type fake destinations.Spec

func (f fake) Spec() destinations.Spec { return destinations.Spec(f) }
func (fake) Open(context.Context, destinations.Env) (destinations.Session, error) {
	panic("loading a project opens no destination")
}

func init() {
	warehouse.Register(fakeKind{})
	warehouse.Register(limitedKind{})
	limits := destinations.Limits{Rows: 100, Timeout: time.Second}
	people := []destinations.Identifier{
		{Name: "email", AnyOf: "who", Doc: "Address."},
		{Name: "external_id", AnyOf: "who", Doc: "Your id."},
	}
	destinations.Register(fake{Type: "mailer", Kind: destinations.Email, Title: "Mailer",
		Settings: []destinations.Setting{
			{Name: "api_key", Type: destinations.String, Required: true, Secret: true, Doc: "Key."},
			{Name: "base_url", Type: destinations.String, Host: true, Default: "https://api.mailer.example.com", Doc: "Where the API is."},
			{Name: "batch", Type: destinations.Integer, Doc: "Rows in a call."},
			{Name: "region", Type: destinations.String, Enum: []string{"eu", "us"}, Doc: "Region."},
		},
		Objects: []destinations.Object{
			{Name: "list", Title: "List", Ops: []destinations.Op{destinations.Add, destinations.Remove}, Target: true,
				Identifiers: append(people[:2:2], destinations.Identifier{Name: "email_sha256", AnyOf: "who", Hash: "sha256.hex", Doc: "Hash of the address."}),
				Fields:      []destinations.Field{{Name: "first_name"}, {Name: "last_name"}}, OpenFields: true, Limits: limits, Granularity: destinations.PerRow, Idempotent: true, Listed: true},
			{Name: "profile", Title: "Profile", Ops: []destinations.Op{destinations.Upsert, destinations.Clear}, Identifiers: people,
				Fields: []destinations.Field{{Name: "first_name"}, {Name: "last_name"}}, Limits: limits, Granularity: destinations.PerRow, Idempotent: true},
		}})
	destinations.Register(fake{Type: "adnet", Kind: destinations.Ads, Title: "Adnet",
		Settings: []destinations.Setting{{Name: "ad_account", Type: destinations.String, Required: true, Account: true, Doc: "Account."}},
		Objects: []destinations.Object{{Name: "audience", Title: "Audience", Ops: []destinations.Op{destinations.Add, destinations.Remove}, Target: true,
			Identifiers: []destinations.Identifier{{Name: "email", Required: true, Doc: "Address."}}, Limits: limits, Granularity: destinations.CountsOnly, Idempotent: true}}})
	destinations.Register(fake{Type: "texter", Kind: destinations.SMS, Title: "Texter",
		Settings: []destinations.Setting{{Name: "token", Type: destinations.String, Required: true, Secret: true, Doc: "Token."}},
		Objects: []destinations.Object{{Name: "message", Title: "Message", Ops: []destinations.Op{destinations.Emit},
			Identifiers: []destinations.Identifier{{Name: "to", Required: true, Doc: "Number."}}, Fields: []destinations.Field{{Name: "body", Required: true}},
			With:   []destinations.Setting{{Name: "from", Type: destinations.String, Required: true, Doc: "Sender."}},
			Limits: limits, Granularity: destinations.PerRow}}})
	destinations.Register(fake{Type: "csv", Kind: destinations.File, Title: "CSV",
		Settings: []destinations.Setting{{Name: "folder", Type: destinations.String, Required: true, Account: true, Doc: "Folder."}},
		Objects: []destinations.Object{{Name: "rows", Title: "Rows", Ops: []destinations.Op{destinations.Upsert, destinations.Delete}, Target: true,
			OpenFields: true, Limits: limits, Granularity: destinations.PerRow, Idempotent: true}}})
}
