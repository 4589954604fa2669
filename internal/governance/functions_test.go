package governance

import (
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/tree"
)

// TestOptions holds that functions refuse options that they don't know or can't
// use, and say what is wrong.
func TestOptions(t *testing.T) {
	cases := []struct{ function, options, want string }{
		{"schemas", `{"typs": ["string"]}`, "unknown option"},
		{"schemas", `{"names": "("}`, "names must be a regular expression"},
		{"schemas", `{"atMost": {"maxLength": "ten"}}`, "bounds must be numbers"},
		{"schemas", `{"matches": {"pattern": "("}}`, "matches must hold regular expressions"},
		{"schemas", `{"top": "yes"}`, "top must be true or false"},
		{"schemas", `{"need": [1, {}]}`, "need must list texts"},
		{"schemas", `["need"]`, "functionOptions must be an object"},
		{"pagination", `{"ask": "all"}`, "ask must be pages"},
		{"examples", `{}`, "of must be parameters"},
		{"versions", `{"ask": "newest"}`, "ask must be named"},
		{"provided", `{"anyOf": ["limits"]}`, ""},
		{"provided", `{"when": {"label": {}}}`, "unknown option"},
		{"bounds", `{"a": 1}`, "unknown option"},
	}
	for _, c := range cases {
		options, err := tree.Read(&tree.Source{Name: "o", Text: []byte(c.options)}, tree.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = functions[c.function](options)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s %s: %v", c.function, c.options, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s %s: got %v, want %s", c.function, c.options, err, c.want)
		}
	}
	for name, f := range functions {
		unknown, err := tree.Read(&tree.Source{Name: "o", Text: []byte(`{"ask": "pages", "of": "requests", "nobody": 1}`)}, tree.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f(unknown); err == nil {
			t.Errorf("%s takes unknown options", name)
		}
	}
	t.Logf("%d cases, %d functions", len(cases), len(functions))
}

func TestWords(t *testing.T) {
	for name, want := range map[string]string{
		"userEmail": "user-email", "user_email": "user-email", "User-EMail": "user-e-mail", "userSSN": "user-ssn", "SSN": "ssn", "APIKey": "api-key",
		"a": "a", "": "", "x-api-key": "x-api-key", "line1": "line1", "filter[email]": "filter-email", "__a__b": "a-b", "ID": "id", "oAuth2Token": "o-auth2-token",
	} {
		if got := words(name); strings.TrimRight(got, "-") != want {
			t.Errorf("words(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestClassOf(t *testing.T) {
	for name, want := range map[string]string{
		"email": "email", "contactEmail": "email", "emailVerified": "", "ssn": "ssn", "cardNumber": "card", "cvv": "card", "iban": "iban", "dob": "birth-date",
		"dateOfBirth": "birth-date", "phoneNumber": "phone", "phoneType": "", "accountNumber": "bank-account", "passportNumber": "identity-document",
		"diagnosis": "health", "clientSecret": "secret", "nextPageToken": "", "token_type": "", "name": "", "status": "", "password": "secret",
	} {
		if got := classOf(name); got != want {
			t.Errorf("classOf(%q) = %q, want %q", name, got, want)
		}
	}
}
