package manifest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/secret"
)

var update = flag.Bool("update", false, "write what was found into the cases")

// catalogue is a small stand-in for the real one. A setting is "name:type",
// with a star behind the type when it is required.
type catalogue map[string]fake

type fake struct {
	manifest.Policy
	settings string
}

func (c catalogue) Names() []string {
	var names []string
	for _, p := range c {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

func bare(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, "-flex"), "-mule")
}

func (c catalogue) Find(name string) (manifest.Policy, bool) {
	p, ok := c[bare(name)]
	p.Check = func(raw json.RawMessage) []manifest.FieldProblem { return check(p.settings, raw) }
	return p.Policy, ok
}

func check(settings string, raw json.RawMessage) []manifest.FieldProblem {
	var config map[string]any
	if err := json.Unmarshal(raw, &config); err != nil {
		return []manifest.FieldProblem{{Message: "the settings are not an object"}}
	}
	var found []manifest.FieldProblem
	known := make(map[string]bool)
	for _, setting := range strings.Fields(settings) {
		name, kind, _ := strings.Cut(setting, ":")
		kind, required := strings.CutSuffix(kind, "*")
		known[name] = true
		value, ok := config[name]
		switch got := typeOf(value); {
		case !ok && required:
			found = append(found, manifest.FieldProblem{Path: []string{name}, Message: "required, but missing"})
		case ok && kind != got:
			found = append(found, manifest.FieldProblem{Path: []string{name}, Message: fmt.Sprintf("must be %s, not %s", kind, got)})
		}
	}
	for name := range config {
		if !known[name] {
			found = append(found, manifest.FieldProblem{Path: []string{name}, Message: "unknown setting"})
		}
	}
	if limits, ok := config["rateLimits"].([]any); ok {
		for i, limit := range limits {
			l, _ := limit.(map[string]any)
			if n, ok := l["maximumRequests"].(float64); !ok || n < 1 {
				found = append(found, manifest.FieldProblem{
					Path: []string{"rateLimits", fmt.Sprint(i), "maximumRequests"}, Message: "must be at least 1",
				})
			}
		}
	}
	if user, ok := config["username"].(string); ok && strings.Contains(user, ":") {
		found = append(found, manifest.FieldProblem{Path: []string{"username"}, Message: fmt.Sprintf("%q holds a colon", user)})
	}
	return found
}

func typeOf(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	default:
		return "null"
	}
}

func newCatalogue() catalogue {
	const tls = "certificate:object trustedCA:string requireClientCertificate:boolean skipValidation:boolean " +
		"alpn:array minversion:string maxversion:string ciphers:array"
	c := make(catalogue)
	for _, p := range []fake{
		{manifest.Policy{Name: "route", Structural: true}, "destinationPath:string destinationRef:object*"},
		{manifest.Policy{Name: "route-weighted", Structural: true}, "routes:array*"},
		{manifest.Policy{Name: "tls", Structural: true}, tls},
		{manifest.Policy{Name: "tls-outbound", Structural: true, Outbound: true}, tls},
		{manifest.Policy{Name: "deprecation", Phase: 1}, "deprecatedSince:string sunset:string successor:string ended:boolean"},
		{manifest.Policy{Name: "cors-flex", Phase: 1, First: true}, "publicResource:boolean originGroups:array"},
		{manifest.Policy{Name: "ip-allowlist-flex", Phase: 1, Warn: func(s json.RawMessage) []string {
			if bytes.Contains(s, []byte("ipExpression")) {
				return []string{"an explicit ipExpression trusts what the caller sends"}
			}
			return nil
		}}, "ips:array* ipExpression:string"},
		{manifest.Policy{Name: "http-basic-authentication-flex", Phase: 2, Identifies: true}, "username:string* password:string*"},
		{manifest.Policy{Name: "client-id-enforcement-flex", Phase: 2, Identifies: true}, "clientIdExpression:string"},
		{
			manifest.Policy{Name: "jwt-validation-flex", Phase: 2, Identifies: true},
			"jwtOrigin:string jwtKeyOrigin:string jwksUrl:string skipClientIdValidation:boolean",
		},
		{
			manifest.Policy{Name: "rate-limiting-flex", Phase: 4, Meters: true},
			"rateLimits:array* keySelector:string exposeHeaders:boolean clusterizable:boolean",
		},
		{manifest.Policy{Name: "rate-limiting-sla-based-flex", Phase: 4, Meters: true}, "clientIdExpression:string exposeHeaders:boolean"},
		{manifest.Policy{Name: "schema-validation", Phase: 5, Describes: true}, "spec:string specFile:string specArchive:string specMain:string"},
		{manifest.Policy{Name: "header-injection-flex", Phase: 6}, "inboundHeaders:array outboundHeaders:array"},
		{
			manifest.Policy{Name: "proxy-wasm", Phase: 5},
			"module:string* name:string rootId:string configuration:object services:array memoryMegabytes:number",
		},
		{manifest.Policy{Name: "tracing-flex", Phase: 1}, "sampling:object* labels:array"},
		{manifest.Policy{Name: "circuit-breaker-flex", Phase: 1, Outbound: true}, "thresholds:object*"},
		{
			manifest.Policy{Name: "credential-injection-basic-auth-flex", Phase: 6, Outbound: true},
			"username:string* password:string* overwrite:boolean",
		},
	} {
		c[bare(p.Name)] = p
	}
	return c
}

func environment(name string) (string, bool) {
	value, ok := map[string]string{"USER_NAME": "anne", "PASSWORD": "s3cret", "COLON": "top:secret", "PREFIX": "/v3"}[name]
	return value, ok
}

func options() manifest.Options {
	return manifest.Options{Expand: secret.Expander{Lookup: environment}.Expand}
}

// TestCases plays testdata/*.txtar. A case holds manifest files, perhaps
// options, and either the problems wanted (want) or an excerpt of the revision,
// or both.
func TestCases(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !play(t, archive) {
				refused++
			}
			if *update {
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	t.Logf("%d cases, %d of them refused", len(paths), refused)
	if len(paths) < 60 || refused < 40 {
		t.Errorf("only %d cases, %d of them refused", len(paths), refused)
	}
}

func play(t *testing.T, archive *txtar.Archive) bool {
	opts := options()
	var files []manifest.File
	var want, excerpt *txtar.File
	for i := range archive.Files {
		f := &archive.Files[i]
		switch f.Name {
		case "want":
			want = f
		case "revision":
			excerpt = f
		case "options":
			if got := strings.TrimSpace(string(f.Data)); got != "requireAuthentication" {
				t.Fatalf("unknown options %q", got)
			}
			opts.RequireAuthentication = true
		default:
			if !strings.HasSuffix(f.Name, ".yaml") {
				t.Fatalf("unknown section %q", f.Name)
			}
			files = append(files, manifest.File{Name: f.Name, Text: f.Data})
		}
	}
	rev, problems := manifest.Build(manifest.Read(files), newCatalogue(), opts)
	var got strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&got, p.Text())
	}
	if *update && (want != nil || got.Len() > 0) {
		if want == nil {
			archive.Files = append(archive.Files, txtar.File{Name: "want"})
			want = &archive.Files[len(archive.Files)-1]
		}
		want.Data = []byte(got.String())
	}
	wanted := ""
	if want != nil {
		wanted = string(want.Data)
	}
	if got.String() != wanted {
		t.Errorf("got\n%s\nwant\n%s", got.String(), wanted)
	}
	if want == nil && excerpt == nil {
		t.Error("the case expects nothing")
	}
	whole(t, rev, problems)
	if excerpt != nil {
		matchExcerpt(t, rev, excerpt.Data)
	}
	return rev != nil
}

// whole holds that there is a revision exactly when there is no error.
func whole(t testing.TB, rev *revision.Revision, problems []manifest.Problem) {
	t.Helper()
	if (rev == nil) != manifest.HasErrors(problems) {
		t.Errorf("revision %v with problems %v", rev != nil, problems)
	}
	if rev != nil && rev.Digest == "" {
		t.Error("the revision is not sealed")
	}
}

func matchExcerpt(t *testing.T, rev *revision.Revision, excerpt []byte) {
	t.Helper()
	text, err := json.Marshal(rev)
	if err != nil {
		t.Fatal(err)
	}
	var have, want any
	if err := json.Unmarshal(text, &have); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(excerpt, &want); err != nil {
		t.Fatalf("the excerpt is not JSON: %v", err)
	}
	if at := differ(have, want, "revision"); at != "" {
		indented, err := json.MarshalIndent(rev, "", "  ")
		t.Errorf("%s; the revision is %s %v", at, indented, err)
	}
}

// differ finds the first place where have lacks what want has; objects may have
// more keys than wanted, lists no more items.
func differ(have, want any, at string) string {
	switch w := want.(type) {
	case map[string]any:
		h, _ := have.(map[string]any)
		for key, value := range w {
			if _, ok := h[key]; !ok && value != nil {
				return at + "." + key + " is missing"
			}
			if where := differ(h[key], value, at+"."+key); where != "" {
				return where
			}
		}
		return ""
	case []any:
		h, _ := have.([]any)
		if len(h) != len(w) {
			return fmt.Sprintf("%s has %d items, not %d", at, len(h), len(w))
		}
		for i := range w {
			if where := differ(h[i], w[i], fmt.Sprintf("%s[%d]", at, i)); where != "" {
				return where
			}
		}
		return ""
	default:
		if !reflect.DeepEqual(have, want) {
			return fmt.Sprintf("%s is %v, not %v", at, have, want)
		}
		return ""
	}
}
