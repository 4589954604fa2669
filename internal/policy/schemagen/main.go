// Command schemagen writes schema.json into policy folders from the Settings
// struct found there: its fields, their comments and their tags. It is run by
// go generate and knows no policy. A folder with several policies names the
// further structs behind a colon: ".:LambdaSettings" writes lambda.json. The
// fields of an embedded struct of the folder are settings like all others.
//
// Tags: json (name), default (a JSON value, or plain text for strings), enum
// (values split by |), required, min, max, minItems, minLength, secret (never
// shown), expr (a DataWeave expression is allowed), host (it names a file of the
// gateway's machine, which only manifests on disk may).
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: schemagen FOLDER[:TYPE]…")
		os.Exit(2)
	}
	for _, dir := range os.Args[1:] {
		if err := generate(dir); err != nil {
			fmt.Fprintf(os.Stderr, "schemagen: %s: %v\n", dir, err)
			os.Exit(1)
		}
	}
}

func generate(target string) error {
	dir, name, named := strings.Cut(target, ":")
	file := strings.ToLower(strings.TrimSuffix(name, "Settings")) + ".json"
	if !named {
		name, file = "Settings", "schema.json"
	}
	structs, err := readStructs(dir)
	if err != nil {
		return err
	}
	root, ok := structs[name]
	if !ok {
		return fmt.Errorf("no type %s struct", name)
	}
	schema, err := structSchema(root, structs, 0)
	if err != nil {
		return err
	}
	schema = append(object{{"$schema", "https://json-schema.org/draft/2020-12/schema"}}, schema...)
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the schema: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, file), append(text, '\n'), 0o644) //nolint:gosec // a source file, for all to read
}

// declared is a struct with its comment.
type declared struct {
	fields *ast.StructType
	doc    string
}

func readStructs(dir string) (map[string]declared, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("listing: %w", err)
	}
	structs := map[string]declared{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parsing: %w", err)
		}
		for _, d := range file.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.TYPE {
				continue
			}
			for _, s := range group.Specs {
				spec := s.(*ast.TypeSpec)
				if fields, ok := spec.Type.(*ast.StructType); ok {
					structs[spec.Name.Name] = declared{fields, sentence(spec.Name.Name, group.Doc)}
				}
			}
		}
	}
	return structs, nil
}

// object keeps the order in which it is written.
type object []member

type member struct {
	key   string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

func structSchema(d declared, structs map[string]declared, depth int) (object, error) {
	if depth > 8 {
		return nil, errors.New("settings nest deeper than eight")
	}
	schema := object{{"type", "object"}}
	if d.doc != "" {
		schema = append(schema, member{"description", d.doc})
	}
	schema = append(schema, member{"additionalProperties", false})
	properties, required, err := members(d, structs, depth)
	if err != nil {
		return nil, err
	}
	schema = append(schema, member{"properties", properties})
	if required != nil {
		schema = append(schema, member{"required", required})
	}
	return schema, nil
}

// members are the settings of a struct, and which of them are required.
func members(d declared, structs map[string]declared, depth int) (properties object, required []string, err error) {
	properties = object{}
	for _, f := range d.fields.Fields.List {
		if embedded, ok := f.Type.(*ast.Ident); ok && len(f.Names) == 0 && f.Tag == nil {
			inner, ok := structs[embedded.Name]
			if !ok || depth > 8 {
				return nil, nil, fmt.Errorf("the embedded %s is no struct of this folder", embedded.Name)
			}
			more, needed, err := members(inner, structs, depth+1)
			if err != nil {
				return nil, nil, err
			}
			properties, required = append(properties, more...), append(required, needed...)
			continue
		}
		if f.Tag == nil || len(f.Names) != 1 {
			continue
		}
		raw, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			return nil, nil, fmt.Errorf("tag of %s: %w", f.Names[0].Name, err)
		}
		tag := reflect.StructTag(raw)
		name, _, _ := strings.Cut(tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		property, err := fieldSchema(f, tag, structs, depth)
		if err != nil {
			return nil, nil, fmt.Errorf("setting %s: %w", name, err)
		}
		properties = append(properties, member{name, property})
		if tag.Get("required") == "true" {
			required = append(required, name)
		}
	}
	return properties, required, nil
}

func fieldSchema(f *ast.Field, tag reflect.StructTag, structs map[string]declared, depth int) (object, error) {
	schema, err := typeSchema(f.Type, structs, depth)
	if err != nil {
		return nil, err
	}
	doc := sentence(f.Names[0].Name, f.Doc)
	if doc == "" {
		return nil, errors.New("it has no comment; the comment is the operator's documentation")
	}
	schema = schema.set("description", doc)
	kind := schema.get("type")
	if text, ok := tag.Lookup("default"); ok {
		schema = schema.set("default", defaultValue(kind, text))
	}
	if text := tag.Get("enum"); text != "" {
		var values []any
		for one := range strings.SplitSeq(text, "|") {
			values = append(values, defaultValue(kind, one))
		}
		schema = schema.set("enum", values)
	}
	for _, bound := range [][2]string{{"min", "minimum"}, {"max", "maximum"}, {"minItems", "minItems"}, {"minLength", "minLength"}} {
		if text := tag.Get(bound[0]); text != "" {
			schema = schema.set(bound[1], json.Number(text))
		}
	}
	if tag.Get("secret") == "true" {
		schema = schema.set("writeOnly", true)
	}
	if tag.Get("expr") == "true" {
		schema = schema.set("format", "dataweave")
	}
	if tag.Get("host") == "true" {
		schema = schema.set("format", "host-file")
	}
	return schema, nil
}

func (o object) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

func (o object) set(key string, value any) object {
	for i := range o {
		if o[i].key == key {
			o[i].value = value
			return o
		}
	}
	return append(o, member{key, value})
}

func typeSchema(t ast.Expr, structs map[string]declared, depth int) (object, error) {
	switch t := t.(type) {
	case *ast.StarExpr:
		return typeSchema(t.X, structs, depth)
	case *ast.ArrayType:
		items, err := typeSchema(t.Elt, structs, depth)
		if err != nil {
			return nil, err
		}
		return object{{"type", "array"}, {"items", items}}, nil
	case *ast.MapType:
		values, err := typeSchema(t.Value, structs, depth)
		if err != nil {
			return nil, err
		}
		return object{{"type", "object"}, {"additionalProperties", values}}, nil
	case *ast.Ident:
		switch t.Name {
		case "string":
			return object{{"type", "string"}}, nil
		case "bool":
			return object{{"type", "boolean"}}, nil
		case "int", "int64", "uint16":
			return object{{"type", "integer"}}, nil
		case "float64":
			return object{{"type", "number"}}, nil
		}
		if d, ok := structs[t.Name]; ok {
			return structSchema(d, structs, depth+1)
		}
		return nil, fmt.Errorf("type %s is not in this folder", t.Name)
	case *ast.SelectorExpr:
		if from, ok := t.X.(*ast.Ident); ok && from.Name == "json" && t.Sel.Name == "RawMessage" {
			return object{}, nil // any value
		}
	}
	return nil, fmt.Errorf("type %T has no schema", t)
}

func defaultValue(kind any, text string) any {
	if kind == "string" {
		return text
	}
	return json.RawMessage(text)
}

// sentence is a comment in one line, without the Go name that it begins with.
func sentence(name string, doc *ast.CommentGroup) string {
	text := strings.Join(strings.Fields(doc.Text()), " ")
	for _, verb := range []string{" is ", " are ", " says ", " "} {
		if rest, ok := strings.CutPrefix(text, name+verb); ok {
			if verb == " says " {
				rest = "says " + rest
			}
			return strings.ToUpper(rest[:1]) + rest[1:]
		}
	}
	return text
}
