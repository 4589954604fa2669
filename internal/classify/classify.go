// Package classify recognises personal data, payment data and secrets in short
// texts, and the names of places where secrets are kept. It reads bytes and
// nothing else: no settings, no state, no network. It is not a proof of absence: a
// password in running prose looks like any other word.
package classify

import "strings"

// Class is one kind of sensitive data. Its value is the placeholder's text, so
// that an Email is redacted as "[email]".
type Class string

// The classes that Find knows.
const (
	// Email is a mail address.
	Email Class = "email"
	// Card is a payment card number of a known issuer that passes Luhn's check.
	Card Class = "card"
	// IBAN is an account number (ISO 13616) that passes the check modulo 97.
	IBAN Class = "iban"
	// SSN is a United States social security number with hyphens.
	SSN Class = "ssn"
	// Phone is an E.164 number with its plus sign.
	Phone Class = "phone"
	// JWT is a compact JSON web token: signed, encrypted or unsecured.
	JWT Class = "jwt"
	// PrivateKey is a private key in PEM form.
	PrivateKey Class = "private-key"
	// AWSKey is the identifier of an AWS access key.
	AWSKey Class = "aws-key"
	// GitHubToken is a token issued by GitHub.
	GitHubToken Class = "github-token"
	// GitLabToken is a token issued by GitLab.
	GitLabToken Class = "gitlab-token"
	// SlackToken is a token issued by Slack.
	SlackToken Class = "slack-token"
	// StripeKey is a secret key issued by Stripe.
	StripeKey Class = "stripe-key"
	// GoogleKey is a key or token issued by Google.
	GoogleKey Class = "google-key"
	// APIKey is a key of another issuer that marks its keys by a prefix.
	APIKey Class = "api-key"
	// Credentials are those behind Basic and Bearer and in a URL.
	Credentials Class = "credentials"
	// Secret is the value of a place that SecretName knows, as in password=x.
	Secret Class = "secret"
	// Token is a string too random to be a word.
	Token Class = "token"
)

// Classes gives every class, in the order in which they are documented.
func Classes() []Class {
	return []Class{
		Email, Card, IBAN, SSN, Phone, JWT, PrivateKey, AWSKey, GitHubToken, GitLabToken,
		SlackToken, StripeKey, GoogleKey, APIKey, Credentials, Secret, Token,
	}
}

// Match is one piece of sensitive data: text[Start:End], in bytes.
type Match struct {
	Class      Class
	Start, End int
}

// Find gives the sensitive data in text from left to right, without overlaps.
// Placeholders that Redact wrote are passed over. It takes time linear in the
// length of text, and allocates only for what it finds.
func Find(text string) []Match {
	var found []Match
	f := finder{text: text}
	for i := 0; i < len(text); {
		if n := placeholder(text[i:]); n > 0 {
			i += n
			f.edge = i
			continue
		}
		m := f.at(i)
		if m.End <= m.Start {
			i++
			continue
		}
		found = append(found, m)
		i = m.End
		f.edge = i
	}
	return found
}

// redacted replaces a text that can not be redacted piece by piece.
const redacted = "[redacted]"

// passes bounds how often Redact looks again. What it replaces can set free
// what was part of a longer word before; in practice twice is enough.
const passes = 4

// Redact gives text with every match of Find replaced by its class in brackets,
// such as "[email]". Find reports nothing in the result, and redacting it again
// changes nothing.
func Redact(text string) string {
	for range passes {
		found := Find(text)
		if len(found) == 0 {
			return text
		}
		text = replace(text, found)
	}
	if len(Find(text)) > 0 {
		return redacted
	}
	return text
}

func replace(text string, found []Match) string {
	var b strings.Builder
	b.Grow(len(text))
	done := 0
	for _, m := range found {
		b.WriteString(text[done:m.Start])
		b.WriteByte('[')
		b.WriteString(string(m.Class))
		b.WriteByte(']')
		done = m.End
	}
	b.WriteString(text[done:])
	return b.String()
}

// placeholder gives the length of the placeholder that text begins with, or 0.
func placeholder(text string) int {
	if text == "" || text[0] != '[' {
		return 0
	}
	end := strings.IndexByte(text[:min(len(text), len("[github-token]")+1)], ']')
	if end < 0 {
		return 0
	}
	switch Class(text[1:end]) {
	case Email, Card, IBAN, SSN, Phone, JWT, PrivateKey, AWSKey, GitHubToken, GitLabToken,
		SlackToken, StripeKey, GoogleKey, APIKey, Credentials, Secret, Token, "redacted":
		return end + 1
	}
	return 0
}
