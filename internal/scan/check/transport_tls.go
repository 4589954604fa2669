package check

import (
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

func isTrue(v string) bool { return strings.EqualFold(v, "true") }

func certificateChecksOff(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		switch key := e.Value("key"); {
		case e.Is(spaceTLS, "trust-store") && e.Attr("insecure") != nil:
			s.insecureTrust(f, e)
		case key == "ssl.endpoint.identification.algorithm" && e.Attr("value") != nil && e.Value("value") == "":
			c.Report(Report{Place: c.Element(f, e), Severity: finding.High, Message: "the name in the broker's certificate is not compared with its host"})
		case strings.HasPrefix(key, "mail.") && strings.HasSuffix(key, ".ssl.trust") && e.Value("value") == "*":
			c.Report(Report{Place: c.Element(f, e), Severity: finding.High, Message: "any certificate of the mail server is accepted"})
		}
	})
	for _, f := range c.Project.Java {
		if !f.Test {
			s.trustingJava(f)
		}
	}
}

// insecureTrust judges a trust store whose attribute insecure is set.
func (s *survey) insecureTrust(f *mule.XMLFile, e *document.Element) {
	a := e.Attr("insecure")
	at := s.where(a.Value.Text, isTrue)
	if at == nowhere {
		return
	}
	r := Report{Place: s.Attribute(f, e, "insecure"), Message: "the trust store of " + ownerOf(e) + " accepts any certificate"}
	switch {
	case at == elsewhere:
		r.Severity, r.Message = finding.Medium, r.Message+" in environments other than production"
	case strings.Contains(a.Value.Text, "${"):
		r.Severity, r.Confidence = finding.High, finding.MediumConfidence
		r.Message += ", as the property says"
	case e.Value("path") != "":
		r.Repair = safely("remove insecure", withoutAttribute(f, a))
	default:
		r.Repair = suggested("remove insecure, so that the certificates of the Java runtime count", withoutAttribute(f, a))
	}
	s.Report(r)
}

// ownerOf is what people call the configuration that an element is part of.
func ownerOf(e *document.Element) string {
	for ; e != nil && e.Parent != nil; e = e.Parent {
		if name := e.Value("name"); name != "" {
			return name
		}
	}
	return "the connection"
}

// trustAll is Java that accepts any certificate or host name.
var trustAll = regexp.MustCompile(`NoopHostnameVerifier|ALLOW_ALL_HOSTNAME_VERIFIER|AllowAllHostnameVerifier|TrustAllStrategy|` +
	`[hH]ostnameVerifier\s*\(\s*\(?\s*\w+\s*,\s*\w+\s*\)?\s*->\s*(?:true|\{\s*return\s+true)|` +
	`public\s+boolean\s+verify\s*\(\s*(?:final\s+)?String\s+\w+\s*,\s*(?:final\s+)?SSLSession\s+\w+\s*\)\s*\{\s*return\s+true|` +
	`void\s+checkServerTrusted\s*\([^)]{0,200}\)\s*(?:throws\s+[\w., ]{1,100})?\s*\{\s*\}`)

func (s *survey) trustingJava(f *mule.File) {
	for _, at := range trustAll.FindAllIndex(f.Text, 8) {
		line := f.Text[:at[0]]
		line = line[strings.LastIndexByte(string(line), '\n')+1:]
		text := strings.TrimSpace(string(line))
		if strings.HasPrefix(text, "//") || strings.HasPrefix(text, "*") || strings.HasPrefix(text, "import ") {
			continue
		}
		s.Report(Report{
			Place: taint.Place{File: f, Span: document.Span{Start: at[0], End: at[1]}}, Severity: finding.High,
			Confidence: finding.MediumConfidence, Message: "the code accepts any certificate or host name",
		})
		return
	}
}

var separators = regexp.MustCompile(`[\s,;:]+`)

// listed are the words of a list that fulfil a condition, of all values that an
// attribute stands for, and where: those of production before the others.
func (s *survey) listed(text string, is func(string) bool) ([]string, verdict) {
	all := s.settings(text)
	production := slices.ContainsFunc(all, func(v setting) bool { return isProduction(v.environment) })
	var words []string
	at := elsewhere
	for _, v := range all {
		counts := isProduction(v.environment) || v.environment == "" && !production
		if counts && at != deployed {
			words, at = nil, deployed
		}
		if !counts && at == deployed {
			continue
		}
		for _, w := range separators.Split(strings.TrimSpace(v.text), -1) {
			if w != "" && is(w) && !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
	}
	return words, at
}

func isOldProtocol(v string) bool {
	switch strings.ToUpper(v) {
	case "SSL", "SSLV2", "SSLV3", "SSLV2HELLO", "TLSV1", "TLSV1.0", "TLSV1.1":
		return true
	}
	return false
}

func oldProtocols(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		a := e.Attr("enabledProtocols")
		if a == nil || e.Name.Space != spaceTLS {
			return
		}
		old, at := s.listed(a.Value.Text, isOldProtocol)
		if len(old) == 0 {
			return
		}
		r := Report{Place: c.Attribute(f, e, "enabledProtocols"), Message: strings.Join(old, ", ") + " allowed by the TLS context of " + ownerOf(e)}
		if at == elsewhere {
			r.Severity = finding.Low
		}
		if !strings.Contains(a.Value.Text, "${") {
			rest := without(a.Value.Text, isOldProtocol)
			if rest == "" {
				rest = "TLSv1.2"
			}
			r.Repair = safely("allow TLS 1.2 and newer only", withAttribute(f, e, "enabledProtocols", rest))
		}
		c.Report(r)
	})
}

// without is a list without the words that fulfil a condition.
func without(list string, is func(string) bool) string {
	words := separators.Split(strings.TrimSpace(list), -1)
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" || is(w) }), ",")
}

var (
	weakSuite = regexp.MustCompile(`(?i)_NULL_|_NULL$|EXPORT|_RC4_|_RC2_|_DES_|_DES40_|_3DES_|_MD5$|_anon_`)
	// agedSuite has no authenticated encryption and SHA-1.
	agedSuite = regexp.MustCompile(`(?i)_CBC_SHA$`)
)

func weakSuites(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		a := e.Attr("enabledCipherSuites")
		if a == nil || e.Name.Space != spaceTLS {
			return
		}
		is := weakSuite.MatchString
		found, at := s.listed(a.Value.Text, is)
		r := Report{Place: c.Attribute(f, e, "enabledCipherSuites")}
		if len(found) == 0 {
			is = agedSuite.MatchString
			found, at = s.listed(a.Value.Text, is)
			r.Severity = finding.Low
		}
		if len(found) == 0 {
			return
		}
		if at == elsewhere {
			r.Severity = finding.Low
		}
		r.Message = strings.Join(found[:min(len(found), 4)], ", ") + " allowed by the TLS context of " + ownerOf(e)
		if !strings.Contains(a.Value.Text, "${") {
			both := func(v string) bool { return weakSuite.MatchString(v) || is(v) }
			edit := withAttribute(f, e, "enabledCipherSuites", without(a.Value.Text, both))
			if edit.Text == "" {
				edit = withoutAttribute(f, a)
			}
			r.Repair = safely("allow strong cipher suites only", edit)
		}
		c.Report(r)
	})
}
