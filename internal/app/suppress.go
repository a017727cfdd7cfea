package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/models/diag"
)

// EveryChannel is the channel of a suppression that holds for all.
const EveryChannel = "all"

// Suppressed is what suppressing an identifier, or lifting that, did. It holds no value.
type Suppressed struct {
	Type    string     `json:"type"`
	Channel string     `json:"channel"`
	Lifted  bool       `json:"lifted"`
	Changed bool       `json:"changed"` // false if it was so already
	Since   *time.Time `json:"since"`   // when it was suppressed before
}

// Suppress keeps one identifier, TYPE=VALUE, out of every destination of a channel, which is a kind
// of destinations or EveryChannel, from the next run on; lift takes that back. The value need not
// be anybody's. by is kept as who asked.
func (a *App) Suppress(ctx context.Context, what, channel, by string, lift bool) (*Suppressed, error) {
	channels := []string{EveryChannel}
	for _, k := range destinations.Kinds() {
		channels = append(channels, string(k))
	}
	if !slices.Contains(channels, channel) {
		e := &Error{Kind: Refused, Code: "suppress.channel", Message: fmt.Sprintf("there is no channel %q", channel), Fix: diag.DidYouMean(channel, channels)}
		if e.Fix == "" {
			e.Fix = "use one of: " + strings.Join(channels, ", ")
		}
		return nil, e
	}
	x := &Suppressed{Channel: channel, Lifted: lift}
	value := ""
	err := a.lookups(ctx, func(ls []*lookup) error {
		q, err := readAsked(ls, what)
		if err != nil {
			return err
		}
		if q.name == "" || q.source {
			return &Error{Kind: Refused, Code: "cli.usage", Message: "say which identifier: TYPE=VALUE", Fix: "TYPE is one of: " + strings.Join(identifierTypes(ls[0].e), ", ")}
		}
		for _, l := range ls {
			if slices.Contains(identifierTypes(l.e), q.name) {
				forms, err := l.forms(ctx, q.value)
				if err == nil && len(forms[q.name]) > 0 {
					x.Type, value = q.name, forms[q.name][0]
				}
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if value == "" {
		return nil, &Error{Kind: Refused, Code: "cli.usage", Message: "there is no value to suppress", Fix: "write TYPE=VALUE"}
	}
	who := ledger.Identifier{Kind: x.Type, Value: value}
	was, err := a.led.Person(ctx, nil, nil, []ledger.Identifier{who}, 0)
	if err != nil {
		return nil, a.worldly(err)
	}
	for _, b := range was.Bars {
		if b.Code == ledger.CodeSuppressed && b.Channel == channel {
			x.Since = given(b.At)
		}
	}
	if x.Changed = (x.Since != nil) == lift; !x.Changed {
		return x, nil
	}
	if lift {
		return x, a.worldly(a.led.Unsuppress(ctx, channel, who))
	}
	return x, a.worldly(a.led.Suppress(ctx, []ledger.Suppression{{Channel: channel, Identifier: who, Source: by}}))
}
