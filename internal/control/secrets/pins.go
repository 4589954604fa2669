package secrets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/secret"
)

// stored is how a reference to a kept secret begins within JSON.
var stored = []byte(`"${secret:`)

// PinRevision writes into a revision the versions of all secrets that it refers to.
// It copies what it changes, so that the revision may share its slices with another.
// Errors name the place where the reference was written.
func PinRevision(rev *revision.Revision, pin func(secret.Stored) (secret.Stored, error)) error {
	pinned := func(source revision.Source, text json.RawMessage) (json.RawMessage, error) {
		out, err := pinJSON(text, pin)
		if err != nil && source.File != "" {
			err = fmt.Errorf("%s:%d: %w", source.File, source.Line, err)
		}
		return out, err
	}
	bindings := func(all []revision.Binding) ([]revision.Binding, error) {
		all = slices.Clone(all)
		for i := range all {
			var err error
			if all[i].Settings, err = pinned(all[i].Source, all[i].Settings); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	var err error
	rev.APIs, rev.Services = slices.Clone(rev.APIs), slices.Clone(rev.Services)
	for i := range rev.APIs {
		api := &rev.APIs[i]
		if api.TLS, err = pinned(api.Source, api.TLS); err != nil {
			return err
		}
		if api.Policies, err = bindings(api.Policies); err != nil {
			return err
		}
		api.Clients = slices.Clone(api.Clients)
		for j := range api.Clients {
			if api.Clients[j].Secret, err = pinText(api.Clients[j].Secret, pin); err != nil {
				return fmt.Errorf("client %s of API %s: %w", api.Clients[j].ID, api.Name, err)
			}
		}
	}
	for i := range rev.Services {
		service := &rev.Services[i]
		if service.TLS, err = pinned(service.Source, service.TLS); err != nil {
			return err
		}
		if service.Policies, err = bindings(service.Policies); err != nil {
			return err
		}
	}
	if rev.Settings.PolicyCalls, err = pinned(revision.Source{}, rev.Settings.PolicyCalls); err != nil {
		return err
	}
	if err := pinStorage(&rev.Settings.SharedStorage, pin); err != nil {
		return fmt.Errorf("shared storage: %w", err)
	}
	if err := pinTracing(&rev.Settings.Tracing, pin); err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	return nil
}

// pinStorage pins the references of the store that gateways share.
func pinStorage(s *revision.SharedStorage, pin func(secret.Stored) (secret.Stored, error)) (err error) {
	s.SentinelAddresses = slices.Clone(s.SentinelAddresses)
	texts := []*string{&s.Address, &s.Username, &s.Password, &s.SentinelPassword}
	for i := range s.SentinelAddresses {
		texts = append(texts, &s.SentinelAddresses[i])
	}
	for _, text := range texts {
		if *text, err = pinText(*text, pin); err != nil {
			return err
		}
	}
	s.TLS, err = pinJSON(s.TLS, pin)
	return err
}

// pinTracing pins the references of the collector of spans.
func pinTracing(t *revision.Tracing, pin func(secret.Stored) (secret.Stored, error)) (err error) {
	if t.Address, err = pinText(t.Address, pin); err != nil {
		return err
	}
	t.Headers = maps.Clone(t.Headers)
	for name, text := range t.Headers {
		if t.Headers[name], err = pinText(text, pin); err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
	}
	return nil
}

func pinText(text string, pin func(secret.Stored) (secret.Stored, error)) (string, error) {
	if !secret.IsStored(text) {
		return text, nil
	}
	ref, err := secret.ParseStored(text)
	if err != nil {
		return "", err
	}
	pinned, err := pin(ref.Bare())
	if err != nil {
		return "", fmt.Errorf("secret %s/%s: %w", ref.Group, ref.Name, err)
	}
	return pinned.String(), nil
}

func pinJSON(text json.RawMessage, pin func(secret.Stored) (secret.Stored, error)) (json.RawMessage, error) {
	if !bytes.Contains(text, stored) {
		return text, nil
	}
	value, err := readJSON(text)
	if err != nil {
		return nil, err
	}
	value, err = eachText("", value, nil, func(field, text string, _ map[string]any) (string, error) {
		pinned, err := pinText(text, pin)
		if err != nil {
			return "", fmt.Errorf("field %s: %w", field, err)
		}
		return pinned, nil
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

func readJSON(text json.RawMessage) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	return value, nil
}

// eachText replaces every text of a value by what change makes of it.
func eachText(field string, value any, schema map[string]any, change func(field, text string, schema map[string]any) (string, error)) (any, error) {
	var err error
	switch v := value.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			sub, _ := properties[name].(map[string]any)
			if v[name], err = eachText(strings.TrimPrefix(field+"."+name, "."), v[name], sub, change); err != nil {
				return nil, err
			}
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		for i := range v {
			if v[i], err = eachText(field+"["+strconv.Itoa(i)+"]", v[i], items, change); err != nil {
				return nil, err
			}
		}
	case string:
		return change(field, v, schema)
	}
	return value, nil
}

// UsesOf lists the credentials in a revision: every reference to a kept secret, and
// every setting that its policy calls secret. schema finds the schema of a policy's
// settings, nil for none.
func UsesOf(rev *revision.Revision, schema func(policy string) map[string]any) []Use {
	if rev == nil {
		return nil
	}
	var all []Use
	add := func(resource, policy string, source revision.Source, settings json.RawMessage) {
		if len(settings) == 0 {
			return
		}
		value, err := readJSON(settings)
		if err != nil {
			return
		}
		_, _ = eachText("", value, schema(policy), func(field, text string, schema map[string]any) (string, error) {
			if reference, is := credential(text, schema); is {
				all = append(all, Use{Resource: resource, Policy: policy, Setting: field, Reference: reference, File: source.File, Line: source.Line})
			}
			return text, nil
		})
	}
	for i := range rev.APIs {
		api := &rev.APIs[i]
		name := "api " + api.Name.String()
		add(name, "tls", api.Source, api.TLS)
		for _, b := range api.Policies {
			add(name, b.Policy, b.Source, b.Settings)
		}
		for _, c := range api.Clients {
			if reference, is := credential(c.Secret, nil); is {
				all = append(all, Use{Resource: name, Policy: "contract", Setting: "client " + c.ID, Reference: reference, File: c.Source.File, Line: c.Source.Line})
			}
		}
	}
	for i := range rev.Services {
		service := &rev.Services[i]
		name := "service " + service.Name.String()
		add(name, "tls-outbound", service.Source, service.TLS)
		for _, b := range service.Policies {
			add(name, b.Policy, b.Source, b.Settings)
		}
	}
	add("configuration", "tls-outbound", revision.Source{}, rev.Settings.PolicyCalls)
	add("shared storage", "tls-outbound", rev.Settings.SharedStorage.Source, rev.Settings.SharedStorage.TLS)
	return append(all, usesOfSettings(&rev.Settings)...)
}

// usesOfSettings lists the credentials in the settings of a gateway.
func usesOfSettings(settings *revision.Settings) (all []Use) {
	for _, one := range []struct{ setting, text string }{
		{"password", settings.SharedStorage.Password}, {"sentinelPassword", settings.SharedStorage.SentinelPassword},
	} {
		if one.text != "" {
			reference, _ := credential(one.text, map[string]any{"writeOnly": true})
			all = append(all, Use{Resource: "shared storage", Setting: one.setting, Reference: reference})
		}
	}
	for _, one := range []struct{ resource, setting, text string }{
		{"shared storage", "address", settings.SharedStorage.Address},
		{"shared storage", "username", settings.SharedStorage.Username},
		{"tracing", "address", settings.Tracing.Address},
	} {
		if reference, is := credential(one.text, nil); is {
			all = append(all, Use{Resource: one.resource, Setting: one.setting, Reference: reference})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(settings.Tracing.Headers)) {
		if reference, is := credential(settings.Tracing.Headers[name], nil); is {
			all = append(all, Use{Resource: "tracing", Setting: "header " + name, Reference: reference})
		}
	}
	return all
}

// credential tells whether a text is one, and which reference it is.
func credential(text string, schema map[string]any) (reference string, is bool) {
	if ref, err := secret.ParseStored(text); err == nil {
		return ref.Bare().String(), true
	}
	if schema["writeOnly"] != true || text == "" {
		return "", false
	}
	for _, prefix := range []string{"env:", "file:", "vault:"} {
		if strings.HasPrefix(text, prefix) {
			return text, true
		}
	}
	if strings.HasPrefix(text, "$") && !strings.HasPrefix(text, "$$") {
		return text, true
	}
	return "", true
}
