package mule

import (
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestEntries: the format of java.util.Properties, and where values stand.
func TestEntries(t *testing.T) {
	const text = "# note\n! note\\\n\n  a = b c \r\nd\\:e:f\ng h\\\n   i\\u0041\\n\n\\u0041=\\\n  x\nempty\nurl=jdbc:a=b\nlatin=\xe9\n"
	want := []struct{ name, value, raw string }{
		{"a", "b c ", "b c "},
		{"d:e", "f", "f"},
		{"g", "hiA\n", "h\\\n   i\\u0041\\n"},
		{"A", "x", "x"},
		{"empty", "", ""},
		{"url", "jdbc:a=b", "jdbc:a=b"},
		{"latin", "é", "\xe9"},
	}
	got, all := readEntries([]byte(text))
	if len(got) != len(want) || !all {
		t.Fatalf("%+v", got)
	}
	for i, w := range want {
		if g := got[i]; g.name != w.name || g.value != w.value || text[g.start:g.end] != w.raw {
			t.Errorf("%+v stands at %q, want %+v", g, text[g.start:g.end], w)
		}
	}
}

const propertyApp = `<mule xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:secure-properties="http://www.mulesoft.org/schema/mule/secure-properties">
  <global-property name="env" value="dev"/>
  <configuration-properties file="config/config-${env}.yaml"/>
  <configuration-properties file="common.properties"/>
  <secure-properties:config name="s" file="secure-${mule.env}.properties" key="${mule.key}"/>
</mule>`

func propertyProject(t *testing.T, files map[string]string) *Project {
	t.Helper()
	p := &Project{Major: 4, Files: map[string]*File{}, Configs: []*XMLFile{xmlFile(t, "src/main/mule/app.xml", propertyApp)}}
	for name, text := range files {
		class, _ := strings.CutPrefix(name, "src/main/resources/")
		p.Files[name] = &File{Name: name, Path: name, Text: []byte(text), ClassPath: class}
	}
	readProperties(p)
	return p
}

// TestProperties: who loads which file for which environment.
func TestProperties(t *testing.T) {
	p := propertyProject(t, map[string]string{
		"src/main/resources/config/config-dev.yaml":  "db:\n  host: \"a\" # note\n  port: '1521'\n  names:\n    - x\n",
		"src/main/resources/config/config-prod.yaml": "db:\n  host: prod.example.org\n  host: twice\n  password: ![abc==]\n",
		"src/main/resources/common.properties":       "db.user=app\n",
		"src/main/resources/secure-uat.properties":   "db.password=![abc==]\n",
		"src/main/resources/unused-qa.properties":    "x=1\n",
		"src/main/resources/api/api.yaml":            "openapi: 3.0.0\n",
		"src/main/resources/other.yaml":              "openapi: 3.0.0\ninfo: {title: x}\n",
	})
	for _, want := range []struct {
		name, value, file, environment string
		loaded, secure, global         bool
	}{
		{"env", "dev", "app.xml", "", true, false, true},
		{"db.user", "app", "common.properties", "", true, false, false},
		{"db.host", "a", "config-dev.yaml", "dev", true, false, false},
		{"db.port", "1521", "config-dev.yaml", "dev", true, false, false},
		{"db.names[0]", "x", "config-dev.yaml", "dev", true, false, false},
		{"db.host", "prod.example.org", "config-prod.yaml", "prod", true, false, false},
		{"db.host", "twice", "config-prod.yaml", "prod", true, false, false},
		{"db.password", "![abc==]", "config-prod.yaml", "prod", true, false, false},
		{"db.password", "![abc==]", "secure-uat.properties", "uat", true, true, false},
		{"x", "1", "unused-qa.properties", "qa", false, false, false},
	} {
		found := false
		for _, q := range p.Properties.Named(want.name) {
			if strings.HasSuffix(q.File.Name, want.file) && q.Value == want.value && q.Environment == want.environment &&
				q.Loaded == want.loaded && q.Secure == want.secure && q.Global == want.global && (q.Config != nil) == want.loaded {
				found = string(q.File.Text[q.Offset:q.End]) == want.value
			}
		}
		if !found {
			t.Errorf("%+v is not there", want)
		}
	}
	if len(p.Properties.All) != 10 || len(p.Problems) != 1 || !strings.HasSuffix(p.Problems[0].File, "prod.yaml") {
		t.Errorf("%d properties, problems %+v", len(p.Properties.All), p.Problems)
	}
}

// TestLoads: names of files with placeholders.
func TestLoads(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          string
		ok            bool
	}{
		{"a.yaml", "a.yaml", "", true},
		{"a-${env}.yaml", "a-dev.yaml", "dev", true},
		{"${env}/${name}.yaml", "dev/x.yaml", "dev,x", true},
		{"${env}-${name}.yaml", "dev-x.yaml", "dev,x", true},
		{"a-${env}.yaml", "a-.yaml", "", false},
		{"a-${env}.yaml", "a-x/y.yaml", "", false},
		{"a-${env}.yaml", "b-dev.yaml", "", false},
		{"${env", "${env", "", true},
	} {
		values, ok := loads(c.pattern, c.name)
		if strings.Join(values, ",") != c.want && ok || ok != c.ok {
			t.Errorf("%s %s: %v %v", c.pattern, c.name, values, ok)
		}
	}
}

// TestOneLine: a large file in one line takes no time that grows with its square.
func TestOneLine(t *testing.T) {
	var text strings.Builder
	text.WriteString(`{a: "` + strings.Repeat("x", 1<<20) + `"`)
	for i := range maxEntries / 2 {
		text.WriteString(", k" + strconv.Itoa(i) + ": 'v" + strconv.Itoa(i) + "'")
	}
	start := time.Now()
	got, err := readYAMLEntries(&File{Name: "a.yaml", Text: []byte(text.String() + "}")})
	if took := time.Since(start); took > time.Minute || err != nil || len(got) != maxEntries/2+1 {
		t.Errorf("%d properties took %v: %v", len(got), took, err)
	}
}

// FuzzEntries: names and values are texts that stand in the file, one behind the
// other.
func FuzzEntries(f *testing.F) {
	f.Add([]byte("a=b\\\n c\n#x\n\\u00e9 : d"))
	f.Add([]byte("a:\n  b: \"c\"\n  d: ![x]\n- e\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, _ := readEntries(text)
		last := 0
		for _, e := range entries {
			if e.nameAt < last || e.start < e.nameAt || e.end < e.start || e.end > len(text) || !utf8.ValidString(e.name+e.value) {
				t.Fatalf("%+v behind %d of %d", e, last, len(text))
			}
			last = e.end
		}
		loose, _ := readYAMLEntries(&File{Name: "f.yaml", Text: text})
		for _, e := range append(loose, looseYAML(text)...) {
			if e.nameAt < 0 || e.start < 0 || e.end < e.start || e.end > len(text) {
				t.Fatalf("%+v of %d", e, len(text))
			}
		}
	})
}

// TestPropertiesOfBeans reads what beans of Spring load.
func TestPropertiesOfBeans(t *testing.T) {
	bean := func(inside string) map[string]string {
		return map[string]string{
			"src/main/app/mule-deploy.properties": "config.resources=app.xml\n",
			"src/main/app/app.xml": `<mule xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:spring="http://www.springframework.org/schema/beans"><spring:beans>` +
				`<spring:bean class="org.springframework.beans.factory.config.PropertyPlaceholderConfigurer">` + inside + `</spring:bean></spring:beans></mule>`,
			"src/main/resources/esb.properties": "db.user=esb\n",
		}
	}
	for inside, want := range map[string]bool{
		`<spring:property name="location" value="classpath:esb.properties"/>`:                                                                  true,
		`<spring:property name="location"><spring:value>esb.properties</spring:value></spring:property>`:                                       true,
		`<spring:property name="locations"><spring:list><spring:value>classpath:esb.properties</spring:value></spring:list></spring:property>`: true,
		`<spring:property name="properties" value="classpath:esb.properties"/>`:                                                                false,
	} {
		p, err := ReadFiles("esb", bean(inside))
		if err != nil {
			t.Fatal(err)
		}
		found := p.Properties.Named("db.user")
		if len(found) != 1 || found[0].Loaded != want {
			t.Errorf("%s: %d properties, want one, loaded: %t", inside, len(found), want)
		}
	}
}
