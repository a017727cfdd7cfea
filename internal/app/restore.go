package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/ledger"
)

// RestoredLedger says what was brought back from a copy of the ledgers.
type RestoredLedger struct {
	Copy   int       `json:"copy"`
	Of     time.Time `json:"of"`
	Syncs  []string  `json:"syncs"`
	Newest bool      `json:"newest"`
	// Unknown are the syncs that did more after the copy than it knows of: what they sent then.
	Unknown []string `json:"unknown"`
	Notes   []string `json:"notes"`
}

// RestoreLedger brings the ledgers of a lost warehouse file back from the newest copy beside it.
func (a *App) RestoreLedger(ctx context.Context) (*RestoredLedger, error) {
	st, err := a.journal(ctx)
	if err != nil {
		return nil, err
	}
	h, err := a.holder(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := a.warehouse(); err != nil {
		return nil, err
	}
	seen, settled := map[string]int64{}, map[string]int64{}
	for i := range a.p.Syncs {
		name := a.p.Syncs[i].Name
		if seen[name], err = st.Epoch(ctx, name); err != nil {
			return nil, err
		}
		open, err := st.Unsettled(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(open) == 0 { // the newest copy holds all that was settled
			settled[name] = seen[name]
		}
	}
	r, err := a.led.Restore(ctx, h, settled)
	var none *ledger.NoCopyError
	if errors.As(err, &none) {
		return nil, &Error{Kind: Refused, Code: none.Code(), Message: none.Error(), Fix: none.Fix()}
	}
	if err != nil {
		return nil, a.worldly(err)
	}
	out := &RestoredLedger{Copy: r.Copy.Number, Of: r.Copy.At, Syncs: r.Started, Newest: r.Newest, Unknown: []string{}, Notes: []string{}}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if r.Epochs[name] < seen[name] {
			out.Unknown = append(out.Unknown, name)
		}
	}
	for _, err := range r.Broken {
		out.Notes = append(out.Notes, firstLine(err))
	}
	return out, nil
}
