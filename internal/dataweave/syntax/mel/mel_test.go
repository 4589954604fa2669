package mel_test

import (
	"testing"

	"farrier.dev/farrier/internal/dataweave/syntax/mel"
)

func TestQ(t *testing.T) {
	for _, s := range []string{
		"a.b", "flowVars['x'] + 'a' == b ? c : d", "message.inboundProperties.'http.query.params'.get('a')",
		"payload = 'a'; flowVars.x = new java.util.Date()", "['a': 1, b: [1,2]]", "header:INBOUND:x", "if (a) { b } else { c } d", "a && !b || c != null", "(", "a b", "[a", "'x", "a.?b.c(d, e",
	} {
		sc := mel.Parse(s)
		t.Logf("%s %v", s, sc.Problems)
		_ = sc
	}
}
