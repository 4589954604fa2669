package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/store"
)

// held are the tables that keep an environment or a business group in use, with the
// column of its id and how their rows are called. What only tells of the past, and
// what comes by itself, as rules that nobody has changed, keeps nothing.
type held struct{ table, column, what, where string }

func heldByEnvironments() []held {
	return []held{
		{"resource_drafts", "environment", "resources", ""},
		{"clients_contracts", "environment", "contracts", ""},
		{"clients_tiers", "environment", "SLA tiers", ""},
		{"secrets_groups", "environment", "secret groups", ""},
		{"alerts_rules", "environment", "alert rules", " AND origin <> 'default'"},
		{"alerts_channels", "environment", "alert channels", ""},
		{"fleet_gateways", "environment", "gateways", ""},
	}
}

func heldByGroups() []held {
	return []held{{"clients_applications", "group_id", "client applications", ""}}
}

// inUse implements access.InUse over the tables of all rooms.
func inUse(ctx context.Context, r store.Reader, environment, group string) (string, error) {
	tables, id := heldByEnvironments(), environment
	if environment == "" {
		tables, id = heldByGroups(), group
	}
	known, err := r.Tables(ctx)
	if err != nil {
		return "", err
	}
	var found []string
	for _, h := range tables {
		if !slices.Contains(known, h.table) {
			continue // its room was never opened
		}
		n := 0
		if err := r.QueryRow(ctx, "SELECT COUNT(*) FROM "+h.table+" WHERE "+h.column+" = ?"+h.where, id).Scan(&n); err != nil {
			return "", fmt.Errorf("asking what lies in it: %w", err)
		}
		if n > 0 {
			found = append(found, fmt.Sprintf("%d %s", n, h.what))
		}
	}
	return strings.Join(found, ", "), nil
}
