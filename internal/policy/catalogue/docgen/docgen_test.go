package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/catalogue"
)

const root = "../../../.."

func everyPolicy(t *testing.T) *policy.Catalogue {
	t.Helper()
	known, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// TestCompatibility compares the catalogue with the list of MuleSoft's names:
// what a row names is there, and what is there stands in a row.
func TestCompatibility(t *testing.T) {
	compared, err := readCompatibility(compatibilityTable)
	if err != nil {
		t.Fatal(err)
	}
	entries := everyPolicy(t).All()
	missing, unnamed := compared.missing(entries)
	for _, name := range missing {
		t.Errorf("the catalogue has no policy %s, which compatibility.tsv names", name)
	}
	for _, name := range unnamed {
		t.Errorf("compatibility.tsv says nothing of the policy %s", name)
	}
	rows, gone := 0, 0
	for _, s := range compared.sections {
		for _, r := range s.rows {
			rows++
			if r.state == absent {
				gone++
			}
			switch {
			case (r.state == absent) != (r.ours == "-"):
				t.Errorf("%s, %s: what is absent is written -, and nothing else is", s.title, r.theirs)
			case (r.state == beyond) != (r.theirs == ""):
				t.Errorf("%s, %s: what is ours has no name of MuleSoft's, and all else has", s.title, r.ours)
			case r.state == beyond && r.note == "":
				t.Errorf("%s, %s: nothing says what it is", s.title, r.ours)
			}
		}
	}
	t.Logf("compared %d rows, %d absent, with %d policies; missing: %s", rows, gone, len(entries), or(strings.Join(missing, " "), "nothing"))
	if rows < 140 || len(entries) < 70 {
		t.Error("that are too few")
	}
}

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// TestPagesAreWhole holds that every policy has a page that says what it does,
// and that every link on the pages leads somewhere.
func TestPagesAreWhole(t *testing.T) {
	entries := everyPolicy(t).All()
	pages, err := render(root, entries)
	if err != nil {
		t.Fatal(err)
	}
	said, err := readComments(filepath.Join(root, "internal", "policy"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		about := said.of(e.Name)
		if about.folder == "" || len(about.text) == 0 {
			t.Errorf("%s: no comment says what it does", e.Name)
		}
		if strings.HasPrefix(strings.Join(about.text, ""), "Package ") {
			t.Errorf("%s: the comment of its package does not begin with Package NAME is", e.Name)
		}
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)[^)]*\)`)
	links := 0
	for name, text := range pages {
		for _, m := range link.FindAllStringSubmatch(outsideFences(text), -1) {
			links++
			target := path.Join(path.Dir(name), m[1])
			if _, made := pages[target]; made {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, "docs", filepath.FromSlash(target))); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", name, m[1])
			}
		}
	}
	t.Logf("rendered %d pages with %d links", len(pages), links)
	if len(pages) != len(entries)+2 || links < 4*len(entries) {
		t.Error("that are too few")
	}
}

// outsideFences is a page without its blocks of code.
func outsideFences(text string) string {
	var kept []string
	open := ""
	for _, line := range strings.Split(text, "\n") {
		marks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case open != "":
			if line == open {
				open = ""
			}
		case len(marks) >= 3:
			open = marks
		default:
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// TestTellsWholeConversation holds that a page leaves nothing of a conversation out.
func TestTellsWholeConversation(t *testing.T) {
	var b strings.Builder
	err := tell(&b, []byte(strings.Join([]string{
		"It shows\neverything.", "-- send 8443 tls stranger 1.1 --", "GET /a HTTP/1.1", "-- want --", "closed",
		"-- upstream --", "HTTP/1.1 200 OK", "-- send --", "POST /b HTTP/1.1", "", "a ``` b", "-- want --", "refuse 401",
		"www-authenticate: Basic", "!server", "body~ `x`", "upstream body: y", "log~ z", "-- refuse-config --", "{a: 1}", "-- want --", "field a", "",
	}, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"> It shows\n> everything.\n", "A request to port 8443 over TLS, with a certificate that is not trusted, at most TLS 1.1:", "The connection is ended.",
		"From here on the service answers:", "````http\nPOST /b HTTP/1.1\n\na ``` b\n````", "It is refused with 401:\n\n- the client reads `www-authenticate: Basic`\n",
		"- the client reads no header `server`\n", "- the client reads a body with `` `x` `` in it\n", "- the service reads the body `y`\n", "- the log has `z`\n",
		"These settings are not valid:\n\n```yaml\n{a: 1}\n```", "`farrier check` says: `field a`",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	for _, broken := range []string{"", "no sections", "a\n-- what --\n"} {
		if err := tell(&b, []byte(broken)); err == nil {
			t.Errorf("%q is no conversation", broken)
		}
	}
}

// TestTablesAreRead holds that a row that is not whole is told with its line.
func TestTablesAreRead(t *testing.T) {
	for table, want := range map[string]string{
		"a\tb\tsame\t":            "compatibility.tsv:1: a row has four columns and stands in a section",
		"# policies: x\na\tb\t":   "compatibility.tsv:2: a row has four columns",
		"# x\n\na\tb\tsimilar\tc": `compatibility.tsv:3: unknown state "similar"`,
	} {
		if _, err := readCompatibility(table); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", table, err, want)
		}
	}
	for table, want := range map[string]string{
		"# x\na\tpass\tb":   "exceptions.tsv:2: a row has four columns",
		"a\tpasses\tb\tc\n": `exceptions.tsv:1: unknown thing "passes"`,
	} {
		if _, err := readExceptions(table); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", table, err, want)
		}
	}
}
