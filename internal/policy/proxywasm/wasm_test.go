package proxywasm_test

import "slices"

// assembly is a module written by hand, for what no SDK would make.
type assembly struct {
	imports []imported
	funcs   []function
	data    string // at address 16
	pages   byte   // of memory at the start
}

type imported struct {
	module, name string
	signature    signature
}

// signature has a letter for each parameter and result: i is an i32.
type signature struct{ params, results string }

type function struct {
	export    string
	signature signature
	code      []byte
}

// wasm writes the binary format.
func (a assembly) wasm() []byte {
	var types, imports, funcs, exports, bodies [][]byte
	kind := func(s signature) byte {
		one := slices.Concat([]byte{0x60}, vector(numbers(s.params)), vector(numbers(s.results)))
		types = append(types, one)
		return byte(len(types) - 1)
	}
	for _, i := range a.imports {
		imports = append(imports, slices.Concat(text(i.module), text(i.name), []byte{0, kind(i.signature)}))
	}
	for n, f := range a.funcs {
		funcs = append(funcs, []byte{kind(f.signature)})
		exports = append(exports, slices.Concat(text(f.export), []byte{0, byte(len(a.imports) + n)}))
		body := slices.Concat([]byte{0}, f.code, []byte{0x0b})
		bodies = append(bodies, slices.Concat(leb(len(body)), body))
	}
	exports = append(exports, slices.Concat(text("memory"), []byte{2, 0}))
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, items [][]byte) {
		content := slices.Concat(leb(len(items)), slices.Concat(items...))
		out = slices.Concat(out, []byte{id}, leb(len(content)), content)
	}
	section(1, types)
	section(2, imports)
	section(3, funcs)
	section(5, [][]byte{{0, max(a.pages, 1)}})
	section(7, exports)
	section(10, bodies)
	section(11, [][]byte{slices.Concat([]byte{0, 0x41, 16, 0x0b}, text(a.data))})
	return out
}

func numbers(letters string) [][]byte {
	list := make([][]byte, len(letters))
	for i := range letters {
		list[i] = []byte{map[byte]byte{'i': 0x7f, 'I': 0x7e}[letters[i]]}
	}
	return list
}

func vector(items [][]byte) []byte { return append(leb(len(items)), slices.Concat(items...)...) }

func text(s string) []byte { return append(leb(len(s)), s...) }

func leb(n int) []byte {
	var b []byte
	for {
		if n < 0x80 {
			return append(b, byte(n))
		}
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
}

// number is the instruction i32.const.
func number(n int) []byte {
	b := []byte{0x41}
	for n > 63 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

func code(instructions ...[]byte) []byte { return slices.Concat(instructions...) }

var (
	none    = signature{}
	creates = signature{"ii", ""}
	headers = signature{"iii", "i"}
)

// tiny is a complete custom policy in about 400 bytes: it refuses requests with
// the header x-forbidden and adds x-custom: yes to all others.
func tiny() assembly {
	const (
		name, value, bad, body = "x-custom", "yes", "x-forbidden", "Not here."

		atName  = 16
		atValue = atName + len(name)
		atBad   = atValue + len(value)
		atBody  = atBad + len(bad)
	)
	call := func(n byte) []byte { return []byte{0x10, n} }
	drop, last := []byte{0x1a}, []byte{0x41, 0x7f} // i32.const -1
	return assembly{
		imports: []imported{
			{"env", "proxy_add_header_map_value", signature{"iiiii", "i"}},
			{"env", "proxy_get_header_map_value", signature{"iiiii", "i"}},
			{"env", "proxy_send_local_response", signature{"iiiiiiii", "i"}},
		},
		data: name + value + bad + body,
		funcs: []function{
			{"proxy_abi_version_0_2_1", none, nil},
			{"proxy_on_memory_allocate", signature{"i", "i"}, number(1024)},
			{"proxy_on_context_create", creates, nil},
			{"proxy_on_request_headers", headers, code(
				number(0), number(atBad), number(len(bad)), number(8), number(12), call(1),
				[]byte{0x45, 0x04, 0x40}, // if the status is 0
				number(403), number(0), number(0), number(atBody), number(len(body)), number(0), number(0), last, call(2), drop,
				number(1), []byte{0x0f}, // return Pause
				[]byte{0x0b},
				number(0), number(atName), number(len(name)), number(atValue), number(len(value)), call(0), drop,
				number(0),
			)},
		},
	}
}
