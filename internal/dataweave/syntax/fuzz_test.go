package syntax_test

import (
	"testing"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/dataweave/syntax/mel"
)

func FuzzParse(f *testing.F) {
	for _, c := range treeCases(f, "testdata/trees.txt") {
		f.Add(c.script)
	}
	for _, c := range treeCases(f, "testdata/broken.txt") {
		f.Add(c.script)
	}
	f.Add("00update{0case ")
	f.Add("'$else '")
	f.Add(" as - as \n")
	f.Add("do{var A fun A #00000000000")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		s := syntax.Parse(text)
		checkScript(t, text, s)
		printed := syntax.Print(s)
		if len(s.Problems) == 0 {
			checkFixpoint(t, text)
			return
		}
		checkScript(t, printed, syntax.Parse(printed))
	})
}

func FuzzMEL(f *testing.F) {
	for _, c := range treeCases(f, "testdata/mel.txt") {
		f.Add(c.script)
	}
	f.Add(" }0")
	f.Add("if(){ ")
	f.Add("[, :")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) <= 4096 {
			checkScript(t, text, mel.Parse(text))
		}
	})
}
