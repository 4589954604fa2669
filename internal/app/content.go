package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/content"
	"farrier.dev/farrier/internal/policy/attackprotection"
)

// contentPoll is how often a running Farrier looks for other content.
const contentPoll = 2 * time.Second

// maxReason bounds what the audit log says of refused content, in bytes: rules
// that do not compile may be many.
const maxReason = 1 << 10

// contentFolder names the content of a data folder.
func contentFolder(data string) *content.Folder {
	return content.Open(content.Options{Data: data, Now: time.Now, Farrier: version(), Compile: content.CompileRules})
}

// installedContent shows content to the policy attack-protection. Two bundles
// may claim one version, so that the folder's name is what tells them apart.
func installedContent(live *content.Live) func() attackprotection.Content {
	return func() attackprotection.Content {
		c := live.Current()
		if c.Version == "" {
			return attackprotection.Content{}
		}
		return attackprotection.Content{Version: filepath.Base(c.Dir), Rules: c.Sources, BadAddress: c.BadAddress}
	}
}

// followContent puts other content into service when it is installed, until ctx
// ends. refresh compiles anew what serves.
func (c *control) followContent(ctx context.Context, live *content.Live, refresh func(context.Context) error) {
	live.Follow(ctx, contentPoll, refresh, c.contentChanged)
}

// contentChanged records in the audit log that content was changed.
func (c *control) contentChanged(ctx context.Context, change content.Change) {
	entry := audit.Entry{
		Operator: "system", Action: audit.ContentUpdated, Object: "content " + named(change.To), Outcome: audit.Done,
		Detail: map[string]string{"before": named(change.From)},
	}
	if change.Action != content.ActionUpdate {
		entry.Action = audit.ContentRolledBack
	}
	if change.To.Key != "" {
		entry.Detail["signedBy"] = change.To.Key
	}
	if change.Err != nil {
		entry.Outcome = audit.Refused
		reason := change.Err.Error()
		entry.Detail["reason"] = strings.ToValidUTF8(reason[:min(len(reason), maxReason)], "")
	}
	if c.audit != nil { // otherwise the log has told it
		// It is done, and is recorded even if Farrier stops now.
		c.record(context.WithoutCancel(ctx), entry)
	}
}

// named is the version of content for people.
func named(c *content.Content) string {
	if c.Version == "" {
		return "as built"
	}
	return c.Version
}

// ContentUpdate installs a bundle, also while farrier serve runs.
func ContentUpdate(cfg Config, file string, force bool, out io.Writer) error {
	in, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("reading the bundle: %w", err)
	}
	defer func() { _ = in.Close() }()
	st, err := contentFolder(cfg.Data).Update(in, force)
	if err != nil {
		return fmt.Errorf("%s is refused, and nothing has changed: %w", file, err)
	}
	_, err = fmt.Fprintf(out, "Content %s is installed; a running farrier serve takes it within seconds.\n", st.Version)
	return errors.Join(err, printContent(out, st))
}

// ContentRollback goes back to the content before the last update, or to what
// Farrier was built with.
func ContentRollback(cfg Config, builtin bool, out io.Writer) error {
	st, err := contentFolder(cfg.Data).Rollback(builtin)
	switch {
	case err != nil:
	case st.Version == "":
		_, err = fmt.Fprintln(out, "No content is installed any more: what Farrier was built with serves.")
	default:
		_, err = fmt.Fprintf(out, "Content %s is in service again.\n", st.Version)
	}
	return err
}

// ContentShow prints what is installed.
func ContentShow(cfg Config, format string, out io.Writer) error {
	if format != "text" && format != "json" {
		return fmt.Errorf("format %q: must be text or json", format)
	}
	st, err := contentFolder(cfg.Data).Show()
	if err != nil {
		return err
	}
	if format == "json" {
		shown := map[string]any{"version": 1, "content": nil, "previous": nil}
		if st.Version != "" {
			shown["content"] = map[string]any{
				"name": st.Name, "version": st.Version, "signedBy": st.Key, "installed": st.Installed, "counts": st.Counts,
			}
		}
		if st.Previous != "" {
			shown["previous"] = st.Previous
		}
		return writeJSON(out, shown)
	}
	if st.Version == "" {
		_, err := fmt.Fprintln(out, "No content is installed: what Farrier was built with serves.")
		return err
	}
	if _, err := fmt.Fprintf(out, "Content %s, whole and signed by a trusted key.\n", st.Version); err != nil {
		return err
	}
	return printContent(out, st)
}

func printContent(out io.Writer, st content.Status) error {
	before := st.Previous
	if before == "" {
		before = "what Farrier was built with"
	}
	return table(out, "text", []string{"name", st.Name}, func(row func(...string)) {
		row("installed", st.Installed.Format(time.RFC3339))
		row("signed by", st.Key)
		row("rules", fmt.Sprint(st.Counts.Rules))
		row("addresses", fmt.Sprint(st.Counts.Addresses))
		row("bots", fmt.Sprint(st.Counts.Bots))
		row("passwords", fmt.Sprint(st.Counts.Passwords))
		row("advisories", fmt.Sprint(st.Counts.Advisories))
		row("before", before)
	})
}

// ContentTrust takes the public key in a file for bundles to come.
func ContentTrust(cfg Config, file string, out io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the key: %w", err)
	}
	id, err := contentFolder(cfg.Data).Trust(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	_, err = fmt.Fprintf(out, "Bundles signed with the key %s are trusted from now on.\n", id)
	return err
}

// ContentUntrust believes a key no longer.
func ContentUntrust(cfg Config, id string, force bool, out io.Writer) error {
	if err := contentFolder(cfg.Data).Untrust(id, force); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "The key %s is no longer trusted.\n", id)
	return err
}

// ContentKeys prints the trusted keys.
func ContentKeys(cfg Config, out io.Writer) error {
	keys, err := contentFolder(cfg.Data).Keys()
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		_, err := fmt.Fprintln(out, "No key is trusted; farrier content trust takes one.")
		return err
	}
	return table(out, "text", []string{"Key", "Trusted since"}, func(row func(...string)) {
		for _, k := range keys {
			row(k.ID, k.Since.Format(time.RFC3339))
		}
	})
}

// ContentKeygen makes a key for signing bundles: the private one in file, which
// must not exist yet, the public one beside it with the ending .pub.
func ContentKeygen(file string, out io.Writer) error {
	private, public, err := content.GenerateKey()
	if err != nil {
		return err
	}
	if err := createFile(file, private, 0o600); err != nil {
		return err
	}
	if err := createFile(file+".pub", public, 0o644); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	_, err = fmt.Fprintf(out, "%s signs bundles; keep it secret. Give %s.pub to who shall trust them.\n", file, file)
	return err
}

func createFile(name string, text []byte, mode os.FileMode) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("writing a key: %w", err)
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("writing a key: %w", err)
	}
	return nil
}

// SignOptions say what a new bundle is called, and where it goes.
type SignOptions struct {
	// Key is the file with the private key, Output that of the bundle.
	Key, Output string
	// Name defaults to the folder's, Version to the first of today.
	Name, Version string
	// MinimumFarrier is the oldest Farrier that may use it; empty for any.
	MinimumFarrier string
}

// ContentSign makes a bundle of the files in dir.
func ContentSign(dir string, o SignOptions, out io.Writer) error {
	if o.Key == "" || o.Output == "" {
		return errors.New("say which key signs (--key) and where the bundle goes (-o)")
	}
	text, err := os.ReadFile(o.Key)
	if err != nil {
		return fmt.Errorf("reading the key: %w", err)
	}
	key, err := content.ParsePrivateKey(text)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Key, err)
	}
	d := content.Draft{Name: o.Name, Version: o.Version, MinimumFarrier: o.MinimumFarrier, Created: time.Now(), Compile: content.CompileRules}
	if d.Name == "" {
		whole, err := filepath.Abs(dir)
		if err != nil {
			return fmt.Errorf("naming the bundle: %w", err)
		}
		d.Name = filepath.Base(whole)
	}
	if d.Version == "" {
		d.Version = content.FirstVersion(d.Created)
	}
	switch filepath.Ext(o.Output) {
	case ".gz", ".tgz":
		d.Gzip = true
	}
	next, err := os.CreateTemp(filepath.Dir(o.Output), ".bundle-")
	if err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	defer func() { _ = os.Remove(next.Name()) }()
	b, err := content.Sign(dir, d, key, next)
	if err := errors.Join(err, next.Close()); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(next.Name(), 0o644), os.Rename(next.Name(), o.Output)); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s holds content %s of %q, %d files, signed with the key %s.\n", o.Output, b.Version, b.Name, len(b.Files), b.Key)
	return err
}
