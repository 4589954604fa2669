package taint

const selectPayload = `<db:select config-ref="d"><db:sql>SELECT * FROM planet WHERE name = #[payload.name]</db:sql></db:select>`

var flowCases = []projectCase{
	{name: "embedded in literal text", xml: listenerXML + selectPayload + `</flow>`, want: []string{"SQL 2"}},
	{name: "whole expression", xml: listenerXML + `<db:select><db:sql><![CDATA[#["SELECT * FROM t WHERE a = '" ++ attributes.queryParams.a ++ "'"]]]></db:sql></db:select></flow>`, want: []string{"SQL 2"}},
	{name: "interpolated", xml: listenerXML + `<db:select><db:sql>#["SELECT * FROM t WHERE a = '$(attributes.queryParams.a)'"]</db:sql></db:select></flow>`, want: []string{"SQL 2"}},
	{name: "a table's name", xml: listenerXML + `<db:select><db:sql>#["SELECT * FROM $(attributes.queryParams.t) WHERE a = :a"]</db:sql><db:input-parameters>#[{a: payload.a}]</db:input-parameters></db:select></flow>`, want: []string{"TABLE 2"}},
	{name: "the payload as statement", xml: listenerXML + `<db:select><db:sql>#[payload]</db:sql></db:select></flow>`, want: []string{"TABLE 2"}},
	{name: "bound", xml: listenerXML + `<db:select><db:sql>SELECT * FROM t WHERE a = :a</db:sql><db:input-parameters><![CDATA[#[{a: attributes.queryParams.a}]]]></db:input-parameters></db:select></flow>`},
	{name: "constant", xml: listenerXML + `<set-payload value="x"/><db:select><db:sql>SELECT * FROM t WHERE a = '#[payload]'</db:sql></db:select></flow>`},
	{name: "set-payload", xml: listenerXML + `<set-payload value="#[{name: attributes.queryParams.n}]"/>` + "\n" + selectPayload + `</flow>`, want: []string{"SQL 3"}},
	{name: "another field", xml: listenerXML + `<set-payload value="#[{name: 'x', other: attributes.queryParams.n}]"/>` + "\n" + selectPayload + `</flow>`},
	{name: "set-variable", xml: listenerXML + `<set-variable variableName="q" value="#['SELECT * FROM t WHERE a = ' ++ payload.a]"/>` + "\n" + `<db:select><db:sql>#[vars.q]</db:sql></db:select></flow>`, want: []string{"SQL 3"}},
	{name: "another variable", xml: listenerXML + `<set-variable variableName="a" value="#[payload.a]"/><set-variable variableName="b" value="1"/><db:select><db:sql>#["SELECT 1 FROM t WHERE a = $(vars.b)"]</db:sql></db:select></flow>`},
	{name: "overwritten", xml: listenerXML + `<set-variable variableName="a" value="#[payload.a]"/><set-variable variableName="a" value="1"/><db:select><db:sql>#["SELECT 1 FROM t WHERE a = $(vars.a)"]</db:sql></db:select></flow>`},
	{name: "removed", xml: listenerXML + `<set-variable variableName="a" value="#[payload.a]"/><remove-variable variableName="a"/><db:select><db:sql>#["SELECT 1 FROM t WHERE a = $(vars.a)"]</db:sql></db:select></flow>`},
	{name: "transform", xml: listenerXML + `<ee:transform><ee:message><ee:set-payload><![CDATA[%dw 2.0
output application/json
---
{name: attributes.queryParams.n}]]></ee:set-payload></ee:message></ee:transform>` + "\n" + selectPayload + `</flow>`, want: []string{"SQL 6"}},
	{name: "transform reads the event as it came", xml: listenerXML + `<ee:transform><ee:message><ee:set-payload><![CDATA[%dw 2.0
---
{name: "x"}]]></ee:set-payload></ee:message><ee:variables><ee:set-variable variableName="n"><![CDATA[payload.name]]></ee:set-variable></ee:variables></ee:transform>` + "\n" + `<db:select><db:sql>#["SELECT 1 FROM t WHERE a = '$(vars.n)'"]</db:sql></db:select>` + "\n" + selectPayload + `</flow>`, want: []string{"SQL 5"}},
	{name: "transform of a file", xml: listenerXML + `<ee:transform><ee:message><ee:set-payload resource="dwl/a.dwl"/></ee:message></ee:transform>` + "\n" + selectPayload + `</flow>`, files: map[string]string{
		"src/main/resources/dwl/a.dwl": "%dw 2.0\noutput application/java\n---\n{name: attributes.queryParams.n}",
	}, want: []string{"SQL 3"}},
	{name: "a function of a module", xml: listenerXML + `<set-variable variableName="q" value="#[import modules::q
---
q::byName(payload.name)]"/>` + "\n" + `<db:select><db:sql>#[vars.q]</db:sql></db:select></flow>`, files: map[string]string{
		"src/main/resources/modules/q.dwl": "%dw 2.0\nfun byName(n) = \"SELECT * FROM t WHERE n = '\" ++ n ++ \"'\"",
	}, want: []string{"SQL 5"}},
	{name: "an operation replaces payload and attributes", xml: listenerXML + `<http:request config-ref="c" path="/a"/>` + selectPayload + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[attributes.queryParams.a]'</db:sql></db:select></flow>`},
	{name: "an operation with a target doesn't", xml: listenerXML + `<http:request config-ref="c" path="/a" target="r"/>` + selectPayload + `</flow>`, want: []string{"SQL 2"}},
	{name: "a target value", xml: listenerXML + `<vm:publish queueName="a"/><set-variable variableName="x" value="1"/><flow-ref name="s" target="x" targetValue="#[payload.name]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.x]'</db:sql></db:select></flow><sub-flow name="s"><logger/></sub-flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "properties", xml: `<global-property name="t" value="orders"/>` + listenerXML + `<db:select><db:sql>#["SELECT 1 FROM ${t} WHERE a = '" ++ p('x') ++ "' and b = '" ++ Mule::p('y') ++ "'"]</db:sql></db:select></flow>`},
	{name: "mule home", xml: listenerXML + `<file:read path="#[mule.home ++ '/a']"/><file:read path="${mule.home}/b"/></flow>`},
	{name: "a scheduler starts nothing", xml: `<flow name="a"><scheduler><scheduling-strategy><fixed-frequency/></scheduling-strategy></scheduler>` + selectPayload + `</flow>`},
	{name: "the fixed path of a listener", xml: `<flow name="a"><http:listener path="/a"/><file:read path="#[attributes.requestPath]"/></flow>`},
	{name: "the open path of a listener", xml: `<flow name="a"><http:listener path="/a/*"/>` + "\n" + `<file:read path="#[attributes.requestPath]"/></flow>`, want: []string{"FILE 2"}},
	{name: "arguments of a tool", xml: `<flow name="a"><mcp:tool-listener name="t"/>` + "\n" + `<http:request method="GET" url="#[payload.url]"/></flow>`, only: "URL", want: []string{"URL 2"}},
	{name: "a queue from outside", xml: `<flow name="a"><jms:listener destination="q"/>` + "\n" + selectPayload + `</flow>`, want: []string{"SQL 2"}},
	{name: "a file's name", xml: `<flow name="a"><sftp:listener directory="in"/>` + "\n" + `<file:write path="#['/data/' ++ attributes.fileName]"/></flow>`, want: []string{"FILE 2"}},
	{name: "nobody was seen to call", xml: `<sub-flow name="a">` + "\n" + selectPayload + `</sub-flow>`, want: []string{"?SQL 2"}, only: "SQL"},
	{name: "parse-template", xml: listenerXML + `<parse-template location="t.html"/>` + "\n</flow>", files: map[string]string{"src/main/resources/t.html": "<p>#[payload.name]</p>"}, only: "HTML", want: []string{"HTML 2"}},
}

var scopeCases = []projectCase{
	{name: "choice taken", xml: listenerXML + `<choice><when expression="#[payload.a == 1]"><set-variable variableName="n" value="#[payload.n]"/></when><otherwise><set-variable variableName="n" value="x"/></otherwise></choice>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></flow>`, want: []string{"SQL 3"}},
	{name: "conditions select constants", xml: listenerXML + `<choice><when expression="#[payload.a == 1]"><set-variable variableName="n" value="asc"/></when><otherwise><set-variable variableName="n" value="desc"/></otherwise></choice>` + "\n" + `<db:select><db:sql>#["SELECT 1 FROM t ORDER BY a $(vars.n)"]</db:sql></db:select></flow>`},
	{name: "choice without otherwise", xml: listenerXML + `<set-variable variableName="n" value="#[payload.n]"/><choice><when expression="#[vars.n == null]"><set-variable variableName="n" value="x"/></when></choice>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></flow>`, want: []string{"SQL 3"}},
	{name: "scatter-gather", xml: listenerXML + `<scatter-gather><route><set-payload value="x"/></route><route><set-payload value="#[payload.n]"/></route></scatter-gather>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[payload."0".payload]'</db:sql></db:select>` + "</flow>"},
	{name: "scatter-gather's other route", xml: listenerXML + `<scatter-gather><route><set-payload value="x"/></route><route><set-payload value="#[payload.n]"/></route></scatter-gather>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[payload."1".payload]'</db:sql></db:select>` + "</flow>", want: []string{"SQL 3"}},
	{name: "scatter-gather's variables", xml: listenerXML + `<scatter-gather><route><logger/></route><route><set-variable variableName="n" value="#[payload.n]"/></route></scatter-gather>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "first-successful", xml: listenerXML + `<first-successful><route><set-payload value="#[{name: 1}]"/></route><route><set-payload value="#[{name: payload.x}]"/></route></first-successful>` + "\n" + selectPayload + "</flow>", want: []string{"SQL 3"}},
	{name: "foreach", xml: listenerXML + `<foreach collection="#[payload.items]">` + "\n" + selectPayload + `</foreach></flow>`, want: []string{"SQL 3"}},
	{name: "foreach over constants", xml: listenerXML + `<foreach collection="#[[{name: 'a'}, {name: 'b'}]]">` + "\n" + selectPayload + `</foreach></flow>`},
	{name: "foreach restores the payload", xml: listenerXML + `<foreach collection="#[payload.items]"><set-payload value="x"/></foreach>` + "\n" + selectPayload + `</flow>`, want: []string{"SQL 3"}},
	{name: "foreach's second turn", xml: listenerXML + `<set-variable variableName="last" value="x"/><foreach collection="#[payload.items]">` + "\n" + `<db:select target="r"><db:sql>SELECT 1 FROM t WHERE a='#[vars.last]'</db:sql></db:select><set-variable variableName="last" value="#[payload.id]"/></foreach></flow>`, want: []string{"SQL 3"}},
	{name: "foreach's counter", xml: listenerXML + `<foreach collection="#[payload.items]"><db:select><db:sql>SELECT 1 FROM t WHERE a=#[vars.counter]</db:sql></db:select></foreach></flow>`},
	{name: "parallel-foreach", xml: listenerXML + `<parallel-foreach collection="#[payload.items]"><set-payload value="#[payload.id]"/></parallel-foreach>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[payload[0].payload]'</db:sql></db:select></flow>`, want: []string{"SQL 3"}},
	{name: "async gives nothing back", xml: listenerXML + `<set-variable variableName="n" value="x"/><async><set-variable variableName="n" value="#[payload.n]"/></async><db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></flow>`},
	{name: "async reads", xml: listenerXML + `<async>` + "\n" + selectPayload + `</async></flow>`, want: []string{"SQL 3"}},
	{name: "try", xml: listenerXML + `<try><set-variable variableName="n" value="#[payload.n]"/><error-handler><on-error-continue><set-variable variableName="n" value="x"/></on-error-continue></error-handler></try>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></flow>`, want: []string{"SQL 3"}},
	{name: "an error handler reads what was set before", xml: listenerXML + `<set-variable variableName="n" value="#[payload.n]"/><http:request path="/"/><error-handler><on-error-propagate>` + "\n" + `<db:insert><db:sql>INSERT INTO e VALUES ('#[vars.n]')</db:sql></db:insert></on-error-propagate></error-handler></flow>`, want: []string{"SQL 3"}},
	{name: "until-successful and cache", xml: listenerXML + `<until-successful><ee:cache>` + "\n" + selectPayload + `</ee:cache></until-successful></flow>`, want: []string{"SQL 3"}},
	{name: "batch", xml: listenerXML + `<batch:job jobName="j"><batch:process-records><batch:step name="s">` + "\n" + selectPayload + "\n" + `<batch:aggregator size="10"><foreach>` + selectPayload + `</foreach></batch:aggregator></batch:step></batch:process-records><batch:on-complete>` + selectPayload + `</batch:on-complete></batch:job></flow>`, want: []string{"SQL 3"}},
	{name: "the text of an error", xml: listenerXML + `<http:request path="/"/><error-handler><on-error-continue>` + "\n" + `<set-payload value="#[{message: error.description}]"/></on-error-continue></error-handler></flow>`, only: "LEAK", want: []string{"LEAK 3"}},
	{name: "the text of an error in the error response", xml: `<flow name="a"><http:listener path="/a"><http:error-response><http:body>` + "\n" + `#[error.description]</http:body></http:error-response></http:listener><http:request path="/"/></flow>`, only: "LEAK", want: []string{"LEAK 2"}},
	{name: "the text of a handler in the error response", xml: `<flow name="a"><http:listener path="/a"><http:error-response><http:body>` + "\n" + `#[payload]</http:body></http:error-response></http:listener><http:request path="/"/><error-handler><on-error-propagate>` + "\n" + `<set-payload value="#[error.detailedDescription]"/></on-error-propagate></error-handler></flow>`, only: "LEAK", want: []string{"LEAK 3"}},
	{name: "a constant for an error", xml: listenerXML + `<http:request path="/"/><error-handler><on-error-continue><set-payload value='#[{message: "sorry", id: correlationId, kind: error.errorType.identifier}]'/></on-error-continue></error-handler></flow>`, only: "LEAK"},
	{name: "an error of its own", xml: listenerXML + `<raise-error type="APP:BAD" description="no such order"/><error-handler><on-error-continue type="APP:BAD"><set-payload value="#[error.description]"/></on-error-continue></error-handler></flow>`, only: "LEAK"},
	{name: "behind a raised error nothing runs", xml: listenerXML + `<raise-error type="APP:BAD" description="x"/>` + selectPayload + `</flow>`},
	{name: "a global error handler", xml: `<error-handler name="g"><on-error-propagate type="ANY">` + "\n" + `<db:insert><db:sql>INSERT INTO e VALUES ('#[payload.n]')</db:sql></db:insert></on-error-propagate></error-handler>` + listenerXML + `<http:request path="/" target="x"/><error-handler ref="g"/></flow>`, want: []string{"SQL 2"}},
	{name: "the default error handler", xml: `<configuration defaultErrorHandler-ref="g"/><error-handler name="g"><on-error-propagate type="ANY">` + "\n" + `<db:insert><db:sql>INSERT INTO e VALUES ('#[payload.n]')</db:sql></db:insert></on-error-propagate></error-handler>` + listenerXML + `<http:request path="/" target="x"/></flow>`, want: []string{"SQL 2"}},
}

var callCases = []projectCase{
	{name: "flow-ref", xml: listenerXML + `<flow-ref name="s"/></flow><sub-flow name="s">` + "\n" + selectPayload + `</sub-flow>`, want: []string{"SQL 3"}},
	{name: "flow-ref to another file", xml: listenerXML + `<flow-ref name="s"/></flow>`, files: map[string]string{"src/main/mule/b.xml": `<sub-flow name="s">` + selectPayload + `</sub-flow>`}, want: []string{"SQL 1"}},
	{name: "constants through a flow of another file", xml: listenerXML + `<set-variable variableName="n" value="x"/><flow-ref name="s"/></flow>`, files: map[string]string{"src/main/mule/b.xml": `<sub-flow name="s"><db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></sub-flow>`}},
	{name: "flow-ref brings back", xml: listenerXML + `<flow-ref name="s"/>` + "\n" + selectPayload + `</flow><sub-flow name="s"><set-payload value="#[{name: attributes.queryParams.x}]"/></sub-flow>`, want: []string{"SQL 3"}},
	{name: "flow-ref brings back constants", xml: listenerXML + `<flow-ref name="s"/>` + "\n" + selectPayload + `</flow><sub-flow name="s"><set-payload value="#[{name: 'x'}]"/></sub-flow>`},
	{name: "flow-ref with a target keeps the payload", xml: listenerXML + `<flow-ref name="s" target="t"/>` + "\n" + selectPayload + `</flow><sub-flow name="s"><set-payload value="x"/></sub-flow>`, want: []string{"SQL 3"}},
	{name: "one caller clean, one not", xml: listenerXML + `<set-variable variableName="n" value="x"/><flow-ref name="s"/></flow><flow name="b"><http:listener path="/b"/><set-variable variableName="n" value="#[payload]"/><flow-ref name="s"/></flow><sub-flow name="s">` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></sub-flow>`, want: []string{"SQL 3"}},
	{name: "recursion", xml: listenerXML + `<flow-ref name="s"/></flow><flow name="s">` + "\n" + selectPayload + `<set-payload value="#[{name: payload.name ++ 'x'}]"/><choice><when expression="#[payload.more]"><flow-ref name="s"/></when></choice></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "a flow chosen by the request", xml: listenerXML + `<flow-ref name="#['do-' ++ payload.name]"/></flow><sub-flow name="do-a">` + "\n" + selectPayload + `</sub-flow><sub-flow name="x">` + selectPayload + `</sub-flow>`, want: []string{"FLOW 2", "SQL 3", "?SQL 3", "?TABLE 3"}},
	{name: "lookup", xml: listenerXML + `<set-payload value="#[lookup('s', payload)]"/></flow><flow name="s">` + "\n" + selectPayload + `</flow>`, want: []string{"SQL 3"}},
	{name: "vm", xml: listenerXML + `<vm:publish queueName="q"><vm:content>#[{name: payload.n}]</vm:content></vm:publish></flow><flow name="w"><vm:listener queueName="q"/>` + "\n" + selectPayload + `</flow>`, want: []string{"SQL 3"}},
	{name: "vm of constants", xml: listenerXML + `<vm:publish queueName="q"><vm:content>#[{name: 'n'}]</vm:content></vm:publish></flow><flow name="w"><vm:listener queueName="q"/>` + "\n" + selectPayload + `</flow>`},
	{name: "object store", xml: listenerXML + `<os:store key="k" objectStore="s"><os:value>#[payload.n]</os:value></os:store></flow><flow name="w"><scheduler/><os:retrieve key="k" objectStore="s"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[payload]'</db:sql></db:select></flow>`, want: []string{"SQL 3"}},
	{name: "another key", xml: listenerXML + `<os:store key="k" objectStore="s"><os:value>#[payload.n]</os:value></os:store></flow><flow name="w"><scheduler/><os:retrieve key="other" objectStore="s"/><db:select><db:sql>SELECT 1 FROM t WHERE a='#[payload]'</db:sql></db:select></flow>`},
	{name: "an operation of a module", xml: listenerXML + `<acme:find who="#[payload.n]"/></flow>`, files: map[string]string{"src/main/resources/module-acme.xml": `<?xml version="1.0"?><module name="acme-tools" xmlns="http://www.mulesoft.org/schema/mule/module" xmlns:db="http://www.mulesoft.org/schema/mule/db"><operation name="find"><parameters><parameter name="who" type="string"/></parameters><body>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.who]'</db:sql></db:select></body></operation></module>`}, want: []string{"SQL 2"}},
	{name: "java that starts processes", xml: listenerXML + `<java:invoke-static class="com.acme.Net" method="ping(String)">` + "\n" + `<java:args>#[{host: payload.host}]</java:args></java:invoke-static></flow>`, files: map[string]string{"src/main/java/com/acme/Net.java": "package com.acme;\npublic class Net {\n  public static String ping(String host) { return run(\"ping \" + host); }\n  static String run(String c) throws Exception { return new String(Runtime.getRuntime().exec(c).getInputStream().readAllBytes()); }\n  public static int len(String s) { return s.length(); }\n}"}, want: []string{"EXEC 3"}},
	{name: "java that doesn't", xml: listenerXML + `<java:invoke-static class="com.acme.Net" method="len(String)"><java:args>#[{host: payload.host}]</java:args></java:invoke-static></flow>`, files: map[string]string{"src/main/java/com/acme/Net.java": "package com.acme;\npublic class Net {\n  public static String ping(String host) throws Exception { new ProcessBuilder(host).start(); return null; }\n  public static int len(String s) { return s.length(); }\n}"}},
	{name: "java of a script", xml: listenerXML + `<set-payload value="#[java!com::acme::Net::ping(payload.host)]"/></flow>`, files: map[string]string{"src/main/java/com/acme/Net.java": "package com.acme;\npublic class Net {\n  public static String ping(String host) throws Exception { new ProcessBuilder(host).start(); return null; }\n}"}, want: []string{"EXEC 2"}},
}

var moreCallCases = []projectCase{
	{name: "soap router", xml: `<soapkit:config name="soap-config" wsdlLocation="a.wsdl"/><flow name="main"><http:listener path="/soap"/><soapkit:router config-ref="soap-config"/></flow><flow name="GetPlanet:\soap-config">` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[payload.body.name]'</db:sql></db:select></flow>`, want: []string{"SQL 2"}},
	{name: "mapped flows", xml: `<apikit:config name="c" api="a.raml"><apikit:flow-mappings><apikit:flow-mapping resource="/planets/{name}" action="get" flow-ref="planet"/></apikit:flow-mappings></apikit:config><flow name="main"><http:listener path="/*"/><apikit:router config-ref="c"/></flow><flow name="planet">` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[attributes.uriParams.name]'</db:sql></db:select></flow>`, want: []string{"SQL 2"}},
	{name: "the reply of a queue", xml: listenerXML + `<vm:publish-consume queueName="q"/>` + "\n" + selectPayload + `</flow><flow name="w"><vm:listener queueName="q"/><set-payload value="#[{name: 'x'}]"/></flow>`},
	{name: "the reply of a queue holds what was sent", xml: listenerXML + `<vm:publish-consume queueName="q"/>` + "\n" + selectPayload + `</flow><flow name="w"><vm:listener queueName="q"/><set-payload value="#[{name: payload.n}]"/></flow>`, want: []string{"SQL 3"}},
	{name: "a connector that is not known", xml: listenerXML + `<acme:get config-ref="a"/>` + selectPayload + `</flow>`},
	{name: "a logger that is not known", xml: listenerXML + `<acme:json-logger message="x"/>` + "\n" + selectPayload + `</flow>`, want: []string{"SQL 3"}},
	{name: "a scope that is not known", xml: listenerXML + `<acme:with-context><set-payload value="#[{name: payload.x}]"/>` + "\n" + selectPayload + `</acme:with-context></flow>`, want: []string{"SQL 3"}},
	{name: "from a variable of a queue to a store and on", xml: listenerXML + `<vm:publish queueName="q"/></flow><flow name="w"><vm:listener queueName="q"/><os:store key="k"><os:value>#[payload.n]</os:value></os:store></flow><flow name="z"><scheduler/><os:retrieve key="k" target="v"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.v]'</db:sql></db:select></flow>`, want: []string{"SQL 3"}},
	{name: "an error raised with what a client sent", xml: listenerXML + `<raise-error type="APP:X" description="#[payload.name]"/><error-handler><on-error-propagate>` + "\n" + `<db:insert><db:sql>INSERT INTO t VALUES ('#[error.description]')</db:sql></db:insert></on-error-propagate></error-handler></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "an error of a sub-flow", xml: listenerXML + `<flow-ref name="s"/><error-handler><on-error-propagate>` + "\n" + `<db:insert><db:sql>INSERT INTO t VALUES ('#[vars.n]')</db:sql></db:insert></on-error-propagate></error-handler></flow><sub-flow name="s"><set-variable variableName="n" value="#[payload.n]"/><http:request path="/"/></sub-flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "what a handler that goes on leaves", xml: listenerXML + `<try><set-payload value="#[{name: 'x'}]"/><http:request path="/" target="r"/><error-handler><on-error-continue><set-payload value="#[{name: vars.a default payload.name}]"/></on-error-continue></error-handler></try>` + "\n" + selectPayload + `</flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "batch execute", xml: listenerXML + `<batch:job jobName="j"><batch:process-records><batch:step name="a"><set-variable variableName="n" value="#[payload.n]"/></batch:step><batch:step name="b" acceptExpression="#[vars.n != null]">` + "\n" + `<db:insert><db:sql>INSERT INTO t VALUES ('#[vars.n]')</db:sql></db:insert></batch:step></batch:process-records></batch:job>` + selectPayload + `</flow>`, want: []string{"SQL 3"}},
}

var sinkCases = []projectCase{
	{name: "ssrf", xml: listenerXML + `<http:request method="GET" url="#[payload.url]"/></flow>`, want: []string{"URL 2"}, only: "URL"},
	{name: "a path behind a fixed host", xml: listenerXML + `<http:request method="GET" url="#['https://a.example/x/' ++ payload.id]"/></flow>`, only: "URL"},
	{name: "a path", xml: listenerXML + `<http:request path="#['/x/' ++ attributes.queryParams.id]"/></flow>`, want: []string{"PATH 2"}, only: "PATH"},
	{name: "a path parameter that is bound", xml: listenerXML + `<http:request path="/x/{id}"><http:uri-params>#[{id: payload.id}]</http:uri-params></http:request></flow>`, only: "PATH"},
	{name: "the host of a configuration", xml: `<http:request-config name="c">` + "\n" + `<http:request-connection host="#[vars.h]"/></http:request-config>` + listenerXML + `<set-variable variableName="h" value="#[payload.host]"/><http:request config-ref="c" path="/"/></flow>`, want: []string{"HOST 2"}, only: "HOST"},
	{name: "readUrl", xml: listenerXML + `<set-payload value="#[readUrl(payload.u, 'application/json')]"/></flow>`, want: []string{"READURL 2"}, only: "READURL"},
	{name: "dynamic evaluation", xml: listenerXML + `<ee:dynamic-evaluate expression="#[payload.script]"/></flow>`, want: []string{"EVAL 2"}, only: "EVAL"},
	{name: "soql", xml: listenerXML + `<salesforce:query><salesforce:salesforce-query><![CDATA[#["SELECT Id FROM Account WHERE Name = '" ++ payload.n ++ "'"]]]></salesforce:salesforce-query></salesforce:query></flow>`, want: []string{"SOQL 2"}},
	{name: "soql bound", xml: listenerXML + `<salesforce:query><salesforce:salesforce-query><![CDATA[SELECT Id FROM Account WHERE Name = ':n']]></salesforce:salesforce-query><salesforce:parameters>#[{n: payload.n}]</salesforce:parameters></salesforce:query></flow>`},
	{name: "soql put together in parts", xml: listenerXML + `<set-variable variableName="name" value="#[attributes.queryParams.name]"/>
<ee:transform><ee:variables><ee:set-variable variableName="where"><![CDATA[%dw 2.0
output application/java
---
([("Name = '" ++ vars.name ++ "'") if (vars.name != null), "Active = true"]) joinBy " AND "]]></ee:set-variable></ee:variables></ee:transform>
<salesforce:query><salesforce:salesforce-query>#["SELECT Id FROM Account WHERE $(vars.where)"]</salesforce:salesforce-query></salesforce:query></flow>`, want: []string{"SOQL 7"}},
	{name: "a redirect", xml: `<flow name="a"><http:listener path="/a"><http:response statusCode="302">` + "\n" + `<http:headers>#[{Location: vars.to}]</http:headers></http:response></http:listener><set-variable variableName="to" value="#[attributes.queryParams.to]"/></flow>`, want: []string{"REDIRECT 2"}, only: "REDIRECT"},
	{name: "another header", xml: `<flow name="a"><http:listener path="/a"><http:response statusCode="302"><http:headers>#[{Location: "/x", "X-Id": vars.to}]</http:headers></http:response></http:listener><set-variable variableName="to" value="#[attributes.queryParams.to]"/></flow>`, only: "REDIRECT"},
	{name: "html", xml: listenerXML + `<set-payload value="#['&lt;p&gt;' ++ payload.n]" mimeType="text/html"/></flow>`, want: []string{"HTML 2"}, only: "HTML"},
	{name: "json is no html", xml: listenerXML + `<set-payload value="#[{n: payload.n}]" mimeType="application/json"/></flow>`, only: "HTML"},
	{name: "what a backend answered", xml: listenerXML + `<http:request path="/a"/></flow>`, want: []string{"BACKEND 2"}, only: "BACKEND"},
	{name: "what a backend answered, mapped", xml: listenerXML + `<http:request path="/a"/><set-payload value="#[{id: payload.id}]"/></flow>`, only: "BACKEND"},
	{name: "a secret in the log", xml: listenerXML + `<logger message="#[attributes.headers.authorization]"/></flow>`, want: []string{"LOGSECRET 2"}, only: "LOGSECRET"},
	{name: "all headers in the log", xml: listenerXML + `<logger message="#[attributes.headers]"/></flow>`, want: []string{"LOGSECRET 2"}, only: "LOGSECRET"},
	{name: "a secure property in the log", xml: listenerXML + `<logger message="${secure::db.password}"/></flow>`, want: []string{"LOGSECRET 2"}, only: "LOGSECRET"},
	{name: "the payload in the log", xml: listenerXML + `<logger message="got #[payload]"/></flow>`, want: []string{"LOGWHOLE 2"}, only: "LOGWHOLE"},
	{name: "a field in the log", xml: listenerXML + `<logger message="got #[payload.id]"/></flow>`, only: "LOGWHOLE"},
	{name: "the payload in the log of those who look for mistakes", xml: listenerXML + `<logger level="DEBUG" message="#[payload]"/></flow>`, only: "LOGWHOLE"},
	{name: "a recipient", xml: listenerXML + `<email:send subject="a"><email:to-addresses>` + "\n" + `<email:to-address value="#[payload.to]"/></email:to-addresses></email:send></flow>`, want: []string{"MAIL 3"}, only: "MAIL"},
	{name: "the name of a header", xml: listenerXML + `<http:request path="/"><http:headers>#[{(payload.k): "x"}]</http:headers></http:request></flow>`, want: []string{"HEADER 2"}, only: "HEADER"},
	{name: "the value of a header", xml: listenerXML + `<http:request path="/"><http:headers>#[{k: payload.k}]</http:headers></http:request></flow>`, only: "HEADER"},
	{name: "the payload as a record", xml: listenerXML + `<salesforce:create type="A"><salesforce:records>#[payload]</salesforce:records></salesforce:create></flow>`, want: []string{"MASS 2"}, only: "MASS"},
	{name: "fields as a record", xml: listenerXML + `<salesforce:create type="A"><salesforce:records>#[[{Name: payload.n}]]</salesforce:records></salesforce:create></flow>`, only: "MASS"},
}

var cleanCases = []projectCase{
	{name: "a list of what is allowed", xml: listenerXML + `<choice><when expression="#[['a','b'] contains payload.name]">` + selectPayload + `</when></choice></flow>`},
	{name: "outside the list", xml: listenerXML + `<choice><when expression="#[['a','b'] contains payload.name]"><logger/></when><otherwise>` + "\n" + selectPayload + `</otherwise></choice></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "equal to a constant, in a variable", xml: listenerXML + `<set-variable variableName="n" value="#[payload.name]"/><choice><when expression="#[vars.n == 'a']">` + selectPayload + `</when></choice></flow>`},
	{name: "a pattern", xml: listenerXML + `<choice><when expression="#[payload.name matches /[a-z]+/]">` + selectPayload + `</when></choice></flow>`},
	{name: "another name", xml: listenerXML + `<choice><when expression="#[payload.other matches /[a-z]+/]">` + "\n" + selectPayload + `</when></choice></flow>`, want: []string{"SQL 3"}},
	{name: "refused unless allowed", xml: listenerXML + `<choice><when expression="#[not (['a','b'] contains payload.name)]"><raise-error type="APP:NO"/></when></choice>` + selectPayload + `</flow>`},
	{name: "validation:is-true", xml: listenerXML + `<validation:is-true expression="#[['a','b'] contains payload.name]"/>` + selectPayload + `</flow>`},
	{name: "validation:matches-regex", xml: listenerXML + `<validation:matches-regex value="#[payload.name]" regex="^[A-Za-z0-9]+$"/>` + selectPayload + `</flow>`},
	{name: "validation:matches-regex of anything", xml: listenerXML + `<validation:matches-regex value="#[payload.name]" regex="^.+$"/>` + "\n" + selectPayload + `</flow>`, want: []string{"SQL 3"}},
	{name: "validation:is-number", xml: listenerXML + `<validation:is-number value="#[payload.name]" numberType="INTEGER"/>` + selectPayload + `</flow>`},
	{name: "validation of an attribute copied before", xml: listenerXML + `<set-variable variableName="n" value="#[attributes.queryParams.n]"/><validation:is-number value="#[attributes.queryParams.n]" numberType="LONG"/><db:select><db:sql>SELECT 1 FROM t WHERE a=#[vars.n] AND b=#[attributes.queryParams.n]</db:sql></db:select></flow>`},
	{name: "validation:all", xml: listenerXML + `<validation:all><validation:is-number value="#[payload.name]"/></validation:all>` + selectPayload + `</flow>`},
	{name: "a number", xml: listenerXML + `<db:select><db:sql>#["SELECT 1 FROM t WHERE a = $(payload.a as Number)"]</db:sql></db:select></flow>`},
}

var realCases = []projectCase{
	{name: "conditions of constants", xml: listenerXML + `<ee:transform doc:name="Build"><ee:variables><ee:set-variable variableName="query"><![CDATA[%dw 2.0
output application/java
var conditions = [
  ("name = :name") if (attributes.queryParams.name?),
  ("kind = :kind") if (attributes.queryParams.kind?)
]
---
"SELECT * FROM planet" ++ (if (isEmpty(conditions)) "" else " WHERE " ++ (conditions joinBy " AND ")) ++ " ORDER BY name"]]></ee:set-variable></ee:variables></ee:transform>
<db:select config-ref="d"><db:sql><![CDATA[#[vars.query]]]></db:sql><db:input-parameters><![CDATA[#[{name: attributes.queryParams.name, kind: attributes.queryParams.kind}]]]></db:input-parameters></db:select></flow>`},
	{name: "placeholders for a list", xml: listenerXML + `<set-variable variableName="q" value="#['SELECT * FROM t WHERE id IN (' ++ ((payload.ids map ((id, i) -> ':id' ++ i)) joinBy ',') ++ ')']"/><db:select><db:sql>#[vars.q]</db:sql></db:select></flow>`},
	{name: "a column of a list", xml: listenerXML + `<set-variable variableName="sort" value="#[if (['name','age'] contains attributes.queryParams.sort) attributes.queryParams.sort else 'name']"/><db:select><db:sql>#["SELECT * FROM t ORDER BY $(vars.sort)"]</db:sql></db:select></flow>`},
	{name: "a column of a map", xml: listenerXML + `<set-variable variableName="sort" value="#[{name: 'NAME', age: 'AGE'}[attributes.queryParams.sort] default 'NAME']"/><db:select><db:sql>#["SELECT * FROM t ORDER BY $(vars.sort)"]</db:sql></db:select></flow>`},
	{name: "a page that is a number", xml: listenerXML + `<set-variable variableName="limit" value="#[(attributes.queryParams.limit default '10') as Number]"/><db:select><db:sql>#["SELECT * FROM t LIMIT $(vars.limit)"]</db:sql></db:select></flow>`},
	{name: "a value of a match", xml: listenerXML + `<set-variable variableName="o" value="#[attributes.queryParams.o match { case 'a' -> 'ASC' else -> 'DESC' }]"/><db:select><db:sql>#["SELECT * FROM t ORDER BY a $(vars.o)"]</db:sql></db:select></flow>`},
	{name: "rows into other rows", xml: listenerXML + `<db:select><db:sql>SELECT id FROM t</db:sql></db:select><foreach><db:update><db:sql>#["UPDATE t SET a = 1 WHERE id = $(payload.id)"]</db:sql></db:update></foreach></flow>`},
	{name: "a counter of a paged loop", xml: listenerXML + `<foreach collection="#[1 to 10]"><db:select><db:sql>#["SELECT * FROM t LIMIT 10 OFFSET $(payload * 10)"]</db:sql></db:select></foreach></flow>`},
	{name: "the path of a proxy that is escaped", xml: listenerXML + `<http:request config-ref="c" path="#['/orders/' ++ dw::core::URL::encodeURIComponent(attributes.queryParams.id)]"/></flow>`, only: "PATH"},
	{name: "a file's name of the time", xml: listenerXML + `<file:write path="#['/out/' ++ (now() as String {format: 'yyyyMMdd'}) ++ '-' ++ uuid() ++ '.json']"/></flow>`},
	{name: "a file's name without its folders", xml: listenerXML + `<file:write path="#['/out/' ++ ((attributes.queryParams.f splitBy '/')[-1])]"/></flow>`, only: "FILE"},
	{name: "a url of a property", xml: listenerXML + `<http:request method="GET" url="#[p('backend.url') ++ '/orders']"/></flow>`, only: "URL"},
	{name: "headers that go on", xml: listenerXML + `<set-variable variableName="cid" value="#[attributes.headers.'x-correlation-id' default correlationId]"/><http:request path="/a"><http:headers><![CDATA[#[{'x-correlation-id': vars.cid}]]]></http:headers></http:request></flow>`, only: "HEADER PATH URL"},
	{name: "a scheduler that reads a backend", xml: `<flow name="s"><scheduler/><http:request path="/a"/><foreach collection="#[payload.items]"><http:request path="#['/b/' ++ payload.id]"/></foreach></flow>`, only: "PATH"},
	{name: "soql of a scheduler", xml: `<flow name="s"><scheduler/><set-variable variableName="since" value="#[now() - |P1D|]"/><salesforce:query><salesforce:salesforce-query>#["SELECT Id FROM Account WHERE LastModifiedDate > " ++ (vars.since as String)]</salesforce:salesforce-query></salesforce:query></flow>`},
	{name: "escaped quotes", xml: listenerXML + `<db:select><db:sql>#["SELECT * FROM t WHERE a = '" ++ (payload.a replace "'" with "''") ++ "'"]</db:sql></db:select></flow>`},
}

var realHits = []projectCase{
	{name: "all payloads of a scatter-gather", xml: listenerXML + `<scatter-gather><route><set-payload value="#[{a: payload.x}]"/></route><route><set-payload value="y"/></route></scatter-gather>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[flatten(payload..payload)[0].a]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "a target's message", xml: listenerXML + `<flow-ref name="s" target="m" targetValue="#[message]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.m.attributes.queryParams.a]'</db:sql></db:select></flow><sub-flow name="s"><logger/></sub-flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "the message's attributes", xml: listenerXML + `<logger/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[message.attributes.queryParams.a]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "set-attributes", xml: listenerXML + `<ee:transform><ee:message><ee:set-attributes><![CDATA[{x: payload.n}]]></ee:set-attributes></ee:message></ee:transform>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[attributes.x]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "the root message of a loop", xml: listenerXML + `<foreach collection="#[[1,2]]"><set-variable variableName="r" value="#[vars.rootMessage.payload.n]"/></foreach>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.r]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "a part of the path", xml: listenerXML + `<set-variable variableName="p" value="#[attributes.requestPath[3 to -1]]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.p]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "all variables", xml: listenerXML + `<set-variable variableName="a" value="#[payload.n]"/><set-payload value="#[vars]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[payload.a]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "what was written as JSON", xml: listenerXML + `<set-payload value="#[write(payload, 'application/json')]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[payload]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "a reduced list", xml: listenerXML + `<set-variable variableName="ids" value="#[payload.ids reduce ((id, acc) -> acc ++ ',' ++ id)]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.ids]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "a list joined", xml: listenerXML + `<set-variable variableName="ids" value="#[payload.ids joinBy ',']"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.ids]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "a default", xml: listenerXML + `<set-variable variableName="n" value="#[vars.none default attributes.queryParams.n]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "a cookie", xml: listenerXML + `<set-variable variableName="n" value="#[attributes.headers.cookie]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "upper case", xml: listenerXML + `<set-variable variableName="n" value="#[upper(payload.n)]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "a header of another case", xml: listenerXML + `<set-variable variableName="n" value="#[attributes.headers['X-Name']]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "a text cast to a text", xml: listenerXML + `<set-variable variableName="n" value="#[payload.n as String]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "text of the request", xml: listenerXML + `<set-variable variableName="n" value="#[attributes.queryString]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "decoded", xml: listenerXML + `<set-variable variableName="n" value="#[dw::core::Binaries::fromBase64(payload.n) as String]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "an error handler that goes on keeps variables", xml: listenerXML + `<set-variable variableName="n" value="#[payload.n]"/><try><http:request path="/"/><error-handler><on-error-continue><logger/></on-error-continue></error-handler></try>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.n]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "parallel results flattened", xml: listenerXML + `<parallel-foreach collection="#[payload.items]"><set-payload value="#[payload.id]"/></parallel-foreach><set-payload value="#[payload.payload]"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[payload[0]]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "an XPath on the payload", xml: listenerXML + `<xml-module:xpath-extract xpath="/a/b"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[payload[0]]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "a script", xml: listenerXML + `<scripting:execute engine="groovy"><scripting:code>return payload</scripting:code></scripting:execute>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[payload]'</db:sql></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "the listener's path parameter", xml: `<flow name="a"><http:listener path="/a/{id}"/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[attributes.uriParams.id]'</db:sql></db:select></flow>`, want: []string{"SQL 2"}},
	{name: "two entries", xml: `<flow name="a"><http:listener path="/a"/><flow-ref name="s"/></flow><flow name="b"><http:listener path="/b"/><flow-ref name="s"/></flow><sub-flow name="s">` + "\n" + selectPayload + `</sub-flow>`, want: []string{"SQL 2"}},
	{name: "an operation's uri parameter by the scaffold", xml: `<apikit:config name="c" api="none.raml"/><flow name="main"><http:listener path="/api/*"/><apikit:router config-ref="c"/></flow><flow name="get:\users\(id):c"><ee:transform><ee:variables><ee:set-variable variableName="id">attributes.uriParams.'id'</ee:set-variable></ee:variables></ee:transform>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.id]'</db:sql></db:select></flow>`, want: []string{"SQL 2"}},
	{name: "a mail's subject", xml: `<flow name="a"><email:listener-imap/>` + "\n" + `<db:select><db:sql>SELECT 1 FROM t WHERE a='#[attributes.subject]'</db:sql></db:select></flow>`, want: []string{"SQL 2"}},
	{name: "lines of a file that was put there", xml: `<flow name="a"><sftp:listener directory="in"/><foreach>` + "\n" + `<db:insert><db:sql>#["INSERT INTO t VALUES ('$(payload.name)')"]</db:sql></db:insert></foreach></flow>`, want: []string{"SQL 2"}},
	{name: "a custom policy", xml: `<http-policy:proxy name="p" xmlns:http-policy="http://www.mulesoft.org/schema/mule/http-policy"><http-policy:source>` + "\n" + `<http:request method="GET" url="#[attributes.headers.'x-target']" target="t"/><http-policy:execute-next/></http-policy:source></http-policy:proxy>`, only: "URL", want: []string{"URL 2"}},
}
