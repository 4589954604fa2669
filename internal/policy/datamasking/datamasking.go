// Package datamasking is the policy data-masking: fields of messages, headers
// and what looks like sensitive data are masked for all but those who may read
// them. There is no way back from a mask; tokenization has one.
package datamasking

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/fieldpath"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "data-masking", Title: "Data Masking", Category: "Security",
		Phase: policy.Shape, Schema: schema, Compile: compile,
	}
}

// maxValues is how many values of one message fields may lead to.
const maxValues = 100_000

type header struct {
	name string
	mask *mask
}

type masker struct {
	Settings
	set     *fieldpath.Set
	fields  []*mask
	headers []header
	detect  detector
	// roles and scopes are where claims hold them.
	roles, scopes []string
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	m := &masker{detect: detector{}}
	if err := policy.DecodeWithDefaults(schema, settings, &m.Settings); err != nil {
		return nil, err
	}
	switch {
	case len(m.Fields)+len(m.Headers)+len(m.Detect) == 0:
		return nil, errors.New("fields, headers, detect: all are empty; name what is to be masked")
	case m.StatusCode != 0 && m.StatusCode < 400:
		return nil, errors.New("statusCode: a refusal has 400 to 599; correct it, or leave it out")
	}
	if m.roles = []string{"roles"}; m.ClearFor.RolesClaim != "" {
		m.roles = strings.Split(m.ClearFor.RolesClaim, ".")
	}
	if m.ClearFor.ScopesClaim != "" {
		m.scopes = strings.Split(m.ClearFor.ScopesClaim, ".")
	}
	if err := m.compileFields(); err != nil {
		return nil, err
	}
	if err := m.compileOthers(); err != nil {
		return nil, err
	}
	m.HashKey = ""
	return m, nil
}

func (m *masker) compileFields() error {
	paths := make([]fieldpath.Path, len(m.Fields))
	for i, f := range m.Fields {
		at := "fields[" + strconv.Itoa(i) + "]"
		var err error
		if paths[i], err = fieldpath.Parse(f.Path); err != nil {
			return fmt.Errorf("%s.path: %w", at, err)
		}
		made, err := compileMask(f.Masking, m.HashKey)
		if err != nil {
			return fmt.Errorf("%s.%w", at, err)
		}
		m.fields = append(m.fields, made)
	}
	var err error
	if m.set, err = fieldpath.NewSet(paths...); err != nil {
		return fmt.Errorf("fields: %w", err)
	}
	return nil
}

func (m *masker) compileOthers() error {
	for i, h := range m.Headers {
		at := "headers[" + strconv.Itoa(i) + "]"
		made, err := compileMask(h.Masking, m.HashKey)
		name := traffic.LowerName(h.Name)
		switch {
		case err != nil:
			return fmt.Errorf("%s.%w", at, err)
		case policy.Untouchable(name):
			return errors.New(at + ".name: this header frames the message and can not be masked; remove it")
		case h.Mask == "null":
			return errors.New(at + ".mask: a header has no null; write remove")
		}
		m.headers = append(m.headers, header{name, made})
	}
	for i, d := range m.Detect {
		at := "detect[" + strconv.Itoa(i) + "]"
		made, err := compileMask(d.Masking, m.HashKey)
		switch {
		case err != nil:
			return fmt.Errorf("%s.%w", at, err)
		case d.Mask == "null" || d.Mask == "remove":
			return errors.New(at + ".mask: what is found is a part of a value; write full, partial or hash")
		}
		for k, name := range d.Types {
			class := classify.Class(name)
			switch {
			case !slices.Contains(classify.Classes(), class):
				return fmt.Errorf("%s.types[%d]: must be one of %s", at, k, classes())
			case m.detect[class] != nil:
				return fmt.Errorf("%s.types[%d]: given twice", at, k)
			}
			m.detect[class] = made
		}
	}
	return nil
}

func classes() string {
	var names []string
	for _, c := range classify.Classes() {
		names = append(names, string(c))
	}
	return strings.Join(names, ", ")
}

// Bind implements policy.Compiled.
func (m *masker) Bind(policy.Env) (policy.Step, error) {
	return policy.ContentStep{
		Request: m.Direction != "response", Response: m.Direction != "request",
		Limit: m.BodyLimit, PassOther: m.OnOtherContent == "pass", SkipStreams: m.OnStream == "skip",
		NoBody: len(m.fields)+len(m.detect) == 0,
		Status: m.StatusCode, Public: "The request could not be masked.", Rewrite: m.rewrite,
	}.Step(), nil
}

func (m *masker) rewrite(x *traffic.Exchange, response bool) (string, error) {
	if m.clear(x) {
		return "the caller may read clear text", nil
	}
	h, b := fieldpath.Side(x, response)
	masked := m.maskHeaders(h)
	if len(m.fields)+len(m.detect) > 0 {
		options := fieldpath.Options{All: len(m.detect) > 0, MaxValues: maxValues}
		changed, err := m.set.Apply(h, b, options, func(v fieldpath.Value) (fieldpath.Edit, error) {
			if v.Path < 0 {
				return m.detect.edit(v), nil
			}
			return m.fields[v.Path].edit(v), nil
		})
		if err != nil {
			return "", err
		}
		masked += changed
	}
	if masked == 0 {
		return "", nil
	}
	return strconv.Itoa(masked) + " values masked", nil
}

func (m *masker) maskHeaders(h *traffic.Header) (masked int) {
	for _, one := range m.headers {
		values := slices.Clone(h.Values(one.name))
		if len(values) == 0 {
			continue
		}
		h.Del(one.name)
		masked += len(values)
		if one.mask.Mask == "remove" {
			continue
		}
		for _, v := range values {
			h.Add(one.name, one.mask.text(v.Value))
		}
	}
	return masked
}

// clear says whether the caller reads clear text.
func (m *masker) clear(x *traffic.Exchange) bool {
	c := &m.ClearFor
	if x.Auth.ClientID != "" && slices.Contains(c.Clients, x.Auth.ClientID) {
		return true
	}
	if len(c.Roles)+len(c.Scopes) == 0 {
		return false
	}
	claims := policy.ClaimsOf(x)
	return overlap(c.Roles, policy.ClaimWords(policy.ClaimAt(claims, m.roles))) ||
		overlap(c.Scopes, policy.ScopesOf(claims, m.scopes))
}

func overlap(wanted, has []string) bool {
	return slices.ContainsFunc(wanted, func(one string) bool { return slices.Contains(has, one) })
}
