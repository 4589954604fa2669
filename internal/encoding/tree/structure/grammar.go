// Package structure holds trees against the grammar of a language whose
// documents are objects of known fields, as OpenAPI and AsyncAPI are: which
// fields an object has, which it must have, and what kind of value each takes.
// A grammar is a short text of its own; the package knows no language.
package structure

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Grammar is the objects of a language. It is immutable and safe for concurrent
// use.
type Grammar struct {
	objects map[string]*object
}

// object is one kind of object.
type object struct {
	name string
	// base is the object that it was made like.
	base    string
	fields  map[string]*field
	names   []string // of the fields that must be there, in order
	pattern []patterned
	rest    *value
	// extensions tells that fields named x-… are allowed.
	extensions bool
	// otherRule and other are told of a name that none of the above allows.
	otherRule, other string
	rules            []rule
	choice           *choice
	// boolean tells that true and false may stand in its place.
	boolean bool
}

type field struct {
	value *value
}

type patterned struct {
	name  *regexp.Regexp
	value *value
}

// choice says that a field tells what the object is.
type choice struct {
	field string
	words []string
	of    map[string]*object
}

// rule is a condition on the names of an object.
type rule struct {
	kind  string
	names []string
}

// The kinds of rules.
const (
	exactlyOne = "exactly-one"
	atMostOne  = "at-most-one"
	atLeastOne = "at-least-one"
	without    = "without" // the first excludes the others
	filled     = "filled"  // there is a field that is no extension
	single     = "single"  // there is exactly one
)

// what is the kind of a value.
type what uint8

const (
	isAny what = iota
	isNull
	isText
	isURL   // a URI reference (RFC 3986)
	isURI   // one with a scheme
	isEmail // an address (RFC 5322)
	isWord  // one of some texts
	isBool
	isTrue
	isNumber
	isPositive // a number above 0
	isInteger
	isCount // a whole number from 0
	isList
	isMap
	isObject
	isEither  // an object, or a reference in its place
	isPointer // the text of a reference
)

// value is what a field takes: the first alternative whose kind is that of the
// value.
type value struct {
	what   what
	words  []string
	of     *value
	object *object
	// filled and unique are of lists.
	filled, unique bool
	or             *value
}

// Parse reads a grammar. A line "object NAME" begins an object, "object NAME
// like OTHER" one that has the fields of another besides; # begins a comment.
// The lines below it are
//
//	NAME TYPE                a field; with "!" behind the name it must be there
//	/REGEXP/ TYPE            the fields with a name that matches
//	* TYPE                   all other fields
//	x-                       extensions are allowed
//	also bool                true and false may stand in place of the object
//	else RULE: MESSAGE       what is told of a name that nothing allows
//	choose NAME WORD=OBJECT… the field tells what object this is
//	rule KIND NAME…          exactly-one, at-most-one, at-least-one of the fields;
//	                         without: the first excludes the others; filled,
//	                         single: there is a field that is no extension, one
//
// and a type is one of any, null, text, url, uri, email, bool, true, number,
// positive, integer, count, (WORD WORD…) for one of the texts, [TYPE] for a list
// ("+" behind it for one that is not empty, "!" for one without repetition),
// {TYPE} for an object of any names, NAME for an object, @NAME for an object or a
// reference to one, ->NAME for the text of a reference, TYPE|TYPE for either.
func Parse(text string) (*Grammar, error) {
	p := &parser{g: &Grammar{objects: map[string]*object{}}}
	for i, line := range strings.Split(text, "\n") {
		if at := strings.Index(line, "#"); at == 0 || at > 0 && line[at-1] == '\t' {
			line = line[:at]
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("grammar, line %d: %w", i+1, err)
		}
	}
	for name, o := range p.g.objects {
		if !p.defined[name] {
			return nil, fmt.Errorf("grammar: the object %s is named and not defined", name)
		}
		p.inherit(o, 0)
	}
	return p.g, nil
}

// parser reads a grammar.
type parser struct {
	g       *Grammar
	defined map[string]bool
	at      *object
	// rest is what is left of a type.
	rest string
}

// object is the object of a name, which may be defined later.
func (p *parser) object(name string) *object {
	if p.g.objects[name] == nil {
		p.g.objects[name] = &object{name: name, fields: map[string]*field{}}
	}
	return p.g.objects[name]
}

func (p *parser) line(line string) error {
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	word, tabbed, isTabbed := strings.Cut(word, "\t")
	if isTabbed {
		rest = tabbed + " " + rest
	}
	rest = strings.TrimSpace(rest)
	if line[0] != '\t' {
		name, base, _ := strings.Cut(rest, " like ")
		if word != "object" || name == "" || p.defined[name] {
			return fmt.Errorf("%q begins no new object", line)
		}
		if p.defined == nil {
			p.defined = map[string]bool{}
		}
		p.defined[name] = true
		p.at = p.object(name)
		if p.at.base = base; base != "" {
			p.object(base)
		}
		return nil
	}
	if p.at == nil {
		return fmt.Errorf("%q stands in no object", line)
	}
	return p.part(word, rest)
}

// part reads one line of an object.
func (p *parser) part(word, rest string) error {
	switch word {
	case "x-":
		p.at.extensions = true
		return nil
	case "else": // which may be the name of a field too
		if rule, message, ok := strings.Cut(rest, ": "); ok {
			p.at.otherRule, p.at.other = rule, message
			return nil
		}
	case "rule":
		names := strings.Fields(rest)
		p.at.rules = append(p.at.rules, rule{names[0], names[1:]})
		return nil
	case "also":
		if rest != "bool" {
			return fmt.Errorf("only bool may stand in place of an object")
		}
		p.at.boolean = true
		return nil
	case "choose":
		words := strings.Fields(rest)
		c := &choice{field: words[0], of: map[string]*object{}}
		for _, one := range words[1:] {
			name, object, _ := strings.Cut(one, "=")
			c.words = append(c.words, name)
			c.of[name] = p.object(object)
		}
		p.at.choice = c
		return nil
	}
	p.rest = rest
	v, err := p.value()
	switch {
	case err != nil:
		return err
	case p.rest != "":
		return fmt.Errorf("%q stands behind the type", p.rest)
	case word == "*":
		p.at.rest = v
	case word[0] == '/' && len(word) > 2:
		name, err := regexp.Compile(word[1 : len(word)-1])
		if err != nil {
			return fmt.Errorf("the pattern of a name: %w", err)
		}
		p.at.pattern = append(p.at.pattern, patterned{name, v})
	default:
		name, must := strings.CutSuffix(word, "!")
		p.at.fields[name] = &field{v}
		if must {
			p.at.names = append(p.at.names, name)
		}
	}
	return nil
}

// value reads a type.
func (p *parser) value() (*value, error) {
	v, err := p.alternative()
	if err == nil && strings.HasPrefix(p.rest, "|") {
		p.rest = p.rest[1:]
		v.or, err = p.value()
	}
	return v, err
}

func (p *parser) alternative() (*value, error) {
	if p.rest == "" {
		return nil, fmt.Errorf("a type is missing")
	}
	switch p.rest[0] {
	case '[', '{':
		v := &value{what: isList}
		shut := "]"
		if p.rest[0] == '{' {
			v.what, shut = isMap, "}"
		}
		p.rest = p.rest[1:]
		var err error
		if v.of, err = p.value(); err != nil {
			return nil, err
		}
		if !p.eat(shut) {
			return nil, fmt.Errorf("%q: %s is missing", p.rest, shut)
		}
		v.filled, v.unique = p.eat("+"), p.eat("!")
		return v, nil
	case '(':
		words, rest, ok := strings.Cut(p.rest[1:], ")")
		if !ok {
			return nil, fmt.Errorf("%q: ) is missing", p.rest)
		}
		p.rest = rest
		return &value{what: isWord, words: strings.Fields(words)}, nil
	}
	kind := isObject
	if p.eat("@") {
		kind = isEither
	} else if p.eat("->") {
		kind = isPointer
	}
	end := strings.IndexAny(p.rest, "|]})")
	if end < 0 {
		end = len(p.rest)
	}
	name := p.rest[:end]
	p.rest = p.rest[end:]
	if simple := simpleKind(name); simple != isObject {
		return &value{what: simple}, nil
	}
	return &value{what: kind, object: p.object(name)}, nil
}

func (p *parser) eat(text string) bool {
	rest, ok := strings.CutPrefix(p.rest, text)
	p.rest = rest
	return ok
}

// simpleKind is the kind that a word means, isObject for the name of an object.
func simpleKind(name string) what {
	switch name {
	case "any":
		return isAny
	case "null":
		return isNull
	case "text":
		return isText
	case "url":
		return isURL
	case "uri":
		return isURI
	case "email":
		return isEmail
	case "bool":
		return isBool
	case "true":
		return isTrue
	case "number":
		return isNumber
	case "positive":
		return isPositive
	case "integer":
		return isInteger
	case "count":
		return isCount
	}
	return isObject
}

// maxBases is how many objects may be made like one another.
const maxBases = 8

// inherit gives an object what the one has that it was made like.
func (p *parser) inherit(o *object, depth int) {
	base := p.g.objects[o.base]
	if base == nil || depth == maxBases {
		return
	}
	p.inherit(base, depth+1)
	o.base = ""
	for name, f := range base.fields {
		if o.fields[name] == nil {
			o.fields[name] = f
		}
	}
	for _, name := range base.names {
		if !slices.Contains(o.names, name) {
			o.names = append(o.names, name)
		}
	}
	o.pattern = append(o.pattern, base.pattern...)
	o.rules = append(o.rules, base.rules...)
	o.extensions = o.extensions || base.extensions
	if o.rest == nil {
		o.rest = base.rest
	}
	if o.other == "" {
		o.otherRule, o.other = base.otherRule, base.other
	}
}
