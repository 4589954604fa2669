package app

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

// fill makes everything there is much of, that the folder does not hold yet.
func (l *largeHouse) fill() {
	for _, one := range []struct {
		what string
		do   func()
	}{
		{"clients", l.fillClients},
		{"counts", l.fillCounts},
		{"requests", l.fillRequests},
		{"secrets", l.fillSecrets},
		{"drafts", l.fillDrafts},
		{"audit", l.fillAudit},
		{"people", l.fillPeople},
	} {
		mark := filepath.Join(l.dir, "filled-"+one.what)
		if _, err := os.Stat(mark); err == nil {
			continue
		}
		began := time.Now()
		one.do()
		l.must(os.WriteFile(mark, nil, 0o600))
		l.t.Logf("filling %s took %s", one.what, time.Since(began).Round(time.Millisecond))
	}
}

// fillClients imports clients, each with a contract, of which some wait.
func (l *largeHouse) fillClients() {
	for from := 0; from < l.clients; from += 1000 {
		var in client.Imported
		for i := from; i < from+1000; i++ {
			id := fmt.Sprintf("client-%05d", i)
			in.Applications = append(in.Applications, client.ImportedApplication{
				Draft: client.Draft{Name: "Application " + id, ClientID: id}, SecretHash: "sha256:" + strings.Repeat("ab", 32),
			})
			state := client.Approved
			if i%30 == 0 {
				state = client.Pending
			}
			in.Contracts = append(in.Contracts, client.ImportedContract{API: fmt.Sprintf("default/api-%04d", i%l.apis), ClientID: id, State: state, Reason: "we sell shoes"})
		}
		_, err := l.ready.control.clients.Import(l.t.Context(), largeAdmin, access.Root, "default", in)
		l.must(err)
	}
}

// fillCounts counts 10 million requests over a week.
func (l *largeHouse) fillCounts() {
	now := time.Now().Add(-7 * 24 * time.Hour)
	clock := func() time.Time { return now }
	rollup := monitor.NewRollup(clock)
	j, err := journal.Open(l.t.TempDir(), journal.Options{Now: clock})
	l.must(err)
	defer j.Close()
	receiver, err := monitor.NewReceiver(l.t.Context(), monitor.Options{DB: l.ready.control.trafficDB, Environment: "default", Gateway: "edge", Now: clock, Log: slog.New(slog.DiscardHandler)})
	l.must(err)
	s := monitor.NewShipper(monitor.ShipperOptions{Journal: j, Rollup: rollup, Process: "p", Now: clock, Log: slog.New(slog.DiscardHandler), Send: receiver.Receive})
	// A day of hours is counted, and one hour of the others: what these lack is copied.
	for hour := range 7 * 24 {
		if now = now.Add(time.Hour); hour >= 24 && hour%24 != 0 {
			continue
		}
		for a := range l.apis {
			name := fmt.Sprintf("default/api-%04d", a)
			for n := range 60 {
				outcome, status := traffic.Served, 200
				if n%20 == 0 {
					outcome, status = traffic.RefusedByPolicy, 401
				}
				took := time.Duration(1+(a+n+hour)%50) * time.Millisecond
				rollup.Count(name, "GET /orders/{id}", status, outcome, took, 100, 2000)
			}
			rollup.CountParty(monitor.Party{API: name, Client: fmt.Sprintf("client-%05d", (a+hour%10*l.apis)%l.clients)}, 200, traffic.Served, time.Millisecond, 100, 2000)
		}
		l.must(s.Ship(l.t.Context()))
	}
	l.must(l.ready.control.trafficDB.Write(l.t.Context(), l.copyDays))
}

// copyDays copies the counts of the first day to those after it.
func (l *largeHouse) copyDays(tx *store.Tx) error {
	var first int64
	if err := tx.QueryRow(l.t.Context(), "SELECT MIN(hour) FROM monitor_rollups WHERE gateway = 'edge'").Scan(&first); err != nil {
		return err
	}
	for day := int64(1); day < 7; day++ {
		for _, one := range []struct {
			statement string
			args      []any
		}{
			{"INSERT INTO monitor_rollups SELECT environment, gateway, api, operation, hour + ?, slots FROM monitor_rollups WHERE gateway = 'edge' AND hour < ? ON CONFLICT DO NOTHING", []any{24 * day, first + 24}},
			{"INSERT INTO monitor_series SELECT environment, kind, api, name, level, place + ?, gateway, slots FROM monitor_series WHERE gateway = 'edge' AND level = 0 AND place < ? ON CONFLICT DO NOTHING", []any{24 * day, first + 24}},
			{"INSERT INTO monitor_series SELECT environment, kind, api, name, level, place + ?, gateway, slots FROM monitor_series WHERE gateway = 'edge' AND level = 1 AND place = ? ON CONFLICT (environment, kind, api, name, level, place, gateway) DO UPDATE SET slots = excluded.slots", []any{day, (first + 23) / 24}},
		} {
			if _, err := tx.Exec(l.t.Context(), one.statement, one.args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillRequests really asks: for refusals, findings, records and what is learned of them.
func (l *largeHouse) fillRequests() {
	port, err := os.ReadFile(filepath.Join(l.dir, "port"))
	l.must(err)
	for i := range 3 * l.apis {
		path := fmt.Sprintf("http://127.0.0.1:%s/api-%04d/orders/%d", port, i%l.apis, i)
		if i%10 == 0 {
			path += "?q=%27%20OR%201%3D1%20--"
		}
		r, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, path, http.NoBody)
		l.must(err)
		resp, err := authClient.Do(r)
		l.must(err)
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

func (l *largeHouse) fillSecrets() {
	ctx, s := l.t.Context(), l.ready.control.secrets
	for g := range 100 {
		group := fmt.Sprintf("group-%03d", g)
		_, err := s.MakeGroup(ctx, largeAdmin, "default", secrets.Group{Name: group, Note: "What a team needs"})
		l.must(err)
		for i := range 3 {
			_, err := s.Put(ctx, largeAdmin, "default", group, fmt.Sprintf("secret-%d", i), secrets.Input{Kind: secrets.UsernamePassword, Fields: map[string]string{
				"username": "orders", "password": base64.StdEncoding.EncodeToString([]byte(group)),
			}}, 0)
			l.must(err)
		}
	}
}

// fillDrafts publishes as many APIs in an environment of its own, and changes some.
func (l *largeHouse) fillDrafts() {
	ctx, c := l.t.Context(), l.ready.control
	_, err := c.access.CreateEnvironment(ctx, setup, access.Environment{ID: "large", Name: "Large", Kind: "sandbox", Group: access.Root})
	l.must(err)
	write := func(from, to, limit int) {
		var text strings.Builder
		for i := from; i < to; i++ {
			_, _ = fmt.Fprintf(&text, `---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: api-%04[1]d, labels: {team: t%[2]d}}
spec:
  address: http://0.0.0.0:8081/api-%04[1]d
  services: {up: {address: "http://upstream:8080"}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: limit-%04[1]d}
spec:
  targetRef: {name: api-%04[1]d}
  policyRef: {name: rate-limiting-flex}
  config: {rateLimits: [{maximumRequests: %[3]d, timePeriodInMilliseconds: 60000}]}
`, i, i%20, limit)
		}
		_, err := c.resources.Apply(ctx, largeAdmin, "large", []byte(text.String()), resource.Applying{})
		l.must(err)
	}
	for from := 0; from < l.apis; from += 100 {
		write(from, from+100, 10)
	}
	for n := range 30 {
		draft, err := c.resources.Draft(ctx, largeAdmin, "large")
		l.must(err)
		began := time.Now()
		_, err = c.resources.Publish(ctx, largeAdmin, "large", resource.Publishing{Draft: draft.Version, Note: fmt.Sprintf("Change %d", n)})
		l.must(err)
		if n%10 == 0 {
			l.t.Logf("publishing %d APIs took %s", l.apis, time.Since(began).Round(time.Millisecond))
		}
		write(n, n+1, 100+n)
	}
	write(100, 400, 99) // what waits to be published
}

func (l *largeHouse) fillAudit() {
	for range 10 {
		l.must(l.ready.control.controlDB.Write(l.t.Context(), func(tx *store.Tx) error {
			for i := range 1000 {
				if err := l.ready.control.audit.Record(l.t.Context(), tx, audit.Entry{
					Environment: "default", Operator: "admin", Action: audit.ContractApproved, Object: fmt.Sprintf("contract %d", i), Outcome: audit.Done, Detail: map[string]string{"reason": "we sell shoes"},
				}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

func (l *largeHouse) fillPeople() {
	ctx := context.Background()
	for i := range 500 {
		name := fmt.Sprintf("person-%03d", i)
		_, err := l.ready.control.access.SignInExternal(ctx, access.External{Provider: "oidc:test", Subject: name, Name: name, Create: true}, access.From{})
		l.must(err)
	}
	for i := range 100 {
		_, err := l.ready.control.access.CreateTeam(ctx, setup, access.Team{Name: fmt.Sprintf("team-%03d", i)})
		l.must(err)
	}
}
