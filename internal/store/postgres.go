package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// The schemas of a PostgreSQL database that stand for the files of a data
// folder on SQLite.
const (
	ControlSchema = "farrier_control"
	TrafficSchema = "farrier_traffic"
)

// schemaName is what needs no quotes and is none of PostgreSQL's own.
var schemaName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,50}$`)

// How long PostgreSQL may take. A statement of the rooms is small; one that
// runs this long has gone wrong, and a writer that went away must not keep the
// others waiting.
const (
	connectTimeout   = 5 * time.Second
	statementTimeout = "60s"
	idleTimeout      = "60s"
)

// postgres is what a DB on PostgreSQL has beyond one on SQLite.
type postgres struct {
	rewriter
	config *pgx.ConnConfig
	schema string
	// writing is the advisory lock that every write transaction holds.
	writing int64
	// migrator is opened when it is needed first.
	migrator *sql.DB
	opening  sync.Mutex
}

// OpenPostgres opens the part of a PostgreSQL database that stands for one
// file on SQLite: a schema, ControlSchema or TrafficSchema, which is made where
// it is missing. address is postgres://user:password@host:port/database with
// the parameters of libpq; what it leaves out comes from libpq's PG variables
// and password file. To another machine it is TLS with the server's certificate
// verified, unless sslmode says otherwise. Several processes may have the same
// database open; their writes are carried out one after the other. With
// Options.Disposable a commit does not wait for the disk. Lost connections are
// made anew by the next statement. No error and no log shows the password.
func OpenPostgres(ctx context.Context, address, schema string, o Options) (*DB, error) {
	if o.Readers < 0 {
		return nil, errors.New("opening a database: Readers must not be negative")
	}
	if !schemaName.MatchString(schema) || strings.HasPrefix(schema, "pg_") {
		return nil, fmt.Errorf("opening a database: schema %q must be a short lower-case word", schema)
	}
	config, err := postgresConfig(address)
	if err != nil {
		return nil, lastingError{err}
	}
	db := &DB{
		path: fmt.Sprintf("schema %s of PostgreSQL database %s at %s", schema, config.Database, config.Host),
		pg:   &postgres{config: config, schema: schema, writing: lockKey("write", schema)},
	}
	writing := map[string]string{"statement_timeout": statementTimeout, "idle_in_transaction_session_timeout": idleTimeout}
	if o.Disposable {
		writing["synchronous_commit"] = "off"
	}
	db.writer = db.pg.open(writing)
	db.writer.SetMaxOpenConns(1)
	db.reader = db.pg.open(map[string]string{"statement_timeout": statementTimeout, "default_transaction_read_only": "on"})
	readers := o.Readers
	if readers == 0 {
		readers = defaultReaders
	}
	db.reader.SetMaxOpenConns(readers)
	db.reader.SetMaxIdleConns(readers)
	if err := db.pg.prepare(ctx, db.writer); err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", db.path, err), db.Close())
	}
	return db, nil
}

// postgresConfig reads the address. Its errors do not repeat it.
func postgresConfig(address string) (*pgx.ConnConfig, error) {
	const form = "it must have the form postgres://user:password@host:5432/database"
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" {
		return nil, errors.New("the address of the PostgreSQL database is refused: " + form)
	}
	query := u.Query()
	if !query.Has("sslmode") && !isLocal(u.Hostname(), query.Get("host")) {
		query.Set("sslmode", "verify-full")
		u.RawQuery = query.Encode()
	}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		password, _ := u.User.Password()
		text := err.Error()
		for _, secret := range []string{password, url.QueryEscape(password), query.Get("password"), query.Get("sslpassword"), u.String(), address} {
			if secret != "" {
				text = strings.ReplaceAll(text, secret, "…")
			}
		}
		return nil, fmt.Errorf("the address of the PostgreSQL database is refused: %s: %s", form, text)
	}
	if config.Database == "" {
		config.Database = config.User
	}
	config.ConnectTimeout = connectTimeout
	return config, nil
}

// isLocal says that a connection does not leave this machine.
func isLocal(host, parameter string) bool {
	if host == "" {
		host = parameter
	}
	if host == "localhost" || strings.HasPrefix(host, "/") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// lockKey is the number of an advisory lock. It counts for the whole database,
// so that its name says what it is for.
func lockKey(purpose, name string) int64 {
	sum := sha256.Sum256([]byte("farrier " + purpose + " " + name))
	return int64(binary.BigEndian.Uint64(sum[:8])) //nolint:gosec // any 64 bits do
}

// settings are the configuration of a connection with further settings.
func (p *postgres) settings(more map[string]string) *pgx.ConnConfig {
	config := p.config.Copy()
	for name, value := range map[string]string{
		"search_path": p.schema, "application_name": "farrier", "timezone": "UTC",
		"default_transaction_isolation": "read committed",
		// A machine that is gone gives up its locks soon.
		"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
	} {
		config.RuntimeParams[name] = value
	}
	for name, value := range more {
		config.RuntimeParams[name] = value
	}
	return config
}

func (p *postgres) open(more map[string]string) *sql.DB {
	return stdlib.OpenDB(*p.settings(more))
}

// prepare makes the schema where it is missing.
func (p *postgres) prepare(ctx context.Context, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, 4*connectTimeout)
	defer cancel()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after the commit it does nothing
	var encoding string
	if err := tx.QueryRowContext(ctx, "SHOW server_encoding").Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return lastingError{fmt.Errorf("its encoding is %s; make it with ENCODING 'UTF8'", encoding)}
	}
	// Who may not make schemas can be given them: only a missing one is made.
	const has = "SELECT count(*) FROM pg_namespace WHERE nspname = $1"
	var n int
	if err := tx.QueryRowContext(ctx, has, p.schema).Scan(&n); err != nil || n > 0 {
		return err
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", lockKey("schema", p.schema)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+p.schema); err != nil {
		return fmt.Errorf("making the schema: %w", err)
	}
	return tx.Commit()
}

// begin begins a write transaction: it is alone among all processes, and sees
// what the one before it committed. A connection that was lost meanwhile is
// made anew, for nothing was done yet.
func (p *postgres) begin(ctx context.Context, db *sql.DB) (*sql.Tx, error) {
	for again := true; ; again = false {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		_, err = tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", p.writing)
		if err == nil {
			return tx, nil
		}
		_ = tx.Rollback()
		if !again || ctx.Err() != nil || !isLost(err) {
			if ctx.Err() != nil {
				err = ctx.Err() // what the driver says of it differs
			}
			return nil, err
		}
	}
}

// isLost tells a broken connection from a refused statement.
func isLost(err error) bool {
	if errors.Is(err, driver.ErrBadConn) || pgconn.SafeToRetry(err) {
		return true
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return strings.HasPrefix(refused.Code, "57P") // shut down, crashed, starting up
	}
	var network net.Error
	return errors.As(err, &network) || strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "unexpected EOF")
}

// IsAway reports whether err says that PostgreSQL can't be asked now: it is stopped,
// is starting, has no room, or can't be reached. The same may succeed later.
func IsAway(err error) bool {
	var connecting *pgconn.ConnectError
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused):
		return strings.HasPrefix(refused.Code, "57P") || refused.Code == "53300"
	case errors.As(err, &connecting), errors.Is(err, driver.ErrBadConn):
		return true
	}
	return err != nil && (pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed"))
}

// lastingError does not mend by itself.
type lastingError struct{ error }

// Unwrap gives the reason.
func (e lastingError) Unwrap() error { return e.error }

// IsLasting reports whether err says that a database can't be opened for a reason that
// does not mend by waiting: its address or encoding, a wrong password, an unknown role
// or database, a missing right.
func IsLasting(err error) bool {
	var lasting lastingError
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code {
		case "28P01", "28000", "3D000", "42501":
			return true
		}
	}
	return errors.As(err, &lasting)
}

// migrating is the pool of migrations: a statement may take long, but waits for
// readers only so long that those behind it need not.
func (p *postgres) migrating() *sql.DB {
	p.opening.Lock()
	defer p.opening.Unlock()
	if p.migrator == nil {
		p.migrator = p.open(map[string]string{"statement_timeout": "0", "lock_timeout": "15s"})
		p.migrator.SetMaxOpenConns(2)
		p.migrator.SetConnMaxIdleTime(5 * time.Second)
	}
	return p.migrator
}

// exclusive runs fn while no other process migrates or writes.
func (p *postgres) exclusive(ctx context.Context, fn func(db *sql.DB) error) (err error) {
	pool := p.migrating()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "SET lock_timeout = 0"); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", p.writing); err != nil {
		return err
	}
	defer func() {
		ctx := context.WithoutCancel(ctx)
		_, unlockErr := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", p.writing)
		_, resetErr := conn.ExecContext(ctx, "SET lock_timeout = '15s'")
		err = errors.Join(err, unlockErr, resetErr)
	}()
	return fn(pool)
}

func (p *postgres) close() error {
	p.opening.Lock()
	defer p.opening.Unlock()
	if p.migrator == nil {
		return nil
	}
	return p.migrator.Close()
}

// isPostgresConflict tells that a row exists already.
func isPostgresConflict(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "23505"
}
