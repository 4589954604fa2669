package sensitive_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/classify/sensitive"
)

// TestByHand are places as documents of real interfaces have them, each for a
// rule of its own.
func TestByHand(t *testing.T) {
	d := detector(t)
	cases := []struct {
		name, path, value string
		want              sensitive.Class
	}{
		{"name", "customer", "Ada Lovelace", "name"},
		{"name", "products", "Ada Lovelace", ""},
		{"fileName", "customer", "Ada Lovelace", ""},
		{"companyName", "customer", "Ada Lovelace", ""},
		{"user-agent", "", "Mozilla", ""},
		{"displayName", "owner", "Ada Lovelace", "name"},
		{"schemeName", "creditor", "UK.Account", ""},
		{"monitorDisplayName", "parent", "Performance", ""},
		{"storageAccountKeyName", "", "StorageAccountKey1", ""},
		{"serial", "", "A5:EB:C1:95:DC:D8:2B:E7", ""},
		{"peer", "", "2001:db8:0:1:1:1:1:1", "ip-address"},
		{"server", "", "10.20.30.40:8080", "ip-address"},
		{"zip", "address", "8001", "address"},
		{"country", "address", "United Kingdom", ""},
		{"senderCountry", "", "United States", ""},
		{"accountNumber", "invoice", "A00002641", ""},
		{"tokenLastEight", "", "Ae178B4a", ""},
		{"key", "statement/conditions", "brandId", ""},
		{"contact.name", "", "Ada Lovelace", "name"},
		{"user[email]", "", "ada@example.org", "email"},
		{"prénom", "client", "Élodie", "name"},
		{"value", "", "ada@example.org", "email"},
		{"image", "", "logo@2x.png", ""},
		{"orderNumber", "order", "4111111111111111", ""},
		{"number", "order", "4111111111111111", ""},
		{"number", "card", "4111111111111111", "card"},
		{"cardNumber", "", "4111 1111 1111 1111", "card"},
		{"cardNumber", "", "**** **** **** 1111", ""},
		{"cardNumber", "", "4111111111111112", ""},
		{"createdAt", "employee", "1980-02-03", ""},
		{"dateOfBirth", "employee", "1980-02-03", "birth-date"},
		{"birthDate", "patient", "03.02.1980", "birth-date"},
		{"version", "", "10.1.2.3", ""},
		{"clientIp", "", "10.1.2.3", "ip-address"},
		{"clientIp", "", "10.1.2.300", ""},
		{"timestamp", "", "1712345678", ""},
		{"phone", "", "1712345678", "phone"},
		{"phoneType", "", "mobile", ""},
		{"emailVerified", "", "true", ""},
		{"id", "", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", ""},
		{"sessionId", "", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "token"},
		{"nextPageToken", "", "CAUQAA9xkLm2o4PzQ71kf", ""},
		{"access_token", "", "CAUQAA9xkLm2o4PzQ71kf", "token"},
		{"etag", "", "da39a3ee5e6b4b0d3255bfef95601890afd80709", ""},
		{"password", "", "hunter2", "password"},
		{"passwordPolicy", "", "strict", ""},
		{"lat", "position", "48.137154", "coordinates"},
		{"lat", "position", "148.5.1", ""},
		{"latencyMs", "", "48.137154", ""},
		{"code", "diagnosis", "E11.9", "health"},
		{"code", "error", "E11.9", ""},
		{"condition", "product", "new", ""},
		{"nationalId", "", "X-4711-22", "national-id"},
		{"data", "", "RSSMRA80A01H501U", "national-id"},
		{"data", "", "RSSMRA80A01H501V", ""},
		{"iban", "", "DE89370400440532013000", "iban"},
		{"reference", "", "DE89370400440532013001", ""},
		{"address", "wallet", "0x52908400098527886E0F7030069857D2E4169EE7", ""},
		{"emailAddress", "", "welcome", ""},
		{"0", "user/emails", "ada@example.org", "email"},
		{"0", "patient/allergies", "Peanuts", "health"},
		{"url", "", "https://bob:hunter2@db.example.com/x", "password"},
	}
	for _, c := range cases {
		place := sensitive.Context{Name: c.name}
		if c.path != "" {
			place.Path = strings.Split(c.path, "/")
		}
		got, score := d.Classify(place, c.value)
		if got != c.want || (got != "") != (score >= sensitive.Accepted) || score > 1 {
			t.Errorf("%q in %q with %q: %q (%v), want %q", c.name, c.path, c.value, got, score, c.want)
		}
		if prepared, s := d.Name(place).Classify(c.value); prepared != got || s != score {
			t.Errorf("%q: prepared gives %q", c.name, prepared)
		}
	}
	t.Logf("played %d places", len(cases))
}

func TestClassesAreDescribed(t *testing.T) {
	groups := map[sensitive.Group]int{}
	for _, c := range sensitive.Classes() {
		if c.Title() == string(c) || c.Group() == sensitive.GroupOwn || !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(string(c)) {
			t.Errorf("class %q: title %q, group %q", c, c.Title(), c.Group())
		}
		groups[c.Group()]++
	}
	words := 0
	for _, s := range sensitive.Sayings() {
		words += len(s.Words)
		if s.Class == "" || s.Own == 0 && s.Around == 0 || len(s.Words) == 0 {
			t.Errorf("an empty line of the vocabulary: %+v", s)
		}
	}
	forms := map[sensitive.Class]bool{}
	for _, f := range sensitive.Forms() {
		forms[f.Class] = true
		if f.Score <= 0 || f.Score > 1 || f.What == "" {
			t.Errorf("an empty form: %+v", f)
		}
	}
	if len(forms) != len(sensitive.Classes()) || len(groups) != 6 || words < 1000 {
		t.Errorf("%d of %d classes have forms, %d groups, %d words", len(forms), len(sensitive.Classes()), len(groups), words)
	}
	t.Logf("%d classes in %d groups, %d words, %d forms", len(sensitive.Classes()), len(groups), words, len(sensitive.Forms()))
}

func TestOwnPatterns(t *testing.T) {
	d := detector(t,
		sensitive.Pattern{Class: "customer-number", Value: `^KD-\d{6}$`, Score: 0.5},
		sensitive.Pattern{Class: "badge", Value: `^\d{5}$`, Words: []string{"badge", "employeeCard"}, Score: 0.2},
		sensitive.Pattern{Class: "phone", Name: `(?i)^anschluss$`, Value: `^\d+$`, Score: 0.9, Direction: "response"},
	)
	for _, c := range []struct {
		place sensitive.Context
		value string
		want  sensitive.Class
	}{
		{sensitive.Context{Name: "ref"}, "KD-123456", "customer-number"},
		{sensitive.Context{Name: "ref"}, "KD-12345", ""},
		{sensitive.Context{Name: "number"}, "12345", ""},
		{sensitive.Context{Name: "number", Path: []string{"badge"}}, "12345", "badge"},
		{sensitive.Context{Name: "n", Route: []string{"employee-cards", "employee_card"}}, "12345", "badge"},
		{sensitive.Context{Name: "Anschluss", Direction: "response"}, "4711", "phone"},
		{sensitive.Context{Name: "Anschluss", Direction: "request"}, "4711", ""},
		{sensitive.Context{Name: "Anschluss"}, "4711", "phone"},
		{sensitive.Context{Name: "email"}, "ada@example.org", "email"},
	} {
		if got, _ := d.Classify(c.place, c.value); got != c.want {
			t.Errorf("%+v with %q: %q, want %q", c.place, c.value, got, c.want)
		}
	}
	if got := len(d.Classes()) - len(sensitive.Classes()); got != 2 {
		t.Errorf("%d classes of own patterns, want 2", got)
	}
	if sensitive.Class("badge").Group() != sensitive.GroupOwn || sensitive.Class("badge").Title() != "badge" {
		t.Error("an own class has no group or title")
	}
}

func TestOwnPatternsAreRefused(t *testing.T) {
	for want, p := range map[string]sensitive.Pattern{
		"must be at most 40 small letters":        {Class: "Kunden Nummer", Value: "x", Score: 1},
		"must be between 0 and 1":                 {Class: "a", Value: "x", Score: 2},
		"must be request, response or empty":      {Class: "a", Value: "x", Score: 1, Direction: "up"},
		"give an expression for the value":        {Class: "a", Score: 1},
		"can never reach 0.3":                     {Class: "a", Value: "x", Score: 0.2},
		"the expression of the value":             {Class: "a", Value: "(", Score: 1},
		"the expression of the name":              {Class: "a", Name: "(?=x)", Score: 1},
		"has no letter or digit":                  {Class: "a", Value: "x", Words: []string{"--"}, Score: 1},
		"2000 characters are more than 1000":      {Class: "a", Value: strings.Repeat("x", 2000), Score: 1},
		"own pattern 1 (a): the score -1 must be": {Class: "a", Value: "x", Score: -1},
	} {
		if _, err := sensitive.New([]sensitive.Pattern{p}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", p, err, want)
		}
	}
	if _, err := sensitive.New(make([]sensitive.Pattern, sensitive.MaxPatterns+1)); err == nil || !strings.Contains(err.Error(), "at most 64") {
		t.Errorf("too many patterns: %v", err)
	}
}

// other replaces letters by letters and digits by digits, so that nothing but
// the kind of each character stays.
func other(value string, by int) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return 'a' + (r-'a'+rune(by))%26
		case 'A' <= r && r <= 'Z':
			return 'A' + (r-'A'+rune(by))%26
		case '0' <= r && r <= '9':
			return '0' + (r-'0'+rune(by))%10
		}
		return r
	}, value)
}

func checkShape(t interface{ Fatalf(string, ...any) }, class sensitive.Class, value string, by int) {
	shape := sensitive.Shape(class, value)
	if again := sensitive.Shape(class, other(value, by)); again != shape {
		t.Fatalf("%s: %q has the shape %q, and with other letters and digits %q", class, value, shape, again)
	}
	n := 0
	for _, r := range shape {
		n++
		if (unicode.IsLetter(r) || unicode.IsDigit(r)) && r != 'a' && r != 'A' && r != '9' || r > 0x7f {
			t.Fatalf("%s: the shape %q of %q shows %q", class, shape, value, r)
		}
	}
	if n > 32 {
		t.Fatalf("the shape %q is %d long", shape, n)
	}
	if class.Group() == sensitive.GroupCredential && shape != sensitive.Shape(class, "x") {
		t.Fatalf("the shape %q of a secret tells of it", shape)
	}
}

func TestShape(t *testing.T) {
	for _, c := range []struct {
		class       sensitive.Class
		value, want string
	}{
		{"card", "4111 1111 1111 1111", "9999 9999 9999 9999"},
		{"phone", "+49 (151) 2345678", "+99 (999) 9999999"},
		{"name", "Élodie Lefèvre", "Aaa Aaa"},
		{"email", "ada.lovelace@example.org", "aaa.aaa@aaa.aaa"},
		{"password", "hunter2", "********"},
		{"jwt", "eyJ.a.b", "***.***.***"},
		{"birth-date", "1980-02-03T00:00:00Z", "9999-99-99A99:99:99A"},
		{"vehicle", "B-MW 4711 {x}", "A-AA 9999 *a*"},
		{"iban", strings.Repeat("D", 99), strings.Repeat("A", 32)},
	} {
		if got := sensitive.Shape(c.class, c.value); got != c.want {
			t.Errorf("Shape(%s, %q) = %q, want %q", c.class, c.value, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		checkShape(t, rapid.SampledFrom(sensitive.Classes()).Draw(t, "class"), rapid.String().Draw(t, "value"), rapid.IntRange(1, 9).Draw(t, "by"))
	})
	for _, l := range labelledSet(seedA, 2000, false) {
		checkShape(t, sensitive.Class(l.label), l.value, 1)
	}
}

func TestAlways(t *testing.T) {
	d := detector(t)
	rapid.Check(t, func(t *rapid.T) {
		c := sensitive.Context{
			Name: rapid.String().Draw(t, "name"), Path: rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "path"), Route: rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "route"),
		}
		value := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9A-Za-z .,:@/+()-]{0,40}`)).Draw(t, "value")
		class, score := d.Classify(c, value)
		if again, s := d.Classify(c, value); again != class || s != score || (class == "") != (score == 0) || class != "" && score < sensitive.Accepted {
			t.Fatalf("%q (%v), then %q (%v)", class, score, again, s)
		}
	})
}

func FuzzClassify(f *testing.F) {
	for _, l := range labelledSet(seedA, 300, false) {
		f.Add(l.name, strings.Join(l.path, "/"), l.value)
	}
	d := detector(f, sensitive.Pattern{Class: "own", Value: "x", Score: 0.3})
	f.Fuzz(func(t *testing.T, name, path, value string) {
		c := sensitive.Context{Name: name, Path: strings.Split(path, "/"), Route: strings.Split(path, "-")}
		class, score := d.Classify(c, value)
		if (class == "") != (score < sensitive.Accepted) || score > 1 {
			t.Fatalf("%q (%v)", class, score)
		}
		if other, _ := d.Classify(c, value[:min(len(value), 4<<10)]); other != class {
			t.Fatalf("%q for all of it, %q for the first 4 KiB", class, other)
		}
		for _, k := range sensitive.Classes() {
			checkShape(t, k, value, 3)
		}
	})
}

// TestLongInputs feeds what would make a careless reader quadratic; the bound is
// far above what is needed.
func TestLongInputs(t *testing.T) {
	d := detector(t, sensitive.Pattern{Class: "own", Value: "(a*)*b", Words: []string{"a"}, Score: 0.3})
	units := []string{"a", "1", "A1", "-", "a@", "1.", "::", "****", "geo:1,", "P<", "Bearer ", "-----BEGIN ", "password=", "é", "\xff", "aB", "of", "birth", "x[", "4111 "}
	for _, unit := range units {
		long := strings.Repeat(unit, 1<<20/len(unit))
		many := make([]string, 10000)
		for i := range many {
			many[i] = unit
		}
		began := time.Now()
		d.Classify(sensitive.Context{Name: long, Path: many, Route: many}, long)
		d.Classify(sensitive.Context{Name: "name", Path: []string{long, long}}, long)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%q repeated takes %v", unit, took)
		}
	}
	t.Logf("played %d units", len(units))
}

// TestNothingIsAllocated holds what the request path relies on.
func TestNothingIsAllocated(t *testing.T) {
	d := detector(t)
	all := labelledSet(seedA, 3000, false)
	at := make([]sensitive.Context, len(all))
	for i, l := range all {
		at[i] = sensitive.Context{Name: l.name, Path: l.path, Route: l.route, In: l.in}
	}
	spent := 0
	for i, l := range all {
		if strings.ContainsAny(l.value, " <") || strings.Contains(l.value, "://") {
			continue // Texts, which Find looks through.
		}
		if n := testing.AllocsPerRun(1, func() { d.Classify(at[i], l.value) }); n > 0 {
			spent++
			t.Errorf("%q in %q: %v allocations for %q", l.name, l.path, n, l.value)
		}
		if spent > 5 {
			break
		}
	}
}

func BenchmarkClassify(b *testing.B) {
	d := detector(b)
	for _, c := range []struct {
		what, value string
		place       sensitive.Context
	}{
		{"status", "ACTIVE", sensitive.Context{Name: "status", Path: []string{"order"}, Route: []string{"orders"}}},
		{"number", "1234.50", sensitive.Context{Name: "unitPrice", Path: []string{"order", "items"}, Route: []string{"orders"}}},
		{"uuid", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", sensitive.Context{Name: "id", Path: []string{"order"}, Route: []string{"orders"}}},
		{"text", "Please deliver before noon", sensitive.Context{Name: "note", Path: []string{"order"}, Route: []string{"orders"}}},
		{"email", "ada.lovelace@example.org", sensitive.Context{Name: "email", Path: []string{"customer"}, Route: []string{"orders"}}},
		{"card", "4111111111111111", sensitive.Context{Name: "cardNumber", Path: []string{"payment"}, Route: []string{"orders"}}},
		{"long", strings.Repeat("Please deliver before noon. ", 400), sensitive.Context{Name: "note"}},
	} {
		b.Run(c.what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.Classify(c.place, c.value)
			}
		})
		b.Run(c.what+"/prepared", func(b *testing.B) {
			p := d.Name(c.place)
			b.ReportAllocs()
			for b.Loop() {
				p.Classify(c.value)
			}
		})
	}
}
