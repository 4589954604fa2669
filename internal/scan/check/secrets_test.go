package check

import (
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/mule"
)

// TestSecretNames: names of properties that hold a secret, and names that speak of
// one.
func TestSecretNames(t *testing.T) {
	cases := map[strength]string{
		sureSecret:  "password db.password dbPassword db_pwd jms.brokerPassword client_secret oauth.clientSecret keystore.passphrase ftp.pass DB_PASSWORD password1 sfdc.password.",
		keySecret:   "api.key apiKey x-api-key aws.secretAccessKey azure.storage.account-key ocp.subscriptionKey sfdc.securityToken access_token secure.key",
		maybeSecret: "token jwt auth.bearer partner.credentials db.password.prod secret.orders",
		noSecret: "host user username client.id password.file passwordPolicy token.url token.expiry secret.name api.key.header keystore.path session.timeout author compass bypass " +
			"passenger tokenize key public.key error.wrong.password message.password label.token passwordEnabled max.tokens password.min.length",
	}
	n := 0
	for want, names := range cases {
		for name := range strings.FieldsSeq(names) {
			if n++; secretStrength(name) != want {
				t.Errorf("%s: %d, want %d", name, secretStrength(name), want)
			}
		}
	}
	t.Logf("%d names", n)
}

// TestSecretValues: what stands in a secret's place.
func TestSecretValues(t *testing.T) {
	secrets := []string{"Kt7-vremo2", "Wolke-2024-x", "hunter22", "a1b2c3d4e5", "s3cr3t!Value", "(x)9kk1", "p@ss-word-of-ours-7", "mySecret123", "MuleDemoKey12345", "testing-7781"}
	none := []string{
		"", "  ", "${db.password}", "${secure::a}", "pre${a}", "#[vars.p]", "![abc==]", "p('a')", "xxxx", "XXXXXXXX", "****", "...", "TODO", "tbd", "changeme", "CHANGE_ME",
		"change-this-value", "<password>", "{{password}}", "%PASSWORD%", "@db.password@", "__DB_PASSWORD__", "#{Password}", "$(password)", "$PASSWORD", "your-password", "YOUR_API_KEY",
		"enter password", "insert-key-here", "my_password", "dummy", "dummy-password", "example", "n/a", "null", "true", "vault:kv/a#b", "ENC(abcd)", "{cipher}abc", "replace-me", "key-goes-here",
		"arn:aws:secretsmanager:eu:1:secret:x", "AKIAIOSFODNN7EXAMPLE",
		"changeit", "password", "Password1", "P@ssw0rd", "admin", "admin123", "mule", "mulesoft", "12345", "root", "guest", "welcome1", "secret", "test", "sa",
	}
	for _, text := range secrets {
		if !isSecret(text) || !looksSecret(text, sureSecret) {
			t.Errorf("%q is no secret", text)
		}
	}
	for _, text := range none {
		if isSecret(text) {
			t.Errorf("%q is a secret", text)
		}
	}
	for _, text := range []string{"/opt/passwd", "classpath:a", "a.jks", "https://x/y", "me@example.org", "org.example.Pass", "two words", "ab"} {
		if looksSecret(text, sureSecret) {
			t.Errorf("%q looks like a secret", text)
		}
	}
	for text, want := range map[string]string{"#['a-b']": "a-b", `#["x"]`: "x", "#[vars.a]": "#[vars.a]", "#['a' ++ 'b']": "#['a' ++ 'b']", "#['$(a)']": "#['$(a)']", "plain": "plain"} {
		if got := constantText(want); constantText(text) != want && got != text {
			t.Errorf("%q: %q", text, constantText(text))
		}
	}
	t.Logf("%d values", len(secrets)+len(none))
}

// TestSecretInAddress: passwords in addresses.
func TestSecretInAddress(t *testing.T) {
	for text, want := range map[string]string{
		"https://u:Kt7-vremo2@h/a":                    "Kt7-vremo2",
		"jdbc:mysql://h/d?user=u&password=Kt7v":       "Kt7v",
		"jdbc:sqlserver://h;user=u;Password=Kt7v;x=y": "Kt7v",
		"jdbc:oracle:thin:hr/Kt7v@h:1521/X":           "Kt7v",
		"Endpoint=sb://h/;SharedAccessKey=Kt7v9=":     "Kt7v9=",
		"https://h/a?token=abc123":                    "abc123",
		"https://u:${p}@h":                            "",
		"https://user:password@h":                     "",
		"jdbc:mysql://h/d?password=${db.password}":    "",
		"https://h:8443/a@b:c":                        "",
		"https://h/a?x=y":                             "",
		"mailto:a@b":                                  "",
		"jdbc:oracle:thin:@h:1521/X":                  "",
		"password=abc":                                "",
	} {
		start, end, ok := secretIn(text)
		if ok != (want != "") || text[start:end] != want {
			t.Errorf("%s: %q", text, text[start:end])
		}
	}
}

// TestSecretMessages: no message, title or detail holds what was found.
func TestSecretMessages(t *testing.T) {
	const value = "Kt7-vremo2-XyZ"
	p := project(t, map[string]string{
		"src/main/mule/app.xml": `<mule xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:db="http://www.mulesoft.org/schema/mule/db" xmlns:http="http://www.mulesoft.org/schema/mule/http" ` +
			`xmlns:secure-properties="http://www.mulesoft.org/schema/mule/secure-properties">` +
			`<configuration-properties file="a-${env}.yaml"/><secure-properties:config file="s.yaml" key="` + value + `"/>` +
			`<db:config name="d"><db:my-sql-connection password="` + value + `" url="jdbc:mysql://u:` + value + `@h"/></db:config>` +
			`<http:request-config name="h"><http:default-headers><http:default-header key="x-api-key" value="` + value + `"/></http:default-headers></http:request-config></mule>`,
		"src/main/resources/a-prod.yaml": "# owner: x, rotated: 2001-01-01\ndb.password: " + value + "\n",
		"src/main/resources/a-dev.yaml":  "db.password: " + value + "\n",
		"src/main/resources/m.dwl":       "%dw 2.0\nvar a = {apiToken: \"" + value + "1\"}\n",
		"Jenkinsfile":                    "sh 'mvn -Danypoint.password=" + value + "'",
		"pom.xml":                        "<project><artifactId>a</artifactId><properties><app.runtime>4.4.0</app.runtime><x.password>" + value + "</x.password></properties></project>",
		"mule-artifact.json":             `{"minMuleVersion": "4.4.0"}`,
	})
	var rules []string
	for _, e := range append(secrets(), supply()...) {
		c := New(t.Context(), p, nil, nil, func(r Report) {
			rules = append(rules, e.name)
			told := r.Message + r.Detail
			if r.Repair != nil {
				told += r.Repair.Title
				for _, edit := range r.Repair.Edits {
					told += edit.Text
				}
			}
			if strings.Contains(told, value) {
				t.Errorf("%s tells the secret: %s", e.name, r.Message)
			}
			if r.File == nil || r.Span.Start < 0 || r.Span.End > len(r.File.Text) || r.Span.End < r.Span.Start {
				t.Errorf("%s: place %+v", e.name, r.Place)
			}
		})
		c.Now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		e.run(c)
	}
	slices.Sort(rules)
	rules = slices.Compact(rules)
	t.Logf("%d checks reported: %v", len(rules), rules)
	if len(rules) < 11 {
		t.Errorf("only %v reported", rules)
	}
}

func project(t *testing.T, files map[string]string) *mule.Project {
	t.Helper()
	p, err := mule.ReadFiles("app", files)
	if err != nil || len(p.Problems) > 0 {
		t.Fatal(err, p.Problems)
	}
	return p
}

// TestListSecureProperties: edits of mule-artifact.json as people write it.
func TestListSecureProperties(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                          `{"secureProperties": ["a", "b"]}`,
		"{\n  \"x\": 1\n}":            "{\n  \"secureProperties\": [\"a\", \"b\"],\n  \"x\": 1\n}",
		`{"secureProperties":[]}`:     `{"secureProperties":["a", "b"]}`,
		`{"secureProperties":["b" ]}`: `{"secureProperties":["b", "a" ]}`,
		`{"x": "é", "secureProperties": ["]", "c"]}`: `{"x": "é", "secureProperties": ["]", "c", "a", "b"]}`,
	} {
		p := project(t, map[string]string{"mule-artifact.json": text})
		edit, ok := listSecureProperties(p, []string{"a", "b"})
		if !ok {
			t.Errorf("%s: no edit", text)
			continue
		}
		if got := text[:edit.Span.Start] + edit.Text + text[edit.Span.End:]; got != want {
			t.Errorf("%s becomes %s", text, got)
		}
	}
	p := project(t, map[string]string{"mule-artifact.json": `{"secureProperties": "a"}`})
	if _, ok := listSecureProperties(p, []string{"b"}); ok {
		t.Error("a text was edited as if it were a list")
	}
}
