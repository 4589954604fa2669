package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Problem is one thing wrong with settings.
type Problem struct {
	// Path leads to the field: object keys and array indices, outermost first.
	Path    []string
	Message string
	// Known are the settings that there are in the place of an unknown one.
	Known []string
}

// String is "field rateLimits[0].maximumRequests: message".
func (p Problem) String() string {
	if len(p.Path) == 0 {
		return p.Message
	}
	return "field " + FieldName(p.Path) + ": " + p.Message
}

// FieldName writes a path as people do, as "rateLimits[0].maximumRequests".
func FieldName(path []string) string {
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

// Entry is a policy in a catalogue, its schema compiled.
type Entry struct {
	Policy
	schema *jsonschema.Schema
	tree   map[string]any
}

// Catalogue finds policies by any of their names.
type Catalogue struct {
	entries []*Entry
	byName  map[string]*Entry
}

// NewCatalogue compiles the schemas of the policies; two policies of one name
// and a broken schema are errors.
func NewCatalogue(policies []Policy) (*Catalogue, error) {
	c := &Catalogue{byName: make(map[string]*Entry)}
	for _, p := range policies {
		if !p.Structural && (p.Phase < Admit || p.Phase > Shape) {
			return nil, fmt.Errorf("policy %s: it has no phase", p.Name)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(p.Schema))
		if err != nil {
			return nil, fmt.Errorf("policy %s: reading its schema: %w", p.Name, err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource(p.Name+".json", doc); err != nil {
			return nil, fmt.Errorf("policy %s: adding its schema: %w", p.Name, err)
		}
		schema, err := compiler.Compile(p.Name + ".json")
		if err != nil {
			return nil, fmt.Errorf("policy %s: compiling its schema: %w", p.Name, err)
		}
		tree, _ := doc.(map[string]any)
		e := &Entry{Policy: p, schema: schema, tree: tree}
		c.entries = append(c.entries, e)
		for _, name := range append([]string{p.Name}, p.Aliases...) {
			key := bareName(name)
			if c.byName[key] != nil {
				return nil, fmt.Errorf("two policies are called %s", name)
			}
			c.byName[key] = e
		}
	}
	slices.SortFunc(c.entries, func(a, b *Entry) int { return strings.Compare(a.Name, b.Name) })
	return c, nil
}

// bareName leaves out the endings that tell the gateway and not the policy.
func bareName(name string) string {
	for _, ending := range []string{"-flex", "-mule"} {
		if bare, ok := strings.CutSuffix(name, ending); ok {
			return bare
		}
	}
	return name
}

// Find is the policy of this name, with or without -flex or -mule, nil when
// there is none.
func (c *Catalogue) Find(name string) *Entry { return c.byName[bareName(name)] }

// All are the entries by name.
func (c *Catalogue) All() []*Entry { return c.entries }

// Check validates settings by the policy's schema and lists all problems.
func (e *Entry) Check(settings json.RawMessage) []Problem {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(settings))
	if err != nil {
		return []Problem{{Message: "the settings are not JSON"}}
	}
	err = e.schema.Validate(value)
	var invalid *jsonschema.ValidationError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &invalid):
		return []Problem{{Message: err.Error()}}
	}
	var problems []Problem
	leaves(invalid, func(leaf *jsonschema.ValidationError) {
		problems = append(problems, e.problemsOf(leaf)...)
	})
	return problems
}

func leaves(e *jsonschema.ValidationError, visit func(*jsonschema.ValidationError)) {
	if len(e.Causes) == 0 {
		visit(e)
		return
	}
	for _, cause := range e.Causes {
		leaves(cause, visit)
	}
}

func (e *Entry) problemsOf(leaf *jsonschema.ValidationError) []Problem {
	at := leaf.InstanceLocation
	under := func(name, message string) Problem {
		return Problem{Path: append(slices.Clone(at), name), Message: message}
	}
	var problems []Problem
	switch k := leaf.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			unknown := under(name, "unknown setting; remove it or correct its name")
			unknown.Known = settingsAt(e.tree, at)
			problems = append(problems, unknown)
		}
	case *kind.Required:
		for _, name := range k.Missing {
			problems = append(problems, under(name, "required, but missing"))
		}
	case *kind.Enum:
		want := make([]string, len(k.Want))
		for i, w := range k.Want {
			want[i] = fmt.Sprint(w)
		}
		problems = append(problems, Problem{Path: at, Message: "must be one of " + strings.Join(want, ", ")})
	case *kind.Type:
		problems = append(problems, Problem{Path: at, Message: fmt.Sprintf("must be %s, not %s", strings.Join(k.Want, " or "), k.Got)})
	default:
		problems = append(problems, Problem{Path: at, Message: bound(leaf.ErrorKind)})
	}
	return problems
}

// bound says which bound a value breaks.
func bound(broken jsonschema.ErrorKind) string {
	number := func(r *big.Rat) string {
		f, _ := r.Float64()
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	const empty = "must not be empty"
	switch k := broken.(type) {
	case *kind.Minimum:
		return fmt.Sprintf("must be at least %s, not %s", number(k.Want), number(k.Got))
	case *kind.Maximum:
		return fmt.Sprintf("must be at most %s, not %s", number(k.Want), number(k.Got))
	case *kind.MinItems:
		if k.Want == 1 {
			return empty
		}
		return fmt.Sprintf("must have at least %d items, not %d", k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d items, not %d", k.Want, k.Got)
	case *kind.MinLength:
		if k.Want == 1 {
			return empty
		}
		return fmt.Sprintf("must have at least %d characters, not %d", k.Want, k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters, not %d", k.Want, k.Got)
	default:
		return broken.LocalizedString(message.NewPrinter(language.English))
	}
}

// settingsAt are the names of the settings that a schema has at a path.
func settingsAt(schema map[string]any, path []string) []string {
	for _, step := range path {
		next, _ := schema["items"].(map[string]any)
		if properties, ok := schema["properties"].(map[string]any); ok {
			next, _ = properties[step].(map[string]any)
		}
		schema = next
	}
	properties, _ := schema["properties"].(map[string]any)
	return slices.Sorted(maps.Keys(properties))
}

// Resolve replaces references in string values. Where the schema wants a
// number or boolean the text of a reference is read as one.
func (e *Entry) Resolve(settings json.RawMessage, expand func(string) (string, error)) (json.RawMessage, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(settings))
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	resolved, err := resolve(value, e.tree, nil, expand)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(resolved)
	if err != nil {
		return nil, fmt.Errorf("writing settings: %w", err)
	}
	return text, nil
}

func resolve(value any, schema map[string]any, path []string, expand func(string) (string, error)) (any, error) {
	var err error
	switch v := value.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for key, inner := range v {
			sub, _ := properties[key].(map[string]any)
			if v[key], err = resolve(inner, sub, append(path, key), expand); err != nil {
				return nil, err
			}
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		for i, inner := range v {
			if v[i], err = resolve(inner, items, append(path, strconv.Itoa(i)), expand); err != nil {
				return nil, err
			}
		}
	case string:
		text, err := expand(v)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", FieldName(path), err)
		}
		return coerce(v, text, schema), nil
	}
	return value, nil
}

// coerce reads the text of a reference as what the schema wants; text that is
// none stays a string, for the check to complain of.
func coerce(written, text string, schema map[string]any) any {
	if written == text {
		return text
	}
	switch schema["type"] {
	case "integer", "number":
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return json.Number(text)
		}
	case "boolean":
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	}
	return text
}

// Decode reads settings into a struct that holds the defaults. Unknown fields
// and anything behind the object are errors.
func Decode(settings json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(settings))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("reading settings: something follows the object")
	}
	return nil
}
