package check

import (
	"context"
	"testing"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

const muleRoot = `<mule xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:http="http://www.mulesoft.org/schema/mule/http" ` +
	`xmlns:tls="http://www.mulesoft.org/schema/mule/tls" xmlns:ee="http://www.mulesoft.org/schema/mule/ee/core">`

// reportsOf are what a check says of a project.
func reportsOf(t *testing.T, run Func, p *mule.Project) []Report {
	t.Helper()
	var out []Report
	run(New(t.Context(), p, nil, nil, func(r Report) { out = append(out, r) }))
	return out
}

func projectOf(t *testing.T, files map[string]string) *mule.Project {
	t.Helper()
	p, err := mule.ReadFiles("orders", files)
	if err != nil || len(p.Problems) > 0 {
		t.Fatal(err, p.Problems)
	}
	return p
}

func deployment(what string) string {
	return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>g</groupId><artifactId>orders</artifactId>` +
		`<version>1.0.0</version><packaging>mule-application</packaging><build><plugins><plugin><groupId>org.mule.tools.maven</groupId>` +
		`<artifactId>mule-maven-plugin</artifactId><version>4.3.0</version><configuration>` + what + `</configuration></plugin></plugins></build></project>`
}

// TestListenerRisk: how bad a listener without TLS is depends on who can reach it.
func TestListenerRisk(t *testing.T) {
	const (
		ingress = `<cloudhub2Deployment><target>eu</target><muleVersion>4.9.0</muleVersion><environment>Production</environment></cloudhub2Deployment>`
		fabric  = `<runtimeFabricDeployment><target>rtf</target><muleVersion>4.9.0</muleVersion></runtimeFabricDeployment>`
		cloud   = `<cloudHubDeployment><muleVersion>4.9.0</muleVersion><environment>Production</environment></cloudHubDeployment>`
		sandbox = `<cloudHubDeployment><muleVersion>4.9.0</muleVersion><environment>Sandbox</environment></cloudHubDeployment>`
	)
	tests := []struct {
		name, host, port, protocol, pom, properties string
		unused                                      bool
		want                                        finding.Severity
	}{
		{"nothing is known", "0.0.0.0", "8081", "", "", "", false, finding.Medium},
		{"production has properties", "0.0.0.0", "8081", "", "", "config-prod.yaml", false, finding.Medium},
		{"production has properties, on CloudHub", "0.0.0.0", "8081", "", sandbox, "config-prod.yaml", false, finding.High},
		{"deployed to production", "0.0.0.0", "${http.port}", "", cloud, "", false, finding.High},
		{"deployed to a sandbox", "0.0.0.0", "${http.port}", "", sandbox, "", false, finding.Medium},
		{"behind the balancer of CloudHub", "0.0.0.0", "${http.private.port}", "", cloud, "", false, finding.Info},
		{"behind the balancer by number", "0.0.0.0", "8091", "", cloud, "", false, finding.Info},
		{"that number elsewhere", "0.0.0.0", "8091", "", "", "", false, finding.Medium},
		{"behind the ingress", "0.0.0.0", "${http.port}", "", ingress, "config-prod.yaml", false, finding.Info},
		{"behind the ingress of a fabric", "0.0.0.0", "8081", "", fabric, "", false, finding.Info},
		{"another port of the platform", "0.0.0.0", "9090", "", ingress, "", false, finding.Medium},
		{"for this machine only", "localhost", "8081", "HTTP", cloud, "", false, finding.Info},
		{"used by nothing", "0.0.0.0", "8081", "", cloud, "", true, finding.Low},
		{"HTTPS", "0.0.0.0", "8443", "HTTPS", cloud, "", false, 0},
		{"HTTPS by property", "0.0.0.0", "8443", "${protocol}", "", "config-prod.yaml", false, 0},
		{"an unknown property", "0.0.0.0", "8443", "${other.protocol}", "", "config-prod.yaml", false, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			protocol, flow := "", `<flow name="main"><http:listener config-ref="in" path="/api/*"/><logger/></flow>`
			if test.protocol != "" {
				protocol = ` protocol="` + test.protocol + `"`
			}
			if test.unused {
				flow = ""
			}
			files := map[string]string{"src/main/mule/app.xml": muleRoot + `<configuration-properties file="config-${env}.yaml"/>` +
				`<http:listener-config name="in"><http:listener-connection host="` + test.host + `" port="` + test.port + `"` + protocol + `/></http:listener-config>` + flow + `</mule>`}
			if test.pom != "" {
				files["pom.xml"] = deployment(test.pom)
			}
			if test.properties != "" {
				files["src/main/resources/"+test.properties] = "protocol: HTTPS\n"
				files["src/main/resources/config-dev.yaml"] = "protocol: HTTP\n"
			}
			got := reportsOf(t, plainHTTPListener, projectOf(t, files))
			switch {
			case test.want == 0 && test.protocol == "${protocol}":
				if len(got) != 1 || got[0].Severity != finding.Low {
					t.Errorf("development alone is served without TLS: %+v", got)
				}
			case test.want == 0 && len(got) > 0, test.want != 0 && len(got) != 1:
				t.Fatalf("%d reports: %+v", len(got), got)
			case test.want != 0 && got[0].Severity != test.want:
				t.Errorf("%v: %s, want %v", got[0].Severity, got[0].Message, test.want)
			}
		})
	}
	t.Logf("played %d listeners", len(tests))
}

// TestDomainWeakness: what the domain does wrong is told in the application that
// uses it, and only there.
func TestDomainWeakness(t *testing.T) {
	domain := projectOf(t, map[string]string{"src/main/mule/mule-domain-config.xml": `<domain:mule-domain xmlns:domain="http://www.mulesoft.org/schema/mule/ee/domain" ` + muleRoot[len("<mule "):] +
		`<tls:context name="trusting"><tls:trust-store path="t.jks" insecure="true"/></tls:context>` +
		`<http:request-config name="out"><http:request-connection protocol="HTTPS" host="b.example.com" port="443" tlsContext="trusting"/></http:request-config>` +
		`<http:request-config name="clear"><http:request-connection host="b.example.com" port="80"/></http:request-config></domain:mule-domain>`})
	for _, test := range []struct {
		name, app string
		want      []finding.Severity
	}{
		{"the context of a configuration that is used", `<flow name="a"><http:request config-ref="out" path="/"/></flow>`, []finding.Severity{finding.High}},
		{"a configuration", `<flow name="a"><http:request config-ref="clear" path="/"/></flow>`, []finding.Severity{finding.Medium}},
		{"none", `<flow name="a"><logger message="out"/></flow>`, nil},
		{"one of its own by the same name", `<http:request-config name="clear"><http:request-connection protocol="HTTPS" host="b.example.com" port="443"/></http:request-config>` +
			`<flow name="a"><http:request config-ref="clear" path="/"/></flow>`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := projectOf(t, map[string]string{"src/main/mule/app.xml": muleRoot + test.app + `</mule>`})
			p.Shared = domain
			got := reportsOf(t, domainWeakness, p)
			if len(got) != len(test.want) {
				t.Fatalf("%d reports: %+v", len(got), got)
			}
			for i, r := range got {
				if r.Severity != test.want[i] || r.File.Name != "src/main/mule/app.xml" {
					t.Errorf("%v in %s: %s", r.Severity, r.File.Name, r.Message)
				}
			}
		})
	}
}

// TestEnded: checks end when nobody waits for them any more.
func TestEnded(t *testing.T) {
	p := projectOf(t, map[string]string{"src/main/mule/app.xml": muleRoot + `<tls:context name="c"><tls:trust-store insecure="true"/></tls:context></mule>`})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	certificateChecksOff(New(ctx, p, nil, nil, func(r Report) { t.Errorf("%s", r.Message) }))
}

func TestHostOf(t *testing.T) {
	for address, want := range map[string]string{
		"http://a.example:80/x": "a.example", "tcp://u:p@b:1": "b", "http://[::1]:8": "[::1]", "ldap://c": "c", "none": "", "http://": "", "http://[": "[]",
		"jdbc:sqlserver://db:1433;encrypt=true": "db", "http://d?x=@e": "d",
	} {
		if got := hostOf(address); got != want {
			t.Errorf("the host of %s is %q, want %q", address, got, want)
		}
	}
}

func TestSecretWords(t *testing.T) {
	for name, want := range map[string]bool{
		"token": true, "sessionToken": true, "OTP": true, "otp_code": false, "verificationCode": true, "userPassword": true, "apiKey": true, "X-Session-Id": true,
		"tokenCount": false, "delay": false, "pinned": false, "spin": false, "code": false, "passwordLength": false,
	} {
		if got := isSecretWord(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
