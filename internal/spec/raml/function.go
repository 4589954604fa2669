package raml

import (
	"strings"
	"unicode"
)

const functionNames = "!singularize, !pluralize, !uppercase, !lowercase, !lowercamelcase, !uppercamelcase, " +
	"!lowerunderscorecase, !upperunderscorecase, !lowerhyphencase, !upperhyphencase"

// transform applies a function of templates to a text; it says whether there is
// such a function.
func transform(function, text string) (string, bool) {
	switch function {
	case "singularize":
		return inflect(text, singular), true
	case "pluralize":
		return inflect(text, plural), true
	case "uppercase":
		return strings.ToUpper(text), true
	case "lowercase":
		return strings.ToLower(text), true
	case "lowercamelcase":
		return camel(text, false), true
	case "uppercamelcase":
		return camel(text, true), true
	case "lowerunderscorecase":
		return strings.ToLower(strings.Join(wordsOf(text), "_")), true
	case "upperunderscorecase":
		return strings.ToUpper(strings.Join(wordsOf(text), "_")), true
	case "lowerhyphencase":
		return strings.ToLower(strings.Join(wordsOf(text), "-")), true
	case "upperhyphencase":
		return strings.ToUpper(strings.Join(wordsOf(text), "-")), true
	}
	return "", false
}

// wordsOf cuts a name at blanks, hyphens, underscores and where a capital
// begins.
func wordsOf(text string) []string {
	var words []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			words = append(words, string(word))
			word = nil
		}
	}
	runes := []rune(text)
	for i, c := range runes {
		if c == ' ' || c == '-' || c == '_' || c == '\t' || c == '\n' {
			end()
			continue
		}
		if unicode.IsUpper(c) && i > 0 && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			end()
		}
		word = append(word, c)
	}
	end()
	return words
}

func camel(text string, upper bool) string {
	var b strings.Builder
	for i, word := range wordsOf(text) {
		runes := []rune(word)
		if i > 0 || upper {
			runes[0] = unicode.ToUpper(runes[0])
		} else {
			runes = []rune(strings.ToLower(word))
		}
		b.WriteString(string(runes))
	}
	return b.String()
}

// inflect changes the last word of a text and keeps the case of its first
// letter.
func inflect(text string, change func(lower string) string) string {
	i := strings.LastIndexFunc(text, func(c rune) bool { return !unicode.IsLetter(c) }) + 1
	for j := len(text) - 1; j > i; j-- {
		if text[j] >= 'A' && text[j] <= 'Z' && text[j-1] >= 'a' && text[j-1] <= 'z' {
			i = j
			break
		}
	}
	word := text[i:]
	if word == "" {
		return text
	}
	lower := strings.ToLower(word)
	changed := change(lower)
	common := 0
	for common < len(lower) && common < len(changed) && len(lower) == len(word) && lower[common] == changed[common] {
		common++
	}
	tail := changed[common:]
	if len(word) > 1 && strings.ToUpper(word) == word {
		tail = strings.ToUpper(tail)
	} else if common == 0 && unicode.IsUpper([]rune(word)[0]) && tail != "" {
		tail = strings.ToUpper(tail[:1]) + tail[1:]
	}
	return text[:i] + word[:common] + tail
}

// irregular gives plurals that follow no rule, in pairs.
const irregular = "person people man men woman women child children tooth teeth foot feet mouse mice goose geese " +
	"ox oxen index indices matrix matrices vertex vertices axis axes datum data medium media criterion criteria " +
	"analysis analyses basis bases crisis crises thesis theses diagnosis diagnoses quiz quizzes alias aliases status statuses " +
	"virus viruses bus buses hero heroes potato potatoes tomato tomatoes echo echoes leaf leaves life lives knife knives " +
	"wife wives half halves shelf shelves self selves wolf wolves calf calves loaf loaves movie movies address addresses"

// invariable are nouns whose plural is the same.
const invariable = " equipment information rice money species series fish sheep news software hardware metadata "

func plural(word string) string {
	if strings.Contains(invariable, " "+word+" ") {
		return word
	}
	pairs := strings.Fields(irregular)
	for i := 0; i < len(pairs); i += 2 {
		if word == pairs[i] || word == pairs[i+1] {
			return pairs[i+1]
		}
	}
	switch {
	case strings.HasSuffix(word, "s") && !strings.HasSuffix(word, "ss") && !strings.HasSuffix(word, "us") && !strings.HasSuffix(word, "is"):
		return word
	case strings.HasSuffix(word, "is"):
		return word[:len(word)-2] + "es"
	case strings.HasSuffix(word, "s"), strings.HasSuffix(word, "x"), strings.HasSuffix(word, "z"),
		strings.HasSuffix(word, "ch"), strings.HasSuffix(word, "sh"):
		return word + "es"
	case strings.HasSuffix(word, "y") && len(word) > 1 && !strings.ContainsAny(word[len(word)-2:len(word)-1], "aeiou"):
		return word[:len(word)-1] + "ies"
	}
	return word + "s"
}

func singular(word string) string {
	if strings.Contains(invariable, " "+word+" ") {
		return word
	}
	pairs := strings.Fields(irregular)
	for i := 0; i < len(pairs); i += 2 {
		if word == pairs[i] || word == pairs[i+1] {
			return pairs[i]
		}
	}
	switch {
	case strings.HasSuffix(word, "ies") && len(word) > 4:
		return word[:len(word)-3] + "y"
	case strings.HasSuffix(word, "sses"), strings.HasSuffix(word, "xes"), strings.HasSuffix(word, "zes") && strings.HasSuffix(word, "tzes"),
		strings.HasSuffix(word, "ches"), strings.HasSuffix(word, "shes"):
		return word[:len(word)-2]
	case strings.HasSuffix(word, "ss"), strings.HasSuffix(word, "us"), strings.HasSuffix(word, "is"):
		return word
	case strings.HasSuffix(word, "s") && len(word) > 1:
		return word[:len(word)-1]
	}
	return word
}
