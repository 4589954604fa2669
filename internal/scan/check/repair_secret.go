package check

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// secretReference puts a placeholder where a secret stands, and its name into the
// files of secure properties.
func secretReference(c *Context, f *mule.XMLFile, a *document.Attr) *Repair {
	names := surveyOf(c).secretNames(c)
	property := names[a]
	if property == "" {
		return nil
	}
	placeholder, missing := secretPlaceholder(c, property)
	edits := []Edit{{f.File, a.Value.Span, placeholder}}
	if strings.Contains(placeholder, "secure::") {
		return suggested("take the value from the secure property "+property+"; put its encrypted value in the place of TODO", append(edits, withSecrets(c, missing)...)...)
	}
	// All names are listed at once: each repair makes the same edit.
	var all []string
	for _, name := range names {
		all = append(all, name)
	}
	slices.Sort(all)
	return suggested("take the value from the property "+property+", which is given when the application is deployed", append(edits, withSecrets(c, slices.Compact(all)...)...)...)
}

// secretNames are the names of properties for the attributes outside of tests in which
// secrets are written.
func (m *Memory) secretNames(c *Context) map[*document.Attr]string {
	if m.secrets != nil {
		return m.secrets
	}
	m.secrets = map[*document.Attr]string{}
	count := map[string]int{}
	elements := map[*document.Attr]*document.Element{}
	eachSecret(c, func(f *mule.XMLFile, e *document.Element, a *document.Attr, name string) {
		if f.Test || !isPlain(constantText(a.Value.Text)) {
			return
		}
		prefix := strings.ToLower(e.Prefix)
		if prefix == "" {
			prefix = "app"
		}
		property := prefix + "." + strings.ToLower(strings.Join(nameWords(name), "."))
		m.secrets[a], elements[a] = property, e
		count[property]++
	})
	eachPropertyName(c.Project, func(name string) { count[name]++ })
	for a, property := range m.secrets {
		owner := nameWords(ownerOf(elements[a]))
		if (count[property] > 1 || len(c.Project.Properties.Named(property)) > 0) && len(owner) > 0 {
			kind, rest, _ := strings.Cut(property, ".")
			m.secrets[a] = kind + "." + strings.Join(owner, ".") + "." + rest
		}
	}
	return m.secrets
}

// secretPlaceholder stands for a secret: of the encrypted files, where there are
// some; otherwise it is given when the application is deployed. The property is
// returned if nothing has it yet.
func secretPlaceholder(c *Context, property string) (placeholder, missing string) {
	if len(c.Project.Properties.Named(property)) == 0 {
		missing = property
	}
	if configs, _ := secureFiles(c.Project); len(configs) > 0 {
		return "${secure::" + property + "}", missing
	}
	return "${" + property + "}", missing
}

// withSecrets are the edits by which secrets are known: in each encrypted file, or
// in the list of what the runtime does not show.
func withSecrets(c *Context, names ...string) []Edit {
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	configs, files := secureFiles(c.Project)
	if len(configs) == 0 {
		if edit, ok := listSecureProperties(c.Project, names); ok {
			return []Edit{edit}
		}
		return nil
	}
	var edits []Edit
	for _, file := range files {
		if len(names) > 0 {
			edits = append(edits, withProperties(file, names, "TODO"))
		}
	}
	return edits
}

// withProperties adds properties to the end of a file.
func withProperties(file *mule.File, names []string, value string) Edit {
	end, text := len(file.Text), ""
	for _, name := range names {
		if strings.HasSuffix(file.Name, ".properties") {
			text += name + "=" + value + "\n"
		} else {
			text += name + `: "` + value + "\"\n"
		}
	}
	if end > 0 && file.Text[end-1] != '\n' {
		text = "\n" + text
	}
	return Edit{file, document.Span{Start: end, End: end}, text}
}
