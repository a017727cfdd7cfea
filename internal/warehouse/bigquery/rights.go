package bigquery

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/weir-data/weir/internal/warehouse"
)

// Rights dry-runs what weir does, which costs and changes nothing: a job, a SELECT of each source, and
// a table in weir's dataset, or the dataset if it is not there. BigQuery does not tell a source that is
// not there from one that may not be read. Source: /bigquery/docs/access-control.
func (s *session) Rights(ctx context.Context, sources [][]string) ([]warehouse.Right, error) {
	run, err := s.dry(ctx, warehouse.Right{What: "run jobs in project " + s.project, Grant: s.grantProject(s.project, "roles/bigquery.jobUser")}, "SELECT 1")
	if err != nil || !run.Held { // nothing else can be asked without it
		return []warehouse.Right{run}, err
	}
	out := []warehouse.Right{run}
	seen := map[string]bool{}
	for _, name := range sources {
		table, err := quoted(name)
		if err != nil {
			return nil, err
		}
		r := warehouse.Right{What: "read " + strings.Join(name, ".")}
		if seen[r.What] {
			continue
		}
		seen[r.What] = true
		t := s.table(name)
		r.Grant = s.grantTable("roles/bigquery.dataViewer", t.ProjectID, t.DatasetID, t.TableID)
		if r, err = s.dry(ctx, r, "SELECT * FROM "+table); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	home := quote(s.homeProject) + "." + quote(s.dataset)
	own := warehouse.Right{What: "use and make tables in dataset " + s.schema, Grant: s.grantDataset(s.homeProject, s.dataset)}
	sql := "CREATE TABLE " + home + "." + quote("weir_rights") + " (x INT64)"
	if _, err := s.plain.DatasetInProject(s.homeProject, s.dataset).Metadata(ctx); httpCode(err) == 404 {
		own = warehouse.Right{What: "make dataset " + s.schema, Grant: s.grantProject(s.homeProject, "roles/bigquery.user")}
		sql = "CREATE SCHEMA " + home
	}
	own, err = s.dry(ctx, own, sql)
	return append(out, own), err
}

// dry tells whether a statement may be run. A right that is held needs no grant.
func (s *session) dry(ctx context.Context, r warehouse.Right, sql string) (warehouse.Right, error) {
	q := s.query(sql)
	q.DryRun = true
	_, err := s.run(ctx, q)
	err = s.explain(ctx, err)
	switch {
	case err == nil:
		r.Held, r.Grant = true, ""
	case !errors.As(err, new(*warehouse.DeniedError)) && !errors.As(err, new(*warehouse.MissingError)):
		return r, err
	}
	return r, nil
}

var (
	permission = regexp.MustCompile(`bigquery\.[A-Za-z.]+`)
	resource   = regexp.MustCompile(`Access Denied: (Project|Dataset|Table|View) ([^\s:]+(?::[^\s:]+)?)`)
)

// denied says which right is missing, and how it is given.
func (s *store) denied(message string, tidy error) *warehouse.DeniedError {
	out := &warehouse.DeniedError{What: "do that", Err: tidy}
	missing := permission.FindString(message)
	if missing != "" {
		out.What = "do that: it lacks the permission " + strings.TrimRight(missing, ".")
	}
	m := resource.FindStringSubmatch(message)
	if m == nil {
		return out
	}
	name := strings.TrimRight(m[2], ".,:")
	project, rest, ok := strings.Cut(name, ":")
	if !ok {
		project, rest = name, ""
	}
	dataset, table, _ := strings.Cut(rest, ".")
	switch m[1] {
	case "Project":
		role := "roles/bigquery.jobUser"
		out.What = "run jobs in project " + project
		if strings.HasPrefix(missing, "bigquery.datasets.") {
			role, out.What = "roles/bigquery.user", "make datasets in project "+project
		}
		out.Grant = s.grantProject(project, role)
	case "Dataset":
		out.What, out.Grant = "use and make tables in dataset "+s.shown(name), s.grantDataset(project, dataset)
	default:
		out.What, out.Grant = "read "+s.shown(name), s.grantTable("roles/bigquery.dataViewer", project, dataset, table)
		if project == s.homeProject && dataset == s.dataset {
			out.What, out.Grant = "write "+s.shown(name), s.grantDataset(project, dataset)
		}
	}
	return out
}

// grantee is who works here.
func (s *store) grantee() string {
	if s.member == "" {
		return "user:<the user of the target>"
	}
	return s.member
}

func (s *store) grantProject(project, role string) string {
	return "gcloud projects add-iam-policy-binding " + project + " --member='" + s.grantee() + "' --role='" + role + "'"
}

func (s *store) grantDataset(project, dataset string) string {
	return "GRANT `roles/bigquery.dataEditor` ON SCHEMA " + quote(project) + "." + quote(dataset) + ` TO "` + s.grantee() + `";`
}

func (s *store) grantTable(role, project, dataset, table string) string {
	return "GRANT `" + role + "` ON TABLE " + quote(project) + "." + quote(dataset) + "." + quote(table) + ` TO "` + s.grantee() + `";`
}

var _ warehouse.Examiner = (*session)(nil)
