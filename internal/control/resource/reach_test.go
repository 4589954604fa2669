package resource

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// reached is a resource that reaches further than who writes it.
func reached(kind, spec string) manifest.Document {
	return manifest.Document{APIVersion: "gateway.mulesoft.com/v1alpha1", Kind: kind, Name: revision.Name{Namespace: "default", Name: "far"}, Spec: json.RawMessage(spec)}
}

func bound(policy, config string) manifest.Document {
	return reached(KindBinding, fmt.Sprintf(`{"targetRef": {"name": "orders"}, "policyRef": {"name": %q}, "config": %s}`, policy, config))
}

// TestReach holds that nothing that operators write names a file or a variable of the
// machines that serve, by whichever way it comes into the draft.
func TestReach(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	b.orders()
	cases := []struct {
		name  string
		d     manifest.Document
		field string
		says  string
	}{
		{"a feed", bound("ip-feeds", `{"feeds": [{"name": "f", "file": "/etc/passwd"}]}`), "spec.config.feeds[0].file", "a file of the machine"},
		{"a card", bound("a2a-agent-card-flex", `{"file": "/etc/passwd", "consumerUrl": "https://agents.example"}`), "spec.config.file", "a file of the machine"},
		{"credentials", bound("native-aws-signature-flex", `{"region": "eu-west-1", "service": "s3", "authenticationMode": "file", "credentialsFileProvider": {"credentialsDataSource": {"filename": "/root/.aws/credentials"}}}`), "spec.config.credentialsFileProvider.credentialsDataSource.filename", "a file of the machine"},
		{"a description", bound("schema-validation", `{"specFile": "../secret.yaml"}`), "spec.config.specFile", "a file of the machine"},
		{"operations", bound("authorization", `{"specFile": "../secret.yaml"}`), "spec.config.specFile", "a file of the machine"},
		{"a module", reached(KindExtension, `{"extends": [{"name": "proxy-wasm-filter"}], "properties": {"implementation": {"type": "string", "default": "file:///etc/passwd"}}}`), "spec.properties.implementation.default", "a file of the machine"},
		{"a log", reached(KindConfiguration, `{"logging": {"outputs": [{"name": "o", "type": "file", "parameters": {"file": "x", "path": "/etc/cron.d"}}]}}`), "spec.logging.outputs[0].type", "a file of the machine"},
		{"a label", reached(KindConfiguration, `{"tracing": {"provider": {"type": "opentelemetry", "properties": {"address": "h2://otel:4317"}}, "labels": [{"type": "environment", "name": "n", "keyName": "HOME"}]}}`), "spec.tracing.labels[0].type", "a variable of the machine"},
		{"a label of a policy", bound("tracing-flex", `{"labels": [{"type": "environment", "name": "n", "keyName": "HOME"}]}`), "spec.config.labels[0].type", "a variable of the machine"},
		{"a label by a secret", bound("tracing-flex", `{"labels": [{"type": "${secret:open/kind}", "name": "n", "keyName": "HOME"}]}`), "spec.config.labels[0].type", "a variable of the machine"},
		{"a file by a secret", bound("ip-feeds", `{"feeds": [{"name": "f", "file": "${secret:open/path}"}]}`), "spec.config.feeds[0].file", "a file of the machine"},
		{"a variable", bound("http-basic-authentication-flex", `{"username": "u", "password": "$PASSWORD"}`), "spec.config.password", "$PASSWORD is a variable"},
		{"a variable in braces", bound("http-basic-authentication-flex", `{"username": "u", "password": "${PASSWORD}"}`), "spec.config.password", "$PASSWORD is a variable"},
		{"a variable of a store", reached(KindConfiguration, `{"sharedStorage": {"redis": {"address": "redis:6379", "password": "$PASSWORD"}}}`), "spec.sharedStorage.redis.password", "$PASSWORD is a variable"},
		{"a policy that an API holds", reached(KindAPI, `{"address": "http://0.0.0.0:8081/far", "policies": [{"policyRef": {"name": "ip-feeds"}, "config": {"feeds": [{"name": "f", "file": "/etc/passwd"}]}}]}`), "spec.policies[0].config.feeds[0].file", "a file of the machine"},
		{"a foreign secret", bound("http-basic-authentication-flex", `{"username": "u", "password": "${secret:closed/db}"}`), "spec.config.password", "group closed"},
		{"no reference", bound("http-basic-authentication-flex", `{"username": "u", "password": "${secret:closed}"}`), "spec.config.password", "no reference to a secret"},
	}
	for _, c := range cases {
		text, err := c.d.YAML()
		b.must(err)
		_, put := b.Put(ctx, ann, "default", c.d, 0)
		_, applied := b.Apply(ctx, ann, "default", text, Applying{})
		_, dry := b.Apply(ctx, ann, "default", text, Applying{DryRun: true})
		_, yaml := b.PutYAML(ctx, ann, "default", Key{}, text, 0)
		for way, err := range map[string]error{"put": put, "applied": applied, "dry": dry, "as text": yaml} {
			var wrong *InvalidError
			if !errors.As(err, &wrong) || len(wrong.Problems) != 1 || wrong.Problems[0].Field != c.field || !strings.Contains(wrong.Problems[0].Message, c.says) {
				t.Errorf("%s, %s: %v; want the field %s: %s", c.name, way, err, c.field, c.says)
			}
		}
	}
	t.Logf("%d ways to reach further", len(cases))
	// What only looks alike is as it was.
	for _, d := range []manifest.Document{
		bound("http-basic-authentication-flex", `{"username": "u", "password": "$$PASSWORD"}`),
		bound("ip-feeds", `{"feeds": [{"name": "f", "url": "https://lists.example/feed"}]}`),
		bound("http-basic-authentication-flex", `{"username": "u", "password": "${secret:open/db}"}`),
	} {
		if _, err := b.Apply(ctx, ann, "default", mustYAML(t, d), Applying{}); err != nil {
			t.Errorf("%s: %v", d.Spec, err)
		}
	}
}

func mustYAML(t *testing.T, d manifest.Document) []byte {
	t.Helper()
	text, err := d.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestReachStays holds that who may not use a secret keeps it where it stood, and takes
// it nowhere else: not to another place, not to another policy, not to another
// environment.
func TestReachStays(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	b.orders()
	const held = `{"username": "u", "password": "${secret:open/db}"}`
	_, err := b.Put(ctx, ann, "default", bound("http-basic-authentication-flex", held), 0)
	b.must(err)
	b.publish(ann)
	apply := func(policy, config string) error {
		_, err := b.Apply(ctx, bert, "default", mustYAML(t, bound(policy, config)), Applying{})
		return err
	}
	b.must(apply("http-basic-authentication-flex", `{"username": "other", "password": "${secret:open/db}"}`))
	for config, policy := range map[string]string{
		`{"username": "${secret:open/db}", "password": "x"}`:       "http-basic-authentication-flex",
		`{"username": "u", "password": "${secret:open/other}"}`:    "http-basic-authentication-flex",
		`{"username": "u2", "password": "${secret:open/db}"}`:      "credential-injection-basic-auth-flex",
		`{"username": "u", "password": "${secret:open/db.field}"}`: "http-basic-authentication-flex",
	} {
		if err := apply(policy, config); !errors.Is(err, control.ErrInvalid) || !strings.Contains(err.Error(), "group open") {
			t.Errorf("%s %s: %v", policy, config, err)
		}
	}
	// What was taken out of the draft comes back as it serves.
	b.must(apply("http-basic-authentication-flex", `{"username": "u", "password": "plain"}`))
	b.must(apply("http-basic-authentication-flex", held))
	// To another environment only who may use it there takes it.
	o := Promotion{From: "default", APIs: []string{"default/orders"}}
	if _, err := b.Promote(ctx, bert, "production", o); !errors.Is(err, control.ErrInvalid) || !strings.Contains(err.Error(), "spec.config.password") {
		t.Errorf("promoted: %v", err)
	}
	_, err = b.Promote(ctx, ann, "production", o)
	b.must(err)
}

// TestReachOfOldDrafts holds that a draft from before what it names was looked at is
// not published.
func TestReachOfOldDrafts(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	b.orders()
	d := bound("http-basic-authentication-flex", `{"username": "u", "password": "$PASSWORD"}`)
	b.must(d.Canonical())
	b.must(b.o.DB.Write(ctx, func(tx *store.Tx) error {
		digest, err := b.keepText(ctx, tx, "default", &d)
		if err != nil {
			return err
		}
		return putRow(ctx, tx, "default", row{Key: keyOf(&d), version: 1, digest: digest, author: "ann", at: 1})
	}))
	_, err := b.Publish(ctx, ann, "default", Publishing{Draft: b.draftVersion()})
	var wrong *InvalidError
	if !errors.As(err, &wrong) || wrong.Problems[0].Field != "spec.config.password" {
		t.Errorf("published: %v", err)
	}
}

// TestMaskOfAnotherPolicy holds that a secret that is shown masked goes into no other
// policy, which might show it.
func TestMaskOfAnotherPolicy(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	b.orders()
	one, err := b.Put(ctx, ann, "default", bound("http-basic-authentication-flex", `{"username": "u", "password": "hidden-4711"}`), 0)
	b.must(err)
	d := bound("credential-injection-basic-auth-flex", fmt.Sprintf(`{"username": "u", "password": %q}`, Mask))
	if _, err := b.Put(ctx, bert, "default", d, one.Version); err == nil || !strings.Contains(err.Error(), "the secret was left out") {
		t.Errorf("the secret of another policy: %v", err)
	}
}

// TestSettingsThatNameFiles holds that a setting whose description speaks of a file or a
// path is known as one that names a file of the machine, or as one that does not.
func TestSettingsThatNameFiles(t *testing.T) {
	all, err := policies()
	if err != nil {
		t.Fatal(err)
	}
	harmless := []string{
		".specArchive", ".spec", ".specMain", ".rules.text", ".feeds.url", // the text itself, or an address
		".fileDecorators.name", ".fileDecorators.mimeType", ".fileDecorators.uri", ".fileDecorators.bytes", // for the agent
		".authenticationMode", ".credentialsFileProvider.profile", // names nothing by itself
	}
	known := 0
	var visit func(policy, at string, schema map[string]any)
	visit = func(policy, at string, schema map[string]any) {
		says, _ := schema["description"].(string)
		name := at[strings.LastIndex(at, ".")+1:]
		switch {
		case schema["format"] == hostFile:
			known++
		case schema["type"] == "string" && !slices.ContainsFunc(harmless, func(end string) bool { return strings.HasSuffix(at, end) }) && (strings.Contains(strings.ToLower(says), " file") || strings.Contains(strings.ToLower(name), "file")):
			t.Errorf("policy %s: %s: is it a file of the machine that serves? Tag it host, or name it here: %s", policy, at, says)
		}
		properties, _ := schema["properties"].(map[string]any)
		for name, sub := range properties {
			if sub, ok := sub.(map[string]any); ok {
				visit(policy, at+"."+name, sub)
			}
		}
		for _, key := range []string{"items", "additionalProperties"} {
			if sub, ok := schema[key].(map[string]any); ok {
				visit(policy, at, sub)
			}
		}
	}
	for _, e := range all.All() {
		var schema map[string]any
		if err := json.Unmarshal(e.Schema, &schema); err != nil {
			t.Fatal(err)
		}
		visit(e.Name, "config", schema)
	}
	if known < 5 {
		t.Errorf("%d settings name files of the machine, want 5 or more", known)
	}
	t.Logf("%d settings name files of the machine", known)
}
