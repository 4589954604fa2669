package injectionprotection

import (
	"regexp"

	"farrier.dev/farrier/internal/detect/seclang/operator"
)

// builtIn are the searches that settings may name.
var builtIn = map[string]func() func(string) bool{"sql": sql, "xss": xss}

// maxCost bounds what libinjection may cost for one text, in units of about
// 4 ns; beyond it the expressions decide alone.
const maxCost = 1 << 20

func sql() func(string) bool {
	expr := regexp.MustCompile(`(?i)\bunion\b.{1,80}\bselect\b|\b(?:drop|truncate|alter)\s+(?:table|database|schema)\b|\bdelete\s+from\b|\binsert\s+into\b.{1,80}\bvalues\b|['"]\s*(?:or|and)\s+['"\w]+\s*(?:=|like)|['"]\s*(?:;\s*)?(?:--|#|/\*)`)
	return func(text string) bool {
		if operator.SQLiCost(text) <= maxCost {
			if _, found := operator.SQLi(text); found {
				return true
			}
		}
		return expr.MatchString(text)
	}
}

func xss() func(string) bool {
	expr := regexp.MustCompile(`(?i)<\s*/?\s*(?:script|iframe|object|embed|svg\b[^>]*\bon)|<[^>]+\son[a-z]{3,}\s*=|(?:javascript|vbscript)\s*:`)
	return func(text string) bool {
		if operator.XSSCost(text) <= maxCost && operator.XSS(text) {
			return true
		}
		return expr.MatchString(text)
	}
}
