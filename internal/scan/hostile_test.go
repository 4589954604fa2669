package scan

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

var hostileFull = flag.Bool("hostile", false, "play hostile projects in their full size")

// sized is a large number, made smaller unless projects are to have their full size.
func sized(n int) int {
	if *hostileFull {
		return n
	}
	return max(n/10, 300)
}

// hostile are projects made to hurt: each is to be judged by all rules within its
// bounds.
func hostile() []hostileProject {
	var out []hostileProject
	for _, of := range [][]hostileProject{hostileXML(), hostileScripts(), hostileFlows(), hostileFiles()} {
		out = append(out, of...)
	}
	return out
}

type hostileProject struct {
	name  string
	files map[string]string
	// exhausted says that following data must have met a bound; problem is told.
	exhausted bool
	problem   string
}

// body is an application with elements of these texts.
func body(parts ...string) map[string]string {
	return map[string]string{appFour: wrapped(4, strings.Join(parts, "")), artifactName: `{"minMuleVersion": "4.9.0"}`, pomName: pomText("4.9.0")}
}

// times are n texts that are made of their numbers.
func times(n int, of func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(of(i))
	}
	return b.String()
}

// listening is a flow that strangers start.
func listening(steps string) string {
	return `<http:listener-config name="l"><http:listener-connection host="0.0.0.0" port="8081"/></http:listener-config>
<db:config name="db"><db:my-sql-connection host="${db.host}" port="3306" user="u" password="${secure::p}" database="d"/></db:config>
<flow name="main"><http:listener config-ref="l" path="/a"/>` + steps + `</flow>
`
}

const injection = `<db:select config-ref="db"><db:sql><![CDATA[#["SELECT * FROM t WHERE a = '" ++ (vars.v0 default payload.a) ++ "'"]]]></db:sql></db:select>`

func hostileXML() []hostileProject {
	many := sized(20_000)
	return []hostileProject{
		{name: "deep elements", files: body(strings.Repeat("<async>", 1000), strings.Repeat("</async>", 1000)), problem: "MaxDepth"},
		{name: "deep steps", files: body(listening(strings.Repeat("<async>", 290) + injection + strings.Repeat("</async>", 290)))},
		{name: "wide", files: body(strings.Repeat(`<tls:context name="a"><tls:trust-store insecure="true"/></tls:context>`, many))},
		{name: "attributes", files: body("<logger " + times(many, func(i int) string { return fmt.Sprintf(`a%d="#[payload.a%d]" `, i, i) }) + "/>"), problem: "MaxAttributes"},
		{name: "long attribute", files: body(listening(`<logger message="` + strings.Repeat("a#[payload.a]", 18_000) + `"/>`))},
		{name: "long text", files: body(listening(`<set-payload value="` + strings.Repeat("password=hunter2 ", 14_000) + `"/>`))},
		{name: "comments", files: body(times(many, func(i int) string {
			return fmt.Sprintf(`<!-- farrier:ignore MS-TLS-03 reason %d --><tls:trust-store insecure="true"/>`, i)
		}))},
		{name: "names", files: body(times(many, func(i int) string {
			return fmt.Sprintf(`<flow name="f%d"/><configuration-properties file="c%d.yaml"/>`, i, i)
		}))},
		{name: "names twice", files: body(strings.Repeat(`<flow name="f"><logger message="a"/></flow><sub-flow name="f"/>`, many))},
		{name: "namespaces", files: map[string]string{appFour: `<mule xmlns="http://www.mulesoft.org/schema/mule/core">` +
			times(many, func(i int) string { return fmt.Sprintf(`<x%d:a xmlns:x%d="u%d"/>`, i, i, i) }) + "</mule>"}},
		{name: "entities", files: map[string]string{artifactName: "{}", appFour: `<!DOCTYPE mule [<!ENTITY a "aaaaaaaaaa">` +
			times(20, func(i int) string {
				return fmt.Sprintf(`<!ENTITY a%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&a%d;", i), 10))
			}) + `]><mule>&a20;</mule>`}, problem: "document type declarations are not accepted"},
		{name: "one long line", files: body(strings.Repeat(`<http:request-connection protocol="HTTP" host="a.example.com" port="80"/>`, many))},
		{name: "invalid UTF-8", files: body("<logger message=\"\xff\xfe\"/>"), problem: "UTF-8"},
		{name: "no end", files: map[string]string{appFour: strings.Repeat("<mule>", 200), artifactName: "{}"}, problem: "app.xml"},
	}
}

func hostileScripts() []hostileProject {
	many := sized(100_000)
	transform := func(script string) map[string]string {
		return body(listening(`<set-variable variableName="v0" value="#[payload.x]"/><ee:transform><ee:message><ee:set-payload><![CDATA[%dw 2.0
output application/java
` + script + `]]></ee:set-payload></ee:message></ee:transform>` + injection))
	}
	return []hostileProject{
		{name: "parentheses", files: transform("---\n" + strings.Repeat("(", many) + "payload" + strings.Repeat(")", many))},
		{name: "open parentheses", files: transform("---\n" + strings.Repeat("(", many))},
		{name: "objects", files: transform("---\n" + strings.Repeat("{a: ", many))},
		{name: "chain", files: transform("---\npayload.a" + strings.Repeat(` ++ payload.b`, many))},
		{name: "selectors", files: transform("---\npayload" + strings.Repeat(".a", many))},
		{name: "mapping", files: transform("---\npayload" + strings.Repeat(" map $", many/4))},
		{name: "conditions", files: transform("---\n" + strings.Repeat("if (payload.a) payload.b else ", many/4) + "1")},
		{name: "lambdas", files: transform("var f = (x) -> x\n" + times(500, func(i int) string {
			return fmt.Sprintf("fun f%d(x) = f%d(x) ++ f%d(x.a)\n", i, (i+1)%500, (i+7)%500)
		}) + "---\nf0(payload)")},
		{name: "lambdas in lambdas", files: transform("---\n" + times(200, func(i int) string { return fmt.Sprintf("((a%d) -> ", i) }) + "a0 ++ a1" + strings.Repeat(")(payload)", 200))},
		{name: "doubling", files: transform("var v0 = payload\n" + times(500, func(i int) string { return fmt.Sprintf("var v%d = v%d ++ v%d\n", i+1, i, i) }) + "---\nv500")},
		{name: "wide object", files: transform("---\n{" + times(many/4, func(i int) string { return fmt.Sprintf("a%d: payload.a%d, ", i, i) }) + "b: 1}")},
		{name: "cross product", files: transform("---\n" + times(12, func(i int) string { return fmt.Sprintf("payload flatMap ((x%d) -> ", i) }) + "{" + times(12, func(i int) string { return fmt.Sprintf("a%d: x%d, ", i, i) }) + "}" + strings.Repeat(")", 12))},
		{name: "interpolation", files: transform("---\n\"" + strings.Repeat("$(payload.a ++ 'b') ", sized(30_000)) + "\"")},
		{name: "regular expressions", files: transform("---\n" + strings.Repeat("payload.a replace /(a+)+$/ with ", 2_000) + "'a'")},
		{name: "matches", files: transform("---\npayload match {" + times(5_000, func(i int) string { return fmt.Sprintf("case x if (x.a%d == 1) -> x.b%d\n", i, i) }) + "else -> payload }")},
		{name: "problems", files: transform("---\n" + strings.Repeat("} ) ] @@ § ", sized(30_000)))},
		{name: "MEL", files: map[string]string{deployName: "a=b\n", appThree: wrapped(3, `<flow name="m"><http:listener config-ref="l" path="/"/><set-payload value="`+strings.Repeat("#[message.payload.a + ", 10_000)+`"/><db:select><db:dynamic-query>SELECT #[`+strings.Repeat("(", 50_000)+`]</db:dynamic-query></db:select></flow>`)}},
	}
}

func hostileFlows() []hostileProject {
	many, crowd := sized(5000), sized(300)/3
	flow := func(i int, steps string) string { return fmt.Sprintf("<flow name=\"f%d\">%s</flow>\n", i, steps) }
	ref := func(i int) string { return fmt.Sprintf(`<flow-ref name="f%d"/>`, i) }
	return []hostileProject{
		{name: "recursion", files: body(listening(ref(0)), flow(0, `<set-variable variableName="v0" value="#[vars.v0 ++ payload.a]"/>`+ref(0)+injection))},
		{name: "mutual recursion", files: body(listening(ref(0)), times(300, func(i int) string {
			return flow(i, fmt.Sprintf(`<set-variable variableName="v%d" value="#[payload.a%d]"/>`, i%7, i)+ref((i+1)%300)+ref((i*7+3)%300))
		}), flow(999, injection))},
		{name: "dynamic references", files: body(listening(`<flow-ref name="#[payload.name]"/>`), times(many/4, func(i int) string {
			return flow(i, `<flow-ref name="#['f' ++ payload.a]"/>`)
		}))},
		{name: "all call all", files: body(listening(ref(0)), times(crowd, func(i int) string {
			return flow(i, times(crowd, ref))
		}))},
		{name: "thousands of flows", files: body(listening(times(many, ref)), times(many, func(i int) string {
			return flow(i, ref(i*31%many)+ref(i*17%many)+ref(i*13%many)+injection)
		}))},
		{name: "a long chain", files: body(listening(ref(0)), times(many, func(i int) string { return flow(i, ref(i+1)) }), flow(many, injection)), exhausted: true},
		{name: "variables", files: body(listening(times(2*many, func(i int) string {
			return fmt.Sprintf(`<set-variable variableName="v%d" value="#[payload.a%d ++ vars.v%d]"/>`, i, i, max(0, i-1))
		}) + injection))},
		{name: "branches", files: body(listening(`<choice>` + times(2000, func(i int) string {
			return fmt.Sprintf(`<when expression="#[payload.k == %d]"><set-variable variableName="v%d" value="#[payload.a%d]"/></when>`, i, i%50, i)
		}) + `</choice>` + injection))},
		{name: "choices in a row", files: body(listening(times(300, func(i int) string {
			return fmt.Sprintf(`<choice><when expression="#[payload.a]"><set-variable variableName="v%d" value="#[payload.x]"/></when><otherwise><set-variable variableName="w%d" value="#[attributes.y]"/></otherwise></choice>`, i, i)
		}) + injection))},
		{name: "choices in choices", files: body(listening(strings.Repeat(`<choice><when expression="#[payload.a]"><set-payload value="#[payload.b]"/></when><otherwise><logger message="#[payload]"/>`, 90) + injection + strings.Repeat(`</otherwise></choice>`, 90)))},
		{name: "loops in loops", files: body(listening(strings.Repeat(`<foreach collection="#[payload.items]">`, 90) + `<set-variable variableName="v0" value="#[vars.v0 ++ payload]"/>` + injection + strings.Repeat(`</foreach>`, 90)))},
		{name: "queues", files: body(listening(`<vm:publish queueName="q0"/>`), times(crowd, func(i int) string {
			return fmt.Sprintf(`<flow name="q%d"><vm:listener queueName="q%d"/><vm:publish queueName="q%d"/><vm:publish queueName="q%d"/><set-variable variableName="v0" value="#[payload]"/>%s</flow>`, i, i, (i+1)%crowd, (i*3)%crowd, injection)
		}))},
		{name: "error handlers", files: body(`<error-handler name="e0" ref="e1"/><error-handler name="e1" ref="e0"/>`, listening(strings.Repeat("<try>", 90)+injection+strings.Repeat(`<error-handler ref="e0"/></try>`, 90)))},
		{name: "handlers in handlers", files: body(listening(strings.Repeat(`<try><db:select config-ref="db"><db:sql>SELECT 1</db:sql></db:select><error-handler><on-error-continue type="ANY"><logger message="#[error.description]"/>`, 70) + injection + strings.Repeat(`</on-error-continue><on-error-propagate><set-payload value="#[error]"/></on-error-propagate></error-handler></try>`, 70)))},
		{name: "scatter", files: body(listening(`<scatter-gather>` + times(1000, func(i int) string {
			return fmt.Sprintf(`<route><set-variable variableName="v%d" value="#[payload.a%d]"/></route>`, i, i)
		}) + `</scatter-gather>` + injection))},
		{name: "listeners", files: body(times(many/2, func(i int) string {
			return fmt.Sprintf(`<flow name="l%d"><http:listener config-ref="l" path="/a%d"/><set-variable variableName="v0" value="#[attributes.queryParams.a]"/><flow-ref name="main"/>%s</flow>`, i, i, injection)
		}), listening(injection))},
	}
}

func hostileFiles() []hostileProject {
	with := func(name, text string) map[string]string {
		out := body(listening(injection))
		out[name] = text
		return out
	}
	circle := with("src/main/resources/m/m0.dwl", "import * from m::m1\nfun f0(x) = f1(x)\n")
	for i := 1; i < 200; i++ {
		circle[fmt.Sprintf("src/main/resources/m/m%d.dwl", i)] = fmt.Sprintf("import * from m::m%d\nimport * from m::m%d\nfun f%d(x) = f%d(x) ++ f%d(x)\n", (i+1)%200, (i*7)%200, i, (i+1)%200, (i*7)%200)
	}
	circle[appFour] = wrapped(4, listening(`<set-payload value="#[import * from m::m0 --- f0(payload)]"/>`+injection))
	imports := with("src/main/mule/b.xml", wrapped(4, `<import file="app.xml"/><import file="b.xml"/><import file="../../../../etc/passwd"/>`))
	imports[appFour] = wrapped(4, `<import file="b.xml"/>`+listening(injection))
	many, files := body(listening(injection)), sized(2000)
	for i := range files {
		many[fmt.Sprintf("src/main/mule/f%d.xml", i)] = wrapped(4, fmt.Sprintf(`<flow name="f%d"><http:listener config-ref="l" path="/%d"/><flow-ref name="f%d"/></flow>`, i, i, (i+1)%files))
	}
	return []hostileProject{
		{name: "modules in a circle", files: circle},
		{name: "imports in a circle", files: imports},
		{name: "many files", files: many},
		{name: "properties of properties", files: with("src/main/resources/a.properties", times(5000, func(i int) string { return fmt.Sprintf("p%d=${p%d}${p%d}\n", i, (i+1)%5000, (i*7)%5000) }))},
		{name: "many properties", files: with("src/main/resources/a.properties", times(sized(100_000), func(i int) string { return fmt.Sprintf("a.password%d=x8Kp2v%d\n", i, i) }))},
		{name: "a long property", files: with("src/main/resources/a.properties", "password="+strings.Repeat("aB3$", 500_000))},
		{name: "YAML with aliases", files: with("src/main/resources/a.yaml", "a: &a [x,x,x,x,x,x,x,x,x]\n"+times(20, func(i int) string {
			return fmt.Sprintf("b%d: &b%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*b%d,", max(0, i-1)), 9), ","))
		}))},
		{name: "deep YAML", files: with("src/main/resources/a.yaml", strings.Repeat("[", 100_000))},
		{name: "deep JSON", files: with(artifactName, strings.Repeat(`{"a":`, 100_000))},
		{name: "Maven properties", files: with(pomName, `<project xmlns="http://maven.apache.org/POM/4.0.0"><artifactId>${a}</artifactId><version>${v0}</version><properties><a>${b}</a><b>${a}</b>`+
			times(100, func(i int) string { return fmt.Sprintf("<v%d>${v%d}${v%d}</v%d>", i, i+1, i+1, i) })+`</properties></project>`)},
		{name: "Maven dependencies", files: with(pomName, `<project xmlns="http://maven.apache.org/POM/4.0.0"><artifactId>a</artifactId><dependencies>`+
			times(sized(15_000), func(i int) string {
				return fmt.Sprintf("<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.14.%d</version></dependency>", i)
			})+`</dependencies></project>`)},
		{name: "Java", files: with("src/main/java/a/A.java", "package a; public class A {"+times(sized(20_000), func(i int) string { return fmt.Sprintf("String m%d(String a) { return m%d(a); }\n", i, i+1) }))},
		{name: "keys", files: with("src/main/resources/a.txt", strings.Repeat("-----BEGIN PRIVATE KEY-----\n", sized(100_000)))},
		{name: "long words", files: with("src/main/resources/a.json", `{"a": "`+strings.Repeat("sk_live_", 400_000)+`"}`)},
		{name: "RAML", files: with("src/main/resources/api/api.raml", "#%RAML 1.0\ntitle: a\ntypes:\n"+times(3000, func(i int) string { return fmt.Sprintf("  T%d: T%d | T%d\n", i, (i+1)%3000, (i+2)%3000) }))},
		{name: "suppressions in scripts", files: with("src/main/resources/a.dwl", strings.Repeat("// farrier:ignore MS-INJ-01 because of it\n", sized(50_000))+"1")},
		{name: "own settings", files: with(SettingsFile, strings.Repeat("a: &a [*a]\n", 1000)), problem: SettingsFile},
		{name: "own rules", files: with(SettingsFile, "version: 1\nrules-folder: rules\n"), problem: SettingsFile},
	}
}

// TestHostileProjects is played in full with
//
//	go test ./internal/scan -run TestHostileProjects -hostile
//
// Projects made to hurt end by their bounds, and what was left
// out is told. The time is a net only, under what a bound misses.
func TestHostileProjects(t *testing.T) {
	rules, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	cases := hostile()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			rep, err := Run(ctx, shops{c.files}, Options{Rules: rules, Experimental: true, Tests: true, Flows: true, Now: exampleTime()})
			if errors.Is(err, context.DeadlineExceeded) {
				t.Fatal("no bound ended it")
			}
			if err != nil {
				t.Fatal(err)
			}
			var told strings.Builder
			for _, p := range rep.Problems {
				fmt.Fprintf(&told, "%s:%d: %s\n", p.File, p.Line, p.Message)
				if strings.Contains(p.Message, "broke off") {
					t.Errorf("something broke off: %+v", p)
				}
			}
			if !strings.Contains(told.String(), c.problem) {
				t.Errorf("%q is not told in\n%s", c.problem, cut(told.String(), 2000))
			}
			if c.exhausted && !rep.Projects[0].Exhausted {
				t.Error("nothing says that data was not followed to its end")
			}
			t.Logf("%d findings, %d problems, exhausted %v", len(rep.Findings), len(rep.Problems), rep.Projects[0].Exhausted)
		})
	}
	t.Logf("%d projects", len(cases))
	if len(cases) < 60 {
		t.Errorf("only %d projects were played", len(cases))
	}
}
