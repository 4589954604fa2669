package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/store"
)

// Progress says how far people are with an incident.
type Progress string

// The states of incidents.
const (
	Unhandled    Progress = "open"
	Acknowledged Progress = "acknowledged"
	Resolved     Progress = "resolved"
)

// Incident is what somebody must look at.
type Incident struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	// Kind and Actor say whose it is: an address, client, subject or API.
	Kind  Kind   `json:"kind"`
	Actor string `json:"actor"`
	// API is the one that it is about, empty for more than one.
	API      string           `json:"api,omitempty"`
	Title    string           `json:"title"`
	Severity finding.Severity `json:"severity"`
	State    Progress         `json:"state"`
	Owner    string           `json:"owner,omitempty"`
	First    time.Time        `json:"first"`
	Last     time.Time        `json:"last"`
	// Sightings is how many requests belong to it.
	Sightings int64     `json:"sightings"`
	Rules     []string  `json:"rules,omitempty"`
	Opened    time.Time `json:"opened"`
	Resolved  time.Time `json:"resolved,omitzero"`
}

// The kinds of what stands in a timeline.
const (
	Seen  = "seen"
	Noted = "note"
	Moved = "state"
	Done  = "act"
)

// Event is one entry of a timeline.
type Event struct {
	Number int64     `json:"number"`
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"`
	By     string    `json:"by,omitempty"`
	Text   string    `json:"text"`
	// Sighting is set where Kind is Seen.
	Sighting *Sighting `json:"sighting,omitempty"`
}

const (
	// maxSeen bounds the sightings that a timeline lists; those beyond are counted.
	maxSeen = 500
	maxNote = 4000
	// listed is how many incidents a list has.
	listed = 100
)

const incidentColumns = "SELECT id, version, kind, actor, api, title, severity, state, owner, first_at, last_at, sightings, rules, opened_at, resolved_at FROM incidents_incidents WHERE environment = ?"

func (s *Service) readIncidents(ctx context.Context, r store.Reader, environment, more string, args ...any) (out []Incident, err error) {
	rows, err := r.Query(ctx, incidentColumns+more, append([]any{environment}, args...)...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			i                             Incident
			rules                         string
			severity                      int
			first, last, opened, resolved int64
		)
		if err := rows.Scan(&i.ID, &i.Version, &i.Kind, &i.Actor, &i.API, &i.Title, &severity, &i.State, &i.Owner, &first, &last, &i.Sightings, &rules, &opened, &resolved); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(rules), &i.Rules); err != nil {
			return nil, fmt.Errorf("incident %s: %w", i.ID, err)
		}
		i.Severity = finding.Severity(severity) //nolint:gosec // written from one
		i.First, i.Last, i.Opened, i.Resolved = moment(first), moment(last), moment(opened), moment(resolved)
		out = append(out, i)
	}
	return out, rows.Err()
}

// List gives the incidents in a state, all for none: those that nobody has resolved
// first, then those that were seen last, 100 at most.
func (s *Service) List(ctx context.Context, p control.Principal, environment string, state Progress) ([]Incident, error) {
	if err := s.may(ctx, p, access.ViewFindings, environment); err != nil {
		return nil, err
	}
	more, args := "", []any(nil)
	if state != "" {
		more, args = " AND state = ?", []any{string(state)}
	}
	return s.readIncidents(ctx, s.o.DB.Read(), environment, more+" ORDER BY CASE WHEN state = 'resolved' THEN 1 ELSE 0 END, last_at DESC, id LIMIT ?", append(args, listed)...)
}

// Get gives one incident with its timeline, in the order of time.
func (s *Service) Get(ctx context.Context, p control.Principal, environment, id string) (Incident, []Event, error) {
	if err := s.may(ctx, p, access.ViewFindings, environment); err != nil {
		return Incident{}, nil, err
	}
	i, err := one(s.readIncidents(ctx, s.o.DB.Read(), environment, " AND id = ?", id))
	if err != nil {
		return Incident{}, nil, err
	}
	events, err := s.timeline(ctx, s.o.DB.Read(), environment, id)
	return i, events, err
}

func (s *Service) timeline(ctx context.Context, r store.Reader, environment, id string) (out []Event, err error) {
	rows, err := r.Query(ctx, "SELECT number, at, kind, made_by, words, body FROM incidents_timeline WHERE environment = ? AND incident = ? ORDER BY at, number LIMIT 5000", environment, id)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			e    Event
			at   int64
			body string
		)
		if err := rows.Scan(&e.Number, &at, &e.Kind, &e.By, &e.Text, &body); err != nil {
			return nil, err
		}
		e.At = moment(at)
		if body != "" {
			e.Sighting = &Sighting{}
			if err := json.Unmarshal([]byte(body), e.Sighting); err != nil {
				return nil, fmt.Errorf("incident %s: %w", id, err)
			}
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// add puts an entry at the end of a timeline; one whose ref is there already is left out.
func (s *Service) add(ctx context.Context, tx *store.Tx, environment, incident string, e Event, ref string) (added bool, err error) {
	var number int64
	if err := tx.QueryRow(ctx, "SELECT COALESCE(MAX(number), 0) + 1 FROM incidents_timeline WHERE environment = ? AND incident = ?", environment, incident).Scan(&number); err != nil {
		return false, err
	}
	if ref == "" {
		ref = fmt.Sprintf("#%d", number)
	}
	body := ""
	if e.Sighting != nil {
		text, err := json.Marshal(e.Sighting)
		if err != nil {
			return false, err
		}
		body = string(text)
	}
	n, err := tx.Exec(ctx, `INSERT INTO incidents_timeline (environment, incident, number, at, kind, ref, made_by, words, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (environment, incident, ref) DO NOTHING`,
		environment, incident, number, e.At.UnixMilli(), e.Kind, ref, e.By, e.Text, body)
	return n > 0, err
}

// tellAct tells of an act in the timeline of its incident, if it has one.
func (s *Service) tellAct(ctx context.Context, tx *store.Tx, environment string, c *Containment, by, text string) error {
	if c.Incident == "" {
		return nil
	}
	_, err := s.add(ctx, tx, environment, c.Incident, Event{At: s.o.Now(), Kind: Done, By: by, Text: text}, "")
	return err
}

// Change is what an operator changes of an incident.
type Change struct {
	// State and Owner are left as they are when nil.
	State *Progress `json:"state,omitempty"`
	Owner *string   `json:"owner,omitempty"`
	// Note is added to the timeline when it is not empty.
	Note string `json:"note,omitempty"`
}

func (c *Change) check() error {
	c.Note = strings.TrimSpace(c.Note)
	if c.Owner != nil {
		if *c.Owner = strings.TrimSpace(*c.Owner); len(*c.Owner) > 200 || strings.ContainsFunc(*c.Owner, unicode.IsControl) {
			return invalid("owner: it must be one line of 200 bytes at most")
		}
	}
	switch {
	case c.State != nil && *c.State != Unhandled && *c.State != Acknowledged && *c.State != Resolved:
		return invalid("state: %.20q is none of open, acknowledged and resolved", string(*c.State))
	case len(c.Note) > maxNote:
		return invalid("note: it has %d bytes; %d are allowed", len(c.Note), maxNote)
	case c.State == nil && c.Owner == nil && c.Note == "":
		return invalid("nothing is to be changed; give state, owner or note")
	}
	return nil
}

// Change changes an incident of the version that was seen.
func (s *Service) Change(ctx context.Context, p control.Principal, environment, id string, version int64, change Change) (Incident, error) {
	if err := s.may(ctx, p, access.ManageFindings, environment); err != nil {
		return Incident{}, err
	}
	if err := change.check(); err != nil {
		return Incident{}, err
	}
	var after Incident
	err := s.write(ctx, p, environment, audit.IncidentChanged, "incident "+id, func(tx *store.Tx) (_, _ any, err error) {
		before, err := one(s.readIncidents(ctx, tx.Reader, environment, " AND id = ?", id))
		if err != nil {
			return nil, nil, err
		}
		if before.Version != version {
			return nil, nil, control.ErrConflict
		}
		now := s.o.Now()
		after = before
		after.Version++
		var events []Event
		if change.State != nil && *change.State != before.State {
			after.State, after.Resolved = *change.State, time.Time{}
			if after.State == Resolved {
				after.Resolved = now
			}
			events = append(events, Event{At: now, Kind: Moved, By: p.Operator, Text: "now " + string(after.State)})
		}
		if change.Owner != nil && *change.Owner != before.Owner {
			after.Owner = *change.Owner
			text := "given to " + after.Owner
			if after.Owner == "" {
				text = "nobody's any more"
			}
			events = append(events, Event{At: now, Kind: Moved, By: p.Operator, Text: text})
		}
		if change.Note != "" {
			events = append(events, Event{At: now, Kind: Noted, By: p.Operator, Text: change.Note})
		}
		for _, e := range events {
			if _, err := s.add(ctx, tx, environment, id, e, ""); err != nil {
				return nil, nil, err
			}
		}
		err = control.Met(tx.Exec(ctx, "UPDATE incidents_incidents SET version = ?, state = ?, owner = ?, resolved_at = ? WHERE environment = ? AND id = ? AND version = ?",
			after.Version, string(after.State), after.Owner, stored(after.Resolved), environment, id, version))
		return changed(&before, ""), changed(&after, change.Note), err
	})
	return after, err
}

// changed is what the audit log keeps of an incident.
func changed(i *Incident, note string) any {
	out := map[string]any{"state": i.State, "owner": i.Owner}
	if note != "" {
		out["note"] = note
	}
	return out
}

// Evidence is all that is kept of an incident, as one document.
type Evidence struct {
	Environment  string            `json:"environment"`
	Exported     time.Time         `json:"exported"`
	By           string            `json:"by"`
	Incident     Incident          `json:"incident"`
	Timeline     []Event           `json:"timeline"`
	Containments []Containment     `json:"containments"`
	Findings     []json.RawMessage `json:"findings"`
	// Records are the exchanges of which the whole record is kept, without secrets.
	Records []json.RawMessage `json:"records"`
}

// maxRecords bounds the records of a document.
const maxRecords = 500

// Export gives all that is kept of an incident. It is recorded in the audit log.
func (s *Service) Export(ctx context.Context, p control.Principal, environment, id string) (Evidence, error) {
	if err := s.may(ctx, p, access.ViewTraffic, environment); err != nil {
		return Evidence{}, err
	}
	i, events, err := s.Get(ctx, p, environment, id)
	if err != nil {
		return Evidence{}, err
	}
	out := Evidence{Environment: environment, Exported: s.o.Now().UTC(), By: p.Operator, Incident: i, Timeline: events, Findings: []json.RawMessage{}, Records: []json.RawMessage{}}
	if out.Containments, err = s.Containments(ctx, p, environment, id); err != nil {
		return Evidence{}, err
	}
	if source := s.o.Source(environment); source != nil {
		if source.Findings != nil && len(i.Rules) > 0 {
			if out.Findings, err = source.Findings(ctx, i.Rules); err != nil {
				return Evidence{}, fmt.Errorf("exporting incident %s: %w", id, err)
			}
		}
		for _, e := range events {
			if e.Sighting == nil || source.Record == nil || len(out.Records) >= maxRecords {
				continue
			}
			record, err := source.Record(ctx, e.Sighting.Exchange)
			if err != nil {
				return Evidence{}, fmt.Errorf("exporting incident %s: %w", id, err)
			}
			if record != nil {
				out.Records = append(out.Records, record)
			}
		}
	}
	err = s.write(ctx, p, environment, audit.IncidentExported, "incident "+id, func(*store.Tx) (_, _ any, _ error) { return nil, nil, nil })
	return out, err
}
