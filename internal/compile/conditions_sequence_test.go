package compile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/models"
)

// TestSequencesShareAReading holds that the number of statements depends on which sources
// sequences look at and in which columns their rows agree, not on how many sequences there are.
func TestSequencesShareAReading(t *testing.T) {
	statements := func(each int) (all, sequences int) {
		in := input(t, rowsModel)
		for i := range each {
			within := models.Duration(time.Duration(i+1) * time.Hour)
			did := func(source, kind string) models.Step {
				is := models.Test{Is: &models.Value{Type: models.Text, Text: kind}}
				return models.Step{Did: source, Where: []models.ColumnTest{{Column: "kind", Test: is}}, Within: &within}
			}
			first := models.Step{Did: "acts"}
			for j, w := range []models.Condition{
				{Sequence: []models.Step{first, did("acts", "a"), did("acts", fmt.Sprint(i))}},
				{Sequence: []models.Step{first, did("visits", "a")}},
				{Sequence: []models.Step{first, {Never: "visits", Within: &within}}, Same: []string{"thing"}},
			} {
				in.Model.Segments = append(in.Model.Segments, models.Segment{Name: fmt.Sprintf("s%d_%d", i, j), Entity: "x", Where: w})
			}
		}
		program, problems := compile.Entity(in)
		if program == nil {
			t.Fatal(problemText(problems))
		}
		for _, s := range program.Steps {
			all += len(s.Do)
			if strings.Contains(s.Name, "sequence") {
				sequences++
			}
		}
		return all, sequences
	}
	few, readings := statements(1)
	many, readingsOfMany := statements(40)
	if few != many || readings != 3 || readingsOfMany != 3 {
		t.Errorf("%d statements with %d readings for one sequence of each kind, %d with %d for forty", few, readings, many, readingsOfMany)
	}
}
