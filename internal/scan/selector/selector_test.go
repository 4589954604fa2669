package selector_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/selector"
)

const app = `<?xml version="1.0" encoding="UTF-8"?>
<mule xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:h="http://www.mulesoft.org/schema/mule/http"
	xmlns:tls="http://www.mulesoft.org/schema/mule/tls" xmlns:db="http://www.mulesoft.org/schema/mule/db"
	xmlns:doc="http://www.mulesoft.org/schema/mule/documentation" xmlns:sp="http://www.mulesoft.org/schema/mule/secure-properties">
	<h:listener-config name="Listener" doc:name="HTTP Listener config"><h:listener-connection host="0.0.0.0" port="${http.port}" protocol="${http.protocol}"/></h:listener-config>
	<h:request-config name="Plain"><h:request-connection host="api.example.com" protocol="HTTP"/></h:request-config>
	<h:request-config name="Secured"><h:request-connection host="api.example.com" protocol="HTTPS" tlsContext="Tls"/></h:request-config>
	<tls:context name="Tls"><tls:trust-store insecure="true"/></tls:context>
	<sp:config name="Secure" file="secure.yaml" key="${key}"><sp:encrypt algorithm="AES"/></sp:config>
	<db:config name="Db"><db:my-sql-connection host="db" user="app" password="hunter2"/></db:config>
	<flow name="orders">
		<h:listener config-ref="Listener" path="/orders"/>
		<logger message="#[payload]" level="INFO"/>
		<db:select config-ref="Db"><db:sql><![CDATA[SELECT 1]]></db:sql></db:select>
		<h:request config-ref="Plain" path="/a"/>
		<h:request config-ref="Secured" path="/b"/>
		<choice><when expression="#[true]"><logger message="plain"/></when><otherwise><db:select config-ref="Nowhere"/></otherwise></choice>
	</flow>
	<flow name="other"><logger message="${secure::secret}"/></flow>
</mule>
`

func project(t *testing.T) *mule.Project {
	t.Helper()
	p, err := mule.ReadFiles("shop", map[string]string{
		"src/main/mule/app.xml":            app,
		"src/main/resources/config.yaml":   "http:\n  port: \"8081\"\n  protocol: HTTP\n",
		"src/main/resources/config-p.yaml": "http:\n  protocol: HTTPS\n",
		"src/main/resources/secure.yaml":   "db:\n  password: \"![abc=]\"\n",
		"src/main/mule/config.xml":         `<mule xmlns="http://www.mulesoft.org/schema/mule/core"><configuration-properties file="config.yaml"/><configuration-properties file="config-p.yaml"/></mule>`,
		"pom.xml":                          `<project xmlns="http://maven.apache.org/POM/4.0.0"><artifactId>shop</artifactId></project>`,
	})
	if err != nil || len(p.Problems) > 0 {
		t.Fatal(err, p.Problems)
	}
	return p
}

// called is what tells the elements of app apart.
func called(e *document.Element) string {
	for _, name := range []string{"name", "path", "config-ref", "message", "protocol", "host", "expression"} {
		if v := e.Value(name); v != "" {
			return e.Name.Local + " " + v
		}
	}
	return e.Name.Local
}

func chosen(t *testing.T, p *mule.Project, text string) []string {
	t.Helper()
	s, err := selector.Compile(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	env := selector.NewEnv(p)
	var out []string
	for _, f := range p.Configs {
		f.Document.Root.Walk(func(e *document.Element) bool {
			if s.Matches(env, e) {
				out = append(out, called(e))
				if !slices.ContainsFunc(s.Names(), func(n document.Name) bool {
					return (n.Space == e.Name.Space || n.Space == selector.Any) && (n.Local == e.Name.Local || n.Local == selector.Any)
				}) {
					t.Errorf("%s chooses %s, but does not start there", text, called(e))
				}
			}
			return true
		})
	}
	return out
}

func TestMatches(t *testing.T) {
	p := project(t)
	tests := []struct{ selector, want string }{
		{"flow", "flow orders|flow other"},
		{"/mule/flow", "flow orders|flow other"},
		{"/flow", ""},
		{"//flow", "flow orders|flow other"},
		{"flow/logger", "logger #[payload]|logger ${secure::secret}"},
		{"flow//logger", "logger #[payload]|logger plain|logger ${secure::secret}"},
		{"/mule//when/logger", "logger plain"},
		{"flow[@name = 'orders']/http:request", "request /a|request /b"},
		{"http:*[@path]", "listener /orders|request /a|request /b"},
		{"*:request", "request /a|request /b"},
		{"*[@insecure]", "trust-store"},
		{"tls:trust-store[@insecure = 'true']", "trust-store"},
		{"tls:trust-store[@insecure = 'false']", ""},
		{"tls:trust-store[not(@path)][@insecure]", "trust-store"},
		{"http:request-connection[@protocol != 'HTTPS']", "request-connection HTTP"},
		{"http:listener-connection[value(@protocol) = 'HTTPS']", "listener-connection ${http.protocol}"},
		{"http:listener-connection[value(@protocol) = 'HTTP']", "listener-connection ${http.protocol}"},
		{"http:listener-connection[value(@protocol) = 'FTP']", ""},
		{"http:listener-connection[@protocol = 'HTTP']", ""},
		{"http:listener-connection[known(@port)]", "listener-connection ${http.protocol}"},
		{"http:listener-connection[value(@port) > 8080 and value(@port) <= 8081]", "listener-connection ${http.protocol}"},
		{"secure-properties:config[known(@key)]", ""},
		{"secure-properties:config[placeholder(@key)]", "config Secure"},
		{"secure-properties:config[literal(@key)]", ""},
		{"db:my-sql-connection[literal(@password)]", "my-sql-connection db"},
		{"*[@*[secret-name() and literal(.)]]", "my-sql-connection db"},
		{"logger[expression(@message)]", "logger #[payload]"},
		{"logger[secure(@message)]", "logger ${secure::secret}"},
		{"logger[empty(@level)]", "logger plain|logger ${secure::secret}"},
		{"logger[@level = 'INFO' or @message = 'plain']", "logger #[payload]|logger plain"},
		{"logger[one-of(@level, 'DEBUG', 'INFO')]", "logger #[payload]"},
		{"logger[lower-case(@level) = 'info']", "logger #[payload]"},
		{"logger[starts-with(@message, 'pl')]", "logger plain"},
		{"logger[ends-with(@message, ']')]", "logger #[payload]"},
		{"logger[contains(@message, 'secret')]", "logger ${secure::secret}"},
		{"logger[matches(@message, '^#\\[')]", "logger #[payload]"},
		{"logger[length(@message) = 5]", "logger plain"},
		{"db:sql[matches(text(), '(?i)select')]", "sql"},
		{"db:sql[contains(., 'SELECT')]", "sql"},
		{"http:request[config()/http:request-connection/@protocol = 'HTTP']", "request /a"},
		{"http:request[config()//http:request-connection[ref(@tlsContext)/tls:trust-store/@insecure = 'true']]", "request /b"},
		{"db:select[not(config())]", "select Nowhere"},
		{"db:select[flow()/@name = 'orders'][config()]", "select Db"},
		{"tls:context[project(http:request-connection)[@tlsContext = current()/@name]]", "context Tls"},
		{"tls:context[count(project(http:request)) = 2]", "context Tls"},
		{"logger[ancestor::flow/@name = 'orders'][parent::when]", "logger plain"},
		{"logger[../@name = 'other']", "logger ${secure::secret}"},
		{"logger[following-sibling::db:select]", "logger #[payload]"},
		{"http:request[preceding-sibling::http:request]", "request /b"},
		{"http:request[1]", "request /a"},
		{"http:request[position() = last()]", "request /b"},
		{"flow[http:request[2]/@path = '/b']", "flow orders"},
		{"flow[.//logger[@message = 'plain']]", "flow orders"},
		{"flow[descendant::when]", "flow orders"},
		{"flow[(http:listener | db:select)/@config-ref = 'Listener']", "flow orders"},
		{"flow[//tls:trust-store]", "flow orders|flow other"},
		{"flow[/mule/tls:context]", "flow orders|flow other"},
		{"when | otherwise", "when #[true]|otherwise"},
		{"http:listener-config[@doc:name]", "listener-config Listener"},
		{"*[local-name() = 'encrypt' and namespace() = 'http://www.mulesoft.org/schema/mule/secure-properties']", "encrypt"},
		{"flow[major() = 4 and not(is-domain())][1]", "flow orders"},
		{"flow[ends-with(file-name(), 'app.xml')][2]", "flow other"},
		{"pom:project", ""},
	}
	for _, tt := range tests {
		if got := strings.Join(chosen(t, p, tt.selector), "|"); got != tt.want {
			t.Errorf("%s chooses\n%s, want\n%s", tt.selector, got, tt.want)
		}
	}
	t.Logf("%d selectors", len(tests))
}

func TestMistakes(t *testing.T) {
	tests := []struct {
		selector string
		offset   int
		problem  string
	}{
		{"", 0, "the name of an element is missing"},
		{"XYZ:select", 0, `the prefix "XYZ" is not known`},
		{"db:select[", 10, "a path is missing"},
		{"db:select[@a", 12, `"]" is missing`},
		{"db:select[@a]]", 13, "should end here"},
		{"db:select[nope(@a)]", 10, `no function is named "nope"`},
		{"db:select[literal('a')]", 10, "the argument of literal must be a path"},
		{"db:select[contains(@a)]", 10, "another number of arguments"},
		{"db:select[matches(@a, '(')]", 10, "missing closing )"},
		{"db:select[matches(@a, @b)]", 10, "must stand there as a text"},
		{"db:select[@a = 'b]", 15, "has no end"},
		{"db:select[@a = #]", 15, "has no meaning"},
		{"db:select[nowhere::flow]", 10, `no axis is named "nowhere"`},
		{"db:select/@a", 10, "the name of an element is missing"},
		{"db:select[count(@a)/b]", 21, "only behind elements"},
		{"a[" + strings.Repeat("(", 40), 31, "nest deeper"},
	}
	for _, tt := range tests {
		_, err := selector.Compile(tt.selector)
		var wrong *selector.Error
		if !errors.As(err, &wrong) {
			t.Errorf("%s: error %v, want one about its place", tt.selector, err)
			continue
		}
		if wrong.Offset != tt.offset || !strings.Contains(wrong.Problem, tt.problem) {
			t.Errorf("%s: %d %q, want %d %q", tt.selector, wrong.Offset, wrong.Problem, tt.offset, tt.problem)
		}
	}
	if _, err := selector.CompilePath("@a = 'b'"); err == nil || !strings.Contains(err.Error(), "must be a path") {
		t.Errorf("a condition as path: %v", err)
	}
}

func TestFind(t *testing.T) {
	p := project(t)
	flow := p.FlowNamed("orders").Element
	tests := []struct{ path, want string }{
		{"@name", "orders"},
		{"http:request/@path", "/a|/b"},
		{"http:request[2]/@path", "/b"},
		{".//db:sql/text()", "SELECT 1"},
		{".//db:sql", "SELECT 1"},
		{"http:request/config()/@name", ""},
		{"../flow[2]/@name", "other"},
	}
	for _, tt := range tests {
		path, err := selector.CompilePath(tt.path)
		if err != nil {
			if tt.want != "" {
				t.Errorf("%s: %v", tt.path, err)
			}
			continue
		}
		var got []string
		for _, item := range path.Find(selector.NewEnv(p), flow) {
			got = append(got, item.String())
		}
		if strings.Join(got, "|") != tt.want {
			t.Errorf("%s leads to %q, want %q", tt.path, got, tt.want)
		}
	}
}

// TestBounded holds that no selector can take long, whatever the document.
func TestBounded(t *testing.T) {
	deep := `<mule xmlns="http://www.mulesoft.org/schema/mule/core">` + strings.Repeat("<a>", 200) + strings.Repeat("<b/>", 5000) + strings.Repeat("</a>", 200) + `</mule>`
	p, err := mule.ReadFiles("deep", map[string]string{"src/main/mule/a.xml": deep, "mule-artifact.json": "{}"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := selector.Compile("a//a//a//b[//a[.//b[.//a or ../b[following-sibling::b[preceding-sibling::b[@x]]]]]]")
	if err != nil {
		t.Fatal(err)
	}
	env := selector.NewEnv(p)
	for _, f := range p.Configs {
		f.Document.Root.Walk(func(e *document.Element) bool { return !s.Matches(env, e) })
	}
	if !env.Exhausted {
		t.Error("the selector took fewer steps than it should for this test")
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{"a", "//a/b[@c = 'd']", "flow[project(x:y)[1]]", "a[matches(@b, '.')] | *:c", "a[config()/b//@*]", "a[1 < 2 or not(text())]"} {
		f.Add(s)
	}
	p, err := mule.ReadFiles("fuzz", map[string]string{"src/main/mule/a.xml": app, "mule-artifact.json": "{}"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := selector.Compile(text)
		if err != nil {
			var wrong *selector.Error
			if !errors.As(err, &wrong) || wrong.Offset < 0 || wrong.Offset > len(text) {
				t.Fatalf("error without place: %v", err)
			}
			return
		}
		env := selector.NewEnv(p)
		for _, file := range p.Configs {
			s.Matches(env, file.Document.Root.Elements()[0])
		}
	})
}
