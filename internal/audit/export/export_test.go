package export_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/audit/export"
)

func kept(id int64, action audit.Action, change func(k *audit.Kept)) audit.Kept {
	k := audit.Kept{
		Entry: audit.Entry{
			Environment: "production", Operator: "ann", Action: action, Object: "api default/orders", Outcome: audit.Done,
			Via: "oidc:corp", Session: "s1", Address: "192.0.2.7", Detail: map[string]string{"b": "2", "a": "1"},
			Before: json.RawMessage(`{"port":1}`), After: json.RawMessage(`{"port":2}`),
		},
		ID: id, At: time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC), PrevHash: strings.Repeat("0", 64), Hash: strings.Repeat("a", 64),
	}
	if change != nil {
		change(&k)
	}
	return k
}

func written(t *testing.T, f export.Format, all ...audit.Kept) string {
	t.Helper()
	var out strings.Builder
	w := export.New(&out, f)
	for _, k := range all {
		if err := w.Write(k); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil || w.Count() != len(all) {
		t.Fatal(err, w.Count())
	}
	return out.String()
}

func TestCSVHoldsNoFormula(t *testing.T) {
	cases := map[string]string{
		"plain": "plain", "": "", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "|calc": "'|calc", "%0": "'%0",
		" =1": "' =1", "\t=1": "'\t=1", "\tx": "'\tx", "\u00a0=1": "'\u00a0=1", "\ufeff=1": "'\ufeff=1", "＝1": "'＝1",
		"a=1": "a=1", "x, \"y\"": "x, \"y\"", "192.0.2.7": "192.0.2.7", "\x01=1": "'\x01=1",
	}
	for given, want := range cases {
		text := written(t, export.CSV, kept(1, audit.PolicyApplied, func(k *audit.Kept) {
			k.Operator, k.Object, k.Detail = given, given, nil
		}))
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatal(err, len(rows))
		}
		for column, name := range rows[0] {
			if cell := rows[1][column]; (name == "operator" || name == "object") && cell != want {
				t.Errorf("%s %q is written as %q, want %q", name, given, cell, want)
			}
		}
	}
	if t.Logf("%d cells played", len(cases)); len(cases) < 15 {
		t.Error("too few cells were played")
	}
}

func TestFormats(t *testing.T) {
	text := written(t, export.CSV, kept(7, audit.PolicyApplied, nil))
	want := "id,time,environment,operator,via,session,address,action,object,outcome,detail,before,after,prevHash,hash\n" +
		`7,2026-03-04T05:06:07.008Z,production,ann,oidc:corp,s1,192.0.2.7,policy-applied,api default/orders,done,a=1; b=2,"{""port"":1}","{""port"":2}",` +
		strings.Repeat("0", 64) + "," + strings.Repeat("a", 64) + "\n"
	if text != want {
		t.Errorf("CSV:\n%s\nwant\n%s", text, want)
	}
	for _, n := range []int{0, 1, 3} {
		var all []audit.Kept
		for i := range n {
			all = append(all, kept(int64(i+1), audit.SignIn, nil))
		}
		var doc struct {
			Version int            `json:"version"`
			Entries []export.Entry `json:"entries"`
		}
		if err := json.Unmarshal([]byte(written(t, export.JSON, all...)), &doc); err != nil || doc.Version != 1 || len(doc.Entries) != n || doc.Entries == nil {
			t.Errorf("JSON of %d: %v, %+v", n, err, doc)
		}
		if got := strings.Count(written(t, export.OCSF, all...), "\n"); got != n {
			t.Errorf("OCSF of %d has %d lines", n, got)
		}
		if got := strings.Count(written(t, export.CSV, all...), "\n"); got != n+1 {
			t.Errorf("CSV of %d has %d lines", n, got)
		}
	}
}

// kind is the JSON type of a field in OCSF 1.3, and whether a class requires it.
type kind struct {
	is       string
	required bool
}

// schema is what OCSF 1.3 says of the fields that are written, by class: as far as
// they are in the published schema. A field that does not stand here is an error.
func schema(class int) map[string]kind {
	all := map[string]kind{
		"activity_id": {"integer", true}, "activity_name": {"string", false}, "category_uid": {"integer", true}, "category_name": {"string", false},
		"class_uid": {"integer", true}, "class_name": {"string", false}, "type_uid": {"integer", true}, "type_name": {"string", false},
		"time": {"integer", true}, "severity_id": {"integer", true}, "severity": {"string", false}, "status_id": {"integer", false}, "status": {"string", false},
		"message": {"string", false}, "metadata": {"object", true}, "metadata.version": {"string", true}, "metadata.uid": {"string", false},
		"metadata.log_name": {"string", false}, "metadata.product": {"object", true}, "metadata.product.name": {"string", false}, "metadata.product.vendor_name": {"string", true},
		"actor": {"object", class == 6003}, "actor.user": {"object", false}, "actor.user.name": {"string", false}, "actor.user.type_id": {"integer", false},
		"actor.user.type": {"string", false}, "actor.session": {"object", false}, "actor.session.uid": {"string", false},
		"src_endpoint": {"object", class == 6003}, "src_endpoint.ip": {"string", false}, "src_endpoint.name": {"string", false},
		"unmapped": {"object", false},
	}
	user := map[string]kind{"user": {"object", true}, "user.name": {"string", false}, "user.type_id": {"integer", false}, "user.type": {"string", false}}
	switch class {
	case 3002:
		for name, k := range user {
			all[name] = k
		}
		all["service"], all["service.name"] = kind{"object", true}, kind{"string", true}
		all["session"], all["session.uid"] = kind{"object", false}, kind{"string", false}
		all["auth_protocol_id"], all["auth_protocol"] = kind{"integer", false}, kind{"string", false}
	case 3001:
		for name, k := range user {
			all[name] = k
		}
	case 6003:
		all["api"], all["api.operation"], all["api.service"], all["api.service.name"] = kind{"object", true}, kind{"string", true}, kind{"object", false}, kind{"string", false}
		all["resources"] = kind{"array", false}
	}
	return all
}

// activities are the activity_ids of the classes in OCSF 1.3.
func activities() map[int]map[int]string {
	return map[int]map[int]string{
		3001: {1: "Create", 2: "Enable", 3: "Password Change", 4: "Password Reset", 5: "Disable", 6: "Delete", 7: "Attach Policy", 8: "Detach Policy", 9: "Lock", 10: "MFA Factor Enable", 11: "MFA Factor Disable", 99: "Other"},
		3002: {1: "Logon", 2: "Logoff", 99: "Other"},
		6003: {1: "Create", 2: "Read", 3: "Update", 4: "Delete", 99: "Other"},
	}
}

func check(t *testing.T, class int, path string, object map[string]any, all map[string]kind) {
	t.Helper()
	for name, value := range object {
		k, known := all[path+name]
		is := ""
		switch v := value.(type) {
		case string:
			is = "string"
		case map[string]any:
			if is = "object"; path+name != "unmapped" {
				check(t, class, path+name+".", v, all)
			}
		case []any:
			is = "array"
		case json.Number:
			if is = "number"; !strings.ContainsAny(v.String(), ".eE") {
				is = "integer"
			}
		}
		if !known || k.is != is {
			t.Errorf("class %d: %s is a %s, want %q", class, path+name, is, k.is)
		}
	}
	for name, k := range all {
		if rest, below := strings.CutPrefix(name, path); below && k.required && !strings.Contains(rest, ".") {
			if _, there := object[rest]; !there {
				t.Errorf("class %d: %s is required", class, name)
			}
		}
	}
}

func TestOCSF(t *testing.T) {
	cases := []struct {
		action   audit.Action
		class    int
		activity int
	}{
		{audit.SignIn, 3002, 1},
		{audit.SignInFailed, 3002, 1},
		{audit.SignOut, 3002, 2},
		{audit.SessionRevoked, 3002, 2},
		{audit.PasswordSet, 3001, 3},
		{audit.LoginLinkIssued, 3001, 4},
		{audit.FactorAdded, 3001, 10},
		{audit.FactorRemoved, 3001, 11},
		{audit.GrantAdded, 3001, 7},
		{audit.GrantRevoked, 3001, 8},
		{audit.AccountCreated, 3001, 1},
		{audit.AccountInvited, 3001, 1},
		{audit.AccountDeleted, 3001, 6},
		{audit.AccountReset, 3001, 4},
		{audit.AccountChanged, 3001, 99},
		{audit.ResourceCreated, 6003, 1},
		{audit.ResourceChanged, 6003, 3},
		{audit.ResourceRemoved, 6003, 4},
		{audit.LogExported, 6003, 2},
		{audit.RevisionPublished, 6003, 1},
		{audit.PatchEnded, 6003, 4},
		{"secret-read", 6003, 2},
	}
	for _, c := range cases {
		for i, change := range []func(k *audit.Kept){nil, func(k *audit.Kept) {
			*k = audit.Kept{Entry: audit.Entry{Action: k.Action, Outcome: audit.Refused}, ID: 1, At: k.At, Hash: k.Hash, PrevHash: k.PrevHash}
		}} {
			line := written(t, export.OCSF, kept(1, c.action, change))
			d := json.NewDecoder(strings.NewReader(line))
			d.UseNumber()
			var e map[string]any
			if err := d.Decode(&e); err != nil {
				t.Fatal(err)
			}
			check(t, c.class, "", e, schema(c.class))
			for name, want := range map[string]string{
				"class_uid": fmt.Sprint(c.class), "activity_id": fmt.Sprint(c.activity), "type_uid": fmt.Sprint(c.class*100 + c.activity),
				"category_uid": fmt.Sprint(c.class / 1000), "time": "1772600767008", "status_id": fmt.Sprint(1 + i),
				"activity_name": activities()[c.class][c.activity],
			} {
				if got := fmt.Sprint(e[name]); got != want {
					t.Errorf("%s: %s is %s, want %s", c.action, name, got, want)
				}
			}
			endpoint, _ := e["src_endpoint"].(map[string]any)
			if len(endpoint) != 1 {
				t.Errorf("%s: the endpoint is %v", c.action, endpoint)
			}
		}
	}
	if t.Logf("%d actions played", len(cases)); len(cases) < 20 {
		t.Error("too few actions were played")
	}
}
