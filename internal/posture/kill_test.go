package posture

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

// victimVariable makes the test binary a process that is to be killed.
const victimVariable = "FARRIER_TEST_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimVariable); dir != "" {
		if err := victim(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// house is what a gateway's process has of journal, monitor and posture.
type house struct {
	db      *store.DB
	journal *journal.Journal
	monitor *monitor.Monitor
	posture *Posture
}

func openHouse(ctx context.Context, dir string) (h house, err error) {
	h.db, err = store.Open(ctx, filepath.Join(dir, store.TrafficFile), store.Options{Disposable: true, Now: time.Now})
	if err != nil {
		return h, err
	}
	if h.journal, err = journal.Open(filepath.Join(dir, "journal"), journal.Options{SegmentBytes: 64 << 10, Now: time.Now}); err != nil {
		return h, err
	}
	if h.posture, err = New(ctx, Options{DB: h.db, Control: h.db, Environment: "default", Gateway: "gw-1", Now: time.Now}); err != nil {
		return h, err
	}
	h.monitor, err = monitor.New(ctx, monitor.Options{
		DB: h.db, Journal: h.journal, Rollup: monitor.NewRollup(time.Now), Findings: h.posture,
		Environment: "default", Gateway: "gw-1", Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	return h, err
}

// victim refuses one attack after the other and says each id when it would
// answer the client.
func victim(dir string) error {
	ctx := context.Background()
	h, err := openHouse(ctx, dir)
	if err != nil {
		return err
	}
	go func() { _ = h.monitor.Run(ctx) }()
	for i := 0; ; i++ {
		now := time.Now()
		at := finding.Location{API: "default/orders", Operation: "GET /orders", Place: fmt.Sprint("query p", i%3)}
		r := &traffic.Record{
			Version: 1, ID: traffic.NewID(now), Received: now, API: at.API, Operation: at.Operation, Status: 403,
			Outcome: traffic.RefusedByPolicy,
			Findings: []finding.Finding{{
				Rule: "crs-942100", Severity: finding.Critical, Location: at, Fingerprint: finding.Fingerprint("crs-942100", at),
			}},
		}
		if err := h.journal.Append(r); err != nil {
			return err
		}
		if _, err := fmt.Println(r.ID); err != nil {
			return err
		}
		time.Sleep(500 * time.Microsecond)
	}
}

// TestKill kills a process under attack, several times over the same folder:
// every id that was answered has its trail, and each record was counted once.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	answered := map[string]bool{}
	for round := range 4 {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), victimVariable+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		// Killed after other numbers of answers each time, so that it dies at
		// other points of appending and draining.
		for lines, n := bufio.NewScanner(out), 0; lines.Scan(); n++ {
			answered[lines.Text()] = true
			if n == 300+171*round {
				_ = child.Process.Kill()
			}
		}
		_ = child.Wait()
	}
	h, err := openHouse(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = h.journal.Close(), h.db.Close() }()
	for id := range answered {
		if trail, found, err := h.monitor.Trail(t.Context(), id); err != nil || !found || trail.Record.ID != id {
			t.Fatalf("%s was answered and has no trail: %v", id, err)
		}
	}
	var lines, distinct int64
	err = h.db.Read().QueryRow(t.Context(), "SELECT COUNT(*), COUNT(DISTINCT id) FROM monitor_refusals").Scan(&lines, &distinct)
	if err != nil || lines != distinct || lines < int64(len(answered)) {
		t.Errorf("%d lines, %d distinct, %d answered, %v", lines, distinct, len(answered), err)
	}
	items, _, err := h.posture.List(t.Context(), Filter{})
	var counted int64
	for _, item := range items {
		counted += item.Count
	}
	if err != nil || len(items) != 3 || counted != lines {
		t.Errorf("%d findings counted %d times, want 3 and %d; %v", len(items), counted, lines, err)
	}
	if t.Logf("%d answered, %d recorded", len(answered), lines); len(answered) < 1500 {
		t.Error("too few attacks played")
	}
}
