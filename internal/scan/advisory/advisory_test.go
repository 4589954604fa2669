package advisory

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

func table(t *testing.T) *Database {
	t.Helper()
	d, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestMatch: versions around the ends of ranges, as people write them.
func TestMatch(t *testing.T) {
	d := table(t)
	cases := []struct{ name, version, want, fixed string }{
		{"org.apache.logging.log4j:log4j-core", "2.14.1", "CVE-2021-44228", "2.15.0"},
		{"org.apache.logging.log4j:log4j-core", "2.15.0", "!CVE-2021-44228", ""},
		{"org.apache.logging.log4j:log4j-core", "2.15.0", "CVE-2021-45046", "2.16.0"},
		{"org.apache.logging.log4j:log4j-core", "2.12.2", "!CVE-2021-44228", ""},
		{"org.apache.logging.log4j:log4j-core", "2.12.3", "!CVE-2021-45105", ""},
		{"org.apache.logging.log4j:log4j-core", "2.0-beta9", "CVE-2021-44228", "2.3.1"},
		{"org.apache.logging.log4j:log4j-core", "2.17.1", "", ""},
		{"org.apache.logging.log4j:log4j-api", "2.14.1", "", ""},
		{"commons-collections:commons-collections", "3.2.1", "CVE-2015-7501", "3.2.2"},
		{"commons-collections:commons-collections", "3.2.2", "", ""},
		{"org.yaml:snakeyaml", "1.33", "CVE-2022-1471", "2.0"},
		{"org.yaml:snakeyaml", "2.0", "", ""},
		{"org.springframework:spring-beans", "5.2.9.RELEASE", "CVE-2022-22965", "5.2.20.RELEASE"},
		{"org.springframework:spring-beans", "5.2.20.RELEASE", "", ""},
		{"org.springframework:spring-beans", "5.3.18", "", ""},
		{"org.apache.activemq:activemq-client", "5.16.6", "CVE-2023-46604", "5.16.7"},
		{"org.apache.activemq:activemq-client", "5.18.3", "", ""},
		{"org.postgresql:postgresql", "42.2.5.jre7", "CVE-2024-1597", "42.2.28"},
		{"org.postgresql:postgresql", "42.7.2", "", ""},
		{"io.netty:netty-handler", "4.1.94.Final", "CVE-2025-24970", "4.1.118.Final"},
		{"io.netty:netty-codec-http", "4.1.108.Final", "", ""},
		{"com.google.guava:guava", "31.1-jre", "CVE-2023-2976", "32.0.0-jre"},
		{"com.google.guava:guava", "33.0.0-jre", "", ""},
		{"org.json:json", "20180813", "CVE-2023-5072", "20231013"},
		{"org.json:json", "20240303", "", ""},
		{"log4j:log4j", "1.2.17", "CVE-2019-17571", ""},
		{"com.h2database:h2", "${h2.version}", "", ""},
		{"com.h2database:h2", "[1.0,2.0)", "", ""},
		{"com.h2database:h2", "", "", ""},
	}
	for _, c := range cases {
		group, artifact, _ := strings.Cut(c.name, ":")
		got := d.Match(group, artifact, c.version)
		found := ""
		fixed := ""
		for _, m := range got {
			if m.ID == strings.TrimPrefix(c.want, "!") {
				found, fixed = m.ID, m.Fixed
			}
		}
		if c.want == "" && len(got) > 0 || strings.HasPrefix(c.want, "!") != (found == "") && c.want != "" || fixed != c.fixed {
			t.Errorf("%s %s: %d advisories, %q mended in %q", c.name, c.version, len(got), found, fixed)
		}
	}
	t.Logf("%d advisories, %d versions asked", d.Len(), len(cases))
	if d.Len() < 100 {
		t.Errorf("only %d advisories", d.Len())
	}
}

// TestTable: ranges begin before they end, and each entry tells all of itself.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, places := range table(t).byPackage {
		for _, p := range places {
			a := p.advisory
			if seen[a.ID+p.affected.Package] || a.Title == "" || a.Published.Year() < 2012 || !strings.HasPrefix(a.Reference, "https://") ||
				strings.Count(p.affected.Package, ":") != 1 || len(p.affected.Ranges) == 0 {
				t.Errorf("%s for %s: %+v", a.ID, p.affected.Package, a)
			}
			seen[a.ID+p.affected.Package] = true
			for _, r := range p.affected.Ranges {
				if r.Introduced != "" && r.Fixed != "" && !Older(r.Introduced, r.Fixed) {
					t.Errorf("%s: %+v", a.ID, r)
				}
			}
		}
	}
	t.Logf("%d entries", len(seen))
}

func runtime(t *testing.T, text string) mule.Runtime {
	t.Helper()
	r, err := mule.ParseRuntime(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSupport: whether a line is supported depends on the day.
func TestSupport(t *testing.T) {
	d := table(t)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for version, want := range map[string]string{
		"4.12.0": "on", "4.11.2": "off", "4.10.0": "off", "4.9.4": "on", "4.9.4:2e-java17": "off", "4.9.0:3-java17": "on", "4.8.1": "off",
		"4.6.11": "on", "4.4.0-20250919": "off", "4.3.0": "off", "3.9.5": "off", "3.1.0": "off", "4.13.0": "unknown", "5.0.0": "unknown",
	} {
		line, ok := d.Support(runtime(t, version))
		got := "unknown"
		switch {
		case ok && line.Ended(now):
			got = "off"
		case ok:
			got = "on"
		}
		if got != want {
			t.Errorf("%s is %s, want %s", version, got, want)
		}
	}
	line, _ := d.Support(runtime(t, "4.6.1"))
	if line.Ended(time.Date(2027, 2, 28, 23, 0, 0, 0, time.UTC)) || !line.Ended(time.Date(2027, 3, 2, 0, 0, 0, 0, time.UTC)) {
		t.Error("support ends on another day than the table says")
	}
	if len(d.Supported(now)) != 3 || d.AsOf().IsZero() {
		t.Errorf("%+v", d.Supported(now))
	}
}

// TestRuntimeWeaknesses: a date patch decides.
func TestRuntimeWeaknesses(t *testing.T) {
	d := table(t)
	for version, want := range map[string]string{
		"3.7.4": "CVE-2019-13116 CVE-2019-15630", "3.9.5": "", "4.1.5": "CVE-2019-15630 CVE-2020-6937 CVE-2021-1626 CVE-2021-1627 CVE-2021-1628",
		"4.2.2-20200101": "CVE-2020-6937 CVE-2021-1626 CVE-2021-1627 CVE-2021-1628", "4.2.2-20210202": "", "4.3.0-20210119": "CVE-2021-1627 CVE-2021-1628",
		"4.3.0-20210322": "", "4.4.0": "", "4.9.0": "", "3.8.7-20210301": "",
	} {
		var got []string
		for _, a := range d.Runtime(runtime(t, version)) {
			got = append(got, a.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", version, got, want)
		}
	}
}

const osvText = `{"id": "GHSA-1", "aliases": ["CVE-2099-1"], "summary": "bad", "published": "2026-01-02T03:04:05Z",
 "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
 "affected": [{"package": {"ecosystem": "Maven", "name": "org.example:lib"}, "versions": ["0.9-odd"],
   "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1.0"}, {"fixed": "1.2"}, {"introduced": "2.0"}, {"last_affected": "2.3"}]}]},
  {"package": {"ecosystem": "npm", "name": "x"}, "ranges": []}],
 "references": [{"type": "WEB", "url": "https://a"}, {"type": "ADVISORY", "url": "https://b"}]}`

// TestOSV: files, folders and archives of advisories.
func TestOSV(t *testing.T) {
	found, err := ParseOSV([]byte(osvText))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	if a := found[0]; a.ID != "CVE-2099-1" || a.Aliases[0] != "GHSA-1" || a.Severity != finding.Critical || a.Reference != "https://b" || a.Published.Year() != 2026 {
		t.Errorf("%+v", a)
	}
	d := table(t).With(found).With(found)
	if d.Len() != table(t).Len()+1 {
		t.Errorf("%d advisories", d.Len())
	}
	for version, want := range map[string]string{"0.9": "", "0.9-odd": "+", "1.0": "1.2", "1.1.9": "1.2", "1.2": "", "2.0": "+", "2.3": "+", "2.3.1": ""} {
		got := ""
		if m := d.Match("org.example", "lib", version); len(m) > 0 {
			if got = m[0].Fixed; got == "" {
				got = "+"
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", version, got, want)
		}
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.json", "["+osvText+"]")
	write("b.json", `{"id": 1}`)
	write("c.txt", "no")
	archive, err := os.Create(filepath.Join(dir, "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(archive)
	inner, _ := z.Create("GHSA-1.json")
	_, _ = inner.Write([]byte(osvText))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_ = archive.Close()
	for name, problems := range map[string]int{"": 1, "a.json": 0, "all.zip": 0} {
		found, wrong, err := ReadOSV(t.Context(), filepath.Join(dir, name))
		if err != nil || len(found) != 1 || len(wrong) != problems {
			t.Errorf("%q: %d advisories, %v, %v", name, len(found), wrong, err)
		}
	}
	for _, name := range []string{"b.json", "none", "c.txt"} {
		if _, _, err := ReadOSV(t.Context(), filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

// TestBaseScore: examples of the CVSS guide.
func TestBaseScore(t *testing.T) {
	for vector, want := range map[string]float64{
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H": 9.8,
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H": 10,
		"CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:N/A:N": 6.5,
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N": 6.1,
		"CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N": 0,
	} {
		if got, ok := baseScore(vector); !ok || got != want {
			t.Errorf("%s: %v %v", vector, got, ok)
		}
	}
	for _, vector := range []string{"", "CVSS:4.0/AV:N", "CVSS:3.1/AV:N", "AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"} {
		if got, ok := baseScore(vector); ok {
			t.Errorf("%q scores %v", vector, got)
		}
	}
}

// FuzzOSV: whatever is read can be asked.
func FuzzOSV(f *testing.F) {
	f.Add([]byte(osvText), "1.1")
	f.Fuzz(func(t *testing.T, text []byte, version string) {
		found, err := ParseOSV(text)
		if err != nil {
			return
		}
		d := table(t).With(found)
		for _, a := range found {
			for _, one := range a.Affected {
				group, artifact, _ := strings.Cut(one.Package, ":")
				d.Match(group, artifact, version)
			}
		}
	})
}
