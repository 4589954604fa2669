package check

import (
	"path"
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

// privateKey is a private key in PEM, with at least a line of it.
var privateKey = regexp.MustCompile(`-----BEGIN ((?:RSA |EC |DSA |OPENSSH )?|ENCRYPTED )PRIVATE KEY-----\s+(?:[A-Za-z-]+: [^\n]*\n\s*)*[A-Za-z0-9+/=]{40}`)

func keyMaterial(c *Context) {
	s := surveyOf(c)
	stores := s.keyStores()
	for _, name := range sortedKeys(c.Project.Files) {
		f := c.Project.Files[name]
		if f.Test || c.Err() != nil || strings.HasPrefix(name, "src/test/") {
			continue
		}
		if at := privateKey.FindSubmatchIndex(f.Text); at != nil {
			r := Report{Place: taint.Place{File: f, Span: document.Span{Start: at[0], End: at[3] + len("PRIVATE KEY-----")}}, Message: "a private key is part of the project"}
			if strings.HasPrefix(string(f.Text[at[2]:at[3]]), "ENCRYPTED") {
				r.Severity, r.Message = finding.Medium, "an encrypted private key is part of the project"
			}
			c.Report(r)
			continue
		}
		switch ext := strings.ToLower(path.Ext(name)); ext {
		case ".jks", ".jceks", ".p12", ".pfx", ".keystore", ".bks":
			use := stores[f.ClassPath]
			lower := strings.ToLower(path.Base(name))
			if use == "trust" || use == "" && (strings.Contains(lower, "trust") || strings.Contains(lower, "cacert")) {
				continue
			}
			r := Report{Place: taint.Place{File: f}, Message: "the key store " + path.Base(name) + " is part of the project"}
			if use == "" {
				r.Severity, r.Confidence = finding.Medium, finding.MediumConfidence
			}
			c.Report(r)
		}
	}
}

// keyStores are what stores of the class path are used for: "key" or "trust".
func (s *survey) keyStores() map[string]string {
	use := map[string]string{}
	s.each(func(_ *mule.XMLFile, e *document.Element) {
		for i := range e.Attrs {
			kind, name := "key", strings.ToLower(e.Attrs[i].Name.Local)
			switch {
			case e.Is(spaceTLS, "trust-store"):
				kind = "trust"
			case e.Is(spaceTLS, "key-store"):
			case name != "keystore" && name != "keystorepath" && name != "keystorefile":
				continue
			}
			for _, v := range s.settings(e.Attrs[i].Value.Text) {
				name := strings.TrimPrefix(strings.TrimPrefix(v.text, "classpath:"), "/")
				if use[name] != "key" {
					use[name] = kind
				}
			}
		}
	})
	return use
}

func insecureCookie(c *Context) {
	s := surveyOf(c)
	s.eachScript(func(code *mule.Code) {
		inspect(code.Tree, func(n syntax.Node) bool {
			field, ok := n.(*syntax.Field)
			if !ok {
				return true
			}
			if name, known := wholeText(field.Key); known && strings.EqualFold(name, "set-cookie") {
				s.cookie(code, field.Value)
			}
			return true
		})
	}, "set-cookie")
}

// cookie judges the value of a Set-Cookie header.
func (s *survey) cookie(code *mule.Code, value syntax.Node) {
	var texts []string
	var last *syntax.String
	if !literalParts(value, &texts, &last) || last == nil {
		return
	}
	all := strings.ToLower(strings.Join(texts, " "))
	if !strings.Contains(all, "=") {
		return
	}
	missing := ""
	var names []string
	for _, part := range [...]struct{ name, word, text string }{
		{"Secure", "; secure", "; Secure"}, {"HttpOnly", "httponly", "; HttpOnly"}, {"SameSite", "samesite", "; SameSite=Lax"},
	} {
		if !strings.Contains(strings.ReplaceAll(all, ";secure", "; secure"), part.word) {
			missing += part.text
			names = append(names, part.name)
		}
	}
	if missing == "" {
		return
	}
	end := code.Offset(last.End - 1)
	s.Report(Report{
		Place: inCode(code, value), Message: "the cookie is set without " + strings.Join(names, ", "),
		Repair: safely("add what is missing", Edit{File: code.File, Span: document.Span{Start: end, End: end}, Text: missing}),
	})
}

// literalParts collects the literal texts of a concatenation; last is the text that
// it ends with, nil where that is something else. It says whether it is one.
func literalParts(n syntax.Node, texts *[]string, last **syntax.String) bool {
	*last = nil
	switch n := n.(type) {
	case *syntax.Group:
		return literalParts(n.X, texts, last)
	case *syntax.Binary:
		if n.Op != "++" {
			return true
		}
		left := literalParts(n.Left, texts, last)
		return literalParts(n.Right, texts, last) && left
	case *syntax.String:
		for i := range n.Parts {
			*texts = append(*texts, n.Parts[i].Text)
		}
		if k := len(n.Parts); k == 0 || n.Parts[k-1].X == nil {
			*last = n
		}
	}
	return true
}
