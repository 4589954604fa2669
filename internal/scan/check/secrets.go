package check

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

// secrets are the checks of credentials in what is written in Mule files.
func secrets() []entry[Func] {
	return []entry[Func]{
		{"secret-attribute", secretAttribute},
		{"secret-in-address", secretInAddress},
		{"secret-in-header", secretInHeader},
		{"secure-key-literal", secureKeyLiteral},
		{"secure-key-kept", secureKeyKept},
		{"plain-secret-property", plainSecretProperty},
		{"encrypted-elsewhere", encryptedElsewhere},
		{"secure-properties-missing", securePropertiesMissing},
		{"known-secret", knownSecret},
		{"weak-password", weakPassword},
		{"secret-in-pom", secretInPOM},
		{"secret-in-pipeline", secretInPipeline},
		{"same-secret-everywhere", sameSecretEverywhere},
		{"falls-back-to-development", fallsBack},
		{"credential-overdue", credentialOverdue},
	}
}

// secretAttributes are those that hold a secret and nothing else.
var secretAttributes = regexp.MustCompile(`^(?:password|[a-z][A-Za-z]*Password|secretKey|securityToken|clientSecret|client_secret|consumerSecret|passphrase|keyPassphrase|` +
	`apiKey|accessToken|sasToken|privateKey|accountKey|sharedKey|sharedAccessKey|authToken|apiToken|bearerToken|secretAccessKey|subscriptionKey|encryptionKey)$`)

// passwordAttributes are those that hold passwords people choose themselves.
var passwordAttributes = regexp.MustCompile(`(?i)(?:password|passphrase|secret)$`)

// isTestSpace tells the elements of MUnit.
func isTestSpace(e *document.Element) bool {
	return strings.Contains(e.Name.Space, "/munit") || strings.Contains(e.Name.Space, "schema/mule/test")
}

// eachSecret visits the attributes in which secrets stand, of tests too, with the
// name that the secret has.
func eachSecret(c *Context, visit func(f *mule.XMLFile, e *document.Element, a *document.Attr, name string)) {
	for _, f := range configurations(c.Project) {
		if c.Err() != nil {
			return
		}
		f.Document.Root.Walk(func(e *document.Element) bool {
			if isTestSpace(e) {
				return true
			}
			for i := range e.Attrs {
				a := &e.Attrs[i]
				if a.Name.Space == "" && secretAttributes.MatchString(a.Name.Local) {
					visit(f, e, a, a.Name.Local)
				}
			}
			if key, value := namedValue(e); value != nil && secretStrength(key) >= keySecret && !secretHeaderName.MatchString(key) {
				visit(f, e, value, key)
			}
			return true
		})
	}
}

// configurations are the files with Mule elements, and those with beans of Spring.
func configurations(p *mule.Project) []*mule.XMLFile {
	out := append([]*mule.XMLFile(nil), p.Configs...)
	for _, f := range p.Documents {
		if f.Document != nil && f.Document.Root.Name.Local == "beans" {
			out = append(out, f)
		}
	}
	return out
}

// namedValue is what an element names, and the value it gives it.
func namedValue(e *document.Element) (name string, value *document.Attr) {
	switch e.Name.Local {
	case "connection-property", "property", "entry", "jms-property", "provider-property":
		return or(e.Value("key"), e.Value("name")), e.Attr("value")
	case "set-variable":
		if e.Name.Space == spaceCore {
			return e.Value("variableName"), e.Attr("value")
		}
	}
	return "", nil
}

// secretAttribute finds credentials that are written into configurations.
func secretAttribute(c *Context) {
	eachSecret(c, func(f *mule.XMLFile, e *document.Element, a *document.Attr, name string) {
		text := constantText(a.Value.Text)
		if !isSecret(text) || !looksSecret(text, sureSecret) || strings.EqualFold(text, name) {
			return
		}
		r := Report{
			Place:   taint.Place{File: f.File, Span: a.Whole, Element: e},
			Message: "the " + name + " of " + titled(e) + " is written into the file",
			Detail:  "@" + a.Name.Local,
			Repair:  secretReference(c, f, a),
			secret:  a.Value.Span,
		}
		if f.Test || guardsTrust(e, name) {
			r.Severity = finding.Low
		}
		c.Report(r)
	})
}

// isSecureConfig tells the configurations of encrypted properties.
func isSecureConfig(e *document.Element) bool {
	return e.Is("http://www.mulesoft.org/schema/mule/secure-properties", "config") ||
		e.Is("http://www.mulesoft.org/schema/mule/secure-property-placeholder", "config")
}

// secureFiles are the configurations of encrypted properties outside tests, and the
// files that they read.
func secureFiles(p *mule.Project) (configs []*document.Element, files []*mule.File) {
	for _, f := range p.Configs {
		if f.Test {
			continue
		}
		f.Document.Root.Walk(func(e *document.Element) bool {
			if isSecureConfig(e) {
				configs = append(configs, e)
			}
			return true
		})
	}
	if p.Properties == nil {
		return configs, nil
	}
	seen := map[*mule.File]bool{}
	for _, one := range p.Properties.All {
		if one.Secure && !seen[one.File] {
			seen[one.File] = true
			files = append(files, one.File)
		}
	}
	return configs, files
}

var (
	// userInAddress is a user with a password in an address.
	userInAddress = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]{1,20}://[^/\s:@"'?#]{0,100}:([^/\s@"'?#]{1,200})@`)
	// passwordInAddress is a parameter of an address.
	passwordInAddress = regexp.MustCompile(`(?i)[?&;,](?:password|pwd|passwd|pass|secret|token|access_token|api_?key|sig|client_secret|accountkey|sharedaccesskey)=([^&;,\s"']{1,400})`)
	// anyWord is what people write for a password when they explain addresses.
	anyWord       = regexp.MustCompile(`(?i)^(?:pass|password|pwd|secret|token)$`)
	oracleAddress = regexp.MustCompile(`(?i)jdbc:oracle:(?:thin|oci):[^/\s@]{1,100}/([^@\s]{1,200})@`)
)

// secretIn is the span of a password in an address, if there is one.
func secretIn(text string) (start, end int, ok bool) {
	if !strings.Contains(text, "://") && !strings.Contains(text, "jdbc:") && !strings.Contains(text, "ndpoint=") {
		return 0, 0, false
	}
	for _, form := range []*regexp.Regexp{userInAddress, oracleAddress, passwordInAddress} {
		for _, m := range form.FindAllStringSubmatchIndex(text, 20) {
			value := text[m[2]:m[3]]
			if isPlain(value) && issuedKey(value) == "" && len(value) > 1 && !anyWord.MatchString(value) {
				return m[2], m[3], true
			}
		}
	}
	return 0, 0, false
}

// secretInAddress finds passwords in addresses of Mule files and properties.
func secretInAddress(c *Context) {
	for _, f := range c.Project.Configs {
		if f.Test || c.Err() != nil {
			continue
		}
		f.Document.Root.Walk(func(e *document.Element) bool {
			for i := range e.Attrs {
				a := &e.Attrs[i]
				if a.Name.Space != "" || e.Is(spaceCore, "global-property") || strings.HasPrefix(a.Value.Text, "#[") {
					continue
				}
				if start, end, ok := secretIn(a.Value.Text); ok {
					at := taint.Place{File: f.File, Span: a.Value.Part(start, end), Element: e}
					c.Report(Report{
						Place: at, Message: "the address in " + a.Name.Local + " of " + titled(e) + " holds a password", Detail: "@" + a.Name.Local,
						Repair: secretElsewhere(c, at, "password", false),
					})
				}
			}
			return true
		})
	}
	for _, p := range properties(c) {
		if start, end, ok := secretIn(p.Value); ok {
			r := Report{Place: propertyPlace(p, start, end), Message: "the address in the property " + p.Name + " holds a password", Detail: p.Name}
			r.Severity = propertySeverity(p, finding.High)
			c.Report(r)
		}
	}
}
