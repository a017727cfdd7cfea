package bigquery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	bq "cloud.google.com/go/bigquery"
	"google.golang.org/api/iterator"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

// Columns lists the columns of a table or view. A name of one part is that of a temporary table.
func (s *session) Columns(ctx context.Context, table []string) ([]warehouse.Column, error) {
	schema, err := s.schemaOf(ctx, table)
	if err != nil {
		return nil, err
	}
	return columns(schema), nil
}

func (s *session) schemaOf(ctx context.Context, table []string) (bq.Schema, error) {
	name, err := quoted(table)
	if err != nil {
		return nil, err
	}
	if err := s.check(ctx, name); err != nil {
		return nil, err
	}
	shown := strings.Join(table, ".")
	if len(table) == 1 {
		schema, err := s.describe(ctx, "SELECT * FROM "+name)
		var missing *warehouse.MissingError
		if errors.As(err, &missing) {
			missing.Name = shown
		}
		return schema, err
	}
	md, err := s.table(table).Metadata(ctx)
	if httpCode(err) == 404 || err == nil && len(md.Schema) == 0 { // a table without columns is none for weir
		return nil, &warehouse.MissingError{What: "table", Name: shown, Nearest: s.near(ctx, shown), Err: errors.New("the catalogue has no such table")}
	}
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	return md.Schema, nil
}

// table is a table by a name of two or three parts, of which the first may be project.dataset.
func (s *session) table(name []string) *bq.Table {
	project, dataset := s.project, name[0]
	if len(name) == 3 {
		project, dataset = name[0], name[1]
	} else if i := strings.LastIndexByte(dataset, '.'); i >= 0 {
		project, dataset = dataset[:i], dataset[i+1:]
	}
	return s.plain.DatasetInProject(project, dataset).Table(name[len(name)-1])
}

// QueryColumns lists the columns that exactly one SELECT would give, by a dry run, which costs nothing.
func (s *session) QueryColumns(ctx context.Context, sql string) ([]warehouse.Column, error) {
	body, err := dialect.BigQuery().Raw(sql)
	if err != nil {
		return nil, fmt.Errorf("the SQL must be one SELECT: %w", err)
	}
	if !reads.MatchString(body) {
		return nil, errors.New("the SQL must be one SELECT")
	}
	// As a subquery nothing but a SELECT is understood. The line end is for a comment at its end.
	sql = "SELECT * FROM (\n" + body + "\n) AS q"
	if err := s.check(ctx, sql); err != nil {
		return nil, err
	}
	schema, err := s.describe(ctx, sql)
	if err != nil {
		return nil, err
	}
	if len(schema) == 0 {
		return nil, errors.New("the SELECT gives no columns")
	}
	return columns(schema), nil
}

// describe asks for the columns of a SELECT without running it.
func (s *session) describe(ctx context.Context, sql string) (bq.Schema, error) {
	if s.endpoint != "" {
		return s.describeStandIn(ctx, sql)
	}
	q := s.query(sql)
	q.DryRun = true
	d, err := s.run(ctx, q)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	details, ok := d.status.Statistics.Details.(*bq.QueryStatistics)
	if !ok {
		return nil, errors.New("the dry run of the statement told no columns")
	}
	return details.Schema, nil
}

// Tables lists tables and views by name; of all datasets of the sources' project, and of weir's own, as
// dataset.table.
func (s *session) Tables(ctx context.Context, schema string) ([]string, error) {
	if err := s.check(ctx, "SELECT 1"); err != nil {
		return nil, err
	}
	if schema != "" {
		project, dataset := s.project, schema
		if schema == s.schema {
			project, dataset = s.homeProject, s.dataset
		} else if i := strings.LastIndexByte(schema, '.'); i >= 0 {
			project, dataset = schema[:i], schema[i+1:]
		}
		return s.tablesOf(ctx, project, dataset)
	}
	var out []string
	add := func(project, dataset, prefix string) error {
		names, err := s.tablesOf(ctx, project, dataset)
		for _, n := range names {
			out = append(out, prefix+n)
		}
		return err
	}
	it := s.plain.Datasets(ctx)
	it.ProjectID = s.project
	for {
		d, err := it.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		if err != nil {
			return nil, s.explain(ctx, err)
		}
		if s.endpoint != "" && ofStandIn(d.DatasetID) {
			continue
		}
		if err := add(s.project, d.DatasetID, d.DatasetID+"."); err != nil {
			return nil, err
		}
	}
	if s.homeProject != s.project {
		if err := add(s.homeProject, s.dataset, s.schema+"."); err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return out, nil
}

// tablesOf lists a dataset; nothing if there is none, or if this user may not look.
func (s *session) tablesOf(ctx context.Context, project, dataset string) ([]string, error) {
	if !datasetID.MatchString(dataset) {
		return nil, nil
	}
	var out []string
	for it := s.plain.DatasetInProject(project, dataset).Tables(ctx); ; {
		t, err := it.Next()
		switch {
		case errors.Is(err, iterator.Done):
			slices.Sort(out)
			return out, nil
		case httpCode(err) == 404 || httpCode(err) == 403:
			return nil, nil
		case err != nil:
			return nil, s.explain(ctx, err)
		}
		out = append(out, t.TableID)
	}
}

func (s *session) near(ctx context.Context, name string) []string {
	if s.closed || s.asking { // what is asked here may be missing too
		return nil
	}
	s.asking = true
	defer func() { s.asking = false }()
	names, err := s.Tables(ctx, "")
	if err != nil {
		return nil
	}
	return warehouse.Nearest(name, names)
}

// quoted quotes a name of one to three parts, of which the first may be project.dataset.
func quoted(name []string) (string, error) {
	if len(name) == 0 || len(name) > 3 {
		return "", fmt.Errorf("a table has a name of one to three parts, not %d", len(name))
	}
	all := name
	if i := strings.LastIndexByte(name[0], '.'); i >= 0 && len(name) == 2 {
		all = []string{name[0][:i], name[0][i+1:], name[1]}
	}
	out := make([]string, len(all))
	for i, p := range all {
		if p == "" || strings.ContainsRune(p, 0) {
			return "", fmt.Errorf("a part of the name %q is empty or no text", strings.Join(name, "."))
		}
		out[i] = quote(p)
	}
	return strings.Join(out, "."), nil
}
