package scan

import (
	"strings"
	"testing"
)

// FuzzScan judges whole projects by all rules: nothing breaks off, and nothing is
// told of what is not there.
func FuzzScan(f *testing.F) {
	rules, err := Builtin()
	if err != nil {
		f.Fatal(err)
	}
	for _, x := range rules.all {
		for _, e := range x.bad {
			main, script, properties := "", "", ""
			for _, name := range sortedKeys(e.files) {
				switch text := e.files[name]; {
				case name == appFour || name == appThree:
					main = text
				case strings.HasSuffix(name, ".dwl"):
					script = text
				case strings.HasSuffix(name, ".properties") || strings.HasSuffix(name, ".yaml"):
					properties = text
				}
			}
			f.Add(main, script, properties, e.major == 3)
		}
	}
	for _, c := range hostile() {
		if text := c.files[appFour]; len(text) < 4<<10 {
			f.Add(text, "", "", false)
		}
	}
	f.Fuzz(func(t *testing.T, main, script, properties string, three bool) {
		if len(main)+len(script)+len(properties) > 64<<10 {
			t.Skip("larger than need be")
		}
		files := map[string]string{
			appFour: main, artifactName: "{}", pomName: pomText("4.6.0"),
			"src/main/resources/dwl/a.dwl": script, "src/main/resources/a.properties": properties, "src/main/resources/a.yaml": properties,
		}
		if three {
			files = map[string]string{appThree: main, deployName: "a=b\n", pomName: pomText("3.9.5"), "src/main/resources/a.dwl": script, "src/main/resources/a.properties": properties}
		}
		rep, err := Run(t.Context(), shops{files}, Options{Rules: rules, Experimental: true, Tests: true, Flows: true, Now: exampleTime()})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range rep.Problems {
			if strings.Contains(p.Message, "broke off") {
				t.Errorf("%+v", p)
			}
		}
		for i := range rep.Findings {
			found := &rep.Findings[i]
			lines := strings.Count(files[strings.TrimPrefix(found.Location.File, "shop0/")], "\n") + 1
			if found.Location.Line > lines || found.Message == "" || found.Fingerprint == "" || len(found.Excerpt) > maxExcerpt {
				t.Errorf("%+v", found)
			}
			for _, step := range found.Way {
				if step.Location.File == "" || len(step.Excerpt) > maxExcerpt {
					t.Errorf("%+v of %+v", step, found)
				}
			}
		}
	})
}
