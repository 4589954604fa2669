package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// fieldName writes a path as people do, as "rateLimits[0].maximumRequests".
func fieldName(path []string) string {
	var b strings.Builder
	for _, step := range path {
		if _, err := strconv.Atoi(step); err == nil {
			b.WriteString("[" + step + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(step)
	}
	return b.String()
}

// leading splits a message that begins with a field that is there, as
// "fields[0].path: why", into the path and the rest.
func (n *node) leading(message string) ([]string, string) {
	field, rest, ok := strings.Cut(message, ": ")
	if !ok || n == nil {
		return nil, message
	}
	path := strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(field), ".")
	if n.at(path) == nil || fieldName(path) != field {
		return nil, message
	}
	return path, rest
}

// expandStrings resolves the settings of a policy that has no way of its own.
func expandStrings(settings json.RawMessage, expand func(string) (string, error)) (json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(settings))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	value, err := expandAll(value, expand)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("writing settings: %w", err)
	}
	return text, nil
}

func expandAll(value any, expand func(string) (string, error)) (any, error) {
	var err error
	switch v := value.(type) {
	case string:
		return expand(v)
	case map[string]any:
		for key := range v {
			if v[key], err = expandAll(v[key], expand); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range v {
			if v[i], err = expandAll(v[i], expand); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

// renames are wrong spellings in use, by policy: where they stand, and what is
// meant. A dot leads into a mapping.
var renames = map[string][][2]string{
	"tls":                             {{"minVersion", "minversion"}, {"maxVersion", "maxversion"}},
	"tls-outbound":                    {{"minVersion", "minversion"}, {"maxVersion", "maxversion"}},
	"http-basic-authentication":       {{"user", "username"}},
	"credential-injection-basic-auth": {{"user", "username"}},
	"ldap-authentication":             {{"dapServerURL", "ldapServerURL"}},
	"circuit-breaker":                 thresholdRenames(),
}

func thresholdRenames() [][2]string {
	var pairs [][2]string
	for _, name := range thresholdNames {
		pairs = append(pairs, [2]string{"thresholds.maximum" + name, "max" + name})
	}
	return pairs
}

// mend takes the spellings that occur in examples in use for what they mean.
func (b *builder) mend(a *applied) {
	r := &reader{problems: &b.problems}
	o := &object{r: r, n: a.config, path: a.configPath}
	bare := bareName(a.policy.Name)
	for _, rename := range renames[bare] {
		in, from := o, rename[0]
		if outer, inner, nested := strings.Cut(from, "."); nested {
			from = inner
			p := a.config.find(outer)
			if p == nil || p.value.kind != mapping {
				continue
			}
			in = &object{r: r, n: p.value, path: join(a.configPath, outer)}
		}
		in.rename(from, rename[1])
	}
	if bare == "rate-limiting" || bare == "rate-limiting-sla-based" {
		b.lift(a)
	}
}

// lift moves keys out of the items of rateLimits to where they belong.
func (b *builder) lift(a *applied) {
	limits := a.config.find("rateLimits")
	if limits == nil || limits.value.kind != list {
		return
	}
	for _, key := range []string{"keySelector", "exposeHeaders", "clusterizable"} {
		for i, item := range limits.value.items {
			p := item.find(key)
			if p == nil {
				continue
			}
			moved := *p
			item.remove(key)
			field := a.configPath + ".rateLimits[" + strconv.Itoa(i) + "]." + key
			top := a.config.find(key)
			switch {
			case top == nil:
				b.problems.warnf(moved.position, field, "belongs beside rateLimits, and is read so")
				a.config.pairs = append(a.config.pairs, moved)
			case !reflect.DeepEqual(top.value.plain(), moved.value.plain()):
				b.problems.errorf(moved.position, field, "applies to all limits, but is set otherwise in line %d; write it once, beside rateLimits", top.line)
			default:
				b.problems.warnf(moved.position, field, "stands here again; write it once, beside rateLimits")
			}
		}
	}
}

func (n *node) remove(key string) {
	for i := range n.pairs {
		if n.pairs[i].key == key {
			n.pairs = append(n.pairs[:i], n.pairs[i+1:]...)
			return
		}
	}
}
