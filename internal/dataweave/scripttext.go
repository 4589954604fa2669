package dataweave

import (
	"slices"
	"strings"
	"unicode"
)

func scriptTextFunctions() []builtin {
	text := func(name string, least, most int, apply func(c *arguments) (Value, error)) builtin {
		return builtin{name: name, module: moduleStrings, min: least, max: most, apply: nullable(apply)}
	}
	core := func(b builtin) builtin { b.module, b.apply = moduleCore, nullable(b.apply); return b }
	return []builtin{
		core(builtin{name: "splitBy", min: 2, max: 2, regex: true, apply: split}),
		core(builtin{name: "joinBy", min: 2, max: 2, apply: joinBy}),
		core(builtin{name: "replace", min: 2, max: 2, regex: true, apply: replace}),
		core(builtin{name: "match", min: 2, max: 2, regex: true, must: true, apply: matchGroups}),
		{name: "matches", module: moduleCore, min: 2, max: 2, regex: true, must: true, apply: matchesWhole},
		core(builtin{name: "scan", min: 2, max: 2, regex: true, must: true, apply: scan}),
		core(builtin{name: "startsWith", min: 2, max: 2, apply: affix(strings.HasPrefix)}),
		core(builtin{name: "endsWith", min: 2, max: 2, apply: affix(strings.HasSuffix)}),
		{name: "isBlank", module: moduleCore, min: 1, max: 1, apply: isBlank},
		text("capitalize", 1, 1, words(" ", true, true)), text("camelize", 1, 1, words("", false, true)),
		text("dasherize", 1, 1, words("-", false, false)), text("underscore", 1, 1, words("_", false, false)),
		text("leftPad", 2, 3, pad(true)), text("rightPad", 2, 3, pad(false)),
		text("repeat", 2, 2, repeat), text("reverse", 1, 1, reverse), text("isNumeric", 1, 1, isNumeric),
		text("substring", 3, 3, substring),
	}
}

func split(c *arguments) (Value, error) {
	text, err := c.text(0)
	if err != nil {
		return Value{}, err
	}
	var parts []string
	if re := c.call.regex; re != nil {
		if err := c.r.search(text); err != nil {
			return Value{}, err
		}
		parts = re.find.Split(text, maxArray+2)
	} else if c.v[1].kind != KindString {
		return Value{}, wants("a String as separator", c.v[1])
	} else {
		parts = strings.SplitN(text, c.v[1].str, maxArray+2)
	}
	if len(parts) > maxArray {
		return Value{}, errorf(c.call.pos, "splitBy makes more than %d elements", maxArray)
	}
	list := make([]Value, len(parts))
	for i, one := range parts {
		list[i] = String(one)
	}
	return c.r.list(list)
}

func joinBy(c *arguments) (Value, error) {
	list, err := c.array()
	if err != nil {
		return Value{}, err
	}
	separator, err := c.text(1)
	if err != nil {
		return Value{}, err
	}
	if err := c.r.spend(len(list)); err != nil {
		return Value{}, err
	}
	var b strings.Builder
	for i, item := range list {
		one, err := item.Text()
		if err != nil {
			return Value{}, wants("an Array of text", item)
		}
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(one)
		if b.Len() > maxOutput {
			break // text complains
		}
	}
	return c.r.text(b.String())
}

// replace is replace … with …: the function is given the groups, whose first is
// the whole match.
func replace(c *arguments) (Value, error) {
	text, err := c.text(0)
	if err != nil {
		return Value{}, err
	}
	var found [][]int
	switch re := c.call.regex; {
	case re != nil:
		if err := c.r.search(text); err != nil {
			return Value{}, err
		}
		found = re.find.FindAllStringSubmatchIndex(text, maxArray+1)
	case c.v[1].kind != KindString:
		return Value{}, wants("a regular expression or a String to replace", c.v[1])
	default:
		found = findAll(text, c.v[1].str)
	}
	if len(found) > maxArray {
		return Value{}, errorf(c.call.pos, "replace finds more than %d places", maxArray)
	}
	var b strings.Builder
	from := 0
	for i, at := range found {
		groups, err := c.r.submatches(text, at)
		if err != nil {
			return Value{}, err
		}
		v, err := c.with(groups, position(i))
		if err != nil {
			return Value{}, err
		}
		by, err := v.Text()
		if err != nil {
			return Value{}, wants("text that replaces", v)
		}
		b.WriteString(text[from:at[0]])
		b.WriteString(by)
		from = at[1]
		if b.Len() > maxOutput {
			break // text complains
		}
	}
	b.WriteString(text[from:])
	return c.r.text(b.String())
}

func findAll(text, what string) [][]int {
	var found [][]int
	for from := 0; what != "" && len(found) <= maxArray; {
		i := strings.Index(text[from:], what)
		if i < 0 {
			break
		}
		found = append(found, []int{from + i, from + i + len(what)})
		from += i + len(what)
	}
	return found
}

func matchGroups(c *arguments) (Value, error) {
	text, err := c.text(0)
	if err != nil {
		return Value{}, err
	}
	return c.r.groups(c.call.regex, text)
}

func matchesWhole(c *arguments) (Value, error) {
	if c.v[0].kind == KindNull {
		return Bool(false), nil
	}
	text, err := c.text(0)
	if err != nil {
		return Value{}, err
	}
	return Bool(c.call.regex.whole.MatchString(text)), c.r.search(text)
}

// scan gives the groups of every match.
func scan(c *arguments) (Value, error) {
	text, err := c.text(0)
	if err != nil {
		return Value{}, err
	}
	if err := c.r.search(text); err != nil {
		return Value{}, err
	}
	found := c.call.regex.find.FindAllStringSubmatchIndex(text, maxArray+1)
	if len(found) > maxArray {
		return Value{}, errorf(c.call.pos, "scan finds more than %d places", maxArray)
	}
	list := make([]Value, len(found))
	for i, at := range found {
		if list[i], err = c.r.submatches(text, at); err != nil {
			return Value{}, err
		}
	}
	return c.r.list(list)
}

func affix(has func(s, part string) bool) func(c *arguments) (Value, error) {
	return func(c *arguments) (Value, error) {
		text, err := c.text(0)
		if err != nil {
			return Value{}, err
		}
		part, err := c.text(1)
		return Bool(has(text, part)), err
	}
}

func isBlank(c *arguments) (Value, error) {
	if c.v[0].kind == KindNull {
		return Bool(true), nil
	}
	text, err := c.text(0)
	return Bool(strings.TrimSpace(text) == ""), err
}

// words makes a function that parts a text into its words and joins them.
func words(by string, first, rest bool) func(c *arguments) (Value, error) {
	return func(c *arguments) (Value, error) {
		text, err := c.text(0)
		if err != nil {
			return Value{}, err
		}
		var b strings.Builder
		start, count, before := true, 0, ' '
		for _, ch := range text {
			if ch == '_' || ch == '-' || unicode.IsSpace(ch) {
				start, before = true, ' '
				continue
			}
			if unicode.IsUpper(ch) && (unicode.IsLower(before) || unicode.IsDigit(before)) {
				start = true
			}
			before = ch
			if start && count > 0 {
				b.WriteString(by)
			}
			if start && (count == 0 && first || count > 0 && rest) {
				ch = unicode.ToUpper(ch)
			} else {
				ch = unicode.ToLower(ch)
			}
			if start {
				count++
			}
			start = false
			b.WriteRune(ch)
		}
		return c.r.text(b.String())
	}
}

func pad(left bool) func(c *arguments) (Value, error) {
	return func(c *arguments) (Value, error) {
		text, err := c.text(0)
		if err != nil {
			return Value{}, err
		}
		width, err := c.whole(1)
		if err != nil {
			return Value{}, err
		}
		filler := " "
		if len(c.call.args) > 2 {
			if filler, err = c.text(2); err != nil {
				return Value{}, err
			}
		}
		missing := width - len([]rune(text))
		if missing <= 0 {
			return String(text), nil
		}
		if missing*max(len(filler), 1) > maxOutput || missing > maxOutput {
			return Value{}, errorf(c.call.pos, "a String is longer than %d bytes", maxOutput)
		}
		if left {
			return c.r.text(strings.Repeat(filler, missing) + text)
		}
		return c.r.text(text + strings.Repeat(filler, missing))
	}
}

func repeat(c *arguments) (Value, error) {
	text, err := c.text(0)
	if err != nil {
		return Value{}, err
	}
	times, err := c.whole(1)
	if err != nil {
		return Value{}, err
	}
	if times > maxOutput || max(times, 0)*len(text) > maxOutput {
		return Value{}, errorf(c.call.pos, "a String is longer than %d bytes", maxOutput)
	}
	return c.r.text(strings.Repeat(text, max(times, 0)))
}

func reverse(c *arguments) (Value, error) {
	text, err := c.text(0)
	if err != nil {
		return Value{}, err
	}
	runes := []rune(text)
	slices.Reverse(runes)
	return c.r.text(string(runes))
}

func isNumeric(c *arguments) (Value, error) {
	text, err := c.text(0)
	return Bool(text != "" && strings.Trim(text, "0123456789") == ""), err
}

// substring is the text from one position to before another.
func substring(c *arguments) (Value, error) {
	text, err := c.text(0)
	if err != nil {
		return Value{}, err
	}
	from, err := c.whole(1)
	if err != nil {
		return Value{}, err
	}
	to, err := c.whole(2)
	if err != nil {
		return Value{}, err
	}
	runes := []rune(text)
	from, to = min(max(from, 0), len(runes)), min(max(to, 0), len(runes))
	return c.r.text(string(runes[from:max(from, to)]))
}

func indexOf(c *arguments) (Value, error) {
	if c.v[0].kind == KindNull {
		return Number(-1), nil
	}
	if c.v[0].kind == KindArray {
		for i, item := range elements(c.v[0]) {
			if same, err := c.r.same(item, c.v[1]); same || err != nil {
				return position(i), err
			}
		}
		return Number(-1), nil
	}
	text, err := c.text(0)
	if err != nil {
		return Value{}, err
	}
	part, err := c.text(1)
	if err != nil {
		return Value{}, err
	}
	i := strings.Index(text, part)
	if i > 0 {
		i = len([]rune(text[:i]))
	}
	return position(i), nil
}
