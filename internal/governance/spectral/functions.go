package spectral

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// coreFunctions are those that every ruleset may name.
func coreFunctions() map[string]Function {
	return map[string]Function{
		"alphabetical":               alphabetical,
		"casing":                     casing,
		"defined":                    noOptions(defined),
		"enumeration":                enumeration,
		"falsy":                      noOptions(falsy),
		"length":                     length,
		"or":                         or,
		"pattern":                    pattern,
		"schema":                     schemaFunction,
		"truthy":                     noOptions(truthy),
		"typedEnum":                  noOptions(typedEnum),
		"undefined":                  noOptions(notDefined),
		"unreferencedReusableObject": unreferencedReusableObject,
		"xor":                        xor,
	}
}

func say(format string, args ...any) []Problem {
	return []Problem{{Message: fmt.Sprintf(format, args...)}}
}

func defined(in *Input) []Problem {
	if in.Value == nil {
		return say(`#{{print("property")}}must be defined`)
	}
	return nil
}

func notDefined(in *Input) []Problem {
	if in.Value != nil {
		return say(`#{{print("property")}}must be undefined`)
	}
	return nil
}

func truthy(in *Input) []Problem {
	if !isTruthy(in.Value) {
		return say(`#{{print("property")}}must be truthy`)
	}
	return nil
}

func falsy(in *Input) []Problem {
	if isTruthy(in.Value) {
		return say(`#{{print("property")}}must be falsy`)
	}
	return nil
}

// scalar says whether there is a value that holds no others.
func scalar(n *tree.Node) bool { return n != nil && !isContainer(n) }

func enumeration(options *tree.Node) (Check, error) {
	if err := knownOptions(options, "!values"); err != nil {
		return nil, err
	}
	list := options.Get("values")
	if list.Kind != tree.Array || slices.ContainsFunc(list.Items, isContainer) {
		return nil, tree.Wrong(list, "values must be a list of texts, numbers, booleans and null")
	}
	return func(in *Input) []Problem {
		if !scalar(in.Value) {
			return nil
		}
		v := valueOf(in.Value)
		if slices.ContainsFunc(list.Items, func(n *tree.Node) bool { return same(valueOf(n), v) }) {
			return nil
		}
		return say(`#{{print("value")}} must be equal to one of the allowed values: %s`, printValues(list.Items))
	}, nil
}

func length(options *tree.Node) (Check, error) {
	if err := knownOptions(options, "min", "max"); err != nil {
		return nil, err
	}
	least, err := numberOption(options, "min")
	if err != nil {
		return nil, err
	}
	most, err := numberOption(options, "max")
	if err != nil {
		return nil, err
	}
	if least == nil && most == nil {
		return nil, tree.Wrong(options, "functionOptions of length need min or max")
	}
	return func(in *Input) []Problem {
		size, ok := sizeOf(in.Value)
		if !ok {
			return nil
		}
		var out []Problem
		if least != nil && size < *least {
			out = say(`#{{print("property")}}must be longer than %s`, formatNumber(*least))
		}
		if most != nil && size > *most {
			out = append(out, say(`#{{print("property")}}must be shorter than %s`, formatNumber(*most))...)
		}
		return out
	}, nil
}

func sizeOf(n *tree.Node) (float64, bool) {
	if n == nil {
		return 0, false
	}
	switch n.Kind {
	case tree.Object:
		return float64(len(n.Members)), true
	case tree.Array:
		return float64(len(n.Items)), true
	case tree.Number:
		return numberOf(n), true
	case tree.String, tree.Include:
		return float64(len(utf16Of(n.Text))), true
	case tree.Null, tree.Bool:
	}
	return 0, false
}

func pattern(options *tree.Node) (Check, error) {
	if err := knownOptions(options, "match", "notMatch"); err != nil {
		return nil, err
	}
	yes, err := regexOption(options, "match")
	if err != nil {
		return nil, err
	}
	no, err := regexOption(options, "notMatch")
	if err != nil {
		return nil, err
	}
	if yes == nil && no == nil {
		return nil, tree.Wrong(options, "functionOptions of pattern need match or notMatch")
	}
	return func(in *Input) []Problem {
		if !in.Value.Is(tree.String) {
			return nil
		}
		var out []Problem
		if yes != nil && !in.match(yes, in.Value.Text) {
			out = say(`#{{print("value")}} must match the pattern %s`, printPattern(options.Get("match")))
		}
		if no != nil && in.match(no, in.Value.Text) {
			out = append(out, say(`#{{print("value")}} must not match the pattern %s`, printPattern(options.Get("notMatch")))...)
		}
		return out
	}, nil
}

// match is that of a regular expression; one that fails makes the rule fail.
func (in *Input) match(re *regex, text string) bool {
	is, err := re.match(text)
	if err != nil {
		in.fail(err)
	}
	return is
}

// Fail tells that the rule can't be judged; its function is not called again for
// this document.
func (in *Input) fail(err error) { in.run.fail(err) }

func casing(options *tree.Node) (Check, error) {
	if err := knownOptions(options, "!type", "disallowDigits", "separator"); err != nil {
		return nil, err
	}
	kind, err := textOption(options, "type")
	if err != nil {
		return nil, err
	}
	noDigits, err := flagOption(options, "disallowDigits")
	if err != nil {
		return nil, err
	}
	digits := "0-9"
	if noDigits {
		digits = ""
	}
	shape := caseShape(kind, digits)
	if shape == "" {
		return nil, tree.Wrong(options.Get("type"), "type must be one of flat, camel, pascal, kebab, cobol, snake, macro")
	}
	separator := options.Get("separator")
	whole, leading := "^(?:"+shape+")$", ""
	if separator != nil {
		if whole, leading, err = separated(separator, shape); err != nil {
			return nil, err
		}
	}
	re, err := regexp.Compile(whole)
	if err != nil {
		return nil, err
	}
	return func(in *Input) []Problem {
		if !in.Value.Is(tree.String) || in.Value.Text == "" || in.Value.Text == leading || re.MatchString(in.Value.Text) {
			return nil
		}
		return say("must be %s case", kind)
	}, nil
}

// separated is the expression of words with a character between them; leading is
// that character where it may also stand alone.
func separated(separator *tree.Node, shape string) (whole, leading string, err error) {
	if err := knownOptions(separator, "!char", "allowLeading"); err != nil {
		return "", "", err
	}
	char, err := textOption(separator, "char")
	if err != nil {
		return "", "", err
	}
	if len(utf16Of(char)) != 1 {
		return "", "", tree.Wrong(separator.Get("char"), "char must be one character")
	}
	lead, err := flagOption(separator, "allowLeading")
	if err != nil {
		return "", "", err
	}
	one := regexp.QuoteMeta(char)
	begin := ""
	if lead {
		begin, leading = one+"?", char
	}
	return "^" + begin + shape + "(?:" + one + shape + ")*$", leading, nil
}

func caseShape(kind, digits string) string {
	lower, upper := "[a-z"+digits+"]", "[A-Z"+digits+"]"
	words := func(letter, class, by string) string { return letter + class + "*(?:" + by + class + "+)*" }
	switch kind {
	case "flat":
		return "[a-z]" + lower + "*"
	case "camel":
		return "[a-z]" + lower + "*(?:" + upper + "(?:" + lower + "+|$))*"
	case "pascal":
		return "[A-Z]" + lower + "*(?:" + upper + "(?:" + lower + "+|$))*"
	case "kebab":
		return words("[a-z]", lower, "-")
	case "cobol":
		return words("[A-Z]", upper, "-")
	case "snake":
		return words("[a-z]", lower, "_")
	case "macro":
		return words("[A-Z]", upper, "_")
	}
	return ""
}

func xor(options *tree.Node) (Check, error) { return anyOf(options, true) }
func or(options *tree.Node) (Check, error)  { return anyOf(options, false) }

// anyOf misses all of some members, and with only finds more than one.
func anyOf(options *tree.Node, only bool) (Check, error) {
	if err := knownOptions(options, "!properties"); err != nil {
		return nil, err
	}
	names, err := textsOption(options, "properties", 2)
	if err != nil {
		return nil, err
	}
	list := `"` + strings.Join(names, `" or "`) + `" must be defined`
	if len(names) > 4 {
		list = fmt.Sprintf(`"%s" or %d other properties must be defined`, strings.Join(names[:3], `" or "`), len(names)-3)
	}
	return func(in *Input) []Problem {
		if !in.Value.Is(tree.Object) {
			return nil
		}
		var found []string
		for _, m := range in.Value.Members {
			if slices.Contains(names, m.Name) {
				found = append(found, m.Name)
			}
		}
		switch {
		case len(found) == 0:
			return say("At least one of %s", list)
		case len(found) > 1 && only:
			return say(`Just one of "%s" must be defined`, strings.Join(found, `" and "`))
		}
		return nil
	}, nil
}

func typedEnum(in *Input) []Problem {
	kind, list := in.Value.Get("type"), in.Value.Get("enum")
	if !in.Value.Is(tree.Object) || kind == nil || !list.Is(tree.Array) {
		return nil
	}
	kinds := []string{kind.Str()}
	for _, n := range kind.List() {
		kinds = append(kinds, n.Str())
	}
	if nullable := in.Value.Get("nullable"); nullable.IsTrue() || in.Value.Get("x-nullable").IsTrue() {
		kinds = append(kinds, "null")
	}
	var out []Problem
	for i, n := range list.Items {
		if !slices.ContainsFunc(kinds, func(kind string) bool { return isOfType(n, kind) }) {
			f := frame{index: i}
			out = append(out, Problem{
				Message: fmt.Sprintf("Enum value %s must be %q.", printValue(n), kind.Str()),
				Below:   []string{"enum", f.key()},
			})
		}
	}
	return out
}

func unreferencedReusableObject(options *tree.Node) (Check, error) {
	if err := knownOptions(options, "!reusableObjectsLocation"); err != nil {
		return nil, err
	}
	at, err := textOption(options, "reusableObjectsLocation")
	if err != nil {
		return nil, err
	}
	if at != "#" && !strings.HasPrefix(at, "#/") {
		return nil, tree.Wrong(options.Get("reusableObjectsLocation"), "reusableObjectsLocation must be a JSON pointer, as #/components/schemas")
	}
	var base []string
	if at != "#" {
		for step := range strings.SplitSeq(at[2:], "/") {
			base = append(base, unescapePointer(step))
		}
	}
	return func(in *Input) []Problem {
		if !in.Value.Is(tree.Object) {
			return nil
		}
		var out []Problem
		for _, m := range in.Value.Members {
			path := append(slices.Clone(base), m.Name)
			if !in.run.resolved.referenced(path) {
				out = append(out, Problem{Message: "Potential orphaned reusable object has been detected", Path: path})
			}
		}
		return out
	}, nil
}

// referenced says whether a reference leads to the value of a path.
func (r *resolution) referenced(path []string) bool {
	n := r.main.root.At(path...)
	return n != nil && r.targets[n] != nil
}
