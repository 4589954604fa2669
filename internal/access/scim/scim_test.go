package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// jane is a user as she is shown.
func jane() map[string]any {
	active := true
	u := User{
		ID: "u1", UserName: "jane@example.com", ExternalID: "X-1", DisplayName: "Jane Doe", GivenName: "Jane", FamilyName: "Doe", Email: "jane@example.com",
		Active: &active, Groups: []Reference{{"g1", "Red"}, {"g2", "Blue"}}, Created: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
		Modified: time.Date(2026, 3, 5, 5, 6, 7, 0, time.UTC), Version: `W/"3"`,
	}
	return u.Resource("https://f.example/scim/v2").Body
}

func TestFilter(t *testing.T) {
	cases := []struct {
		filter string
		want   bool
	}{
		{`userName eq "jane@example.com"`, true},
		{`USERNAME EQ "JANE@example.com"`, true},
		{`userName eq "jane"`, false},
		{`urn:ietf:params:scim:schemas:core:2.0:User:userName sw "jane"`, true},
		{`externalId eq "X-1"`, true},
		{`externalId eq "x-1"`, false},
		{`userName ne "jane@example.com"`, false},
		{`nickName ne "x"`, true},
		{`title pr`, false},
		{`name.familyName co "O"`, true},
		{`name.givenName ew "ne"`, true},
		{`name pr`, true},
		{`name.formatted pr and not (name.givenName eq "John")`, true},
		{`active eq true`, true},
		{`active eq "True"`, true},
		{`active ne true`, false},
		{`emails co "@example"`, true},
		{`emails[type eq "work" and value co "@example.com"]`, true},
		{`emails[type eq "home"]`, false},
		{`emails[type eq "work"].value eq "jane@example.com"`, true},
		{`emails.value eq "john@example.com" or groups.display eq "blue"`, true},
		{`groups[value eq "g2"] and groups.value eq "g1"`, true},
		{`meta.created ge "2026-03-04T05:06:07Z"`, true},
		{`meta.created gt "2026-03-04T06:06:07+01:00"`, false},
		{`meta.lastModified lt "2026-03-06T00:00:00Z" and meta.lastModified le "2026-03-05T05:06:07Z"`, true},
		{`userName gt "a" and userName lt "k"`, true},
		{`externalId eq null`, false},
		{`displayName ne null`, true},
		{`id eq "u1" and (userName eq "x" or not (active eq false))`, true},
		{`userName eq "a" or userName eq "b" and active eq true`, false},
		{`displayName eq "Jane \"D\" Doe"`, false},
		{`schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"`, true},
		{`not (not (userName pr))`, true},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "x"`, false},
	}
	for _, c := range cases {
		f, err := ParseFilter(Users(), c.filter)
		if err != nil {
			t.Errorf("%s: %v", c.filter, err)
			continue
		}
		if got := f.Match(jane()); got != c.want {
			t.Errorf("%s: %v", c.filter, got)
		}
	}
	if t.Logf("%d filters", len(cases)); len(cases) < 30 {
		t.Error("too few filters played")
	}
}

func TestFilterRefused(t *testing.T) {
	cases := map[string]string{
		``:                           "it is empty",
		`userName`:                   "after userName comes one of",
		`userName eq`:                "the value to compare userName with is missing",
		`userName eq jane`:           `"jane" is no value`,
		`userName eq "x`:             "is no JSON text",
		`userName eq "\x"`:           "is no JSON text",
		`userName like "x"`:          "after userName comes one of",
		`role eq "admin"`:            `there is no attribute "role"`,
		`name.age eq "x"`:            `there is no attribute "name.age"`,
		`name eq "x"`:                "name has parts",
		`active gt true`:             "true or false, by eq or ne",
		`active eq "yes"`:            "true or false, by eq or ne",
		`userName eq true`:           "userName is compared with a text",
		`userName gt null`:           "null can only be compared",
		`meta.created gt "today"`:    "is no time",
		`userName eq "x" userName`:   "nothing may follow",
		`(userName eq "x"`:           "a ) is missing",
		`not userName eq "x"`:        "after not comes (",
		`emails[type eq "work"`:      "a ] is missing",
		`userName[type eq "x"]`:      "userName has no values to choose from",
		`emails[type[type eq "x"]]`:  "type has no values to choose from",
		`emails[type eq "work"].age`: `emails has no part "age"`,
		`userName eq "x" ; drop`:     `';' at 17 is not understood`,
		strings.Repeat("(", MaxFilterDepth+1) + `id eq "x"` + strings.Repeat(")", MaxFilterDepth+1): "nested more than 12 deep",
		strings.Repeat(`id pr or `, MaxComparisons) + `id pr`:                                       "compares more than 50 times",
		`userName eq "` + strings.Repeat("x", MaxFilter) + `"`:                                      "longer than 2000 bytes",
	}
	for filter, want := range cases {
		_, err := ParseFilter(Users(), filter)
		var told *Error
		if !errors.As(err, &told) || told.Type != InvalidFilter || told.Status != http.StatusBadRequest || !strings.Contains(told.Detail, want) {
			t.Errorf("%.60s: %v, want %s", filter, err, want)
		}
	}
	t.Logf("%d filters refused", len(cases))
}

func TestEqual(t *testing.T) {
	cases := map[string]string{
		`userName eq "x"`:                                  "userName=x",
		`userName eq "x" and active eq true`:               "userName=x",
		`userName eq "x" or externalId eq "y"`:             "",
		`not (userName eq "x")`:                            "",
		`(externalId eq "y") and (emails.value eq "z")`:    "emails.value=z externalId=y",
		`emails[type eq "work"].value eq "z"`:              "emails.value=z",
		`emails[value eq "z" and primary eq true]`:         "emails.value=z",
		`emails[value eq "z" or primary eq true]`:          "",
		`emails eq "z"`:                                    "emails.value=z",
		`userName ne "x" and id eq "1" and title eq "CEO"`: "id=1",
	}
	for filter, want := range cases {
		f, err := ParseFilter(Users(), filter)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for name, value := range f.Equal() {
			list = append(list, name+"="+value)
		}
		slices.Sort(list)
		if got := strings.Join(list, " "); got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
	f, err := ParseFilter(Groups(), `displayName pr and not (members[value eq "x"])`)
	if err != nil || !f.Mentions("members") || f.Mentions("meta") {
		t.Errorf("mentions: %v", err)
	}
}

const patchHead = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`

// patched is what a user is after a patch, as "userName externalId displayName given family email active".
func patched(ops string) (string, error) {
	list, err := Users().ParsePatch([]byte(patchHead + ops + `]}`))
	if err != nil {
		return "", err
	}
	active := true
	u := User{UserName: "jane", ExternalID: "x1", DisplayName: "Jane Doe", GivenName: "Jane", FamilyName: "Doe", Email: "j@e.org", Active: &active}
	if u, err = u.Patched(list); err != nil {
		return "", err
	}
	said := "unsaid"
	if u.Active != nil {
		said = fmt.Sprint(*u.Active)
	}
	return strings.Join([]string{u.UserName, u.ExternalID, u.DisplayName, u.GivenName, u.FamilyName, u.Email, said}, "|"), nil
}

func TestPatch(t *testing.T) {
	const same = "jane|x1|Jane Doe|Jane|Doe|j@e.org|true"
	cases := map[string]string{
		`{"op":"replace","path":"active","value":false}`:                                                             "jane|x1|Jane Doe|Jane|Doe|j@e.org|false",
		`{"op":"Replace","path":"active","value":"False"}`:                                                           "jane|x1|Jane Doe|Jane|Doe|j@e.org|false",
		`{"op":"replace","value":{"active":false}}`:                                                                  "jane|x1|Jane Doe|Jane|Doe|j@e.org|false",
		`{"op":"Add","path":"displayName","value":[{"$ref":null,"value":"JD"}]}`:                                     "jane|x1|JD|Jane|Doe|j@e.org|true",
		`{"op":"Replace","value":{"name.givenName":"Joan","name.familyName":"Roe"}}`:                                 "jane|x1|Jane Doe|Joan|Roe|j@e.org|true",
		`{"op":"replace","value":{"name":{"familyName":"Roe"},"userName":"JANE"}}`:                                   "jane|x1|Jane Doe|Jane|Roe|j@e.org|true",
		`{"op":"remove","path":"displayName"},{"op":"add","path":"name.givenName","value":"Joan"}`:                   "jane|x1|Joan Doe|Joan|Doe|j@e.org|true",
		`{"op":"replace","path":"emails[type eq \"work\"].value","value":"k@e.org"}`:                                 "jane|x1|Jane Doe|Jane|Doe|k@e.org|true",
		`{"op":"Add","path":"emails[type eq \"home\"].value","value":"k@e.org"}`:                                     same,
		`{"op":"remove","path":"emails"},{"op":"add","path":"emails[type eq \"home\"].value","value":"k@e.org"}`:     "jane|x1|Jane Doe|Jane|Doe|k@e.org|true",
		`{"op":"remove","path":"emails[value eq \"j@e.org\"]"}`:                                                      "jane|x1|Jane Doe|Jane|Doe||true",
		`{"op":"remove","path":"emails[type eq \"home\"]"}`:                                                          same,
		`{"op":"add","path":"emails","value":[{"value":"k@e.org","primary":true}]}`:                                  "jane|x1|Jane Doe|Jane|Doe|k@e.org|true",
		`{"op":"replace","path":"emails","value":[{"value":"a@e.org"},{"value":"b@e.org","type":"work"}]}`:           "jane|x1|Jane Doe|Jane|Doe|b@e.org|true",
		`{"op":"replace","path":"emails.value","value":"k@e.org"}`:                                                   "jane|x1|Jane Doe|Jane|Doe|k@e.org|true",
		`{"op":"replace","path":"externalId","value":null}`:                                                          "jane||Jane Doe|Jane|Doe|j@e.org|true",
		`{"op":"add","path":"title","value":"CEO"}`:                                                                  same,
		`{"op":"add","path":"roles","value":[{"value":"admin"}]}`:                                                    same,
		`{"op":"replace","value":{"roles":[{"value":"admin"}],"password":"x","id":"y","groups":[]}}`:                 same,
		`{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"x"}`:       same,
		`{"op":"replace","value":{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"x"}}}`: same,
		`{"op":"replace","value":{"urn:ietf:params:scim:schemas:core:2.0:User:displayName":"JD"}}`:                   "jane|x1|JD|Jane|Doe|j@e.org|true",
	}
	for ops, want := range cases {
		if got, err := patched(ops); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", ops, got, err, want)
		}
	}
	if t.Logf("%d patches", len(cases)); len(cases) < 20 {
		t.Error("too few patches played")
	}
}

func TestPatchRefused(t *testing.T) {
	cases := map[string]string{
		`{"op":"move","path":"active"}`:                                        "invalidSyntax op must be",
		`{"op":"remove"}`:                                                      "noTarget A removal needs a path",
		`{"op":"replace","value":"x"}`:                                         "invalidSyntax An operation without a path needs an object",
		`{"op":"replace","path":7,"value":"x"}`:                                "invalidPath path must be a text",
		`{"op":"replace","path":"admin","value":true}`:                         `invalidPath there is no attribute "admin"`,
		`{"op":"replace","value":{"admin":true}}`:                              `invalidPath there is no attribute "admin"`,
		`{"op":"replace","path":"id","value":"x"}`:                             "mutability id can not be changed",
		`{"op":"add","path":"groups","value":[{"value":"x"}]}`:                 "mutability groups can not be changed",
		`{"op":"replace","path":"password","value":"x"}`:                       "mutability Passwords are not set by SCIM",
		`{"op":"replace","path":"active","value":"maybe"}`:                     "invalidValue active must be true or false",
		`{"op":"replace","path":"displayName","value":7}`:                      "invalidValue displayName must be a text",
		`{"op":"replace","path":"name","value":"x"}`:                           "invalidValue name must be an object",
		`{"op":"replace","path":"emails","value":["x"]}`:                       "invalidValue emails must be a list of objects",
		`{"op":"replace","path":"emails[type eq \"work\"]","value":"x"}`:       "invalidValue A value of emails must be an object",
		`{"op":"replace","path":"emails[type co \"home\"].value","value":"x"}`: "noTarget No value of emails is as the path says",
		`{"op":"replace","path":"emails[type eq \"work\"] x","value":"x"}`:     "invalidPath nothing may follow",
		`{"op":"replace","path":"name[type eq \"work\"]","value":"x"}`:         "invalidPath name has no values",
		`{"op":"remove","path":"userName"}`:                                    "invalidValue userName is missing",
		`{"op":"add","path":"displayName","value":"x","extra":1}`:              `invalidSyntax An operation has no attribute "extra"`,
		`{"op":"add","OP":"add","path":"displayName","value":"x"}`:             "invalidSyntax An operation has op twice",
		`7`: "invalidSyntax An operation must be an object",
		strings.Repeat(`{"op":"add","path":"title","value":"x"},`, 100) + `{"op":"add","path":"title","value":"x"}`: " A patch may have 100 operations at most",
	}
	for ops, want := range cases {
		_, err := patched(ops)
		var told *Error
		if !errors.As(err, &told) || !strings.Contains(told.Type+" "+told.Detail, want) {
			t.Errorf("%.90s: %v, want %s", ops, err, want)
		}
	}
	for body, want := range map[string]string{
		`{"Operations":[]}`: "schemas must hold", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[]}`: "at least one operation",
		`[]`: "must be a JSON object", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp","urn:x"],"Operations":[{"op":"remove","path":"name"}]}`: `"urn:x" is not known`,
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"operations":[{"op":"remove","path":"name"}],"x":1}`: `no attribute "x"`,
	} {
		if _, err := Users().ParsePatch([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", body, err)
		}
	}
	t.Logf("%d patches refused", len(cases))
}

func TestGroupPatch(t *testing.T) {
	cases := map[string]string{
		`{"op":"Add","path":"members","value":[{"value":"c"},{"value":"a"}]}`:                                                                            "b c a",
		`{"op":"add","value":{"members":[{"value":"c"}]}}`:                                                                                               "a b c",
		`{"op":"remove","path":"members[value eq \"a\"]"}`:                                                                                               "b",
		`{"op":"Remove","path":"members","value":[{"value":"a"},{"value":"zz"}]}`:                                                                        "b",
		`{"op":"remove","path":"members"}`:                                                                                                               "",
		`{"op":"replace","path":"members","value":[{"value":"c"},{"value":"c"}]}`:                                                                        "c",
		`{"op":"replace","value":{"id":"other","displayName":"Red","members":[]}}`:                                                                       "",
		`{"op":"remove","path":"members[value eq \"zz\"]"},{"op":"add","path":"members","value":{"value":"c","display":"x","$ref":"https://f/Users/c"}}`: "a b c",
	}
	for ops, want := range cases {
		list, err := Groups().ParsePatch([]byte(patchHead + ops + `]}`))
		if err != nil {
			t.Errorf("%s: %v", ops, err)
			continue
		}
		g, err := (&Group{DisplayName: "Red", Members: []Reference{{"a", "A"}, {"b", "B"}}}).Patched(list)
		if err != nil {
			t.Errorf("%s: %v", ops, err)
		}
		var ids []string
		for _, m := range g.Members {
			ids = append(ids, m.ID)
		}
		if got := strings.Join(ids, " "); got != want || g.DisplayName != "Red" {
			t.Errorf("%s: %s, want %s", ops, got, want)
		}
	}
	t.Logf("%d patches", len(cases))
}

func TestParseUser(t *testing.T) {
	const head = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],`
	u, err := ParseUser([]byte(head + `"USERNAME":" Jane@Example.com ","externalId":"x","name":{"givenName":"Jane","familyName":"Doe","middleName":"M"},
		"emails":[{"value":"home@e.org","type":"home"},{"value":"work@e.org","type":"work"}],"active":"true","password":"secret","title":"CEO",
		"roles":[{"value":"admin"}],"id":"mine","meta":{"version":"1"},"groups":[{"value":"g"}],"nickName":null,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"x"}}`))
	if err != nil || u.UserName != "jane@example.com" || u.DisplayName != "Jane Doe" || u.Email != "work@e.org" || u.Active == nil || !*u.Active || u.ID != "" || u.Groups != nil {
		t.Errorf("%+v, %v", u, err)
	}
	cases := map[string]string{
		`{"userName":"x"}`:                                            "invalidSyntax schemas must hold",
		head + `"userName":"x","isAdmin":true}`:                       `invalidSyntax User has no attribute "isAdmin"`,
		head + `"userName":"x","username":"y"}`:                       "invalidSyntax User has userName twice",
		head + `"userName":"x","userName":"y"}`:                       "invalidSyntax body:1",
		head + `"userName":" "}`:                                      "invalidValue userName is missing",
		head + `"displayName":"x"}`:                                   "invalidValue userName is missing",
		head + `"userName":["x"]}`:                                    "invalidValue userName must be a text",
		head + `"userName":"x","name":{"age":"9"}}`:                   `invalidSyntax name has no attribute "age"`,
		head + `"userName":"` + strings.Repeat("x", maxText+1) + `"}`: "invalidValue userName is longer",
		head + `"userName":"x"} {}`:                                   "invalidSyntax",
		head + `"userName":"x","title":` + strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1) + `}`: "invalidSyntax body:1",
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:x:y"],"userName":"x"}`:                      `invalidSyntax The schema "urn:x:y" is not known`,
		strings.Repeat(" ", MaxBody+1): " The body is too large",
	}
	for body, want := range cases {
		_, err := ParseUser([]byte(body))
		var told *Error
		if !errors.As(err, &told) || !strings.Contains(told.Type+" "+told.Detail, want) {
			t.Errorf("%.90s: %v, want %s", body, err, want)
		}
	}
	const group = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Red","members":`
	for body, want := range map[string]string{
		group + `[{"value":"x","type":"Group"}]}`: "A group can not be in a group", group + `[{"value":"x","$ref":"https://f/scim/v2/Groups/x"}]}`: "A group can not be in a group",
		group + `[{"display":"x"}]}`: "A member has no value", group + `"x"}`: "members must be a list of objects",
		group + `[` + strings.Repeat(`{"value":"x"},`, MaxMembers) + `{"value":"x"}]}`: "more than 10000 values",
	} {
		if _, err := ParseGroup([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.120s: %v", body, err)
		}
	}
	t.Logf("%d bodies refused", len(cases)+5)
}

func TestQuery(t *testing.T) {
	show := func(query string) string {
		t.Helper()
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		q, err := Users().ParseQuery(values)
		if err != nil {
			return err.Error()
		}
		var names []string
		for name := range q.Of(jane()) {
			names = append(names, name)
		}
		slices.Sort(names)
		return fmt.Sprint(q.Start, q.Count, " ", strings.Join(names, ","))
	}
	const all = "active,displayName,emails,externalId,groups,id,meta,name,schemas,userName"
	for query, want := range map[string]string{
		"":                       "1 100 " + all,
		"startIndex=0&count=-1":  "1 0 " + all,
		"startIndex=7&count=999": "7 200 " + all,
		"startIndex=x":           "startIndex must be a number.",
		"count=99999999999":      "count must be a number.",
		"attributes=USERNAME,name.familyName,nothing":    "1 100 id,name,schemas,userName",
		"attributes=nothing":                             "1 100 id,schemas",
		"excludedAttributes=groups,emails,id":            "1 100 active,displayName,externalId,id,meta,name,schemas,userName",
		"attributes=id&excludedAttributes=groups":        "Ask either for attributes or for excludedAttributes.",
		"attributes=" + strings.Repeat("x", MaxFilter+1): "The list of attributes is longer than 2000 bytes.",
		"filter=" + url.QueryEscape(`userName`):          "after userName comes one of eq, ne, co, sw, ew, pr, gt, ge, lt, le",
	} {
		if got := show(query); got != want {
			t.Errorf("%.60s: %s, want %s", query, got, want)
		}
	}
	p, err := Users().ParseProjection(url.Values{"attributes": {"name.familyName,emails.value"}})
	if got := p.Of(jane()); err != nil || fmt.Sprint(got["name"], got["emails"]) != "map[familyName:Doe] [map[value:jane@example.com]]" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestAbout holds that what the server says of itself is JSON, and tells of nothing that
// is not kept.
func TestAbout(t *testing.T) {
	const base = "https://f.example/scim/v2"
	for name, it := range map[string]map[string]any{
		"config": ServiceProviderConfig(base), "types": ResourceTypes(base), "schemas": Schemas(base), "type": ResourceType(base, "User"), "schema": SchemaOf(base, groupURN),
	} {
		text, err := json.Marshal(it)
		if err != nil || !strings.Contains(string(text), base) {
			t.Errorf("%s: %s, %v", name, text, err)
		}
		for _, word := range []string{"password", "roles", "entitlements"} {
			if strings.Contains(string(text), `"`+word+`"`) {
				t.Errorf("%s tells of %s", name, word)
			}
		}
	}
	if ResourceType(base, "Role") != nil || SchemaOf(base, "urn:x") != nil {
		t.Error("there is more than users and groups")
	}
}

func TestMatches(t *testing.T) {
	for header, want := range map[string]bool{"": true, "*": true, `W/"3"`: true, `"3"`: true, `"1", W/"3"`: true, `"2"`: false, "3": false} {
		if Matches(header, `W/"3"`) != want {
			t.Errorf("%q: %v", header, !want)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, text := range []string{`userName eq "x"`, `not (emails[type eq "w" and value co "x"].value pr) or active eq true`, `meta.created gt "2026-03-04T05:06:07Z"`, "((((", `a[b[`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range []*Schema{Users(), Groups()} {
			filter, err := ParseFilter(s, text)
			if err != nil {
				var told *Error
				if !errors.As(err, &told) || told.Type != InvalidFilter || told.Detail == "" {
					t.Fatalf("%q: %v", text, err)
				}
				continue
			}
			if filter.Match(jane()) && s == Users() {
				for name, value := range filter.Equal() {
					if name == "userName" && !strings.EqualFold(value, "jane@example.com") || name == "id" && value != "u1" {
						t.Fatalf("%q matches, though %s is %s", text, name, value)
					}
				}
			}
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, text := range []string{"userName", `emails[type eq "work"].value`, "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName", `members[value eq "x"]`, "[", `emails[`} {
		f.Add(text, "value")
	}
	f.Fuzz(func(t *testing.T, path, value string) {
		name, err := json.Marshal(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range []string{"add", "replace", "remove"} {
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			ops := `{"op":"` + op + `","path":` + string(name) + `,"value":` + string(text) + `},{"op":"` + op + `","path":` + string(name) + `,"value":[{"value":` + string(text) + `}]}`
			got, err := patched(ops)
			var told *Error
			if err != nil && (!errors.As(err, &told) || told.Status < 400 || told.Detail == "") {
				t.Fatalf("%s: %v", ops, err)
			}
			if err == nil && !strings.Contains(got, "|") {
				t.Fatalf("%s: %s", ops, got)
			}
		}
	})
}
