package syncstest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/syncs"
)

// memory is a syncs.Memory that is lost with its process. It may be used by several goroutines.
type memory struct {
	mu      sync.Mutex
	lessons map[[2]string]syncs.Lesson // by account and About
	spent   map[spentOn]map[int64]int64
}

type spentOn struct {
	account, bucket string
	per             time.Duration
}

func (m *memory) Recall(_ context.Context, account string, now time.Time) ([]syncs.Lesson, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []syncs.Lesson
	for at, l := range m.lessons {
		if at[0] == account && now.Before(l.Until) {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b syncs.Lesson) int { return cmp.Compare(a.About, b.About) })
	return out, nil
}

func (m *memory) Learn(_ context.Context, account string, l syncs.Lesson, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lessons == nil {
		m.lessons = map[[2]string]syncs.Lesson{}
	}
	delete(m.lessons, [2]string{account, l.About})
	if now.Before(l.Until) {
		m.lessons[[2]string{account, l.About}] = l
	}
	return nil
}

func (m *memory) Spend(_ context.Context, account string, q destinations.Rate, n int64, now time.Time) (syncs.Allowance, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spent == nil {
		m.spent = map[spentOn]map[int64]int64{}
	}
	at := spentOn{account, q.Bucket, q.Per}
	if m.spent[at] == nil {
		m.spent[at] = map[int64]int64{}
	}
	a := syncs.TakeQuota(q, m.spent[at], n, now)
	m.spent[at][a.Slot] += a.Got
	for slot := range m.spent[at] {
		if slot < a.Oldest {
			delete(m.spent[at], slot)
		}
	}
	return a, nil
}

// Learn keeps lessons short while there are faults: a run that learns of a quota would otherwise
// be the last one of its world that sends.
func (j *journal) Learn(ctx context.Context, account string, l syncs.Lesson, now time.Time) error {
	if soon := now.Add(time.Minute); j.w.chaos && l.Until.After(soon) {
		l.Until = soon
	}
	return j.memory.Learn(ctx, account, l, now)
}
