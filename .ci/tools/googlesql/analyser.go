package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/goccy/go-googlesql"
)

// features are those of the language that BigQuery documents and weir may use. What is not here is
// a fault.
var features = []googlesql.LanguageFeature{
	googlesql.LanguageFeatureFeatureAnalyticFunctions,
	googlesql.LanguageFeatureFeatureNamedArguments,
	googlesql.LanguageFeatureFeatureNumericType,
	googlesql.LanguageFeatureFeatureBignumericType,
	googlesql.LanguageFeatureFeatureV13DecimalAlias,
	googlesql.LanguageFeatureFeatureCreateTableNotNull,
	googlesql.LanguageFeatureFeatureParameterizedTypes,
	googlesql.LanguageFeatureFeatureV11NullHandlingModifierInAggregate,
	googlesql.LanguageFeatureFeatureV11OrderByInAggregate,
	googlesql.LanguageFeatureFeatureV11LimitInAggregate,
	googlesql.LanguageFeatureFeatureV11SelectStarExceptReplace,
	googlesql.LanguageFeatureFeatureV11WithOnSubquery,
	googlesql.LanguageFeatureFeatureV12SafeFunctionCall,
	googlesql.LanguageFeatureFeatureV12CivilTime,
	googlesql.LanguageFeatureFeatureV12WeekWithWeekday,
	googlesql.LanguageFeatureFeatureV13AdditionalStringFunctions,
	googlesql.LanguageFeatureFeatureV13DateArithmetics,
	googlesql.LanguageFeatureFeatureV13DateTimeConstructors,
	googlesql.LanguageFeatureFeatureV13ExtendedDateTimeSignatures,
	googlesql.LanguageFeatureFeatureV13FormatInCast,
	googlesql.LanguageFeatureFeatureV13IsDistinct,
	googlesql.LanguageFeatureFeatureV13NullsFirstLastInOrderBy,
	googlesql.LanguageFeatureFeatureV13Qualify,
	googlesql.LanguageFeatureFeatureDmlUpdateWithJoin,
	googlesql.LanguageFeatureFeatureIntervalType,
	googlesql.LanguageFeatureFeatureJsonType,
	googlesql.LanguageFeatureFeatureJsonArrayFunctions,
}

// column is a column of a table that a case has made.
type column struct {
	name string
	typ  googlesql.Googlesql_TypeNode
}

// table is a table or view of a case.
type table struct {
	path    []string
	columns []column
}

// analyser knows what the statements of a case have made so far.
type analyser struct {
	options  *googlesql.AnalyzerOptions
	types    *googlesql.TypeFactory
	builtins *googlesql.SimpleCatalog

	tables    []*table
	functions map[string]*googlesql.Function
	catalog   googlesql.CatalogNode               // of tables and functions; nil after a change
	folders   map[string]*googlesql.SimpleCatalog // by path
	filled    map[string]bool                     // the tables in it, those too that were dropped since
	kept      []any                               // what lives as long as the catalog: the engine does not hold it
	outputs   []*googlesql.AnalyzerOutput
}

func newAnalyser() (*analyser, error) {
	language, err := googlesql.NewLanguageOptions()
	if err != nil {
		return nil, err
	}
	if err := language.SetProductMode(googlesql.ProductModeProductExternal); err != nil {
		return nil, err
	}
	for _, f := range features {
		if err := language.EnableLanguageFeature(f); err != nil {
			return nil, err
		}
	}
	if err := language.SetSupportsAllStatementKinds(); err != nil {
		return nil, err
	}
	options, err := googlesql.NewAnalyzerOptions2()
	if err != nil {
		return nil, err
	}
	if err := options.SetLanguage(language); err != nil {
		return nil, err
	}
	types, err := googlesql.NewTypeFactory()
	if err != nil {
		return nil, err
	}
	builtins, err := googlesql.NewSimpleCatalog("builtins", types)
	if err != nil {
		return nil, err
	}
	if err := builtins.AddBuiltinFunctionsAndTypes(&googlesql.BuiltinFunctionOptions{LanguageOptions: language}); err != nil {
		return nil, err
	}
	return &analyser{options: options, types: types, builtins: builtins}, nil
}

// begin forgets the tables of the case before.
func (a *analyser) begin() {
	a.tables, a.functions, a.catalog, a.kept, a.outputs = nil, map[string]*googlesql.Function{}, nil, nil, nil
	runtime.GC() // by which the engine, whose memory has an end, is told what is not needed any more
}

// analyse analyses a statement and does to the catalog what it would do.
func (a *analyser) analyse(sql string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the analyser stopped: %v", p)
		}
	}()
	if err := a.fill(); err != nil {
		return fmt.Errorf("filling the catalog: %w", err)
	}
	out, err := googlesql.AnalyzeStatement(sql, a.options, a.catalog, a.types)
	if err != nil {
		return err
	}
	resolved, err := out.ResolvedStatement()
	if err != nil {
		return err
	}
	a.outputs = append(a.outputs, out) // it owns the types that its columns have
	return a.apply(resolved)
}

// apply does to the catalog what a statement would do.
func (a *analyser) apply(st googlesql.ResolvedStatementNode) error {
	switch st := st.(type) {
	case *googlesql.ResolvedCreateTableAsSelectStmt:
		columns, err := definitions(st.ResolvedCreateTableStmtBase)
		return a.create(st, columns, err)
	case *googlesql.ResolvedCreateTableStmt:
		columns, err := definitions(st.ResolvedCreateTableStmtBase)
		return a.create(st, columns, err)
	case *googlesql.ResolvedCreateViewStmt:
		columns, err := outputs(st)
		return a.create(st, columns, err)
	case *googlesql.ResolvedDropStmt:
		path, err := st.NamePath()
		if err != nil {
			return err
		}
		if a.drop(path) {
			return nil
		}
		if lenient, err := st.IsIfExists(); err != nil || lenient {
			return err
		}
		return fmt.Errorf("%s is dropped and does not exist", strings.Join(path, "."))
	case *googlesql.ResolvedAlterTableStmt:
		return a.alter(st)
	case *googlesql.ResolvedCreateFunctionStmt:
		return a.function(st)
	}
	return nil
}

// creation is what every statement has that makes something.
type creation interface {
	NamePath() ([]string, error)
	CreateMode() (googlesql.ResolvedCreateStatementEnums_CreateMode, error)
}

func (a *analyser) create(st creation, columns []column, err error) error {
	if err != nil {
		return err
	}
	path, err := st.NamePath()
	if err != nil {
		return err
	}
	mode, err := st.CreateMode()
	if err != nil {
		return err
	}
	if a.find(path) != nil {
		switch mode {
		case googlesql.ResolvedCreateStatementEnums_CreateModeCreateIfNotExists:
			return nil
		case googlesql.ResolvedCreateStatementEnums_CreateModeCreateOrReplace:
			a.drop(path)
		default:
			return fmt.Errorf("%s is made and is there already", strings.Join(path, "."))
		}
	}
	t := &table{path: path, columns: columns}
	a.tables = append(a.tables, t)
	if key := strings.Join(path, "\x00"); a.catalog != nil && !a.filled[key] {
		return a.place(t)
	}
	a.catalog = nil
	return nil
}

func definitions(st *googlesql.ResolvedCreateTableStmtBase) ([]column, error) {
	list, err := st.ColumnDefinitionList()
	if err != nil {
		return nil, err
	}
	return columnsOf(list)
}

func columnsOf(list []*googlesql.ResolvedColumnDefinition) ([]column, error) {
	var out []column
	for _, d := range list {
		name, err := d.Name()
		if err != nil {
			return nil, err
		}
		typ, err := d.Type()
		if err != nil {
			return nil, err
		}
		out = append(out, column{name, typ})
	}
	return out, nil
}

func outputs(st *googlesql.ResolvedCreateViewStmt) ([]column, error) {
	list, err := st.OutputColumnList()
	if err != nil {
		return nil, err
	}
	var out []column
	for _, o := range list {
		name, err := o.Name()
		if err != nil {
			return nil, err
		}
		c, err := o.Column()
		if err != nil {
			return nil, err
		}
		typ, err := c.Type()
		if err != nil {
			return nil, err
		}
		out = append(out, column{name, typ})
	}
	return out, nil
}

// alter adds columns.
func (a *analyser) alter(st *googlesql.ResolvedAlterTableStmt) error {
	path, err := st.NamePath()
	if err != nil {
		return err
	}
	t := a.find(path)
	if t == nil {
		return fmt.Errorf("%s is changed and does not exist", strings.Join(path, "."))
	}
	actions, err := st.AlterActionList()
	if err != nil {
		return err
	}
	for _, action := range actions {
		add, ok := action.(*googlesql.ResolvedAddColumnAction)
		if !ok {
			return fmt.Errorf("%s is changed by %T, which the check does not know", strings.Join(path, "."), action)
		}
		d, err := add.ColumnDefinition()
		if err != nil {
			return err
		}
		more, err := columnsOf([]*googlesql.ResolvedColumnDefinition{d})
		if err != nil {
			return err
		}
		there := func(c column) bool { return strings.EqualFold(c.name, more[0].name) }
		if !slices.ContainsFunc(t.columns, there) {
			t.columns, a.catalog = append(t.columns, more...), nil
		}
	}
	return nil
}

// function makes a function known by its signature.
func (a *analyser) function(st *googlesql.ResolvedCreateFunctionStmt) error {
	path, err := st.NamePath()
	if err != nil {
		return err
	}
	signature, err := st.Signature()
	if err != nil {
		return err
	}
	name := strings.Join(path, ".")
	f, err := googlesql.NewFunction(path, "session", googlesql.FunctionEnums_ModeScalar, []*googlesql.FunctionSignature{signature}, nil)
	if err != nil {
		return err
	}
	a.functions[name], a.catalog = f, nil
	return nil
}

func (a *analyser) find(path []string) *table {
	for _, t := range a.tables {
		if slices.Equal(t.path, path) {
			return t
		}
	}
	return nil
}

func (a *analyser) drop(path []string) bool {
	for i, t := range a.tables {
		if slices.Equal(t.path, path) {
			a.tables = slices.Delete(a.tables, i, i+1) // the catalog has it until it is made again
			return true
		}
	}
	return false
}

// fill makes a catalog of what is there, where tables were changed or made again: in the engine's own
// catalogs nothing can be taken away.
func (a *analyser) fill() error {
	if a.catalog != nil {
		return nil
	}
	a.kept = nil
	own, err := googlesql.NewSimpleCatalog("case", a.types)
	if err != nil {
		return err
	}
	a.folders, a.filled = map[string]*googlesql.SimpleCatalog{"": own}, map[string]bool{}
	for _, t := range a.tables {
		if err := a.place(t); err != nil {
			return err
		}
	}
	for _, f := range a.functions {
		if err := own.AddFunction(f); err != nil {
			return err
		}
	}
	all, err := googlesql.NewMultiCatalogCreate("all", []googlesql.CatalogNode{own, a.builtins})
	if err != nil {
		return err
	}
	a.catalog = all
	return nil
}

// place puts a table where its name says.
func (a *analyser) place(t *table) error {
	in := a.folders[""]
	for i := range t.path[:len(t.path)-1] {
		key := strings.Join(t.path[:i+1], "\x00")
		if a.folders[key] == nil {
			folder, err := googlesql.NewSimpleCatalog(t.path[i], a.types)
			if err != nil {
				return err
			}
			if err := in.AddCatalog2(t.path[i], folder); err != nil {
				return err
			}
			a.folders[key] = folder
		}
		in = a.folders[key]
	}
	a.filled[strings.Join(t.path, "\x00")] = true
	return a.add(in, t)
}

func (a *analyser) add(place *googlesql.SimpleCatalog, t *table) error {
	name := t.path[len(t.path)-1]
	made, err := googlesql.NewSimpleTable(strings.Join(t.path, "."), 0)
	if err != nil {
		return err
	}
	for _, c := range t.columns {
		col, err := googlesql.NewSimpleColumn(name, c.name, c.typ, false, true)
		if err != nil {
			return err
		}
		if err := made.AddColumn2(col, false); err != nil {
			return fmt.Errorf("table %s: %w", strings.Join(t.path, "."), err)
		}
		a.kept = append(a.kept, col)
	}
	a.kept = append(a.kept, made)
	return place.AddTable2(name, made)
}
