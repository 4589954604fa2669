package taint

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/mule"
)

func wayOf(h *Hit) string {
	var b strings.Builder
	for i := range h.Way {
		s := &h.Way[i]
		fmt.Fprintf(&b, "%s:%d %s\n", s.At.File.Name[strings.LastIndexByte(s.At.File.Name, '/')+1:], lineOf(&s.At), s.Message)
	}
	return b.String()
}

func TestWay(t *testing.T) {
	r := analysed(t, projectCase{
		xml: listenerXML + `<set-variable doc:name="Name" variableName="name" value="#[attributes.queryParams.name]"/>` + "\n" +
			`<flow-ref name="find"/></flow>`,
		files: map[string]string{"src/main/mule/find.xml": "<sub-flow name=\"find\">\n" +
			"<set-payload value=\"#['SELECT * FROM t WHERE n = ' ++ vars.name]\"/>\n<flow-ref name=\"run\"/></sub-flow>\n" +
			"<sub-flow name=\"run\">\n<db:select doc:name=\"Find\">\n<db:sql>#[payload]</db:sql></db:select></sub-flow>"},
	})
	i := slices.IndexFunc(r.Hits, func(h Hit) bool { return h.Sink.Rule == "SQL" })
	if i < 0 {
		t.Fatal("no hit")
	}
	h := &r.Hits[i]
	want := `app.xml:1 attributes.queryParams.name comes from a client
app.xml:2 is kept in the variable name
app.xml:3 goes to the sub-flow find
find.xml:2 attributes.queryParams.name becomes part of a text
find.xml:2 becomes the payload
find.xml:3 goes to the sub-flow run
find.xml:6 is put into db:sql of db:select “Find”
`
	if got := wayOf(h); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if h.Entry == nil || h.Entry.Name != "main" || h.Sink.Rule != "SQL" || h.Source.What != "attributes.queryParams.name" {
		t.Errorf("entry %v, rule %s, source %s", h.Entry, h.Sink.Rule, h.Source.What)
	}
	for i := range h.Way {
		if h.Way[i].At.Flow == nil {
			t.Errorf("step %d is in no flow", i)
		}
	}
}

func TestReached(t *testing.T) {
	r := analysed(t, projectCase{xml: listenerXML + `<flow-ref name="a"/></flow><sub-flow name="a"><logger/></sub-flow><sub-flow name="b"><flow-ref name="c"/></sub-flow><flow name="c"><logger/></flow>`})
	var names []string
	for f := range r.Reached {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"a", "main"}) {
		t.Errorf("got %q", names)
	}
}

func TestDeclared(t *testing.T) {
	files := map[string]string{
		"pom.xml": `<project><groupId>g</groupId><artifactId>a</artifactId><version>1</version><packaging>mule-application</packaging></project>`,
		"src/main/mule/app.xml": muleHead + `<flow name="a"><scheduler/><acme:fetch target="x"/>` + "\n" +
			`<db:select target="r"><db:sql>SELECT 1 FROM t WHERE a='#[vars.fetched.name]'</db:sql></db:select>` + "\n" +
			`<acme:check value="#[vars.fetched.name]"/><db:select><db:sql>SELECT 1 FROM t WHERE a='#[vars.fetched.name]'</db:sql></db:select>` + "\n" +
			`<db:select><db:sql>#["SELECT 1 FROM t WHERE a=" ++ acme::safe::quote(vars.fetched.other)]</db:sql></db:select>` + "\n" +
			`<db:select><db:sql>#["SELECT 1 FROM t WHERE a=" ++ acme::safe::other(vars.fetched.other)]</db:sql></db:select></flow>` + muleTail,
	}
	p, err := mule.ReadFiles("a", files)
	if err != nil {
		t.Fatal(err)
	}
	d := declared()
	d.Origins = []*Origin{{Rule: "own", Elements: elements("acme-tools", "fetch"), Sets: []string{"vars.fetched"}, Label: Client}}
	d.Cleaners = []*Cleaner{{Elements: elements("acme-tools", "check"), Kind: SQL}, {Function: "acme::safe::quote", Kind: SQL}}
	r := Analyse(context.Background(), p, d, Options{})
	if got := outcomeOf(r, "SQL"); !slices.Equal(got, []string{"SQL 2", "SQL 5"}) {
		t.Errorf("got %q", got)
	}
}

// TestSteady runs an analysis twice: nothing of its result depends on the order of maps.
func TestSteady(t *testing.T) {
	p := ordinary(t)
	ways := func() (all []string) {
		r := Analyse(context.Background(), p, declared(), Options{})
		for i := range r.Hits {
			all = append(all, r.Hits[i].Sink.Rule+" "+r.Hits[i].Source.What+"\n"+wayOf(&r.Hits[i]))
		}
		return all
	}
	first := ways()
	for range 3 {
		if again := ways(); !reflect.DeepEqual(first, again) {
			t.Fatalf("got\n%s\nand\n%s", strings.Join(first, "\n"), strings.Join(again, "\n"))
		}
	}
}
