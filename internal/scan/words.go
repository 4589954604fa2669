package scan

import "farrier.dev/farrier/internal/scan/taint"

// kinds are the words for what data does harm in.
func kinds() []named[taint.Kind] {
	return []named[taint.Kind]{
		{"sql", taint.SQL},
		{"soql", taint.SOQL},
		{"nosql", taint.NoSQL},
		{"ldap", taint.LDAP},
		{"xpath", taint.XPath},
		{"xslt", taint.XSLT},
		{"graphql", taint.GraphQL},
		{"command", taint.Command},
		{"code", taint.Code},
		{"class-name", taint.ClassName},
		{"log", taint.Log},
		{"header", taint.Header},
		{"html", taint.HTML},
		{"mail-field", taint.MailField},
		{"prompt", taint.Prompt},
		{"csv", taint.CSV},
		{"url", taint.URL},
		{"url-path", taint.URLPath},
		{"file-path", taint.FilePath},
		{"store-key", taint.StoreKey},
		{"output", taint.Output},
		{"size", taint.Size},
		{"stored", taint.Stored},
		{"xml", taint.XML},
		{"object", taint.Object},
	}
}

// labels are the words for where data comes from.
func labels() []named[taint.Label] {
	return []named[taint.Label]{
		{"client", taint.Client},
		{"agent", taint.Agent},
		{"queue", taint.Queue},
		{"remote", taint.Remote},
		{"mail", taint.Mail},
		{"file", taint.File},
		{"database", taint.Database},
		{"error", taint.Error},
		{"secret", taint.Secret},
		{"personal", taint.Personal},
		{"random", taint.Random},
		{"whole", taint.Whole},
		{"backend", taint.Backend},
		{"untrusted", taint.Untrusted},
	}
}

// positions are the words for where in an argument data does the harm.
func positions() []named[taint.Position] {
	return []named[taint.Position]{
		{"anywhere", taint.Anywhere},
		{"value", taint.InValue},
		{"identifier", taint.InIdentifier},
		{"host", taint.InHost},
		{"path", taint.InPath},
		{"name", taint.InName},
		{"whole", taint.AsWhole},
	}
}
