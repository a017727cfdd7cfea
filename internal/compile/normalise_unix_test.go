//go:build unix

package compile_test

import (
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
)

// TestNormalFormsPostgres checks the same on PostgreSQL.
func TestNormalFormsPostgres(t *testing.T) { normalForms(t, casetest.Postgres(t)) }

// TestCountryOfRowPostgres compares the same on PostgreSQL.
func TestCountryOfRowPostgres(t *testing.T) { countryOfRow(t, casetest.Postgres(t)) }

// TestLettersPostgres compares the same on PostgreSQL.
func TestLettersPostgres(t *testing.T) { letters(t, casetest.Postgres(t)) }
