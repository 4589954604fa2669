package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// How often a leader looks whether it still is, and the others whether it is
// gone; and how long an answer may take.
const (
	leaderInterval = time.Second
	leaderPatience = 3 * time.Second
)

// Lead runs fn in at most one of the processes that have this database open and
// ask for the same name: for what a schedule does once, however many processes
// there are. The others wait and take over within seconds when the leader ends
// or loses the database; then the context of fn is cancelled, and fn is run
// again when this process leads again. Lead returns when fn returned on its own
// accord, or nil when ctx ended. On SQLite, whose data folder one process holds,
// it is always this one. A leader whose machine is cut off from the database
// notices before the database gives the name to another, if fn minds its
// context at once; what must never run twice uses a transaction as well.
func (db *DB) Lead(ctx context.Context, name string, fn func(ctx context.Context) error) error {
	if db.pg == nil {
		return fn(ctx)
	}
	for ctx.Err() == nil {
		ran, err := db.pg.lead(ctx, name, fn)
		if ran {
			return err
		}
		wait(ctx, leaderInterval) // the database can not be reached, or was lost
	}
	return nil
}

// lead waits for the lock and runs fn while it is held; ran says that fn ended
// while it was.
func (p *postgres) lead(ctx context.Context, name string, fn func(context.Context) error) (ran bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, p.settings(map[string]string{"statement_timeout": "10s", "application_name": "farrier leader"}))
	if err != nil {
		return false, fmt.Errorf("leading %s: %w", name, err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the lock goes with the connection
	for got := false; ; wait(ctx, leaderInterval) {
		asking, cancel := context.WithTimeout(ctx, leaderPatience)
		err := conn.QueryRow(asking, "SELECT pg_try_advisory_lock($1)", lockKey("lead "+p.schema, name)).Scan(&got)
		cancel()
		if err != nil {
			return false, fmt.Errorf("leading %s: %w", name, err)
		}
		if got {
			break
		}
	}
	leading, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- fn(leading) }()
	tick := time.NewTicker(leaderInterval)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			stop()
			return ctx.Err() == nil, err
		case <-tick.C:
		}
		asking, cancel := context.WithTimeout(leading, leaderPatience)
		err := conn.Ping(asking)
		cancel()
		if err != nil {
			stop()
			<-ended
			return false, fmt.Errorf("leading %s: %w", name, err)
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
