package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/app"
	"farrier.dev/farrier/internal/finding/report"
)

// planted fills in secrets: each § is another one, which looks like what generators
// of passwords make.
func planted(text string, secrets *[]string) string {
	var b strings.Builder
	for i, part := range strings.Split(text, "§") {
		if i > 0 {
			n := len(*secrets)
			secret := fmt.Sprintf("Zq%dvR%dx8Kp%dLm", n*7919%97+1, n+100, n*104_729%9973)
			*secrets = append(*secrets, secret)
			b.WriteString(secret)
		}
		b.WriteString(part)
	}
	return b.String()
}

// secretFiles are files of a project as people write them, with § where a secret
// stands.
func secretFiles() map[string]string {
	return map[string]string{
		"mule-artifact.json":                `{"minMuleVersion": "4.3.0", "secureProperties": ["a"], "api.secret": "§"}`,
		"src/main/mule/global.xml":          namespaces + secretGlobals + "</mule>\n",
		"src/main/mule/flows.xml":           namespaces + secretFlows + "</mule>\n",
		"src/main/mule/line.xml":            namespaces + `<flow name="long"><http:listener config-ref="l" path="/b"/>` + strings.Repeat(`<logger level="INFO" message="a long line"/>`, 100) + `<http:request config-ref="r" method="GET" path="#['/a?client_secret=§&amp;x=' ++ attributes.queryParams.x]"/><db:select config-ref="db"><db:sql>#["SELECT * FROM t WHERE password = '§' AND a = '" ++ attributes.queryParams.a ++ "'"]</db:sql></db:select></flow></mule>`,
		"src/main/resources/dev.properties": "db.password=§\nsmtp.passwd = §\noauth.client_secret:§\napi-key=§\nmule.key=§\nurl=jdbc:mysql://h/d?user=a&password=§\nproxy=http://user:§@proxy.example.com:8080\n",
		"src/main/resources/dev.yaml":       "db:\n  password: \"§\"\n  user: app\naws:\n  secretKey: §\nkeystore: {password: '§', keyPassword: §}\n# password: §\n",
		"src/main/resources/log4j2.xml":     `<Configuration><Appenders><JDBC name="d"><DriverManager connectionString="jdbc:oracle:thin:scott/§@h:1521:d" password="§"/></JDBC><SMTP name="m" smtpPassword="§"/></Appenders></Configuration>`,
		"src/main/resources/dwl/a.dwl":      "%dw 2.0\noutput application/json\nvar apiKey = \"§\"\n---\n{password: \"§\", \"Authorization\": \"Basic \" ++ \"§\", a: payload.a}\n",
		"src/main/java/a/A.java":            "package a;\npublic class A {\n  private static final String PASSWORD = \"§\";\n  String token = \"§\";\n}\n",
		"src/main/resources/api/a.raml":     "#%RAML 1.0\ntitle: a\n/a:\n  get:\n    headers:\n      client_secret:\n        example: §\n",
		"src/main/resources/keys.json":      `{"client_id": "a", "client_secret": "§", "private_key": "§"}`,
		"pom.xml":                           secretPOM,
		"settings.xml":                      `<settings><servers><server><id>a</id><username>u</username><password>§</password></server></servers></settings>`,
		"Jenkinsfile":                       "pipeline { stages { stage('a') { steps { sh 'mvn deploy -Danypoint.password=§ -Dmule.key=§' } } } }\n",
		".env":                              "ANYPOINT_PASSWORD=§\nCLIENT_SECRET=§\n",
		"Dockerfile":                        "FROM a\nENV DB_PASSWORD=§\n",
	}
}

const (
	secretGlobals = `	<http:listener-config name="l"><http:listener-connection host="0.0.0.0" port="8081"/></http:listener-config>
	<http:request-config name="r"><http:request-connection protocol="HTTP" host="a.example.com"><http:authentication><http:basic-authentication username="u" password="§"/></http:authentication></http:request-connection>
		<http:default-headers><http:default-header key="Authorization" value="Bearer §"/><http:default-header key="client_secret" value="§"/></http:default-headers></http:request-config>
	<tls:context name="t"><tls:trust-store insecure="true" path="a.jks" password="§"/><tls:key-store type="jks" path="b.jks" keyPassword="§" password="§"/></tls:context>
	<db:config name="db"><db:generic-connection url="jdbc:mysql://h/d?user=a&amp;password=§" driverClassName="a" password="§" user="u"/></db:config>
	<secure-properties:config name="s" file="dev.properties" key="§"><secure-properties:encrypt algorithm="DES"/></secure-properties:config>
	<global-property name="db.password" value="§"/>
	<global-property name="b" value="${api.token:§}"/>
	<!-- password="§" -->
	<!-- farrier:ignore MS-TLS-03 password=§ -->
	<tls:context name="u"><tls:trust-store insecure="true" password="§"/></tls:context>
`
	secretFlows = `	<flow name="main">
		<http:listener config-ref="l" path="/a"/>
		<set-variable variableName="password" value="§"/>
		<set-variable variableName="q" value="#[{password: '§', a: attributes.queryParams.a}]"/>
		<logger level="INFO" message="#['password: §' ++ attributes.queryParams.a]"/>
		<http:request config-ref="r" method="GET" url="#['http://user:§@' ++ vars.q.a]"><http:headers>#[{"Authorization": "Basic §", "client_secret": "§"}]</http:headers></http:request>
		<db:select config-ref="db"><db:sql>#["SELECT * FROM t WHERE password = '§' AND a = '" ++ vars.q.a ++ "'"]</db:sql></db:select>
		<choice><when expression="#[attributes.headers.client_secret == '§']"><logger level="INFO" message="#[payload]"/></when></choice>
		<ee:transform><ee:message><ee:set-payload><![CDATA[%dw 2.0
output application/json
var secret = "§"
---
{ "apiKey": "§", x: readUrl("http://u:§@" ++ vars.q.a) }]]></ee:set-payload></ee:message></ee:transform>
	</flow>
`
	secretPOM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><groupId>a</groupId><artifactId>a</artifactId><version>1</version><packaging>mule-application</packaging>
<properties><app.runtime>4.3.0</app.runtime><db.password>§</db.password></properties>
<build><plugins><plugin><groupId>org.mule.tools.maven</groupId><artifactId>mule-maven-plugin</artifactId><configuration><cloudHubDeployment><username>u</username><password>§</password><properties><client_secret>§</client_secret></properties></cloudHubDeployment></configuration></plugin></plugins></build></project>
`
)

// TestReportsShowNoSecrets scans a project full of secrets and looks for them in
// reports of every format, the baseline and the bill of materials.
func TestReportsShowNoSecrets(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	var secrets []string
	for name, text := range secretFiles() {
		name = filepath.Join(dir, "app", name)
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(planted(text, &secrets)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	looked := 0
	look := func(name string, text []byte) {
		looked++
		for _, secret := range secrets {
			if at := bytes.Index(text, []byte(secret)); at >= 0 {
				t.Errorf("%s shows a secret: %s", name, text[max(0, at-160):min(len(text), at+60)])
			}
		}
	}
	for _, format := range report.Formats() {
		o := app.ScanOptions{Now: time.Date(2026, time.November, 15, 0, 0, 0, 0, time.UTC), Experimental: true, SBOM: filepath.Join(out, "bill.json")}
		o.Output.Format, o.Output.FailOn, o.Output.WriteBaseline = string(format), "high", filepath.Join(out, "baseline.json")
		var text bytes.Buffer
		if code, err := app.Scan(t.Context(), []string{dir}, o, &text); err != nil || code != app.ExitFindings {
			t.Fatalf("%s: exit code %d: %v", format, code, err)
		}
		look(string(format), text.Bytes())
		if format == report.JSON {
			var rep struct {
				Findings []struct{ Rule string }
			}
			if err := json.Unmarshal(text.Bytes(), &rep); err != nil || len(rep.Findings) < 50 {
				t.Errorf("%d findings: %v", len(rep.Findings), err)
			}
			t.Logf("%d findings", len(rep.Findings))
		}
	}
	for _, name := range []string{"bill.json", "baseline.json"} {
		text, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		look(name, text)
	}
	t.Logf("%d secrets looked for in %d reports", len(secrets), looked)
	if len(secrets) < 55 || looked != 7 {
		t.Errorf("%d secrets, %d reports", len(secrets), looked)
	}
}
