package scim

import (
	"slices"
	"strings"
	"time"
)

// Reference names another resource.
type Reference struct{ ID, Display string }

// User is a person's account.
type User struct {
	ID, UserName, ExternalID           string
	DisplayName, GivenName, FamilyName string
	// Email is the one address that is kept.
	Email string
	// Active is nil where nobody said.
	Active            *bool
	Groups            []Reference
	Created, Modified time.Time
	// Version is the entity tag.
	Version string
}

// writable is a user in the form that read gives.
func (u *User) writable() map[string]any {
	out := map[string]any{"userName": u.UserName}
	put(out, "externalId", u.ExternalID)
	put(out, "displayName", u.DisplayName)
	name := map[string]any{}
	put(name, "givenName", u.GivenName)
	put(name, "familyName", u.FamilyName)
	put(name, "formatted", strings.TrimSpace(u.GivenName+" "+u.FamilyName))
	if len(name) > 0 {
		out["name"] = name
	}
	if u.Email != "" {
		out["emails"] = []map[string]any{{"value": u.Email, "type": "work", "primary": true}}
	}
	if u.Active != nil {
		out["active"] = *u.Active
	}
	return out
}

func put(into map[string]any, name, value string) {
	if value != "" {
		into[name] = value
	}
}

// Resource is the user as it is shown. Base is where SCIM lies.
func (u *User) Resource(base string) Resource {
	out := u.writable()
	list := make([]map[string]any, len(u.Groups))
	for i, g := range u.Groups {
		list[i] = map[string]any{"value": g.ID, "display": g.Display, "$ref": base + groups.Endpoint + "/" + g.ID, "type": "direct"}
	}
	if len(list) > 0 {
		out["groups"] = list
	}
	return users.resource(base, out, u.ID, u.Version, u.Created, u.Modified)
}

func (s *Schema) resource(base string, out map[string]any, id, version string, created, modified time.Time) Resource {
	at := base + s.Endpoint + "/" + id
	out["schemas"], out["id"] = []string{s.urn}, id
	out["meta"] = map[string]any{
		"resourceType": s.Name, "location": at, "version": version,
		"created": created.UTC().Format(time.RFC3339Nano), "lastModified": modified.UTC().Format(time.RFC3339Nano),
	}
	return Resource{Location: at, Version: version, Body: out}
}

// ParseUser reads a whole user. Its error is an *Error.
func ParseUser(body []byte) (User, error) {
	out, err := users.read(body)
	if err != nil {
		return User{}, err
	}
	return userOf(out)
}

// Patched is the user after a patch.
func (u *User) Patched(ops []Operation) (User, error) {
	out := u.writable()
	if name, ok := out["name"].(map[string]any); ok {
		delete(name, "formatted") // it is made of the others
	}
	if err := apply(out, ops); err != nil {
		return User{}, err
	}
	return userOf(out)
}

func userOf(out map[string]any) (User, error) {
	u := User{UserName: strings.ToLower(strings.TrimSpace(textOf(out["userName"]))), ExternalID: textOf(out["externalId"])}
	if u.UserName == "" {
		return User{}, Bad(InvalidValue, "userName is missing.")
	}
	name, _ := out["name"].(map[string]any)
	u.GivenName, u.FamilyName = strings.TrimSpace(textOf(name["givenName"])), strings.TrimSpace(textOf(name["familyName"]))
	for _, display := range []string{textOf(out["displayName"]), textOf(name["formatted"]), u.GivenName + " " + u.FamilyName} {
		if u.DisplayName = strings.TrimSpace(display); u.DisplayName != "" {
			break
		}
	}
	u.Email = preferred(elements(out["emails"]))
	if active, ok := out["active"].(bool); ok {
		u.Active = &active
	}
	return u, nil
}

// preferred is the primary address, else that for work, else the first.
func preferred(emails []map[string]any) string {
	emails = slices.DeleteFunc(slices.Clone(emails), func(e map[string]any) bool { return strings.TrimSpace(textOf(e["value"])) == "" })
	if len(emails) == 0 {
		return ""
	}
	i := slices.IndexFunc(emails, isPrimary)
	if i < 0 {
		i = slices.IndexFunc(emails, func(e map[string]any) bool { return strings.EqualFold(textOf(e["type"]), "work") })
	}
	return strings.TrimSpace(textOf(emails[max(i, 0)]["value"]))
}
