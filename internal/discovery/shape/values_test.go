package shape

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/classify/sensitive"
)

func TestKinds(t *testing.T) {
	cases := []struct {
		text string
		want kind
	}{
		{"0", kindInt32},
		{"-17", kindInt32},
		{"2147483647", kindInt32},
		{"2147483648", kindInt64},
		{"-2147483648", kindInt32},
		{"9223372036854775807", kindInt64},
		{"9223372036854775808", kindDigits},
		{"007", kindDigits},
		{"1.50", kindFraction},
		{"-0.1", kindFraction},
		{"1.", kindWord},
		{"1e5", kindWord},
		{"true", kindBoolean},
		{"False", kindWord},
		{"", kindEmpty},
		{"active", kindWord},
		{"IN_PROGRESS", kindWord},
		{"two words", kindText},
		{"2024-02-29", kindDate},
		{"2023-02-29", kindWord},
		{"2024-01-01T10:00:00Z", kindDateTime},
		{"2024-01-01T10:00:00.123+02:00", kindDateTime},
		{"2024-01-01T10:00:00", kindDateTimeOther},
		{"2024-01-01 10:00:00", kindDateTimeOther},
		{"Mon, 02 Jan 2006 15:04:05 GMT", kindDateTimeOther},
		{"10:00:00Z", kindTime},
		{"10:00", kindText},
		{"P3DT4H", kindDuration},
		{"PT", kindWord},
		{"P1Y", kindDuration},
		{"POST", kindWord},
		{"anna@example.org", kindEmail},
		{"anna@localhost", kindText},
		{"https://example.org/a?b=c", kindURI},
		{"https://exa mple.org", kindText},
		{"api.example.org", kindHostname},
		{"192.168.0.1", kindIPv4},
		{"256.1.1.1", kindWord},
		{"1.2.3", kindWord},
		{"2001:db8::1", kindIPv6},
		{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", kindUUID},
		{"6ba7b810-9dad-11d1-80b4-00c04fd430cg", kindWord},
		{"507f1f77bcf86cd799439011", kindObjectID},
		{"deadbeef", kindWord},
		{"deadbe3f", kindHex},
		{"SGVsbG8sIFdvcmxkISE=", kindBase64},
		{"internationalisation", kindWord},
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", kindJWT},
	}
	for _, c := range cases {
		if got := textKind(c.text); got != c.want {
			t.Errorf("%q is taken for %s, want %s", c.text, got, c.want)
		}
	}
	t.Logf("%d texts", len(cases))
}

func TestConclusions(t *testing.T) {
	repeat := func(n int, texts ...string) (all []string) {
		for i := range n {
			all = append(all, texts[i%len(texts)])
		}
		return all
	}
	cases := []struct {
		name   string
		values []string
		typ    Type
		format string
		enum   []string
	}{
		{"integers", []string{"1", "20", "300"}, Integer, "int32", nil},
		{"large integers", []string{"1", "3000000000"}, Integer, "int64", nil},
		{"numbers", []string{"1", "2.5"}, Number, "double", nil},
		{"booleans", []string{"true", "false"}, Boolean, "", nil},
		{"booleans and others", []string{"true", "maybe"}, String, "", nil},
		{"codes with zeros", []string{"007", "123"}, String, "", nil},
		{"uuids", []string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, String, "uuid", nil},
		{"hexadecimal, one of digits", append(repeat(20, "deadbe3f01", "0a1b2c3d4e"), "1234567890"), String, "hex", nil},
		{"vocabulary", repeat(40, "open", "closed"), String, "", []string{"closed", "open"}},
		{"too few for a vocabulary", repeat(12, "open", "closed"), String, "", nil},
		{"nonsense among many", append(repeat(200, "1", "22", "333"), "1' or 1=1"), Integer, "int32", nil},
		{"lists", []string{"a,b", "c", "d,e,f"}, Array, "", nil},
		{"text with a comma", []string{"Well, yes", "no"}, String, "", nil},
		{"nothing", nil, "", "", nil},
	}
	l := looker()
	for _, c := range cases {
		var v Values
		for _, text := range c.values {
			v.Observe(l, sensitive.Context{Name: "state", In: "query"}, text)
		}
		if v.Type() != c.typ || v.Format() != c.format || !slices.Equal(v.Enum(), c.enum) {
			t.Errorf("%s: %q %q %q, want %q %q %q", c.name, v.Type(), v.Format(), v.Enum(), c.typ, c.format, c.enum)
		}
	}
	t.Logf("%d sets of values", len(cases))
}

func TestRepeatedParameterCountsOnce(t *testing.T) {
	var v Values
	l := looker()
	v.ObserveAll(l, sensitive.Context{Name: "ids"}, []string{"1", "2"})
	v.ObserveAll(l, sensitive.Context{Name: "ids"}, []string{"3"})
	if v.Count != 2 || v.Type() != Array || v.Items() != Integer || !v.Repeated() || v.Listed() {
		t.Errorf("%d calls, %s of %s", v.Count, v.Type(), v.Items())
	}
}

func TestRangesAreOutward(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(-1e300, 1e300).Draw(t, "x")
		text := fmt.Sprintf(rapid.SampledFrom([]string{"%g", "%f", "%.3e"}).Draw(t, "verb"), x)
		var value float64
		if _, err := fmt.Sscan(text, &value); err != nil {
			t.Fatalf("reading %s: %v", text, err)
		}
		low, high := outward(text)
		if l, h := low.value(), high.value(); l > value+math.Abs(value)*1e-12 || h < value-math.Abs(value)*1e-12 ||
			math.Abs(h-l) > 1.6*math.Abs(value)+1e-300 {
			t.Fatalf("%s lies between %g and %g", text, l, h)
		}
	})
	for text, want := range map[string][2]float64{"0": {0, 0}, "5": {5, 5}, "7": {5, 10}, "-7": {-10, -5}, "1200": {1000, 2000}, "0.03": {0.02, 0.05}} {
		low, high := outward(text)
		if math.Abs(low.value()-want[0]) > 1e-9 || math.Abs(high.value()-want[1]) > 1e-9 {
			t.Errorf("%s lies between %g and %g, want %v", text, low.value(), high.value(), want)
		}
	}
}

func TestSketch(t *testing.T) {
	l := looker()
	worst := 0.0
	for _, n := range []int{0, 1, 15, 40, 100, 1000, 20000} {
		var a, b Sketch
		for i := range n {
			h := l.Hash(fmt.Sprint("thing", i))
			a.Add(h)
			a.Add(h)
			if i%2 == 0 {
				b.Add(h)
			}
		}
		if n <= exact && a.Estimate() != uint64(n) {
			t.Errorf("%d things are estimated as %d", n, a.Estimate())
		}
		if n > 0 {
			worst = max(worst, math.Abs(float64(a.Estimate())-float64(n))/float64(n))
		}
		before := a.Estimate()
		a.Merge(&b)
		if a.Estimate() != before {
			t.Errorf("merging known things makes %d of %d", a.Estimate(), before)
		}
		text, _ := json.Marshal(a)
		var back Sketch
		if err := json.Unmarshal(text, &back); err != nil || back.Estimate() != before || back.IsZero() != (n == 0) {
			t.Errorf("%s is read as %d, %v", text, back.Estimate(), err)
		}
	}
	t.Logf("worst error %.0f %%", 100*worst)
	if worst > 0.35 {
		t.Errorf("error of %.2f", worst)
	}
}

// TestNoValueIsKept observes sensitive values under names that tell of them and under
// names that do not, often enough that a vocabulary would keep them.
func TestNoValueIsKept(t *testing.T) {
	values := map[string][]string{
		"email":       {"anna.berg@example.org", "bo@example.com"},
		"reference":   {"4111111111111111", "5500005555555559", "DE89370400440532013000"},
		"first_name":  {"Anneliese", "Bartholomew", "Cornelius"},
		"customer":    {"Zacharias", "Wilhelmina"},
		"displayName": {"Leonhard", "Theodora"},
		"owner":       {"hmueller", "tschmidt"},
		"password":    {"Tr0ub4dor", "correct-horse"},
		"api_key":     {"sk_live_4eC39HqLyjWDarjtT1zdp7dc"},
		"phone":       {"+4915112345678"},
		"ssn":         {"219-09-9999"},
		"note":        {"Ottokar", "please call Annabell"},
		"search":      {"Wolframina"},
	}
	named := map[string]bool{"email": true, "reference": true, "api_key": true, "phone": true, "ssn": true}
	l := looker()
	var s Schema
	var params []*Values
	checked := 0
	for name, all := range values {
		v := &Values{}
		params = append(params, v)
		for range 30 {
			for _, value := range all {
				v.Observe(l, sensitive.Context{Name: name, In: "query"}, value)
				doc := map[string]any{name: value, "inner": map[string]any{name: []string{value}}}
				if named[name] {
					doc[value] = 1 // Words can't be told from the names of fields.
				}
				observe(t, &s, l, encode(t, doc))
			}
		}
	}
	text := stored1(t, &s) + stored1(t, &s) + string(encode(t, params)) + string(encode(t, s.JSONSchema(Tight)))
	for name, all := range values {
		for _, value := range all {
			checked++
			if strings.Contains(text, value) {
				t.Errorf("%s of %s is kept", value, name)
			}
		}
	}
	t.Logf("%d values", checked)
}

func FuzzValues(f *testing.F) {
	for _, seed := range []string{"", "1", "a,b", "2024-01-01", "\xff", "P1Y", "https://a.b:x/", "::", "-", "1.", "P", "@", "a@b.c"} {
		f.Add(seed)
	}
	l := looker()
	f.Fuzz(func(t *testing.T, text string) {
		var v Values
		for range 25 {
			v.Observe(l, sensitive.Context{Name: "state"}, text)
		}
		_, _ = v.Type(), v.Format()
		stored := encode(t, v)
		var back Values
		if err := json.Unmarshal(stored, &back); err != nil || string(encode(t, back)) != string(stored) {
			t.Fatalf("%s is read as %s, %v", stored, encode(t, back), err)
		}
	})
}
