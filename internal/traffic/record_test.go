package traffic_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/traffic"
)

// exchangeWith puts one text wherever a client can put text.
func exchangeWith(text string) *traffic.Exchange {
	x := &traffic.Exchange{ID: traffic.NewID(time.Unix(1, 0)), Received: time.Unix(1, 0), API: "default/orders"}
	x.Request.Method, x.Request.Path, x.Request.RawTarget = "GET", "/users/"+text, "/users/"+text+"?"+text+"="+text
	x.Request.RawQuery, x.Request.Host, x.Request.Proto = "q="+text+"&password="+text, "api.test", "HTTP/1.1"
	x.Request.Client = netip.MustParseAddr("192.0.2.7")
	for _, name := range []string{"authorization", "cookie", "x-api-key", "x-custom", "referer", "proxy-authorization", "user-agent", "content-type"} {
		x.Request.Header.Add(name, text)
	}
	x.Request.Body.SetSource(strings.NewReader(text), int64(len(text)))
	_ = x.Request.Body.Load(1<<20, nil, nil)
	x.Response.Status = 403
	x.Response.Header.Add("set-cookie", text)
	x.Auth.Principal = text
	x.Auth.SetProperty("jwt", text)
	x.Decisions = []traffic.Decision{{Binding: "default/b", Policy: "p", Side: "request", Action: traffic.Refused, Status: 403, Reason: "bad value " + text}}
	x.Findings = []finding.Finding{
		{Rule: "r", Severity: finding.High, Title: "t", Message: "found " + text, Location: finding.Location{Place: "query q"}, Excerpt: text},
		{Rule: "r", Severity: finding.High, Title: "t", Message: "found", Location: finding.Location{Place: "header authorization"}, Excerpt: text},
	}
	return x
}

// No secret of a list survives sealing, wherever a client puts it.
func TestSealKeepsNoSecret(t *testing.T) {
	secrets := []string{
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
		"4111111111111111", "DE89370400440532013000", "AKIAIOSFODNN7EXAMPLE", "ada.lovelace@example.org",
		"ghp_0123456789abcdefghijABCDEFGHIJ012345", "078-05-1120",
	}
	for _, secret := range secrets {
		text, err := json.Marshal(traffic.Seal(exchangeWith(secret), traffic.Ending{Outcome: traffic.RefusedByPolicy}))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), secret) {
			t.Errorf("the secret %s survived: %s", secret, text)
		}
	}
	t.Logf("played %d secrets in every place of an exchange", len(secrets))
}

// What stands in a place that is never published does not survive, be it a
// known kind of secret or not; and a record stays small.
func FuzzSeal(f *testing.F) {
	for _, seed := range []string{"hunter2-and-more", "x", strings.Repeat("a", 9000), "\x00\xff", "a&b=c", "[email]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		x := &traffic.Exchange{ID: traffic.NewID(time.Unix(1, 0)), Received: time.Unix(1, 0)}
		x.Request.Method, x.Request.Path = "GET", "/orders"
		x.Request.Header.Add("authorization", "marker-"+value)
		x.Request.Header.Add("x-anything", "marker-"+value)
		x.Request.RawQuery = "q=marker-" + value
		x.Findings = []finding.Finding{{Rule: "r", Severity: finding.Low, Location: finding.Location{Place: "header authorization"}, Excerpt: "marker-" + value}}
		record := traffic.Seal(x, traffic.Ending{Outcome: traffic.Served})
		text, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(value, "&") && strings.Contains(string(text), "marker-") {
			t.Errorf("a value that is never published survived: %s", text)
		}
		if len(text) > 32<<10 {
			t.Errorf("the record has %d bytes", len(text))
		}
	})
}

func TestSealBoundsWhatAClientChooses(t *testing.T) {
	x := exchangeWith(strings.Repeat("Z", 20_000))
	for range 500 {
		x.Decisions = append(x.Decisions, x.Decisions[0])
		x.Findings = append(x.Findings, x.Findings[0])
		x.Request.Header.Add("x-more", "1")
		x.NotInspected = append(x.NotInspected, strings.Repeat("n", 5000))
	}
	r := traffic.Seal(x, traffic.Ending{})
	if len(r.Decisions) > 64 || len(r.Findings) > 16 || len(r.Headers) > 64 || len(r.NotInspected) > 64 {
		t.Errorf("%d decisions, %d findings, %d headers, %d not inspected", len(r.Decisions), len(r.Findings), len(r.Headers), len(r.NotInspected))
	}
	for _, f := range r.Findings {
		if len(f.Excerpt) > 64 {
			t.Errorf("an excerpt has %d bytes", len(f.Excerpt))
		}
	}
}

// A header behaves as the plainest list does.
func TestHeaderAgainstAList(t *testing.T) {
	names := []string{"accept", "cookie", "x-a", "x-b", "set-cookie"}
	rapid.Check(t, func(t *rapid.T) {
		var h traffic.Header
		var list []traffic.Field
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			name := rapid.SampledFrom(names).Draw(t, "name")
			value := rapid.StringMatching("[a-z]{1,3}").Draw(t, "value")
			without := func() []traffic.Field {
				return slices.DeleteFunc(slices.Clone(list), func(f traffic.Field) bool { return f.Name == name })
			}
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				h.Add(name, value)
				list = append(list, traffic.Field{Name: name, Value: value})
			case 1:
				h.Set(name, value)
				list = append(without(), traffic.Field{Name: name, Value: value})
			case 2:
				h.Del(name)
				list = without()
			}
		}
		slices.SortStableFunc(list, func(a, b traffic.Field) int { return strings.Compare(a.Name, b.Name) })
		if got := slices.Collect(h.All()); !slices.Equal(got, list) {
			t.Fatalf("the header is %v, the list %v", got, list)
		}
		var sorted traffic.Header
		sorted.SetSorted(slices.Clone(list))
		if !slices.Equal(slices.Collect(sorted.All()), list) {
			t.Fatalf("sorting %v gave %v", list, slices.Collect(sorted.All()))
		}
	})
}

func TestFeedDropsAndCounts(t *testing.T) {
	feed := traffic.NewFeed()
	if feed.Wanted() {
		t.Error("nobody listens, and yet it is wanted")
	}
	records, cancel := feed.Subscribe(1)
	feed.Publish(&traffic.Record{ID: "1"})
	feed.Publish(&traffic.Record{ID: "2"})
	if got := <-records; got.ID != "1" || feed.Dropped() != 1 {
		t.Errorf("got %s, dropped %d; want 1 and 1", got.ID, feed.Dropped())
	}
	cancel()
	cancel()
	if _, open := <-records; open || feed.Wanted() {
		t.Error("the subscription did not end")
	}
}

func TestIDsSortByTimeAndDiffer(t *testing.T) {
	seen := map[string]bool{}
	last := ""
	for i := range 1000 {
		id := traffic.NewID(time.UnixMilli(int64(i + 1)))
		if !traffic.ValidID(id) || seen[id] || id <= last {
			t.Fatalf("id %q after %q", id, last)
		}
		seen[id], last = true, id
	}
	for _, bad := range []string{"", "x", strings.Repeat("a", 26), strings.Repeat("A", 27)} {
		if traffic.ValidID(bad) {
			t.Errorf("%q passes for an id", bad)
		}
	}
}
