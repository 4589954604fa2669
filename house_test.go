package farrier_test

import (
	"os"
	"testing"
)

//go:generate go -C tools run ./housemap
//go:generate go -C tools run ./changelog

// A rule is something that holds for the whole house and that a compiler does
// not check.
type rule struct {
	name  string
	why   string // told with every breach, so that it can be argued with
	least int    // fewer things looked at than this mean that the rule slept
	check func(h *house, breach breach) (looked int)
}

// breach reports one place that breaks a rule.
type breach func(where, format string, args ...any)

func rules() []rule {
	return []rule{
		{
			"rooms", "a room without a floor could import anything, and nobody would have decided it", 10,
			checkRooms,
		},
		{
			"floors", "imports that only go down keep every room understandable, testable and replaceable without those above it", 20,
			checkFloors,
		},
		{
			"folders", "what two folders of a room share is the room's subject and belongs into the room itself", 5,
			checkFolders,
		},
		{
			"policies apart", "a policy can be read, changed or removed without thinking of the others; shared windows live in sharedstate, client look-up in policy", 5,
			checkPoliciesApart,
		},
		{
			"walls", "the request path touches no database, and a verdict is a function of the request, the rules and a model alone, so that it can be replayed and fuzzed", 4,
			checkWalls,
		},
		{
			"environment", "settings have one origin that can be shown; a room that reads the environment has a setting nobody can see", 50,
			checkEnvironment,
		},
		{
			"names", "a package is named for its subject; one named for having none collects whatever has no home", 10,
			checkNames,
		},
		{
			"comments", "a newcomer reads the package comments first: what it is and what it is not", 10,
			checkComments,
		},
		{
			"policy folders", "a policy that the catalogue does not list is dead code; its schema feeds validation, form and documentation, its conversations are its tests", 5,
			checkPolicyFolders,
		},
		{
			"sizes", "a file of 400 lines and a function of 60 can be read at one sitting; an exception needs a reason in oversize", 50,
			checkSizes(oversize),
		},
		{
			"decisions", "a decision is read when it is short, and trusted when it tells its price", 5,
			checkDecisions,
		},
		{
			"dependencies", "each dependency is code we answer for: docs/dependencies.md says who keeps it, under which licence, and why we need it", 10,
			checkDependencies,
		},
	}
}

// oversize names what may be longer than the limits, and why. A key is a file
// or "file:function", with the receiver's type before a method's name. An
// entry that is no longer needed is a breach too.
var oversize = map[string]string{
	"internal/app/serve.go:Serve": "the whole house started and stopped in one straight function: the order is what it says",
}

func TestHouse(t *testing.T) {
	h, err := readHouse(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			looked := r.check(h, func(where, format string, args ...any) {
				t.Helper()
				t.Errorf(where+": "+format, args...)
			})
			t.Logf("looked at %d", looked)
			if looked < r.least {
				t.Errorf("looked at %d things only, at least %d are expected: the rule sleeps", looked, r.least)
			}
			if t.Failed() {
				t.Logf("the rule is there because %s", r.why)
			}
		})
	}
}
