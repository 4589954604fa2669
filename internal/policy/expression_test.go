package policy_test

import (
	"net/url"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// TestQueryParametersAreThoseOfTheStandardLibrary holds that a parameter is what
// url.ParseQuery reads, be it the first or the second that a scope is asked for.
func TestQueryParametersAreThoseOfTheStandardLibrary(t *testing.T) {
	one, err := dataweave.Compile("#[attributes.queryParams.a]")
	if err != nil {
		t.Fatal(err)
	}
	again, err := dataweave.Compile("#[(attributes.queryParams.b default '') ++ '|' ++ (attributes.queryParams.a default '')]")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		var x traffic.Exchange
		x.Request.RawQuery = rapid.StringOfN(rapid.RuneFrom([]rune("ab=&;%+610")), 0, 24, -1).Draw(t, "query")
		want, _ := url.ParseQuery(x.Request.RawQuery)
		got, err := policy.EvalText(one, &x, false)
		if err != nil || got != want.Get("a") {
			t.Fatalf("a is %q, want %q: %v", got, want.Get("a"), err)
		}
		if got, err = policy.EvalText(again, &x, false); err != nil || got != want.Get("b")+"|"+want.Get("a") {
			t.Fatalf("b and a are %q, want %q and %q: %v", got, want.Get("b"), want.Get("a"), err)
		}
	})
}
