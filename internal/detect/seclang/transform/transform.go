// Package transform has the transformation functions of SecLang (t:lowercase,
// t:urlDecodeUni ...), each with exactly the results of Coraza 3.8.1, oddities
// included, but appending to a buffer of the caller's and with a cheap proof
// that it leaves a text as it is. It is not a parser of rules and knows no
// chain of functions; whoever runs chains decides what to keep.
package transform

import (
	"maps"
	"slices"
	"strings"
)

// Func is one transformation function. It is proven to leave s as it is when
//
//	!f.Always && MaskOf(s)&f.Trigger == 0 || f.Changes != nil && !f.Changes(s)
type Func struct {
	// Name is the name as rules write it, in its usual spelling. The two
	// spellings of normalisePath and of normalisePathWin share one name.
	Name string
	// Trigger has the classes of which a text must have at least one for the
	// function to change it.
	Trigger Mask
	// Always says that no class of bytes tells: Trigger means nothing.
	Always bool
	// Changes tells exactly whether the function changes s, for less than
	// Append costs. Nil where Trigger is all that is known cheaply.
	Changes func(s string) bool
	// Append appends the transformed src, at most 6*len(src)+20 bytes, to dst,
	// which must not overlap src. It allocates only to grow dst.
	Append func(dst []byte, src string) []byte

	reports func(src, out string) bool
}

// Changed tells whether Coraza's function reports that it changed src into
// out, where out is what Append makes of src. A rule with multiMatch looks
// only at reported changes and goes on from the last; some functions report
// a change that is none, and two keep silent about one.
func (f *Func) Changed(src, out string) bool {
	if f.reports == nil {
		return src != out
	}
	return f.reports(src, out)
}

// Lookup finds a function by its name, in upper or lower case. "none" is none.
func Lookup(name string) (Func, bool) {
	f, ok := byName[strings.ToLower(name)]
	return f, ok
}

// Names returns every name that Lookup knows, lower case, sorted.
func Names() []string {
	return slices.Sorted(maps.Keys(byName))
}

const (
	asciiSpace = Blank | LineSpace | PageSpace
	letters    = Lower | Upper
)

var functions = []Func{
	{Name: "base64Decode", Always: true, Append: appendBase64Strict, reports: always},
	{Name: "base64DecodeExt", Always: true, Append: appendBase64Lenient, reports: always},
	{Name: "base64Encode", Always: true, Append: appendBase64Encoded, reports: always},
	{Name: "cmdLine", Trigger: Blank | LineSpace | Quote | Backslash | Caret | Comma | Semicolon | Upper, Changes: changesCommand, Append: appendCommand},
	{Name: "compressWhitespace", Trigger: asciiSpace | LatinSpace, Changes: changesCompressed, Append: appendCompressed},
	{Name: "cssDecode", Trigger: Backslash, Append: appendCSS, reports: hasAny(Backslash)},
	{Name: "escapeSeqDecode", Trigger: Backslash, Changes: changesEscaped, Append: appendEscapeSequence},
	{Name: "hexDecode", Trigger: letters | Digit, Changes: isHex, Append: appendHexDecoded, reports: reportsHex},
	{Name: "hexEncode", Always: true, Append: appendHexEncoded, reports: always},
	{Name: "htmlEntityDecode", Trigger: Ampersand, Changes: changesEntities, Append: appendEntities, reports: reportsLength},
	{Name: "jsDecode", Trigger: Backslash, Changes: changesEscaped, Append: appendJS},
	{Name: "length", Always: true, Append: appendLength, reports: always},
	{Name: "lowercase", Trigger: Upper | WideUpper | Broken, Append: appendLower},
	{Name: "md5", Always: true, Append: appendMD5, reports: reportsDigest},
	{Name: "normalisePath", Trigger: Slash | Dot, Changes: changesPath, Append: appendPath},
	{Name: "normalisePathWin", Trigger: Slash | Backslash | Dot | Blank | Colon, Changes: changesPathWin, Append: appendPathWin},
	{Name: "removeComments", Trigger: Hash | Dash | Star, Changes: changesComments, Append: appendUncommented},
	{Name: "removeCommentsChar", Trigger: Hash | Dash | Star, Changes: changesCommentMarks, Append: appendNoCommentMarks},
	{Name: "removeNulls", Trigger: Null, Append: appendNoNulls},
	{Name: "removeWhitespace", Trigger: asciiSpace | LatinSpace | WideSpace | Broken, Append: appendNoSpace, reports: reportsSpace},
	{Name: "replaceComments", Trigger: Star, Changes: opensComment, Append: appendCommentsReplaced},
	{Name: "replaceNulls", Trigger: Null, Append: appendNullsReplaced},
	{Name: "sha1", Always: true, Append: appendSHA1, reports: reportsDigest},
	{Name: "trim", Trigger: asciiSpace, Changes: changesTrim, Append: appendTrim},
	{Name: "trimLeft", Trigger: asciiSpace, Changes: changesTrimLeft, Append: appendTrimLeft},
	{Name: "trimRight", Trigger: asciiSpace, Changes: changesTrimRight, Append: appendTrimRight},
	{Name: "uppercase", Trigger: Lower | WideLower | Broken, Append: appendUpper},
	{Name: "urlDecode", Trigger: Percent | Plus, Changes: changesPercent, Append: appendPercent, reports: hasAny(Percent | Plus)},
	{Name: "urlDecodeUni", Trigger: Percent | Plus, Changes: changesPercentUni, Append: appendPercentUni},
	{Name: "urlEncode", Trigger: ^(letters | Digit | Star), Append: appendPercentEncoded},
	{Name: "utf8toUnicode", Trigger: High, Append: appendUnicode},
}

var byName = func() map[string]Func {
	m := map[string]Func{}
	for _, f := range functions {
		m[strings.ToLower(f.Name)] = f
	}
	m["normalizepath"] = m["normalisepath"]
	m["normalizepathwin"] = m["normalisepathwin"]
	return m
}()

func always(string, string) bool { return true }

func reportsLength(src, out string) bool { return len(src) != len(out) }

func hasAny(classes Mask) func(src, out string) bool {
	return func(src, _ string) bool { return MaskOf(src)&classes != 0 }
}

// room returns dst with n bytes more, and those bytes, which are to be written.
func room(dst []byte, n int) (grown, fresh []byte) {
	grown = slices.Grow(dst, n)[:len(dst)+n]
	return grown, grown[len(dst):]
}
