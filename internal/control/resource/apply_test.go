package resource

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// odd draws texts that are easily written wrongly.
func odd() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "true", "~", "12", "1e3", "a: b", "# a", "line\nline\n", "line\n\tline", " a", "a ", "\u2028", "日本語", "😀", "é\n", "<a href='x'>&amp;", "---", "#[attributes.headers['x']]", strings.Repeat("long ", 500)}),
		// Who edits a draft names no variables of the machine that serves.
		rapid.Map(rapid.String(), func(text string) string {
			if _, is := secret.Variable(text); is {
				return "$" + text
			}
			return text
		}),
	)
}

func oddSettings(depth int) *rapid.Generator[map[string]any] {
	value := rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 5).Draw(t, "what") {
		case 0:
			return odd().Draw(t, "text")
		case 1:
			return rapid.Int64().Draw(t, "int")
		case 2:
			return rapid.Float64().Draw(t, "float")
		case 3:
			return rapid.SliceOfN(odd(), 0, 3).Draw(t, "list")
		case 4:
			return nil
		}
		if depth == 0 {
			return rapid.Bool().Draw(t, "bool")
		}
		return oddSettings(depth-1).Draw(t, "object")
	})
	return rapid.MapOfN(rapid.StringN(0, 20, 60), value, 0, 4)
}

// configuration draws the resources of one environment: all kinds, as they can be put
// into a draft.
func configuration(t *rapid.T) []manifest.Document {
	var out []manifest.Document
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9._-]{0,12}[A-Za-z0-9])?`), 1, 4, rapid.ID).Draw(t, "names")
	labels := rapid.MapOfN(rapid.StringMatching(`[a-z]{1,8}`), odd(), 0, 3)
	add := func(kind, name string, spec any) {
		text, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, manifest.Document{
			APIVersion: apiVersion, Kind: kind, Spec: text, Labels: labels.Draw(t, "labels"),
			Name: revision.Name{Namespace: rapid.SampledFrom([]string{"default", "sales", "1.0", "null"}).Draw(t, "namespace"), Name: name},
		})
	}
	for i, name := range names {
		add(KindAPI, name, map[string]any{"address": fmt.Sprintf("http://0.0.0.0:%d/%s", 8000+i, name), "services": map[string]any{
			"z" + name: map[string]any{"address": "http://z:1", "routes": []any{map[string]any{"rules": []any{map[string]any{"path": "/a(/.*)", "methods": "GET|POST"}}}}},
			"a" + name: map[string]any{"address": "https://a.example:8443/x"},
		}})
		add(KindService, name, map[string]any{"address": "h2://s:1/" + name})
		add(KindBinding, name, map[string]any{
			"targetRef": map[string]any{"kind": KindAPI, "name": name}, "policyRef": map[string]any{"name": "custom-" + name, "namespace": "default"},
			"config": oddSettings(2).Draw(t, "settings"), "order": rapid.Int32Range(-100, 1000).Draw(t, "order"),
		})
	}
	add(KindConfiguration, "limits", map[string]any{"timeouts": map[string]any{"upstreamResponseSeconds": rapid.IntRange(1, 100).Draw(t, "seconds")}})
	add(KindExtension, "custom", map[string]any{
		"extends":    []any{map[string]any{"name": "extension-definition"}},
		"properties": map[string]any{"a": map[string]any{"type": "string", "default": odd().Draw(t, "default")}},
	})
	return out
}

// TestRoundTrip holds that what was put into an environment resource by resource is
// exported, applied to an empty one and exported again without a byte of difference.
func TestRoundTrip(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, ctx := newBench(t, db), t.Context()
		cases := 0
		rapid.Check(t, func(t *rapid.T) {
			cases++
			from, to := fmt.Sprintf("a%d", cases), fmt.Sprintf("b%d", cases)
			b.o.Gate = control.Gate{Tree: anywhere{}}
			for _, d := range configuration(t) {
				if _, err := b.Put(ctx, ann, from, d, 0); err != nil && !errors.Is(err, control.ErrConflict) {
					t.Fatalf("%s: %v\n%s", d.ID(), err, d.Spec)
				}
			}
			first, err := b.Export(ctx, ann, from, false)
			if err != nil {
				t.Fatal(err)
			}
			applied, err := b.Apply(ctx, ann, to, first, Applying{})
			if err != nil {
				t.Fatalf("%v\n%s", err, first)
			}
			second, err := b.Export(ctx, ann, to, false)
			if err != nil || !bytes.Equal(first, second) {
				t.Fatalf("%v\n%s\n%s", err, first, second)
			}
			again, err := b.Apply(ctx, ann, to, second, Applying{Prune: true})
			if err != nil || len(again.Changes) != 0 || again.Draft != applied.Draft {
				t.Fatalf("applied again: %+v, %v", again, err)
			}
		})
		t.Logf("%d configurations", cases)
	})
}

const twoAPIs = `apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata:
  name: orders
spec:
  address: http://0.0.0.0:8081/orders
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata:
  name: invoices
spec:
  address: http://0.0.0.0:8081/invoices
`

func TestApply(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	told := func(text string, o Applying) string {
		t.Helper()
		a, err := b.Apply(ctx, ann, "default", []byte(text), o)
		b.must(err)
		var out []string
		for _, c := range a.Changes {
			out = append(out, c.Change+" "+c.Resource.Name)
		}
		return strings.Join(out, ", ")
	}
	one, _, _ := strings.Cut(twoAPIs, "---\n")
	for i, c := range []struct {
		text string
		o    Applying
		want string
	}{
		{twoAPIs, Applying{DryRun: true}, "added invoices, added orders"},
		{twoAPIs, Applying{}, "added invoices, added orders"},
		{twoAPIs, Applying{}, ""},
		{one, Applying{}, ""},
		{strings.Replace(one, "8081", "8082", 1), Applying{}, "changed orders"},
		{one, Applying{Prune: true, DryRun: true}, "removed invoices, changed orders"},
		{one, Applying{Prune: true}, "removed invoices, changed orders"},
		{"", Applying{}, ""},
	} {
		if got := told(c.text, c.o); got != c.want {
			t.Errorf("%d: %s, want %s", i, got, c.want)
		}
	}
	for text, want := range map[string]string{
		twoAPIs + "---\n" + one: "stands twice, in lines 1 and 15",
		"kind: [":               "manifest:1: not readable as YAML",
		strings.Replace(one, "address:", "addresss:", 1):       "spec.addresss: unknown key; did you mean address?",
		strings.Replace(one, "ApiInstance", "Contract", 1):     "contracts and secrets have places of their own",
		strings.Replace(one, "name: orders", "name: a/b", 1):   "metadata.name",
		strings.Replace(one, "mulesoft.com", "example.com", 1): "apiVersion",
	} {
		if _, err := b.Apply(ctx, ann, "default", []byte(text), Applying{}); !errors.Is(err, control.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// TestSecretsStayHidden holds that a secret in settings is kept, is never shown, and
// lies open nowhere in the database.
func TestSecretsStayHidden(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, ctx := newBench(t, db), t.Context()
		b.orders()
		const planted = "Pl4nted-s3cret"
		r, err := b.AddPolicy(ctx, ann, "default", "default", "orders", "http-basic-authentication-flex", json.RawMessage(`{"username":"u","password":"`+planted+`"}`))
		b.must(err)
		see := func(what string, value any, err error) {
			t.Helper()
			b.must(err)
			if text := fmt.Sprintf("%s %+v", value, value); strings.Contains(text, planted) {
				t.Errorf("%s shows it: %s", what, text)
			}
		}
		see("AddPolicy", r.Spec, nil)
		got, err := b.Get(ctx, ann, "default", r.Key())
		see("Get", got.Spec, err)
		list, _, err := b.List(ctx, ann, "default", Filter{})
		see("List", list, err)
		bindings, err := b.Bindings(ctx, ann, "default", "default", "orders")
		see("Bindings", string(bindings[0].Settings), err)
		d, err := b.Draft(ctx, ann, "default")
		see("Draft", d.Changes, err)
		masked, err := b.Export(ctx, who("otto", access.RoleAuditor), "default", false)
		see("Export for who may not change it", masked, err)
		for _, e := range b.auditor.entries {
			see("audit", string(e.After)+string(e.Before), nil)
		}
		// What is written as it was shown keeps the secret.
		got.Labels = map[string]string{"a": "b"}
		_, err = b.Put(ctx, ann, "default", got.Document, got.Version)
		b.must(err)
		whole, err := b.Export(ctx, ann, "default", false)
		b.must(err)
		if !strings.Contains(string(whole), "password: "+planted) {
			t.Errorf("the secret was lost:\n%s", whole)
		}
		last := b.auditor.entries[len(b.auditor.entries)-1]
		if last.Action != "resources-exported" {
			t.Errorf("the export was not recorded, but %+v", last)
		}
		got.Name.Name = "another"
		if _, err := b.Put(ctx, ann, "default", got.Document, 0); !errors.Is(err, control.ErrInvalid) || !strings.Contains(err.Error(), "the secret was left out") {
			t.Errorf("a mask for a secret: %v", err)
		}
		b.publish(ann)
		for _, table := range []string{"resource_texts", "resource_drafts", "resource_changes", "resource_revisions"} {
			var n int
			b.must(db.Read().QueryRow(ctx, `SELECT COUNT(*) FROM `+table).Scan(&n))
			if n == 0 {
				t.Errorf("%s is empty", table)
			}
		}
		var n int
		b.must(db.Read().QueryRow(ctx, `SELECT COUNT(*) FROM resource_texts WHERE sealed LIKE ?`, "%"+planted+"%").Scan(&n))
		if n > 0 {
			t.Error("it lies open in the database")
		}
	})
}

// anywhere has every environment in group a.
type anywhere struct{ tree }

func (anywhere) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	return access.Scope{Group: "root/a", Environment: environment}, nil
}

func TestPromote(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	b.orders()
	_, err := b.AddPolicy(ctx, ann, "default", "default", "orders", "http-basic-authentication-flex", json.RawMessage(`{"username":"u","password":"${secret:open/orders}"}`))
	b.must(err)
	_, err = b.CreateAPI(ctx, ann, "default", NewAPI{Name: "other", Address: "http://0.0.0.0:8081/other", Upstream: "http://other:1"})
	b.must(err)
	b.publish(ann)
	api := Key{KindAPI, "default", "orders"}
	o := Promotion{From: "default", APIs: []string{"default/orders"}, DryRun: true}
	plan, err := b.Promote(ctx, ann, "production", o)
	b.must(err)
	var look []string
	for _, one := range plan.Look {
		look = append(look, one.Resource.Kind+" "+one.Field+" = "+one.Value+": "+one.Why)
	}
	want := `ApiInstance spec.address = http://0.0.0.0:8081/orders: an address
ApiInstance spec.services.upstream.address = http://orders:8080: an address
PolicyBinding spec.config.password = ${secret:open/orders}: a reference to a secret`
	if got := strings.Join(look, "\n"); got != want {
		t.Errorf("look at\n%s", got)
	}
	if d, err := b.Draft(ctx, ann, "production"); err != nil || len(d.Changes) != 0 {
		t.Errorf("a dry run changed %+v, %v", d, err)
	}
	o.DryRun = false
	o.Overrides = []Override{{api, "spec.services.upstream.address", "https://orders.internal:8443"}}
	done, err := b.Promote(ctx, ann, "production", o)
	b.must(err)
	text, err := b.Export(ctx, ann, "production", false)
	b.must(err)
	if len(done.Changes) != 2 || !strings.Contains(string(text), "https://orders.internal:8443") || !strings.Contains(string(text), "${secret:open/orders}") {
		t.Errorf("%+v\n%s", done, text)
	}
	o.Overrides[0].Field = "spec.nothing"
	if _, err := b.Promote(ctx, ann, "production", o); !errors.Is(err, control.ErrInvalid) {
		t.Errorf("an override of nothing: %v", err)
	}
	o.Overrides, o.APIs = nil, []string{"default/none"}
	if _, err := b.Promote(ctx, ann, "production", o); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("an API that is not there: %v", err)
	}
}

// TestManyRevisions holds that revisions cost what they change, and that each is still
// what it was.
func TestManyRevisions(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	var text strings.Builder
	for i := range 50 {
		fmt.Fprintf(&text, "---\napiVersion: gateway.mulesoft.com/v1alpha1\nkind: Service\nmetadata: {name: s%d}\nspec: {address: 'http://s%d:1'}\n", i, i)
	}
	_, err := b.Apply(ctx, ann, "default", []byte(text.String()), Applying{})
	b.must(err)
	b.publish(ann)
	const many = 40
	for i := range many {
		_, err := b.Apply(ctx, ann, "default", fmt.Appendf(nil, "apiVersion: gateway.mulesoft.com/v1alpha1\nkind: Service\nmetadata: {name: s0}\nspec: {address: 'http://s0:%d'}\n", i+2), Applying{})
		b.must(err)
		b.publish(ann)
	}
	var changes, texts int
	b.must(db(b).QueryRow(ctx, `SELECT COUNT(*) FROM resource_changes`).Scan(&changes))
	b.must(db(b).QueryRow(ctx, `SELECT COUNT(*) FROM resource_texts`).Scan(&texts))
	if changes != 50+many || texts != 50+many {
		t.Errorf("%d rows of changes and %d texts for %d revisions", changes, texts, many+1)
	}
	diff, err := b.Diff(ctx, ann, "default", 7, 31)
	b.must(err)
	if len(diff) != 1 || fmt.Sprint(diff[0].Fields) != `[{spec.address "http://s0:7" "http://s0:31"}]` {
		t.Errorf("diff %+v", diff)
	}
}

func db(b *bench) store.Reader { return b.o.DB.Read() }

// TestValuesStayHidden holds that what is wrong with the value of a reference is told
// without the value, and everything else as it is.
func TestValuesStayHidden(t *testing.T) {
	b := newBench(t, storetest.Open(t))
	for settings, want := range map[string]string{
		`{"ips":["$DATABASE"],"ipExpression":"#[attributes.remoteAddress]"}`: "the value of a reference does not suit this setting; it is not shown",
		`{"ips":["nowhere"],"ipExpression":"#[attributes.remoteAddress]"}`:   "nowhere",
	} {
		found := b.CheckSettings("default", "ip-allowlist-flex", json.RawMessage(settings))
		if len(found) == 0 || !strings.Contains(found[0].Message, want) {
			t.Errorf("%s: %+v, want %s", settings, found, want)
		}
		if text := fmt.Sprint(found); strings.Contains(text, "expanded") {
			t.Errorf("%s shows the value: %s", settings, text)
		}
	}
}
