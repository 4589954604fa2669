package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// namespaces are those of the connectors that the generated projects use.
const namespaces = `<mule xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:doc="http://www.mulesoft.org/schema/mule/documentation"
	xmlns:ee="http://www.mulesoft.org/schema/mule/ee/core" xmlns:http="http://www.mulesoft.org/schema/mule/http"
	xmlns:db="http://www.mulesoft.org/schema/mule/db" xmlns:tls="http://www.mulesoft.org/schema/mule/tls"
	xmlns:apikit="http://www.mulesoft.org/schema/mule/mule-apikit" xmlns:api-gateway="http://www.mulesoft.org/schema/mule/api-gateway"
	xmlns:secure-properties="http://www.mulesoft.org/schema/mule/secure-properties" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
`

// writeWorkspace writes applications as teams have them: of twenty Mule files and
// fifteen scripts each. Every tenth builds SQL of what its clients send.
func writeWorkspace(t testing.TB, dir string, applications int) {
	t.Helper()
	for i := range applications {
		app := filepath.Join(dir, fmt.Sprintf("app-%04d", i))
		for name, text := range application(i) {
			name = filepath.Join(app, name)
			if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func application(i int) map[string]string {
	const files, scripts = 17, 15
	out := map[string]string{
		"pom.xml":                                    fmt.Sprintf(pomText, i),
		"mule-artifact.json":                         `{"minMuleVersion": "4.9.0", "secureProperties": ["db.password"], "javaSpecificationVersions": ["17"]}`,
		"src/main/resources/config-dev.yaml":         "http:\n  port: \"8082\"\ndb:\n  host: localhost\n  user: app\n",
		"src/main/resources/config-prod.yaml":        "http:\n  port: \"8082\"\ndb:\n  host: db.example.com\n  user: app\n",
		"src/main/resources/secure-config-prod.yaml": "db:\n  password: \"![8mZ4kV0pQ2uX7rT1yB9cDw==]\"\n",
		"src/main/resources/log4j2.xml":              loggingText,
		"src/main/resources/api/api.raml":            ramlText(files),
		"src/main/mule/global.xml":                   namespaces + globalText + "</mule>\n",
		"src/main/mule/api.xml":                      namespaces + apiText + "</mule>\n",
		"src/main/mule/error.xml":                    namespaces + errorText + "</mule>\n",
	}
	for k := range scripts {
		out[fmt.Sprintf("src/main/resources/dwl/map%d.dwl", k)] = fmt.Sprintf(scriptText, k, k)
	}
	for k := range files {
		sql := fmt.Sprintf("SELECT id, name, total FROM orders%d WHERE customer = :customer", k)
		if i%10 == 0 && k == 3 {
			sql = `#["SELECT id, name, total FROM orders3 WHERE customer = '" ++ vars.customer ++ "'"]`
		}
		out[fmt.Sprintf("src/main/mule/orders%d.xml", k)] = namespaces + strings.ReplaceAll(fmt.Sprintf(flowText, sql), "KK", fmt.Sprint(k)) + "</mule>\n"
	}
	return out
}

func ramlText(resources int) string {
	var b strings.Builder
	b.WriteString("#%RAML 1.0\ntitle: Orders\nversion: v1\nbaseUri: https://api.example.com/api\n")
	for k := range resources {
		fmt.Fprintf(&b, "/orders%d:\n  get:\n    queryParameters:\n      customer: string\n    responses:\n      200:\n        body:\n          application/json:\n            example: []\n", k)
	}
	return b.String()
}

const (
	pomText = `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
	<modelVersion>4.0.0</modelVersion>
	<groupId>com.example</groupId>
	<artifactId>app-%04d</artifactId>
	<version>1.0.0</version>
	<packaging>mule-application</packaging>
	<properties><app.runtime>4.9.8</app.runtime></properties>
	<dependencies>
		<dependency><groupId>org.mule.connectors</groupId><artifactId>mule-http-connector</artifactId><version>1.10.3</version><classifier>mule-plugin</classifier></dependency>
		<dependency><groupId>org.mule.connectors</groupId><artifactId>mule-db-connector</artifactId><version>1.14.14</version><classifier>mule-plugin</classifier></dependency>
	</dependencies>
</project>
`
	loggingText = `<?xml version="1.0" encoding="utf-8"?>
<Configuration>
	<Appenders><RollingFile name="file" fileName="${sys:mule.home}/logs/app.log" filePattern="app-%i.log"><JsonLayout/></RollingFile></Appenders>
	<Loggers><AsyncRoot level="INFO"><AppenderRef ref="file"/></AsyncRoot></Loggers>
</Configuration>
`
	globalText = `	<configuration-properties file="config-${env}.yaml"/>
	<secure-properties:config name="secure" file="secure-config-${env}.yaml" key="${mule.key}"/>
	<api-gateway:autodiscovery apiId="${api.id}" flowRef="api-main"/>
	<tls:context name="tls"><tls:key-store type="pkcs12" path="${tls.path}" password="${secure::tls.password}"/></tls:context>
	<http:listener-config name="listener"><http:listener-connection protocol="HTTPS" host="0.0.0.0" port="${http.port}" tlsContext="tls"/></http:listener-config>
	<http:request-config name="backend" responseTimeout="10000"><http:request-connection protocol="HTTPS" host="${backend.host}" port="443"/></http:request-config>
	<db:config name="db"><db:my-sql-connection host="${db.host}" port="3306" user="${db.user}" password="${secure::db.password}" database="orders"/></db:config>
	<apikit:config name="api-config" api="api/api.raml" outboundHeadersMapName="outboundHeaders" httpStatusVarName="httpStatus"/>
`
	apiText = `	<flow name="api-main">
		<http:listener config-ref="listener" path="/api/*"><http:response statusCode="#[vars.httpStatus default 200]"/></http:listener>
		<apikit:router config-ref="api-config"/>
		<error-handler ref="errors"/>
	</flow>
`
	errorText = `	<error-handler name="errors">
		<on-error-propagate type="APIKIT:BAD_REQUEST"><set-payload value='#[output application/json --- {message: "Bad request"}]'/><set-variable variableName="httpStatus" value="400"/></on-error-propagate>
		<on-error-propagate type="ANY"><logger level="ERROR" message="#[error.errorType]"/><set-payload value='#[output application/json --- {message: "Internal error", correlationId: correlationId}]'/></on-error-propagate>
	</error-handler>
`
	scriptText = `%%dw 2.0
output application/json skipNullOn="everywhere"
import * from dw::core::Strings
var rate = 1.%d
fun total(items) = sum(items map ((item) -> (item.price default 0) * item.quantity))
---
payload map ((order, index) -> {
	id: order.id as String,
	name: capitalize(order.name default "unknown"),
	position: index + %d,
	total: total(order.items default []) * rate,
	(discount: order.discount) if (order.discount?),
	lines: order.items map { sku: $.sku, amount: $.quantity as Number }
})
`
	flowText = `	<flow name="get:\ordersKK:api-config">
		<set-variable variableName="customer" value="#[attributes.queryParams.customer]"/>
		<logger level="INFO" message="#['orders of ' ++ (correlationId default '')]"/>
		<flow-ref name="find-ordersKK"/>
		<choice>
			<when expression="#[isEmpty(payload)]"><set-variable variableName="httpStatus" value="404"/><set-payload value='#[output application/json --- {message: "none"}]'/></when>
			<otherwise><ee:transform><ee:message><ee:set-payload resource="dwl/map3.dwl"/></ee:message></ee:transform></otherwise>
		</choice>
	</flow>
	<sub-flow name="find-ordersKK">
		<db:select config-ref="db"><db:sql><![CDATA[%s]]></db:sql><db:input-parameters><![CDATA[#[{customer: vars.customer}]]]></db:input-parameters></db:select>
		<foreach><http:request method="GET" config-ref="backend" path="/items/{id}" target="item"><http:uri-params><![CDATA[#[{id: payload.id}]]]></http:uri-params></http:request></foreach>
		<ee:transform><ee:message><ee:set-payload><![CDATA[%%dw 2.0
output application/java
---
payload map { ($), seen: now() }]]></ee:set-payload></ee:message></ee:transform>
	</sub-flow>
	<flow name="refresh-ordersKK">
		<scheduler><scheduling-strategy><fixed-frequency frequency="60000"/></scheduling-strategy></scheduler>
		<until-successful maxRetries="3"><http:request method="GET" config-ref="backend" path="/refresh"/></until-successful>
		<async><logger level="DEBUG" message="refreshed"/></async>
	</flow>
`
)
