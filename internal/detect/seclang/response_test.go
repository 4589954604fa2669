package seclang

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"

	"farrier.dev/farrier/internal/detect/seclang/automaton"
)

var responseFiles = []string{
	"RESPONSE-950-DATA-LEAKAGES", "RESPONSE-951-DATA-LEAKAGES-SQL", "RESPONSE-952-DATA-LEAKAGES-JAVA",
	"RESPONSE-953-DATA-LEAKAGES-PHP", "RESPONSE-954-DATA-LEAKAGES-IIS", "RESPONSE-955-WEB-SHELLS",
	"RESPONSE-956-DATA-LEAKAGES-RUBY",
}

// TestResponses plays the rules of responses on what leaks look like.
func TestResponses(t *testing.T) {
	text := `
SecRuleEngine DetectionOnly
SecResponseBodyAccess Off
SecAction "id:900990,phase:1,pass,t:none,nolog,setvar:tx.crs_setup_version=4250,setvar:tx.blocking_paranoia_level=4,setvar:tx.detection_paranoia_level=4"
Include @owasp_crs/REQUEST-901-INITIALIZATION.conf
`
	for _, f := range responseFiles {
		text += "Include @owasp_crs/" + f + ".conf\n"
	}
	o := newOracle(t, text)
	s, err := Compile(coreruleset.FS, []Source{{"setup", text}}, Options{Phases: []int{1, 2, 3, 4}})
	if err != nil {
		t.Fatal(err)
	}
	bodies := []string{
		"{}", "<title>Index of /backup</title>", "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version",
		"java.lang.NullPointerException at org.apache.Foo", "<b>Fatal error</b>: Uncaught Exception in /var/www/index.php on line 3",
		"Microsoft OLE DB Provider for SQL Server error '80040e14'", "<?php echo 1; ?>", "#!/usr/bin/perl\nprint 1",
		"Traceback ORA-00933: SQL command not properly ended", "<h1>r57shell</h1>", "NoMethodError in users#show app/models/x.rb:3:in `y'",
	}
	phrases, err := fs.ReadFile(coreruleset.FS, "@owasp_crs/sql-errors.data")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(phrases)) {
		bodies = append(bodies, "a page with "+line)
	}
	matching := 0
	for _, body := range bodies {
		for _, status := range []string{"200", "500"} {
			in := Input{Values: []Value{{ResponseStatus, "", status}, {ResponseHeaders, "Content-Type", "text/html"}, {ResponseBody, "", body}}}
			want := o.respond(t, &in)
			got := fired{}
			for _, x := range s.Run(&in, &automaton.Meter{Left: 1 << 40}).Matches {
				got[strconv.Itoa(x.Rule.ID)+" "+x.Variable+":"+x.Key] = true
			}
			if lost, extra := compare(s, got, want); len(lost)+len(extra) > 0 {
				t.Errorf("%q: lost %q, extra %q", body, lost, extra)
			}
			if len(got) > 0 {
				matching++
			}
		}
	}
	t.Logf("%d rules, %d bodies, %d match", len(s.rules), 2*len(bodies), matching)
	if matching < 20 {
		t.Error("hardly any body matches")
	}
}

func (o *oracle) respond(t *testing.T, in *Input) fired {
	t.Helper()
	tx := o.waf.NewTransactionWithID("response")
	defer func() { _ = tx.Close() }()
	tx.ProcessRequestHeaders()
	if _, err := tx.ProcessRequestBody(); err != nil {
		t.Fatal(err)
	}
	vars := tx.(plugintypes.TransactionState).Variables()
	status := 0
	for _, v := range in.Values {
		switch v.In {
		case ResponseHeaders:
			tx.AddResponseHeader(v.Key, v.Text)
		case ResponseStatus:
			status, _ = strconv.Atoi(v.Text)
		case ResponseBody:
			vars.ResponseBody().(interface{ Set(string) }).Set(v.Text)
		default:
			t.Fatal(fmt.Sprint(v.In))
		}
	}
	tx.ProcessResponseHeaders(status, "HTTP/1.1")
	if _, err := tx.ProcessResponseBody(); err != nil {
		t.Fatal(err)
	}
	out := fired{}
	for _, m := range tx.MatchedRules() {
		for _, d := range m.MatchedDatas() {
			out[strconv.Itoa(m.Rule().ID())+" "+d.Variable().Name()+":"+d.Key()] = true
		}
	}
	return out
}
