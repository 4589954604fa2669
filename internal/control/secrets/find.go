package secrets

import (
	"context"
	"strings"

	"farrier.dev/farrier/internal/control"
)

// likeEscaper makes a text stand for itself in LIKE.
var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Find gives the secrets whose name holds a text, in any case, at most limit, of the
// groups that the principal may see.
func (s *Service) Find(ctx context.Context, p control.Principal, environment, text string, limit int) ([]Secret, error) {
	groups, err := s.Groups(ctx, p, environment)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range groups {
		seen[groups[i].Name] = true
	}
	all, err := s.chosen(ctx, `e.environment = ? AND LOWER(e.name) LIKE ? ESCAPE '\'`, environment, "%"+likeEscaper.Replace(strings.ToLower(text))+"%")
	if err != nil {
		return nil, err
	}
	var found []Secret
	for i := range all {
		if seen[all[i].Group] && len(found) < limit {
			found = append(found, all[i])
		}
	}
	return found, nil
}
