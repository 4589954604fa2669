package mule

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkReadFiles: a snippet of a rule.
func BenchmarkReadFiles(b *testing.B) {
	for b.Loop() {
		if _, err := ReadFiles("x", map[string]string{"src/main/mule/app.xml": muleRoot + `<flow name="f"><http:listener config-ref="c"/><db:select><db:sql>SELECT #[payload]</db:sql></db:select></flow></mule>`}); err != nil {
			b.Fatal(err)
		}
	}
}

// typical writes an application with some XML files and scripts.
func typical(t testing.TB, dir string, i, files, scripts int) {
	t.Helper()
	at := fmt.Sprintf("app%d/", i)
	write(t, dir, at+"pom.xml", strings.Replace(appPOM, "orders-api", fmt.Sprintf("orders-%d", i), 1))
	write(t, dir, at+"mule-artifact.json", `{"minMuleVersion": "4.6.0"}`)
	for k := range files {
		var body strings.Builder
		body.WriteString(muleRoot)
		for n := range 5 {
			fmt.Fprintf(&body, `<flow name="f%d-%d" doc:id="9f2a-%d"><http:listener doc:name="in" config-ref="c" path="/a/%d"/>
    <logger level="INFO" doc:name="log" message="#['got ' ++ payload.name default '']"/>
    <set-variable variableName="id" value="#[attributes.uriParams.id]" doc:name="id"/>
    <ee:transform doc:name="map"><ee:message><ee:set-payload resource="dwl/s%d.dwl"/></ee:message></ee:transform>
    <db:select config-ref="db"><db:sql>SELECT * FROM orders WHERE id = :id</db:sql><db:input-parameters><![CDATA[#[{id: vars.id}]]]></db:input-parameters></db:select>
    <choice><when expression="#[payload.total > 100]"><flow-ref name="f%d-1"/></when><otherwise><logger/></otherwise></choice>
    <error-handler><on-error-propagate type="ANY"><ee:transform><ee:message><ee:set-payload><![CDATA[%%dw 2.0
output application/json
---
{message: "failed", id: correlationId}]]></ee:set-payload></ee:message></ee:transform></on-error-propagate></error-handler></flow>
`, k, n, n, n, n, k)
		}
		body.WriteString("</mule>")
		write(t, dir, fmt.Sprintf("%ssrc/main/mule/m%d.xml", at, k), body.String())
	}
	for k := range scripts {
		write(t, dir, fmt.Sprintf("%ssrc/main/resources/dwl/s%d.dwl", at, k), `%dw 2.0
output application/json
import * from dw::core::Strings
var limit = 10
fun label(x) = upper(x.name default "") ++ " $(x.id)"
---
{
  orders: payload.orders map (order, i) -> {
    id: order.id as String {format: "000"},
    (note: order.note) if (order.note?),
    lines: (order.lines filter ($.amount > limit) orderBy $.sku) map label($),
    total: sum(order.lines.amount)
  }
}
`)
	}
}

// applications is how many TestSpeed reads.
var applications = flag.Int("applications", 20, "applications that TestSpeed reads")

// TestSpeed reads a workspace of many applications within its time and memory.
func TestSpeed(t *testing.T) {
	apps := *applications
	dir := t.TempDir()
	for i := range apps {
		typical(t, dir, i, 20, 15)
	}
	begin := time.Now()
	w := find(t, Limits{}, filepath.Join(dir))
	found := time.Since(begin)
	var group sync.WaitGroup
	next := make(chan int)
	for range 2 {
		group.Go(func() {
			for i := range next {
				p, err := w.Read(context.Background(), i)
				if err != nil || len(p.Flows) != 100 || len(p.Scripts) != 15 || len(p.Problems) > 0 {
					t.Errorf("%v %+v", err, p.Problems)
				}
			}
		})
	}
	for i := range w.Len() {
		next <- i
	}
	close(next)
	group.Wait()
	took := time.Since(begin)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	t.Logf("%d applications: found in %v, read in %v (%v for 1,000), %d MiB in all from the system", w.Len(), found, took, took*1000/time.Duration(apps), memory.Sys>>20)
	if w.Len() != apps || took > 60*time.Second {
		t.Errorf("%d applications in %v", w.Len(), took)
	}
}
