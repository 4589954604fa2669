package dataweave_test

import (
	"fmt"

	"farrier.dev/farrier/internal/dataweave"
)

// env holds what one request offers.
type env map[string]dataweave.Value

func (e env) Lookup(root string) (dataweave.Value, bool) {
	v, ok := e[root]
	return v, ok
}

func ExampleCompile() {
	selector, err := dataweave.Compile("#[attributes.method ++ ' by ' ++ (authentication.clientId default 'anonymous')]")
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := selector.EvalString(env{
		"attributes": dataweave.NewObject(map[string]dataweave.Value{"method": dataweave.String("GET")}),
	})
	fmt.Println(key, err, selector.Roots())

	_, err = dataweave.Compile("#[payload.items map $.id]")
	fmt.Println(err)
	// Output:
	// GET by anonymous <nil> [attributes authentication]
	// offset 16: the higher-order function map is not part of the supported subset; use contains, or select with ['key']
}
