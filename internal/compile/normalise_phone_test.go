package compile

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nyaruka/phonenumbers"

	"github.com/weir-data/weir/models"
)

var update = flag.Bool("update", false, "rewrite golden files and tables")

// TestPhonePlans compares the table of numbering plans with the metadata it was made from.
func TestPhonePlans(t *testing.T) {
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range all.GetMetadata() {
		if m.GetId() == "001" {
			continue // global services have no country; their codes are listed below
		}
		trunk := m.GetNationalPrefix()
		if trunk == "" {
			trunk = "-"
		}
		lines = append(lines, fmt.Sprintf("%s %d %s %s", m.GetId(), m.GetCountryCode(), trunk, lengthsText(m.GetGeneralDesc().GetPossibleLength())))
	}
	for _, m := range all.GetMetadata() {
		if m.GetId() == "001" {
			lines = append(lines, fmt.Sprintf("-- %d - %s", m.GetCountryCode(), lengthsText(m.GetGeneralDesc().GetPossibleLength())))
		}
	}
	slices.Sort(lines)
	want := strings.Join(lines, "\n")
	if *update {
		text := "package compile\n\n// phonePlans are the world's numbering plans, one a line: ISO 3166 country (-- for services without\n// one), calling code, national trunk prefix (- for none), lengths of national numbers. From the\n// metadata of libphonenumber; the test of this file rewrites it.\nconst phonePlans = `" + want + "`\n"
		if err := os.WriteFile("normalise_phone_table.go", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, phonePlans); diff != "" {
		t.Errorf("the table is not that of the metadata; run go test -run TestPhonePlans -update (-want +got):\n%s", diff)
	}
}

// TestPhoneCountries compares the countries that models take with those that have a plan.
func TestPhoneCountries(t *testing.T) {
	var want []string
	for _, p := range plans() {
		if p.country != "--" {
			want = append(want, p.country)
		}
	}
	if diff := cmp.Diff(want, models.PhoneCountries); diff != "" {
		t.Errorf("models.PhoneCountries (-want +got):\n%s", diff)
	}
}

func lengthsText(ns []int32) string {
	ns = slices.Clone(ns)
	slices.Sort(ns)
	var parts []string
	for i := 0; i < len(ns); {
		j := i
		for j+1 < len(ns) && ns[j+1] == ns[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, fmt.Sprint(ns[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", ns[i], ns[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}
