package ledger

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/rel"
)

// The codes of what keeps a person out beside policies.
const (
	CodeErased     = "syncs.erased"
	CodeSuppressed = "syncs.suppressed"
)

// everyChannel is the channel of a suppression that holds for all.
const everyChannel = "all"

// SecretKey reads the project's secret from a file, and makes it, readable by its owner alone, if
// it is not there.
func SecretKey(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("making the secret key: %w", err)
		}
		var key [32]byte
		rand.Read(key[:])
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) { // another process was faster
			return SecretKey(path)
		}
		if err != nil {
			return nil, fmt.Errorf("making the secret key: %w", err)
		}
		_, err = f.WriteString(hex.EncodeToString(key[:]) + "\n")
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return nil, errors.Join(fmt.Errorf("making the secret key: %w", err), os.Remove(path))
		}
		return key[:], nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the secret key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) < 16 {
		return nil, fmt.Errorf("reading the secret key: %s holds no key of at least 16 bytes in hex", path)
	}
	return key, nil
}

// subkeys derives the two keys of the keyed hash.
func (l *Ledger) subkeys() (inner, outer string) {
	derive := func(what string) string {
		m := hmac.New(sha256.New, l.key)
		m.Write([]byte(what))
		return hex.EncodeToString(m.Sum(nil))
	}
	return derive("weir inner"), derive("weir outer")
}

// hash is the keyed hash of a value, as keyedHash gives it in the warehouse.
func (l *Ledger) hash(value string) string {
	inner, outer := l.subkeys()
	h := func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }
	return h(outer + h(inner+value))
}

// secretTable holds the subkeys on a session, so that no statement's text shows them.
var secretTable = rel.Name{"weir_secret"}

const secretAlias = "secret"

// loadSecret makes keyedHash available on the session, by withSecret.
func (l *Ledger) loadSecret(ctx context.Context, s *session) error {
	err := s.do(ctx, rel.DropTable{Name: secretTable}, rel.CreateTable{Name: secretTable, Temp: true, Columns: fields("inner_key outer_key")})
	if err != nil {
		return err
	}
	inner, outer := l.subkeys()
	_, err = s.Load(ctx, secretTable, []string{"inner_key", "outer_key"}, one([]any{inner, outer}))
	return err
}

// withSecret joins the subkeys to a select that uses keyedHash.
func withSecret() rel.Join {
	return rel.Join{Kind: rel.Cross, Rel: rel.Table{Name: secretTable, Alias: secretAlias}}
}

// keyedHash is the keyed hash of a text. See the package comment.
func keyedHash(e rel.Expr) rel.Expr {
	return rel.F(rel.SHA256, concat(rel.C(secretAlias, "outer_key"), rel.F(rel.SHA256, concat(rel.C(secretAlias, "inner_key"), e))))
}

func one(rows ...[]any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// bars is every hash that keeps a person out of a channel, with its code: erasures, and
// suppressions of the channel or of all.
func (s *source) bars() rel.Query {
	return rel.Select{
		Columns: []rel.Column{rel.As("hash", rel.C("u", "hash")), rel.As("code", rel.Agg{Fn: rel.Min, Arg: rel.C("u", "code")})},
		From: rel.Sub{Alias: "u", Query: rel.Union{All: true, Queries: []rel.Query{
			rel.Select{Columns: []rel.Column{rel.As("hash", rel.C("e", "hash")), rel.As("code", rel.T(CodeErased))}, From: rel.Table{Name: s.table(tErasures), Alias: "e"}},
			rel.Select{Columns: []rel.Column{rel.As("hash", rel.C("x", "hash")), rel.As("code", rel.T(CodeSuppressed))}, From: rel.Table{Name: s.table(tSuppressions), Alias: "x"},
				Where: rel.InList{Expr: rel.C("x", "channel"), List: []rel.Expr{rel.T(string(s.b.Channel)), rel.T(everyChannel)}}},
		}}},
		GroupBy: []rel.Expr{rel.C("u", "hash")},
	}
}

// barred reports whether there is any erasure or suppression at all, and sees that the project's
// secret is the one that they were written with.
func (l *Ledger) barred(ctx context.Context, s *session) (bool, error) {
	some, err := l.anyBars(ctx, s)
	if err != nil || !some {
		return false, err
	}
	return true, l.checkKey(ctx, s, false)
}

func (l *Ledger) anyBars(ctx context.Context, s *session) (bool, error) {
	erased, err := s.some(ctx, l.table(tErasures), nil)
	if err != nil || erased {
		return erased, err
	}
	return s.some(ctx, l.table(tSuppressions), nil)
}

// checkKey compares the secret with the one that the warehouse knows; with note, it is made
// known if none is.
func (l *Ledger) checkKey(ctx context.Context, s *session, note bool) error {
	if len(l.key) == 0 {
		return &KeyError{}
	}
	known := ""
	err := s.each(ctx, rel.Select{Columns: []rel.Column{rel.As("hash", rel.C("t", "hash"))}, From: rel.Table{Name: l.table(tSecret), Alias: "t"}, Limit: 1},
		func(r []any) error { known = asText(r[0]); return nil })
	if err != nil {
		return err
	}
	mine := l.hash("weir: check of the secret key")
	switch {
	case known == mine:
		return nil
	case known != "":
		return &KeyError{}
	case note:
		_, err := s.Load(ctx, l.table(tSecret), []string{"name", "hash"}, one([]any{"key", mine}))
		return err
	}
	return nil
}

// Kinds says as which kinds a sync compares what it sends as an identifier; nil means all of them.
type Kinds func(sync, identifier string) []string

// Erase remembers that whoever has one of these identifiers must not be sent again. Every sync
// takes them out of its destination with its next run. Only keyed hashes are kept. Erasing again
// changes nothing. kinds is for ledgers that keep hashes themselves; nil means that an identifier
// is of the kind that it is called.
func (l *Ledger) Erase(ctx context.Context, values []Identifier, kinds Kinds) error {
	if kinds == nil {
		kinds = func(_, identifier string) []string { return []string{identifier} }
	}
	return l.with(ctx, "recording an erasure", func(s *session) error {
		at, err := l.ready(ctx, s)
		if err != nil {
			return err
		}
		return s.Tx(ctx, func(ctx context.Context) error {
			for _, v := range values {
				h := rel.T(l.barHash(v))
				if err := s.insertNew(ctx, l.table(tErasures), []rel.Column{rel.As("hash", h), rel.As("at", rel.At(at))}, eq(rel.C("t", "hash"), h)); err != nil {
					return err
				}
			}
			return l.purge(ctx, s, values, kinds)
		})
	})
}

// purge takes erased people out of ledgers that keep hashes in place of identifiers: nothing can
// be removed at their destinations, so that no plan would ever do it.
func (l *Ledger) purge(ctx context.Context, s *session, values []Identifier, kinds Kinds) error {
	type kept struct {
		sync  string
		slots []string
	}
	var ledgers []kept
	t := func(c string) rel.Expr { return rel.C("t", c) }
	err := s.each(ctx, rel.Select{Columns: []rel.Column{rel.As("sync", t("sync")), rel.As("slots", t("slots"))}, From: rel.Table{Name: l.table(tLedgers), Alias: "t"}, Where: rel.F(rel.Ne, t("slots"), rel.T(""))},
		func(r []any) error {
			ledgers = append(ledgers, kept{asText(r[0]), strings.Split(asText(r[1]), ",")})
			return nil
		})
	if err != nil {
		return err
	}
	for _, k := range ledgers {
		hashes := rel.InList{Expr: t("grp")}
		for _, name := range k.slots {
			as := kinds(k.sync, name)
			for _, v := range values {
				if as == nil || slices.Contains(as, v.Kind) {
					hashes.List = append(hashes.List, rel.T(l.hash(name+":"+v.Value)))
				}
			}
		}
		if len(hashes.List) == 0 {
			continue
		}
		own := l.table(ledgerTable(k.sync))
		erased := rel.Sub{Alias: "e", Query: rel.Select{Columns: []rel.Column{rel.As("key", t("key"))}, From: rel.Table{Name: own, Alias: "t"}, Where: hashes}}
		err := s.do(ctx,
			rel.Delete{From: l.table(tDeliveries), Where: and(eq(t("sync"), rel.T(k.sync)), rel.Exists{Query: rel.Select{
				Columns: []rel.Column{rel.As("one", rel.I(1))}, From: erased, Where: eq(rel.C("e", "key"), t("key"))}})},
			rel.Delete{From: own, Where: hashes})
		if err != nil {
			return err
		}
	}
	return nil
}

// Suppression keeps one identifier out of a channel.
type Suppression struct {
	Channel string // a destination's kind, or "all"
	Identifier
	Source string // who asked: "unsubscribe", "complaint", …
}

// Suppress remembers suppressions. Only keyed hashes are kept. Suppressing again changes nothing.
func (l *Ledger) Suppress(ctx context.Context, list []Suppression) error {
	return l.with(ctx, "recording suppressions", func(s *session) error {
		at, err := l.ready(ctx, s)
		if err != nil {
			return err
		}
		return s.Tx(ctx, func(ctx context.Context) error {
			for _, x := range list {
				h, ch := rel.T(l.barHash(x.Identifier)), rel.T(x.Channel)
				cs := []rel.Column{rel.As("channel", ch), rel.As("hash", h), rel.As("at", rel.At(at)), rel.As("source", rel.T(x.Source))}
				if err := s.insertNew(ctx, l.table(tSuppressions), cs, and(eq(rel.C("t", "hash"), h), eq(rel.C("t", "channel"), ch))); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// Unsuppress takes a suppression back, when a person asks for it. Erasures stay for good.
func (l *Ledger) Unsuppress(ctx context.Context, channel string, who Identifier) error {
	return l.with(ctx, "taking back a suppression", func(s *session) error {
		if err := l.checkKey(ctx, s, false); err != nil {
			return err
		}
		return s.do(ctx, rel.Delete{From: l.table(tSuppressions), Where: and(eq(rel.C("t", "hash"), rel.T(l.barHash(who))), eq(rel.C("t", "channel"), rel.T(channel)))})
	})
}

// ready checks the secret, makes it known if it is the first, and tells the time.
func (l *Ledger) ready(ctx context.Context, s *session) (at time.Time, err error) {
	if err := l.checkKey(ctx, s, true); err != nil {
		return at, err
	}
	return s.Now(ctx)
}

// insertNew inserts one row unless there is one for which same is true.
func (s *session) insertNew(ctx context.Context, t rel.Name, cs []rel.Column, same rel.Expr) error {
	return s.do(ctx, insertUnless(t, cs, same))
}

// insertUnless inserts a row unless one like it is there.
func insertUnless(t rel.Name, cs []rel.Column, same rel.Expr) rel.Statement {
	return rel.Insert{Into: t, Columns: names(cs), From: rel.Select{Columns: cs, Where: not(rel.Exists{Query: rel.Select{
		Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: t, Alias: "t"}, Where: same,
	}})}}
}
