package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/audit/export"
	"farrier.dev/farrier/internal/store"
)

// Audit are the settings of the audit log.
type Audit struct {
	// Key is the file of the key that signs checkpoints; audit.key in the data folder
	// when empty.
	Key string `yaml:"key"`
	// Heads is a file that every checkpoint is appended to; empty for none.
	Heads string `yaml:"heads"`
	// RetentionDays is how long entries are kept; 0 for ever, else at least 30.
	RetentionDays int `yaml:"retentionDays"`
}

func defaultAudit() Audit {
	return Audit{RetentionDays: int(audit.DefaultRetention / (24 * time.Hour))}
}

// check refuses what makes no sense.
func (a *Audit) check() error {
	if least := int(audit.LeastRetention / (24 * time.Hour)); a.RetentionDays != 0 && a.RetentionDays < least || a.RetentionDays > 36_500 {
		return fmt.Errorf("audit.retentionDays is %d; it must be 0, for ever, or between %d and 36500", a.RetentionDays, least)
	}
	return nil
}

func (a *Audit) keyFile(data string) string {
	if a.Key != "" {
		return a.Key
	}
	return filepath.Join(data, audit.KeyFile)
}

// auditTick is how often what is new in the audit log is signed.
const auditTick = time.Minute

// signAudit lets the audit log make checkpoints. Without a key, or over a log that was
// tampered with, nothing is signed: it is told, and Farrier goes on recording.
func (c *control) signAudit(ctx context.Context, cfg Config, log *audit.Log) {
	head := filepath.Join(cfg.Data, audit.HeadFile)
	key, err := audit.OpenKey(cfg.Audit.keyFile(cfg.Data), func() (bool, error) {
		if _, err := os.Stat(head); err == nil {
			return true, nil
		}
		return log.HasCheckpoints(ctx)
	})
	if err == nil {
		err = log.Sign(ctx, audit.Signing{
			Key: key, Head: head, Heads: cfg.Audit.Heads, Send: c.sendCheckpoint, Retention: time.Duration(cfg.Audit.RetentionDays) * 24 * time.Hour,
		})
	}
	if err == nil {
		err = log.NoteRetention(ctx, time.Duration(cfg.Audit.RetentionDays)*24*time.Hour)
	}
	if err != nil {
		c.auditFailed(ctx, err)
	}
}

// sendCheckpoint puts a checkpoint into the log of the program, which collectors carry
// to another machine.
func (c *control) sendCheckpoint(_ context.Context, at audit.Checkpoint) error {
	text, err := json.Marshal(at)
	if err == nil {
		c.log.Info("audit checkpoint", "component", "audit", "checkpoint", json.RawMessage(text))
	}
	return err
}

// auditFailed tells that the audit log is not signed or pruned as it should be.
func (c *control) auditFailed(ctx context.Context, err error) {
	c.log.Error("the audit log is not signed", "component", "audit", "error", err)
	if errors.Is(err, audit.ErrTampered) {
		c.auditTampered(ctx, err)
	}
}

// keepAudit signs and prunes the audit log until ctx ends, and once more then. Of the
// processes on one database one does: its checkpoints cover the entries of all.
func (c *control) keepAudit(ctx context.Context) {
	ticker := time.NewTicker(auditTick)
	defer ticker.Stop()
	c.audit.Run(ctx, ticker.C, func(err error) { c.auditFailed(ctx, err) })
	if err := c.audit.Checkpoint(context.WithoutCancel(ctx)); err != nil {
		c.auditFailed(context.WithoutCancel(ctx), err)
	}
}

// openAudit opens the audit log of a data folder for a command, also while farrier
// serve runs.
func openAudit(ctx context.Context, cfg Config) (*audit.Log, *store.DB, error) {
	db, err := existingControlDatabase(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	log, err := audit.Open(ctx, db, time.Now)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return log, db, nil
}

// AuditVerifyOptions say against what the audit log is verified.
type AuditVerifyOptions struct {
	// Key is the file of the key or of its public half; empty for that of the settings.
	Key string
	// Heads is a file of checkpoints that were kept elsewhere; empty for that of the
	// settings, if it is there.
	Heads string
	// Format is text or json.
	Format string
}

// AuditVerify walks the audit log and says whether it is whole. It returns the exit
// code.
func AuditVerify(ctx context.Context, cfg Config, o AuditVerifyOptions, out io.Writer) (code int, err error) {
	if o.Format != "text" && o.Format != "json" {
		return ExitBroken, fmt.Errorf("format %q: must be text or json", o.Format)
	}
	log, db, err := openAudit(ctx, cfg)
	if err != nil {
		return ExitBroken, err
	}
	defer func() { _ = db.Close() }()
	evidence, err := auditEvidence(ctx, cfg, o, log)
	if err != nil && !errors.Is(err, audit.ErrTampered) {
		return ExitBroken, err
	}
	var report audit.Report
	if err == nil {
		report, err = log.VerifyBy(ctx, evidence)
	}
	if err != nil && !errors.Is(err, audit.ErrTampered) {
		return ExitBroken, err
	}
	if o.Format == "json" {
		return auditJSON(report, err, out)
	}
	if err != nil {
		_, printing := fmt.Fprintf(out, "%v\n", err)
		return ExitFindings, printing
	}
	return ExitGood, printAudit(report, out)
}

// auditEvidence gathers what is known outside the database.
func auditEvidence(ctx context.Context, cfg Config, o AuditVerifyOptions, log *audit.Log) (e audit.Evidence, err error) {
	// The files come first: what they know was in the log before it is read.
	for _, one := range []struct {
		path     string
		required bool
	}{
		{filepath.Join(cfg.Data, audit.HeadFile), false},
		{o.Heads, true},
		{cfg.Audit.Heads, false},
	} {
		if one.path == "" || one.path == cfg.Audit.Heads && o.Heads != "" && one.path != o.Heads {
			continue
		}
		list, err := audit.ReadHeads(one.path)
		if errors.Is(err, fs.ErrNotExist) && !one.required {
			continue
		}
		if err != nil {
			return e, err
		}
		e.Witnesses = append(e.Witnesses, list...)
	}
	path := o.Key
	if path == "" {
		path = cfg.Audit.keyFile(cfg.Data)
	}
	e.Key, err = audit.ReadPublic(path)
	if !errors.Is(err, fs.ErrNotExist) || o.Key != "" {
		return e, err
	}
	signed, err := log.HasCheckpoints(ctx)
	if err == nil && (signed || len(e.Witnesses) > 0) {
		err = fmt.Errorf("%w: %s does not exist, so nobody can say whether the checkpoints are genuine; name the key, or its public half, with --key", audit.ErrKeyMissing, path)
	}
	return e, err
}

func printAudit(r audit.Report, out io.Writer) error {
	text := fmt.Sprintf("The audit log is whole: %d entries", r.Entries)
	if r.Entries > 0 {
		text += fmt.Sprintf(", %d to %d", r.First, r.Last)
	}
	text += ".\n"
	if r.Pruned > 0 {
		text += fmt.Sprintf("Entries up to %d were pruned; a signed cut stands in their place.\n", r.Pruned)
	}
	switch r.Key {
	case "":
		text += "It was never signed: that it was rewritten as a whole could not be seen.\n"
	default:
		text += fmt.Sprintf("%d checkpoints, signed with the key %s; the last is of entry %d, made %s.\n", r.Checkpoints, r.Key, r.Signed, r.SignedAt.Format(time.RFC3339))
		text += fmt.Sprintf("%d entries behind it are chained, but not signed yet.\n", r.Last-r.Signed)
		text += fmt.Sprintf("%d checkpoints that were kept outside the database are in it", r.Witnesses)
		if r.Dropped > 0 {
			text += fmt.Sprintf("; %d older ones went with the pruning", r.Dropped)
		}
		text += ".\n"
	}
	_, err := io.WriteString(out, text)
	return err
}

func auditJSON(r audit.Report, broken error, out io.Writer) (int, error) {
	value := map[string]any{"version": 1, "whole": broken == nil}
	if broken != nil {
		value["broken"] = broken.Error()
		return ExitFindings, writeJSON(out, value)
	}
	value["entries"], value["first"], value["last"], value["pruned"] = r.Entries, r.First, r.Last, r.Pruned
	value["checkpoints"], value["key"], value["signed"], value["outside"] = r.Checkpoints, r.Key, r.Signed, r.Witnesses
	return ExitGood, writeJSON(out, value)
}

// AuditExportOptions say what is exported.
type AuditExportOptions struct {
	// Format is csv, json or ocsf; Output a file, "-" for the terminal.
	Format, Output string
	// Since and Until are dates, or moments as RFC 3339 writes them; empty for all.
	Since, Until string
}

// AuditExport writes the entries of a time, the oldest first.
func AuditExport(ctx context.Context, cfg Config, o AuditExportOptions, out io.Writer) (err error) {
	format := export.Format(o.Format)
	if !format.Known() {
		return fmt.Errorf("format %q: must be csv, json or ocsf", o.Format)
	}
	var q audit.Query
	if q.Since, err = auditMoment("--since", o.Since); err != nil {
		return err
	}
	if q.Until, err = auditMoment("--until", o.Until); err != nil {
		return err
	}
	log, db, err := openAudit(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if o.Output == "-" {
		_, err := copyAudit(ctx, log, q, format, out)
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(o.Output), ".audit-")
	if err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	defer func() { _ = os.Remove(next.Name()) }()
	count, err := copyAudit(ctx, log, q, format, next)
	if err := errors.Join(err, next.Close()); err != nil {
		return err
	}
	if err := os.Rename(next.Name(), o.Output); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	_, err = fmt.Fprintf(out, "%d entries are in %s.\n", count, o.Output)
	return err
}

func copyAudit(ctx context.Context, log *audit.Log, q audit.Query, format export.Format, to io.Writer) (int, error) {
	w := export.New(to, format)
	err := log.Walk(ctx, q, w.Write)
	if err == nil {
		err = w.Close()
	}
	return w.Count(), err
}

func auditMoment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s %q: must be a date as 2026-03-04, or a moment as 2026-03-04T05:06:07Z", flag, text)
}
