package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weir-data/weir/syncs"
)

// TestMain lets the test binary be the process that is killed, and holds that no test leaves a
// goroutine behind.
func TestMain(m *testing.M) {
	if path := os.Getenv("WEIR_STORE_TO_WRITE"); path != "" {
		writeUntilKilled(path)
	}
	goleak.VerifyTestMain(m)
}

// writeUntilKilled acknowledges rows from four goroutines and prints each row after its Ack has
// returned.
func writeUntilKilled(path string) {
	ctx := context.Background()
	s, err := Open(ctx, path)
	if err == nil {
		err = s.Begin(ctx, syncs.RunRecord{Run: "r", Sync: "vip", Epoch: 1, Started: time.Now()})
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	for w := range int64(4) {
		wg.Go(func() {
			for n := int64(0); ; n++ {
				at := n*4 + w
				if err := s.Intend(ctx, "r", 1, []syncs.Intent{{Attempt: at, Lo: at * 10, Hi: at*10 + 10, Key: "k"}}); err != nil {
					os.Exit(1)
				}
				if err := s.Ack(ctx, "r", 1, []syncs.Ack{{Attempt: at, Lo: at * 10, Hi: at*10 + 10, Rest: syncs.Applied, Exceptions: []syncs.Exception{{Seq: at*10 + 3, Verdict: syncs.Rejected, Code: "bad"}}}}); err != nil {
					os.Exit(1)
				}
				fmt.Println(at)
			}
		})
	}
	wg.Wait()
}

func TestF35WhatWasAckedSurvivesAKill(t *testing.T) {
	rounds := 5
	if testing.Short() {
		rounds = 1
	}
	for round := range rounds {
		path := filepath.Join(t.TempDir(), "dev.db")
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "WEIR_STORE_TO_WRITE="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var acked []int64
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			at, err := strconv.ParseInt(strings.TrimSpace(lines.Text()), 10, 64)
			if err != nil {
				t.Fatalf("child: %s", lines.Text())
			}
			acked = append(acked, at)
			if len(acked) == 40*(round+1) {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		s, err := Open(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		if s.Aside() != "" {
			t.Fatal("the store was found damaged")
		}
		got := told(t, s, "r")
		for _, at := range acked {
			for seq := at * 10; seq < at*10+10; seq++ {
				want := syncs.Applied
				if seq == at*10+3 {
					want = syncs.Rejected
				}
				if got[seq].Verdict != want {
					t.Fatalf("round %d: row %d of acked batch %d is %v, want %v", round, seq, at, got[seq].Verdict, want)
				}
			}
		}
		if open, err := s.Unsettled(context.Background(), "vip"); err != nil || len(open) != 1 {
			t.Fatalf("unsettled: %v, %v", open, err)
		}
		s.Close()
	}
}
