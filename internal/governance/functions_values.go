package governance

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

// secretTextFunction is the function "secretText": a text must hold no key of a
// known issuer and no private key. Those that are marked as examples do not count.
func secretTextFunction(options *tree.Node) (spectral.Check, error) {
	if err := readOptions(options).done(); err != nil {
		return nil, err
	}
	return func(in *spectral.Input) []spectral.Problem {
		if !in.Value.Is(tree.String) {
			return nil
		}
		for _, m := range classify.Find(in.Value.Text) {
			if isRealSecret(m.Class, in.Value.Text[m.Start:m.End]) {
				return []spectral.Problem{{Message: fmt.Sprintf("the text holds what looks like a real secret (%s)", m.Class)}}
			}
		}
		return nil
	}, nil
}

func isRealSecret(class classify.Class, text string) bool {
	// A whole private key is longer; documentation shows its first line only.
	const shortestKey = 200
	switch class {
	case classify.PrivateKey:
		return len(text) >= shortestKey
	case classify.AWSKey, classify.GitHubToken, classify.GitLabToken, classify.SlackToken, classify.StripeKey, classify.GoogleKey, classify.APIKey:
	default:
		return false
	}
	small := strings.ToLower(text)
	return !slices.ContainsFunc([]string{"example", "xxx", "...", "000000", "123456", "your", "sample", "<", "test"}, func(mark string) bool { return strings.Contains(small, mark) })
}

// boundsFunction is the function "bounds": a lower bound of a schema must not be
// above the upper one.
func boundsFunction(options *tree.Node) (spectral.Check, error) {
	if err := readOptions(options).done(); err != nil {
		return nil, err
	}
	pairs := [][2]string{{"minimum", "maximum"}, {"minLength", "maxLength"}, {"minItems", "maxItems"}, {"minProperties", "maxProperties"}}
	return func(in *spectral.Input) []spectral.Problem {
		var out complaints
		d := walkedIn(in)
		for _, f := range d.all {
			for _, p := range pairs {
				low, has := numberOf(d.keyword(f, p[0]))
				if high, both := numberOf(d.keyword(f, p[1])); has && both && low > high {
					out.add(f.at, "%s has a %s above its %s", f.describe(), p[0], p[1])
				}
			}
		}
		return out.found
	}, nil
}

// linearPatternsFunction is the function "linearPatterns": the pattern of a text
// that callers send must not repeat a group that consists of a repetition, on
// which engines that go back take exponential time.
func linearPatternsFunction(options *tree.Node) (spectral.Check, error) {
	if err := readOptions(options).done(); err != nil {
		return nil, err
	}
	return func(in *spectral.Input) []spectral.Problem {
		var out complaints
		for _, f := range walkedIn(in).all {
			pattern := f.schema.Get("pattern")
			const longest = 10_000
			if !f.request || !pattern.Is(tree.String) || len(pattern.Text) > longest {
				continue
			}
			// What RE2 does not know, as looking ahead, is not judged.
			if re, err := syntax.Parse(pattern.Text, syntax.Perl); err == nil && repeatsRepetition(re) {
				out.add(f.at, "%s has a pattern that repeats a repetition", f.describe())
			}
		}
		return out.found
	}, nil
}

func isEndless(re *syntax.Regexp) bool {
	return re.Op == syntax.OpStar || re.Op == syntax.OpPlus || re.Op == syntax.OpRepeat && re.Max < 0
}

// repeatsRepetition finds an endless repetition of something that is itself one,
// but for parts that may be missing.
func repeatsRepetition(re *syntax.Regexp) bool {
	if isEndless(re) && consistsOfRepetition(re.Sub[0]) {
		return true
	}
	return slices.ContainsFunc(re.Sub, repeatsRepetition)
}

func consistsOfRepetition(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpCapture:
		return consistsOfRepetition(re.Sub[0])
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, consistsOfRepetition)
	case syntax.OpConcat:
		endless := 0
		for _, part := range re.Sub {
			switch {
			case consistsOfRepetition(part):
				endless++
			case part.Op != syntax.OpQuest && (part.Op != syntax.OpRepeat || part.Min > 0):
				return false
			}
		}
		return endless > 0
	default:
		return isEndless(re)
	}
}
