package taint

var mule3Cases = []projectCase{
	{name: "mule 3 dynamic query", xml: listenerXML + `<db:select config-ref="d"><db:dynamic-query><![CDATA[select * from t where a = '#[message.inboundProperties.'http.query.params'.a]']]></db:dynamic-query></db:select></flow>`, only: "SQL", want: []string{"SQL 2"}},
	{name: "mule 3 parameterized query", xml: listenerXML + `<db:select config-ref="d"><db:parameterized-query><![CDATA[select * from t where a = #[payload.a]]]></db:parameterized-query></db:select></flow>`, only: "SQL TABLE"},
	{name: "mule 3 variables", xml: listenerXML + `<set-variable variableName="a" value="#[payload.a]"/>` + "\n" + `<db:select config-ref="d"><db:dynamic-query><![CDATA[select * from t where a = '#[flowVars.a]']]></db:dynamic-query></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
	{name: "mule 3 catch", xml: listenerXML + `<http:request path="/"/><catch-exception-strategy>` + "\n" + `<set-payload value="#[exception.message]"/></catch-exception-strategy></flow>`, only: "LEAK", want: []string{"LEAK 3"}},
	{name: "mule 3 choice of strategies", xml: listenerXML + `<http:request path="/"/><choice-exception-strategy><catch-exception-strategy when="#[true]">` + "\n" + `<set-payload value="#[exception.message]"/></catch-exception-strategy></choice-exception-strategy></flow>`, only: "LEAK", want: []string{"LEAK 3"}},
	{name: "mule 3 transform", xml: listenerXML + `<dw:transform-message><dw:set-variable variableName="a"><![CDATA[%dw 1.0
%output application/java
---
payload.a]]></dw:set-variable></dw:transform-message>` + "\n" + `<db:select config-ref="d"><db:dynamic-query><![CDATA[select * from t where a = '#[flowVars.a]']]></db:dynamic-query></db:select></flow>`, only: "SQL", want: []string{"SQL 6"}},
	{name: "mule 3 enricher", xml: listenerXML + `<enricher target="#[flowVars.a]" source="#[payload.a]"><logger/></enricher>` + "\n" + `<db:select config-ref="d"><db:dynamic-query><![CDATA[select * from t where a = '#[flowVars.a]']]></db:dynamic-query></db:select></flow>`, only: "SQL", want: []string{"SQL 3"}},
}
