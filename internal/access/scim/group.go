package scim

import (
	"strings"
	"time"
)

// Group is a team.
type Group struct {
	ID, DisplayName, ExternalID string
	Members                     []Reference
	Created, Modified           time.Time
	// Version is the entity tag.
	Version string
}

func (g *Group) writable() map[string]any {
	out := map[string]any{"displayName": g.DisplayName}
	put(out, "externalId", g.ExternalID)
	members := make([]map[string]any, len(g.Members))
	for i, m := range g.Members {
		members[i] = map[string]any{"value": m.ID, "display": m.Display, "type": "User"}
	}
	out["members"] = members
	return out
}

// Resource is the group as it is shown. Base is where SCIM lies.
func (g *Group) Resource(base string) Resource {
	out := g.writable()
	for _, m := range elements(out["members"]) {
		m["$ref"] = base + users.Endpoint + "/" + textOf(m["value"])
	}
	return groups.resource(base, out, g.ID, g.Version, g.Created, g.Modified)
}

// ParseGroup reads a whole group. Its error is an *Error.
func ParseGroup(body []byte) (Group, error) {
	out, err := groups.read(body)
	if err != nil {
		return Group{}, err
	}
	return groupOf(out)
}

// Patched is the group after a patch.
func (g *Group) Patched(ops []Operation) (Group, error) {
	out := g.writable()
	if err := apply(out, ops); err != nil {
		return Group{}, err
	}
	return groupOf(out)
}

func groupOf(out map[string]any) (Group, error) {
	g := Group{DisplayName: strings.TrimSpace(textOf(out["displayName"])), ExternalID: textOf(out["externalId"])}
	if g.DisplayName == "" {
		return Group{}, Bad(InvalidValue, "displayName is missing.")
	}
	seen := map[string]bool{}
	for _, m := range elements(out["members"]) {
		id := textOf(m["value"])
		switch {
		case id == "":
			return Group{}, Bad(InvalidValue, "A member has no value.")
		case m["type"] != nil && !strings.EqualFold(textOf(m["type"]), "User"), strings.Contains(textOf(m["$ref"]), groups.Endpoint+"/"):
			return Group{}, Bad(InvalidValue, "A group can not be in a group here; members must be users.")
		case !seen[id]:
			seen[id] = true
			g.Members = append(g.Members, Reference{ID: id})
		}
	}
	if len(g.Members) > MaxMembers {
		return Group{}, Bad(InvalidValue, "A group may have %d members at most.", MaxMembers)
	}
	return g, nil
}
