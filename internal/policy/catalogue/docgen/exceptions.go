package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed exceptions.tsv
var exceptionsTable string

// The things that conversations show of a policy, and the example of its page.
const (
	showsPass    = "pass"
	showsRefusal = "refusal"
	showsSetting = "setting"
	showsExample = "example"
)

// exception says why the conversations do not show one thing of a policy: a
// reason, or the Go test that shows it, as internal/policy/tls.TestHandshake.
type exception struct {
	policy, thing, test, reason string
}

// exceptions are the rows of exceptions.tsv: policy, thing, Go test or "-", reason.
type exceptions []exception

func readExceptions(table string) (exceptions, error) {
	var list exceptions
	for i, line := range strings.Split(table, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) != 4 {
			return nil, fmt.Errorf("exceptions.tsv:%d: a row has four columns", i+1)
		}
		if !slices.Contains([]string{showsPass, showsRefusal, showsSetting, showsExample}, cells[1]) {
			return nil, fmt.Errorf("exceptions.tsv:%d: unknown thing %q", i+1, cells[1])
		}
		list = append(list, exception{policy: cells[0], thing: cells[1], test: cells[2], reason: cells[3]})
	}
	return list, nil
}

// find is the exception of a policy for a thing, nil when there is none.
func (list exceptions) find(policy, thing string) *exception {
	for i := range list {
		if list[i].policy == policy && list[i].thing == thing {
			return &list[i]
		}
	}
	return nil
}

// played is how to run the test that plays the example of a policy, empty when
// none is named.
func (list exceptions) played(policy string) string {
	e := list.find(policy, showsExample)
	if e == nil {
		return ""
	}
	dir, test, _ := strings.Cut(e.test, ".")
	return "./" + dir + " -run " + test
}
