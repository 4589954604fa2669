package scan

import (
	"slices"
	"testing"
)

// TestOneCauseOneFinding: where several rules would tell of the same cause, the one
// that says most speaks, and the others only where it has nothing to say.
func TestOneCauseOneFinding(t *testing.T) {
	const listener = `<http:listener-config name="http"><http:listener-connection host="0.0.0.0" port="8081"/></http:listener-config>`
	const guarded = `<http:listener-config name="https"><http:listener-connection host="0.0.0.0" port="8082" protocol="HTTPS" tlsContext="TLS"/></http:listener-config>` +
		`<tls:context name="TLS"><tls:key-store path="${tls.path}" password="${tls.password}" keyPassword="${tls.password}"/></tls:context>`
	const api = `<apikit:config name="orders-config" api="api/orders.raml"/><flow name="orders-main">` +
		`<http:listener config-ref="https" path="/api/*"/><apikit:router config-ref="orders-config"/></flow>` +
		`<flow name="get:\orders:orders-config"><db:select config-ref="db" maxRows="5"><db:sql>SELECT id FROM orders</db:sql></db:select></flow>`
	const raml = "#%RAML 1.0\ntitle: Orders\n/orders:\n  get:\n    responses:\n      200:\n"
	const secured = "#%RAML 1.0\ntitle: Orders\nsecuritySchemes:\n  basic:\n    type: Basic Authentication\nsecuredBy: [basic]\n/orders:\n  get:\n    responses:\n      200:\n"
	with := func(app map[string]string, raml string) map[string]string {
		app["src/main/resources/api/orders.raml"] = raml
		return app
	}
	builtins, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name         string
		app          map[string]string
		says, silent []string
	}{
		{
			"a password over a listener without TLS",
			appOf(listener + `<flow name="a"><http:listener config-ref="http" path="/a"/><http:basic-security-filter realm="a"/><set-payload value="a"/></flow>`),
			[]string{"MS-AUT-02"},
			[]string{"MS-TLS-01", "MS-AUT-01"},
		},
		{
			"a listener without TLS",
			appOf(listener + `<flow name="a"><http:listener config-ref="http" path="/a"/><set-payload value="a"/></flow>`),
			[]string{"MS-TLS-01"},
			nil,
		},
		{
			"a password over a request without TLS",
			appOf(`<http:request-config name="crm"><http:request-connection host="crm.example.org" port="80"><http:authentication>` +
				`<http:basic-authentication username="${u}" password="${p}"/></http:authentication></http:request-connection></http:request-config>`),
			[]string{"MS-AUT-02"},
			[]string{"MS-TLS-07"},
		},
		{"an open API", with(appOf(guarded+api), raml), []string{"MS-AUT-01"}, []string{"MS-CFG-04", "MS-SPC-03"}},
		{"an open API that promises security", with(appOf(guarded+api), secured), []string{"MS-SPC-03"}, []string{"MS-CFG-04", "MS-AUT-01"}},
		{
			"an API beyond the gateway that looks at tokens itself",
			with(appOf(guarded+`<apikit:config name="orders-config" api="api/orders.raml"/><flow name="orders-main"><http:listener config-ref="https" path="/api/*"/>`+
				`<flow-ref name="validate-token"/><apikit:router config-ref="orders-config"/></flow>`), raml),
			[]string{"MS-CFG-04"},
			[]string{"MS-AUT-01"},
		},
		{
			"a payload in a log",
			appOf(guarded + `<flow name="a"><http:listener config-ref="https" path="/a"/><logger level="INFO" message="#[payload]"/></flow>`),
			[]string{"MS-LOG-01"},
			[]string{"MS-INJ-18", "MS-LOG-03"},
		},
		{
			"a script that starts processes",
			appOf(`<flow name="a"><scripting:execute engine="groovy"><scripting:code>return "df".execute().text</scripting:code></scripting:execute></flow>`),
			[]string{"MS-INJ-15"},
			[]string{"MS-INJ-14"},
		},
		{
			"a default password",
			appOf(`<jms:config name="j"><jms:active-mq-connection username="${u}" password="admin"/></jms:config>`),
			[]string{"MS-SEC-10"},
			[]string{"MS-SEC-01"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var rules []string
			for _, f := range scanned(t, Options{Rules: builtins}, shops{tt.app}).Findings {
				rules = append(rules, f.Rule)
			}
			for _, id := range tt.says {
				if !slices.Contains(rules, id) {
					t.Errorf("%s does not speak, only %v", id, rules)
				}
			}
			for _, id := range tt.silent {
				if slices.Contains(rules, id) {
					t.Errorf("%s says the same as %v", id, tt.says)
				}
			}
		})
	}
}
