package check

import (
	"regexp"
	"strings"
	"unicode"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

const spaceCrypto = "http://www.mulesoft.org/schema/mule/crypto"

// cryptography lists the checks of encryption, hashes and signatures.
func cryptography() []entry[Func] {
	return []entry[Func]{
		{"weak-hash", weakHash},
		{"predictable-token", predictableToken},
		{"pgp-unsigned", pgpUnsigned},
		{"pgp-unchecked", pgpUnchecked},
		{"pgp-private-ring", pgpPrivateRing},
		{"clear-username-token", clearUsernameToken},
	}
}

// isWeakHash says whether a hash, as modules and DataWeave call it, is weak.
func isWeakHash(name string) bool {
	switch strings.NewReplacer("-", "", "_", "").Replace(strings.ToUpper(name)) {
	case "MD2", "MD5", "SHA1", "SHA", "HMACMD5":
		return true
	}
	return false
}

func weakHash(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if e.Is(spaceCrypto, "calculate-checksum") && isWeakHash(e.Value("algorithm")) {
			c.Report(Report{
				Place: c.Attribute(f, e, "algorithm"), Message: "a checksum is made with " + e.Value("algorithm"),
				Repair: suggested("use SHA-256; those who compare the checksum must, too", withAttribute(f, e, "algorithm", "SHA_256")),
			})
		}
	})
	s.eachScript(func(code *mule.Code) {
		inspect(code.Tree, func(n syntax.Node) bool {
			call, ok := n.(*syntax.Call)
			if !ok {
				return true
			}
			if own, ok := imported(code.Tree, functionName(call), "dw::Crypto"); ok {
				if hash, severity := hashOf(own, call.Args); hash != "" {
					c.Report(Report{Place: inCode(code, call), Severity: severity, Detail: own, Message: own + " makes a hash with " + hash})
				}
			}
			return true
		})
	}, "md5", "sha1", "hmac", "hashwith")
}

// hashOf is the weak hash that a function of dw::Crypto makes, empty for none.
func hashOf(function string, args []syntax.Node) (string, finding.Severity) {
	argument := func(i int, otherwise string) string {
		if i >= len(args) {
			return otherwise
		}
		text, _ := wholeText(args[i])
		return text
	}
	hash, severity := "", finding.Severity(0)
	switch function {
	case "MD5":
		hash = "MD5"
	case "SHA1":
		hash = "SHA-1"
	case "hashWith":
		hash = argument(1, "SHA-1")
	case "HMACWith", "HMACBinary":
		// HMAC with SHA-1 is still hard to forge.
		if hash = argument(2, "HmacSHA1"); strings.EqualFold(hash, "HmacSHA1") {
			return hash, finding.Low
		}
	}
	if !isWeakHash(hash) {
		return "", 0
	}
	return hash, severity
}

// secretWords are the words for values that nobody may guess, as the last word of
// a name.
var secretWords = regexp.MustCompile(`(^| )(token|otp|totp|password|passwd|passcode|passphrase|secret|session|session id|sessionid|nonce|salt|api key|apikey|pin|` +
	`(verification|access|reset|confirmation|auth|authorization|activation) code)$`)

// isSecretWord says whether a name is that of a value that nobody may guess.
func isSecretWord(name string) bool {
	var b strings.Builder
	var before rune
	for _, r := range name {
		switch {
		case r == '_' || r == '-' || r == '.' || r == ' ':
			b.WriteRune(' ')
		case unicode.IsUpper(r) && unicode.IsLower(before):
			b.WriteRune(' ')
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(unicode.ToLower(r))
		}
		before = r
	}
	return secretWords.MatchString(b.String())
}

func predictableToken(c *Context) {
	s := surveyOf(c)
	report := func(code *mule.Code, n syntax.Node, name string) {
		c.Report(Report{Place: inCode(code, n), Detail: name, Message: name + " comes of a generator whose values can be guessed"})
	}
	s.eachScript(func(code *mule.Code) {
		if e := code.Element; e != nil && code.File.Name != "" && isSecretWord(e.Value("variableName")) && randomIn(code.Tree.Body) {
			report(code, code.Tree.Body, e.Value("variableName"))
			return
		}
		inspect(code.Tree, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.Field:
				if name, ok := wholeText(n.Key); ok && isSecretWord(name) && randomIn(n.Value) {
					report(code, n.Value, name)
				}
			case *syntax.Var:
				if isSecretWord(n.Name) && randomIn(n.Value) {
					report(code, n.Value, n.Name)
				}
			}
			return true
		})
	}, "random")
}

// randomIn says whether a value is made with random or randomInt.
func randomIn(n syntax.Node) bool {
	found := false
	inspectNode(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Call:
			name := strings.TrimPrefix(functionName(n), "dw::Core::")
			found = found || name == "random" || name == "randomInt"
		case *syntax.Object, *syntax.If:
			return false
		}
		return !found
	})
	return found
}

func pgpUnsigned(c *Context) {
	pgpWithout(c, "pgp-encrypt", []string{"sign"}, "what is encrypted here is not signed")
}

func pgpUnchecked(c *Context) {
	pgpWithout(c, "pgp-decrypt", []string{"validate", "verify"}, "what is opened here may be by anybody: its signature is not checked")
}

// pgpWithout complains of an operation in flows that have none of others.
func pgpWithout(c *Context, operation string, others []string, message string) {
	s := surveyOf(c)
	for _, flow := range c.Project.Flows {
		var first *document.Element
		found := false
		s.reach(flow, func(_ *mule.Flow, e *document.Element) bool {
			if e.Name.Space != spaceCrypto || !strings.HasPrefix(e.Name.Local, "pgp-") {
				return true
			}
			if first == nil && e.Document == flow.File.Document && strings.HasPrefix(e.Name.Local, operation) {
				first = e
			}
			for _, word := range others {
				found = found || strings.Contains(e.Name.Local, word)
			}
			return true
		})
		if first != nil && !found {
			c.Report(Report{Place: c.Element(flow.File, first), Message: message})
		}
	}
}

var privateRing = regexp.MustCompile(`-----BEGIN PGP PRIVATE KEY BLOCK-----`)

func pgpPrivateRing(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		a := e.Attr("privateKeyring")
		if a == nil || e.Name.Space != spaceCrypto {
			return
		}
		inside := func(v string) bool {
			return v != "" && !strings.HasPrefix(v, "/") && !strings.Contains(v, ":") && !strings.HasPrefix(v, "..")
		}
		if s.where(a.Value.Text, inside) == deployed {
			c.Report(Report{Place: c.Attribute(f, e, "privateKeyring"), Message: "the private key ring is a file of the application"})
		}
	})
	for _, name := range sortedKeys(c.Project.Files) {
		f := c.Project.Files[name]
		if f.Test || strings.HasSuffix(name, ".java") {
			continue
		}
		if at := privateRing.FindIndex(f.Text); at != nil {
			c.Report(Report{Place: taint.Place{File: f, Span: document.Span{Start: at[0], End: at[1]}}, Message: "a private PGP key is part of the project"})
		}
	}
}

func clearUsernameToken(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		kind := e.Value("passwordType")
		if e.Name.Space != spaceWSC || strings.TrimPrefix(e.Name.Local, "wss-") != "username-token-security-strategy" || kind != "" && kind != "TEXT" {
			return
		}
		connection := e.Parent
		for connection != nil && connection.Attr("address") == nil {
			connection = connection.Parent
		}
		plain := func(v string) bool { return strings.HasPrefix(v, "http://") && !isInside(hostOf(v)) }
		if connection != nil && s.where(connection.Value("address"), plain) == deployed {
			c.Report(Report{Place: c.Element(f, e), Message: "the password of " + ownerOf(connection) + " is sent in the clear", Also: []*document.Element{connection}})
		}
	})
}
