package console

import (
	"fmt"
	"strings"
)

// A QR code (ISO/IEC 18004) of bytes, at the lowest level of error correction, which
// is enough for a screen: versions 1 to 10, mask 0 to 7 by the rules of the standard.

// qrPicture is a QR code as the drawing of its dark cells; the zero value for none.
type qrPicture struct {
	// Size is how many cells a side has, with the quiet zone; Path is what SVG draws.
	Size int
	Path string
}

// qrQuiet is the white border, in cells.
const qrQuiet = 4

// qrBlocks says, for each version from 1 on, how many codewords of error correction a
// block has, and the data codewords of its blocks.
func qrBlocks(version int) (correction int, data []int) {
	table := []struct {
		correction, short, shortLen, long int
	}{
		{7, 1, 19, 0},
		{10, 1, 34, 0},
		{15, 1, 55, 0},
		{20, 1, 80, 0},
		{26, 1, 108, 0},
		{18, 2, 68, 0},
		{20, 2, 78, 0},
		{24, 2, 97, 0},
		{30, 2, 116, 0},
		{18, 2, 68, 2},
	}
	t := table[version-1]
	for range t.short {
		data = append(data, t.shortLen)
	}
	for range t.long {
		data = append(data, t.shortLen+1)
	}
	return t.correction, data
}

// pictureOf draws a text; the zero value when it is too long.
func pictureOf(text string) qrPicture {
	for version := 1; version <= 10; version++ {
		correction, blocks := qrBlocks(version)
		capacity := 0
		for _, n := range blocks {
			capacity += n
		}
		header := 12 // mode and an 8-bit length
		if version >= 10 {
			header = 20
		}
		if header+8*len(text) <= 8*capacity {
			return newMatrix(version).draw(interleave(qrData(text, header, capacity), blocks, correction))
		}
	}
	return qrPicture{}
}

// qrData is a text as data codewords.
func qrData(text string, header, capacity int) []byte {
	var bits []byte
	put := func(value, n int) {
		for i := n - 1; i >= 0; i-- {
			bits = append(bits, byte(value>>i&1))
		}
	}
	put(4, 4)
	put(len(text), header-4)
	for i := range len(text) {
		put(int(text[i]), 8)
	}
	put(0, min(4, 8*capacity-len(bits)))
	put(0, (8-len(bits)%8)%8)
	for pad := 0; len(bits) < 8*capacity; pad++ {
		put([]int{0xec, 0x11}[pad%2], 8)
	}
	out := make([]byte, capacity)
	for i, bit := range bits {
		out[i/8] |= bit << (7 - i%8)
	}
	return out
}

// interleave splits data into blocks, appends their error correction, and mixes them.
func interleave(data []byte, blocks []int, correction int) []byte {
	generator := rsGenerator(correction)
	var parts, checks [][]byte
	for _, n := range blocks {
		parts = append(parts, data[:n])
		checks = append(checks, rsRemainder(data[:n], generator))
		data = data[n:]
	}
	var out []byte
	for i := range blocks[len(blocks)-1] {
		for _, part := range parts {
			if i < len(part) {
				out = append(out, part[i])
			}
		}
	}
	for i := range correction {
		for _, check := range checks {
			out = append(out, check[i])
		}
	}
	return out
}

// gfMultiply multiplies in GF(256) modulo x^8+x^4+x^3+x^2+1.
func gfMultiply(a, b byte) byte {
	product := 0
	for i := 7; i >= 0; i-- {
		product = product<<1 ^ product>>7*0x11d
		if b>>i&1 == 1 {
			product ^= int(a)
		}
	}
	return byte(product)
}

// rsGenerator are the coefficients of the generator polynomial, without the leading 1.
func rsGenerator(degree int) []byte {
	out := make([]byte, degree)
	out[degree-1] = 1
	root := byte(1)
	for range degree {
		for j := range out {
			out[j] = gfMultiply(out[j], root)
			if j+1 < len(out) {
				out[j] ^= out[j+1]
			}
		}
		root = gfMultiply(root, 2)
	}
	return out
}

func rsRemainder(data, generator []byte) []byte {
	out := make([]byte, len(generator))
	for _, b := range data {
		factor := b ^ out[0]
		copy(out, out[1:])
		out[len(out)-1] = 0
		for i, g := range generator {
			out[i] ^= gfMultiply(g, factor)
		}
	}
	return out
}

// qrMatrix is the cells of a code; fixed ones carry no data.
type qrMatrix struct {
	version, size int
	dark, fixed   [][]bool
}

func newMatrix(version int) *qrMatrix {
	m := &qrMatrix{version: version, size: 17 + 4*version}
	for range m.size {
		m.dark = append(m.dark, make([]bool, m.size))
		m.fixed = append(m.fixed, make([]bool, m.size))
	}
	for i := range m.size {
		m.fix(6, i, i%2 == 0)
		m.fix(i, 6, i%2 == 0)
	}
	m.finder(3, 3)
	m.finder(m.size-4, 3)
	m.finder(3, m.size-4)
	at := qrAlignments(version)
	for i, x := range at {
		for j, y := range at {
			if corner := i == 0 && j == 0 || i == 0 && j == len(at)-1 || i == len(at)-1 && j == 0; !corner {
				m.ring(x, y, 2)
			}
		}
	}
	m.format(0)
	m.versionBits()
	return m
}

func (m *qrMatrix) fix(x, y int, dark bool) { m.dark[y][x], m.fixed[y][x] = dark, true }

// finder is one of the three squares in the corners, with its white border.
func (m *qrMatrix) finder(x, y int) {
	for dy := -4; dy <= 4; dy++ {
		for dx := -4; dx <= 4; dx++ {
			d := max(dx, -dx, dy, -dy)
			if cx, cy := x+dx, y+dy; cx >= 0 && cx < m.size && cy >= 0 && cy < m.size {
				m.fix(cx, cy, d != 2 && d != 4)
			}
		}
	}
}

// ring is an alignment pattern.
func (m *qrMatrix) ring(x, y, radius int) {
	for dy := -radius; dy <= radius; dy++ {
		for dx := -radius; dx <= radius; dx++ {
			m.fix(x+dx, y+dy, max(dx, -dx, dy, -dy) != 1)
		}
	}
}

func qrAlignments(version int) []int {
	switch {
	case version == 1:
		return nil
	case version <= 6:
		return []int{6, 10 + 4*version}
	}
	return []int{6, 8 + 2*version, 10 + 4*version}
}

// format writes the level of correction (L) and the mask around the finders.
func (m *qrMatrix) format(mask int) {
	data := 1<<3 | mask
	rest := data
	for range 10 {
		rest = rest<<1 ^ (rest>>9)*0x537
	}
	bits := (data<<10 | rest) ^ 0x5412
	bit := func(i int) bool { return bits>>i&1 == 1 }
	for i := range 6 {
		m.fix(8, i, bit(i))
	}
	m.fix(8, 7, bit(6))
	m.fix(8, 8, bit(7))
	m.fix(7, 8, bit(8))
	for i := 9; i < 15; i++ {
		m.fix(14-i, 8, bit(i))
	}
	for i := range 8 {
		m.fix(m.size-1-i, 8, bit(i))
	}
	for i := 8; i < 15; i++ {
		m.fix(8, m.size-15+i, bit(i))
	}
	m.fix(8, m.size-8, true)
}

// versionBits stand beside two finders from version 7 on.
func (m *qrMatrix) versionBits() {
	if m.version < 7 {
		return
	}
	rest := m.version
	for range 12 {
		rest = rest<<1 ^ (rest>>11)*0x1f25
	}
	bits := m.version<<12 | rest
	for i := range 18 {
		dark := bits>>i&1 == 1
		m.fix(m.size-11+i%3, i/3, dark)
		m.fix(i/3, m.size-11+i%3, dark)
	}
}

// draw fills in the codewords, masks them as well as can be, and makes a picture.
func (m *qrMatrix) draw(codewords []byte) qrPicture {
	m.fill(codewords)
	best, least := 0, -1
	for mask := range 8 {
		m.mask(mask)
		m.format(mask)
		if p := m.penalty(); least < 0 || p < least {
			best, least = mask, p
		}
		m.mask(mask) // twice is not at all
	}
	m.mask(best)
	m.format(best)
	var path strings.Builder
	for y, row := range m.dark {
		for x := 0; x < m.size; x++ {
			n := 0
			for x+n < m.size && row[x+n] {
				n++
			}
			if n > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+qrQuiet, y+qrQuiet, n, n)
				x += n
			}
		}
	}
	return qrPicture{Size: m.size + 2*qrQuiet, Path: path.String()}
}

// fill lays the bits in columns of two, up and down from the right.
func (m *qrMatrix) fill(codewords []byte) {
	i := 0
	for right := m.size - 1; right >= 1; right -= 2 {
		if right == 6 {
			right = 5
		}
		for step := range m.size {
			y := step
			if (right+1)&2 == 0 {
				y = m.size - 1 - step
			}
			for x := right; x > right-2; x-- {
				if !m.fixed[y][x] && i < 8*len(codewords) {
					m.dark[y][x] = codewords[i/8]>>(7-i%8)&1 == 1
					i++
				}
			}
		}
	}
}

func (m *qrMatrix) mask(mask int) {
	for y := range m.size {
		for x := range m.size {
			if !m.fixed[y][x] && qrMasked(mask, x, y) {
				m.dark[y][x] = !m.dark[y][x]
			}
		}
	}
}

func qrMasked(mask, x, y int) bool {
	switch mask {
	case 0:
		return (x+y)%2 == 0
	case 1:
		return y%2 == 0
	case 2:
		return x%3 == 0
	case 3:
		return (x+y)%3 == 0
	case 4:
		return (x/3+y/2)%2 == 0
	case 5:
		return x*y%2+x*y%3 == 0
	case 6:
		return (x*y%2+x*y%3)%2 == 0
	default:
		return ((x+y)%2+x*y%3)%2 == 0
	}
}

// penalty is how hard the code is to read, by the four rules of the standard.
func (m *qrMatrix) penalty() int {
	total, darks := 0, 0
	for a := range m.size {
		total += m.lineOf(func(b int) bool { return m.dark[a][b] }) + m.lineOf(func(b int) bool { return m.dark[b][a] })
		for b := range m.size {
			if m.dark[a][b] {
				darks++
			}
			if a > 0 && b > 0 && m.dark[a][b] == m.dark[a-1][b] && m.dark[a][b] == m.dark[a][b-1] && m.dark[a][b] == m.dark[a-1][b-1] {
				total += 3
			}
		}
	}
	share := darks * 20 / (m.size * m.size) // in steps of 5 %
	return total + 10*min(max(share-10, 10-share), max(share-9, 9-share))
}

// lineOf is the penalty of runs and of what looks like a finder, in a row or column.
func (m *qrMatrix) lineOf(at func(int) bool) int {
	total, run, window := 0, 0, 0
	for i := range m.size {
		if i > 0 && at(i) == at(i-1) {
			run++
		} else {
			run = 1
		}
		switch {
		case run == 5:
			total += 3
		case run > 5:
			total++
		}
		window = window << 1 & 0x7ff
		if at(i) {
			window |= 1
		}
		if i >= 10 && (window == 0b10111010000 || window == 0b00001011101) {
			total += 40
		}
	}
	return total
}
