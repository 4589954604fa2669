package taint

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/mule"
)

// ordinary is an application of 20 files as people write them.
func ordinary(t testing.TB) *mule.Project {
	t.Helper()
	files := map[string]string{"pom.xml": `<project><groupId>g</groupId><artifactId>a</artifactId><version>1</version><packaging>mule-application</packaging></project>`}
	var main strings.Builder
	main.WriteString(`<apikit:config name="api-config" api="api/orders.raml"/><flow name="main"><http:listener path="/api/*"/><apikit:router config-ref="api-config"/><error-handler><on-error-propagate type="ANY"><set-payload value="#[error.description]"/></on-error-propagate></error-handler></flow>`)
	for i := range 20 {
		var b strings.Builder
		fmt.Fprintf(&b, `<flow name="get:\r%d\(id):api-config">`, i)
		for k := range 6 {
			fmt.Fprintf(&b, `<set-variable variableName="v%d" value="#[attributes.queryParams.q%d default attributes.uriParams.id]"/>`, k, k)
		}
		fmt.Fprintf(&b, `<choice><when expression="#[vars.v1 == 'a']"><flow-ref name="sub%d"/></when><otherwise><flow-ref name="sub%d"/></otherwise></choice>`, i, (i+1)%20)
		b.WriteString(`<ee:transform><ee:message><ee:set-payload><![CDATA[%dw 2.0
output application/json
---
payload map ((item, index) -> {
  id: item.id,
  name: item.name ++ " " ++ (item.first default ""),
  lines: item.lines filter ($.count > 0) map {sku: $.sku, price: $.price as Number, text: upper($.text)}
})]]></ee:set-payload></ee:message></ee:transform><logger message="#[payload]"/></flow>`)
		fmt.Fprintf(&b, `<sub-flow name="sub%d"><try><set-variable variableName="sql" value="#['SELECT * FROM t WHERE a = ' ++ vars.v%d]"/><db:select config-ref="d"><db:sql>#[vars.sql]</db:sql></db:select><foreach><http:request config-ref="c" path="#['/x/' ++ payload.id]" target="r"/></foreach><error-handler><on-error-continue><set-payload value="#[error.description]"/></on-error-continue></error-handler></try></sub-flow>`, i, i%6)
		files[fmt.Sprintf("src/main/mule/f%d.xml", i)] = muleHead + b.String() + muleTail
	}
	files["src/main/mule/main.xml"] = muleHead + main.String() + muleTail
	p, err := mule.ReadFiles("app", files)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOrdinary(t *testing.T) {
	p := ordinary(t)
	Analyse(context.Background(), p, declared(), Options{}) // expressions are parsed once
	start := time.Now()
	r := Analyse(context.Background(), p, declared(), Options{})
	took := time.Since(start)
	t.Logf("%v, %d hits, %d unknowns, %d flows reached", took, len(r.Hits), len(r.Unknowns), len(r.Reached))
	if r.Exhausted || len(r.Hits) < 40 || len(r.Reached) != 41 {
		t.Errorf("exhausted %v", r.Exhausted)
	}
}

func BenchmarkOrdinary(b *testing.B) {
	p := ordinary(b)
	for b.Loop() {
		Analyse(context.Background(), p, declared(), Options{})
	}
}

// TestFlowBounds runs projects that are made to take long: they end, and say so or not.
func TestFlowBounds(t *testing.T) {
	calls := func(n, each int) string {
		var b strings.Builder
		b.WriteString(listenerXML + `<flow-ref name="s0"/></flow>`)
		for i := range n {
			fmt.Fprintf(&b, `<flow name="s%d">`, i)
			for k := range each {
				fmt.Fprintf(&b, `<choice><when expression="#[payload.x%d]"><set-variable variableName="v%d_%d" value="#[(vars.v default '') ++ payload.a%d]"/></when></choice><flow-ref name="s%d"/>`, k, i, k, k, (i+1)%n)
			}
			b.WriteString(`</flow>`)
		}
		return b.String()
	}
	deep := strings.Repeat(`<try>`, 90) + selectPayload + strings.Repeat(`</try>`, 90)
	var growing strings.Builder
	growing.WriteString(listenerXML)
	for i := range 100 {
		fmt.Fprintf(&growing, `<set-variable variableName="v%d" value="#[vars ++ payload]"/><set-payload value="#[{a: payload, b: vars, c: payload ++ payload}]"/>`, i)
	}
	growing.WriteString(`</flow>`)
	cases := map[string]string{
		"doubling":          calls(30, 2),
		"ten each":          calls(12, 10),
		"calls itself":      calls(1, 5),
		"two each other":    calls(2, 3),
		"deep":              listenerXML + deep + `</flow>`,
		"growing":           growing.String(),
		"queue to itself":   listenerXML + `<vm:publish queueName="q"/></flow><flow name="q"><vm:listener queueName="q"/><set-payload value="#[{a: payload, (payload.n): 'x' ++ payload.t}]"/><vm:publish queueName="q"/></flow>`,
		"handler of itself": `<error-handler name="a" ref="b"/><error-handler name="b" ref="a"/>` + listenerXML + selectPayload + `<error-handler ref="a"/></flow>`,
		"no name":           listenerXML + `<flow-ref/><set-variable/><remove-variable/><flow-ref name=""/><os:store/><vm:publish/><java:invoke/><batch:job/><foreach/><choice><when/></choice><ee:transform><ee:variables><ee:set-variable/></ee:variables></ee:transform><apikit:router/><parse-template/><db:select/><validation:is-true/><try/><scatter-gather/></flow>`,
	}
	for name, xml := range cases {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			r := analysed(t, projectCase{xml: xml})
			t.Logf("%v, exhausted %v", time.Since(start), r.Exhausted)
			if took := time.Since(start); took > time.Minute {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := ordinary(t)
	if r := Analyse(ctx, p, declared(), Options{}); !r.Exhausted {
		t.Error("an analysis that was ended says that it is whole")
	}
	if r := Analyse(context.Background(), p, declared(), Options{MaxSteps: 50}); !r.Exhausted {
		t.Error("an analysis without steps says that it is whole")
	}
	if r := Analyse(context.Background(), p, nil, Options{}); len(r.Hits) > 0 || len(r.Reached) != 41 {
		t.Errorf("without declarations: %d hits, %d flows", len(r.Hits), len(r.Reached))
	}
}
