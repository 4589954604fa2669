package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/audit/export"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/auditlog"
)

// AuditReport says that the audit log is whole.
type AuditReport struct {
	Entries     int64      `json:"entries"`
	First       int64      `json:"first"`
	Last        int64      `json:"last"`
	Pruned      int64      `json:"pruned"`
	Checkpoints int        `json:"checkpoints"`
	Key         string     `json:"key,omitempty"`
	Signed      int64      `json:"signed"`
	SignedAt    *time.Time `json:"signedAt,omitempty"`
	// Broken says which entry or checkpoint breaks the chain; empty when it is whole.
	Broken string `json:"broken,omitempty"`
}

func auditRoutes(s *auditlog.Service) []Route {
	filter := map[string]string{
		"operator": "who did it", "action": "what was done", "object": "to what, whole", "outcome": "done, refused or failed",
		"session": "in which session", "address": "from where", "since": "first moment (RFC 3339)", "until": "moment before which (RFC 3339)",
		"text": "part of operator, object, address or detail",
	}
	list := func(ctx context.Context, r *Request) (any, error) { return listAudit(ctx, s, r) }
	one := func(ctx context.Context, r *Request) (any, error) {
		id, err := strconv.ParseInt(r.Path("id"), 10, 64)
		if err != nil || id < 1 {
			return nil, control.ErrNotFound
		}
		e, err := s.Get(ctx, r.Principal, id)
		if err != nil {
			return nil, err
		}
		if at := r.Path("environment"); at != "" && e.Environment != at {
			return nil, control.ErrNotFound
		}
		return export.EntryOf(&e), nil
	}
	copied := func(ctx context.Context, r *Request) (any, error) { return exportAudit(ctx, s, r) }
	return []Route{
		{Method: http.MethodGet, Path: "/audit", Summary: "List what operators did, the newest first", Needs: access.ViewAudit, At: Organisation, Query: filter, Gives: []export.Entry{}, Handle: list},
		{Method: http.MethodGet, Path: "/audit/entries/{id}", Summary: "Show one entry of the audit log", Needs: access.ViewAudit, At: Organisation, Gives: export.Entry{}, Handle: one},
		{Method: http.MethodGet, Path: "/audit/exports/{format}", Summary: "Take a copy of entries as csv, json or ocsf", Needs: access.ViewAudit, At: Organisation, Query: filter, Media: "application/octet-stream", Handle: copied},
		{Method: http.MethodGet, Path: "/audit/verification", Summary: "Verify the chain of the audit log", Needs: access.ViewAudit, At: Organisation, Gives: AuditReport{}, Handle: func(ctx context.Context, r *Request) (any, error) {
			return verifyAudit(ctx, s, r)
		}},
		{Method: http.MethodGet, Path: inEnvironment + "/audit", Summary: "List what operators did in an environment, the newest first", Needs: access.ViewAudit, At: Environment, Query: filter, Gives: []export.Entry{}, Handle: list},
		{Method: http.MethodGet, Path: inEnvironment + "/audit/entries/{id}", Summary: "Show one entry of an environment's audit log", Needs: access.ViewAudit, At: Environment, Gives: export.Entry{}, Handle: one},
		{Method: http.MethodGet, Path: inEnvironment + "/audit/exports/{format}", Summary: "Take a copy of an environment's entries as csv, json or ocsf", Needs: access.ViewAudit, At: Environment, Query: filter, Media: "application/octet-stream", Handle: copied},
	}
}

func auditQuery(r *Request) (q auditlog.Query, err error) {
	q = auditlog.Query{
		Operator: r.Query("operator"), Action: audit.Action(r.Query("action")), Object: r.Query("object"), Outcome: audit.Outcome(r.Query("outcome")),
		Session: r.Query("session"), Address: r.Query("address"), Text: r.Query("text"), Environment: r.Path("environment"),
	}
	for name, to := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		if text := r.Query(name); text != "" {
			if *to, err = time.Parse(time.RFC3339, text); err != nil {
				return q, fmt.Errorf("%w: %s must be a moment as 2026-03-04T05:06:07Z", control.ErrInvalid, name)
			}
		}
	}
	return q, nil
}

func listAudit(ctx context.Context, s *auditlog.Service, r *Request) (any, error) {
	q, err := auditQuery(r)
	if err != nil {
		return nil, err
	}
	if q.Before, q.Limit, err = r.Before(); err != nil {
		return nil, err
	}
	entries, next, err := s.List(ctx, r.Principal, q)
	if err != nil {
		return nil, err
	}
	items := make([]export.Entry, len(entries))
	for i := range entries {
		items[i] = export.EntryOf(&entries[i])
	}
	page := Page{Items: items}
	if next > 0 {
		page.Next = strconv.FormatInt(next, 10)
	}
	return page, nil
}

func exportAudit(ctx context.Context, s *auditlog.Service, r *Request) (any, error) {
	q, err := auditQuery(r)
	if err != nil {
		return nil, err
	}
	format := export.Format(r.Path("format"))
	write, err := s.Export(ctx, r.Principal, q, format)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := write(&out); err != nil {
		return nil, err
	}
	return Download{Name: "farrier-audit." + format.Ending(), Media: format.MediaType(), Bytes: out.Bytes()}, nil
}

func verifyAudit(ctx context.Context, s *auditlog.Service, r *Request) (any, error) {
	report, broken, err := s.Verified(ctx, r.Principal)
	if err != nil {
		return nil, err
	}
	out := AuditReport{
		Entries: report.Entries, First: report.First, Last: report.Last, Pruned: report.Pruned, Checkpoints: report.Checkpoints,
		Key: report.Key, Signed: report.Signed, Broken: broken,
	}
	if !report.SignedAt.IsZero() {
		out.SignedAt = &report.SignedAt
	}
	return out, nil
}
