package check

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/mule"
)

// anyMule draws an element of Mule as nobody would write it.
func anyMule(t *rapid.T, b *strings.Builder, depth int) {
	names := []string{
		"flow", "sub-flow", "flow-ref", "choice", "when", "error-handler", "on-error-continue", "set-payload", "set-variable", "until-successful", "parallel-foreach",
		"reconnect-forever", "repeatable-in-memory-stream", "configuration", "http:listener", "http:listener-config", "http:listener-connection", "http:request",
		"http:request-config", "http:request-connection", "http:inbound-endpoint", "http:cors-interceptor", "http:origin", "http:public-resource", "tls:context",
		"tls:key-store", "tls:trust-store", "apikit:router", "apikit:console", "apikit:config", "gw:autodiscovery", "db:select", "db:sql", "db:connection-property",
		"db:generic-connection", "ee:cache", "ee:object-store-caching-strategy", "ee:transform", "ee:message", "ee:set-payload", "mcp:server-config", "mcp:tool-listener",
		"wsc:connection", "wsc:username-token-security-strategy", "email:smtp-connection", "email:properties", "email:property", "sftp:connection", "ftp:connection",
		"crypto:pgp-encrypt", "crypto:pgp-config", "crypto:calculate-checksum",
	}
	attributes := []string{
		"name", "config-ref", "host", "port", "protocol", "tlsContext", "insecure", "path", "url", "address", "basePath", "initialState", "flowRef", "apiId", "api",
		"enabledProtocols", "enabledCipherSuites", "key", "value", "maxRetries", "millisBetweenRetries", "frequency", "maxBufferSize", "bufferUnit", "collection",
		"cachingStrategy-ref", "keyGenerationExpression", "privateKeyring", "keystore", "listenerConfig", "variableName", "expression", "algorithm", "brokerUrl",
	}
	values := []string{
		"", "a", "main", "HTTPS", "HTTP", "${x}", "${x", "${loop}", "#[payload]", "#[", "true", "*", "/*", "http://", "http://[", "jdbc:x:useSSL=false", "0", "-1",
		"99999999999999999999", "TLSv1", "localhost", "tcp://", "#[randomInt(5)]", `get:\a:main`, "api/a.raml", "stopped", "error.description", "SELECT a FROM b",
		"#[{'Set-Cookie': 'a=b' ++ (payload)}]", "#[dw::Crypto::MD5(]", "#[{'Access-Control-Allow-Origin': '*'}]", "mail.smtp.starttls.enable",
	}
	name := rapid.SampledFrom(names).Draw(t, "name")
	b.WriteString("<" + name)
	for _, a := range rapid.SliceOfNDistinct(rapid.SampledFrom(attributes), 0, 5, rapid.ID[string]).Draw(t, "attributes") {
		b.WriteString(" " + a + `="` + rapid.SampledFrom(values).Draw(t, "value") + `"`)
	}
	b.WriteString(">")
	if rapid.Bool().Draw(t, "text") {
		b.WriteString(rapid.SampledFrom(values).Draw(t, "text"))
	}
	for range rapid.IntRange(0, max(0, 4-depth)).Draw(t, "children") {
		anyMule(t, b, depth+1)
	}
	b.WriteString("</" + name + ">")
}

// TestAnyProject: no check breaks off, whatever stands in a project, and each says
// the same when it is asked again; edits stay inside their files.
func TestAnyProject(t *testing.T) {
	checks := slices.Concat(transport(), cryptography(), configuration(), descriptions())
	const root = `<mule xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:http="http://www.mulesoft.org/schema/mule/http" xmlns:tls="http://www.mulesoft.org/schema/mule/tls" ` +
		`xmlns:apikit="http://www.mulesoft.org/schema/mule/mule-apikit" xmlns:gw="http://www.mulesoft.org/schema/mule/api-gateway" xmlns:db="http://www.mulesoft.org/schema/mule/db" ` +
		`xmlns:ee="http://www.mulesoft.org/schema/mule/ee/core" xmlns:mcp="http://www.mulesoft.org/schema/mule/mcp" xmlns:wsc="http://www.mulesoft.org/schema/mule/wsc" ` +
		`xmlns:email="http://www.mulesoft.org/schema/mule/email" xmlns:sftp="http://www.mulesoft.org/schema/mule/sftp" xmlns:ftp="http://www.mulesoft.org/schema/mule/ftp" ` +
		`xmlns:crypto="http://www.mulesoft.org/schema/mule/crypto">`
	reports := 0
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for range rapid.IntRange(1, 8).Draw(t, "elements") {
			anyMule(t, &b, 0)
		}
		p, err := mule.ReadFiles("any", map[string]string{
			"src/main/mule/app.xml": root + b.String() + "</mule>", "src/main/resources/api/a.raml": "#%RAML 1.0\ntitle: a\n/a:\n  get:\n",
			"src/main/resources/config-prod.properties": "x=HTTP\nloop=${loop}\n",
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range checks {
			var first, again []string
			for _, to := range []*[]string{&first, &again} {
				one.run(New(t.Context(), p, nil, nil, func(r Report) {
					reports++
					*to = append(*to, r.Message)
					if r.File == nil || r.Span.Start > r.Span.End || r.Span.End > len(r.File.Text) || r.Message == "" {
						t.Fatalf("%s: %+v", one.name, r)
					}
					if r.Repair == nil {
						return
					}
					for _, e := range r.Repair.Edits {
						if e.Span.Start < 0 || e.Span.Start > e.Span.End || e.Span.End > len(e.File.Text) {
							t.Fatalf("%s edits %+v", one.name, e)
						}
					}
				}))
			}
			if !slices.Equal(first, again) {
				t.Fatalf("%s says %q, then %q", one.name, first, again)
			}
		}
	})
	t.Logf("%d checks made %d reports", len(checks), reports)
	if reports < 500 {
		t.Errorf("only %d reports were made", reports)
	}
}
