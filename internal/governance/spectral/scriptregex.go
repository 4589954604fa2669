package spectral

import (
	"fmt"
	"strings"

	"github.com/dop251/goja"
)

// patternOf is a regular expression of a script.
func (e *engine) patternOf(source, flags string) *regex {
	key := flags + "/" + source
	re, known := e.patterns[key]
	if !known {
		if len(e.patterns) >= maxRemembered {
			clear(e.patterns)
		}
		re, _ = compileRegex(source, flags)
		e.patterns[key] = re
	}
	return re
}

// maxRemembered is how many expressions, and how many options of each function, an
// engine remembers what it made of.
const maxRemembered = 1000

// slow says whether an expression backtracks, or is one that exec refuses.
func (e *engine) slow(source, flags string) bool {
	re := e.patternOf(source, flags)
	return re == nil || re.linear == nil
}

// exec is RegExp.prototype.exec for expressions that backtrack.
func (e *engine) exec(this *goja.Object, text string) goja.Value {
	flags := this.Get("flags").String()
	re := e.patternOf(this.Get("source").String(), flags)
	if re == nil || re.backtracking == nil {
		panic(e.vm.NewTypeError("the regular expression is too long, or has flags that are not known"))
	}
	sticky := strings.ContainsAny(flags, "gy")
	units, from := utf16Of(text), 0
	if sticky {
		from = int(this.Get("lastIndex").ToInteger())
	}
	if from < 0 || from > len(units) {
		_ = this.Set("lastIndex", 0)
		return goja.Null()
	}
	skipped := len([]rune(textOf(units[:from])))
	m, err := re.backtracking.FindStringMatchStartingAt(text, len(string([]rune(text)[:skipped])))
	if err != nil {
		e.vm.Interrupt(fmt.Errorf("the regular expression %s %w", clip(re.String()), errRegexTime))
		return goja.Null()
	}
	if m == nil {
		if sticky {
			_ = this.Set("lastIndex", 0)
		}
		return goja.Null()
	}
	groups := m.Groups()
	out := make([]any, len(groups))
	for i, g := range groups {
		out[i] = goja.Undefined()
		if len(g.Captures) > 0 {
			out[i] = g.String()
		}
	}
	if sticky {
		_ = this.Set("lastIndex", len(utf16Of(string([]rune(text)[:m.RuneIndex+m.RuneLength]))))
	}
	result := e.vm.NewArray(out...)
	_ = result.Set("index", len(utf16Of(string([]rune(text)[:m.RuneIndex]))))
	_ = result.Set("input", text)
	_ = result.Set("groups", goja.Undefined())
	return result
}
