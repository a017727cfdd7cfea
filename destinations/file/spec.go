// Package file writes changes to files that something else picks up: CSV (RFC 4180) or JSON
// lines.
//
// Each batch becomes one file in the folder that the sync's `into:` names:
//
//	exports/vip/000001-5f2c….csv
//	exports/vip/000002-91ab….csv      op,email,first_name
//	                                  add,anna@example.com,Anna
//	                                  remove,bob@example.com,
//
// Reading the files of a folder in order of their names and letting the last line about a person
// win gives who is there now; Members does that. A file is written under a hidden name, flushed to
// the disk and renamed, so that whoever watches the folder never sees half of one. A batch that is
// written again replaces its own file with the same bytes.
package file

import (
	"github.com/weir-data/weir/destinations"
)

func init() { destinations.Register(files{}) }

type files struct{}

// Spec describes the destination.
func (files) Spec() destinations.Spec {
	return destinations.Spec{
		Type:  "file",
		Kind:  destinations.File,
		Title: "File",
		Docs:  "https://www.rfc-editor.org/rfc/rfc4180",
		Proof: "round trip",
		Settings: []destinations.Setting{
			{Name: "path", Type: destinations.String, Default: "exports", Account: true,
				Doc: "Folder for the files: inside the project's folder, or absolute."},
		},
		Objects: []destinations.Object{{
			Name: "rows", Title: "Rows", Target: true,
			Ops: []destinations.Op{destinations.Upsert, destinations.Add, destinations.Remove, destinations.Delete, destinations.Clear},
			Identifiers: []destinations.Identifier{
				{Name: "email", Normalise: "email.basic", AnyOf: "id", Doc: "Address, trimmed and in lower case."},
				{Name: "phone", Normalise: "phone.e164", AnyOf: "id", Doc: "Number with country code."},
				{Name: "external_id", AnyOf: "id", Doc: "The customer's own id of the person."},
				{Name: "email_sha256", Normalise: "email.basic", Hash: "sha256.hex", AnyOf: "id", Doc: "Hash of the address."},
				{Name: "phone_sha256", Normalise: "phone.e164", Hash: "sha256.hex", AnyOf: "id", Doc: "Hash of the number, with its plus."},
			},
			OpenFields: true,
			With: []destinations.Setting{
				{Name: "format", Type: destinations.String, Doc: "How rows are written: csv, or jsonl.", Enum: []string{"csv", "jsonl"}, Default: "csv"},
				{Name: "formula_guard", Type: destinations.Boolean, Default: false,
					Doc: "csv: puts an apostrophe before text that a spreadsheet would run as a formula."},
			},
			Limits:            destinations.Limits{Rows: 10_000, Concurrency: 1},
			Granularity:       destinations.PerRow,
			Idempotent:        true,
			NullClears:        true,
			RemovalNeedsMatch: true,
			Listed:            true,
		}},
	}
}
