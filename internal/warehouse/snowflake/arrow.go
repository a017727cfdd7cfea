package snowflake

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	sf "github.com/snowflakedb/gosnowflake"
)

// A large result comes in parts of some megabytes, each a column after the other, which are read here as
// they are. The driver's own rows make a piece of memory of each value, and keep ten parts of them.

// partsAhead are how many parts are fetched while one is read.
const partsAhead = 3

// asArrow is a context in which the driver gives results as the server sent them.
func asArrow(ctx context.Context) context.Context {
	return sf.WithArrowBatches(sf.WithArrowBatchesTimestampOption(sf.WithHigherPrecision(ctx), sf.UseOriginalTimestamp))
}

// Why no row was read of a result: the server sent JSON, as it does for small things; or a column of it
// is of a form that is not read here.
var (
	errJSON     = errors.New("the result is not in Arrow")
	errNotArrow = errors.New("the result is not in a form of Arrow that is known")
)

// isDecoding reports whether the driver could not bring the first part of a result into the form that it
// was asked for.
func isDecoding(err error) bool {
	return err != nil && numberOf(err) == 0 && strings.Contains(err.Error(), "decoding arrow batch")
}

// partsOf are the parts of a result.
func partsOf(r driver.Rows) ([]*sf.ArrowBatch, error) {
	rows, ok := r.(sf.SnowflakeRows)
	if !ok {
		return nil, errJSON
	}
	parts, err := rows.GetArrowBatches()
	if numberOf(err) == sf.ErrNonArrowResponseInArrowBatches {
		return nil, errJSON
	}
	return parts, err
}

// part is what came of one part.
type part struct {
	of      *sf.ArrowBatch
	records []arrow.RecordBatch
	err     error
}

// fetch gets the parts in order, some ahead of the one that is read, until the context is over. The
// function that it returns gives the next one, and waits for what is on its way when it is told to stop.
func fetch(ctx context.Context, parts []*sf.ArrowBatch) (next func() (part, bool), stop func()) {
	var coming []chan part
	begun := 0
	begin := func() {
		for ; begun < len(parts) && len(coming) < partsAhead; begun++ {
			c := make(chan part, 1)
			coming = append(coming, c)
			go func(b *sf.ArrowBatch) {
				records, err := b.WithContext(ctx).Fetch()
				if err != nil {
					c <- part{err: err}
					return
				}
				c <- part{of: b, records: *records}
			}(parts[begun])
		}
	}
	next = func() (part, bool) {
		begin()
		if len(coming) == 0 {
			return part{}, false
		}
		p := <-coming[0]
		coming = coming[1:]
		begin()
		return p, true
	}
	stop = func() {
		for _, c := range coming {
			p := <-c
			p.release()
		}
		coming, begun = nil, len(parts)
	}
	return next, stop
}

// release gives the memory of a part back, which the driver would hold until the last part is read.
func (p part) release() {
	for _, r := range p.records {
		r.Release()
	}
}

// arrowRows yields the rows of a result from its parts. It returns errJSON or errNotArrow if it yielded
// none and the driver's rows must be read in its place.
func (s *session) arrowRows(ctx context.Context, r driver.Rows, yield func([]any, error) bool) error {
	parts, err := partsOf(r)
	if err != nil {
		return err
	}
	own, cancel := context.WithCancel(ctx)
	next, stop := fetch(own, parts)
	defer stop()
	defer cancel() // before it is waited for what is on its way
	columns := columnsOf(r)
	row := make([]any, len(columns))
	yielded := false
	for {
		p, ok := next()
		switch {
		case !ok:
			return nil
		case p.err != nil && !yielded && ctx.Err() == nil && numberOf(p.err) == 0:
			return errNotArrow // the driver cannot bring it into this form
		case p.err != nil:
			return p.err
		}
		more, err := true, error(nil)
		for _, record := range p.records {
			if more, err = records(ctx, p.of, record, columns, row, &yielded, yield); !more || err != nil {
				break
			}
		}
		p.release()
		if !more || err != nil {
			return err
		}
	}
}

// records yields the rows of one record, and reports whether more are wanted.
func records(ctx context.Context, of *sf.ArrowBatch, r arrow.RecordBatch, columns []*column, row []any, yielded *bool, yield func([]any, error) bool) (more bool, err error) {
	if int(r.NumCols()) != len(columns) {
		return false, fmt.Errorf("a part of the result has %d columns, not %d", r.NumCols(), len(columns))
	}
	for i, c := range columns {
		if err := c.open(r.Column(i), func(n int) time.Time { return *of.ArrowSnowflakeTimestampToTime(r, i, n) }); err != nil {
			if !*yielded {
				return false, errNotArrow
			}
			return false, fmt.Errorf("reading column %s: %w", c.name, err)
		}
	}
	for n := range int(r.NumRows()) {
		if n%1024 == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
		for i, c := range columns {
			if row[i], err = c.at(n); err != nil {
				return false, fmt.Errorf("reading column %s: %w", c.name, err)
			}
		}
		*yielded = true
		if !yield(row, nil) {
			return false, nil
		}
	}
	return true, nil
}
